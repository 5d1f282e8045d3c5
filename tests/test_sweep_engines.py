"""Sweeps of tiny runs by the engines, undisturbed and killed."""

import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import yaml

pytestmark = pytest.mark.slow

TINY = {
    "num_categories": 4,
    "num_train": 20,
    "num_test": 3,
    "n_seen": 2,
    "image_size": 32,
    "transform": "white_noise",
    "epochs": 3,
}

ENGINES = [
    pytest.param(("--engine", "local", "--jobs", "2"), id="local"),
    pytest.param(
        ("--engine", "ray"),
        id="ray",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("ray") is None, reason="needs ray"
        ),
    ),
]


@pytest.fixture
def command(tmp_path):
    """Returns the command of a sweep by its runs_dir, grid and options."""

    def make(runs_dir, grid, *options):
        path = tmp_path / f"{runs_dir}.yaml"
        path.write_text(yaml.safe_dump({"base": TINY, "grid": grid}))
        flags = ("--runs_dir", str(tmp_path / runs_dir), *options)
        program = (sys.executable, "-m", "invariance_tf", "sweep")
        return [*program, str(path), *flags]

    return make


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
        found[path.parent.name] = (summary, tables)
    return found


def start(command):
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


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


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_workers_lose_nothing(command, tmp_path, engine):
    grid = {"n_seen": [1, 2, 3]}
    alone = start(command("alone", grid, "--jobs", "1"))
    process = start(command("killed", grid, *engine))
    runs_dir = tmp_path / "killed"
    wait_for(lambda: [*runs_dir.glob("*/checkpoint.npz")], process)
    for process_id in workers_of(runs_dir / "sweep.log"):
        os.kill(process_id, signal.SIGKILL)
    output, error = process.communicate()
    assert process.returncode == 0, error
    assert "its process" in output and "it goes on" in output
    assert "3 done, 0 failed" in output
    _, error = alone.communicate()
    assert alone.returncode == 0, error
    assert results_of(runs_dir) == results_of(tmp_path / "alone")
    assert len(results_of(runs_dir)) == 3


def test_a_killed_sweep_ends_alike_when_repeated(command, tmp_path):
    grid = {"n_seen": [1, 2, 3], "epochs": 20}
    subprocess.run(command("whole", grid), check=True, capture_output=True)
    killed = tmp_path / "killed"

    def epochs_written():
        times = set()
        for path in killed.glob("*/checkpoint.npz"):
            # It goes when its run is done.
            with contextlib.suppress(FileNotFoundError):
                times.add(path.stat().st_mtime_ns)
        return times

    for seconds in (0.0, 0.3, 1.0):
        before = epochs_written()
        process = start(command("killed", grid))
        wait_for(lambda before=before: epochs_written() - before, process)
        time.sleep(seconds)
        process.kill()
        process.communicate()
    done = start(command("killed", grid))
    output, error = done.communicate()
    assert done.returncode == 0, error
    assert results_of(killed) == results_of(tmp_path / "whole")


def test_two_sweeps_share_their_runs(command, tmp_path):
    grid = {"n_seen": [0, 1, 2, 3]}
    both = [start(command("runs", grid, "--jobs", "1")) for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    for output in outputs:
        assert "4 done, 0 failed" in output
    log = (tmp_path / "runs" / "sweep.log").read_text()
    # Each was trained by one of them.
    assert log.count("Epoch 1/3") == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_fails_is_named_and_tried_again(command, tmp_path, engine):
    # The layer is not looked for before its network is there.
    grid = [{"seed": 0}, {"seed": 1, "ablate_layer": "logits"}]
    for _ in range(2):
        process = start(command("runs", grid, *engine))
        output, error = process.communicate()
        assert process.returncode == 1, error
        assert "1 done, 1 failed" in output
        assert "Received: ablate_layer=logits" in output
    (failure,) = (tmp_path / "runs").glob("*/failure.json")
    assert json.loads(failure.read_text())["error"] == "ValueError"
    assert "1 done before, 1 to do" in output


def test_an_interrupted_sweep_says_so_and_leaves_no_process(command, tmp_path):
    process = start(command("runs", {"n_seen": [1, 2, 3]}, "--jobs", "2"))
    log = tmp_path / "runs" / "sweep.log"
    wait_for(lambda: log.exists() and workers_of(log), process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert error == ("\nInterrupted. Run the same command again to continue.\n")
    for process_id in workers_of(log):
        assert not pathlib.Path(f"/proc/{process_id}").exists()


def test_a_task_of_a_job_array_does_its_run_only(command, tmp_path):
    grid = {"n_seen": [1, 2]}
    only = command("runs", grid, "--index", "1")
    assert subprocess.run(only, capture_output=True).returncode == 0
    ((summary, _),) = results_of(tmp_path / "runs").values()
    assert summary["n_seen"] == 2
    done = subprocess.run(
        command("runs", grid, "--index", "2"), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "from 0 to 1. Received: index=2" in done.stderr
    done = subprocess.run(
        command("runs", grid, "--dry_run"), capture_output=True, text=True
    )
    assert "Runs: 2; 1 done, 1 to do" in done.stdout
