"""The networks of this package in PyTorch, for comparison only."""

import torch
from torch import nn


def alexnet(image_size, num_categories):
    """AlexNet as `invariance_tf.networks.alexnet`."""
    return _alexnet(
        image_size, num_categories, (96, 256, 384, 384, 256), 11, (4096, 4096)
    )


def alexnet_small(image_size, num_categories):
    """The small AlexNet as `invariance_tf.networks.alexnet_small`."""
    return _alexnet(image_size, num_categories, (24, 48, 64, 64, 48), 7, (256,))


def _alexnet(image_size, num_categories, filters, first_kernel, neurons):
    layers, channels = [], 3
    for number, kernel in enumerate((first_kernel, 5, 3, 3, 3)):
        layers += [
            nn.Conv2d(
                channels,
                filters[number],
                kernel,
                stride=4 if number == 0 else 1,
                padding=0 if number == 0 else kernel // 2,
            ),
            nn.ReLU(),
        ]
        channels = filters[number]
        if number < 2:
            # PyTorch divides alpha by the number of neighbours.
            layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
    side = ((image_size - first_kernel) // 4 + 1 - 3) // 2 + 1
    layers += [nn.MaxPool2d(3, 2), nn.Flatten()]
    width = channels * side * side
    for num_neurons in neurons:
        layers += [nn.Linear(width, num_neurons), nn.ReLU(), nn.Dropout(0.5)]
        width = num_neurons
    return nn.Sequential(*layers, nn.Linear(width, num_categories))


class _Block(nn.Module):
    def __init__(self, channels, filters, stride, is_projected):
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(channels, filters, 3, stride, 1, bias=False),
            nn.BatchNorm2d(filters, momentum=0.003),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, 1, 1, bias=False),
            nn.BatchNorm2d(filters, momentum=0.003),
        )
        self.shortcut = nn.Identity()
        if is_projected:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, filters, 1, stride, bias=False),
                nn.BatchNorm2d(filters, momentum=0.003),
            )

    def forward(self, x):
        return torch.relu(self.path(x) + self.shortcut(x))


def resnet18(image_size, num_categories):
    """ResNet-18 as `invariance_tf.networks.resnet18`."""
    layers = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64, momentum=0.003),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    channels = 64
    for group, filters in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if group and block == 0 else 1
            layers.append(_Block(channels, filters, stride, block == 0))
            channels = filters
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, num_categories),
    )


NETWORKS = {
    "alexnet": alexnet,
    "alexnet_small": alexnet_small,
    "resnet18": resnet18,
}
