"""Accuracy without the active or without the inactive neurons (Figs. 7, 8).

Ablation is per image: activities are set to zero, without rescaling. At the
penultimate layer the last dense layer is applied to what is left, so that all
thresholds together cost one pass of the images through the network. At an
inner layer the network is rewired, and each threshold costs a pass.
"""

import keras
import numpy as np
from keras import ops

from invariance_tf.measures.evaluation import classifier, group_accuracies
from invariance_tf.measures.invariance import THRESHOLDS, activity_levels
from invariance_tf.measures.responses import paired_blocks, reading_order

# In percent, as in Fig. 8.
TOP_PERCENTS = (0.5, 1, 5, 10, 20, 40)


def ablate(original, transformed, kernel, bias, labels, is_seen, seed=0):
    """Measures the accuracy after ablation, for every criterion of activity.

    By the criterion "tau" a neuron is active for an image if its activity,
    divided by its largest one over all images of both versions, is above the
    value. By "top_percent" it is active for that share of all images of both
    versions to which it responds most (Goodfellow et al. 2009).

    As a control for ablating the active neurons of an image, as many random
    ones are ablated; with a rising tau they are fewer of the same neurons.

    Negative activity counts by its size, as `"signed"` activity does in
    `responses.Responses`.

    Args:
        original: Float array of shape `(num_images, num_neurons)`: activity
            of the penultimate layer for original images.
        transformed: Float array of that shape, for the transformed images.
        kernel: Float array of shape `(num_neurons, num_categories)`.
        bias: Float array of shape `(num_categories,)`.
        labels: Integer array of shape `(num_images,)`.
        is_seen: Boolean array of shape `(num_categories,)`.
        seed: Integer >= 0, determines the random neurons.

    Returns:
        List of dictionaries: criterion (tau, top_percent, or none without
        ablation), value, ablated (inactive, active, as many random neurons as
        are active, by tau only, or none), image_version
        (original or transformed), category_group, accuracy (0 to 1, nan for
        an empty group) and share_ablated (of the neurons, mean over images).
    """
    versions = {"original": original, "transformed": transformed}
    sizes = {version: np.abs(values) for version, values in versions.items()}
    maxima = np.maximum(*(size.max(axis=0) for size in sizes.values()))
    least = _least_top_activity(*sizes.values())
    rows = []
    for version, activity in versions.items():
        size = sizes[version]
        level = activity_levels(size, size, maxima)
        everything = np.ones(activity.shape, bool)
        # Each image has an order of its own in which neurons are ablated.
        turn = np.random.default_rng([seed, 2]).random(activity.shape)
        turn = turn.argsort(axis=1).argsort(axis=1)
        criteria = [("none", np.nan, everything)]
        criteria += [("tau", tau, level > tau) for tau in THRESHOLDS]
        criteria += [
            ("top_percent", percent, (size >= limit) & (size > 0))
            for percent, limit in least.items()
        ]
        for criterion, value, is_active in criteria:
            kept = {"inactive": is_active, "active": ~is_active}
            if criterion == "tau":
                num_active = is_active.sum(axis=1, keepdims=True)
                kept["random"] = turn >= num_active
            if criterion == "none":
                kept = {"none": everything}
            for ablated, is_kept in kept.items():
                predicted = classify(activity, is_kept, kernel, bias)
                shares = 1 - is_kept.mean(axis=1)
                rows += group_rows(
                    {
                        "criterion": criterion,
                        "value": value,
                        "ablated": ablated,
                        "image_version": version,
                    },
                    (predicted, labels, is_seen, shares),
                )
    return rows


def ablate_layer(model, responses, images, transform, is_seen, seed=0):
    """Measures the accuracy after ablation at an inner layer, for every tau.

    The model is not changed: a second model of its layers has a gate.

    Args:
        model: A model made by `model.build`.
        responses: A `responses.Responses` of one layer over the images.
        images: Array of shape `(num_images, height, width, 3)`.
        transform: A `Transform`.
        is_seen: Boolean array of shape `(num_categories,)`.
        seed: Integer >= 0, that of `responses`.

    Returns:
        List of dictionaries as `ablate` returns, by the criterion tau.
    """
    (layer,), labels = responses.layers, responses.labels
    shape = model.get_layer(layer).output.shape[1:]
    gate = _Gate(responses.maxima[0].reshape(shape))
    network = _insert_gate(classifier(model), layer, gate)
    rows = []
    for tau in THRESHOLDS:
        for ablated, keeps_active in (("inactive", True), ("active", False)):
            gate.tau.assign(tau)
            gate.keeps_active.assign(keeps_active)
            by_version = _classify_pairs(
                network, images, labels, transform, seed
            )
            for version, (predicted, shares) in by_version.items():
                rows += group_rows(
                    {
                        "criterion": "tau",
                        "value": tau,
                        "ablated": ablated,
                        "image_version": version,
                    },
                    (predicted, labels, is_seen, shares),
                )
    return rows


class _Gate(keras.layers.Layer):
    """Sets active or inactive neurons to zero and returns their share."""

    def __init__(self, maxima):
        super().__init__(name="gate")
        self._maxima = np.where(maxima > 0, maxima, 1).astype("float32")
        self.tau = self.add_weight(shape=(), trainable=False)
        self.keeps_active = self.add_weight(
            shape=(), dtype="bool", initializer="zeros", trainable=False
        )

    def call(self, activity):
        # The maxima come from another program, whose rounding may differ.
        level = ops.minimum(ops.abs(activity) / self._maxima, 1.0)
        is_active = level > self.tau
        is_kept = ops.equal(is_active, self.keeps_active)
        kept = ops.cast(is_kept, "float32")
        axes = tuple(range(1, len(activity.shape)))
        return activity * kept, 1 - ops.mean(kept, axes)


def _insert_gate(network, layer, gate):
    """Puts a gate after a layer; returns a model of logits and share."""
    found = {}

    def call(called, *inputs, **options):
        output = called(*inputs, **options)
        if called.name == layer:
            output, found["share"] = gate(output)
        return output

    wired = keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=call
    )
    (logits,) = keras.tree.flatten(wired.output)
    outputs = {"logits": logits, "share": found["share"]}
    gated = keras.Model(wired.inputs[0], outputs)
    gated.jit_compile = network.jit_compile
    return gated


def _classify_pairs(network, images, labels, transform, seed):
    """Returns predicted categories and shares by image version."""
    predicted = np.empty((2, len(images)), int)
    shares = np.empty((2, len(images)))
    blocks = paired_blocks(images, transform, seed, reading_order(labels))
    for positions, *pair in blocks:
        outputs = network.predict_on_batch(np.concatenate(pair))
        categories = np.argmax(outputs["logits"], axis=-1)
        predicted[:, positions] = categories.reshape(2, -1)
        shares[:, positions] = np.reshape(outputs["share"], (2, -1))
    return {
        version: (predicted[index], shares[index])
        for index, version in enumerate(("original", "transformed"))
    }


def classify(activity, is_kept, kernel, bias):
    """Applies the last layer to the kept activities."""
    logits = np.where(is_kept, activity, np.float32(0)) @ kernel + bias
    return logits.argmax(axis=1)


def group_rows(description, results):
    """Returns a row of the table for each category group."""
    predicted, labels, is_seen, shares = results
    accuracies = group_accuracies(labels, predicted, is_seen)
    groups = {"seen": is_seen[labels], "unseen": ~is_seen[labels], "all": ...}
    return [
        {
            **description,
            "category_group": group,
            "accuracy": accuracy,
            "share_ablated": float(shares[groups[group]].mean())
            if num_images
            else np.nan,
        }
        for group, (num_images, accuracy) in accuracies.items()
    ]


def _least_top_activity(original, transformed):
    """Returns each neuron's least activity among its top ones, by percent."""
    activity = np.concatenate([original, transformed])
    ranks = {
        percent: -max(1, round(percent / 100 * len(activity)))
        for percent in TOP_PERCENTS
    }
    activity.partition([len(activity) + rank for rank in ranks.values()], 0)
    return {percent: activity[rank] for percent, rank in ranks.items()}


def choose_tau(rows, loss=0.01):
    """Chooses the threshold as the paper does (section 3.2).

    It is the highest tau of the grid at which ablating the inactive neurons
    costs at most 1 % of accuracy: of within-category accuracy, as in Fig. 7,
    or of that on original images if no category is seen transformed.

    Args:
        rows: What `ablate` returns.
        loss: Float, the accuracy that may be lost.

    Returns:
        Float, one of `THRESHOLDS`.
    """
    is_any_seen = any(
        row["category_group"] == "seen" and not np.isnan(row["accuracy"])
        for row in rows
    )
    test = ("transformed", "seen") if is_any_seen else ("original", "all")
    rows = [
        row
        for row in rows
        if (row["image_version"], row["category_group"]) == test
    ]
    (whole,) = (row["accuracy"] for row in rows if row["criterion"] == "none")
    # A loss of exactly 1 % is allowed, whatever the rounding.
    least = whole - loss - 1e-9
    return max(
        float(row["value"])
        for row in rows
        if row["criterion"] == "tau"
        and row["value"] < 1  # above which no neuron would be active
        and row["ablated"] == "inactive"
        and row["accuracy"] >= least
    )
