"""What every test needs."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fresh_session():
    """Names layers alike in every test and forgets former models."""
    # Without collecting garbage, which takes longer than most tests.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def images():
    """Four random images with whole values from 0 to 255."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (4, 24, 24, 3)).astype("float32")
