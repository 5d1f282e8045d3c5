"""The base class of transformations: a Keras layer with a flag per image."""

import contextlib
import inspect
import math

import keras
import numpy as np
from keras import ops

# Columns of pixels per matrix product: few, so that a product need not read
# columns that all have weight 0.
_BLOCK = 16

# Arguments that every transformation takes.
OF_LAYERS = {"name", "dtype", "data_format"}


class Transform(keras.layers.Layer):
    """Transforms the flagged images of a batch and leaves the others as is.

    A subclass implements `transform(images)`. Unlike the random layers of
    Keras, a transform ignores `training`: an image whose flag is set is
    transformed in `fit`, `evaluate` and `predict` alike, because tests on
    transformed images are what this package is about.

    It computes in float32 under every policy, and its result has the policy's
    dtype, which is float32 unless `dtype` says otherwise.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; `None` means
            `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)`, or
            `(batch, channels, height, width)` if channels come first, with 1
            or 3 channels and values from 0 to 255; or one image, without the
            batch axis. Height and width may be unknown until the call.
        is_transformed: Boolean tensor of shape `(batch,)`; `None` means that
            every image is transformed.

    Returns:
        Tensor of the same shape. Values may leave the range 0 to 255 (high-pass
        filters, white noise).

    Raises:
        ValueError: If the shape of the images or the flags are not legal.

    Example:

    >>> images = np.full((2, 4, 4, 3), 250.0)
    >>> from invariance_tf.transforms import get
    >>> inverted = get("contrast_inversion")(images, np.array([True, False]))
    >>> keras.ops.convert_to_numpy(inverted[:, 0, 0, 0]).tolist()
    [5.0, 250.0]
    >>> inverted = get("contrast_inversion")(images)
    >>> keras.ops.convert_to_numpy(inverted[:, 0, 0, 0]).tolist()
    [5.0, 5.0]
    """

    family = None

    def __init__(self, data_format=None, **kwargs):
        # 8 bits of mantissa (bfloat16) cannot tell 255 from 254.
        kwargs.setdefault("dtype", "float32")
        super().__init__(autocast=False, **kwargs)
        legal = ("channels_last", "channels_first")
        self.data_format = data_format or keras.config.image_data_format()
        if self.data_format not in legal:
            raise ValueError(
                f"`data_format` must be {' or '.join(legal)}. "
                f"Received: data_format={data_format!r}"
            )

    @classmethod
    def arguments(cls):
        """Returns the arguments of this transformation with their defaults.

        Those that every layer takes, and the seed of a noise, are left out. An
        argument without a default has `inspect.Parameter.empty`.
        """
        found = {}
        for each in cls.__mro__[: cls.__mro__.index(Transform)]:
            of_class = inspect.signature(each.__init__).parameters.values()
            for parameter in of_class:
                if parameter.kind is not parameter.VAR_KEYWORD:
                    found.setdefault(parameter.name, parameter.default)
        for name in ("self", "seed", *OF_LAYERS):
            found.pop(name, None)
        return found

    def build(self, images_shape, is_transformed_shape=None):
        self._check_shape(images_shape)

    def check_size(self, height, width):
        """Raises a `ValueError` if images of this size are not legal."""

    def _check_shape(self, shape):
        """Raises a `ValueError` if images of this shape are not legal."""
        shape = tuple(shape)
        is_first = self.data_format == "channels_first"
        channels, *size = (
            shape[-3:] if is_first else (shape[-1:] + shape[-3:-1])
        )
        if len(shape) not in (3, 4) or channels not in (1, 3):
            layout = (
                "channels, height, width"
                if is_first
                else ("height, width, channels")
            )
            raise ValueError(
                f"Images must have the shape (batch, {layout}), or ({layout}) "
                "for one image, with 1 or 3 channels (see `data_format`). "
                f"Received: shape={shape}"
            )
        if None not in size:
            self.check_size(*size)

    def call(self, images, is_transformed=None):
        # Keras builds a layer once, but images of another size may follow.
        self._check_shape(images.shape)
        is_single = len(images.shape) == 3
        images = ops.cast(images, "float32")
        images = images[None] if is_single else images
        if self.data_format == "channels_first":
            images = ops.transpose(images, (0, 2, 3, 1))
        with _float32_products():
            result = ops.cast(self.transform(images), "float32")
        if is_transformed is not None:
            result = _choose(is_transformed, result, images)
        if self.data_format == "channels_first":
            result = ops.transpose(result, (0, 3, 1, 2))
        result = result[0] if is_single else result
        return ops.cast(result, self.compute_dtype)

    def transform(self, images):
        """Transforms every image of a batch.

        Args:
            images: Float32 tensor of shape `(batch, height, width, channels)`,
                whatever `data_format` is.

        Returns:
            Tensor of the same shape.
        """
        raise NotImplementedError

    def compute_output_shape(self, images_shape, is_transformed_shape=None):
        return images_shape

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}

    @classmethod
    def from_config(cls, config):
        # Models that were saved before there was a choice.
        return super().from_config({"data_format": "channels_last", **config})


def _float32_products():
    """Keeps JAX from multiplying in TensorFloat32, as it does on GPUs.

    Its 10 bits of mantissa are enough for a network, but cost a picture up to
    a tenth of a grey level. TensorFlow has only one switch for a whole program.
    """
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.default_matmul_precision("float32")


def _choose(is_transformed, transformed, images):
    """Returns the transformed images where flagged, elsewhere the others."""
    flags = ops.convert_to_tensor(is_transformed)
    if keras.backend.standardize_dtype(flags.dtype) != "bool":
        raise ValueError(
            "`is_transformed` flags the images to transform and must be "
            "boolean; labels do not belong here. Received: dtype="
            f"{keras.backend.standardize_dtype(flags.dtype)}"
        )
    flags = ops.reshape(flags, (-1, 1))
    numbers = flags.shape[0], images.shape[0]
    if None not in numbers and numbers[0] != numbers[1]:
        raise ValueError(
            f"`is_transformed` must have one flag for each of {numbers[1]} "
            f"images. Received: {numbers[0]} flags"
        )
    # One flag per flattened image: four times as fast as over three axes.
    num_values = math.prod(ops.shape(images)[1:])
    rows = ops.where(
        flags,
        ops.reshape(transformed, (-1, num_values)),
        ops.reshape(images, (-1, num_values)),
    )
    return shape_like(rows, images)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Identity(Transform):
    """Returns each image as it is."""

    family = "none"

    def transform(self, images):
        return images


def shape_like(values, images):
    """Gives values the shape of images, of which the size may be unknown."""
    return ops.reshape(values, (-1, *ops.shape(images)[1:]))


def along_height(images, matrix):
    """Multiplies each column of pixels by an array `(height, height)`."""
    _, height, width, channels = ops.shape(images)
    rows = ops.reshape(images, (-1, height, width * channels))
    return shape_like(ops.matmul(matrix.astype("float32"), rows), images)


def along_width(images, matrix):
    """Multiplies each row of pixels by an array `(width, width)`."""
    _, _, width, channels = ops.shape(images)
    rows = ops.reshape(images, (-1, width * channels))
    blocks = np.split(matrix, range(_BLOCK, len(matrix), _BLOCK))
    rows = ops.concatenate(
        [_columns_along_width(rows, block, channels) for block in blocks],
        axis=1,
    )
    return shape_like(rows, images)


def _columns_along_width(rows, block, channels):
    """Computes a few new columns from the old ones that they depend on."""
    used = np.flatnonzero(block.any(axis=0))
    first, last = (used[0], used[-1]) if len(used) else (0, 0)
    # A row holds the channels of each pixel in turn.
    part = np.kron(block[:, first : last + 1].T, np.eye(channels))
    rows = rows[:, first * channels : (last + 1) * channels]
    return ops.matmul(rows, part.astype("float32"))
