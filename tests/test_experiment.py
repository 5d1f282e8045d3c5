"""One experiment from the command to its run directory."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys

import conftest
import keras
import numpy as np
import pytest
import yaml
from conftest import read_csv

from invariance_tf import Experiment, files
from invariance_tf import run as run_experiment
from invariance_tf.commands import places
from invariance_tf.commands.sweep import run_sweep
from invariance_tf.runs import preparation, provenance
from invariance_tf.settings import families
from invariance_tf.training import learning

pytestmark = pytest.mark.usefixtures("two_layers")


@pytest.fixture
def summary(finished):
    """The summary of the finished run."""
    return finished[1]


@pytest.fixture
def copied(finished, run_dir):
    """The experiment of the copy of the finished run."""
    return dataclasses.replace(finished[0], runs_dir=os.path.dirname(run_dir))


def test_a_summary_has_the_health_of_the_run(summary):
    found = summary["health"]
    assert found["chance"] == 1 / 4
    assert found["original_accuracy"] == summary["clean_accuracy"]
    assert found["transformed_accuracy"] == summary["within_accuracy"]
    # The schedule of the small AlexNet falls to 2 % of its first rate.
    assert found["last_rate_over_peak"] < 0.05


@pytest.fixture
def hopeless(monkeypatch, tmp_path):
    """An experiment whose training does not learn, looked at early."""
    monkeypatch.setattr(learning, "WINDOW", 5)
    monkeypatch.setattr(learning, "PATIENCE", 10)
    return Experiment(
        network="two_layers",
        num_categories=4,
        num_train=10,
        num_test=2,
        image_size=32,
        n_seen=2,
        epochs=4,
        batch_size=8,
        learning_rate=1e-9,
        if_not_learning="stop",
        runs_dir=str(tmp_path),
    )


@pytest.mark.slow
def test_a_training_that_does_not_learn_can_end(hopeless):
    with pytest.raises(learning.NotLearningError, match="at step 10"):
        run_experiment(hopeless)
    # It is the same run as one that goes on, and can be taken up again.
    other = dataclasses.replace(hopeless, if_not_learning="continue")
    assert other.resolve().name() == hopeless.resolve().name()
    assert not run_experiment(other)["was_done"]


@pytest.mark.slow
def test_chance_is_told_by_the_images_of_smaller_batches_too(
    hopeless, monkeypatch
):
    """An epoch has 36 images: four batches of 8, and one of 4."""
    counted = []
    monkeypatch.setattr(
        learning, "is_above_chance", lambda *found: counted.append(found[2])
    )
    run_experiment(
        dataclasses.replace(
            hopeless, if_not_learning="continue", analysis="none"
        )
    )
    assert counted == pytest.approx([36] * 4)


def test_a_sweep_says_why_a_training_ended(hopeless, tmp_path, here, capsys):
    settings = dataclasses.asdict(hopeless)
    base = {
        name: value for name, value in settings.items() if value is not None
    }
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"base": base}))
    assert run_sweep([str(path)]) == 1
    output = capsys.readouterr().out
    assert "0 done, 1 failed" in output
    assert "Still at chance at step 10" in output


def test_the_run_directory_holds_everything(summary):
    assert sorted(os.listdir(summary["run_dir"])) == sorted(
        [
            ".lock",
            "ablation.csv",
            "accuracy.csv",
            "accuracy_by_category.csv",
            "active_counts.csv",
            "categories.csv",
            "config.yaml",
            "confusion.csv",
            "confusion_matrix.csv",
            "confusion.png",
            "examples.png",
            "history.csv",
            "layers.csv",
            "model.keras",
            "near_copies.csv",
            "neurons.parquet",
            "provenance.json",
            "skipped.csv",
            "splits.csv",
            "summary.json",
            "tensorboard",
        ]
    )


def test_a_summary_lists_every_file_of_the_run(summary):
    """A new file of a run belongs into `run_files.LISTED`."""
    others = {".lock", "summary.json", "tensorboard"}
    names = {*os.listdir(summary["run_dir"])} - others
    assert {*summary["files"]} == names
    for name, described in summary["files"].items():
        with open(os.path.join(summary["run_dir"], name), "rb") as file:
            content = file.read()
        digest = hashlib.sha256(content).hexdigest()
        assert described == {"size": len(content), "sha256": digest}


def test_the_settings_of_a_run_make_the_same_run(summary):
    with open(os.path.join(summary["run_dir"], "config.yaml")) as file:
        experiment = Experiment(**yaml.safe_load(file)).resolve()
    assert os.path.basename(summary["run_dir"]) == experiment.name()


def test_the_accuracies_agree_with_the_model(finished):
    """Counted again from the saved model, image by image."""
    settings, summary = finished
    prepared = preparation.prepare(settings)
    model = keras.models.load_model(
        os.path.join(summary["run_dir"], "model.keras")
    )
    dataset, is_seen = prepared.dataset, prepared.is_seen
    test = np.flatnonzero(dataset.is_test)
    rows = read_csv(summary["run_dir"], "accuracy.csv")
    assert len(rows) == 6
    for row in rows:
        flags = np.full(len(test), row["test_transform"] == "highpass")
        inputs = {"image": dataset.images[test], "is_transformed": flags}
        logits = model.predict(inputs, verbose=0)
        is_correct = logits.argmax(axis=1) == dataset.labels[test]
        group = {
            "seen": is_seen[dataset.labels[test]],
            "unseen": ~is_seen[dataset.labels[test]],
            "all": np.ones(len(test), bool),
        }[row["category_group"]]
        assert int(row["num_images"]) == group.sum()
        assert float(row["accuracy"]) == pytest.approx(is_correct[group].mean())
    accuracy = {
        (row["test_transform"], row["category_group"]): float(row["accuracy"])
        for row in rows
    }
    assert summary["within_accuracy"] == accuracy["highpass", "seen"]
    assert summary["across_accuracy"] == accuracy["highpass", "unseen"]
    assert summary["clean_accuracy"] == accuracy["identity", "all"]


def test_the_categories_are_counted(summary):
    rows = read_csv(summary["run_dir"], "categories.csv")
    assert [row["category"] for row in rows] == [
        f"face_{index:03d}" for index in range(4)
    ]
    groups = [row["category_group"] for row in rows]
    assert sorted(groups) == ["seen", "seen", "unseen", "unseen"]
    for row in rows:
        counts = (row["num_train"], row["num_test"], row["num_validation"])
        assert counts == ("9", "20", "1")


def test_the_history_follows_both_versions_of_the_held_out_images(summary):
    rows = read_csv(summary["run_dir"], "history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for column in (
        "loss",
        "learning_rate",
        "validation_original_all",
        "validation_transformed_seen",
        "validation_transformed_unseen",
    ):
        assert math.isfinite(float(rows[1][column])), column


def test_the_provenance_names_versions_data_and_time(summary):
    with open(os.path.join(summary["run_dir"], "provenance.json")) as file:
        provenance = json.load(file)
    assert provenance["versions"]["keras"] == keras.__version__
    assert provenance["data"]["num_images"] == 4 * 30
    assert provenance["data"]["num_skipped"] == 0
    parts = ("train", "validation", "test")
    counts = [provenance["data"][f"num_{part}"] for part in parts]
    assert counts == [4 * 9, 4 * 1, 4 * 20]
    assert provenance["seconds"].keys() == {
        *("data", "model", "training", "evaluation", "analysis")
    }


def test_the_provenance_keeps_the_environments_of_a_resumed_run(
    finished, run_dir, monkeypatch
):
    path = pathlib.Path(run_dir, "provenance.json")
    before = json.loads(path.read_text())
    assert before["earlier"] == []
    prepared = preparation.prepare(finished[0])
    prepared = dataclasses.replace(prepared, run_dir=run_dir)
    for name in ("first", "second", "second"):
        monkeypatch.setattr(provenance, "_git", lambda *_, name=name: name)
        provenance.write_provenance(prepared)
    after = json.loads(path.read_text())
    earlier = [each["git_commit"] for each in after["earlier"]]
    assert earlier == [before["git_commit"], "first"]
    assert after["git_commit"] == "second"
    assert "data" not in after["earlier"][0]


def test_a_finished_run_is_left_as_it_is(finished):
    settings, summary = finished
    path = os.path.join(summary["run_dir"], "model.keras")
    before = os.stat(path).st_mtime_ns
    again = run_experiment(settings)
    assert again["was_done"] and not summary["was_done"]
    assert again["across_accuracy"] == summary["across_accuracy"]
    assert os.stat(path).st_mtime_ns == before


def test_a_finished_run_answers_where_nobody_can_write(
    copied, run_dir, monkeypatch
):
    listed = sorted(os.listdir(run_dir))
    # Root may write everywhere: the system's answer is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    places.check_runs([copied.resolve()])
    assert run_experiment(copied)["was_done"]
    assert sorted(os.listdir(run_dir)) == listed
    with open(os.path.join(run_dir, "history.csv"), "w"):
        pass
    with pytest.raises(files.DamagedFileError, match="history.csv has 0 bytes"):
        run_experiment(copied)


def test_a_run_to_be_made_needs_a_place_to_write(copied, run_dir, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    other = dataclasses.replace(copied, seed=77).resolve()
    for settings, overwrite in ((other, False), (copied.resolve(), True)):
        with pytest.raises(PermissionError, match="you may not in"):
            places.check_runs([settings], overwrite)


def test_overwriting_gives_the_same_numbers_again(summary, run_dir, copied):
    path = os.path.join(run_dir, "model.keras")
    before = os.stat(path).st_mtime_ns
    again = run_experiment(copied, overwrite=True)
    assert not again["was_done"]
    assert os.stat(path).st_mtime_ns > before
    for name in ("within_accuracy", "across_accuracy", "clean_accuracy"):
        assert again[name] == summary[name]


@pytest.mark.slow
def test_a_run_heeds_no_settings_of_keras_own(summary, run_dir, copied):
    history = read_csv(run_dir, "history.csv")
    chosen = {"floatx": "float16", "epsilon": 0.1, "dtype_policy": "float16"}
    former = {name: getattr(keras.config, name)() for name in chosen}

    def set_keras(values):
        for name, value in values.items():
            getattr(keras.config, f"set_{name}")(value)

    set_keras(chosen)
    try:
        again = run_experiment(copied, overwrite=True)
        assert keras.config.floatx() == "float16"
        assert keras.config.dtype_policy().name == "float16"
    finally:
        set_keras(former)
    assert again["across_accuracy"] == summary["across_accuracy"]
    assert again["invariance_all"] == pytest.approx(summary["invariance_all"])
    for row, before in zip(
        read_csv(run_dir, "history.csv"), history, strict=True
    ):
        loss = pytest.approx(float(before["loss"]), rel=1e-5)
        assert float(row["loss"]) == loss


@pytest.mark.parametrize("name", ["fingerprint", "splits"])
def test_other_images_of_another_version_are_noticed(run_dir, copied, name):
    path = os.path.join(run_dir, "provenance.json")
    with open(path) as file:
        provenance = json.load(file)
    provenance["versions"]["numpy"] = "1.0"
    provenance["data"][name] = "of other images"
    with open(path, "w") as file:
        json.dump(provenance, file)
    conftest.list_files_again(run_dir)
    with pytest.raises(FileExistsError, match="different images.*--overwrite"):
        run_experiment(copied)


@pytest.fixture(scope="module")
def bare(finished, tmp_path_factory):
    """A run of one epoch without unseen categories and held-out images."""
    settings = dataclasses.replace(
        finished[0],
        n_seen="all",
        validation_fraction=0.0,
        epochs=1,
        num_test=3,
        runs_dir=str(tmp_path_factory.mktemp("bare")),
    )
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        return settings, run_experiment(settings)


def test_an_empty_group_has_no_accuracy(bare):
    settings, summary = bare
    assert summary["n_seen"] == 4
    assert math.isnan(summary["across_accuracy"])
    with open(os.path.join(summary["run_dir"], "summary.json")) as file:
        assert json.load(file)["across_accuracy"] is None
    number = dataclasses.replace(settings, n_seen=4)
    assert run_experiment(number)["was_done"]


def test_training_works_without_a_validation_part(bare):
    (row,) = read_csv(bare[1]["run_dir"], "history.csv")
    assert not [name for name in row if name.startswith("validation")]


@pytest.mark.slow
def test_the_model_loads_after_a_bare_import_of_the_package(summary):
    program = (
        "import sys, invariance_tf, keras, numpy as np\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "image = np.zeros((1, 32, 32, 3))\n"
        "flag = np.array([True])\n"
        "inputs = {'image': image, 'is_transformed': flag}\n"
        "sys.exit(model.predict(inputs, verbose=0).shape != (1, 4))\n"
    )
    path = os.path.join(summary["run_dir"], "model.keras")
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_transformations_that_imagenet_shows_anyway_are_pointed_out(caplog):
    for name in ("identity", *families.OF_IMAGENET):
        preparation._warn_of_transform(name)
    assert not caplog.records
    preparation._warn_of_transform("rotate90")
    assert "already vary in rotate90" in caplog.text
