"""Measures of whole layers by name, for all layers and category groups."""

import contextlib
import dataclasses
import os
import tempfile

import numpy as np

from invariance_tf.measures import arguments, decoding, population
from invariance_tf.measures.estimates import NOTHING
from invariance_tf.memory import find_memory

# What needs memory for each pair of images, and how many bytes at most.
_PAIRING = ("linear_cka", "rsa", "decode_transformed", "decode_categories")
_BYTES_PER_PAIR = 64


def _score(original, transformed, labels, seed):
    # The paper's rate, or that of one image if there are fewer than 100.
    rate = max(0.01, 1 / len(original))
    return population.goodfellow_score(
        original, transformed, rate=rate, seed=seed
    )


def _geometry(measure):
    """Returns a measure that needs no labels, with the arguments of all."""

    def compare(original, transformed, labels, seed):
        return measure(original, transformed, seed=seed)

    return compare


def _categories(original, transformed, labels, seed):
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:
        return NOTHING, NOTHING
    return decoding.decode_categories(original, transformed, labels, seed=seed)


# What is measured, by name: functions of both responses, labels and seed.
MEASURES = {
    "linear_cka": _geometry(population.linear_cka),
    "rsa": _geometry(population.rsa),
    "goodfellow_score": _score,
    "normalized_variance": _geometry(population.median_variance),
    "decode_transformed": _geometry(decoding.decode_transformed),
    "decode_categories": _categories,
}
COLUMNS = ("layer", "category_group", "measure", "value", "low", "high")
COLUMNS += ("control",)


def read_measures(measures, labels):
    """Returns the names of measures of layers as a list.

    Args:
        measures: List of keys of `MEASURES`, or one; `"all"` means all for
            which there are labels, and `None` none.
        labels: Array of labels, or `None` if there are none.

    Raises:
        TypeError: If they are not names.
        ValueError: If one does not exist, or lacks its labels.
    """
    if measures is None:
        measures = ()
    if not isinstance(measures, str | list | tuple):
        raise TypeError(
            "`measures` must be a measure's name or a list of names. Received: "
            f"measures={measures!r}"
        )
    names = [measures] if isinstance(measures, str) else [*measures]
    counts = [0]
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
    can_decode = len(counts) > 1 and min(counts) > 1
    if names == ["all"]:
        needs_labels = () if can_decode else ("decode_categories",)
        return [name for name in MEASURES if name not in needs_labels]
    for name in names:
        arguments.check_choice("measures", name, (*MEASURES, "all"))
    if "decode_categories" in names and not can_decode:
        raise ValueError(
            "Categories can be decoded only with `labels`, of two or more "
            "categories of at least two images. Received: "
            f"measures={names!r}"
        )
    return [*dict.fromkeys(names)]


def check_memory(measures, num_images):
    """Raises if measures need more memory than there is.

    Args:
        measures: List as of `read_measures`.
        num_images: Integer.

    Raises:
        ValueError: If they do.
    """
    found = [name for name in _PAIRING if name in measures or "all" in measures]
    needed, memory = _BYTES_PER_PAIR * num_images**2, find_memory()
    if found and needed > memory:
        raise ValueError(
            f"{', '.join(found)} compare every image with every other one: "
            f"{num_images:,} images need about {needed / 2**30:,.0f} GiB of "
            f"memory, of {memory / 2**30:,.0f}. Leave these measures out, or "
            f"measure fewer images. Received: measures={[*measures]}"
        )


def measure_layers(responses, names, groups):
    """Measures whole layers.

    Args:
        responses: A `responses.Responses`.
        names: List of keys of `MEASURES`.
        groups: Dictionary from category groups to boolean arrays of shape
            `(num_images,)`; the last one has all images.

    Returns:
        List of dictionaries with the keys `COLUMNS`.
    """
    rows = []
    if not names:
        return rows
    # Group after group: each is a slice, not a copy. All are of the last one.
    order = np.argsort(np.argmax([*groups.values()], axis=0), kind="stable")
    slices = {
        name: slice(*(np.flatnonzero(is_in[order])[[0, -1]] + [0, 1]))
        for name, is_in in groups.items()
        if is_in.any()
    }
    labels = responses.labels[order]
    for layer, pair in _read_layers(responses, order):
        for group, images in slices.items():
            both = [each[images] for each in pair]
            for name in names:
                found = _estimate(name, *both, labels[images], responses.seed)
                rows += [
                    {
                        "layer": layer,
                        "category_group": group,
                        "measure": measure,
                        **dataclasses.asdict(estimate),
                    }
                    for measure, estimate in found.items()
                ]
    return rows


def _estimate(name, original, transformed, labels, seed):
    """Returns the estimates of a measure by the names of their rows."""
    rows = [name]
    if name == "decode_categories":
        rows.append(f"{name}_transformed")
    if len(original) < 3:
        return dict.fromkeys(rows, NOTHING)
    found = MEASURES[name](original, transformed, labels, seed)
    found = found if isinstance(found, tuple) else (found,)
    return dict(zip(rows, found, strict=True))


def _read_layers(responses, order):
    """Yields the name of each layer and its responses to images in an order.

    What does not fit in `memory` is written to temporary files in one pass,
    and read as memory maps.
    """
    ends = np.cumsum([0, *map(len, responses.maxima)])
    if responses.is_kept:
        for index, layer in enumerate(responses.layers):
            yield layer, [each[order] for each in responses.arrays(index)]
        return
    shape = responses.num_images, ends[-1]
    with tempfile.TemporaryDirectory(prefix="invariance-tf-") as directory:
        paths = [os.path.join(directory, each) for each in ("x", "transformed")]
        _write_responses(responses, np.argsort(order), paths)
        both = [np.memmap(path, "float32", "r", 0, shape) for path in paths]
        for layer, start, end in zip(
            responses.layers, ends[:-1], ends[1:], strict=True
        ):
            yield layer, [each[:, start:end] for each in both]


def _write_responses(responses, place, paths):
    """Writes a row for each image to two files: original and transformed.

    Args:
        responses: A `responses.Responses`.
        place: Integer array of shape `(num_images,)`, the row of each image.
        paths: Pair of paths.
    """
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(open(path, "wb")) for path in paths]
        for positions, pairs in responses:
            versions = zip(*pairs, strict=True)
            for stream, version in zip(streams, versions, strict=True):
                rows = np.concatenate(version, axis=1)
                # A full disk is an error here, and would end the program
                # where a memory map was written to.
                for position, row in zip(positions, rows, strict=True):
                    stream.seek(int(place[position]) * row.nbytes)
                    stream.write(row.tobytes())
