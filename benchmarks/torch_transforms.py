"""The transformations of PyTorch and kornia: run by `transforms`.

Functions take and return a float tensor of shape `(batch, 3, height, width)`.
"""

import math
import os
import sys

import kornia
import numpy as np
import torch
from torch.nn import functional

from benchmarks import transforms as ours

GAUSSIAN = np.exp(
    -0.5 * (np.arange(-ours.RADIUS, ours.RADIUS + 1) / ours.SIGMA) ** 2
)
GAUSSIAN /= GAUSSIAN.sum()
HORIZONTAL, VERTICAL = (
    np.outer(ours.SUM, ours.CHANGE),
    np.outer(ours.CHANGE, ours.SUM),
)


def turn_gray(x):
    """Repeats the luma on three channels."""
    red, green, blue = x.split(1, dim=1)
    luma = red * ours.LUMA[0].item()
    luma.add_(green, alpha=ours.LUMA[1].item())
    luma.add_(blue, alpha=ours.LUMA[2].item())
    return luma.expand_as(x)


def correlate(x, *kernels):
    """Cross-correlates each channel with kernels, one after the other."""
    radii = np.max([kernel.shape for kernel in kernels], axis=0) // 2
    height, width = radii.tolist()
    x = functional.pad(x, (width, width, height, height), mode="reflect")
    for kernel in kernels:
        weight = torch.tensor(kernel, dtype=torch.float32)
        weight = weight.expand(3, 1, *weight.shape)
        x = functional.conv2d(x, weight, groups=3)
    return x


def add_salt_and_pepper(x):
    """Sets pixels to 0 or 255."""
    chance = torch.rand_like(x[:, :1])
    x = torch.where(chance < ours.AMOUNT / 2, 0.0, x)
    return torch.where(chance >= 1 - ours.AMOUNT / 2, 255.0, x)


def thin(x):
    """Halves the width."""
    size = x.shape[2], x.shape[3] // 2
    thin = functional.interpolate(x, size, mode="bilinear", antialias=True)
    return pad_width(thin, x.shape[3])


def pad_width(x, width):
    """Pads images with zeros on both sides."""
    left = (width - x.shape[3]) // 2
    return functional.pad(x, (left, width - x.shape[3] - left))


def torch_functions(memory_format):
    """Returns the transformations by PyTorch without other libraries.

    Args:
        memory_format: `torch.contiguous_format` or `torch.channels_last`.
    """

    def copied(function):
        # Turned and repeated views are not yet in the order of a batch.
        return lambda x: function(x).contiguous(memory_format=memory_format)

    return {
        "grayscale": copied(turn_gray),
        "hue_rotation": lambda x: x.amax(1, True) + x.amin(1, True) - x,
        "blur": lambda x: correlate(x, GAUSSIAN[:, None], GAUSSIAN[None]),
        "highpass": lambda x: correlate(x, ours.HIGHPASS),
        "horizontal": lambda x: correlate(x, HORIZONTAL),
        "vertical": lambda x: correlate(x, VERTICAL),
        "contrast_inversion": lambda x: 255 - x,
        "white_noise": lambda x: torch.randn_like(x).mul_(ours.STD).add_(x),
        "salt_pepper": add_salt_and_pepper,
        "rotate90": copied(lambda x: torch.rot90(x, 1, (2, 3))),
        "rotate180": lambda x: x.flip(2, 3),
        "thinning": thin,
    }


def kornia_functions():
    """Returns the transformations by kornia."""
    luma = torch.from_numpy(ours.LUMA)
    geometry, augmentation = kornia.geometry, kornia.augmentation

    def correlate_with(kernel):
        kernel = torch.from_numpy(kernel)[None]
        return lambda x: kornia.filters.filter2d(x, kernel)

    def thin(x):
        size = x.shape[2], x.shape[3] // 2
        return pad_width(geometry.resize(x, size, antialias=True), x.shape[3])

    return {
        "grayscale": lambda x: kornia.color.rgb_to_grayscale(x, luma).repeat(
            1, 3, 1, 1
        ),
        # It is meant for values up to 1, but scale does not matter to it.
        "hue_rotation": lambda x: kornia.enhance.adjust_hue(x, math.pi),
        "blur": lambda x: kornia.filters.gaussian_blur2d(
            x, 2 * ours.RADIUS + 1, (ours.SIGMA, ours.SIGMA)
        ),
        "highpass": correlate_with(ours.HIGHPASS),
        "horizontal": correlate_with(HORIZONTAL),
        "vertical": correlate_with(VERTICAL),
        "contrast_inversion": lambda x: kornia.enhance.invert(
            x, torch.tensor(255.0)
        ),
        "white_noise": augmentation.RandomGaussianNoise(std=ours.STD, p=1.0),
        # Its salt is 1, which takes as long as 255.
        "salt_pepper": augmentation.RandomSaltAndPepperNoise(
            ours.AMOUNT, 0.5, p=1.0
        ),
        "rotate90": lambda x: geometry.vflip(x.transpose(2, 3)),
        "rotate180": geometry.rot180,
        "thinning": thin,
    }


def main(way, directory):
    """Transforms whenever it is its turn.

    Args:
        way: String of `torch`, `torch channels_last` or `kornia`.
        directory: As for `transforms.serve`.
    """
    memory_format = torch.contiguous_format
    if way == "torch channels_last":
        memory_format = torch.channels_last
    functions = torch_functions(memory_format)
    if way == "kornia":
        functions = kornia_functions()

    def prepare(images):
        images = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        return images.contiguous(memory_format=memory_format)

    def restore(images):
        return images.permute(0, 2, 3, 1).numpy()

    torch.set_num_threads(os.cpu_count())
    with torch.inference_mode():
        ours.serve(functions, prepare, restore, directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
