"""What every test needs."""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Several processes test at a time: none may take the whole memory of a GPU.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import pytest


def pytest_xdist_auto_num_workers(config):
    """Says how many processes test at a time, unless `-n` does.

    As many as there are cores, which xdist itself takes for half of them where
    a core has two threads; not more than 8, since each needs 1 GB. None beside
    this one if single tests are asked for: starting takes longer than they do.
    """
    if any("::" in argument for argument in config.args):
        return 0
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), 8)
    return min(os.cpu_count() or 1, 8)


def pytest_configure():
    """Takes signals as in the foreground, wherever pytest was started.

    A shell ignores Ctrl-C for what it starts in the background, and each
    process hands that on to those it starts, which the tests interrupt.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def fresh_session():
    """Names layers alike in every test and forgets former models."""
    # Not at the top: the process that hands out the tests needs no Keras.
    import keras

    # Without collecting garbage, which takes longer than most tests.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def images():
    """Four random images with whole values from 0 to 255."""
    import numpy as np

    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (4, 24, 24, 3)).astype("float32")
