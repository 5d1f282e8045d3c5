"""Accuracy without the active or the inactive neurons, by loops."""

import functools

import keras
import numpy as np
import pytest

from invariance_tf import transforms
from invariance_tf.measures import ablation, activations, evaluation, responses
from invariance_tf.measures.invariance import THRESHOLDS
from invariance_tf.paradigm.model import build
from invariance_tf.runs import network_building
from invariance_tf.settings.config import Experiment

IS_SEEN = np.array([True, False, True])
LABELS = np.random.default_rng(0).integers(0, 3, 50)
GROUPS = {"seen": IS_SEEN, "unseen": ~IS_SEEN, "all": IS_SEEN | True}


def whole_numbers():
    """Activities, kernel and bias of whole numbers; a neuron never active."""
    generator = np.random.default_rng(1)
    pair = generator.integers(-10, 21, (2, 50, 7)).clip(0).astype("float32")
    pair[:, :, 3] = 0
    kernel = generator.integers(-3, 4, (7, 3)).astype("float32")
    return *pair, kernel, np.array([1, 5, 3], "float32")


def rows_by_criterion(rows):
    """Returns the rows by all that describes them."""
    return {
        (
            row["criterion"],
            None if row["criterion"] == "none" else float(row["value"]),
            row["ablated"],
            row["image_version"],
            row["category_group"],
        ): (row["accuracy"], row["share_ablated"])
        for row in rows
    }


def expected_row(versions, kernel, bias, is_active, ablated, version, group):
    """Ablates and classifies one image after the other."""
    correct, shares = [], []
    for image, label in enumerate(LABELS):
        if not GROUPS[group][label]:
            continue
        logits = bias.astype("float64")
        num_ablated = 0
        for neuron in range(len(kernel)):
            activity = float(versions[version][image, neuron])
            if is_active(neuron, activity) == (ablated == "active"):
                num_ablated += 1
            else:
                logits = logits + activity * kernel[neuron]
        correct.append(np.argmax(logits) == label)
        shares.append(num_ablated / len(kernel))
    return pytest.approx((np.mean(correct), np.mean(shares)), abs=1e-12)


@pytest.mark.parametrize("version", ["original", "transformed"])
@pytest.mark.parametrize("ablated", ["active", "inactive"])
@pytest.mark.parametrize("group", GROUPS)
def test_ablation_is_per_image_and_neuron(version, ablated, group):
    original, transformed, kernel, bias = whole_numbers()
    versions = {"original": original, "transformed": transformed}
    rows = ablation.ablate(original, transformed, kernel, bias, LABELS, IS_SEEN)
    found = rows_by_criterion(rows)
    both = np.concatenate([original, transformed])
    maxima = both.max(axis=0).tolist()
    for tau in THRESHOLDS:

        def is_above(neuron, activity, tau=tau):
            return maxima[neuron] > 0 and activity / maxima[neuron] > tau

        key = "tau", tau, ablated, version, group
        assert found[key] == expected_row(
            versions, kernel, bias, is_above, *key[2:]
        )
    for percent in (0.5, 1, 5, 10, 20, 40):
        num_top = max(1, round(len(both) * percent / 100))

        def is_top(neuron, activity, num_top=num_top):
            best = sorted(both[:, neuron].tolist())[-num_top:]
            return activity > 0 and activity >= best[0]

        key = "top_percent", percent, ablated, version, group
        assert found[key] == expected_row(
            versions, kernel, bias, is_top, *key[2:]
        )


def test_every_criterion_is_measured_once():
    rows = ablation.ablate(*whole_numbers(), LABELS, IS_SEEN)
    assert len(rows) == len(rows_by_criterion(rows)) == 6 * (1 + 3 * 21 + 2 * 6)


def test_the_top_images_are_so_many_per_cent_of_both_versions():
    generator = np.random.default_rng(0)
    # No two activities are alike.
    both = generator.permutation(200 * 5).reshape(200, 5).astype("float32") + 1
    labels = np.zeros(100, int)
    head = np.ones((5, 2), "float32"), np.zeros(2, "float32")
    rows = ablation.ablate(
        both[:100], both[100:], *head, labels, np.array([True, False])
    )
    found = rows_by_criterion(rows)
    for percent, num_top in ((0.5, 1), (1, 2), (5, 10), (20, 40), (40, 80)):
        kept = sum(
            1 - found["top_percent", percent, "inactive", version, "all"][1]
            for version in ("original", "transformed")
        )
        assert kept * 100 == pytest.approx(num_top)


def test_negative_activity_is_ablated_by_its_size():
    original, transformed, kernel, bias = whole_numbers()
    rest = bias, LABELS, IS_SEEN
    # A neuron of the other sign, with weights of the other sign, is the same.
    sign = np.array([1, -1, 1, 1, -1, -1, 1], "float32")
    mirrored = original * sign, transformed * sign, kernel * sign[:, None]
    rows = ablation.ablate(original, transformed, kernel, *rest)
    np.testing.assert_equal(ablation.ablate(*mirrored, *rest), rows)


def test_without_neurons_the_bias_decides():
    original, transformed, kernel, bias = whole_numbers()
    rows = ablation.ablate(original, transformed, kernel, bias, LABELS, IS_SEEN)
    found = rows_by_criterion(rows)
    expected = (LABELS == bias.argmax()).mean()
    for version in ("original", "transformed"):
        row = found["tau", 1.0, "inactive", version, "all"]
        assert row == (pytest.approx(expected), 1)
        # At tau = 0 only silent neurons are ablated.
        whole = found["none", None, "none", version, "all"]
        silent = found["tau", 0.0, "inactive", version, "all"]
        assert silent[0] == whole[0] and whole[1] == 0


def test_empty_groups_have_no_accuracy():
    nobody = np.array([False, False, False])
    rows = ablation.ablate(*whole_numbers(), LABELS, nobody)
    for row in rows:
        is_empty = row["category_group"] == "seen"
        assert np.isnan(row["accuracy"]) == is_empty
        assert np.isnan(row["share_ablated"]) == is_empty


@pytest.mark.parametrize(
    "transform, arguments",
    [("blur", {"sigma": 1.0}), ("white_noise", {"std": 60.0})],
)
def test_ablating_nothing_gives_the_accuracy_of_the_model(transform, arguments):
    def network(images, num_categories):
        hidden = keras.layers.Dense(30, activation="relu", name="fc")
        hidden = hidden(keras.layers.Flatten()(images))
        hidden = keras.layers.Dropout(0.5)(hidden)
        return keras.layers.Dense(num_categories, name="logits")(hidden)

    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3), "uint8")
    labels = np.random.default_rng(1).integers(0, 3, 150)
    layer = transforms.get(transform, **arguments, name="transform")
    model = build(network, layer, 8, 3)
    head = activations.dense_head(model)
    head.set_weights([head.get_weights()[0], np.array([0.1, 0, -0.1])])
    reader = responses.Responses(model, images, labels=labels, seed=5)
    rows = ablation.ablate(
        *reader.arrays(), *head.get_weights(), labels, IS_SEEN
    )
    found = rows_by_criterion(rows)
    classifier = evaluation.classifier(model)
    for version, layer in (
        ("original", transforms.get("identity")),
        ("transformed", model.get_layer("transform")),
    ):
        predicted = evaluation.predict_labels(
            classifier, images, labels, layer, seed=5
        )
        accuracies = evaluation.group_accuracies(labels, predicted, IS_SEEN)
        for group, (_, accuracy) in accuracies.items():
            row = found["none", None, "none", version, group]
            assert row == (accuracy, 0)


@functools.cache
def inner_model():
    """A model of two hidden layers, images and their categories."""

    def network(images, num_categories):
        conv = keras.layers.Conv2D(3, 3, activation="relu", name="conv")
        hidden = keras.layers.Flatten()(conv(images))
        dense = keras.layers.Dense(12, activation="relu", name="fc")
        hidden = keras.layers.Dropout(0.5)(dense(hidden))
        return keras.layers.Dense(num_categories, name="logits")(hidden)

    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), "uint8")
    labels = np.random.default_rng(1).integers(0, 3, 70)
    noise = transforms.get("white_noise", std=60.0)
    return build(network, noise, 8, 3), images, labels, noise


@functools.cache
def ablate_conv():
    """Returns the activity of the inner layer, and the rows of its ablation."""
    model, images, labels, noise = inner_model()
    reader = responses.Responses(model, images, ["conv"], labels=labels, seed=5)
    rows = ablation.ablate_layer(model, reader, images, noise, IS_SEEN, seed=5)
    return reader.arrays(), rows


def test_an_inner_layer_is_ablated_image_by_image():
    model, _, labels, _ = inner_model()
    (original, transformed), rows = ablate_conv()
    found = rows_by_criterion(rows)
    assert len(rows) == len(found) == 21 * 2 * 2 * 3
    maxima = np.concatenate([original, transformed]).max(axis=0)
    layers = [model.get_layer(name) for name in ("fc", "logits")]
    (kernel, bias), (head, head_bias) = (
        layer.get_weights() for layer in layers
    )
    for version, activity in (
        ("original", original),
        ("transformed", transformed),
    ):
        for tau in THRESHOLDS:
            is_active = activity > tau * np.where(maxima > 0, maxima, np.inf)
            for ablated in ("active", "inactive"):
                is_kept = is_active == (ablated == "inactive")
                hidden = np.maximum(activity * is_kept @ kernel + bias, 0)
                logits = hidden @ head + head_bias
                is_correct = logits.argmax(axis=1) == labels
                for group, in_group in GROUPS.items():
                    of_group = in_group[labels]
                    row = found["tau", tau, ablated, version, group]
                    assert row == (
                        pytest.approx(is_correct[of_group].mean()),
                        pytest.approx(1 - is_kept[of_group].mean(), abs=1e-5),
                    )


def test_both_ways_of_ablation_agree_at_the_penultimate_layer():
    model, images, labels, noise = inner_model()
    reader = responses.Responses(model, images, labels=labels, seed=5)
    head = activations.dense_head(model).get_weights()
    by_head, by_gate = (
        rows_by_criterion(rows)
        for rows in (
            ablation.ablate(*reader.arrays(), *head, labels, IS_SEEN),
            ablation.ablate_layer(
                model, reader, images, noise, IS_SEEN, seed=5
            ),
        )
    )
    for key, row in by_gate.items():
        assert row == pytest.approx(by_head[key], abs=1e-6), key


def test_ablation_of_an_inner_layer_leaves_the_model_as_it_is():
    model, images, *_ = inner_model()
    inputs = {"image": images, "is_transformed": np.full(70, False)}
    weights, before = model.get_weights(), model.predict(inputs, verbose=0)
    _, rows = ablate_conv()
    _, again = ablate_conv.__wrapped__()
    assert rows == again
    assert np.array_equal(model.predict(inputs, verbose=0), before)
    for left, right in zip(weights, model.get_weights(), strict=True):
        assert np.array_equal(left, right)
    assert activations.rectified_layers(model) == ["conv", "fc"]
    assert "gate" not in [layer.name for layer in model.layers]


def test_only_layers_can_be_ablated():
    def network(images, num_categories):
        x = keras.layers.Flatten()(keras.activations.relu(images))
        x = keras.layers.Dense(4, activation="relu", name="fc")(x)
        return keras.layers.Dense(num_categories, name="logits")(x)

    model = build(network, "identity", 8, 3)
    operation, _ = activations.rectified_layers(model)
    experiment = Experiment(network="alexnet_small", ablate_layer=operation)
    with pytest.raises(ValueError, match="a layer with ReLU: fc. Received"):
        network_building.check(experiment, None, None, model)


def made_up_rows(accuracies, whole, version="transformed", group="seen"):
    """Rows of `ablate` for one version and group, the others at 0."""
    rows = [("none", np.nan, "none", whole)]
    rows += [
        ("tau", tau, "inactive", accuracy)
        for tau, accuracy in zip(THRESHOLDS, accuracies, strict=True)
    ]
    # Must not be looked at: as good as the whole network.
    rows += [("tau", 1.0, "active", 1.0), ("top_percent", 40, "inactive", 1.0)]
    return [
        {
            "criterion": criterion,
            "value": value,
            "ablated": ablated,
            "image_version": of_version,
            "category_group": of_group,
            "accuracy": accuracy
            if (of_version, of_group) == (version, group)
            # Others would allow tau = 1, or there is no such group.
            else np.nan
            if of_group == "seen" and group == "all"
            else whole,
        }
        for of_version in ("original", "transformed")
        for of_group in ("seen", "unseen", "all")
        for criterion, value, ablated, accuracy in rows
    ]


def test_the_highest_threshold_that_costs_one_per_cent_is_chosen():
    falling = np.linspace(0.9, 0.5, 21)
    assert ablation.choose_tau(made_up_rows(falling, 0.9)) == 0
    falling[1:4] = [0.895, 0.89, 0.889]
    assert ablation.choose_tau(made_up_rows(falling, 0.9)) == 0.1
    falling[7] = 0.91
    assert ablation.choose_tau(made_up_rows(falling, 0.9)) == 0.35


def test_neurons_are_active_above_any_chosen_threshold():
    """Above 1 is nothing: of a network at chance there was no measure."""
    chance = np.full(21, 0.25)
    assert ablation.choose_tau(made_up_rows(chance, 0.25)) == 0.95


def test_exactly_one_per_cent_is_no_matter_of_rounding():
    for num_correct in range(1, 101):
        accuracies = np.zeros(21)
        accuracies[:3] = num_correct / 100
        accuracies[3] = (num_correct - 1) / 100
        rows = made_up_rows(accuracies, num_correct / 100)
        expected = 0.15 if num_correct > 1 else 0.95
        assert ablation.choose_tau(rows) == expected


def test_original_images_choose_where_no_category_is_seen():
    accuracies = np.r_[[0.8] * 6, [0.1] * 15]
    rows = made_up_rows(accuracies, 0.8, "original", "all")
    assert ablation.choose_tau(rows) == 0.25
