"""Lists the experiments of a search."""

import dataclasses
import os

from invariance_tf import files
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import shipped
from invariance_tf.settings.config import Experiment

# The paper states the size of its grid, 25, and its choice, 1e-4 and 5e-4.
# These steps of ten contain both, and the rates of all networks of the package.
LEARNING_RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
WEIGHT_DECAYS = (5e-6, 5e-5, 5e-4, 5e-3, 5e-2)

# The settings that a search takes lists of.
SEARCHED = ("learning_rate", "weight_decay")

# The settings that a search determines: it compares accuracies on original
# held-out images, and does not need measures of neurons.
_FIXED = {
    "test_on": "validation",
    "evaluate_on": "trained",
    "analysis": "none",
    "ablate_layer": None,
    "test_strengths": (),
    "layer_measures": None,
    "tau": 0.1,
}

# All others, which the user chooses.
SETTINGS = tuple(
    field.name
    for field in dataclasses.fields(Experiment)
    if field.name not in (*SEARCHED, *_FIXED)
)


def read_config(path):
    """Reads the settings of a config file that a search can use.

    Args:
        path: Path of a YAML file, or the name of a config of the package, such
            as synthfaces.

    Returns:
        Dictionary of those of `SETTINGS` that are in the file.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a file of settings, or is one of a run
            directory that names modules.
    """
    path = shipped.find_config(path)
    with plan.naming_file(path):
        content = files.read_yaml(path) or {}
        shipped.check_config(content, path)
        typed = plan.type_settings(content)
    return {name: value for name, value in typed.items() if name in SETTINGS}


def list_experiments(settings, learning_rates, weight_decays, seeds=None):
    """Lists the experiments of a search.

    They test on held-out training images, and their runs have a directory
    apart from those that test on test images.

    Args:
        settings: Dictionary of `SETTINGS`.
        learning_rates: List of floats.
        weight_decays: List of floats.
        seeds: List of integers; by default the seed of the settings.

    Returns:
        List of resolved experiments in ascending order of learning rate and
        weight decay, with all seeds of a setting side by side.

    Raises:
        ValueError: If a setting is illegal.

    Example:

    >>> found = list_experiments({}, [0.1, 0.01], [0.0])
    >>> [each.learning_rate for each in found], found[0].test_on
    ([0.01, 0.1], 'validation')
    """
    base = Experiment(**{**settings, **_FIXED})
    if base.validation_fraction == 0 and base.splits is None:
        raise ValueError(
            "A search needs held-out training images: "
            "`validation_fraction` must be above 0. Received: "
            f"validation_fraction={base.validation_fraction}"
        )
    seeds = [base.seed] if seeds is None else seeds
    plan.check_num_runs(len(learning_rates) * len(weight_decays) * len(seeds))
    resolved = [
        dataclasses.replace(
            base, learning_rate=rate, weight_decay=decay, seed=seed
        ).resolve()
        for rate in sorted({*learning_rates})
        for decay in sorted({*weight_decays})
        for seed in dict.fromkeys(seeds)
    ]
    # After resolving, which reads calibrated strengths from the old directory.
    runs_dir = os.path.join(base.runs_dir, "search", "runs")
    return [dataclasses.replace(each, runs_dir=runs_dir) for each in resolved]
