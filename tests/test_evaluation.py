"""Accuracies by category group, and the confusion of Fig. 6."""

import math

import keras
import numpy as np

from invariance_tf import transforms
from invariance_tf.measures import evaluation
from invariance_tf.paradigm.model import build

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
    summary = evaluation.summarise_accuracies(
        LABELS, LABELS, PREDICTED, np.array([True, True, True])
    )
    assert math.isnan(summary["across_accuracy"])
    assert summary["within_accuracy"] == 3 / 8
    assert summary["clean_accuracy"] == 1


def test_within_accuracy_is_nan_when_no_category_is_seen():
    none = np.array([False, False, False])
    summary = evaluation.summarise_accuracies(LABELS, LABELS, PREDICTED, none)
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
    kernel = np.zeros((8, 8, 3, 2), "float32")
    kernel[:, :4, :, 0] = 1
    kernel[:, 4:, :, 1] = 1
    layer = keras.layers.Dense(
        num_categories,
        kernel_initializer=lambda shape, dtype: kernel.reshape(shape),
        name="logits",
    )
    return layer(keras.layers.Flatten()(images))


def test_labels_are_predicted_for_original_and_transformed_images():
    images = np.zeros((200, 8, 8, 3), "uint8")
    labels = np.random.default_rng(0).integers(0, 2, 200)
    images[labels == 0, :, :4] = 200
    images[labels == 1, :, 4:] = 200
    model = build(brightest_corner, "highpass", 8, 2)
    network = evaluation.classifier(model)
    for name, expected in (("identity", labels), ("rotate180", 1 - labels)):
        predicted = evaluation.predict_labels(
            network, images, labels, transforms.get(name)
        )
        assert np.array_equal(predicted, expected)


def test_predictions_are_those_of_the_whole_model():
    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3))
    labels = np.repeat(np.arange(15), 10)
    model = build(brightest_corner, "highpass", 8, 2)
    inputs = {"image": images, "is_transformed": np.ones(150, bool)}
    expected = model.predict(inputs, verbose=0).argmax(axis=1)
    predicted = evaluation.predict_labels(
        evaluation.classifier(model),
        images,
        labels,
        model.get_layer("transform"),
    )
    assert np.array_equal(predicted, expected)


def test_in_its_group_an_image_is_taken_for_the_likeliest_of_the_group():
    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3))
    labels = np.random.default_rng(1).integers(0, 5, 150)
    is_seen = np.array([True, False, True, False, False])

    def network(images, num_categories):
        flat = keras.layers.Flatten()(images)
        return keras.layers.Dense(num_categories)(flat)

    model = build(network, "highpass", 8, 5)
    inputs = {"image": images, "is_transformed": np.ones(150, bool)}
    logits = model.predict(inputs, verbose=0)
    among_all, in_group = evaluation.predict_in_groups(
        *(evaluation.classifier(model), images, labels, is_seen),
        model.get_layer("transform"),
    )
    np.testing.assert_array_equal(among_all, logits.argmax(axis=1))
    expected = [
        max(np.flatnonzero(is_seen == is_seen[label]), key=row.__getitem__)
        for row, label in zip(logits, labels, strict=True)
    ]
    assert in_group.tolist() == expected
    assert not np.array_equal(among_all, in_group)


def test_the_same_seed_means_the_same_noise():
    images = np.full((300, 8, 8, 3), 128, "uint8")
    labels = np.zeros(300, int)
    noise = transforms.get("white_noise", std=50.0)
    model = build(brightest_corner, noise, 8, 2)
    network = evaluation.classifier(model)
    first, again, other = (
        evaluation.predict_labels(network, images, labels, noise, seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
