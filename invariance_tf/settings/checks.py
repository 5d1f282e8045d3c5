"""Checks of the values of settings, before anything is done with them."""

import json
import math
import re
import types
import typing

from invariance_tf import foreign
from invariance_tf.settings import names
from invariance_tf.settings.defaults import LAYER_MEASURES
from invariance_tf.settings.strengths import strength_of

# Lowest and highest legal value, and both in words.
_RANGES = {
    "epochs": (1, math.inf, "at least 1"),
    "batch_size": (1, math.inf, "at least 1"),
    "devices": (1, math.inf, "at least 1"),
    "seed": (0, 2**31 - 1, "from 0 to 2147483647"),
    "category_seed": (0, 2**31 - 1, "from 0 to 2147483647"),
    "data_seed": (0, 2**31 - 1, "from 0 to 2147483647"),
    "num_test": (1, math.inf, "at least 1"),
    "num_train": (1, math.inf, "at least 1"),
    "num_categories": (2, math.inf, "at least 2"),
    "min_images": (1, math.inf, "at least 1"),
    "max_images": (2, math.inf, "at least 2"),
    "image_size": (16, 1024, "from 16 to 1024 pixels"),
    "central_crop": (math.ulp(0), 1, "above 0 and at most 1"),
    "learning_rate": (math.ulp(0), 1e3, "above 0 and at most 1000"),
    "momentum": (0, math.nextafter(1, 0), "from 0 to below 1"),
    "weight_decay": (0, 1e3, "from 0 to 1000"),
    "validation_fraction": (0, math.nextafter(1, 0), "from 0 to below 1"),
}

# The others of them are whole numbers.
_WITH_FRACTIONS = {
    *("central_crop", "learning_rate", "momentum", "weight_decay"),
    "validation_fraction",
}

# What is said of these includes their range.
_NUMBERS = (*_RANGES, "n_seen", "tau")

# Generated images are kept in memory.
_MOST_GENERATED_BYTES = 2**36


# Above it, a computer's floating-point numbers leave out whole numbers.
_LARGEST = 2**53


def check_sizes(settings):
    """Raises if a whole number is larger than what can be computed with.

    Args:
        settings: Dictionary of an experiment's settings.

    Raises:
        ValueError: If so.
    """
    for name, value in settings.items():
        if _is_too_large(value):
            raise ValueError(
                f"Whole numbers must be at most {_LARGEST}. "
                f"Received: {name}={value}"
            )


def _is_too_large(value):
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        return any(map(_is_too_large, value))
    return isinstance(value, int) and abs(value) > _LARGEST


def with_floats(settings):
    """Returns settings with floats where whole numbers stand for them.

    0 and 0.0 are the same value and must give the same run name.

    Args:
        settings: Dictionary of an experiment's settings, with the network.
    """
    floats = names.find("network", settings["network"]).options
    network_args = _convert(settings["network_args"], floats)
    return _convert({**settings, "network_args": network_args}, _WITH_FRACTIONS)


def _convert(settings, floats):
    """Returns settings with the whole numbers among some as floats."""
    return {
        name: float(value) if name in floats and type(value) is int else value
        for name, value in settings.items()
    }


def check_kinds(experiment):
    """Raises if a value, unless `None`, is of another kind than its setting.

    Args:
        experiment: A `config.Experiment`.

    Raises:
        ValueError: If so, or if a file of settings cannot hold it.
    """
    for name, hint in typing.get_type_hints(type(experiment)).items():
        value = getattr(experiment, name)
        received = foreign.shorten(foreign.one_line(repr(value)))
        try:
            json.dumps(value, sort_keys=True)
        except (TypeError, ValueError):
            raise ValueError(
                f"`{name}` must consist of Python's own numbers and texts, "
                f"such as int(3) or str(path). Received: {name}={received}"
            ) from None
        if name not in _NUMBERS and not _is_kind(value, hint | None):
            raise ValueError(
                f"`{name}` must be {legal_values(hint)}. "
                f"Received: {name}={received}"
            )


def _is_kind(value, hint):
    """Returns whether a value is of a type, given as type hint."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return value in parts
    if origin in (typing.Union, types.UnionType):
        return any(_is_kind(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list | tuple) and all(
            _is_kind(each, parts[0]) for each in value
        )
    if hint is float:
        return _is_within(value, -math.inf, math.inf)
    return isinstance(value, origin or hint)


def legal_values(hint):
    """Describes the values of a type, given as type hint, in words."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(parts)
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in parts if part is not types.NoneType]
        return " or ".join(map(legal_values, parts))
    if origin is list:
        return f"a list, each item {legal_values(parts[0])}"
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        dict: "names with values",
    }
    return words.get(origin or hint, "a text")


def check_values(experiment):
    """Raises if a value is of the wrong kind, or a number out of range.

    Args:
        experiment: A `config.Experiment` with the defaults filled in.

    Raises:
        ValueError: If so.
    """
    check_kinds(experiment)
    for name in _RANGES:
        check_range(name, getattr(experiment, name))
    name = experiment.data_name
    if name is not None and not re.fullmatch(r"[^\W_][\w.-]{0,59}", str(name)):
        raise ValueError(
            "`data_name` must be letters, digits, `_`, `-` and `.`, at most "
            f"60. Received: data_name={name}"
        )
    below_1 = math.nextafter(1, 0)
    if experiment.tau != "auto" and not _is_within(experiment.tau, 0, below_1):
        raise ValueError(
            "`tau` must be from 0 to below 1, or auto. "
            f"Received: tau={experiment.tau}"
        )
    read_layer_measures(experiment.layer_measures)
    n_seen, num_categories = experiment.n_seen, experiment.num_categories
    if n_seen != "all" and not _is_within(
        n_seen, 0, num_categories or math.inf, int
    ):
        at_most = num_categories or "the number of categories"
        raise ValueError(
            f"`n_seen` is a number of categories and must be an integer from 0 "
            f"to {at_most}. Received: n_seen={n_seen}"
        )
    _check_strengths(experiment)
    _check_seen_sets(experiment)
    _check_memory(experiment)


def read_tau(tau):
    """Returns a threshold: 0.1 + 0.2 is 0.3, as among those of the tables."""
    nearest = round(tau * 20) / 20 if _is_within(tau, 0, 1) else tau
    return nearest if nearest != tau and abs(nearest - tau) < 1e-6 else tau


def check_range(name, value):
    """Raises if the value of a setting, unless `None`, is out of range.

    Args:
        name: String, a setting that is a number.
        value: Its value.

    Raises:
        ValueError: If so, or if it must be an integer and is not.
    """
    lowest, highest, description = _RANGES[name]
    kind, article = int, "an integer, "
    if name in _WITH_FRACTIONS:
        kind, article = int | float, ""
    if value is not None and not _is_within(value, lowest, highest, kind):
        raise ValueError(
            f"`{name}` must be {article}{description}. Received: {name}={value}"
        )


def read_layer_measures(text):
    """Reads the names of measures of whole layers.

    Args:
        text: String, names with commas between them, all, or `None`.

    Returns:
        List of names, or of `"all"` only.

    Raises:
        ValueError: If one is unknown.

    Example:

    >>> read_layer_measures("linear_cka, rsa")
    ['linear_cka', 'rsa']
    """
    wanted = [name.strip() for name in (text or "").split(",") if name.strip()]
    unknown = [name for name in wanted if name not in LAYER_MEASURES]
    if unknown and wanted != ["all"]:
        raise ValueError(
            f"Measures of layers are {', '.join(LAYER_MEASURES)}, or all. "
            f"Received: {unknown[0]}"
        )
    return wanted


def _is_within(value, lowest, highest, kind=int | float):
    """Returns whether a value is a number within limits, both legal."""
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    return is_number and lowest <= value <= highest


def _check_strengths(experiment):
    """Raises if strengths are to be tested that cannot be."""
    if not experiment.test_strengths:
        return
    strength_of(experiment.transform)
    if experiment.analysis == "none":
        raise ValueError(
            "Strengths are tested when neurons are measured: choose another "
            "`analysis`, or no `test_strengths`. Received: analysis=none, "
            f"test_strengths={experiment.test_strengths}"
        )


def _check_seen_sets(experiment):
    """Raises if there is one set of categories, but others are asked for."""
    if experiment.seen_sets == "same":
        return
    if experiment.seen_sets != "disjoint" or not names.is_several(
        experiment.transform
    ):
        raise ValueError(
            "`seen_sets` must be same, or disjoint for several transformations "
            "with commas between them. Received: "
            f"seen_sets={experiment.seen_sets}, "
            f"transform={experiment.transform}"
        )


def _check_memory(experiment):
    """Raises if generated images cannot fit in memory."""
    if experiment.dataset != "synthfaces":
        return
    num_images = experiment.num_categories * (
        experiment.num_train + experiment.num_test
    )
    num_bytes = num_images * experiment.image_size**2 * 3
    if num_bytes > _MOST_GENERATED_BYTES:
        raise ValueError(
            f"{num_images:,} generated images would take "
            f"{num_bytes / 2**30:,.0f} GiB of memory. Lower `num_categories`, "
            "`num_train`, `num_test` or `image_size`. "
            f"Received: num_categories={experiment.num_categories}"
        )
