"""Runs an experiment and writes the results to its run directory."""

import dataclasses
import logging
import os

import keras
import numpy as np

from invariance_tf import drawing, files, run_files
from invariance_tf.paradigm import model as models
from invariance_tf.paradigm import splits
from invariance_tf.runs import (
    accuracies,
    analysis,
    health,
    images,
    provenance,
)
from invariance_tf.runs import finished as finished_runs
from invariance_tf.runs.network_training import train
from invariance_tf.runs.preparation import prepare, timed
from invariance_tf.runs.tensorboard import EventLog
from invariance_tf.settings import config, names
from invariance_tf.training.learning import advise

_logger = logging.getLogger(__name__)


def run(experiment, overwrite=False):
    """Runs an experiment, or resumes it where it was interrupted.

    It sets the global random states of Python, NumPy and Keras to its seed.

    Args:
        experiment: A `config.Experiment`.
        overwrite: Whether to start over, even if the run exists.

    Returns:
        Dictionary: the content of the run's `summary.json`, `run_dir`, and
        `was_done` (whether the run was finished before).

    Raises:
        ValueError: If a setting is illegal.
        FileNotFoundError: If the data are missing.
        FloatingPointError: If the training diverged.
    """
    done = None if overwrite else finished_runs.find_done(experiment.resolve())
    return done or run_prepared(prepare(experiment), overwrite)


@models.keras_defaults()
def run_prepared(prepared, overwrite=False):
    """Trains and evaluates a prepared experiment, and writes the results.

    An interrupted training resumes after its last complete epoch. A finished
    run is not repeated; only its neurons are measured again if the settings ask
    for measures that it lacks, with those that it has.

    Args:
        prepared: A `Prepared`.
        overwrite: Whether to start over, even if the run exists.

    Returns:
        Dictionary: the content of the run's `summary.json`, `run_dir`, and
        `was_done` (whether the run was finished before).

    Raises:
        FloatingPointError: If the training diverged.
        BlockingIOError: If another process is working on the run.
        FileExistsError: If the run was started with other images.
        DamagedFileError: If a file of the run is damaged.
    """
    run_dir = prepared.run_dir
    # A finished run may be where nobody can write, not even a lock.
    is_read_only = os.path.isdir(run_dir) and not os.access(run_dir, os.W_OK)
    if is_read_only and not overwrite:
        finished = run_files.find_finished(run_dir)
        if finished is not None and finished_runs.is_analysed(
            finished, prepared.experiment
        ):
            return _answer_or_continue(prepared, finished)
    with files.locked(run_dir):
        if overwrite:
            run_files.clear_run(run_dir)
        return _answer_or_continue(prepared, run_files.settle(run_dir))


def _answer_or_continue(prepared, finished):
    """Does what is left of a run, if anything; returns what `run` does."""
    if finished is not None:
        finished.check()
    provenance.check_same_images(prepared)
    if finished is None:
        summary = _finish(prepared)
    elif finished_runs.is_analysed(finished, prepared.experiment):
        summary = finished.summary
    else:
        experiment = finished_runs.keep_measures(prepared.experiment, finished)
        prepared = dataclasses.replace(prepared, experiment=experiment)
        summary = _analyse_finished(prepared, finished)
    return {
        **summary,
        "run_dir": prepared.run_dir,
        "was_done": finished is not None,
    }


def _finish(prepared):
    """Does what is left of a run; returns its summary."""
    path = prepared.path
    for name in run_files.MEASURES:
        # Those of an interrupted run may be more than this one will have.
        files.remove(path(name))
    log = EventLog(path("tensorboard"))
    _write_settings(prepared, log)
    history = train(prepared, log)
    _logger.info("Testing on %d images.", len(prepared.positions("test")))
    summary = {
        **_identify(prepared),
        **accuracies.measure_accuracies(prepared, log),
    }
    summary["health"] = _examine(prepared, history, summary)
    if prepared.experiment.analysis != "none":
        _logger.info("Measuring the neurons.")
        with timed(prepared.seconds, "analysis"):
            summary = {**summary, **analysis.analyse(prepared, log)}
    with files.replacing(path("model.keras")) as model_path:
        prepared.model.save(model_path)
    log.close()
    provenance.write_provenance(prepared)
    summary = run_files.write_summary(prepared.run_dir, summary)
    for name in run_files.CHECKPOINTS:
        files.remove(path(name))
    return summary


@models.keras_defaults()
def analyse_again(run_dir, *, trust=False, **changes):
    """Measures the neurons of a finished run again, without training.

    A process that is killed meanwhile leaves all former measures or all new
    ones.

    Args:
        run_dir: Directory of the run.
        trust: Boolean. Whether to import the modules that its config.yaml
            names, if it used a data set, network or transformation by a
            dotted name. Whoever wrote the file can run any code then.
        **changes: Settings to change: analysis, tau, ablate_layer,
            activity, test_strengths and layer_measures.

    Returns:
        Dictionary: the run's summary with the new measures, and `run_dir`.

    Raises:
        FileNotFoundError: If the run is not finished.
        FileExistsError: If the images have changed since.
        DamagedFileError: If a file that is needed is damaged.
        ValueError: If config.yaml names modules and is not trusted.
    """
    settings = finished_runs.read_settings(_find_finished(run_dir))
    if not trust:
        remedy = "say so with --trust (trust=True in Python)"
        origin = os.path.join(run_dir, "config.yaml")
        names.check_origin(settings, origin, remedy)
    devices = settings["devices"]
    # This machine may have fewer devices than the one that trained.
    settings |= {**changes, "devices": 1}
    prepared = prepare(config.Experiment(**settings))
    experiment = dataclasses.replace(prepared.experiment, devices=devices)
    prepared = dataclasses.replace(
        prepared, run_dir=run_dir, experiment=experiment
    )
    with files.locked(run_dir):
        run_files.settle(run_dir)
        finished = _find_finished(run_dir)
        finished.find("provenance.json")
        provenance.check_same_images(prepared)
        summary = _analyse_finished(prepared, finished)
    return {**summary, "run_dir": run_dir}


def _find_finished(run_dir):
    """Returns a `run_files.FinishedRun`; raises if the run is not finished."""
    finished = run_files.find_finished(run_dir)
    if finished is None:
        raise FileNotFoundError(
            "This is not the directory of a finished run: it has no "
            f"summary.json. Received: run_dir={run_dir}"
        )
    return finished


def _analyse_finished(prepared, finished):
    """Measures the neurons of a finished run; returns its new summary."""
    with finished.reading("model.keras") as path:
        model = keras.models.load_model(path)
    with finished.replacing_files() as (directory, replace):
        staged = dataclasses.replace(prepared, model=model, run_dir=directory)
        measures = analysis.analyse(staged)
        settings = dataclasses.asdict(prepared.experiment)
        files.write_yaml(staged.path("config.yaml"), settings)
        provenance.write_analysis(finished, staged.path("provenance.json"))
        summary = dict(finished.summary)
        if "files" in summary:
            # A former measure that was not repeated is the run's no more.
            summary["files"] = {
                name: described
                for name, described in summary["files"].items()
                if name not in run_files.MEASURES
            }
        return replace({**summary, **measures})


def _identify(prepared):
    """Returns the part of a summary that is known before the results."""
    experiment = prepared.experiment
    return {
        "dataset": experiment.dataset,
        "data_name": experiment.title(),
        "network": experiment.network,
        "transform": experiment.transform,
        "n_seen": experiment.n_seen,
        "num_categories": len(prepared.is_seen),
        "seed": experiment.seed,
        "epochs": experiment.epochs,
        "num_parameters": prepared.model.count_params(),
        "seconds": prepared.seconds,
    }


def _write_settings(prepared, log):
    """Writes the files that precede training."""
    path, dataset = prepared.path, prepared.dataset
    settings = dataclasses.asdict(prepared.experiment)
    files.write_yaml(path("config.yaml"), settings)
    provenance.write_provenance(prepared)
    num_images = {
        f"num_{part}": np.bincount(
            dataset.labels[prepared.positions(part)],
            minlength=dataset.num_categories,
        )
        for part in ("train", "test", "validation")
    }
    files.write_csv(
        path("categories.csv"),
        {
            "category": dataset.categories,
            "category_group": np.where(prepared.is_seen, "seen", "unseen"),
            **num_images,
        },
    )
    parts = images.original_parts(prepared.experiment, prepared.parts)
    files.write_csv(path("splits.csv"), splits.to_table(parts, dataset))
    files.write_csv(
        path("skipped.csv"),
        {
            "file": [file for file, _ in dataset.skipped],
            "reason": [reason for _, reason in dataset.skipped],
        },
    )
    files.write_csv(
        path("near_copies.csv"),
        splits.to_pairs_table(prepared.near_copies, parts, dataset),
    )
    drawing.save(_draw_examples(prepared), path("examples.png"))
    log.picture("examples", path("examples.png"), step=0)
    log.hyper_parameters(*_list_settings(prepared.experiment), _COMPARED)


# TensorBoard ticks the first five.
_COMPARED = (
    "test/within_accuracy",
    "test/across_accuracy",
    "neurons/invariance_seen",
    "neurons/invariance_unseen",
    "neurons/corrected_invariance_unseen",
    "test/clean_accuracy",
)


def _list_settings(experiment):
    """Lists the settings by which TensorBoard compares runs.

    Returns:
        Two dictionaries: the settings that studies vary, the strength of the
        transformation as a number or `None`; and those that searches vary or
        that are not what the data set and the network have by default.
    """
    first = ("transform", "n_seen", "seed")
    often = ("dataset", "network", "learning_rate", "weight_decay")
    given = ["transform", "transform_args", "seed"]
    given += ["dataset", "data_dir", "network"]
    options = names.find("dataset", experiment.dataset).options
    given += [key for key in options if options[key] is names.REQUIRED]
    # Not `n_seen`, which may be more categories than there usually are.
    usual = config.Experiment(
        n_seen="all", **{name: getattr(experiment, name) for name in given}
    ).resolve()
    numbers = {
        name: value
        for name, value in experiment.transform_args.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    strength, *others = numbers.values() or [None]
    varied = {name: getattr(experiment, name) for name in first}
    varied["strength"] = None if others else strength
    unusual = {
        field.name: getattr(experiment, field.name)
        for field in dataclasses.fields(experiment)
        if field.name in often
        or getattr(experiment, field.name) != getattr(usual, field.name)
        and field.name not in ("n_seen", "runs_dir")
    }
    return varied, {**(numbers if others else {}), **unusual}


def _draw_examples(prepared, num_images=8):
    """Draws a test image of some categories, original and transformed."""
    dataset, is_seen = prepared.dataset, prepared.is_seen
    labels = np.flatnonzero(is_seen)[: num_images // 2].tolist()
    labels += np.flatnonzero(~is_seen)[: num_images - len(labels)].tolist()
    test = prepared.positions("test")
    first = test[np.searchsorted(dataset.labels[test], labels)]
    originals = dataset.images[first]
    standardize = prepared.model.get_layer("standardize")
    rows = {"original": originals}
    for name, transform in prepared.trained_transforms().items():
        words = name if len(prepared.seen_with) > 1 else "transformed"
        rows[f"{words},\nstandardised"] = keras.ops.convert_to_numpy(
            standardize(transform(originals))
        )
    titles = [
        f"{dataset.categories[label]}\n"
        f"({'seen' if is_seen[label] else 'unseen'})"
        for label in labels
    ]
    return drawing.draw_examples(rows, titles)


def _examine(prepared, history, summary):
    """Returns the health of a run."""
    labels = prepared.dataset.labels[prepared.positions("test")]
    return health.examine_run(
        history,
        original=(len(labels), summary["clean_accuracy"]),
        transformed=(
            int(next(iter(prepared.seen_with.values()))[labels].sum()),
            summary["within_accuracy"],
        ),
        num_categories=len(prepared.is_seen),
        paradigm=prepared.experiment.paradigm,
        schedule=prepared.experiment.schedule,
        peak=prepared.experiment.learning_rate,
        advice=advise(prepared.experiment.network_args),
    )
