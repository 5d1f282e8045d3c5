"""Ablation of specialised neurons, on neurons whose role is known."""

import numpy as np
import pytest

from invariance_tf.measures import specialists
from invariance_tf.measures.specialists import PERCENTS, ablate_specialists

NUM_CATEGORIES, PER_CATEGORY = 4, 10
LABELS = np.repeat(np.arange(NUM_CATEGORIES), PER_CATEGORY)
IS_SEEN = np.array([True, True, True, False])


def measured(original, transformed, kernel, labels=LABELS, is_seen=IS_SEEN):
    """Returns accuracies and ablated shares by what describes a row."""
    rows = ablate_specialists(
        original.astype("float32"),
        transformed.astype("float32"),
        kernel.astype("float32"),
        np.zeros(kernel.shape[1], "float32"),
        labels,
        is_seen,
        tau=0.1,
    )
    assert {row["criterion"] for row in rows} <= {"specialised_percent"}
    keys = ("ablated", "value", "image_version", "category_group")
    found = {
        tuple(row[key] for key in keys): (row["accuracy"], row["share_ablated"])
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def divided_network(is_for_transformed, is_for_original):
    """A network whose neurons answer to a category in some versions only."""
    category = np.arange(len(is_for_original)) % NUM_CATEGORIES
    answers = (category[None] == LABELS[:, None]).astype(float)
    kernel = np.eye(NUM_CATEGORIES)[category]
    return answers * is_for_original, answers * is_for_transformed, kernel


def test_each_version_needs_the_neurons_specialised_to_it():
    # A fifth of the neurons for each version, the others for both.
    kind = np.repeat([0, 1, 2, 2, 2], NUM_CATEGORIES * 2)
    original, transformed, kernel = divided_network(kind != 0, kind != 1)
    everyone = np.ones(NUM_CATEGORIES, bool)
    found = measured(original, transformed, kernel, is_seen=everyone)
    # Those for both are enough.
    assert found["transformed", 20, "transformed", "all"][0] == 1
    # Without them, a version stands or falls with its own neurons.
    kernel[kind == 2] = 0
    found = measured(original, transformed, kernel, is_seen=everyone)
    for own, other in (
        ("transformed", "original"),
        ("original", "transformed"),
    ):
        accuracy, share = found[own, 20, own, "all"]
        assert accuracy == pytest.approx(1 / NUM_CATEGORIES)
        assert share == pytest.approx(0.2)
        assert found[own, 20, other, "all"][0] == 1
        assert found[f"matched_{own}", 20, own, "all"][0] == 1


def test_neurons_are_chosen_by_images_of_seen_categories():
    kind = np.repeat([0, 1, 2, 2, 2], NUM_CATEGORIES * 2)
    original, transformed, kernel = divided_network(kind != 0, kind != 1)
    kernel[kind == 2] = 0
    found = measured(original, transformed, kernel)
    # So those that answer to the unseen category only are never ablated.
    assert found["transformed", 20, "transformed", "seen"][0] < 0.5
    assert found["transformed", 20, "transformed", "unseen"][0] == 1


def test_controls_are_as_many_other_neurons():
    generator = np.random.default_rng(0)
    original, transformed = generator.random((2, len(LABELS), 50))
    kernel = generator.normal(size=(50, NUM_CATEGORIES))
    found = measured(original, transformed, kernel)
    for percent in PERCENTS:
        for ablated in ("transformed", "original"):
            for name in (ablated, f"matched_{ablated}"):
                share = found[name, percent, "original", "all"][1]
                assert share == pytest.approx(max(1, percent / 2) // 1 / 50)


def test_controls_are_about_as_active():
    generator = np.random.default_rng(0)
    activity = generator.permutation(400) / 400
    # The most active neurons, among others that are mostly less active.
    neurons = np.flatnonzero(activity > 0.7)[::2]
    others = np.setdiff1d(np.arange(400), neurons)
    drawn = specialists._match(activity, neurons, others, generator)
    assert len({*drawn}) == len(neurons) and not {*drawn} & {*neurons}
    assert activity[drawn].mean() == pytest.approx(
        activity[neurons].mean(), abs=0.02
    )
    again = specialists._match(activity, neurons, others, generator)
    assert {*drawn} != {*again}


def test_images_do_not_judge_the_neurons_that_they_chose():
    # Specialisation by chance: neurons that happen to be off for single
    # images. Chosen and judged by the same images they would matter.
    generator = np.random.default_rng(0)
    num_images, num_neurons = 400, 200
    labels = generator.integers(0, 2, num_images)
    original, transformed = generator.random((2, num_images, num_neurons)) ** 8
    kernel = np.zeros((num_neurons, 2))
    kernel[:, 1] = 1
    is_seen = np.array([True, True])
    found = measured(original, transformed, kernel, labels, is_seen)
    for percent in PERCENTS:
        for version in ("original", "transformed"):
            lost, control = (
                found[name, percent, version, "all"][0]
                for name in ("transformed", "matched_transformed")
            )
            assert lost == pytest.approx(control, abs=0.02)


def test_silent_neurons_are_not_ablated():
    original, transformed, kernel = divided_network(np.ones(8), np.ones(8))
    silent = np.zeros((len(LABELS), 92))
    found = measured(
        np.hstack([original, silent]),
        np.hstack([transformed, silent]),
        np.vstack([kernel, np.zeros((92, NUM_CATEGORIES))]),
    )
    # 30 % of the eight neurons that are active.
    assert found["original", 30, "original", "all"][1] == pytest.approx(0.02)


def test_without_enough_active_neurons_nothing_is_said():
    original, transformed, kernel = divided_network(np.ones(2), np.ones(2))
    assert measured(original, transformed, kernel) == {}


def test_with_one_image_of_each_category_nothing_is_said():
    """There is no other half to judge the neurons by."""
    generator = np.random.default_rng(0)
    original, transformed = generator.random((2, 4, 50))
    kernel = generator.normal(size=(50, NUM_CATEGORIES))
    labels = np.arange(NUM_CATEGORIES)
    assert measured(original, transformed, kernel, labels) == {}
