"""The model: transformation, standardisation and network in one."""

import contextlib
import math

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms import Either, as_transform


@keras.saving.register_keras_serializable(package="invariance_tf")
class Standardize(keras.layers.Layer):
    """Standardises each image: (x - mean) / max(std, 1 / sqrt(num_values)).

    Mean and standard deviation are those of all values of one image, its
    three channels together. A constant image becomes zeros. Applied after the
    transformation, before the first layer (Appendix B, Preprocessing).

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)`, or one image
            without the batch axis; channels may come first.

    Returns:
        Float32 tensor of the same shape: mean 0 and standard deviation 1.

    Example:

    >>> images = np.array([[[[0.0], [255.0]]]])
    >>> keras.ops.convert_to_numpy(Standardize()(images)).ravel()
    array([-1.,  1.], dtype=float32)
    """

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, images):
        axes = (-3, -2, -1)
        images = ops.cast(images, self.compute_dtype)
        # The size of images may be unknown until the call.
        num_values = math.prod(ops.shape(images)[-3:])
        lowest = ops.cast(1 / num_values, images.dtype)
        images = images - ops.mean(images, axes, keepdims=True)
        variance = ops.mean(ops.square(images), axes, keepdims=True)
        # max(std, 1 / sqrt(n)) is sqrt(max(variance, 1 / n)).
        return images * ops.rsqrt(ops.maximum(variance, lowest))

    def compute_output_shape(self, input_shape):
        return input_shape


def build(
    network,
    transform,
    image_size,
    num_categories,
    *,
    precision=None,
    **network_args,
):
    """Builds a Keras model that transforms, standardises and classifies.

    Args:
        network: Function from a tensor of standardised images and a number of
            categories to logits, as `networks.get` returns it.
        transform: What `transforms.as_transform` takes, such as a `Transform`
            or a name, applied to the images whose flag is set.
        image_size: Integer, height and width of the images in pixels.
        num_categories: Integer, number of logits.
        precision: Keras' dtype policy of the network's layers, such as
            `"float32"` or `"mixed_bfloat16"`; `None` means the global one.
            Transformation, standardisation and logits are always in float32.
        **network_args: Further arguments of the network.

    Returns:
        A `keras.Model` from a dictionary of "image", float with values from 0
        to 255 and shape `(batch, image_size, image_size, 3)`, and
        "is_transformed", boolean of shape `(batch,)` (integer for either of
        several transformations), to logits of shape
        `(batch, num_categories)`. Its layer "standardize" follows the
        transformation, whose name is "transform" unless it had one before.

    Raises:
        ValueError: If the network does not return such logits, or an argument
            is illegal.

    Example:

    >>> from invariance_tf import networks
    >>> model = build(networks.get("alexnet_small"), "highpass", 48, 10)
    >>> model.output_shape
    (None, 10)
    """
    # The global one is hidden by Keras' defaults.
    precision = precision or keras.config.dtype_policy()
    with keras_defaults(), _settings(dtype_policy=precision):
        image = keras.Input((image_size, image_size, 3), name="image")
        transform = as_transform(transform, name="transform")
        dtype = "int32" if isinstance(transform, Either) else "bool"
        is_transformed = keras.Input((), dtype=dtype, name="is_transformed")
        images = transform(image, is_transformed)
        images = Standardize(name="standardize")(images)
        logits = network(images, num_categories, **network_args)
    shape = getattr(logits, "shape", None)
    if shape != (None, num_categories):
        raise ValueError(
            f"A network must return a tensor of {num_categories} logits for "
            f"each image. Received: shape={shape} of {network}"
        )
    inputs = {"image": image, "is_transformed": is_transformed}
    model = keras.Model(inputs, logits, name="invariance")
    model.jit_compile = is_xla_faster()
    return model


@contextlib.contextmanager
def _settings(**values):
    """Gives Keras' global settings other values in the context."""
    former = {name: getattr(keras.config, name)() for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(former)


def _set(values):
    for name, value in values.items():
        getattr(keras.config, f"set_{name}")(value)


def keras_defaults():
    """Returns a context in which Keras' settings are its defaults.

    A file, keras.json, can set them otherwise for all programs of a user:
    layers would expect the channels first, and inputs, losses and metrics be
    in another number format than a run's settings say.
    """
    return _settings(
        image_data_format="channels_last",
        floatx="float32",
        epsilon=1e-7,
        dtype_policy="float32",
    )


def is_xla_faster():
    """Tells whether compiling saves time.

    XLA does, but not with TensorFlow on a CPU (measured). On PyTorch Keras
    means TorchDynamo instead, which takes minutes before the first batch.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return has_gpu()
    return backend == "jax"


def has_gpu():
    """Tells whether Keras computes on a GPU."""
    # Asked for GPUs only, Keras on JAX raises an error where there are none.
    found = keras.distribution.list_devices()
    return any("gpu" in device.lower() for device in found)


# The name of Keras' variables that hold a random state.
_SEED_STATE = "seed_generator_state"


def reseed(model, *key):
    """Sets the random state of every layer that has one (noise, dropout).

    Args:
        model: A Keras model.
        *key: Integers >= 0, for example a seed and an epoch. The same key
            gives the same draws afterwards, other ones in each layer.
    """
    for position, layer in enumerate(model.layers):
        reseed_layer(layer, *key, position)


def seed_states(layer):
    """Lists the random states of a layer; one made of others can have several.

    Args:
        layer: A Keras layer.
    """
    return [each for each in layer.variables if each.name == _SEED_STATE]


def reseed_layer(layer, *key):
    """Sets the random state of a layer, if it has one.

    Args:
        layer: A Keras layer.
        *key: Integers >= 0. The same key gives the same draws afterwards.
    """
    for number, state in enumerate(seed_states(layer)):
        of_state = key if number == 0 else (*key, number)
        words = np.random.SeedSequence(of_state).generate_state(1)
        state.assign([int(words[0]) >> 1, 0])
