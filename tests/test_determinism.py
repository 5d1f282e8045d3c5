"""With `deterministic`, repeated processes give equal bits.

As a program, this file does the runs of `COVERING` and writes down digests of
their weights, predictions and tables, and of transformed images.
"""

import csv
import functools
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import fake_records
import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from invariance_tf import Experiment, datasets, transforms
from invariance_tf.commands import cli
from invariance_tf.runs import experiment, preparation
from invariance_tf.settings import defaults
from invariance_tf.training import statistics

SMALL = {
    "deterministic": True,
    "image_size": 32,
    "num_test": 2,
    "n_seen": 2,
    "epochs": 1,
    "batch_size": 8,
    "validation_fraction": 0.0,
    "network": "conftest:two_layers_network",
}
FACES = {**SMALL, "num_categories": 4, "num_train": 8}
FOLDER = {**SMALL, "dataset": "folder", "data_dir": "faces"}
# Each network, with options of its own, and each data set.
COVERING = [
    {
        **FACES,
        "transform": "white_noise",
        "network": "alexnet_small",
        "validation_fraction": 0.3,
        "ablate_layer": "conv5",
        "tau": "auto",
    },
    {
        **FACES,
        "transform": "salt_pepper",
        "network": "inception",
        "analysis": "none",
    },
    {
        **FACES,
        "network": "vit_small",
        "network_args": {"depth": 2},
        "analysis": "none",
    },
    {
        **FACES,
        "network": "convnext_small",
        "network_args": {"depths": [1, 1, 1]},
        "analysis": "none",
    },
    {
        **SMALL,
        "dataset": "digits",
        "num_test": 50,
        "batch_size": 64,
        "analysis": "layers",
    },
    {**FOLDER, "sampling": "images"},
    {**FOLDER, "dataset": "facescrub", "min_images": 3},
    {**SMALL, "dataset": "tfds:made_up", "data_dir": "records"},
    # Streamed and cropped at random.
    {
        **SMALL,
        "dataset": "imagenet",
        "network": "resnet18",
        "data_dir": "imagenet",
        "num_test": None,
        "analysis": "none",
    },
]


def test_every_data_set_and_network_is_covered():
    kinds = {each.get("dataset", "synthfaces") for each in COVERING}
    assert {kind.partition(":")[0] for kind in kinds} == {*defaults.DATASETS}
    # The large AlexNet has the layers of the small one, and recurrent networks
    # those of the ResNet.
    networks = {each["network"] for each in COVERING}
    networks |= {"alexnet", "bl_small", "cornet_small"}
    assert {*defaults.NETWORKS} <= networks


@pytest.mark.parametrize("deterministic", [False, True])
def test_tensorflow_is_told_if_a_run_is_to_be_deterministic(
    monkeypatch, deterministic
):
    calls = []
    monkeypatch.setattr(
        tf.config.experimental,
        "enable_op_determinism",
        lambda: calls.append("called"),
    )
    settings = {**FACES, "deterministic": deterministic}
    preparation.prepare(Experiment(**settings))
    assert len(calls) == deterministic


def test_a_sweep_is_deterministic_as_a_whole_or_not_at_all(tmp_path, capsys):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.dump({"grid": {"deterministic": [True, False]}}))
    assert cli.main(["sweep", str(path)]) == 2
    error = capsys.readouterr().err
    assert "All runs of a sweep must have the same" in error
    assert error.endswith("Received: deterministic=[False, True]\n")


@pytest.mark.slow
def test_repeated_processes_give_equal_bits(tmp_path):
    """One of them in the other order, after a run that is not deterministic."""
    make_data(tmp_path)
    processes = [
        start(tmp_path, f"digests{number}.json", number) for number in (1, 2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output
    first, second = (
        json.loads((tmp_path / f"digests{number}.json").read_text())
        for number in (1, 2)
    )
    transformed = first.pop("transformed")
    assert transformed == second.pop("transformed")
    assert len({*transformed.values()}) == len(defaults.TRANSFORMS)
    assert len(first) == len(COVERING)
    for name, digests in first.items():
        assert len(digests) > 15
        assert digests == second[name], name


def make_data(directory):
    """Writes made-up images, as files and as records."""
    generator = np.random.default_rng(0)
    names = ["Ada", "Ben", "Cleo", "Dan"]
    parts = {"test": [], "train": []}
    for label, name in enumerate(names):
        faces = directory / "faces" / "actors" / "faces" / name
        faces.mkdir(parents=True)
        for number in range(8):
            content = fake_records.encode(
                generator.integers(256, size=(40, 36, 3))
            )
            (faces / f"{number}.png").write_bytes(content)
            parts["train" if number > 1 else "test"].append((content, label))
    fake_records.prepare(directory / "records", parts, names)
    fake_records.write_imagenet(directory / "imagenet")
    options = {"image_size": 32, "cache_dir": directory / "cache"}
    datasets.get("imagenet", data_dir=directory / "imagenet", **options)


def start(directory, out, number):
    """Starts a process that writes digests."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(number),
        "INVARIANCE_TF_CACHE": str(directory / f"cache{number}"),
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
    }
    return subprocess.Popen(
        [sys.executable, __file__, out, f"runs{number}"],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def main(out, runs_dir):
    """Does all runs and writes digests of what they leave."""
    # Without a graph, a batch takes Inception half a second: 3 show as much
    # as 100.
    statistics.estimate_statistics = functools.partial(
        statistics.estimate_statistics, num_batches=3
    )
    wanted = [Experiment(runs_dir=runs_dir, **each) for each in COVERING]
    if runs_dir == "runs2":
        settings = {**FACES, "deterministic": False, "runs_dir": runs_dir}
        experiment.run(Experiment(**settings))
        wanted.reverse()
    found = {each.resolve().name(): digests_of(each) for each in wanted}
    found["transformed"] = {
        name: digest(transform(name).tobytes()) for name in defaults.TRANSFORMS
    }
    pathlib.Path(out).write_text(json.dumps(found))


def transform(name):
    """Transforms noise, as large as images are in training."""
    shape = (32, 48, 48, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    keras.utils.set_random_seed(0)
    layer = transforms.get(name)
    compiled = tf.function(lambda images, flags: layer(images, flags))
    return compiled(images, np.ones(len(images), bool)).numpy()


def digests_of(settings):
    """Does a run; returns digests of its predictions, weights and tables."""
    prepared = preparation.prepare(settings)
    run_dir = pathlib.Path(experiment.run_prepared(prepared)["run_dir"])
    images, _ = prepared.part("test")
    images = images[np.arange(len(images))]
    flags = np.arange(len(images)) % 2 == 0
    logits = prepared.model.predict(
        {"image": images, "is_transformed": flags}, verbose=0
    )
    found = {"predictions": digest(logits.tobytes())}
    with zipfile.ZipFile(run_dir / "model.keras") as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))

    def add(name, member):
        if isinstance(member, h5py.Dataset):
            found[name] = digest(member[()].tobytes())

    weights.visititems(add)
    for path in sorted(run_dir.iterdir()):
        if path.suffix in (".csv", ".parquet") or path.name == "summary.json":
            found[path.name] = digest(without_times(path))
    return found


def digest(content):
    return hashlib.sha256(content).hexdigest()


def without_times(path):
    """Returns the content of a run's file but for how long it took."""
    content = path.read_bytes()
    if path.name == "summary.json":
        summary = json.loads(content)
        # Some of the files that it lists have times.
        for name in ("seconds", "files", "sha256"):
            del summary[name]
        return json.dumps(summary).encode()
    if path.name == "history.csv":
        rows = csv.DictReader(io.StringIO(content.decode()))
        return json.dumps([{**row, "seconds": 0} for row in rows]).encode()
    return content


if __name__ == "__main__":
    main(*sys.argv[1:])
