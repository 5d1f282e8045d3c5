"""The benchmark for a GPU, tried without one."""

import pathlib

import keras
import numpy as np
import pytest
from conftest import read_csv

ROOT = pathlib.Path(__file__).parents[1]
on_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax"
)


@pytest.fixture
def command(module, monkeypatch, capsys):
    """Runs the command on the processor; returns what it printed."""
    gpu = module("gpu")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def run(*options):
        monkeypatch.setattr("sys.argv", ["gpu", *map(str, options)])
        gpu.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def try_part(command, tmp_path):
    """Runs a part with tiny sizes; returns what it printed."""
    smoke = "--allow_cpu", "--smoke", "--out_dir", tmp_path
    return lambda part, *options: command("--parts", part, *smoke, *options)


def test_without_a_gpu_it_says_so_in_one_line(command, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        command("--out_dir", tmp_path / "out")
    error = capsys.readouterr().err
    assert error.endswith("Received: no GPU\n") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_work_begins_that_would_take_longer_than_what_is_left(
    module, monkeypatch, capsys
):
    gpu, now = module("gpu"), [0.0]
    monkeypatch.setattr(gpu.time, "monotonic", lambda: now[0])
    begun = []
    for seconds in gpu.affordable([10, 40, 30, 5], 100):
        begun.append(seconds)
        now[0] += seconds
    # 50 seconds are left for the third, and the second took 40; then 20.
    assert begun == [10, 40, 30]
    assert capsys.readouterr().out == "No time is left for 5 and the rest.\n"


@on_jax
def test_a_step_is_that_of_keras(module):
    """Each of four steps rounds a weight below 1 by up to 3e-8, and sums in
    another order differ by some 1e-7 of their largest terms. The weights move
    by some 1e-3: a ten-thousandth of it is room enough, and nothing
    compared with what other dropout would change.
    """
    import jax

    build = module("training_step").build_model
    steps, contest = module("gpu_steps"), module("contest")
    model = build("alexnet_small", 24, 5, learning_rate=0.01)
    model.optimizer.build(model.trainable_variables)
    images, flags, labels = contest.make_batch(8, 24, 5)
    batch = {"image": images, "is_transformed": flags}, labels
    # Keras uses up the arrays themselves.
    before = jax.tree.map(np.array, steps.state_of(model))
    state, losses, lone_losses = before, [], []
    step = jax.jit(steps.step_of(model))
    for _ in range(4):
        loss, state = step(state, batch)
        losses.append(float(loss))
        model.reset_metrics()
        lone_losses.append(model.train_on_batch(*batch)[0])
    assert losses == pytest.approx(lone_losses, rel=1e-5)
    for one, other, start in zip(
        *map(jax.tree.leaves, (state, steps.state_of(model), before)),
        strict=True,
    ):
        moved = abs(np.asarray(other) - start).max()
        assert abs(np.asarray(one) - other).max() <= 1e-4 * moved


@on_jax
def test_analysis_is_compared_with_the_bare_passes(try_part, tmp_path):
    try_part("analysis")
    rows = read_csv(tmp_path / "analysis.csv")
    passes = ["bare", "extraction", "invariance", "ablation"]
    assert [row["passes"] for row in rows] == passes
    assert float(rows[0]["times_bare"]) == 1
    assert {row["device"] for row in rows} == {"cpu"}


@on_jax
def test_steps_write_their_table(try_part, module, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    # Those of the other precisions are made below.
    monkeypatch.setattr(module("gpu_steps"), "PRECISIONS", ("bfloat16",))
    try_part("steps")
    rows = {row["contender"]: row for row in read_csv(tmp_path / "steps.csv")}
    assert {"keras bfloat16", "product bfloat16"} <= {*rows}
    assert all(float(row["milliseconds"]) > 0 for row in rows.values())
