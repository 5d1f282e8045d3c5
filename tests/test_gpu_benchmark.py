"""The benchmark for a GPU, tried without one."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import read_csv

ROOT = pathlib.Path(__file__).parents[1]
on_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax"
)

# Hides TensorFlow, as where it is not installed.
WITHOUT_TENSORFLOW = """\
import importlib.util, sys
find_spec = importlib.util.find_spec
sys.modules["tensorflow"] = None
importlib.util.find_spec = lambda name, *rest: (
    None if name == "tensorflow" else find_spec(name, *rest)
)
"""


@pytest.fixture
def faces(tmp_path):
    """The path of noise in the form of prepared faces."""
    path = tmp_path / "faces.npz"
    shape = (12, 16, 16, 3)
    np.savez(
        path,
        differences=np.random.default_rng(0).integers(0, 256, shape, "uint8"),
        labels=np.arange(3).repeat(4).astype("int32"),
        is_test=np.tile([True, False], 6),
        categories=np.array(["Ada", "Ben", "Cleo"]),
    )
    return path


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


def test_faces_are_prepared_from_a_directory_into_a_file(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        command("--prepare_lfw", "--data", "lfw.npz")
    error = capsys.readouterr().err
    assert "--prepare_lfw needs --data_dir and --data." in error


@pytest.fixture
def folders(tmp_path):
    """A directory of two people with 11 images each, and one with 9."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for person, num_images in (("Ada", 11), ("Ben", 11), ("Cleo", 9)):
        (tmp_path / "faces" / person).mkdir(parents=True)
        for number in range(num_images):
            noise = generator.integers(0, 256, (200, 200, 3), "uint8")
            path = tmp_path / "faces" / person / f"{number:02}.png"
            Image.fromarray(noise).save(path)
    return tmp_path / "faces"


def test_prepared_faces_are_the_central_squares(
    module, folders, tmp_path, monkeypatch
):
    """Half of 200 pixels is 100: no value changes. The first 4 are to test."""
    from PIL import Image

    monkeypatch.setenv("INVARIANCE_TF_CACHE", str(tmp_path / "cache"))
    faces = module("gpu_faces")
    faces.prepare(folders, tmp_path / "faces.npz", max_images=10)
    data = faces.load(tmp_path / "faces.npz")
    assert data["categories"].tolist() == ["Ada", "Ben"]
    assert data["labels"].tolist() == [0] * 10 + [1] * 10
    assert data["is_test"].tolist() == ([True] * 4 + [False] * 6) * 2
    images = np.array(
        [
            np.asarray(Image.open(folders / person / f"{number:02}.png"))
            for person in ("Ada", "Ben")
            for number in range(10)
        ]
    )
    assert (data["images"] == images[:, 50:150, 50:150]).all()


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


def test_draws_follow_the_paradigm(module):
    """Categories and then their images are equally likely, however many."""
    draw, num_draws = module("gpu_faces").draw, 60_000
    labels = np.array([1, 0, 1, 2, 1, 1, 1, 1, 2])
    is_seen = np.array([True, False, True])
    positions, flags = draw(
        labels, is_seen, num_draws, np.random.default_rng(0)
    )
    expected = 1 / 3 / np.bincount(labels)[labels]
    shares = np.bincount(positions, minlength=len(labels)) / num_draws
    # Five standard deviations of a share.
    room = 5 * np.sqrt(expected * (1 - expected) / num_draws)
    assert (abs(shares - expected) < room).all()
    drawn = labels[positions]
    assert not flags[drawn == 1].any()
    for category in (0, 2):
        of_category = flags[drawn == category]
        room = 5 * 0.5 / np.sqrt(len(of_category))
        assert of_category.mean() == pytest.approx(0.5, abs=room)


def test_few_and_many_seen_categories_come_first_and_seeds_last(module):
    faces = module("gpu_faces")
    keys = [*faces.plan(158)]
    assert len({*keys}) == len(keys) == 60
    num_transforms = len(faces.TRANSFORMS)
    first = keys[: 2 * num_transforms]
    assert {key[1] for key in first} == {1, 142}
    assert {key[0] for key in first[:num_transforms]} == {*faces.TRANSFORMS}
    assert [seed for *_, seed in keys] == sorted([0, 1, 2] * 20)


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
def test_faces_go_on_where_they_stopped(try_part, tmp_path, faces):
    try_part("faces", "--data", faces)
    path = tmp_path / "faces.csv"
    rows = read_csv(path)
    assert [row["transform"] for row in rows] == ["highpass", "blur"]
    assert all(0 <= float(row["across_accuracy"]) <= 1 for row in rows)
    assert {row["num_train"] for row in rows} == {"6"}
    # As if it had been stopped after the first network.
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:2]))
    said = try_part("faces", "--data", faces)
    assert said.startswith("blur") and said.count("\n") == 1
    measured = ("loss", "within_accuracy", "invariance_seen")
    again = read_csv(path)
    assert again[0] == rows[0]
    for name in measured:
        assert float(again[1][name]) == pytest.approx(float(rows[1][name]))


@on_jax
def test_steps_write_their_table(try_part, module, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    # Those of the other precisions are made below.
    monkeypatch.setattr(module("gpu_steps"), "PRECISIONS", ("bfloat16",))
    try_part("steps")
    rows = {row["contender"]: row for row in read_csv(tmp_path / "steps.csv")}
    assert {"keras bfloat16", "product bfloat16"} <= {*rows}
    assert all(float(row["milliseconds"]) > 0 for row in rows.values())


@on_jax
def test_what_it_needs_of_the_package_needs_no_tensorflow():
    program = WITHOUT_TENSORFLOW + (
        "from benchmarks import analysis, gpu_faces, gpu_steps\n"
        "work = analysis.SMALL_WORK['alexnet_small']\n"
        "passes, _ = analysis.make_passes(*work)\n"
        "passes['ablation']()\n"
        "work = gpu_steps.SMALL_WORK['alexnet_small_4']\n"
        "for precision in gpu_steps.PRECISIONS:\n"
        "    step = gpu_steps.make_step(precision, 1, *work)\n"
        "    print(step() > 0)\n"
        "print(sys.modules['tensorflow'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n" * 3 + "None\n"
