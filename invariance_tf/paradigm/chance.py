"""Random numbers as functions of a key: those of `tf.random.stateless_*`.

They are computed here without TensorFlow, bit for bit, so that the same seed
gives the same batches with any backend of Keras. Generator: Philox 4x32 of ten
rounds (Salmon et al. 2011, doi:10.1145/2063384.2063405).
"""

import math

import numpy as np

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
# TensorFlow mixes seeds by this key, so that similar ones differ.
_MIXING_KEY = np.uint64(0x3EC8F720), np.uint64(0x02461E29)
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


def uniform(key, shape):
    """Returns numbers drawn uniformly from 0 to below 1.

    Args:
        key: Two integers, for example a seed and an epoch.
        shape: Tuple of integers.

    Returns:
        Float64 array of this shape, as of `tf.random.stateless_uniform`.

    Example:

    >>> uniform((0, 0), (2,)).round(4)
    array([0.6881, 0.4005])
    """
    words = _words(key, 2 * math.prod(shape)).reshape(*shape, 2)
    # 52 random bits behind the exponent of 1.
    bits = (words[..., 0] & np.uint64(2**20 - 1)) << _HALF | words[..., 1]
    return (bits | np.uint64(1023 << 52)).view("float64") - 1


def integers(key, shape):
    """Returns an array of integers drawn uniformly from all of int32."""
    words = _words(key, math.prod(shape)).astype("uint32")
    return words.view("int32").reshape(shape)


def fold(key, number):
    """Returns another key, as of `tf.random.experimental.stateless_fold_in`."""
    return int(integers(key, ())), number


def _words(key, num_words):
    """Returns random 32-bit words, as a uint64 array."""
    halves = [
        np.uint64(number >> shift & 2**32 - 1)
        for number in map(int, key)
        for shift in (0, 32)
    ]
    *mixed_key, third, fourth = _philox(halves, _MIXING_KEY)
    count = np.arange(-(-num_words // 4), dtype="uint64")
    counter = [count & _LOW, count >> _HALF, third, fourth]
    return np.stack(_philox(counter, mixed_key), axis=-1).ravel()[:num_words]


def _philox(counter, key):
    """Returns four random words for each counter of four words."""
    one, two, three, four = np.broadcast_arrays(*counter)
    for number in range(10):
        first, third = _MULTIPLIERS[0] * one, _MULTIPLIERS[1] * three
        of_round = [
            each + np.uint64(number) * step & _LOW
            for each, step in zip(key, _KEY_STEPS, strict=True)
        ]
        one = third >> _HALF ^ two ^ of_round[0]
        three = first >> _HALF ^ four ^ of_round[1]
        two, four = third & _LOW, first & _LOW
    return one, two, three, four
