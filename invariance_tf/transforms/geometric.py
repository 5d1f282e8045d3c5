"""The geometric family: pixels change places."""

import math

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms.transform import (
    Transform,
    along_width,
    shape_like,
)


class _Rotation(Transform):
    """Turns each image anti-clockwise about its centre.

    A multiple of 90 degrees moves whole pixels. Other angles are interpolated
    bilinearly; outside of the original is 0, as beside a thinned image.
    """

    family = "geometric"

    def __init__(self, angle, **kwargs):
        super().__init__(**kwargs)
        if not math.isfinite(angle):
            raise ValueError(
                "`angle` is in degrees, anti-clockwise, and must be finite. "
                f"Received: angle={angle}"
            )
        self.angle = angle

    def check_size(self, height, width):
        if self.angle % 180 == 90 and height != width:
            raise ValueError(
                "Turning by 90 degrees needs square images. "
                f"Received: height={height}, width={width}"
            )

    def transform(self, images):
        angle = self.angle % 360
        if angle % 90:
            return self._interpolate(images)
        if angle in (90, 270):
            images = ops.flip(ops.transpose(images, (0, 2, 1, 3)), axis=1)
        if angle in (180, 270):
            # The pixels of an image, from last to first.
            _, height, width, channels = ops.shape(images)
            pixels = ops.reshape(images, (-1, height * width, channels))
            images = shape_like(ops.flip(pixels, axis=1), images)
        return images

    def _interpolate(self, images):
        cos = math.cos(math.radians(self.angle))
        sin = math.sin(math.radians(self.angle))
        y, x = (
            (ops.cast(size, "float32") - 1) / 2
            for size in ops.shape(images)[1:3]
        )
        # Where the pixel at (column, row) of the result comes from.
        column = (cos, -sin, x - cos * x + sin * y)
        row = (sin, cos, y - sin * x - cos * y)
        values = [ops.cast(each, "float32") for each in (*column, *row, 0, 0)]
        # One for each image: Keras on JAX does not take one for all.
        each = ops.tile(ops.stack(values)[None], (ops.shape(images)[0], 1))
        return ops.image.affine_transform(
            images, each, data_format="channels_last"
        )

    def get_config(self):
        return {**super().get_config(), "angle": self.angle}


@keras.saving.register_keras_serializable(package="invariance_tf")
class Rotate90(_Rotation):
    """Turns each image anti-clockwise by 90 degrees, exactly.

    Args:
        angle: Float, another angle in degrees. Multiples of 90 are exact,
            other angles interpolated, with 0 outside of the original.
    """

    def __init__(self, angle=90.0, **kwargs):
        super().__init__(angle, **kwargs)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Rotate180(_Rotation):
    """Turns each image by 180 degrees, exactly.

    Args:
        angle: Float, as of `Rotate90`.
    """

    def __init__(self, angle=180.0, **kwargs):
        super().__init__(angle, **kwargs)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Thinning(Transform):
    """Halves the width of each image and pads it with zeros on both sides.

    The width is resized to floor(width / factor) by antialiased bilinear
    interpolation: a triangle as wide as two new pixels.

    Args:
        factor: Float >= 1, by which the width is divided; 1 changes nothing.
    """

    family = "geometric"

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        if not 1 <= factor < math.inf:
            raise ValueError(
                "`factor` divides the width of the images and must be at "
                f"least 1. Received: factor={factor}"
            )
        self.factor = factor

    def check_size(self, height, width):
        if width < self.factor:
            raise ValueError(
                f"Thinning needs images at least {math.ceil(self.factor)} "
                f"pixels wide. Received: width={width}"
            )

    def transform(self, images):
        width = images.shape[2]
        if width is not None:
            return along_width(images, _thinning_matrix(width, self.factor, np))
        width = ops.cast(ops.shape(images)[2], "float32")
        return ops.matmul(_thinning_matrix(width, self.factor, ops), images)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def _thinning_matrix(width, factor, library):
    """Returns resizing and padding of a row as a matrix.

    Args:
        width: Integer, or a float tensor of one.
        factor: Float, by which the width is divided.
        library: `numpy`; for a tensor, `keras.ops`.
    """
    new_width = library.floor(width / factor)
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
