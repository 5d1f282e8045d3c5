"""The sweep file and the experiments that it stands for."""

import dataclasses
import itertools
import os

import jsonargparse
import yaml

from invariance_tf.settings import mistakes
from invariance_tf.settings.config import Experiment

# From the least to the most measures.
_ANALYSES = ("none", "penultimate", "layers")


@dataclasses.dataclass(frozen=True)
class Run:
    """Holds an experiment of a sweep and what is known of its run.

    Attributes:
        experiment: A resolved `config.Experiment`.
        is_done: Whether the results are there, with all measures.
        seconds: Float, how long it took if it is done, else `None`.
    """

    experiment: Experiment
    is_done: bool = False
    seconds: float | None = None

    @property
    def name(self):
        """Name of the run directory."""
        return self.experiment.name()

    @property
    def run_dir(self):
        """Path of the run directory."""
        return os.path.join(self.experiment.runs_dir, self.name)


def read(path, **changes):
    """Reads a sweep file: a base experiment and a grid over any settings.

    The file has two keys. `base` holds settings of all experiments. `grid` is
    one mapping, or a list of mappings, from settings to a value or a list of
    values; every combination of the values of a mapping is an experiment.

    Args:
        path: Path of a YAML file.
        **changes: Settings that win over those of `base`; `None` changes
            nothing.

    Returns:
        List of resolved experiments, in the order of the file, each once.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no sweep file, or a setting is illegal.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            "There is no such sweep file; configs/sweeps/ holds those of this "
            f"package. Received: {path}"
        )
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.safe_load(file)
        base, parts = _split(content)
        base = {
            **base,
            **{key: value for key, value in changes.items() if value},
        }
        return once(
            Experiment(**settings).resolve()
            for part in parts
            for settings in expand(base, part)
        )
    except (ValueError, jsonargparse.ArgumentError, yaml.YAMLError) as error:
        raise ValueError(
            f"{path}: {mistakes.reword(mistakes.one_line(error))}"
        ) from error


def expand(base, part):
    """Combines every value of every setting.

    Args:
        base: Dictionary of settings.
        part: Dictionary from settings to a value or a list of values; they
            win over those of `base`.

    Returns:
        List of dictionaries of settings, with values of the right type. The
        last setting changes fastest.

    Raises:
        ValueError: If a list is empty.
        jsonargparse.ArgumentError: If a setting does not exist or a value
            has the wrong type.

    Example:

    >>> expand({"learning_rate": "1e-3"}, {"n_seen": [1, "all"], "seed": 2})
    [{'learning_rate': 0.001, 'n_seen': 1, 'seed': 2},
     {'learning_rate': 0.001, 'n_seen': 'all', 'seed': 2}]
    """
    choices = {}
    for name, values in {**base, **part}.items():
        values = values if isinstance(values, list) else [values]
        if not values:
            raise ValueError(
                "A list in a grid needs at least one value. "
                f"Received: {name}=[]"
            )
        choices[name] = [_typed(name, value) for value in values]
    return [
        dict(zip(choices, values, strict=True))
        for values in itertools.product(*choices.values())
    ]


def once(experiments):
    """Drops experiments that are the same run as an earlier one.

    Of two that differ in how many layers are measured, the one with more
    stays.

    Args:
        experiments: Iterable of resolved experiments.

    Returns:
        List of experiments with different names.

    Raises:
        ValueError: If one run is asked for with two values of `tau`,
            `ablate_layer` or `runs_dir`.
    """
    chosen = {}
    for experiment in experiments:
        name = experiment.name()
        earlier = chosen.setdefault(name, experiment)
        for setting in ("tau", "ablate_layer", "runs_dir"):
            values = [getattr(each, setting) for each in (earlier, experiment)]
            if values[0] != values[1]:
                raise ValueError(
                    f"The sweep asks for the run {name} with two values of "
                    f"`{setting}`; a run has one. Received: {setting}={values}"
                )
        if _rank(experiment) > _rank(earlier):
            chosen[name] = experiment
    return [*chosen.values()]


def _rank(experiment):
    return _ANALYSES.index(experiment.analysis)


def _split(content):
    """Returns the base and the list of grids of a file's content."""
    if not isinstance(content, dict) or not {*content} <= {"base", "grid"}:
        received = [*content] if isinstance(content, dict) else content
        raise ValueError(
            "A sweep file has the keys base, with settings of all runs, and "
            f"grid, with lists of values. Received: {received}"
        )
    base, grid = content.get("base") or {}, content.get("grid") or {}
    parts = grid if isinstance(grid, list) else [grid]
    for mapping in (base, *parts):
        if not isinstance(mapping, dict):
            raise ValueError(
                "base and each part of grid hold settings with values. "
                f"Received: {mapping}"
            )
    for name, value in base.items():
        if isinstance(value, list):
            raise ValueError(
                f"Lists belong into grid, not into base. Received: "
                f"{name}={value}"
            )
    return base, parts


def _parser():
    """Returns a parser that knows the type of every setting."""
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Experiment)
    return parser


_PARSER = _parser()


def _typed(name, value):
    """Gives a value the type of its setting: PyYAML reads 1e-3 as text."""
    parsed = _PARSER.parse_object({name: value}, defaults=False)
    return parsed.as_dict()[name]
