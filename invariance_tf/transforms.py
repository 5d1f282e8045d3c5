"""The twelve image transformations, and identity, as Keras layers.

Section 3 and Appendix A of the paper. Every transformation takes images with
values from 0 to 255 and is applied at run time, before standardisation. Where
the paper is silent, `docs/fidelity.md` states the choice made here.
"""

import inspect
import math

import keras
import numpy as np
from keras import ops


class Transform(keras.layers.Layer):
    """Transforms the flagged images of a batch and leaves the others as is.

    A subclass implements `transform(images)`. Unlike the random layers of
    Keras, a transform does not look at `training`: an image whose flag is set
    is transformed in `fit`, `evaluate` and `predict` alike, because tests on
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
    >>> images = ContrastInversion()(images, np.array([True, False]))
    >>> keras.ops.convert_to_numpy(images[:, 0, 0, 0]).tolist()
    [5.0, 250.0]
    """

    family = None

    def __init__(self, **kwargs):
        # 8 bits of mantissa (bfloat16) cannot tell 255 from 254.
        kwargs.setdefault("dtype", "float32")
        kwargs.setdefault("name", "transform")
        super().__init__(**kwargs)

    def call(self, images, is_transformed):
        images = ops.cast(images, "float32")
        is_transformed = ops.reshape(is_transformed, (-1, 1, 1, 1))
        return ops.where(is_transformed, self.transform(images), images)

    def transform(self, images):
        """Transforms every image of a batch."""
        raise NotImplementedError

    def compute_output_shape(self, images_shape, is_transformed_shape=None):
        return images_shape


def _correlate(images, kernel):
    """Cross-correlates each channel with a small kernel, border mirrored."""
    radius = len(kernel) // 2
    border = [[0, 0], [radius, radius], [radius, radius], [0, 0]]
    kernel = np.repeat(np.array(kernel, "float32")[:, :, None, None], 3, axis=2)
    images = ops.pad(images, border, mode="reflect")
    return ops.depthwise_conv(images, kernel, padding="valid")


def _along_height(images, matrix):
    """Multiplies each column of pixels by `(new_height, height)`."""
    _, _, width, channels = images.shape
    rows = ops.reshape(images, (-1, matrix.shape[1], width * channels))
    rows = ops.matmul(matrix.astype("float32"), rows)
    return ops.reshape(rows, (-1, matrix.shape[0], width, channels))


def _along_width(images, matrix):
    """Multiplies each row of pixels by `(new_width, width)`."""
    _, height, _, channels = images.shape
    # One large product: pixels of a row are interleaved with their channels.
    matrix = np.kron(matrix.T, np.eye(channels)).astype("float32")
    rows = ops.reshape(images, (-1, matrix.shape[0]))
    rows = ops.matmul(rows, matrix)
    return ops.reshape(
        rows, (-1, height, matrix.shape[1] // channels, channels)
    )


@keras.saving.register_keras_serializable(package="invariance_tf")
class Identity(Transform):
    """Returns each image as it is."""

    family = "none"

    def transform(self, images):
        return images


@keras.saving.register_keras_serializable(package="invariance_tf")
class Grayscale(Transform):
    """Replaces each pixel by its luma, on all three channels.

    Y = 0.2989 R + 0.587 G + 0.114 B, TensorFlow's built-in conversion.
    """

    family = "color"

    def transform(self, images):
        luma = ops.image.rgb_to_grayscale(images, data_format="channels_last")
        return ops.repeat(luma, 3, axis=-1)


@keras.saving.register_keras_serializable(package="invariance_tf")
class HueRotation(Transform):
    """Rotates the hue of each pixel by 180 degrees in HSV space.

    Saturation and value stay. Half a turn has a closed form: each channel
    becomes max(R, G, B) + min(R, G, B) minus itself.
    """

    family = "color"

    def transform(self, images):
        brightest = ops.max(images, axis=-1, keepdims=True)
        darkest = ops.min(images, axis=-1, keepdims=True)
        return brightest + darkest - images


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

    def _matrix(self, size):
        """Returns the blur of `size` pixels in a row as a matrix."""
        radius = math.ceil(3 * self.sigma)
        if radius >= size:
            raise ValueError(
                f"A blur must not reach beyond the image: on {size} pixels "
                f"`sigma` is at most {(size - 1) / 3:.2f}. "
                f"Received: sigma={self.sigma}"
            )
        kernel = np.exp(
            -0.5 * (np.arange(-radius, radius + 1) / self.sigma) ** 2
        )
        source = np.pad(np.arange(size), radius, mode="reflect")
        matrix = np.zeros((size, size))
        for offset, weight in enumerate(kernel / kernel.sum()):
            pixels = np.arange(size)
            matrix[pixels, source[pixels + offset]] += weight
        return matrix

    def transform(self, images):
        _, height, width, _ = images.shape
        images = _along_height(images, self._matrix(height))
        return _along_width(images, self._matrix(width))

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}


@keras.saving.register_keras_serializable(package="invariance_tf")
class HighPass(Transform):
    """Keeps edges: cross-correlates each channel with a 5x5 kernel.

    The paper describes it as "of form [-1, 2, 4, 2, -1] in both directions".
    `zero_sum` is the well-known kernel whose centre row and centre column are
    exactly that; it answers 0 to a constant image. `separable` is the outer
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

    def transform(self, images):
        return _correlate(images, self.kernels[self.kernel])

    def get_config(self):
        return {**super().get_config(), "kernel": self.kernel}


@keras.saving.register_keras_serializable(package="invariance_tf")
class Horizontal(Transform):
    """Keeps changes along a row: 3x3 kernel with rows [-1, 0, 1]."""

    family = "convolutional"

    def transform(self, images):
        return _correlate(images, [[-1, 0, 1]] * 3)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Vertical(Transform):
    """Keeps changes along a column: 3x3 kernel with columns [-1, 0, 1]."""

    family = "convolutional"

    def transform(self, images):
        return _correlate(images, [[-1] * 3, [0] * 3, [1] * 3])


@keras.saving.register_keras_serializable(package="invariance_tf")
class ContrastInversion(Transform):
    """Turns each value x into 255 - x."""

    family = "convolutional"

    def transform(self, images):
        return 255.0 - images


class _Noise(Transform):
    """Keeps the random state of a noise, fresh at every pass."""

    family = "noise"

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="invariance_tf")
class WhiteNoise(_Noise):
    """Adds independent Gaussian noise to every value.

    Args:
        std: Float > 0. Standard deviation of the noise, in grey levels.
        clip: Boolean. Whether to clip the result to 0..255.
        seed: Integer or `None`. Seed of the noise.
    """

    def __init__(self, std, clip=False, **kwargs):
        super().__init__(**kwargs)
        if not 0 < std < math.inf:
            raise ValueError(
                "`std` is a standard deviation in grey levels and must be "
                f"positive. Received: std={std}"
            )
        self.std = std
        self.clip = clip

    def transform(self, images):
        noise = keras.random.normal(
            ops.shape(images), stddev=self.std, seed=self.seed_generator
        )
        images = images + noise
        return ops.clip(images, 0.0, 255.0) if self.clip else images

    def get_config(self):
        return {**super().get_config(), "std": self.std, "clip": self.clip}


@keras.saving.register_keras_serializable(package="invariance_tf")
class SaltPepper(_Noise):
    """Sets a share of the pixels to 0 or 255 with equal chance.

    Args:
        amount: Float in (0, 1]. Probability that a pixel is replaced.
        per_channel: Boolean. Whether the channels of a pixel are replaced
            independently instead of together.
        seed: Integer or `None`. Seed of the noise.
    """

    def __init__(self, amount=0.5, per_channel=False, **kwargs):
        super().__init__(**kwargs)
        if not 0 < amount <= 1:
            raise ValueError(
                "`amount` is the probability that a pixel is replaced and "
                f"must be in (0, 1]. Received: amount={amount}"
            )
        self.amount = amount
        self.per_channel = per_channel

    def transform(self, images):
        channels = 3 if self.per_channel else 1
        shape = (*ops.shape(images)[:-1], channels)
        chance = keras.random.uniform(shape, seed=self.seed_generator)
        images = ops.where(chance < self.amount / 2, 0.0, images)
        return ops.where(chance >= 1 - self.amount / 2, 255.0, images)

    def get_config(self):
        return {
            **super().get_config(),
            "amount": self.amount,
            "per_channel": self.per_channel,
        }


@keras.saving.register_keras_serializable(package="invariance_tf")
class Rotate90(Transform):
    """Turns each (square) image anti-clockwise by 90 degrees, exactly."""

    family = "geometric"

    def transform(self, images):
        _, height, width, _ = images.shape
        if height != width:
            raise ValueError(
                "Turning by 90 degrees needs square images. "
                f"Received: height={height}, width={width}"
            )
        return ops.flip(ops.transpose(images, (0, 2, 1, 3)), axis=1)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Rotate180(Transform):
    """Turns each image by 180 degrees, exactly."""

    family = "geometric"

    def transform(self, images):
        return ops.flip(ops.flip(images, axis=1), axis=2)


@keras.saving.register_keras_serializable(package="invariance_tf")
class Thinning(Transform):
    """Halves the width of each image and pads it with zeros on both sides.

    The width is resized to floor(width / 2) by antialiased bilinear
    interpolation: a triangle as wide as four old pixels.
    """

    family = "geometric"

    def _matrix(self, width):
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
        return _along_width(images, self._matrix(images.shape[2]))


def get(name, /, **arguments):
    """Makes a transformation by name.

    Args:
        name: String. One of the keys of `TRANSFORMS`.
        **arguments: Arguments of the transformation, for example `sigma`.

    Returns:
        A `Transform`.

    Raises:
        ValueError: If there is no such transformation, or an argument is
            unknown, missing or out of range.

    Example:

    >>> get("blur", sigma=3.0).sigma
    3.0
    """
    if name not in TRANSFORMS:
        raise ValueError(
            f"There is no such transform. Legal names: "
            f"{', '.join(TRANSFORMS)}. Received: transform={name!r}"
        )
    legal = argument_names(name)
    try:
        if not {*arguments} <= {*legal, "name", "dtype"}:
            raise TypeError("unknown argument")
        return TRANSFORMS[name](**arguments)
    except TypeError as error:
        raise ValueError(
            f"The transform {name} takes {', '.join(legal) or 'no arguments'}: "
            f"{error}. Received: transform_args={arguments}"
        ) from error


def argument_names(name):
    """Returns the names of the arguments of a transformation."""
    names = []
    for layer in TRANSFORMS[name].__mro__:
        if layer is Transform:
            return names
        parameters = inspect.signature(layer.__init__).parameters
        names += [key for key in parameters if key not in ("self", "kwargs")]


TRANSFORMS = {
    "identity": Identity,
    "grayscale": Grayscale,
    "hue_rotation": HueRotation,
    "blur": GaussianBlur,
    "highpass": HighPass,
    "horizontal": Horizontal,
    "vertical": Vertical,
    "contrast_inversion": ContrastInversion,
    "white_noise": WhiteNoise,
    "salt_pepper": SaltPepper,
    "rotate90": Rotate90,
    "rotate180": Rotate180,
    "thinning": Thinning,
}
