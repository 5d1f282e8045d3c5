"""Keras on JAX trains, sweeps and measures where TensorFlow is missing."""

import os
import pathlib
import subprocess
import sys

import keras
import pandas as pd
import pytest

from invariance_tf import files

ROOT = pathlib.Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax"
)

SWEEP = """\
base:
  dataset: digits
  network: alexnet_small
  image_size: 24
  epochs: 1
grid:
  transform: [rotate90]
  n_seen: [5]
"""


@pytest.fixture
def run_python(tmp_path):
    """Runs a Python that has no TensorFlow, nor have those that it starts."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['tensorflow'] = None\n"
    )

    def run(*arguments, status=0, **variables):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "JAX_PLATFORMS": "cpu",
                "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
                **variables,
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stderr if status else done.stdout

    return run


def test_a_sweep_trains_measures_and_is_collected(run_python, tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    command = "-m", "invariance_tf", "sweep", "sweep.yaml", "--runs_dir", "runs"
    assert "1 done, 0 failed" in run_python(*command, "--jobs", "1")
    (summary_path,) = tmp_path.glob("runs/*/summary.json")
    summary = files.read_json(summary_path)
    assert 0 <= summary["invariance_all"] <= 1
    provenance = files.read_json(summary_path.parent / "provenance.json")
    assert provenance["backend"] == "jax"
    run_python("-m", "invariance_tf", "collect", "runs", "--out", "tables")
    (run,) = pd.read_parquet(tmp_path / "tables" / "runs.parquet").to_dict(
        "records"
    )
    assert run["across_accuracy"] == summary["across_accuracy"]


@pytest.mark.parametrize(
    ("arguments", "backend"),
    [
        (["run", "--epochs", "1"], "tensorflow"),
        (["run", "--dataset", "tfds:mnist"], "jax"),
        (["sweep", "sweep.yaml", "--dry_run"], "tensorflow"),
    ],
)
def test_what_needs_tensorflow_says_so_in_one_line(
    run_python, tmp_path, arguments, backend
):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    error = run_python(
        "-m", "invariance_tf", *arguments, status=2, KERAS_BACKEND=backend
    )
    assert error.splitlines()[-1].startswith(
        "error: This needs TensorFlow, which is not installed."
    )
    assert "Traceback" not in error


def test_the_benchmarks_of_a_gpu_run(run_python):
    program = (
        "import sys\n"
        "from benchmarks import analysis, gpu_steps\n"
        "work = analysis.SMALL_WORK['alexnet_small']\n"
        "passes, _ = analysis.make_passes(*work)\n"
        "passes['ablation']()\n"
        "work = gpu_steps.SMALL_WORK['alexnet_small_4']\n"
        "for precision in gpu_steps.PRECISIONS:\n"
        "    step = gpu_steps.make_step(precision, 1, *work)\n"
        "    print(step() > 0)\n"
        "print(sys.modules['tensorflow'])\n"
    )
    assert run_python("-c", program) == "True\n" * 3 + "None\n"
