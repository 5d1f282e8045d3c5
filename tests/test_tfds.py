"""Sets of TensorFlow Datasets: which images, how divided, what is wrong."""

import os

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from fake_records import encode, photo, prepare, write_images

from invariance_tf import datasets
from invariance_tf.datasets.images import decoding
from invariance_tf.datasets.tfds import record_index
from invariance_tf.paradigm import splits

NAMES = ["cat", "dog", "eel"]
# Where the values of a part's images begin; images of a category are uneven in
# number, and each value says which image it is.
COUNTS = {"train": [4, 12, 7], "validation": [3, 3, 2], "test": [2, 3, 4]}
STARTS = {"train": 0, "validation": 100, "test": 200}


def values(part, label):
    start = STARTS[part] + 20 * label
    return [*range(start, start + COUNTS[part][label])]


def contents(part, is_labelled=True):
    """Returns the images of a part with their labels."""
    return [
        (encode(np.full((16, 16), value)), label if is_labelled else -1)
        for label in range(3)
        for value in values(part, label)
    ]


def read(dataset):
    """Returns the values of the images by category, tests before the others."""
    found = dataset.images[:][:, 0, 0, 0]
    return {
        name: [
            sorted(found[(dataset.labels == label) & (dataset.is_test == flag)])
            for flag in (True, False)
        ]
        for label, name in enumerate(dataset.categories)
    }


@pytest.fixture
def load(tmp_path):
    """Prepares a set, if parts are given, and loads it."""

    def load(parts=None, num_shards=1, names=NAMES, info=None, **options):
        if parts is not None:
            prepare(tmp_path / "data", parts, names, num_shards, **info or {})
        return datasets.get(
            "tfds:made_up",
            data_dir=tmp_path / "data",
            cache_dir=tmp_path / "cache",
            **{"image_size": 16, **options},
        )

    return load


@pytest.fixture
def usual(load, tmp_path):
    """A set of a part for training and one for testing, in two files each."""
    parts = {part: contents(part) for part in ("train", "test")}
    prepare(tmp_path / "data", parts, NAMES, num_shards=2)
    return load


def coloured(seed, label):
    return encode(photo(16, 16, seed)), label


# Two ways of reading


@pytest.mark.parametrize(
    "names, labels, info",
    [
        (NAMES, [0, 1, 2], {}),
        # As Labelled Faces in the Wild has them.
        (
            None,
            ["eel", "Émile", "cat"],
            {"supervised_keys": ("label", "image")},
        ),
        (NAMES, ["dog", "eel", "cat"], {"supervised_keys": None}),
    ],
)
def test_streamed_and_kept_images_are_the_same(load, names, labels, info):
    parts = {
        part: [
            coloured(start + 10 * number, label)
            for number, label in enumerate(labels * size)
        ]
        for part, start, size in (("train", 0, 5), ("test", 1, 2))
    }
    # An image of the test part is in the training part too.
    parts["train"].append(parts["test"][0])
    kept = load(parts, 2, names, info, stream=False)
    streamed = load(stream=True)
    assert isinstance(kept.images, np.memmap)
    assert not isinstance(streamed.images, np.ndarray)
    assert kept.categories == streamed.categories
    assert [*kept.categories] == (names or sorted(labels))
    assert kept.files == streamed.files and len({*kept.files}) == 22
    for name in ("labels", "is_test"):
        ours, theirs = getattr(kept, name), getattr(streamed, name)
        np.testing.assert_array_equal(ours, theirs, strict=True)
    assert np.array_equal(kept.images, streamed.images[:])
    ours, theirs = kept.hashes, streamed.hashes
    assert np.array_equal(ours[:, None] == ours, theirs[:, None] == theirs)
    ours, theirs = (
        splits.divide(dataset, 0.2, seed=0) for dataset in (kept, streamed)
    )
    assert np.array_equal(ours, theirs)
    assert np.sum(ours == "duplicate") == 1
    assert kept.name == streamed.name == "tfds"
    assert kept.skipped == streamed.skipped == ()


def test_large_sets_are_streamed_where_nothing_is_said(usual, monkeypatch):
    assert isinstance(usual().images, np.memmap)
    monkeypatch.setattr(datasets.tfds, "MOST_BYTES", 24_575)
    assert not isinstance(usual().images, np.ndarray)


# Which images are for what


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "parts, testing",
    [
        (["train", "test", "validation"], "test"),
        (["train", "validation"], "validation"),
        (["train", "test without labels", "validation"], "validation"),
    ],
)
def test_a_labelled_part_is_for_testing(load, parts, testing, stream):
    prepared = {
        part.split()[0]: contents(part.split()[0], "without" not in part)
        for part in parts
    }
    assert read(load(prepared, stream=stream)) == {
        name: [values(testing, label), values("train", label)]
        for label, name in enumerate(NAMES)
    }


def test_without_such_a_part_each_category_gives_its_first(load):
    everything = load({"train": contents("train")}, num_test=3)
    for label, name in enumerate(NAMES):
        test, train = read(everything)[name]
        assert sorted(test + train) == values("train", label)
    for label in range(3):
        is_test = everything.is_test[everything.labels == label]
        assert is_test.tolist() == [True] * 3 + [False] * (len(is_test) - 3)
    # By default ten, which only the dogs have.
    with pytest.raises(
        ValueError, match="with 11 or more images.* there are 1"
    ):
        load()


def test_another_number_of_test_images_is_another_split(load):
    """From the same cache, though the images are the same."""
    load({"train": contents("train")}, num_test=3)
    for num_test in (1, 2, 3):
        for test, train in read(load(num_test=num_test)).values():
            assert len(test) == num_test and len(train) >= 1


def test_the_number_of_test_images_can_be_chosen(usual):
    whole, chosen = read(usual()), read(usual(num_test=2))
    for name in NAMES:
        assert len(chosen[name][0]) == 2
        assert {*chosen[name][0]} <= {*whole[name][0]}
        assert chosen[name][1] == whole[name][1]


@pytest.mark.parametrize("stream", [False, True])
def test_categories_with_few_images_are_left_out(usual, stream):
    # There are 6, 15 and 11, test images included.
    found = usual(min_images=11, stream=stream)
    assert found.categories == ("dog", "eel")
    assert found.labels.max() == 1
    with pytest.raises(ValueError, match="there are 1.*min_images=12"):
        usual(min_images=12)


def test_a_category_without_images_for_both_is_left_out_for_that(load):
    cow = (encode(np.full((16, 16), 250)), 3)
    test = [each for each in contents("test") if each[1] != 2]
    found = load(
        {"train": contents("train"), "test": [*test, cow, cow]},
        names=[*NAMES, "cow"],
    )
    assert found.left_out == (
        ("cow", "2 test and 0 training images: both are needed"),
        ("eel", "0 test and 7 training images: both are needed"),
    )


@pytest.mark.parametrize("stream", [False, True])
def test_images_of_a_category_can_be_limited(usual, stream):
    whole, limited = read(usual()), read(usual(max_images=7, stream=stream))
    for name in NAMES:
        test, train = limited[name]
        assert test == whole[name][0]
        assert {*train} <= {*whole[name][1]}
        assert len(test + train) == min(7, len(sum(whole[name], [])))


def test_a_file_of_categories_restricts_them(usual, tmp_path):
    path = tmp_path / "categories.txt"
    path.write_text("eel\ncat\n")
    found = usual(categories_file=path)
    assert found.categories == ("cat", "eel")
    assert read(found)["eel"] == read(usual())["eel"]


# Mistakes


@pytest.mark.parametrize(
    "options, message",
    [
        ({"crops": "resnet"}, "use --stream true.*crops=resnet"),
        ({"crops": "five"}, "must be central or resnet.*crops='five'"),
        ({"num_test": 0}, "of 1 or more. Received: num_test=0"),
        ({"image_size": 8}, "from 16 to 1024. Received: image_size=8"),
        ({"num_test": 3, "min_images": 3}, "of 4 or more .*min_images=3"),
        (
            {"max_images": 4},
            "4 of the category eel: .*`num_test`.*max_images=4, num_test=None",
        ),
    ],
)
def test_illegal_options_are_named(usual, options, message):
    with pytest.raises(ValueError, match=message):
        usual(**options)


def test_an_unknown_set_is_named_with_a_similar_one():
    message = "Did you mean tfds:cifar100.*Received: dataset=tfds:cifar1000"
    with pytest.raises(ValueError, match=message):
        datasets.get("tfds:cifar1000")
    for name in ("tfds", "tfds:", "cifar100"):
        with pytest.raises(ValueError, match="Legal: .*tfds:NAME"):
            datasets.get(name)


def test_a_set_without_images_or_labels_is_refused(load, tmp_path):
    info = {"supervised_keys": ("image", "image")}
    with pytest.raises(ValueError, match="not one of images with one label"):
        load({"train": contents("train")}, info=info)


def test_a_set_without_a_training_part_is_refused(load):
    with pytest.raises(
        ValueError, match="must have a part `train`.*parts test"
    ):
        load({"test": contents("test")})


def test_a_set_of_one_category_is_refused(load):
    parts = {"train": [coloured(seed, 1) for seed in range(12)]}
    with pytest.raises(ValueError, match="At least 2 categories"):
        load(parts)


# Images that cannot be used


@pytest.mark.parametrize("stream", [False, True])
def test_images_that_cannot_be_used_are_left_out(load, stream):
    cmyk = encode(photo(20, 20, 1), "JPEG", mode="CMYK")
    png, jpeg = encode(photo(40, 40)), encode(photo(40, 40), "JPEG")
    late = len(png) - 6
    damaged = {
        "is a CMYK image": cmyk,
        "is not a readable JPEG": b"nothing",
        "cannot be decoded: image file is truncated": jpeg[:-30],
        "cannot be decoded": png[:late] + b"!!" + png[late + 2 :],
    }
    usable = [*contents("train"), *[coloured(seed, 0) for seed in range(5)]]
    parts = {
        "train": usable + [(content, 1) for content in damaged.values()],
        "test": contents("test"),
    }
    found = load(parts, stream=stream)
    assert len(found.images) == len(usable) + 9
    assert len(found.skipped) == 4
    for reason in damaged:
        assert any(text.startswith(reason) for _, text in found.skipped)
    for file, _ in found.skipped:
        assert file.startswith("train/made_up-train.tfrecord")
        assert file not in found.files


def test_what_passes_can_be_decoded_however_it_was_damaged(tmp_path):
    """Else a training would end in the middle."""
    generator = np.random.default_rng(0)
    survivors = []
    for format in ("JPEG", "PNG"):
        whole = np.frombuffer(encode(photo(48, 48), format), "uint8")
        for number in range(150):
            damaged = whole.copy()
            where = generator.integers(0, len(whole), 3)
            damaged[where] = generator.integers(0, 256, 3)
            damaged = damaged[: len(whole) - (number % 2) * number]
            with decoding.pillow_threads():
                if record_index._find_fault(damaged.tobytes()) is None:
                    survivors.append(damaged.tobytes())
    assert len(survivors) > 20
    write_images(tmp_path / "images", survivors, 16)[:]


def test_a_set_of_nothing_but_damage_is_refused(load):
    parts = {"train": [(b"nothing", label) for label in (0, 1)] * 2}
    with pytest.raises(ValueError, match="At least 2 categories"):
        load(parts, num_test=1)


def record_file(tmp_path, part="train"):
    paths = (tmp_path / "data").rglob(f"*-{part}.tfrecord-00000-*")
    return next(iter(paths))


@pytest.mark.parametrize("damage", ["cut off", "changed", "header"])
def test_a_damaged_record_file_is_named(usual, tmp_path, damage):
    path = record_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[{"changed": 300, "header": 2}.get(damage, 0)] ^= 1
    path.write_bytes(content[:-30] if damage == "cut off" else content)
    usual_message = f"record file {path} is damaged or cut off at byte .* of "
    with pytest.raises(ValueError, match=usual_message) as caught:
        usual()
    assert "Prepare the data set again" in str(caught.value)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("num_left", [0, 1])
def test_a_record_file_without_its_last_records_is_named(
    usual, tmp_path, part, num_left
):
    """To TensorFlow, it is whole."""
    path = record_file(tmp_path, part)
    records = [*tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    sizes = [12 + len(record) + 4 for record in records]
    path.write_bytes(path.read_bytes()[: sum(sizes[:num_left])])
    message = (
        f"record file {path} is damaged or cut off: it has {num_left} "
        f"records, not {len(records)}. Prepare the data set again"
    )
    with pytest.raises(ValueError, match=message):
        usual()


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_missing_record_file_is_named(usual, tmp_path, part):
    path = record_file(tmp_path, part)
    path.unlink()
    message = (
        rf"record file {path} cannot be read \(No such file or directory\). "
        "Prepare the data set again. Received: dataset=tfds:made_up"
    )
    with pytest.raises(OSError, match=message):
        usual()


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"a', b"\xff"])
def test_a_damaged_description_is_named(usual, tmp_path, name, content):
    [path] = (tmp_path / "data").rglob(name)
    path.write_bytes(content)
    message = (
        "cannot be opened: .*prepare the data set again. "
        "Received: dataset=tfds:made_up"
    )
    with pytest.raises(ValueError, match=message):
        usual()


# The list of images


@pytest.fixture
def files_read(monkeypatch):
    """Notes which record files are read for the list of images."""
    found = []
    read = record_index._read_file

    def noted(number, split, path, *others):
        found.append(os.path.basename(path))
        return read(number, split, path, *others)

    monkeypatch.setattr(record_index, "_read_file", noted)
    return found


def test_images_of_one_name_are_told_apart(tmp_path):
    path = str(tmp_path / "made_up.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for value, name in enumerate((b"a.png", b"b.png", b"a.png")):
            content = encode(np.full((16, 16), value))
            features = {
                "image": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[content])
                ),
                "label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[0])
                ),
                "file_name": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[name])
                ),
            }
            example = tf.train.Example(
                features=tf.train.Features(feature=features)
            )
            writer.write(example.SerializeToString())
    index = record_index.index_records(
        {"train": {path: 3}}, "image", "label", ["cat"], tmp_path
    )
    assert index.files == ["train/a.png#0", "train/b.png", "train/a.png#2"]


def test_records_are_read_once(usual, files_read):
    first = usual(stream=True)
    assert len(files_read) == 4
    for options in ({}, {"image_size": 24}, {"num_test": 1}, {"stream": True}):
        again = usual(**options)
    assert len(files_read) == 4
    assert again.fingerprint == first.fingerprint
    assert again.files == first.files and again.skipped == first.skipped


def test_a_changed_file_is_read_again(usual, files_read, tmp_path):
    usual(stream=True)
    path = record_file(tmp_path)
    times = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    usual(stream=True)
    assert len(files_read) == 8


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", None])
def test_a_damaged_list_is_made_again(usual, files_read, tmp_path, content):
    expected = usual(stream=True)
    [entry] = (tmp_path / "cache").glob("[!.]*")
    path = entry / "index.npz"
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    again = usual(stream=True)
    assert len(files_read) == 8
    assert again.fingerprint == expected.fingerprint
    assert [*(tmp_path / "cache").glob("[!.]*")] == [entry]


def test_an_interrupted_reading_leaves_nothing(usual, tmp_path, monkeypatch):
    calls = []

    def interrupt(content):
        calls.append(content)
        if len(calls) == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(record_index, "_find_fault", interrupt)
        with pytest.raises(KeyboardInterrupt):
            usual()
    left = {path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()}
    assert left == {".lock"}
    assert len(usual().images) == 32


# Preparing


class Shapes(tfds.core.GeneratorBasedBuilder):
    """Squares of two sizes, whose images have names of their own."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(16, 16, 3)),
            "label": tfds.features.ClassLabel(names=["small", "large"]),
            "file_name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(12):
            image = np.full((16, 16, 3), number, "uint8")
            image[: 4 + 8 * (number % 2), :4] = 255
            name = f"shape {number}.png"
            label = number % 2
            yield name, {"image": image, "label": label, "file_name": name}


def test_a_set_that_is_not_prepared_is_prepared_first(tmp_path):
    options = {
        "data_dir": str(tmp_path / "data"),
        "image_size": 16,
        "num_test": 2,
        "cache_dir": tmp_path / "cache",
    }
    found = datasets.get("tfds:shapes", **options)
    assert found.categories == ("small", "large")
    expected = [f"train/shape {number}.png" for number in range(12)]
    assert sorted(found.files) == sorted(expected)
    for image, label, file in zip(
        found.images, found.labels, found.files, strict=True
    ):
        number = int(file.split()[1].removesuffix(".png"))
        assert label == number % 2 and image[-1, -1, 0] == number
