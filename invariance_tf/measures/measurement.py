"""Measures how invariant the neurons of a model are, in tables."""

import concurrent.futures
import itertools
import os

import numpy as np
import pandas as pd

from invariance_tf.measures import arguments, population_measures
from invariance_tf.measures.accumulator import Accumulator
from invariance_tf.measures.evaluation import split_categories
from invariance_tf.measures.invariance import (
    RULES,
    THRESHOLDS,
    correct_for_floor,
)
from invariance_tf.measures.measured import Measurement
from invariance_tf.measures.partners import RandomPartners, next_of_category
from invariance_tf.measures.responses import Responses


def measure_invariance(
    model,
    images,
    transform=None,
    layers=None,
    *,
    labels=None,
    is_seen=None,
    tau=0.1,
    activity=None,
    spatial="all",
    rule="either",
    measures=(),
    value_range=None,
    preprocess=None,
    inputs=None,
    num_images=None,
    seed=0,
    memory=2**29,
    batch_size=None,
    verbose="auto",
):
    """Measures how invariant the neurons of a Keras model are.

    Unrelated images have a coefficient above 0 too. Two controls give its
    size. The floor replaces T(x) by T of a random image of another category,
    within the group; the second control takes the next image of the same
    category in the block, and is not a floor, since neurons that are tuned to a
    category respond to all of its images. `corrected_invariance` is the
    coefficient corrected for the floor, see `invariance.correct_for_floor`.

    Args:
        model: A `keras.Model`, or the path of a `.keras` file. If it was made
            by `model.build`, its own transformation is left out.
        images: Images of shape `(num_images, height, width, channels)` with 1
            or 3 channels and values from 0 to 255: an array, a memory map, a
            tensor, or a data set that yields them, with or without labels
            (`tf.data.Dataset`, `keras.utils.PyDataset`). See
            `arrays.read_images`. A data set is read into memory.
        transform: What `transforms.as_transform` takes: a `Transform`, a name
            such as `"blur"`, a function from images to images, or any Keras
            layer. `None` means the model's own. Images must become the same
            each time: what is random must draw by a
            `keras.random.SeedGenerator` that is an attribute of a layer, as
            Keras' random layers do, and gets the state that `seed` gives it.
        layers: List of layer names, see `activations.layer_names`, or one
            name; `None` means the penultimate layer.
        labels: One label for each image: integers, strings or one-hot rows.
            `None` means those that come with `images`, if any.
        is_seen: Boolean array of shape `(num_categories,)`, see `measure`.
        tau: Float from 0 to below 1. A neuron is active for an image if its
            activity, divided by its largest one, is above `tau`.
        activity: What is done with negative activity. `None`: it is refused.
            `"rectified"`: it counts as 0. `"signed"`: it counts as activity,
            of another kind than positive one, see `invariance.pair_terms`.
        spatial: `"all"`: each channel at each position is a neuron. `"max"`:
            each channel is, with its largest activity over positions; of
            signed activity, with the one farthest from 0. Channels must be
            the last axis.
        rule: `"either"` or `"both"`, see `invariance.activity_levels`.
        measures: List of measures of whole layers, keys of
            `population_measures.MEASURES`, or `"all"`; `None` means none.
            They take time and, beyond `memory`, room for temporary files.
        value_range: Pair of numbers, the range of the images' values, if it
            is not 0 to 255, such as `(0, 1)`: they are transformed as values
            from 0 to 255, and the model gets them in their own range.
        preprocess: Function applied to original and to transformed images
            before the model, such as one of `keras.applications`, or `None`.
            Nothing about it may be random.
        inputs: Dictionary from the names of other inputs of the model to
            arrays with a row for each image, or `None`. Original and
            transformed image get the same row.
        num_images: Integer, the most images to read; `None` means all.
        seed: Integer >= 0, decides the noise of noise transformations, and of
            layers of the model that are random although it is not trained.
            Their own random states are as before afterwards.
        memory: Integer, bytes of activities that may be kept. With more,
            images go through the network twice.
        batch_size: Integer, the most images that go through the network
            together, fewer than the 128 of a block and its transformed
            version where these need too much memory; `None` means all. It
            does not change any number, except for rounding, and for layers
            whose output for an image depends on the rest of the batch.
        verbose: 1 shows a progress bar, 0 none; `"auto"` shows one in
            terminals and notebooks. Or a function of the number of images
            that were read last.

    Returns:
        A `Measurement`.

    Raises:
        FileNotFoundError: If there is no such model.
        TypeError: If the model or the images are of the wrong kind.
        ValueError: If a layer does not exist or has negative activity, an
            argument is illegal, or images become others each time.

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
    tau = _check(tau, rule)
    responses = Responses(
        model,
        images,
        layers,
        labels=labels,
        transform=transform,
        value_range=value_range,
        preprocess=preprocess,
        inputs=inputs,
        num_images=num_images,
        spatial=spatial,
        activity=activity,
        seed=seed,
        memory=memory,
        batch_size=batch_size,
        verbose=verbose,
    )
    return measure(
        responses, tau=tau, is_seen=is_seen, rule=rule, measures=measures
    )


def measure(
    responses,
    *,
    tau=0.1,
    is_seen=None,
    is_other=None,
    rule="either",
    measures=(),
):
    """Measures the neurons whose activity is read by `responses`.

    Args:
        responses: A `responses.Responses`.
        tau: Float from 0 to below 1.
        is_seen: Boolean array of shape `(num_categories,)`: whether to
            measure images of seen and of unseen categories separately too,
            which needs labels. `None` means all images together only.
        is_other: Boolean array of that shape: categories that are neither, see
            `evaluation.split_categories`. `None` means none.
        rule: `"either"` or `"both"`, see `invariance.activity_levels`.
        measures: List of measures of whole layers, see `measure_invariance`.

    Returns:
        A `Measurement`.
    """
    tau = _check(tau, rule)
    measures = population_measures.read_measures(
        measures, responses.labels if responses.has_labels else None
    )
    population_measures.check_memory(measures, responses.num_images)
    group, groups = _group_images(responses, is_seen, is_other)
    sums = [
        Accumulator(maxima, tau, len(groups["all"]), rule, responses.is_signed)
        for maxima in responses.maxima
    ]
    num_active = _add_up(responses, sums, group)
    is_in = {name: np.isin(group, groups[name]) for name in groups}
    sizes = {name: each.sum() for name, each in is_in.items()}
    population = population_measures.measure_layers(responses, measures, is_in)
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
        {**responses.settings, "rule": rule},
        pd.DataFrame(population, columns=[*population_measures.COLUMNS]),
    )


def _check(tau, rule):
    """Checks both; returns tau."""
    arguments.check_choice("rule", rule, tuple(RULES))
    return arguments.read_tau(tau)


def _group_images(responses, is_seen, is_other):
    """Returns each image's number of its group, and the numbers by name."""
    group = np.zeros(responses.num_images, int)
    if is_seen is None:
        return group, {"all": [0]}
    if not responses.has_labels:
        raise ValueError(
            "Seen and unseen categories can be measured separately only "
            "with `labels`. Received: labels=None"
        )
    is_seen = np.asarray(is_seen)
    num_categories = responses.labels.max() + 1
    if (
        is_seen.dtype != "bool"
        or is_seen.ndim != 1
        or len(is_seen) < num_categories
    ):
        raise ValueError(
            "`is_seen` must be a boolean for each category, of which `labels` "
            f"have {num_categories}. Received: dtype={is_seen.dtype}, "
            f"shape={is_seen.shape}"
        )
    split = split_categories(is_seen, is_other)
    for number, is_in_group in enumerate(split.values()):
        group[is_in_group[responses.labels]] = number
    groups = {name: [number] for number, name in enumerate(split)}
    return group, {**groups, "all": [*range(len(split))]}


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

    def add(index, neurons, positions, pair, drawn):
        shuffled, same_category, rows, images = drawn
        transformed, pool = pair[1], pools[index]
        of_block = pool[partners.num_rows :][: len(positions)]
        of_block[:, neurons] = transformed[:, neurons]
        controls = {
            "shuffled": (pool, shuffled),
            "same_category": (transformed, same_category),
        }
        found = sums[index].add(*pair, group[positions], controls, neurons)
        pool[rows, neurons] = transformed[images, neurons]
        return index, positions, found

    def wait_for(tasks):
        for task in tasks:
            index, positions, found = task.result()
            num_active[index, positions] += found

    # The network reads the next block while one is added up.
    num_threads = _num_threads()
    with concurrent.futures.ThreadPoolExecutor(num_threads) as threads:
        tasks = []
        for positions, pairs in responses:
            wait_for(tasks)
            of_block = labels[positions], group[positions]
            drawn = (
                partners.draw(*of_block),
                next_of_category(of_block[0]),
                *partners.keep(*of_block),
            )
            tasks = [
                threads.submit(add, index, neurons, positions, pair, drawn)
                for index, pair in enumerate(pairs)
                for neurons in _split(len(responses.maxima[index]), num_threads)
            ]
        wait_for(tasks)
    return num_active


def _num_threads():
    """Returns how many threads add up: those that a sweep gives to a run."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) else os.cpu_count() or 1


def _split(num_neurons, num_parts):
    """Cuts a layer into slices, none of which is too small to be worth it."""
    num_parts = max(1, min(num_parts, num_neurons // 512))
    ends = np.linspace(0, num_neurons, num_parts + 1).astype(int).tolist()
    return itertools.starmap(slice, itertools.pairwise(ends))


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
        "specialisation": specialisation,
        "control_shuffled": floor,
        "control_same_category": sums.control("same_category", numbers),
        "corrected_invariance": correct_for_floor(invariance, floor),
        # Last, where pandas shows it even if there is no room for others.
        "invariance_coefficient": invariance,
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
    # Last, where pandas shows it even if there is no room for others.
    means["mean_invariance"] = means.pop("mean_invariance")
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
    tables = [*tables]
    sizes = [max(map(np.size, table.values())) for table in tables]
    # One DataFrame for all: each costs milliseconds.
    return pd.DataFrame(
        {
            name: np.concatenate(
                [
                    np.broadcast_to(table[name], size)
                    for table, size in zip(tables, sizes, strict=True)
                ]
            )
            for name in tables[0]
        }
    )
