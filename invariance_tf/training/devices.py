"""Training one network on several devices.

TensorFlow is imported only where it is needed.
"""

import contextlib
import functools

import keras
from keras import ops

from invariance_tf.paradigm import model as models
from invariance_tf.training import statistics


def check(num_devices):
    """Raises an error if networks cannot be trained on so many devices.

    Args:
        num_devices: Integer >= 1.

    Raises:
        ValueError: If there are fewer, if Keras does not run on TensorFlow or
            JAX, or if several are asked for and it does not run on TensorFlow.
    """
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ValueError(
            "Training needs Keras on TensorFlow or JAX; on others, trained "
            "models can be measured (`measure_invariance`). Set KERAS_BACKEND "
            f"to tensorflow or jax. Received: KERAS_BACKEND={backend}"
        )
    if num_devices == 1:
        return
    if backend != "tensorflow":
        raise ValueError(
            "Training on several devices needs Keras on TensorFlow "
            f"(KERAS_BACKEND=tensorflow), but runs on {backend}. "
            f"Received: devices={num_devices}"
        )
    found = keras.distribution.list_devices()
    if num_devices > len(found):
        raise ValueError(
            f"`devices` must be at most {len(found)}, the number of devices "
            f"found here ({', '.join(found)}). Received: devices={num_devices}"
        )


def mirror(model, num_devices):
    """Copies a model onto several devices, to be trained on all at once.

    Each device computes the gradients of its share of a batch; their sum is
    applied on all of them. Batch normalisation takes its statistics over the
    whole batch. So a step is the same as on one device, except for rounding
    and for noise and dropout, which each device draws for itself.

    Args:
        model: A Keras model.
        num_devices: Integer >= 1.

    Returns:
        For one device `model` itself; for several, a copy with its weights to
        be trained by `training.fit`.

    Raises:
        ValueError: If the process has trained on another number of several
            devices.
    """
    if num_devices == 1:
        return model
    with _strategy(num_devices).scope():
        mirrored = keras.models.clone_model(model)
    for layer in statistics.norm_layers(mirrored):
        layer.synchronized = True
    mirrored.set_weights(model.get_weights())
    # XLA cannot compile the communication between the devices.
    mirrored.jit_compile = False
    return mirrored


@functools.cache
def _strategy(num_devices):
    """Makes the strategy for so many devices, the only one of the process.

    A second one would use the keys of the first for other sums.
    """
    import tensorflow as tf

    if _strategy.cache_info().currsize:
        raise ValueError(
            "This process has trained on another number of several devices: "
            "start a new process. "
            f"Received: devices={num_devices}"
        )

    found = keras.distribution.list_devices()
    return tf.distribute.MirroredStrategy(found[:num_devices])


def is_mirrored(model):
    """Tells whether `mirror` copied the model onto several devices."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy is not None and strategy.num_replicas_in_sync > 1


def scope(model):
    """Returns the context in which a model's variables are made."""
    if is_mirrored(model):
        return model.distribute_strategy.scope()
    return contextlib.nullcontext()


def feed(model, batches):
    """Returns batches that Keras can divide among a model's devices.

    Args:
        model: A Keras model.
        batches: What `pipeline.training_batches` returns. The size of the
            first batch must be a multiple of the number of devices.
    """
    if not is_mirrored(model):
        return batches

    # To find out shapes, Keras averages the first shares of the devices, and
    # TensorFlow cannot average booleans.
    def with_numbers(inputs, label):
        flags = ops.cast(inputs["is_transformed"], "uint8")
        return {**inputs, "is_transformed": flags}, label

    return batches.map(with_numbers)


def reseed(model, *key):
    """Sets the random state of every layer, differently on each device.

    On one device, and on the first of several, this is `model.reseed`.

    Args:
        model: A Keras model.
        *key: Integers >= 0, for example a seed and an epoch.
    """
    models.reseed(model, *key)
    if not is_mirrored(model):
        return
    split = model.distribute_strategy.experimental_local_results
    for layer in model.layers:
        for state in models.seed_states(layer):
            for number, copy in enumerate(split(state.value)):
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
