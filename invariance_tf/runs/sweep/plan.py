"""Reads sweep files, and lists their experiments."""

import contextlib
import dataclasses
import itertools
import math
import os

import jsonargparse
import yaml

from invariance_tf import files
from invariance_tf.settings import defaults, mistakes, names
from invariance_tf.settings.config import ANALYSES, Experiment
from invariance_tf.settings.strengths import transform_args

# In a sweep or search. The paper's largest grid has some 300.
MOST_RUNS = 10_000


@dataclasses.dataclass(frozen=True)
class Run:
    """Holds an experiment of a sweep and the state of its run.

    Attributes:
        experiment: A resolved `config.Experiment`.
        is_done: Whether it is finished, with all measures.
        seconds: Float, how long it took; `None` if it is not finished.
        fingerprint: String, that of its images; `None` if they were not read.
    """

    experiment: Experiment
    is_done: bool = False
    seconds: float | None = None
    fingerprint: str | None = None

    @property
    def name(self):
        """Name of the run directory."""
        return self.experiment.name()

    @property
    def run_dir(self):
        """Path of the run directory."""
        return os.path.join(self.experiment.runs_dir, self.name)


def read_sweep(path, **changes):
    """Reads a sweep file: a base experiment and a grid over any settings.

    The file has two keys. `base` holds the settings of all experiments. `grid`
    is a mapping, or a list of mappings, from settings to a value or a list of
    values; each combination of the values of a mapping is an experiment.

    Args:
        path: Path of a YAML file.
        **changes: Settings that override those of the file, unless `None`.

    Returns:
        List of resolved experiments, in the order of the file, each once.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a sweep file, or a setting is illegal.
    """
    with naming_file(path):
        base, parts = _split_content(files.read_yaml(path))
        changes = {k: v for k, v in changes.items() if v is not None}
        parts = [{**part, **changes} for part in parts]
        check_num_runs(sum(_count_runs({**base, **part}) for part in parts))
        return drop_repeats(
            Experiment(**settings).resolve()
            for part in parts
            for settings in expand_grid(base, part)
        )


def check_num_runs(num_runs):
    """Raises if a grid has more runs than anyone can do.

    Args:
        num_runs: Integer.

    Raises:
        ValueError: If so.
    """
    if num_runs > MOST_RUNS:
        raise ValueError(
            f"A grid may have {MOST_RUNS:,} runs, not more. Divide it. "
            f"Received: {num_runs:,} runs"
        )


@contextlib.contextmanager
def naming_file(path):
    """Starts the message of a mistake in a file of settings with its path.

    Args:
        path: Path of the file.

    Raises:
        ValueError: If a mistake was raised inside.
    """
    try:
        yield
    except (
        ValueError,
        OverflowError,
        jsonargparse.ArgumentError,
        yaml.YAMLError,
    ) as error:
        message = mistakes.reword(mistakes.one_line(error))
        raise ValueError(f"{path}: {message}") from error


def expand_grid(base, part):
    """Combines all values of all settings.

    Args:
        base: Dictionary of settings.
        part: Dictionary from settings to a value or a list of values, which
            override those of `base`.

    Returns:
        List of dictionaries from settings to values of the right type. The last
        setting varies fastest.

    Raises:
        ValueError: If a list is empty.
        jsonargparse.ArgumentError: If a setting is unknown or a value has the
            wrong type.

    Example:

    >>> expand_grid({"momentum": "9e-1"}, {"n_seen": [1, "all"], "seed": 2})
    [{'momentum': 0.9, 'n_seen': 1, 'seed': 2},
     {'momentum': 0.9, 'n_seen': 'all', 'seed': 2}]
    """
    choices = {}
    for name, values in {**base, **part}.items():
        values = values if isinstance(values, list) else [values]
        if not values:
            raise ValueError(
                "A list in a grid needs at least one value. "
                f"Received: {name}=[]"
            )
        choices[name] = [_type_value(name, value) for value in values]
    return [
        dict(zip(choices, values, strict=True))
        for values in itertools.product(*choices.values())
    ]


# Settings that do not change the name of a run, which can have one value.
_OF_A_RUN = (
    *("tau", "ablate_layer", "activity", "test_strengths", "layer_measures"),
    *("devices", "if_not_learning", "runs_dir"),
)


def drop_repeats(experiments):
    """Drops experiments that are the same run as an earlier one.

    If they differ in the layers to measure, the one with more layers stays.

    Args:
        experiments: Iterable of resolved experiments.

    Returns:
        List of experiments with different names.

    Raises:
        ValueError: If a run has two values of one of `_OF_A_RUN`.
    """
    chosen = {}
    for experiment in experiments:
        name = experiment.name()
        earlier = chosen.setdefault(name, experiment)
        for setting in _OF_A_RUN:
            values = [getattr(each, setting) for each in (earlier, experiment)]
            if values[0] != values[1]:
                raise ValueError(
                    f"The sweep has two values of `{setting}` for the run "
                    f"{name}. Received: {setting}={values}"
                )
        chosen[name] = max(
            earlier, experiment, key=lambda each: ANALYSES.index(each.analysis)
        )
    return [*chosen.values()]


def find_mixed_strengths(experiments):
    """Finds what is trained at other arguments than others are tested by.

    With `evaluate_on="all"` a network is tested by transformations that it was
    not trained with; figures and claims compare it with networks that were.

    Args:
        experiments: List of resolved experiments.

    Returns:
        Dictionary from names of transformations to a pair of dictionaries:
        arguments by which one run is trained, and others by which another
        run, of the same images and network, is tested.
    """
    trained, mixed = {}, {}
    for each in experiments:
        for name, arguments in _trained_args(each).items():
            known = trained.setdefault((*_subject(each), name), [])
            if arguments not in known:
                known.append(arguments)
    for each in experiments:
        tested = defaults.TRANSFORMS if each.evaluate_on == "all" else ()
        for name in {*tested} - {*_trained_args(each)}:
            chosen = (each.test_args or {}).get(name)
            arguments = transform_args(each.dataset, name, chosen)
            for other in trained.get((*_subject(each), name), []):
                if other != arguments:
                    mixed[name] = other, arguments
    return mixed


def _subject(experiment):
    """Returns what the networks that are compared have in common."""
    options = experiment.dataset_options()
    return experiment.dataset, str(options), experiment.network


def _trained_args(experiment):
    """Returns the arguments of each transformation that is trained."""
    if names.is_several(experiment.transform):
        return experiment.transform_args
    return {experiment.transform: experiment.transform_args}


def _count_runs(settings):
    """Returns the number of combinations of all values."""
    return math.prod(
        len(value) for value in settings.values() if isinstance(value, list)
    )


def _split_content(content):
    """Returns the base and the list of grids of a sweep file."""
    if not isinstance(content, dict) or not {*content} <= {"base", "grid"}:
        received = [*content] if isinstance(content, dict) else content
        raise ValueError(
            "A sweep file has the keys base (settings of all runs) and grid "
            f"(lists of values). Received: {received}"
        )
    # A key without a value has none.
    base, grid = (
        {} if content.get(key) is None else content[key]
        for key in ("base", "grid")
    )
    parts = grid if isinstance(grid, list) else [grid]
    if not parts:
        raise ValueError(
            "A list of grids needs at least one mapping of settings. "
            "Received: grid=[]"
        )
    for mapping in (base, *parts):
        if not isinstance(mapping, dict):
            raise ValueError(
                "base and each part of grid must be mappings of settings. "
                f"Received: {mapping}"
            )
    base = dict(base)
    for name, value in base.items():
        if name == "test_strengths":
            base[name] = [value]
        elif isinstance(value, list):
            raise ValueError(
                f"Lists belong in grid, not in base. Received: {name}={value}"
            )
    return base, parts


def _type_value(name, value):
    """Converts one value to the type of its setting."""
    if name not in _SETTINGS:
        raise ValueError(mistakes.reword(f"Option '{name}' is not accepted"))
    return type_settings({name: value})[name]


_SETTINGS = {field.name for field in dataclasses.fields(Experiment)}
_PARSER = jsonargparse.ArgumentParser(exit_on_error=False)
_PARSER.add_class_arguments(Experiment)


def type_settings(settings):
    """Converts values to the types of their settings.

    YAML reads 1e-3 as text, for example.

    Args:
        settings: Dictionary of an experiment's settings.

    Raises:
        jsonargparse.ArgumentError: If a setting is unknown or a value has the
            wrong type.
    """
    return _PARSER.parse_object(settings, defaults=False).as_dict()
