"""Finished runs are found without TensorFlow, data or model."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from invariance_tf import Experiment, files, run_files
from invariance_tf.runs import images, preparation
from invariance_tf.runs.finished import find_done

PROGRAM = """\
import sys
from invariance_tf.commands.run import run_experiment
from invariance_tf.settings import defaults
recipe = defaults.NETWORKS["alexnet_small"].experiment
entry = defaults.Entry("conftest:two_layers_network", experiment=recipe)
defaults.NETWORKS["two_layers"] = entry
status = run_experiment(sys.argv[1:])
heavy = {"tensorflow", "keras", "pandas", "scipy", "matplotlib"}
sys.exit(status or ", ".join(heavy & {*sys.modules}) or 0)
"""


def test_a_done_run_is_shown_without_tensorflow(finished):
    settings, summary = finished
    arguments = [
        f"--{name}={value}"
        for name, value in dataclasses.asdict(settings).items()
        if value not in (None, ())
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "This run is already finished" in done.stdout
    assert f"{summary['within_accuracy']:.3f}" in done.stdout


@pytest.fixture
def settings(finished, run_dir, two_layers):
    """The resolved settings of a copy of the finished run."""
    runs_dir = os.path.dirname(run_dir)
    return dataclasses.replace(finished[0], runs_dir=runs_dir).resolve()


def test_what_is_found_is_what_the_run_returned(settings, finished):
    found = find_done(settings)
    assert found.pop("was_done") and not finished[1]["was_done"]
    assert found.pop("run_dir") != finished[1]["run_dir"]
    assert finished[1].items() >= found.items()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 4},
        {"n_seen": "all"},
        {"analysis": "layers"},
        {"tau": 0.2},
        {"ablate_layer": "conv5"},
    ],
)
def test_a_run_that_lacks_something_is_not_done(settings, changes):
    assert find_done(dataclasses.replace(settings, **changes)) is None


def test_a_damaged_run_is_left_to_who_reports_it(settings, run_dir):
    pathlib.Path(run_dir, "model.keras").write_bytes(b"damaged")
    assert find_done(settings) is None


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of images, and the settings of a run on them, done."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for name in ("cat/1", "cat/2", "cat/3", "dog/1", "dog/2", "dog/3"):
        path = tmp_path / "data" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (20, 20, 3), "uint8")
        Image.fromarray(pixels).save(path)
    settings = Experiment(
        dataset="folder",
        data_dir=str(tmp_path / "data"),
        num_test=1,
        min_images=3,
        n_seen=2,
        runs_dir=str(tmp_path / "runs"),
    ).resolve()
    _, dataset, parts = preparation.check(settings)
    run_dir = pathlib.Path(settings.runs_dir, settings.name())
    run_dir.mkdir(parents=True)
    origin = {"data": images.identify_images(dataset, parts)}
    (run_dir / "provenance.json").write_text(json.dumps(origin))
    files.write_yaml(run_dir / "config.yaml", dataclasses.asdict(settings))
    run_files.write_summary(run_dir, {"seconds": {"training": 1.0}})
    return settings


def test_changed_images_of_a_folder_are_noticed(folder):
    assert find_done(folder)["was_done"]
    cat = pathlib.Path(folder.data_dir, "cat")
    (cat / "1.png").write_bytes((cat / "2.png").read_bytes())
    assert find_done(folder) is None


def test_all_categories_are_those_of_the_folder(folder):
    every = dataclasses.replace(folder, n_seen="all")
    assert find_done(every)["was_done"]
    data = pathlib.Path(folder.data_dir)
    (data / "cat").rename(data / "bird")
    assert find_done(every) is None


def test_files_that_changed_their_names_change_the_parts(folder):
    cat = pathlib.Path(folder.data_dir, "cat")
    (cat / "3.png").rename(cat / "4.png")
    assert find_done(folder) is None
