"""Chooses the number format of the network by a measurement."""

import functools
import logging
import time

from keras import ops

# Below, what training does in float32 anyway takes the gain away: a step gains
# less than the products in it (docs/performance.md).
_WORTH = 1.2

_logger = logging.getLogger(__name__)


@functools.cache
def bfloat16_gain():
    """Measures how many times as fast as in float32 products in bfloat16 are.

    Takes about a tenth of a second on a CPU, once in a process.

    Returns:
        Float: below 1 on most processors, up to 2 on those that multiply
        bfloat16 faster, more on GPUs.
    """
    size = 512
    _time_product("float32", size)  # The first one loads libraries.
    # So large that starting it takes no time: a GPU needs much larger ones.
    while size < 4096 and _time_product("float32", size) < 0.004:
        size *= 2
    durations = {"float32": [], "bfloat16": []}
    for _ in range(4):
        # In turn: whatever else the machine does slows both down.
        for dtype, seconds in durations.items():
            seconds.append(_time_product(dtype, size))
    return min(durations["float32"]) / min(durations["bfloat16"])


def _time_product(dtype, size):
    """Returns the seconds of a product of two matrices."""
    matrix = ops.ones((size, size), dtype)
    start = time.perf_counter()
    # Read one number: a GPU returns before it has computed.
    float(ops.cast(ops.matmul(matrix, matrix)[0, 0], "float32"))
    return time.perf_counter() - start


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
            "Training in %s: products in bfloat16 are %.2g times as fast as "
            "in float32 here.",
            precision,
            gain,
        )
    elif gain < 1:
        _logger.warning(
            "Products in bfloat16 are only %.2g times as fast as in float32 "
            "here: --precision mixed_bfloat16 gives correct results, but "
            "slows training down. --precision auto takes the faster one.",
            gain,
        )
    return precision
