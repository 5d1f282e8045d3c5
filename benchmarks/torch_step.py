"""A training step in PyTorch: run by `training_step` and `gpu_steps`.

Its filter is the convolution that kornia makes of it.
"""

import argparse
import contextlib
import functools

import torch
from torch import nn

from benchmarks import contest

HIGHPASS = [
    [-1, -1, -1, -1, -1],
    [-1, 1, 2, 1, -1],
    [-1, 2, 4, 2, -1],
    [-1, 1, 2, 1, -1],
    [-1, -1, -1, -1, -1],
]


def alexnet(filters, first_kernel, neurons, image_size, num_categories):
    """Builds an AlexNet; sizes as in `invariance_tf.networks`."""
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


class Block(nn.Module):
    """Adds two convolutions to a shortcut."""

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
    """Builds ResNet-18."""
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
            layers.append(Block(channels, filters, stride, block == 0))
            channels = filters
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, num_categories),
    )


NETWORKS = {
    "alexnet": functools.partial(
        alexnet, (96, 256, 384, 384, 256), 11, (4096, 4096)
    ),
    "alexnet_small": functools.partial(
        alexnet, (24, 48, 64, 64, 48), 7, (256,)
    ),
    "resnet18": resnet18,
}


def make_step(
    network,
    image_size,
    num_categories,
    batch_size,
    way,
    device="cpu",
    precision="float32",
    num_steps=1,
):
    """Returns a function that trains on one batch, as often as told.

    Args:
        network: String, a key of `NETWORKS`.
        image_size: Integer, pixels a side.
        num_categories: Integer.
        batch_size: Integer.
        way: String of `eager`, `channels_last`, `compiled` or `graphs`
            (compiled with CUDA graphs).
        device: String, `cpu` or `cuda`.
        precision: String of `float32`, `tensorfloat32` or `bfloat16`
            (autocast), all but the last for the whole step.
        num_steps: Integer, steps before the loss is waited for.
    """
    is_full = precision == "float32"
    torch.set_float32_matmul_precision("highest" if is_full else "high")
    torch.backends.cudnn.allow_tf32 = not is_full
    torch.backends.cudnn.benchmark = True
    images, flags, labels = (
        torch.from_numpy(array).to(device)
        for array in contest.make_batch(batch_size, image_size, num_categories)
    )
    model = NETWORKS[network](image_size, num_categories)
    model = model.to(device)
    # A copy in channels_last is what compiling is best with here; on a GPU
    # tensor cores want it in every way.
    is_last = way != "eager" or device == "cuda"
    if is_last:
        model = model.to(memory_format=torch.channels_last)
    model.train()
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=1e-4,
        momentum=0.9,
        weight_decay=5e-4,
        fused=True if device == "cuda" else None,
    )
    kernel = torch.tensor([[HIGHPASS]] * 3, dtype=torch.float32, device=device)
    criterion = nn.CrossEntropyLoss()
    context = contextlib.nullcontext
    if precision == "bfloat16":

        def context():
            return torch.autocast(device, torch.bfloat16)

    def predict(images):
        # Values from 0 to 255 in the order of Keras.
        x = images.permute(0, 3, 1, 2).to(torch.float32)
        padded = nn.functional.pad(x, (2, 2, 2, 2), "reflect")
        filtered = nn.functional.conv2d(padded, kernel, groups=3)
        x = torch.where(flags[:, None, None, None], filtered, x)
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        deviation = x.std(dim=(1, 2, 3), keepdim=True, correction=0)
        x = (x - mean) / deviation.clamp_min(x[0].numel() ** -0.5)
        if is_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with context():
            return model(x)

    if way in ("compiled", "graphs"):
        mode = "reduce-overhead" if way == "graphs" else None
        predict = torch.compile(predict, mode=mode)

    def step():
        for _ in range(num_steps):
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(predict(images).float(), labels)
            loss.backward()
            optimizer.step()
        return loss.item()

    return step


def main():
    """Trains whenever it is its turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network")
    parser.add_argument("image_size", type=int)
    parser.add_argument("num_categories", type=int)
    parser.add_argument("batch_size", type=int)
    parser.add_argument("way")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--num_steps", type=int, default=1)
    contest.serve(make_step(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
