"""The handwritten digits of scikit-learn."""

import sys

import numpy as np
import pytest
from sklearn import datasets

from invariance_tf.datasets.digits import load_digits


def test_all_digits_are_there_in_order():
    dataset = load_digits()
    assert dataset.name == "digits"
    assert dataset.images.shape == (1797, 32, 32, 3)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int32
    assert dataset.categories == tuple("0123456789")
    counts = np.bincount(datasets.load_digits().target)
    np.testing.assert_array_equal(np.bincount(dataset.labels), counts)
    assert (np.diff(dataset.labels) >= 0).all()


@pytest.mark.parametrize("num_test", [1, 50, 173])
def test_the_first_images_of_each_digit_are_for_testing(num_test):
    dataset = load_digits(image_size=16, num_test=num_test)
    for label in range(10):
        is_test = dataset.is_test[dataset.labels == label]
        assert is_test[:num_test].all()
        assert not is_test[num_test:].any()


@pytest.mark.parametrize("image_size", [16, 27, 100])
def test_images_are_interpolated_between_the_centres_of_pixels(image_size):
    dataset = load_digits(image_size=image_size)
    source = datasets.load_digits()
    first_seven = source.images[source.target == 7][0] * 255 / 16
    centres = (np.arange(image_size) + 0.5) * 8 / image_size - 0.5
    rows = np.array([np.interp(centres, range(8), row) for row in first_seven])
    expected = np.array([np.interp(centres, range(8), row) for row in rows.T])
    image = dataset.images[dataset.labels == 7][0]
    for channel in range(3):
        np.testing.assert_allclose(image[..., channel], expected.T, atol=0.51)


def test_the_fingerprint_knows_images_and_split():
    assert load_digits().fingerprint == load_digits().fingerprint
    different = {
        load_digits().fingerprint,
        load_digits(image_size=16).fingerprint,
        load_digits(num_test=51).fingerprint,
    }
    assert len(different) == 3


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({"image_size": 15}, "from 16 to 224. Received: image_size=15"),
        ({"image_size": 225}, "from 16 to 224. Received: image_size=225"),
        ({"num_test": 0}, "from 1 to 173. Received: num_test=0"),
        ({"num_test": 174}, "from 1 to 173. Received: num_test=174"),
        ({"num_test": 1.5}, "from 1 to 173. Received: num_test=1.5"),
    ],
)
def test_illegal_options_are_named_with_their_limits(options, limits):
    with pytest.raises(ValueError, match="must be an integer " + limits):
        load_digits(**options)


def test_without_scikit_learn_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        load_digits()
