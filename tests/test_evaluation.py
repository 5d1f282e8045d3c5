"""Accuracies by category group, and the confusion of Fig. 6."""

import math

import keras
import numpy as np

from invariance_tf import evaluation, pipeline, transforms
from invariance_tf.model import build, with_transform

LABELS = np.array([0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 1, 1, 2, 2, 0, 0, 1])
IS_SEEN = np.array([True, True, False])


def test_accuracies_are_those_of_each_group():
    assert evaluation.group_accuracies(LABELS, PREDICTED, IS_SEEN) == {
        "seen": (4, 2 / 4),
        "unseen": (4, 1 / 4),
        "all": (8, 3 / 8),
    }


def test_across_accuracy_is_nan_when_all_categories_are_seen():
    summary = evaluation.summarise(
        LABELS, LABELS, PREDICTED, np.array([True, True, True])
    )
    assert math.isnan(summary["across_accuracy"])
    assert summary["within_accuracy"] == 3 / 8
    assert summary["clean_accuracy"] == 1


def test_within_accuracy_is_nan_when_no_category_is_seen():
    none = np.array([False, False, False])
    summary = evaluation.summarise(LABELS, LABELS, PREDICTED, none)
    assert math.isnan(summary["within_accuracy"])
    assert summary["across_accuracy"] == 3 / 8


def test_the_confusion_between_groups_is_in_percent_of_the_true_group():
    seen, unseen = evaluation.group_confusion(LABELS, PREDICTED, IS_SEEN)
    assert seen == {
        "category_group": "seen",
        "num_images": 4,
        "percent_as_seen": 75,
        "percent_as_unseen": 25,
        "percent_correct": 50,
    }
    assert unseen == {
        "category_group": "unseen",
        "num_images": 4,
        "percent_as_seen": 75,
        "percent_as_unseen": 25,
        "percent_correct": 25,
    }


def test_the_confusion_of_an_empty_group_is_nan():
    everything = np.array([True, True, True])
    _, unseen = evaluation.group_confusion(LABELS, PREDICTED, everything)
    assert unseen["num_images"] == 0
    assert math.isnan(unseen["percent_as_seen"])


def test_the_confusion_matrix_counts_pairs():
    matrix = evaluation.confusion_matrix(LABELS, PREDICTED, 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 1], [2, 1, 1]]


def brightest_corner(images, num_categories):
    """Predicts 0 for an image brighter on its left, 1 on its right."""
    left = keras.ops.mean(images[:, :, :4], axis=(1, 2, 3))
    right = keras.ops.mean(images[:, :, 4:], axis=(1, 2, 3))
    return keras.ops.stack([left, right], axis=-1)


def test_labels_are_predicted_for_original_and_transformed_images():
    images = np.zeros((6, 8, 8, 3), "uint8")
    images[:3, :, :4] = 200
    images[3:, :, 4:] = 200
    labels = np.repeat([0, 1], 3)
    model = build(brightest_corner, transforms.get("rotate180"), 8, 2)
    for is_transformed, expected in ((False, labels), (True, 1 - labels)):
        batches = pipeline.test_batches(
            images, labels, is_transformed, batch_size=4
        )
        predicted = evaluation.predict_labels(model, batches)
        assert np.array_equal(predicted, expected)


def test_the_same_seed_means_the_same_noise():
    images = np.full((300, 8, 8, 3), 128, "uint8")
    labels = np.zeros(300, int)
    model = build(
        brightest_corner, transforms.get("white_noise", std=50.0), 8, 2
    )
    batches = pipeline.test_batches(images, labels, True)
    first, again, other = (
        evaluation.predict_labels(model, batches, seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_exchanging_the_transform_keeps_the_network():
    def network(images, num_categories):
        hidden = keras.layers.Flatten()(images)
        return keras.layers.Dense(num_categories, name="logits")(hidden)

    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3))
    flags = np.ones(5, bool)
    inputs = {"image": images, "is_transformed": flags}
    turned = {"image": images[:, ::-1, ::-1], "is_transformed": ~flags}
    model = build(network, transforms.get("identity"), 8, 4)
    exchanged = with_transform(model, transforms.get("rotate180"))
    assert exchanged.get_layer("logits") is model.get_layer("logits")
    expected = model.predict(turned, verbose=0)
    assert np.allclose(exchanged.predict(inputs, verbose=0), expected)
