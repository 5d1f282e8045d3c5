"""FaceScrub through TensorFlow Datasets."""

import hashlib
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from invariance_tf.datasets.facescrub import load_facescrub
from invariance_tf.datasets.facescrub.builder import Facescrub, FacescrubConfig
from invariance_tf.datasets.images import decoding

NAMES = ["Brad_Pitt", "León Ümit", "Zoe"]
PLAIN = "{name}/{number}.png"
SMALL = {"image_size": 16, "min_images": 3, "num_test": 1}


def make_faces(manual_dir, pattern=PLAIN, names=NAMES, num_images=4, seed=0):
    """Writes noise and returns the files' names by identity, then number."""
    generator = np.random.default_rng(seed)
    files = [
        pattern.format(name=name, number=number)
        for name in names
        for number in range(num_images)
    ]
    for file in files:
        path = manual_dir / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (24, 20, 3)).astype("uint8")
        Image.fromarray(pixels).save(path)
    return files


def load(manual_dir, config=None, split=None, mode=None):
    """Calls `tfds.load` as users do; data are prepared beside `manual_dir`."""
    download_config = tfds.download.DownloadConfig(
        manual_dir=manual_dir,
        download_mode=mode or tfds.GenerateMode.REUSE_DATASET_IF_EXISTS,
    )
    config = config or FacescrubConfig(name="small", **SMALL)
    return tfds.load(
        "facescrub",
        split=split,
        data_dir=manual_dir.parent / "prepared",
        builder_kwargs={"config": config},
        download_and_prepare_kwargs={"download_config": download_config},
        with_info=True,
    )


def expect_the_same(manual_dir, files, options):
    """Compares what is loaded with what the package reads, image by image."""
    splits, info = load(manual_dir, FacescrubConfig(name="any", **options))
    examples = {
        example["file"].decode(): (example, split == "test")
        for split in splits
        for example in tfds.as_numpy(splits[split])
    }
    cache_dir = manual_dir.parent / "cache"
    dataset = load_facescrub(manual_dir, cache_dir=cache_dir, **options)
    assert info.features["label"].names == list(dataset.categories)
    assert info.metadata["fingerprint"] == dataset.fingerprint
    assert len(examples) == len(dataset.images) == len(files)
    for position, file in enumerate(files):
        example, is_test = examples[file]
        assert is_test == dataset.is_test[position]
        assert example["label"] == dataset.labels[position]
        np.testing.assert_array_equal(
            example["image"], dataset.images[position], strict=True
        )


class TestAsTensorFlowDatasetsDoes(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Facescrub
    BUILDER_CONFIG_NAMES_TO_TEST = [FacescrubConfig(name="small", **SMALL)]
    SPLITS = {"train": 9, "test": 3}
    # It demands that all be read through TensorFlow, also memory maps.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.EXAMPLE_DIR)
        make_faces(pathlib.Path(cls.EXAMPLE_DIR, "facescrub"))
        super().setUpClass()


def test_arrangements_give_what_the_package_reads(tmp_path):
    pattern = "actors/faces/{name}/{number}.png"
    # Full images, which are not used where there are faces.
    make_faces(tmp_path / "faces", pattern.replace("face", "image"), seed=1)
    files = make_faces(tmp_path / "faces", pattern)
    expect_the_same(tmp_path / "faces", files, SMALL)


@pytest.mark.parametrize(
    "options",
    [{"max_images": 3}, {"num_test": 2}, {"central_crop": 0.5}],
    ids=str,
)
def test_options_are_those_of_the_package(tmp_path, options):
    files = make_faces(tmp_path / "faces")
    if "max_images" in options:
        files = [file for file in files if not file.endswith("3.png")]
    expect_the_same(tmp_path / "faces", files, {**SMALL, **options})


def test_identities_can_be_fixed_by_a_file(tmp_path):
    files = make_faces(tmp_path / "faces")
    path = tmp_path / "names.txt"
    path.write_text("Zoe\nBrad_Pitt\n")
    expected = [file for file in files if "Ümit" not in file]
    options = {**SMALL, "categories_file": str(path)}
    expect_the_same(tmp_path / "faces", expected, options)


def test_by_default_the_data_are_those_of_the_paper(tmp_path):
    manual_dir = tmp_path / "manual"
    for name, num_images in [("A", 100), ("B", 99), ("C", 101)]:
        pattern = "facescrub/{name}/{number:03}.bmp"
        make_faces(manual_dir, pattern, [name], num_images)
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    splits, info = tfds.load(
        "facescrub",
        data_dir=tmp_path,
        as_supervised=True,
        with_info=True,
        download_and_prepare_kwargs={"download_config": config},
    )
    assert info.full_name == "facescrub/faces100/2.0.0"
    assert info.features["label"].names == ["A", "C"]
    counts = {
        split: np.bincount([label for _, label in splits[split]]).tolist()
        for split in splits
    }
    assert counts == {"train": [90, 91], "test": [10, 10]}
    assert splits["train"].element_spec[0].shape == (100, 100, 3)
    dataset = load_facescrub(
        manual_dir / "facescrub", cache_dir=tmp_path / "cache"
    )
    assert info.metadata["fingerprint"] == dataset.fingerprint


def test_prepared_data_need_neither_the_faces_nor_the_package(tmp_path):
    make_faces(tmp_path / "faces")
    load(tmp_path / "faces")
    shutil.rmtree(tmp_path / "faces")
    program = (
        "import sys, tensorflow_datasets as tfds\n"
        "builder = tfds.builder('facescrub/small', data_dir=sys.argv[1])\n"
        "print(ascii(builder.info.features['label'].names))\n"
        "print(len(builder.info.metadata['fingerprint']))\n"
        "print('invariance_tf' in sys.modules)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "prepared"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert output.splitlines() == [ascii(NAMES), "64", "False"]
    assert len(list(load(tmp_path / "faces", split="test")[0])) == 3


def test_metadata_tell_whether_two_users_have_the_same_faces(tmp_path):
    def prepare(directory, **options):
        files = make_faces(tmp_path / directory / "faces", **options)
        unusable = tmp_path / directory / "faces" / "Zoe" / "broken.jpg"
        unusable.write_bytes(b"not an image")
        return files, load(tmp_path / directory / "faces")[1].metadata

    files, first = prepare("first")
    _, same = prepare("same")
    _, other_pixels = prepare("pixels", seed=1)
    _, other_files = prepare("files", pattern="{name}/{number}_.png")
    listing = "".join(f"{file}\n" for file in files)
    expected = hashlib.sha256(listing.encode()).hexdigest()
    assert first["listing_sha256"] == expected
    assert first["num_skipped"] == 1
    assert first["skipped"][0][0] == "Zoe/broken.jpg"
    assert first == same
    assert first["fingerprint"] == other_files["fingerprint"]
    assert first["listing_sha256"] == other_pixels["listing_sha256"]
    assert first["fingerprint"] != other_pixels["fingerprint"]
    assert first["listing_sha256"] != other_files["listing_sha256"]


def test_examples_are_shuffled_in_the_same_way_each_time(tmp_path):
    orders = []
    for directory in ["first", "second"]:
        files = make_faces(tmp_path / directory / "faces", num_images=8)
        examples, _ = load(tmp_path / directory / "faces", split="train")
        orders.append([example["file"].numpy() for example in examples])
    train = [file.encode() for file in files if "/0." not in file]
    assert orders[0] == orders[1] != train
    assert sorted(orders[0]) == sorted(train)


def test_data_prepared_again_have_the_new_identities(tmp_path):
    make_faces(tmp_path / "faces")
    _, first = load(tmp_path / "faces")
    make_faces(tmp_path / "faces", names=["Ann"])
    _, same = load(tmp_path / "faces")
    assert same.features["label"].names == NAMES
    mode = tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
    _, info = load(tmp_path / "faces", mode=mode)
    assert info.features["label"].names == ["Ann", *NAMES]
    assert info.features["label"].num_classes == 4
    assert info.metadata["fingerprint"] != first.metadata["fingerprint"]
    assert info.splits["train"].num_examples == 12


def test_nothing_is_downloaded_or_left_behind(tmp_path, monkeypatch):
    def refuse(*arguments):
        pytest.fail("The network was used.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("INVARIANCE_TF_CACHE", str(tmp_path / "cache"))
    make_faces(tmp_path / "faces")
    load(tmp_path / "faces")
    assert not (tmp_path / "cache").exists()
    directory = tmp_path / "prepared" / "facescrub" / "small" / "2.0.0"
    assert sorted(path.name for path in directory.iterdir()) == [
        "dataset_info.json",
        "facescrub-test.tfrecord-00000-of-00001",
        "facescrub-train.tfrecord-00000-of-00001",
        "features.json",
        "label.labels.txt",
        "metadata.json",
    ]


def test_the_folder_facescrub_is_read_and_nothing_beside_it(tmp_path):
    make_faces(tmp_path / "manual", "facescrub/" + PLAIN)
    make_faces(tmp_path / "manual", "imagenet/" + PLAIN, ["n01440764"])
    _, info = load(tmp_path / "manual")
    assert info.features["label"].names == NAMES


def test_without_faces_one_message_says_how_to_get_them(tmp_path):
    with pytest.raises(AssertionError) as caught:
        load(tmp_path / "faces")
    for part in [
        f"Manual directory {tmp_path / 'faces'} does not exist or is empty",
        "Ng & Winkler",
        "http://vintage.winklerbros.net/facescrub.html",
        "invariance-tf prepare facescrub",
        "actors/faces/Name/*",
    ]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_images": 9}, ValueError, "with 9 or more usable images"),
        ({"categories_file": "no.txt"}, FileNotFoundError, "no file .*no.txt"),
    ],
)
def test_errors_say_what_data_dir_is(tmp_path, options, error, message):
    make_faces(tmp_path / "faces")
    config = FacescrubConfig(name="other", **{**SMALL, **options})
    with pytest.raises(error, match=message) as caught:
        load(tmp_path / "faces", config)
    assert "`data_dir` is `manual_dir`" in caught.value.__notes__[0]
    assert not list((tmp_path / "prepared" / "facescrub").glob("other/*"))


def test_illegal_settings_are_reported_at_once():
    with pytest.raises(ValueError, match="Received: min_images=100"):
        FacescrubConfig(name="all", num_test=100)


def test_the_version_follows_the_decoder():
    assert Facescrub.VERSION.major == decoding.VERSION
    assert str(Facescrub.VERSION) in Facescrub.RELEASE_NOTES
