"""Chooses the number format of the network by a measurement."""

import functools
import logging
import time

import keras
from keras import ops

from invariance_tf.paradigm import model

# Below, what training does in float32 anyway takes the gain away: a step gains
# less than the convolutions in it (docs/performance.md).
_WORTH = 1.2

_logger = logging.getLogger(__name__)


@functools.cache
def bfloat16_gain():
    """Measures how many times as fast as in float32 training in bfloat16 is.

    Trains a convolution, since libraries that multiply matrices in bfloat16
    fast may not do so in its gradients. Takes less than a second, once in a
    process.

    Returns:
        Float: far below 1 on processors without instructions for bfloat16, up
        to 2 on those that have them, more on GPUs.
    """
    num_images = 4096 if model.has_gpu() else 4
    steps = {
        dtype: _make_step(dtype, num_images)
        for dtype in ("float32", "bfloat16")
    }
    for step in steps.values():
        step()  # The first one loads libraries and compiles.
    durations = {dtype: [] for dtype in steps}
    for _ in range(3):
        # In turn: whatever else the machine does slows both down.
        for dtype, step in steps.items():
            start = time.perf_counter()
            step()
            durations[dtype].append(time.perf_counter() - start)
    return min(durations["float32"]) / min(durations["bfloat16"])


def _make_step(dtype, num_images):
    """Returns a function that computes a convolution and its gradients."""
    images = ops.ones((num_images, 16, 16, 64), dtype)
    kernel = ops.ones((3, 3, 64, 64), dtype)

    def convolve(images, kernel):
        return ops.sum(ops.conv(images, kernel, padding="same"))

    if keras.backend.backend() == "jax":
        import jax

        gradients = jax.jit(jax.grad(convolve, argnums=(0, 1)))
    else:
        import tensorflow as tf

        def gradients(images, kernel):
            with tf.GradientTape() as tape:
                tape.watch([images, kernel])
                output = convolve(images, kernel)
            return tape.gradient(output, [images, kernel])

    def step():
        # Read a number of each: a GPU returns before it has computed.
        for gradient in gradients(images, kernel):
            float(ops.cast(ops.max(gradient), "float32"))

    return step


def choose_precision(precision):
    """Replaces auto by the faster precision; warns of one that is slower.

    Args:
        precision: String: float32, mixed_bfloat16 or auto.

    Returns:
        String: float32 or mixed_bfloat16.
    """
    if precision == "float32":
        return precision
    gain = bfloat16_gain()
    if precision == "auto":
        precision = "mixed_bfloat16" if gain >= _WORTH else "float32"
        _logger.info(
            "Training in %s: convolutions in bfloat16 are %.2g times as fast "
            "as in float32 here.",
            precision,
            gain,
        )
    elif gain < 1:
        _logger.warning(
            "Convolutions in bfloat16 are only %.2g times as fast as in "
            "float32 here: --precision mixed_bfloat16 gives correct results, "
            "but slows training down. --precision auto takes the faster one.",
            gain,
        )
    return precision
