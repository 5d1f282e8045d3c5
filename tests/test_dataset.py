"""What a data set refuses, and that it knows its own content."""

import dataclasses

import numpy as np
import pytest

from invariance_tf import Experiment, datasets
from invariance_tf.datasets import Dataset
from invariance_tf.datasets.images.fingerprint import fingerprint
from invariance_tf.runs import network_building, preparation

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), "uint8")
CONTENT = {
    "name": "made",
    "images": IMAGES,
    "labels": np.array([0, 0, 0, 1, 1, 1], "int32"),
    "is_test": np.array([True, False, False] * 2),
    "categories": ("cat", "dog"),
}


def make(**changes):
    return Dataset(**{**CONTENT, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"images": IMAGES.astype("float64")},
        {"images": IMAGES.astype("int64")},
        {"images": [*IMAGES]},
        {"labels": ["cat"] * 3 + ["dog"] * 3},
        {"labels": CONTENT["labels"].astype(object)},
        {"labels": np.eye(2)[CONTENT["labels"]]},
        {"is_test": [True, False, False] * 2, "categories": ["cat", "dog"]},
    ],
)
def test_the_same_content_in_another_form_is_the_same_data_set(changes):
    usual, other = make(), make(**changes)
    assert other.images.dtype == "uint8" and other.labels.dtype == "int32"
    assert other.fingerprint == usual.fingerprint
    assert np.array_equal(other.hashes, usual.hashes)


@pytest.mark.parametrize("dtype", ["U", "S", object, np.dtypes.StringDType()])
@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_names_have_the_numbers_of_the_categories(dtype, shape):
    """Whatever they are stored as, not those of the alphabet."""
    labels = np.array(["dog"] * 3 + ["cat"] * 3).astype(dtype).reshape(shape)
    made = make(labels=labels, categories=("dog", "cat"))
    assert made.labels.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"images": IMAGES[::-1]},
        {
            "images": IMAGES
            ^ (np.arange(6 * 8 * 8 * 3) == 7).reshape(IMAGES.shape)
        },
        {"labels": CONTENT["labels"][[0, 0, 0, 0, 4, 5]]},
        {"is_test": CONTENT["is_test"][::-1]},
        {"categories": ("cat", "cow")},
    ],
)
def test_the_fingerprint_is_of_the_true_content(changes):
    assert make(**changes).fingerprint != make().fingerprint
    replaced = dataclasses.replace(make(), **changes)
    assert replaced.fingerprint == make(**changes).fingerprint
    with pytest.raises(TypeError, match="fingerprint"):
        make(fingerprint="of another")


def test_images_that_would_be_rounded_have_no_fingerprint():
    fractions = IMAGES / 300
    with pytest.raises(ValueError, match="between 0 and 1"):
        make(images=fractions)
    with pytest.raises(TypeError, match="whole numbers.*np.rint"):
        make(images=fractions * 255)
    rest = [CONTENT[key] for key in ("labels", "is_test", "categories")]
    with pytest.raises(TypeError, match="uint8.*dtype=float64"):
        fingerprint(fractions, *rest)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"images": IMAGES[:, 1:]}, "square.*shape=\\(6, 7, 8, 3\\)"),
        ({"images": IMAGES[..., :1]}, "3 channels.*np.repeat"),
        ({"images": IMAGES[:5]}, "one label for each of 5"),
        ({"labels": [0, 0, 0, 1, 1, 2]}, "below 2, .*label=2"),
        ({"labels": [0, 1, 0, 1, 0, 1]}, "adjacent.*np.argsort"),
        ({"labels": ["cat"] * 5 + ["cow"]}, "names in `categories`.*'cow'"),
        ({"labels": [b"cat"] * 5 + [b"cow"]}, "names in `categories`.*'cow'"),
        ({"labels": [b"cat"] * 5 + [b"\xff"]}, "names in `categories`"),
        ({"labels": [-1, 0, 0, 1, 1, 1]}, "integers >= 0"),
        ({"is_test": [True, False]}, "a boolean for each of 6.*shape=\\(2,\\)"),
        ({"is_test": [1, 0, 0, 1, 0, 0]}, "a boolean.*dtype=int"),
        ({"categories": ("cat", "cat")}, "each once"),
        ({"categories": (0, 1)}, "must be strings"),
        ({"files": ("a.png",)}, "a name for each of 6 images.*1 names"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_no_one_can_change_a_data_set():
    dataset = datasets.get(
        "synthfaces", num_categories=2, num_train=1, num_test=1
    )
    for values in (dataset.images, dataset.labels, dataset.is_test):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0
    mine = IMAGES.copy()
    made = make(images=mine)
    mine[:] = 0  # mine are mine
    assert not made.images.any()


def test_a_data_set_made_again_under_its_name_is_read_again(monkeypatch):
    """Nothing of a process outlives the data: neither function nor content."""
    images = IMAGES.repeat(4, axis=1).repeat(4, axis=2)
    content = {"images": images}
    name = "digits"

    def load(image_size=32, num_test=1):
        return make(name=name, **content)

    def prepared():
        experiment = Experiment(
            dataset=name, n_seen=1, num_test=50, network="alexnet_small"
        )
        return preparation.check(experiment)[1]

    monkeypatch.setattr(datasets.digits, "load_digits", load)
    monkeypatch.setattr(preparation, "_check_batches", lambda *_: None)
    monkeypatch.setattr(
        network_building.networks, "get", lambda name: load_network
    )
    first = prepared()
    content["images"] = 255 - images
    second = prepared()
    assert np.array_equal(second.images, 255 - first.images)
    assert first.fingerprint != second.fingerprint


def load_network(images, num_categories, weight_decay=0.0):
    """Stands for a network that takes images of any size."""
