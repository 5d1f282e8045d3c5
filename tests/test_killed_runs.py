"""Runs that are killed before any change to their directory, and repeated."""

import csv
import dataclasses
import itertools
import json
import os
import pathlib
import shutil

import crash_points
import keras
import pytest
from crash_points import states_of

from invariance_tf import files, load_runs, run_files
from invariance_tf.runs import experiment

pytestmark = pytest.mark.usefixtures("two_layers")


def do_run(settings, runs_dir, overwrite=False):
    settings = dataclasses.replace(settings, runs_dir=str(runs_dir))
    return experiment.run(settings, overwrite)


def content_of(run_dir):
    """All that a run has, but for times, paths and TensorBoard's events."""
    run_dir, found = pathlib.Path(run_dir), {}
    for path in run_dir.iterdir():
        if path.name == "model.keras":
            weights = keras.models.load_model(path).get_weights()
            found[path.name] = [array.tobytes() for array in weights]
        elif path.name == "history.csv":
            with open(path, newline="") as file:
                rows = [*csv.DictReader(file)]
            found[path.name] = [{**row, "seconds": ""} for row in rows]
        elif path.name == "summary.json":
            summary = json.loads(path.read_text())
            del summary["seconds"], summary["files"], summary["sha256"]
            found[path.name] = summary
        elif path.name == "provenance.json":
            found[path.name] = json.loads(path.read_text())["data"]
        elif path.name == "config.yaml":
            lines = path.read_text().splitlines()
            found[path.name] = [
                line for line in lines if not line.startswith("runs_dir:")
            ]
        elif path.name not in ("tensorboard", ".lock"):
            found[path.name] = path.read_bytes()
    return found


def read_tables(runs_dir):
    """What a reader finds; `None` if the run is not finished."""
    runs = load_runs(runs_dir)
    assert not runs.refused
    if not len(runs.runs):
        return None
    tables = runs.tables()
    tables["runs"] = tables["runs"].drop(
        columns=["run_dir", "seconds", "git_commit", "git_is_modified"]
    )
    tables["history"] = tables["history"].drop(columns="seconds")
    return tables


def is_equal(one, other):
    if one is None or other is None:
        return one is other
    return all(
        name in other and table.equals(other[name])
        for name, table in one.items()
    )


def finish_killed_run(settings, runs_dir, expected):
    """Repeats a killed run; compares what there was and what there is."""
    found = read_tables(runs_dir)
    # Not finished yet, or whole.
    assert found is None or is_equal(found, read_tables(settings.runs_dir))
    assert content_of(do_run(settings, runs_dir)["run_dir"]) == expected


@pytest.fixture
def states_of_run(finished, tmp_path):
    """Each state in which a kill could leave the directory of runs."""
    (tmp_path / "copies").mkdir()
    with states_of(tmp_path / "runs", tmp_path / "copies") as states:
        do_run(finished[0], tmp_path / "runs")
    return states


def test_a_run_killed_at_its_end_is_complete_when_repeated(
    finished, states_of_run
):
    settings, undisturbed = finished
    expected = content_of(undisturbed["run_dir"])
    name = os.path.basename(undisturbed["run_dir"])
    (copy,) = (
        copy
        for change, copy in states_of_run
        if change == f"os.rename {name}/summary.json"
    )
    finish_killed_run(settings, copy, expected)


def last_of_each_kind(states):
    """Keeps the last of the states that a repeated run reads alike.

    All other files are written again without being read, and the last state
    has most of them.
    """
    kinds = {}
    for _, copy in states:
        kind = tuple(
            path.read_bytes()
            for name in ("provenance.json", "checkpoint.npz", "summary.json")
            for path in copy.glob(f"*/{name}")
        )
        kinds[kind] = copy
    return [*kinds.values()]


@pytest.mark.slow
def test_a_run_killed_anywhere_is_complete_when_repeated(
    finished, states_of_run
):
    settings, undisturbed = finished
    expected = content_of(undisturbed["run_dir"])
    assert len(states_of_run) > 20
    copies = last_of_each_kind(states_of_run)
    # Nothing, begun, two epochs, tested, finished.
    assert 5 <= len(copies) <= 8
    for copy in copies:
        finish_killed_run(settings, copy, expected)


def measure_again(run_dir):
    experiment.analyse_again(run_dir, tau=0.3)


@pytest.mark.slow
def test_measuring_can_be_killed_anywhere(run_dir, tmp_path):
    """A reader finds the old measures or the new ones, never some of each."""
    runs_dir, name = os.path.split(run_dir)
    old = read_tables(runs_dir)
    (tmp_path / "copies").mkdir()
    with states_of(runs_dir, tmp_path / "copies") as states:
        measure_again(run_dir)
    new, expected = read_tables(runs_dir), content_of(run_dir)
    are_new = []
    for change, copy in states:
        found = read_tables(copy)
        assert is_equal(found, old) or is_equal(found, new), change
        are_new.append(is_equal(found, new))
        with files.locked(copy / name):
            run_files.settle(copy / name).check()
        assert is_equal(read_tables(copy), found)
    assert are_new == sorted(are_new) and {*are_new} == {False, True}
    # One that was killed while the new ones were moved.
    measure_again(str(states[-3][1] / name))
    assert content_of(states[-3][1] / name) == expected


@pytest.mark.slow
def test_overwriting_can_be_killed_anywhere(finished, run_dir, tmp_path):
    """Repeated without --overwrite, it is the old run or a new one."""
    settings, undisturbed = finished
    runs_dir, expected = os.path.dirname(run_dir), content_of(run_dir)
    (tmp_path / "copies").mkdir()
    with states_of(runs_dir, tmp_path / "copies") as states:
        do_run(settings, runs_dir, overwrite=True)
    # What comes after the removals is a run like any other.
    removals = "os.remove", "os.rmdir"
    while_clearing = itertools.takewhile(
        lambda state: state[0].startswith(removals), states
    )
    copies = [copy for _, copy in while_clearing]
    assert len(copies) > 15
    # Whole, and without its summary; later ones have fewer files that nobody
    # reads (tests/test_run_files.py).
    for copy in copies[:2]:
        finish_killed_run(settings, copy, expected)


def test_each_state_is_copied_once(tmp_path):
    (tmp_path / "copies").mkdir()
    path = tmp_path / "directory"
    with states_of(path, tmp_path / "copies") as states:
        path.mkdir()
        files.write_json(path / "file.json", {})
        (path / "inner").mkdir()
        (path / "inner" / "file").write_text("text")
        (path / "file.json").read_text()
        shutil.rmtree(path / "inner")
    found = [(change, crash_points.read_files(copy)) for change, copy in states]
    whole = {"file.json": b"{}\n", "inner/file": b"text"}
    assert found == [
        ("os.rename file.json", {}),
        ("open inner/file", {"file.json": b"{}\n"}),
        ("os.remove inner/file", whole),
        ("os.rmdir inner", {"file.json": b"{}\n"}),
    ]
    # What the first one was writing is there too.
    (temporary,) = states[0][1].iterdir()
    assert temporary.name.startswith(".writing-")
