"""What every test needs."""

import csv
import dataclasses
import gc
import importlib
import os
import pathlib
import shutil
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


def pytest_configure(config):
    """Takes signals as in the foreground, wherever pytest was started.

    A shell ignores Ctrl-C for what it starts in the background, and nohup
    hanging up; each process hands that on to those it starts, which the tests
    interrupt. What has a handler here ends those.
    """
    is_worker = hasattr(config, "workerinput")
    if is_worker or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
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


# The tests of the flow, from settings to results, share a network of two layers
# and one finished run. Imports are inside: the process that hands out the tests
# needs none of it.


@pytest.fixture(scope="session", autouse=True)
def frozen_imports():
    """Spares imports from garbage collection, which every run forces."""
    import keras  # noqa: F401

    gc.freeze()


def two_layers_network(images, num_categories, weight_decay=0.0):
    """A network of two layers, with names of layers of `alexnet_small`."""
    import keras

    options = {
        "activation": "relu",
        "kernel_regularizer": keras.regularizers.L2(weight_decay / 2),
    }
    x = keras.layers.Conv2D(8, 5, 4, name="conv5", **options)(images)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(16, name="fc6", **options)(x)
    return keras.layers.Dense(num_categories, dtype="float32", name="logits")(x)


def register_two_layers(patch):
    from invariance_tf.settings import defaults

    recipe = defaults.NETWORKS["alexnet_small"].experiment
    place = f"{__name__}:two_layers_network"
    entry = defaults.Entry(place, experiment=recipe)
    patch.setitem(defaults.NETWORKS, "two_layers", entry)


@pytest.fixture
def two_layers(monkeypatch):
    """Makes `two_layers` the name of a network, in this process."""
    register_two_layers(monkeypatch)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The experiment and the summary of a finished run, not to be changed."""
    from invariance_tf import Experiment
    from invariance_tf.runs import experiment

    finished = Experiment(
        network="two_layers",
        num_categories=4,
        num_train=10,
        num_test=20,
        image_size=32,
        n_seen=2,
        epochs=2,
        batch_size=8,
        tau=0.15,
        seed=3,
        runs_dir=str(tmp_path_factory.mktemp("runs")),
    )
    with pytest.MonkeyPatch.context() as patch:
        register_two_layers(patch)
        return finished, experiment.run(finished)


@pytest.fixture
def run_dir(finished, tmp_path):
    """A copy of the finished run, in the directory `runs`, to be changed."""
    original = finished[1]["run_dir"]
    path = tmp_path / "runs" / os.path.basename(original)
    shutil.copytree(original, path)
    return str(path)


def is_measured_again(experiment, run_dir, **changes):
    """Says whether the same training with changes is measured again."""
    from invariance_tf import run

    path = os.path.join(run_dir, "layers.csv")
    os.utime(path, (0, 0))
    done = run(dataclasses.replace(experiment, **changes))
    assert done["was_done"] and done["run_dir"] == run_dir
    return os.stat(path).st_mtime > 0


def read_csv(*path):
    """Reads the rows of a table as dictionaries of texts."""
    with open(os.path.join(*path), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def list_files_again(run_dir):
    """Lists the files of a finished run again, as if they were its own."""
    from invariance_tf import files, run_files

    path = os.path.join(run_dir, run_files.SUMMARY)
    summary = files.read_json(path)
    del summary["files"], summary["sha256"]
    run_files.write_summary(run_dir, summary)


@pytest.fixture
def module(monkeypatch):
    """Imports a module of the benchmarks."""
    monkeypatch.syspath_prepend(pathlib.Path(__file__).parents[1])
    return lambda name: importlib.import_module(f"benchmarks.{name}")


class HereEngine:
    """Does each piece of work of a sweep at once, in this process."""

    def __init__(self):
        from invariance_tf.runs.sweep import worker

        self.worker = worker
        self.num_slots, self.num_started, self.ended = 1, 0, []

    def has_room(self):
        return not self.ended

    def start(self, key, function, *arguments):
        self.num_started += function is self.worker.finish_run
        self.ended.append((key, self.worker.attempt(function, *arguments)))

    def wait(self, timeout):
        ended, self.ended = self.ended, []
        return ended

    def stop(self):
        pass


@pytest.fixture
def here(monkeypatch):
    """Makes sweeps and searches run in this process; returns their engine."""
    from invariance_tf.commands import many_runs
    from invariance_tf.runs.sweep import worker

    engine = HereEngine()
    monkeypatch.setattr(many_runs, "_make_engine", lambda options: engine)
    monkeypatch.setattr(worker, "_write_to", lambda path: None)
    return engine
