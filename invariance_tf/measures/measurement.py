"""Measures how invariant the neurons of a model are, in tables."""

import concurrent.futures
import dataclasses

import numpy as np
import pandas as pd

from invariance_tf.measures.invariance import (
    THRESHOLDS,
    Accumulator,
    correct_for_floor,
)
from invariance_tf.measures.partners import RandomPartners
from invariance_tf.measures.responses import Responses, next_of_category


@dataclasses.dataclass(frozen=True, eq=False)
class Measurement:
    """Holds the measures of neurons.

    Attributes:
        neurons: DataFrame with a row for each layer, category group and
            neuron: layer, category_group, neuron, num_images,
            num_active_images, max_activity, invariance_coefficient,
            control_shuffled (its floor), control_same_category,
            corrected_invariance and specialisation, at `tau`; nan where a
            neuron is active for no image.
        layers: DataFrame with a row for each layer, category group and
            threshold: layer, category_group, tau, num_neurons,
            num_never_active, and over the other neurons mean_invariance,
            median_invariance and mean_specialisation; at `tau` also
            mean_control_shuffled and mean_corrected_invariance.
        active_counts: DataFrame with a row for each layer and image: layer,
            image (its position), num_active_neurons at `tau`, num_neurons.
        tau: Float, the threshold of `neurons` and `active_counts`.
    """

    neurons: object
    layers: object
    active_counts: object
    tau: float


def measure_invariance(
    model,
    images,
    transform=None,
    layers=None,
    *,
    tau=0.1,
    is_seen=None,
    rule="either",
    **options,
):
    """Measures how invariant the neurons of a Keras model are.

    Unrelated images have a coefficient above 0 too. Two controls give its
    size. The floor replaces T(x) by T of a random image of another category,
    within the group; the second control takes the next image of the same
    category in the block, and is not a floor, since neurons that are tuned to a
    category respond to all of its images. `corrected_invariance` is the
    coefficient corrected for the floor, see `invariance.correct_for_floor`.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            image input.
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255, or a `tf.data.Dataset` of batches of
            such images.
        transform: A `Transform`, a name such as `"blur"`, a function from
            images to images, or any Keras layer; `None` means the model's own.
        layers: List of layer names; `None` means the penultimate layer.
        tau: Float from 0 to below 1. A neuron is active for an image if its
            activity, divided by its largest one, is above `tau`.
        is_seen: Boolean array of shape `(num_categories,)`, see `measure`.
        rule: `"either"` or `"both"`, see
            `invariance.activity_levels`.
        **options: Arguments of `responses.Responses`: labels, preprocess,
            spatial, rectify, seed, memory.

    Returns:
        A `Measurement`.

    Raises:
        ValueError: If a layer does not exist or has negative activity, or an
            argument is illegal.

    Example:

    >>> import keras
    >>> image = keras.Input((8, 8, 3))
    >>> flat = keras.layers.Flatten()(image)
    >>> hidden = keras.layers.Dense(5, activation="relu", name="fc")(flat)
    >>> model = keras.Model(image, hidden)
    >>> images = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3))
    >>> result = measure_invariance(model, images, "identity", ["fc"])
    >>> result.layers.query("tau == 0.1").mean_invariance.item()
    1.0
    """
    responses = Responses(model, images, layers, transform=transform, **options)
    return measure(responses, tau=tau, is_seen=is_seen, rule=rule)


def measure(responses, *, tau=0.1, is_seen=None, rule="either"):
    """Measures the neurons whose activity is read by `responses`.

    Args:
        responses: A `responses.Responses`.
        tau: Float from 0 to below 1.
        is_seen: Boolean array of shape `(num_categories,)`: whether to
            measure images of seen and of unseen categories separately too,
            which needs labels. `None` means all images together only.
        rule: `"either"` or `"both"`, see `invariance.activity_levels`.

    Returns:
        A `Measurement`.
    """
    if not 0 <= tau < 1:
        raise ValueError(
            f"`tau` must be from 0 to below 1. Received: tau={tau}"
        )
    group = np.zeros(responses.num_images, int)
    groups = {"all": [0]}
    if is_seen is not None:
        if not responses.has_labels:
            raise ValueError(
                "Seen and unseen categories can be measured separately only "
                "with `labels`. Received: labels=None"
            )
        group = np.where(np.asarray(is_seen)[responses.labels], 0, 1)
        groups = {"seen": [0], "unseen": [1], "all": [0, 1]}
    sums = [
        Accumulator(maxima, tau, len(groups["all"]), rule)
        for maxima in responses.maxima
    ]
    num_active = _add_up(responses, sums, group)
    sizes = {name: np.isin(group, groups[name]).sum() for name in groups}
    layers = [*zip(responses.layers, responses.maxima, sums, strict=True)]
    return Measurement(
        _concatenate(
            _neuron_table(*layer, tau, name, numbers, sizes[name])
            for layer in layers
            for name, numbers in groups.items()
        ),
        _concatenate(
            _layer_table(*layer, tau, name, numbers)
            for layer in layers
            for name, numbers in groups.items()
        ),
        _concatenate(
            {
                "layer": name,
                "image": np.arange(responses.num_images),
                "num_active_neurons": num_active[index],
                "num_neurons": len(maxima),
            }
            for index, (name, maxima, _) in enumerate(layers)
        ),
        tau,
    )


def _add_up(responses, sums, group):
    """Adds all images to the sums; returns active neurons by layer, image."""
    num_active = np.zeros((len(sums), len(group)), int)
    _, labels = np.unique(responses.labels, return_inverse=True)
    partners = RandomPartners(group.max() + 1, responses.seed)
    # Transformed images to draw from: the samples, and then the block.
    pools = [
        np.zeros(
            (partners.num_rows + responses.block_size, len(maxima)), "float32"
        )
        for maxima in responses.maxima
    ]

    def add(positions, pairs):
        of_block = labels[positions], group[positions]
        shuffled = partners.draw(*of_block)
        same_category = next_of_category(of_block[0])
        rows, images = partners.keep(*of_block)
        for index, (original, transformed) in enumerate(pairs):
            pool = pools[index]
            pool[partners.num_rows :][: len(positions)] = transformed
            num_active[index, positions] = sums[index].add(
                original,
                transformed,
                of_block[1],
                {
                    "shuffled": (pool, shuffled),
                    "same_category": (transformed, same_category),
                },
            )
            pool[rows] = transformed[images]

    # The network reads the next block while one is added up.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        added = thread.submit(tuple)
        for block in responses:
            added.result()
            added = thread.submit(add, *block)
        added.result()
    return num_active


def _neuron_table(layer, maxima, sums, tau, group, numbers, num_images):
    """Returns the columns of `Measurement.neurons` for a layer and group."""
    at_tau = [values[:, 0] for values in sums.results(numbers, [tau])]
    count, invariance, specialisation = at_tau
    floor = sums.control("shuffled", numbers)
    return {
        "layer": layer,
        "category_group": group,
        "neuron": np.arange(len(maxima)),
        "num_images": num_images,
        "num_active_images": count.astype(int),
        "max_activity": maxima,
        "invariance_coefficient": invariance,
        "control_shuffled": floor,
        "control_same_category": sums.control("same_category", numbers),
        "corrected_invariance": correct_for_floor(invariance, floor),
        "specialisation": specialisation,
    }


def _layer_table(layer, maxima, sums, tau, group, numbers):
    """Returns the columns of `Measurement.layers` for a layer and group."""
    thresholds = np.union1d(THRESHOLDS, tau)
    count, invariance, specialisation = sums.results(numbers, thresholds)
    is_active = count > 0
    means = {"mean_invariance": [], "median_invariance": []}
    means["mean_specialisation"] = []
    for index, is_counted in enumerate(is_active.T):
        found = [np.nan] * 3
        if is_counted.any():
            of_neurons = invariance[is_counted, index]
            found = [
                of_neurons.mean(),
                np.median(of_neurons, overwrite_input=True),
                specialisation[is_counted, index].mean(),
            ]
        for column, value in zip(means.values(), found, strict=True):
            column.append(value)
    # Controls are summed up at one threshold.
    at_tau = np.searchsorted(thresholds, tau)
    floor = sums.control("shuffled", numbers)
    controls = {
        "mean_control_shuffled": floor,
        "mean_corrected_invariance": correct_for_floor(
            invariance[:, at_tau], floor
        ),
    }
    for column, values in controls.items():
        means[column] = np.full(len(thresholds), np.nan)
        if np.isfinite(values).any():
            means[column][at_tau] = np.nanmean(values)
    return {
        "layer": layer,
        "category_group": group,
        "tau": thresholds,
        "num_neurons": len(maxima),
        "num_never_active": (~is_active).sum(axis=0),
        **means,
    }


def _concatenate(tables):
    """Joins tables, each a dictionary of columns, into one DataFrame."""
    return pd.concat(
        [pd.DataFrame(table) for table in tables], ignore_index=True
    )
