"""Sweeps of tiny runs by the engines, undisturbed and killed."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import pytest
import yaml

from invariance_tf import load_runs
from invariance_tf.commands.sweep import run_sweep
from invariance_tf.paper.tables import save_runs

pytestmark = pytest.mark.slow

TINY = {
    "network": "conftest:two_layers_network",
    "num_categories": 4,
    "num_train": 20,
    "num_test": 3,
    "image_size": 32,
    "transform": "white_noise",
    "epochs": 20,
}
GRID = {"n_seen": [1, 2, 3]}
# The layer is not looked for before its network is there.
WITH_FAILURE = [GRID, {"n_seen": 0, "ablate_layer": "logits"}]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def write_sweep(path, grid):
    path.write_text(yaml.safe_dump({"base": TINY, "grid": grid}))
    return str(path)


def start(runs_dir, grid, *options):
    """Starts a sweep in a process of its own."""
    path = write_sweep(runs_dir.with_suffix(".yaml"), grid)
    command = [sys.executable, "-m", "invariance_tf", "sweep", path]
    return subprocess.Popen(
        [*command, "--runs_dir", str(runs_dir), *options],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results_of(runs_dir):
    """Everything that a repetition of the sweep must find again."""
    found = {}
    for path in runs_dir.glob("*/summary.json"):
        summary = json.loads(path.read_text())
        # Some of the files have times, and paths.
        for name in ("seconds", "files", "sha256"):
            del summary[name]
        tables = [
            path.with_name(name).read_text()
            for name in ("accuracy.csv", "ablation.csv", "layers.csv")
        ]
        model = keras.models.load_model(path.with_name("model.keras"))
        weights = [weight.tobytes() for weight in model.get_weights()]
        found[path.parent.name] = (summary, tables, weights)
    return found


def workers_of(sweep_log):
    """Process ids of the workers, from the lines of their log."""
    lines = sweep_log.read_text(errors="replace").splitlines()
    return {
        int(line.split()[2])
        for line in lines
        if "Begins: " in line and line.split()[2].isdecimal()
    }


def wait_for(condition, process):
    """Waits until a condition holds; the process must run until then."""
    while not condition():
        if process.poll() is not None:
            pytest.fail(process.communicate()[1])
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The directory of runs that two sweeps did together, and their output."""
    runs_dir = tmp_path_factory.mktemp("shared") / "runs"
    both = [start(runs_dir, GRID, "--jobs", "1") for _ in range(2)]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    return runs_dir, [output for output, _ in outputs]


def test_two_sweeps_share_their_runs(shared):
    runs_dir, outputs = shared
    for output in outputs:
        assert "3 done, 0 failed" in output
    # Each was trained by one of them.
    assert (runs_dir / "sweep.log").read_text().count("Epoch 1/20") == 3


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(("--engine", "local", "--jobs", "2"), id="local"),
        pytest.param(
            ("--engine", "ray"),
            id="ray",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("ray") is None, reason="needs ray"
            ),
        ),
    ],
)
def test_killed_workers_lose_nothing_and_failures_are_named(
    shared, tmp_path, engine
):
    runs_dir = tmp_path / "killed"
    process = start(runs_dir, WITH_FAILURE, *engine)
    wait_for(lambda: [*runs_dir.glob("*/checkpoint.npz")], process)
    for process_id in workers_of(runs_dir / "sweep.log"):
        os.kill(process_id, signal.SIGKILL)
    output, error = process.communicate()
    assert process.returncode == 1, error
    assert "its process" in output and "it goes on" in output
    assert "3 done, 1 failed" in output
    assert "Received: ablate_layer=logits" in output
    assert results_of(runs_dir) == results_of(shared[0])


def test_a_killed_sweep_ends_alike_when_repeated(shared, tmp_path):
    runs_dir = tmp_path / "killed"
    process = start(runs_dir, GRID)
    wait_for(lambda: [*runs_dir.glob("*/checkpoint.npz")], process)
    process.kill()
    process.communicate()
    assert len([*runs_dir.glob("*/summary.json")]) < 3
    again = start(runs_dir, GRID)
    _, error = again.communicate()
    assert again.returncode == 0, error
    assert results_of(runs_dir) == results_of(shared[0])


def test_a_run_that_fails_is_named_and_tried_again(tmp_path, here, capsys):
    grid = [{"n_seen": 1}, WITH_FAILURE[1]]
    path = write_sweep(tmp_path / "sweep.yaml", grid)
    options = ["--runs_dir", str(tmp_path / "runs")]
    for num_started in (2, 3):
        assert run_sweep([path, *options]) == 1
        assert here.num_started == num_started
        output = capsys.readouterr().out
        assert "1 done, 1 failed" in output
        assert "Received: ablate_layer=logits" in output
    (failure,) = (tmp_path / "runs").glob("*/failure.json")
    assert json.loads(failure.read_text())["error"] == "ValueError"
    assert "1 done before, 1 to do" in output


def test_an_interrupted_sweep_says_so_and_leaves_no_process(tmp_path):
    runs_dir = tmp_path / "runs"
    process = start(runs_dir, GRID, "--jobs", "2")
    log = runs_dir / "sweep.log"
    wait_for(lambda: log.exists() and workers_of(log), process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert error == ("\nInterrupted. Run the same command again to continue.\n")
    for process_id in workers_of(log):
        assert not pathlib.Path(f"/proc/{process_id}").exists()


def test_a_task_of_a_job_array_does_its_run_only(tmp_path, here, capsys):
    path = write_sweep(tmp_path / "sweep.yaml", {"n_seen": [1, 2]})
    command = [path, "--runs_dir", str(tmp_path / "runs")]
    assert run_sweep([*command, "--index", "1"]) == 0
    (path,) = (tmp_path / "runs").glob("*/summary.json")
    assert json.loads(path.read_text())["n_seen"] == 2
    assert run_sweep([*command, "--index", "2"]) == 2
    assert "from 0 to 1. Received: index=2" in capsys.readouterr().err
    assert run_sweep([*command, "--dry_run"]) == 0
    assert "Runs: 2; 1 done, 1 to do" in capsys.readouterr().out


def test_a_sweep_goes_on_where_another_machine_has_stopped(
    tmp_path, here, capsys
):
    """Only its tables are there, not its run directories."""
    path = write_sweep(tmp_path / "sweep.yaml", {"n_seen": [1, 2]})
    there, tables = str(tmp_path / "there"), str(tmp_path / "tables")
    assert run_sweep([path, "--runs_dir", there, "--index", "1"]) == 0
    save_runs(load_runs(there), tables)
    command = [path, "--runs_dir", str(tmp_path / "runs"), "--tables", tables]
    assert run_sweep(command) == 0
    output = capsys.readouterr().out
    assert "1 done before, 1 to do" in output
    assert f"figures {tables} {tmp_path / 'runs'}\n" in output
    (row,) = load_runs(tmp_path / "runs").runs.itertuples()
    assert row.n_seen == 1
    whole = load_runs(tables, tmp_path / "runs")
    assert {*whole.runs.n_seen} == {1, 2}
    # What comes next can be pasted, and names what is there.
    save_runs(whole, tmp_path / "all of it")
    places = ["--tables", str(tmp_path / "all of it")]
    places += ["--runs_dir", str(tmp_path / "nowhere")]
    assert run_sweep([path, *places]) == 0
    assert f"figures '{tmp_path / 'all of it'}'\n" in capsys.readouterr().out
    # Those of other images, or with too few measures, are done again.
    saved = load_runs(tables)
    for other in (
        dataclasses.replace(
            saved, runs=saved.runs.assign(fingerprint="of others")
        ),
        dataclasses.replace(saved, layers=saved.layers[:0]),
        dataclasses.replace(saved, runs=saved.runs.assign(tau=0.7)),
    ):
        save_runs(other, tables)
        assert run_sweep([*command, "--dry_run"]) == 0
        output = capsys.readouterr().out
        assert "Runs: 2; 1 done, 1 to do" in output
    # What is there to be read is read before anything is done.
    (tmp_path / "empty").mkdir()
    assert run_sweep([*command[:-1], str(tmp_path / "empty")]) == 2
    assert "`tables` must be a directory" in capsys.readouterr().err
