"""The convolutional family: filters, and contrast inversion."""

import math

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms.transform import (
    Transform,
    along_height,
    along_width,
)


@keras.saving.register_keras_serializable(package="invariance_tf")
class GaussianBlur(Transform):
    """Low-pass filter: convolves each image with an isotropic Gaussian.

    g(d) = exp(-d^2 / (2 sigma^2)) at whole pixels up to ceil(3 sigma), scaled
    to sum 1. Borders are mirrored, so that a blurred image is not darker at
    its edges than the original: darkness would tell the network that it was
    blurred.

    Args:
        sigma: Float > 0. Standard deviation of the Gaussian, in pixels, at
            most a third of the image size less one.
    """

    family = "convolutional"

    def __init__(self, sigma, **kwargs):
        super().__init__(**kwargs)
        if not 0 < sigma < math.inf:
            raise ValueError(
                "`sigma` is a standard deviation in pixels and must be "
                f"positive. Received: sigma={sigma}"
            )
        self.sigma = sigma

    def check_size(self, height, width):
        size = min(height, width)
        if math.ceil(3 * self.sigma) >= size:
            raise ValueError(
                f"A blur must not reach beyond the image: on {size} pixels "
                f"`sigma` is at most {(size - 1) / 3:.2f}. "
                f"Received: sigma={self.sigma}"
            )

    def _gaussian(self):
        """Returns the weights of a pixel and of its neighbours in a row."""
        radius = math.ceil(3 * self.sigma)
        distances = np.arange(-radius, radius + 1)
        weights = np.exp(-0.5 * (distances / self.sigma) ** 2)
        return weights / weights.sum()

    def _blur_matrix(self, size):
        """Returns the blur of `size` pixels in a row as a matrix."""
        weights, pixels = self._gaussian(), np.arange(size)
        source = np.pad(pixels, len(weights) // 2, mode="reflect")
        matrix = np.zeros((size, size))
        for offset, weight in enumerate(weights):
            matrix[pixels, source[pixels + offset]] += weight
        return matrix

    def transform(self, images):
        _, height, width, _ = images.shape
        if None in (height, width):
            # Slower, but a matrix needs the size.
            images = _correlate(images, self._gaussian()[:, None])
            return _correlate(images, self._gaussian()[None])
        images = along_height(images, self._blur_matrix(height))
        return along_width(images, self._blur_matrix(width))

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}


@keras.saving.register_keras_serializable(package="invariance_tf")
class HighPass(Transform):
    """Keeps edges: cross-correlates each channel with a 5x5 kernel.

    The paper describes it as "of form [-1, 2, 4, 2, -1] in both directions".
    `zero_sum` is the well-known kernel whose centre row and centre column are
    exactly that; it maps a constant image to 0. `separable` is the outer
    product, which sums to 36 and hardly changes an image once standardised.
    Borders are mirrored; the result is not clipped.

    Args:
        kernel: `"zero_sum"` or `"separable"`.
    """

    family = "convolutional"

    kernels = {
        "zero_sum": [
            [-1, -1, -1, -1, -1],
            [-1, 1, 2, 1, -1],
            [-1, 2, 4, 2, -1],
            [-1, 1, 2, 1, -1],
            [-1, -1, -1, -1, -1],
        ],
        "separable": np.outer([-1, 2, 4, 2, -1], [-1, 2, 4, 2, -1]).tolist(),
    }

    def __init__(self, kernel="zero_sum", **kwargs):
        super().__init__(**kwargs)
        if kernel not in self.kernels:
            raise ValueError(
                f"`kernel` must be one of {', '.join(self.kernels)}. "
                f"Received: kernel={kernel!r}"
            )
        self.kernel = kernel

    def check_size(self, height, width):
        _check_reach(self.kernels[self.kernel], height, width)

    def transform(self, images):
        return _correlate(images, self.kernels[self.kernel])

    def get_config(self):
        return {**super().get_config(), "kernel": self.kernel}


@keras.saving.register_keras_serializable(package="invariance_tf")
class Horizontal(Transform):
    """Keeps changes along a row: 3x3 kernel with rows [-1, 0, 1]."""

    family = "convolutional"

    kernel = ((-1, 0, 1),) * 3

    def check_size(self, height, width):
        _check_reach(self.kernel, height, width)

    def transform(self, images):
        return _correlate(images, self.kernel)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Vertical(Transform):
    """Keeps changes along a column: 3x3 kernel with columns [-1, 0, 1]."""

    family = "convolutional"

    kernel = ((-1,) * 3, (0,) * 3, (1,) * 3)

    def check_size(self, height, width):
        _check_reach(self.kernel, height, width)

    def transform(self, images):
        return _correlate(images, self.kernel)


@keras.saving.register_keras_serializable(package="invariance_tf")
class ContrastInversion(Transform):
    """Turns each value x into 255 - x."""

    family = "convolutional"

    def transform(self, images):
        return 255.0 - images


def _check_reach(kernel, height, width):
    """Raises if a kernel reaches beyond the mirror image of its image."""
    if min(height, width) <= len(kernel) // 2:
        raise ValueError(
            f"A kernel of {len(kernel)} pixels needs images of at least "
            f"{len(kernel) // 2 + 1} pixels a side. "
            f"Received: height={height}, width={width}"
        )


def _correlate(images, kernel):
    """Cross-correlates each channel with a small kernel, borders mirrored."""
    kernel = np.array(kernel, "float32")
    for axis, size in enumerate(kernel.shape, start=1):
        if size > 1:
            images = _pad_by_mirroring(images, size // 2, axis)
    if keras.backend.backend() == "jax":
        # XLA makes one loop of the sum; on a CPU its convolution takes some
        # thirty times as long.
        height, width = kernel.shape
        return sum(
            weight
            * images[:, i : i + 1 - height or None, j : j + 1 - width or None]
            for (i, j), weight in np.ndenumerate(kernel)
            if weight
        )
    channels = images.shape[-1]
    kernel = np.repeat(kernel[:, :, None, None], channels, axis=2)
    return ops.depthwise_conv(
        images, kernel, padding="valid", data_format="channels_last"
    )


def _pad_by_mirroring(images, radius, axis):
    """Mirrors the borders of one axis, faster than `ops.pad`."""
    shape = ops.shape(images)
    size = shape[axis]
    rows = ops.reshape(images, (-1, size, math.prod(shape[axis + 1 :])))
    before = [rows[:, i : i + 1] for i in range(radius, 0, -1)]
    after = [rows[:, size - 1 - i : size - i] for i in range(1, radius + 1)]
    rows = ops.concatenate([*before, rows, *after], axis=1)
    padded = (*shape[1:axis], size + 2 * radius, *shape[axis + 1 :])
    return ops.reshape(rows, (-1, *padded))
