"""The base class of transformations: a Keras layer with a flag per image."""

import math

import keras
import numpy as np
from keras import ops

# Columns of pixels per matrix product: few, so that a product need not read
# columns that all have weight 0.
_BLOCK = 16


class Transform(keras.layers.Layer):
    """Transforms the flagged images of a batch and leaves the others as is.

    A subclass implements `transform(images)`. Unlike the random layers of
    Keras, a transform ignores `training`: an image whose flag is set is
    transformed in `fit`, `evaluate` and `predict` alike, because tests on
    transformed images are what this package is about.

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
        # One flag per flattened image: four times as fast as over three axes.
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
    """Multiplies each column of pixels by an array `(new_height, height)`."""
    _, _, width, channels = images.shape
    rows = ops.reshape(images, (-1, matrix.shape[1], width * channels))
    rows = ops.matmul(matrix.astype("float32"), rows)
    return ops.reshape(rows, (-1, matrix.shape[0], width, channels))


def along_width(images, matrix):
    """Multiplies each row of pixels by an array `(new_width, width)`."""
    _, height, _, channels = images.shape
    rows = ops.reshape(images, (-1, matrix.shape[1] * channels))
    blocks = np.split(matrix, range(_BLOCK, len(matrix), _BLOCK))
    rows = ops.concatenate(
        [_columns_along_width(rows, block, channels) for block in blocks],
        axis=1,
    )
    return ops.reshape(rows, (-1, height, matrix.shape[0], channels))


def _columns_along_width(rows, block, channels):
    """Computes a few new columns from the old ones that they depend on."""
    used = np.flatnonzero(block.any(axis=0))
    first, last = (used[0], used[-1]) if len(used) else (0, 0)
    # A row holds the channels of each pixel in turn.
    part = np.kron(block[:, first : last + 1].T, np.eye(channels))
    rows = rows[:, first * channels : (last + 1) * channels]
    return ops.matmul(rows, part.astype("float32"))
