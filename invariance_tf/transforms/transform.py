"""What every transformation is: a Keras layer that heeds flags."""

import math

import keras
import numpy as np
from keras import ops

# Columns of pixels that one product makes.
_BLOCK = 16


class Transform(keras.layers.Layer):
    """Transforms the flagged images of a batch and leaves the others as is.

    A subclass implements `transform(images)`. Unlike the random layers of
    Keras, a transform does not look at `training`: an image whose flag is set
    is transformed in `fit`, `evaluate` and `predict` alike, because tests on
    transformed images are what this package is about.

    Where a transformation has a strength, its `transform(images, strength)`
    takes one, a scalar float tensor, in place of the layer's own, so that one
    compiled program serves for all strengths.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, 3)`, values from
            0 to 255.
        is_transformed: Boolean tensor of shape `(batch,)`.

    Returns:
        Float32 tensor of shape `(batch, height, width, 3)`. Values may leave
        the range 0 to 255 (high-pass filters, white noise).

    Example:

    >>> images = np.full((2, 4, 4, 3), 250.0)
    >>> from invariance_tf.transforms import get
    >>> images = get("contrast_inversion")(images, np.array([True, False]))
    >>> keras.ops.convert_to_numpy(images[:, 0, 0, 0]).tolist()
    [5.0, 250.0]
    """

    family = None

    def __init__(self, **kwargs):
        # 8 bits of mantissa (bfloat16) cannot tell 255 from 254.
        kwargs.setdefault("dtype", "float32")
        kwargs.setdefault("name", "transform")
        super().__init__(**kwargs)

    def build(self, images_shape, is_transformed_shape=None):
        self.check_size(*images_shape[1:3])

    def check_size(self, height, width):
        """Raises a `ValueError` if images of this size are not legal."""

    def call(self, images, is_transformed):
        images = ops.cast(images, "float32")
        # A flag for a row of values: four times as fast as for three axes.
        shape = images.shape[1:]
        rows = ops.where(
            ops.reshape(is_transformed, (-1, 1)),
            ops.reshape(self.transform(images), (-1, math.prod(shape))),
            ops.reshape(images, (-1, math.prod(shape))),
        )
        return ops.reshape(rows, (-1, *shape))

    def transform(self, images):
        """Transforms every image of a batch."""
        raise NotImplementedError

    def compute_output_shape(self, images_shape, is_transformed_shape=None):
        return images_shape


@keras.saving.register_keras_serializable(package="invariance_tf")
class Identity(Transform):
    """Returns each image as it is."""

    family = "none"

    def transform(self, images):
        return images


def along_height(images, matrix):
    """Multiplies each column of pixels by `(new_height, height)`."""
    _, _, width, channels = images.shape
    rows = ops.reshape(images, (-1, matrix.shape[1], width * channels))
    rows = ops.matmul(ops.cast(matrix, "float32"), rows)
    return ops.reshape(rows, (-1, matrix.shape[0], width, channels))


def along_width(images, matrix):
    """Multiplies each row of pixels by `(new_width, width)`."""
    _, height, _, channels = images.shape
    rows = ops.reshape(images, (-1, matrix.shape[1] * channels))
    if isinstance(matrix, np.ndarray):
        # Filters and resizing look at a few columns for each new one.
        blocks = np.split(matrix, range(_BLOCK, len(matrix), _BLOCK))
        rows = ops.concatenate(
            [_block_along_width(rows, block, channels) for block in blocks],
            axis=1,
        )
    else:
        rows = ops.matmul(rows, _for_channels(matrix, channels))
    return ops.reshape(rows, (-1, height, matrix.shape[0], channels))


def _block_along_width(rows, block, channels):
    """Makes a few columns from those that they depend on."""
    used = np.flatnonzero(block.any(axis=0))
    first, last = (used[0], used[-1]) if len(used) else (0, 0)
    part = _for_channels(block[:, first : last + 1], channels)
    return ops.matmul(rows[:, first * channels : (last + 1) * channels], part)


def _for_channels(matrix, channels):
    """Returns the matrix for rows whose pixels are channels in turn."""
    matrix = ops.cast(ops.transpose(matrix), "float32")[:, None, :, None]
    matrix = matrix * np.eye(channels, dtype="float32")[:, None]
    width, _, new_width, _ = matrix.shape
    return ops.reshape(matrix, (width * channels, new_width * channels))
