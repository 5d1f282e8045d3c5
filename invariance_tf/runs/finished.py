"""Finds runs that are done, without Keras or TensorFlow."""

import dataclasses
import os

from invariance_tf import datasets, files, run_files
from invariance_tf.runs import images
from invariance_tf.settings import checks, config

# Data sets whose images are cached: changed files are noticed at once.
_CACHED = ("folder", "facescrub")
# Data sets whose images follow from the settings, and the packages that make
# them: drawing them only to compare them would take longer than all the rest.
_COMPUTED = ("synthfaces", "digits")
_MAKERS = ("invariance_tf", "numpy", "pillow")
# Settings that say what is measured.
_MEASURES = (
    *("analysis", "tau", "activity"),
    *("ablate_layer", "test_strengths", "layer_measures"),
)


def find_done(experiment):
    """Finds the run of an experiment, if it is certain that it is done.

    All files of the run are compared with their hashes. Images in folders are
    compared as before a training. Those that follow from the settings are not
    made again: that they would be the same is concluded from the versions of
    the packages that make them.

    Args:
        experiment: A resolved `config.Experiment`.

    Returns:
        Dictionary, as of `experiment.run`. `None` if the run is not done or is
        damaged, lacks a measure, or if only loading the data can tell.

    Raises:
        ValueError: If the images cannot be used.
        FileNotFoundError: If the images are missing.
    """
    if experiment.dataset not in (*_CACHED, *_COMPUTED):
        return None
    if experiment.precision == "auto":
        return None  # This machine has to measure.
    if experiment.n_seen == "all":
        # If unusable images make them fewer, the name or the images differ.
        count = datasets.count_categories(
            experiment.dataset, **experiment.dataset_options()
        )
        experiment = dataclasses.replace(experiment, n_seen=count)
    run_dir = os.path.join(experiment.runs_dir, experiment.name())
    try:
        finished = run_files.find_finished(run_dir)
        if finished is None or not is_analysed(finished, experiment):
            return None
        if not run_files.is_settled(run_dir):
            return None  # A killed process has left something to do.
        finished.check()
        with finished.reading("provenance.json") as path:
            record = files.read_json(path)
            if not _has_same_images(record, experiment):
                return None
    except files.DamagedFileError:
        # To be raised again, and reported, by whoever repeats the run.
        return None
    return {**finished.summary, "run_dir": run_dir, "was_done": True}


def is_analysed(finished, experiment):
    """Returns whether a finished run has all measures of an experiment.

    Args:
        finished: A `run_files.FinishedRun`.
        experiment: A resolved `config.Experiment` with the same training.
    """
    if experiment.analysis == "none":
        return True
    measured = read_settings(finished)
    wanted = _add_measures(experiment, measured)
    return all(getattr(wanted, name) == measured[name] for name in _MEASURES)


def keep_measures(experiment, finished):
    """Returns an experiment that also asks for what its finished run has.

    So measuring the run again for a further measure loses none. What it
    had at another `tau` or `activity`, or of another layer than
    `ablate_layer`, is replaced.

    Args:
        experiment: A resolved `config.Experiment`.
        finished: A `run_files.FinishedRun` with the same training.
    """
    return _add_measures(experiment, read_settings(finished))


def _add_measures(experiment, measured):
    """Adds measures of a run's settings to those of an experiment."""
    strengths = measured["test_strengths"]
    new = [
        strength
        for strength in experiment.test_strengths
        if strength not in strengths
    ]
    return dataclasses.replace(
        experiment,
        analysis=max(
            (experiment.analysis, measured["analysis"]),
            key=config.ANALYSES.index,
        ),
        ablate_layer=experiment.ablate_layer or measured["ablate_layer"],
        test_strengths=[*strengths, *new] if new else strengths,
        layer_measures=_join_measures(
            measured["layer_measures"], experiment.layer_measures
        ),
    )


def _join_measures(first, second):
    """Joins two lists of measures of layers, each a text or `None`."""
    known = checks.read_layer_measures(first)
    new = [
        name for name in checks.read_layer_measures(second) if name not in known
    ]
    if "all" in known or not new:
        return first
    return "all" if "all" in new else ",".join([*known, *new])


def read_settings(finished):
    """Returns all settings of a finished run, as a dictionary."""
    with finished.reading("config.yaml") as path:
        return dataclasses.asdict(config.Experiment(**files.read_yaml(path)))


def _has_same_images(record, experiment):
    """Returns whether an experiment's images are those of a provenance.json."""
    if experiment.dataset in _COMPUTED and experiment.splits is None:
        versions = {
            name: version
            for name, version in record["versions"].items()
            if name in _MAKERS
        }
        return versions == images.find_versions(_MAKERS)
    dataset = datasets.get(experiment.dataset, **experiment.dataset_options())
    now = images.identify_images(*images.divide(experiment, dataset))
    return images.are_same(record["data"], now)
