"""A run that is killed before any change to its directory, and repeated."""

import csv
import dataclasses
import json
import os
import pathlib
import shutil

import keras
import pytest
from crash_points import changes_below

from invariance_tf import load_runs, run_files
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
        columns=["run_dir", "seconds", "git_is_modified"]
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


def check_killed_run(finished, runs_dir, first_refused):
    """Kills a run, and compares it with an undisturbed one when repeated."""
    settings, undisturbed = finished
    with changes_below(runs_dir, first_refused):
        do_run(settings, runs_dir)
    if runs_dir.is_dir():
        # Not finished yet, or whole.
        tables = read_tables(runs_dir)
        expected = read_tables(settings.runs_dir)
        assert tables is None or is_equal(tables, expected)
    run_dir = do_run(settings, runs_dir)["run_dir"]
    assert content_of(run_dir) == content_of(undisturbed["run_dir"])


def test_a_run_killed_at_its_end_is_complete_when_repeated(finished, tmp_path):
    name = os.path.basename(finished[1]["run_dir"])
    change = f"os.rename {name}/summary.json"
    check_killed_run(finished, tmp_path / "runs", change)


@pytest.mark.slow
def test_a_run_killed_anywhere_is_complete_when_repeated(finished, tmp_path):
    with changes_below(tmp_path / "counted") as changes:
        do_run(finished[0], tmp_path / "counted")
    assert len(changes) > 60
    for place in range(len(changes)):
        check_killed_run(finished, tmp_path / str(place), place)


def measure_again(run_dir):
    experiment.analyse_again(run_dir, tau=0.3)


def test_measures_that_are_half_in_place_are_whole_for_a_reader(run_dir):
    runs_dir = os.path.dirname(run_dir)
    old = read_tables(runs_dir)
    with changes_below(run_dir, "os.rename layers.csv"):
        measure_again(run_dir)
    found = read_tables(runs_dir)
    assert not is_equal(found, old)
    run_files.find_finished(run_dir).check()
    measure_again(run_dir)
    assert is_equal(found, read_tables(runs_dir))


@pytest.mark.slow
def test_measuring_can_be_killed_anywhere(finished, tmp_path):
    """A reader finds the old measures or the new ones, never some of each."""
    original = finished[0].runs_dir
    runs_dir, name = tmp_path / "runs", os.path.basename(finished[1]["run_dir"])
    run_dir = str(runs_dir / name)
    shutil.copytree(original, runs_dir)
    old = read_tables(runs_dir)
    with changes_below(runs_dir) as changes:
        measure_again(run_dir)
    assert len(changes) > 15
    new, expected = read_tables(runs_dir), content_of(run_dir)
    seen = []
    for place in range(len(changes)):
        shutil.rmtree(runs_dir)
        shutil.copytree(original, runs_dir)
        with changes_below(runs_dir, place):
            measure_again(run_dir)
        found = read_tables(runs_dir)
        is_old, is_new = (is_equal(found, tables) for tables in (old, new))
        assert is_old or is_new, changes[place]
        run_files.find_finished(run_dir).check()
        seen.append(is_new)
        measure_again(run_dir)
        assert content_of(run_dir) == expected, changes[place]
    assert seen == sorted(seen) and {*seen} == {False, True}


@pytest.mark.slow
def test_overwriting_can_be_killed_anywhere(finished, tmp_path):
    """Repeated without --overwrite, it is the old run or a new one."""
    settings, undisturbed = finished
    runs_dir = tmp_path / "runs"
    shutil.copytree(settings.runs_dir, runs_dir)
    old, expected = read_tables(runs_dir), content_of(undisturbed["run_dir"])
    with changes_below(runs_dir) as changes:
        do_run(settings, runs_dir, overwrite=True)
    for place in range(len(changes)):
        shutil.rmtree(runs_dir)
        shutil.copytree(settings.runs_dir, runs_dir)
        with changes_below(runs_dir, place):
            do_run(settings, runs_dir, overwrite=True)
        found = read_tables(runs_dir)
        assert found is None or is_equal(found, old)
        run_dir = do_run(settings, runs_dir)["run_dir"]
        assert content_of(run_dir) == expected, changes[place]


def test_all_changes_are_noticed_and_refused_from_one_on(finished, tmp_path):
    with changes_below(tmp_path) as changes:
        (tmp_path / "directory").mkdir()
        (tmp_path / "file").write_text("")
        os.replace(tmp_path / "file", tmp_path / "moved")
        (tmp_path / "moved").read_text()
        shutil.rmtree(tmp_path / "directory")
    assert changes == [
        "os.mkdir directory",
        "open file",
        "os.rename moved",
        "os.rmdir directory",
    ]
    with changes_below(tmp_path, 0):
        try:
            (tmp_path / "moved").unlink()
        finally:
            (tmp_path / "new").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]
