"""What is found in a folder: mistakes in it, near copies, and what is said."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from invariance_tf import Experiment, datasets
from invariance_tf.datasets.folder import count_categories, load_folder
from invariance_tf.files import read_json
from invariance_tf.paradigm import splits
from invariance_tf.runs import preparation, provenance


def photo(seed, size=64):
    """A picture with large forms and fine texture, of its own for each seed."""
    generator = np.random.default_rng(seed)
    values = np.zeros((size, size, 3))
    for side in (4, 16, size):
        coarse = generator.integers(0, 256, (side, side, 3), "uint8")
        image = Image.fromarray(coarse).resize((size, size))
        values += np.asarray(image) * {4: 0.5, 16: 0.3, size: 0.2}[side]
    return Image.fromarray(values.astype("uint8"))


def compressed(image):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=40)
    return Image.open(stream)


def shifted(image):
    return Image.fromarray(np.roll(image, (1, -1), axis=(0, 1)))


def brightened(image):
    return ImageEnhance.Brightness(image).enhance(1.2)


COPIES = (compressed, shifted, brightened)


@pytest.fixture
def data_dir(tmp_path):
    """Two categories of twelve photos; training has three copies of a cat."""
    for label, category in enumerate(["cat", "dog"]):
        for number in range(12):
            path = tmp_path / "pets" / category / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo(100 * label + number).save(path)
    for number, copy in enumerate(COPIES):
        path = tmp_path / "pets" / "cat" / f"copy{number}.png"
        copy(photo(number)).save(path)
    return tmp_path / "pets"


@pytest.fixture
def experiment(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("INVARIANCE_TF_CACHE", str(tmp_path / "cache"))
    return {
        "dataset": "folder",
        "data_dir": str(data_dir),
        "num_test": 4,
        "n_seen": 1,
        "batch_size": 4,
    }


PAIRS = [(f"cat/copy{number}.png", f"cat/0{number}.png") for number in range(3)]


# Near copies


def test_copies_of_a_photo_are_found_and_other_photos_are_not(experiment):
    _, dataset, parts = preparation.check(Experiment(**experiment))
    assert (parts != "duplicate").all()
    pairs = splits.find_near_copies(parts, dataset)
    names = [(dataset.files[one], dataset.files[two]) for one, two in pairs]
    in_training = [pair for pair in names if pair[1] in dict(PAIRS).values()]
    assert sorted(in_training) == PAIRS
    table = splits.to_pairs_table(pairs, parts, dataset)
    assert {*table["similar_split"]} <= {"test", "validation"}


def test_near_copies_are_dropped_only_if_asked(experiment, caplog):
    _, dataset, parts = preparation.check(Experiment(**experiment))
    assert "near_copy" not in parts
    assert not caplog.records
    dropping = Experiment(**experiment, near_copies="drop")
    _, dataset, parts = preparation.check(dropping)
    dropped = {dataset.files[at] for at in np.flatnonzero(parts == "near_copy")}
    assert dropped == {*dict(PAIRS)}
    assert (
        "Dropped 3 training or validation images that resemble" in caplog.text
    )
    assert not len(splits.find_near_copies(parts, dataset))


def test_a_part_may_hold_two_copies_of_a_photo():
    images = np.stack([np.asarray(photo(seed)) for seed in (0, 1, 2, 2, 3, 3)])
    images[3::2] += 1
    labels = [0, 0, 0, 0, 1, 1]
    dataset = datasets.Dataset(
        "made", images, labels, np.zeros(6, bool), ("a", "b")
    )
    assert not len(splits.find_near_copies(np.array(["train"] * 6), dataset))
    parts = np.array(["test", "train", "train", "test", "test", "validation"])
    pairs = splits.find_near_copies(parts, dataset)
    assert pairs.tolist() == [[2, 3], [5, 4]]


def test_an_image_of_one_colour_resembles_nothing():
    images = np.full((4, 16, 16, 3), 100, "uint8")
    dataset = datasets.Dataset(
        "made", images, [0, 0, 1, 1], [True, False] * 2, ("a", "b")
    )
    parts = np.array(["test", "train"] * 2)
    assert not len(splits.find_near_copies(parts, dataset))


def test_near_copies_in_splits_stay_out_of_training(experiment, tmp_path):
    dropping = Experiment(**experiment, near_copies="drop")
    _, dataset, parts = preparation.check(dropping)
    path = tmp_path / "splits.csv"
    table = splits.to_table(parts, dataset)
    rows = zip(*table.values(), strict=True)
    lines = [",".join(table), *map(",".join, rows)]
    path.write_text("\n".join(lines))
    _, _, again = preparation.check(Experiment(**experiment, splits=str(path)))
    assert again.tolist() == parts.tolist()


def test_settings_that_are_new_leave_former_names_alone(experiment):
    before = Experiment(**experiment).resolve().name()
    asked = Experiment(**experiment, near_copies="warn").resolve()
    assert asked.name() == before
    dropping = Experiment(**experiment, near_copies="drop").resolve()
    assert dropping.name().rpartition("-")[0] == before.rpartition("-")[0]
    assert dropping.name() != before
    named = Experiment(**experiment, data_name="pets").resolve()
    assert named.name() == before.replace("folder-", "pets-")


# What is said and recorded


@pytest.mark.usefixtures("two_layers")
def test_what_was_found_is_said_and_recorded(experiment, data_dir, caplog):
    (data_dir / "dog" / "99.png").write_bytes(b"<html>")
    for number in range(3):
        path = data_dir / "cow" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        photo(300 + number).save(path)
    photo(0).save(data_dir / "cat" / "same.png")
    caplog.set_level("INFO")
    prepared = preparation.prepare(
        Experiment(**experiment, network="two_layers")
    )
    messages = [record.getMessage() for record in caplog.records]
    for start in (
        "Found 28 images of 2 categories: 17 for training, 2 for validation, 8",
        "Categories left out: 1, fewer than 5 usable images (cow).",
        "Files that cannot be used: 1 (dog/99.png is not a readable JPEG",
        "Dropped 1 training or validation images that exactly duplicate",
        "3 of 8 test images and 0 of 2 validation images resemble one of an "
        "earlier part (cat/copy0.png like cat/00.png; ",
    ):
        assert [text for text in messages if text.startswith(start)], start
    prepared = dataclasses.replace(prepared, run_dir=str(data_dir))
    provenance.write_provenance(prepared)
    data = read_json(data_dir / "provenance.json")["data"]
    assert data["left_out"] == {"fewer than 5 usable images": ["cow"]}
    assert data["num_test_copied"] == data["num_near_copies"] == 3
    assert data["num_duplicates"] == data["num_skipped"] == 1


# Folders that are not categories


def lay_out(root, *patterns):
    """Writes images; in a pattern, * stands for two folders, # for images."""
    for pattern in patterns:
        for folder in ["n01", "n02"] if "*" in pattern else [""]:
            for number in range(3):
                name = pattern.replace("*", folder).replace(
                    "#", f"{number}.png"
                )
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                photo(number, 16).save(root / name)
    return root


@pytest.mark.parametrize(
    ("patterns", "said", "given"),
    [
        # Tiny-ImageNet.
        (
            ["train/*/images/#", "val/images/#", "test/images/#"],
            "of a data set hold images: test, val. Use --data_dir {}/train",
            "train",
        ),
        (
            ["train/*/#", "test/#"],
            "hold images: test. Use --data_dir {}/train",
            "train",
        ),
        (
            ["train/#", "test/#"],
            "test, train. Make one folder per category",
            "",
        ),
        (["*/#", "Validation/#"], "Validation. Name the categories in a", ""),
        (
            ["images/#", "trimaps/#"],
            "images. Name the categories in a file",
            "",
        ),
        (
            ["birds/*/#", "cat/#"],
            "different depths: cat and birds/n0.. Use --data_dir {}/birds",
            "birds",
        ),
        (["cat/#"], "only one folder of images, cat", ""),
        (
            ["#"],
            "not in folders of categories .*first: 0.png.*--data_dir {}/..",
            "",
        ),
    ],
)
def test_folders_that_are_hardly_categories_are_refused(
    tmp_path, patterns, said, given
):
    root = lay_out(tmp_path / "root", *patterns)
    options = {"num_test": 1, "image_size": 16, "cache_dir": tmp_path}
    said = said.replace("{}/..", str(tmp_path)).replace("{}", str(root))
    for look in (load_folder, count_categories):
        with pytest.raises(ValueError, match=said) as caught:
            look(root, **options)
        assert str(caught.value).endswith(f"Received: data_dir='{root}'")
    if given:
        dataset = load_folder(root / given, **options)
        assert dataset.categories == ("n01", "n02")


def test_a_person_may_be_called_test(tmp_path):
    root = lay_out(tmp_path / "root", "*/#", "test/#")
    listing = tmp_path / "people.txt"
    listing.write_text("n01\ntest\n")
    dataset = load_folder(
        root, num_test=1, categories_file=listing, cache_dir=tmp_path
    )
    assert dataset.categories == ("n01", "test")
