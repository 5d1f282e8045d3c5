"""A training step in PyTorch, with kornia's filter: run by `training_step`."""

import argparse

import kornia
import numpy as np
import torch
from torch import nn

from benchmarks import contest, torch_networks

HIGHPASS = [
    [-1, -1, -1, -1, -1],
    [-1, 1, 2, 1, -1],
    [-1, 2, 4, 2, -1],
    [-1, 1, 2, 1, -1],
    [-1, -1, -1, -1, -1],
]


def make_step(network, image_size, num_categories, batch_size, way):
    """Returns a function that trains on one batch.

    Args:
        network: String, a key of `torch_networks.NETWORKS`.
        image_size: Integer, pixels a side.
        num_categories: Integer.
        batch_size: Integer.
        way: String of `eager`, `channels_last` or `compiled`.
    """
    generator = np.random.default_rng(0)
    shape = (batch_size, image_size, image_size, 3)
    images = torch.from_numpy(generator.integers(0, 256, shape, "uint8"))
    flags = torch.arange(batch_size) % 2 == 0
    labels = torch.arange(batch_size) % num_categories
    model = torch_networks.NETWORKS[network](image_size, num_categories)
    # A copy in channels_last is what compiling is best with here.
    if way != "eager":
        model = model.to(memory_format=torch.channels_last)
    model.train()
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=1e-4,
        momentum=0.9,
        weight_decay=5e-4,
    )
    kernel = torch.tensor([HIGHPASS], dtype=torch.float32)
    criterion = nn.CrossEntropyLoss()

    def predict(images):
        # Values from 0 to 255 in the order of Keras.
        x = images.permute(0, 3, 1, 2).to(torch.float32)
        filtered = kornia.filters.filter2d(x, kernel, border_type="reflect")
        x = torch.where(flags[:, None, None, None], filtered, x)
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        deviation = x.std(dim=(1, 2, 3), keepdim=True, correction=0)
        x = (x - mean) / deviation.clamp_min(x[0].numel() ** -0.5)
        if way != "eager":
            x = x.contiguous(memory_format=torch.channels_last)
        return model(x)

    if way == "compiled":
        predict = torch.compile(predict)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(predict(images), labels)
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
    contest.serve(make_step(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
