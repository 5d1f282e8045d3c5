"""Which images train, validate and test."""

import os

import numpy as np
import pytest

from invariance_tf import Experiment, datasets
from invariance_tf.files import write_csv
from invariance_tf.paradigm import splits
from invariance_tf.runs import preparation
from invariance_tf.runs.experiment import run_prepared

LABELS = np.repeat(np.arange(4), [3, 30, 7, 60])


def make_dataset(num_images=12, same=()):
    """A data set of two categories; `same` pairs positions of equal images."""
    images = np.random.default_rng(0).integers(
        0, 256, (num_images, 16, 16, 3), "uint8"
    )
    for one, other in same:
        images[one] = images[other]
    half = num_images // 2
    return datasets.Dataset(
        name="made",
        images=images,
        labels=np.repeat(np.arange(2, dtype="int32"), half),
        is_test=np.arange(num_images) % half < 2,
        categories=("cat", "dog"),
    )


def write_splits(path, dataset, parts):
    write_csv(path, splits.to_table(parts, dataset))
    return str(path)


def test_the_same_share_of_every_category_is_held_out():
    is_held_out = splits.hold_out(LABELS, 0.1, seed=0)
    num_held_out = np.bincount(LABELS[is_held_out], minlength=4)
    assert num_held_out.tolist() == [0, 3, 1, 6]
    other = splits.hold_out(LABELS, 0.1, seed=1)
    assert not np.array_equal(is_held_out, other)
    assert not splits.hold_out(LABELS, 0.0, seed=0).any()


def test_a_category_keeps_an_image_to_train_with():
    is_held_out = splits.hold_out(np.array([0, 1, 1]), 0.9, seed=0)
    assert np.bincount(np.array([0, 1, 1])[~is_held_out]).tolist() == [1, 1]


def test_every_image_is_in_one_part():
    dataset = make_dataset()
    parts = splits.divide(dataset, 0.25, seed=0)
    assert np.array_equal(parts == "test", dataset.is_test)
    assert np.sum(parts == "validation") == 2
    assert np.sum(parts == "train") == 6


def test_copies_of_test_images_are_not_trained_on(caplog):
    dataset = make_dataset(same=[(5, 0), (11, 1)])
    parts = splits.divide(dataset, 0.0, seed=0)
    assert parts[[5, 11]].tolist() == ["duplicate"] * 2
    assert np.sum(parts == "train") == 6
    assert "Dropped 2 training or validation images that" in caplog.text
    assert "cat/5" in caplog.text


def test_copies_within_one_part_stay():
    dataset = make_dataset(same=[(0, 1), (5, 4)])
    assert "duplicate" not in splits.divide(dataset, 0.0, seed=0)


def test_parts_share_no_content_whatever_is_held_out():
    dataset = make_dataset(
        40, same=[(3, 0), (5, 4), (24, 23), (30, 6), (31, 6)]
    )
    for seed in range(10):
        parts = splits.divide(dataset, 0.3, seed)
        found = [{*dataset.hashes[parts == part]} for part in splits.PARTS]
        train, validation, test = found
        assert not train & validation | train & test | validation & test


def test_a_category_of_nothing_but_copies_is_an_error():
    dataset = make_dataset(8, same=[(2, 0), (3, 1)])
    with pytest.raises(ValueError, match="for training.* no image of cat"):
        splits.check(splits.divide(dataset, 0.0, seed=0), dataset)


def test_splits_can_be_replayed(tmp_path):
    dataset = make_dataset()
    parts = splits.divide(dataset, 0.25, seed=3)
    path = write_splits(tmp_path / "splits.csv", dataset, parts)
    again, replayed = splits.replay(dataset, path)
    assert np.array_equal(replayed, parts)
    assert np.array_equal(again.images, dataset.images)
    assert splits.digest(replayed, again) == splits.digest(parts, dataset)


def test_what_is_not_in_the_file_is_not_in_the_data(tmp_path):
    dataset = make_dataset(30)
    parts = splits.divide(dataset, 0.0, seed=0)
    kept = dataset.take(np.arange(1, 30, 2), dataset.is_test[1::2])
    path = write_splits(tmp_path / "splits.csv", kept, parts[1::2])
    again, replayed = splits.replay(dataset, path)
    assert again.files == dataset.files[1::2]
    assert np.array_equal(again.images, dataset.images[1::2])
    assert np.array_equal(replayed, parts[1::2])


def test_a_category_without_images_is_gone(tmp_path):
    dataset = make_dataset()
    only_dogs = np.arange(6, 12)
    taken = dataset.take(only_dogs, dataset.is_test[only_dogs])
    assert taken.categories == ("dog",)
    assert taken.labels.tolist() == [0] * 6
    assert taken.fingerprint != dataset.fingerprint


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "have no rows"),
        ("file,split\ncat/0,test\n", "need the columns file, category and"),
        ("file,category,split\ncat/0,cat,exam\n", "split of row 2 must be"),
        ("file,category,split\ncat/99,cat,test\n", "1 of the 1 files"),
        ("file,category,split\ncat/0,dog,test\n", "cat/0 shows dog"),
        (
            "file,category,split\ncat/0,cat,test\ncat/0,cat,train\n",
            "Row 3 repeats cat/0",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, text, message):
    path = tmp_path / "splits.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        splits.replay(make_dataset(), str(path))
    with pytest.raises(FileNotFoundError, match="splits does not exist"):
        splits.replay(make_dataset(), str(tmp_path / "none.csv"))


def prepare(**settings):
    return preparation.prepare(
        Experiment(
            **{
                "network": "conftest:two_layers_network",
                "num_categories": 4,
                "num_train": 10,
                "num_test": 3,
                "n_seen": 2,
                **settings,
            }
        )
    )


def test_a_run_with_the_splits_of_another_has_its_images(tmp_path):
    first = prepare(seed=1)
    path = write_splits(tmp_path / "splits.csv", first.dataset, first.parts)
    second = prepare(seed=2, splits=path)
    assert np.array_equal(first.parts, second.parts)
    assert not np.array_equal(first.parts, prepare(seed=2).parts)


def test_choosing_settings_tests_on_held_out_images_only():
    usual, choosing = prepare(), prepare(test_on="validation")
    assert np.array_equal(
        choosing.positions("test"), usual.positions("validation")
    )
    assert not len(choosing.positions("validation"))
    assert np.array_equal(choosing.positions("train"), usual.positions("train"))
    assert usual.experiment.name() != choosing.experiment.name()


@pytest.mark.slow
def test_the_splits_of_choosing_settings_are_those_of_the_test(tmp_path):
    choosing = prepare(
        test_on="validation",
        analysis="none",
        epochs=1,
        runs_dir=str(tmp_path),
    )
    run_dir = run_prepared(choosing)["run_dir"]
    path = os.path.join(run_dir, "splits.csv")
    again = prepare(seed=2, splits=path)
    assert np.array_equal(again.parts, prepare().parts)
    chosen = prepare(seed=2, splits=path, test_on="validation")
    assert np.array_equal(chosen.parts, choosing.parts)


def test_choosing_settings_needs_a_held_out_image_of_every_category():
    with pytest.raises(ValueError, match="raise `validation_fraction`"):
        prepare(test_on="validation", validation_fraction=0.04)


def test_parts_of_no_data_set_here_share_content():
    faces = {"num_categories": 8, "num_train": 20, "num_test": 10}
    for name, sizes in (("synthfaces", faces), ("digits", {})):
        dataset = datasets.get(name, **sizes)
        parts = splits.divide(dataset, 0.1, seed=0)
        test = {*dataset.hashes[parts == "test"]}
        assert not test & {*dataset.hashes[parts == "train"]}


def test_images_of_records_are_taken_as_records():
    class Records:
        dtype = np.dtype("uint8")

        def __init__(self, positions):
            self.positions = positions
            self.shape = (len(positions), 16, 16, 3)

        def __len__(self):
            return len(self.positions)

        def take_records(self, positions):
            return Records(positions)

    made = make_dataset()
    dataset = datasets.Dataset.of_stored(
        fingerprint="stored",
        hashes=made.hashes,
        name="records",
        images=Records(np.arange(12)),
        labels=made.labels,
        is_test=made.is_test,
        categories=made.categories,
    )
    taken = dataset.take(np.array([0, 7]), np.array([True, False]))
    assert taken.images.positions.tolist() == [0, 7]
