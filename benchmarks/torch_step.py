"""A training step in PyTorch: run by `training_step` and `gpu_steps`.

Its filter is kornia's, or where there is no kornia, as on some machines with a
GPU, the convolution that kornia makes of it.
"""

import argparse
import contextlib

import numpy as np
import torch
from torch import nn

from benchmarks import contest, torch_networks

try:
    from kornia.filters import filter2d
except ImportError:

    def filter2d(images, kernel, border_type):
        """Filters each channel."""
        padded = nn.functional.pad(images, (2, 2, 2, 2), border_type)
        kernels = kernel.expand(images.shape[1], 1, -1, -1)
        return nn.functional.conv2d(padded, kernels, groups=images.shape[1])


HIGHPASS = [
    [-1, -1, -1, -1, -1],
    [-1, 1, 2, 1, -1],
    [-1, 2, 4, 2, -1],
    [-1, 1, 2, 1, -1],
    [-1, -1, -1, -1, -1],
]


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
        network: String, a key of `torch_networks.NETWORKS`.
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
    set_precision(precision)
    images, flags, labels = make_batch(
        image_size, num_categories, batch_size, device
    )
    model = torch_networks.NETWORKS[network](image_size, num_categories)
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
    kernel = torch.tensor([HIGHPASS], dtype=torch.float32, device=device)
    criterion = nn.CrossEntropyLoss()

    def predict(images):
        # Values from 0 to 255 in the order of Keras.
        x = images.permute(0, 3, 1, 2).to(torch.float32)
        filtered = filter2d(x, kernel, border_type="reflect")
        x = torch.where(flags[:, None, None, None], filtered, x)
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        deviation = x.std(dim=(1, 2, 3), keepdim=True, correction=0)
        x = (x - mean) / deviation.clamp_min(x[0].numel() ** -0.5)
        if is_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with autocast(device, precision):
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


def set_precision(precision):
    """Says which numbers products and convolutions of float32 take."""
    is_full = precision == "float32"
    torch.set_float32_matmul_precision("highest" if is_full else "high")
    torch.backends.cudnn.allow_tf32 = not is_full
    torch.backends.cudnn.benchmark = True


def make_batch(image_size, num_categories, batch_size, device):
    """Returns images, flags and labels."""
    generator = np.random.default_rng(0)
    shape = (batch_size, image_size, image_size, 3)
    images = torch.from_numpy(generator.integers(0, 256, shape, "uint8"))
    flags = torch.arange(batch_size) % 2 == 0
    labels = torch.arange(batch_size) % num_categories
    return [array.to(device) for array in (images, flags, labels)]


def autocast(device, precision):
    """Returns the context in which the network computes in bfloat16."""
    if precision == "bfloat16":
        return torch.autocast(device, torch.bfloat16)
    return contextlib.nullcontext()


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
