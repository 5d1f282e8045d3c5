"""Several devices that train one network.

Nothing here imports TensorFlow before it is needed.
"""

import contextlib
import functools
import logging

import keras
from keras import ops

from invariance_tf.paradigm import model as models

_logger = logging.getLogger(__name__)


def check(num_devices):
    """Raises if there are not so many devices to train on.

    Args:
        num_devices: Integer >= 1.

    Raises:
        ValueError: If so, or if Keras runs on another backend than TensorFlow.
    """
    if num_devices == 1:
        return
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            "Training on several devices needs Keras on TensorFlow "
            f"(KERAS_BACKEND=tensorflow), and this is {backend}. "
            f"Received: devices={num_devices}"
        )
    found = keras.distribution.list_devices()
    if num_devices > len(found):
        are = "is 1 device" if len(found) == 1 else f"are {len(found)} devices"
        raise ValueError(
            f"There {are} to train on: {', '.join(found)}. "
            f"Received: devices={num_devices}"
        )


def mirror(model, num_devices):
    """Copies a model onto several devices, to be trained on all at once.

    Each device computes the gradients of its share of a batch; their sum is
    applied on all of them. Batch normalisation takes its statistics over the
    whole batch. One step thus is what it is on one device but for rounding,
    and for noise and dropout, which each device draws for itself.

    Args:
        model: A Keras model.
        num_devices: Integer >= 1.

    Returns:
        For one device `model`; else a copy with its weights, to be trained by
        `training.fit`. It leaves `model` as it is.

    Raises:
        ValueError: If the process has trained on another number above 1.
    """
    if num_devices == 1:
        return model
    with _strategy(num_devices).scope():
        mirrored = keras.models.clone_model(model, clone_function=_clone)
    mirrored.set_weights(model.get_weights())
    # XLA cannot compile what the devices tell each other.
    mirrored.jit_compile = False
    return mirrored


@functools.cache
def _strategy(num_devices):
    """Makes the strategy for so many devices, the only one of the process.

    Two would give the same key to different sums.
    """
    import tensorflow as tf

    if _strategy.cache_info().currsize:
        raise ValueError(
            "TensorFlow has trained on another number of several devices in "
            "this process: start a new one. "
            f"Received: devices={num_devices}"
        )

    found = keras.distribution.list_devices()
    return tf.distribute.MirroredStrategy(found[:num_devices])


def _clone(layer):
    """Makes a layer anew, with statistics over all devices."""
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        config["synchronized"] = True
    return type(layer).from_config(config)


def is_mirrored(model):
    """Tells whether a model was made by `mirror` for several devices."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy is not None and strategy.num_replicas_in_sync > 1


def scope(model):
    """Returns the context in which a model's variables are made."""
    if is_mirrored(model):
        return model.distribute_strategy.scope()
    return contextlib.nullcontext()


def feed(model, batches):
    """Returns batches as Keras can divide them among a model's devices.

    Args:
        model: A Keras model.
        batches: What `pipeline.training_batches` returns. For several devices
            the first batch must have a multiple of their number of images.
    """
    if not is_mirrored(model):
        return batches

    # To learn their shapes, Keras averages the first shares of the devices,
    # and there is no average of booleans.
    def with_numbers(inputs, label):
        flags = ops.cast(inputs["is_transformed"], "uint8")
        return {**inputs, "is_transformed": flags}, label

    return batches.map(with_numbers)


def reseed(model, *key):
    """Sets the random state of every layer, on each device to another one.

    On one device, and on the first of several, this is `model.reseed`.

    Args:
        model: A Keras model.
        *key: Integers >= 0, for example a seed and an epoch.
    """
    models.reseed(model, *key)
    if not is_mirrored(model):
        return
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is None:
            continue
        copies = model.distribute_strategy.experimental_local_results(
            generator.state.value
        )
        for number, copy in enumerate(copies):
            copy.assign_add([number, 0])


class MeanCrossEntropy(keras.losses.SparseCategoricalCrossentropy):
    """Gives each image of a batch the same weight in the gradient.

    Keras averages over each device's share and then over the devices, but the
    shares of an epoch's last, smaller batch may be unequal.
    """

    def call(self, label, logits):
        import tensorflow as tf

        losses = super().call(label, logits)
        context = tf.distribute.get_replica_context()
        if context is None:  # Keras only asks for shapes.
            return losses
        share = ops.cast(ops.size(losses), losses.dtype)
        whole = context.all_reduce(tf.distribute.ReduceOp.SUM, share)
        weighted = losses * (share * context.num_replicas_in_sync / whole)
        # Keras weights the value that it reports by the shares itself.
        return weighted + ops.stop_gradient(losses - weighted)


def warn_of_precision(precision):
    """Says so where a precision costs time instead of sparing it."""
    if precision == "float32":
        return
    found = keras.distribution.list_devices()
    if all(name.startswith("cpu") for name in found):
        _logger.warning(
            "There is no GPU: training with --precision mixed_bfloat16 is "
            "right, but on a CPU slower than with float32, even on one with "
            "instructions for it (AVX512-BF16)."
        )
