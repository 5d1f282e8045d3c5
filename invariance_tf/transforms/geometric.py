"""The geometric family: pixels change places."""

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms.transform import (
    Transform,
    along_width,
    shape_like,
)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Rotate90(Transform):
    """Turns each (square) image anti-clockwise by 90 degrees, exactly."""

    family = "geometric"

    def check_size(self, height, width):
        if height != width:
            raise ValueError(
                "Turning by 90 degrees needs square images. "
                f"Received: height={height}, width={width}"
            )

    def transform(self, images):
        return ops.flip(ops.transpose(images, (0, 2, 1, 3)), axis=1)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Rotate180(Transform):
    """Turns each image by 180 degrees, exactly."""

    family = "geometric"

    def transform(self, images):
        # The pixels of an image, from last to first.
        _, height, width, channels = ops.shape(images)
        pixels = ops.reshape(images, (-1, height * width, channels))
        return shape_like(ops.flip(pixels, axis=1), images)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Thinning(Transform):
    """Halves the width of each image and pads it with zeros on both sides.

    The width is resized to floor(width / 2) by antialiased bilinear
    interpolation: a triangle as wide as four old pixels.
    """

    family = "geometric"

    def check_size(self, height, width):
        if width < 2:
            raise ValueError(
                "Thinning needs images at least 2 pixels wide. "
                f"Received: width={width}"
            )

    def transform(self, images):
        width = images.shape[2]
        if width is not None:
            return along_width(images, _thinning_matrix(width, np))
        width = ops.cast(ops.shape(images)[2], "float32")
        return ops.matmul(_thinning_matrix(width, ops), images)


def _thinning_matrix(width, library):
    """Returns resizing and padding of a row as a matrix.

    Args:
        width: Integer, or a float tensor of one.
        library: `numpy`; for a tensor, `keras.ops`.
    """
    new_width = width // 2
    left = (width - new_width) // 2
    pixels = library.arange(width)
    new = (pixels - left)[:, None]
    is_inside = (new >= 0) & (new < new_width)
    scale = width / new_width
    distances = library.abs(pixels + 0.5 - (new + 0.5) * scale) / scale
    weights = library.maximum(0.0, 1 - distances)
    total = library.sum(weights, axis=1, keepdims=True)
    return library.where(is_inside, weights, 0.0) / library.where(
        is_inside, total, 1.0
    )
