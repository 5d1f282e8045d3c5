"""The geometric family: pixels change places."""

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms.transform import Transform, along_width


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
        _, height, width, channels = images.shape
        pixels = ops.reshape(images, (-1, height * width, channels))
        pixels = ops.flip(pixels, axis=1)
        return ops.reshape(pixels, (-1, height, width, channels))


@keras.saving.register_keras_serializable(package="invariance_tf")
class Thinning(Transform):
    """Halves the width of each image and pads it with zeros on both sides.

    The width is resized to floor(width / 2) by antialiased bilinear
    interpolation: a triangle as wide as four old pixels.
    """

    family = "geometric"

    def _thinning_matrix(self, width):
        """Returns resizing and padding of a row as a matrix."""
        new_width = width // 2
        scale = width / new_width
        centres = (np.arange(new_width) + 0.5) * scale
        distances = np.abs(np.arange(width) + 0.5 - centres[:, None]) / scale
        weights = np.maximum(0, 1 - distances)
        weights /= weights.sum(axis=1, keepdims=True)
        left = (width - new_width) // 2
        matrix = np.zeros((width, width))
        matrix[left : left + new_width] = weights
        return matrix

    def transform(self, images):
        return along_width(images, self._thinning_matrix(images.shape[2]))
