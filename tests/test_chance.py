"""Random numbers that are TensorFlow's, computed without it."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from invariance_tf.paradigm import chance

KEYS = strategies.tuples(
    strategies.integers(0, 2**31 - 1), strategies.integers(0, 2**31 - 1)
)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        (
            "00000000 00000000 00000000 00000000",
            "00000000 00000000",
            "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        ),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_the_generator_gives_the_words_that_its_authors_published(
    counter, key, words
):
    counter, key, words = (
        [np.uint64(int(word, 16)) for word in text.split()]
        for text in (counter, key, words)
    )
    assert [*chance._philox(counter, key)] == words


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(KEYS, strategies.integers(0, 50))
def test_uniform_numbers_are_those_of_tensorflow(key, size):
    theirs = tf.random.stateless_uniform((3, size), key, dtype=tf.float64)
    assert np.array_equal(chance.uniform(key, (3, size)), theirs)


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(KEYS, strategies.integers(0, 9))
def test_folded_keys_and_integers_are_those_of_tensorflow(key, number):
    theirs = tf.random.experimental.stateless_fold_in(
        tf.constant(key, tf.int64), number
    )
    folded = chance.fold(key, number)
    assert np.array_equal(folded, theirs)
    theirs = tf.random.stateless_uniform(
        (7, 2), theirs, minval=None, maxval=None, dtype=tf.int32
    )
    ours = chance.integers(folded, (7, 2))
    assert ours.dtype == "int32"
    assert np.array_equal(ours, theirs)
