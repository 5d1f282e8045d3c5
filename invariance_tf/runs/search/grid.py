"""The experiments of a search."""

import dataclasses
import os

import jsonargparse
import yaml

from invariance_tf.settings import mistakes, shipped
from invariance_tf.settings.config import Experiment

# The paper gives the size of its grid, 25, and what it chose, 1e-4 and 5e-4;
# these steps of ten hold both, and the rates of every network here.
LEARNING_RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
WEIGHT_DECAYS = (5e-6, 5e-5, 5e-4, 5e-3, 5e-2)

# What a search takes a list of.
SEARCHED = ("learning_rate", "weight_decay")

# What a search decides itself: it tests on held-out images by the accuracy on
# original ones, and has no use for neurons.
_FIXED = {
    "test_on": "validation",
    "evaluate_on": "trained",
    "analysis": "none",
    "ablate_layer": None,
    "tau": 0.1,
}

# Settings that are flags of the command line.
SETTINGS = tuple(
    field.name
    for field in dataclasses.fields(Experiment)
    if field.name not in (*SEARCHED, *_FIXED)
)


def read(path):
    """Reads the settings of an experiment file that a search can use.

    Args:
        path: Path of a YAML file, or the name of one that comes with the
            package, such as synthfaces.

    Returns:
        Dictionary of those of `SETTINGS` that the file names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no experiment file.
    """
    path = shipped.find_config(path)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Experiment)
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.safe_load(file) or {}
        if not isinstance(content, dict) or {"base", "grid"} & {*content}:
            received = [*content] if isinstance(content, dict) else content
            raise ValueError(
                "An experiment file has a line for each setting, with one "
                f"value. Received: {received}"
            )
        typed = parser.parse_object(content, defaults=False).as_dict()
    except (ValueError, jsonargparse.ArgumentError, yaml.YAMLError) as error:
        raise ValueError(
            f"{path}: {mistakes.reword(mistakes.one_line(error))}"
        ) from error
    return {name: value for name, value in typed.items() if name in SETTINGS}


def experiments(settings, learning_rates, weight_decays, seeds=None):
    """Lists the experiments of a search.

    They test on held-out training images, and their runs lie apart from
    those that test on test images.

    Args:
        settings: Dictionary of `SETTINGS`.
        learning_rates: List of floats.
        weight_decays: List of floats.
        seeds: List of integers; `None` means that of the settings.

    Returns:
        List of resolved experiments, learning rates and weight decays
        ascending, each setting with all seeds.

    Raises:
        ValueError: If a setting is illegal.

    Example:

    >>> found = experiments({}, [0.1, 0.01], [0.0])
    >>> [each.learning_rate for each in found], found[0].test_on
    ([0.01, 0.1], 'validation')
    """
    base = Experiment(**{**settings, **_FIXED})
    if base.validation_fraction == 0 and base.splits is None:
        raise ValueError(
            "A search judges by held-out training images, so that "
            "`validation_fraction` must be above 0. Received: "
            f"validation_fraction={base.validation_fraction}"
        )
    resolved = [
        dataclasses.replace(
            base, learning_rate=rate, weight_decay=decay, seed=seed
        ).resolve()
        for rate in sorted({*learning_rates})
        for decay in sorted({*weight_decays})
        for seed in dict.fromkeys([base.seed] if seeds is None else seeds)
    ]
    # Not before: calibrated strengths lie in the directory of the user.
    runs_dir = os.path.join(base.runs_dir, "search", "runs")
    return [dataclasses.replace(each, runs_dir=runs_dir) for each in resolved]
