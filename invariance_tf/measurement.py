"""Measures how invariant the neurons of a model are: the tables."""

import dataclasses

import numpy as np

from invariance_tf import results
from invariance_tf.invariance import THRESHOLDS, Accumulator, levels
from invariance_tf.responses import Responses, partners

# The invariance coefficient, and the two controls that say how large it is
# without any invariance.
_KINDS = {
    "pairs": "invariance_coefficient",
    "shuffled": "control_shuffled",
    "same_category": "control_same_category",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Measurement:
    """Holds the measures of neurons.

    Attributes:
        neurons: DataFrame with a row for each layer, category group and
            neuron: layer, category_group, neuron, num_images,
            num_active_images, max_activity, invariance_coefficient,
            control_shuffled, control_same_category and specialisation, at
            `tau`; nan where a neuron is active for no image.
        layers: DataFrame with a row for each layer, category group and
            threshold: layer, category_group, tau, num_neurons,
            num_never_active, and over the other neurons mean_invariance,
            median_invariance and mean_specialisation.
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

    The coefficient has a floor that is not 0. Two controls beside it measure
    the same with T(x) replaced by T of an image of another category, and of
    another image of the same category, each the next one in a block.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            image input.
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255, or a `tf.data.Dataset` of batches of
            such images.
        transform: A `Transform`; `None` means the model's own.
        layers: List of layer names; `None` means the penultimate layer.
        tau: Float from 0 to below 1. A neuron is active for an image if its
            activity, divided by its largest one, is above.
        is_seen: Boolean array of shape `(num_categories,)`, see `measure`.
        rule: `"either"` or `"both"`, see `invariance.levels`.
        **options: Arguments of `activations.Responses`: labels, preprocess,
            spatial, rectify, seed, memory.

    Returns:
        A `Measurement`.

    Raises:
        ValueError: If a layer does not exist or has negative activity, or an
            argument is illegal.

    Example:

    >>> import keras
    >>> from invariance_tf import transforms
    >>> image = keras.Input((8, 8, 3))
    >>> flat = keras.layers.Flatten()(image)
    >>> hidden = keras.layers.Dense(5, activation="relu", name="fc")(flat)
    >>> model = keras.Model(image, hidden)
    >>> images = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3))
    >>> result = measure_invariance(
    ...     model, images, transforms.get("identity"), ["fc"]
    ... )
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
            measure images of seen and of unseen categories apart too, which
            needs labels. `None` means all images together only.
        rule: `"either"` or `"both"`, see `invariance.levels`.

    Returns:
        A `Measurement`.
    """
    if not 0 <= tau < 1:
        raise ValueError(
            f"`tau` must be from 0 to below 1. Received: tau={tau}"
        )
    group = np.zeros(responses.num_images, int)
    if is_seen is not None:
        if not responses.has_labels:
            raise ValueError(
                "Seen and unseen categories can be measured apart only if "
                "`labels` tell the images' categories. Received: labels=None"
            )
        group = np.where(np.asarray(is_seen)[responses.labels], 0, 1)
    sums, num_active = _add_up(responses, tau, group, rule)
    groups = {"all": [0, 1]}
    if is_seen is not None:
        groups = {"seen": [0], "unseen": [1], **groups}
    sizes = {name: np.isin(group, groups[name]).sum() for name in groups}
    layers = [*zip(responses.layers, responses.maxima, sums, strict=True)]
    return Measurement(
        results.concatenate(
            _neuron_table(*layer, name, numbers, sizes[name])
            for layer in layers
            for name, numbers in groups.items()
        ),
        results.concatenate(
            _layer_table(*layer, name, numbers)
            for layer in layers
            for name, numbers in groups.items()
        ),
        results.concatenate(
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


def _add_up(responses, tau, group, rule):
    """Reads all images; returns sums by layer, and active neurons by image."""
    sums = [
        {
            "grid": Accumulator(maxima, THRESHOLDS, 2, rule),
            **{kind: Accumulator(maxima, [tau], 2, rule) for kind in _KINDS},
        }
        for maxima in responses.maxima
    ]
    num_active = np.zeros((len(sums), responses.num_images), int)
    for positions, pairs in responses:
        others = partners(responses.labels[positions])
        for index, pair in enumerate(pairs):
            _add_block(sums[index], *pair, group[positions], others)
            level = levels(*pair, responses.maxima[index], rule)
            num_active[index, positions] = (level > tau).sum(axis=1)
    return sums, num_active


def _add_block(sums, original, transformed, group, others):
    """Adds a block to the sums for the grid, for tau and for the controls."""
    sums["grid"].add(original, transformed, group)
    sums["pairs"].add(original, transformed, group)
    for kind, partner in others.items():
        has_one = np.flatnonzero(partner >= 0)
        if len(has_one):
            sums[kind].add(
                original[has_one],
                transformed[partner[has_one]],
                group[has_one],
            )


def _neuron_table(layer, maxima, sums, group, numbers, num_images):
    """Returns the columns of `Measurement.neurons` for a layer and group."""
    at_tau = {kind: sums[kind].results(numbers) for kind in _KINDS}
    return {
        "layer": layer,
        "category_group": group,
        "neuron": np.arange(len(maxima)),
        "num_images": num_images,
        "num_active_images": at_tau["pairs"][0][:, 0].astype(int),
        "max_activity": maxima,
        **{column: at_tau[kind][1][:, 0] for kind, column in _KINDS.items()},
        "specialisation": at_tau["pairs"][2][:, 0],
    }


def _layer_table(layer, maxima, sums, group, numbers):
    """Returns the columns of `Measurement.layers` for a layer and group."""
    count, invariance, specialisation = sums["grid"].results(numbers)
    is_active = count > 0

    def over_neurons(statistic, values):
        return [
            statistic(of_tau[active]) if active.any() else np.nan
            for of_tau, active in zip(values.T, is_active.T, strict=True)
        ]

    return {
        "layer": layer,
        "category_group": group,
        "tau": THRESHOLDS,
        "num_neurons": len(maxima),
        "num_never_active": (~is_active).sum(axis=0),
        "mean_invariance": over_neurons(np.mean, invariance),
        "median_invariance": over_neurons(np.median, invariance),
        "mean_specialisation": over_neurons(np.mean, specialisation),
    }
