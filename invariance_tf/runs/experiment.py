"""Runs an experiment and writes the results to its run directory."""

import dataclasses
import functools
import math
import os

import keras
import numpy as np

from invariance_tf import drawing, files, transforms
from invariance_tf.measures import evaluation
from invariance_tf.paradigm import model as models
from invariance_tf.paradigm import pipeline, splits
from invariance_tf.runs import accuracies, analysis, health, provenance
from invariance_tf.runs.preparation import prepare, timed
from invariance_tf.runs.tensorboard import EventLog
from invariance_tf.settings import config, names
from invariance_tf.training import devices, fitting, learning, statistics


def run(experiment, overwrite=False):
    """Runs an experiment, or resumes it where it was interrupted.

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
    return run_prepared(prepare(experiment), overwrite)


@models.channels_last()
def run_prepared(prepared, overwrite=False):
    """Trains and evaluates a prepared experiment, and writes the results.

    An interrupted training resumes after its last complete epoch. A run that
    has a `summary.json` is finished and is not repeated; only its neurons are
    measured again if the settings ask for measures that it lacks.

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
    """
    run_dir, path = prepared.run_dir, prepared.path
    with files.locked(run_dir):
        if overwrite:
            files.clear_directory(run_dir)
        provenance.check_same_images(prepared)
        summary = files.read_json(path("summary.json"))
        was_done = summary is not None
        if was_done:
            if not is_analysed(run_dir, prepared.experiment):
                summary = _analyse_finished(prepared, summary)
        else:
            log = EventLog(path("tensorboard"))
            _write_settings(prepared, log)
            history = train(prepared, log)
            summary = {
                **_identify(prepared),
                **accuracies.measure_accuracies(prepared, log),
            }
            summary["health"] = _examine(prepared, history, summary)
            if prepared.experiment.analysis != "none":
                with timed(prepared.seconds, "analysis"):
                    summary = {**summary, **analysis.analyse(prepared, log)}
            with files.replacing(path("model.keras")) as model_path:
                prepared.model.save(model_path)
            log.close()
            provenance.write_provenance(prepared)
            files.write_json(path("summary.json"), summary)
            os.remove(path("checkpoint.npz"))
    return {**summary, "run_dir": run_dir, "was_done": was_done}


@models.channels_last()
def analyse_again(run_dir, *, trust=False, **changes):
    """Measures the neurons of a finished run again, without training.

    Args:
        run_dir: Directory of the run.
        trust: Boolean. Whether to import the modules that its config.yaml
            names, if it used a data set, network or transformation by a
            dotted name. Whoever wrote the file can run any code then.
        **changes: Settings to change: analysis, tau and ablate_layer.

    Returns:
        Dictionary: the run's summary with the new measures, and `run_dir`.

    Raises:
        FileNotFoundError: If the run is not finished.
        FileExistsError: If the images have changed since.
        ValueError: If config.yaml names modules and is not trusted.
    """
    summary = files.read_json(os.path.join(run_dir, "summary.json"))
    if summary is None:
        raise FileNotFoundError(
            "This is not the directory of a finished run: it has no "
            f"summary.json. Received: run_dir={run_dir}"
        )
    config_path = os.path.join(run_dir, "config.yaml")
    settings = files.read_yaml(config_path) | changes
    if not trust:
        remedy = "say so with --trust (trust=True in Python)"
        names.check_origin(settings, config_path, remedy)
    # This machine may have fewer devices than the one that trained.
    prepared = prepare(config.Experiment(**{**settings, "devices": 1}))
    experiment = dataclasses.replace(
        prepared.experiment, devices=settings["devices"]
    )
    prepared = dataclasses.replace(
        prepared, run_dir=run_dir, experiment=experiment
    )
    with files.locked(run_dir):
        provenance.check_same_images(prepared)
        summary = _analyse_finished(prepared, summary)
    return {**summary, "run_dir": run_dir}


def is_analysed(run_dir, experiment):
    """Returns whether a finished run has all measures of an experiment.

    Args:
        run_dir: Directory of the run.
        experiment: A resolved `config.Experiment` with the same training.
    """
    measured = files.read_yaml(os.path.join(run_dir, "config.yaml"))
    rank = config.ANALYSES.index
    return experiment.analysis == "none" or (
        rank(experiment.analysis) <= rank(measured["analysis"])
        and experiment.tau == measured["tau"]
        and experiment.ablate_layer in (None, measured["ablate_layer"])
    )


def _analyse_finished(prepared, summary):
    """Measures the neurons of a finished run; returns its new summary."""
    model = keras.models.load_model(prepared.path("model.keras"))
    prepared = dataclasses.replace(prepared, model=model)
    summary = {**summary, **analysis.analyse(prepared), "schema": files.SCHEMA}
    files.write_json(prepared.path("summary.json"), summary)
    # Last: `is_analysed` reads from it which measures exist.
    settings = dataclasses.asdict(prepared.experiment)
    files.write_yaml(prepared.path("config.yaml"), settings)
    return summary


def _identify(prepared):
    """Returns the part of a summary that is known before the results."""
    experiment = prepared.experiment
    return {
        "schema": files.SCHEMA,
        "dataset": experiment.dataset,
        "network": experiment.network,
        "transform": experiment.transform,
        "n_seen": experiment.n_seen,
        "num_categories": len(prepared.is_seen),
        "seed": experiment.seed,
        "epochs": experiment.epochs,
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
    files.write_csv(
        path("splits.csv"), splits.to_table(prepared.parts, dataset)
    )
    files.write_csv(
        path("skipped.csv"),
        {
            "file": [file for file, _ in dataset.skipped],
            "reason": [reason for _, reason in dataset.skipped],
        },
    )
    drawing.save(_draw_examples(prepared), path("examples.png"))
    log.picture("examples", path("examples.png"), step=0)
    log.hyper_parameters(
        settings, [f"test/{name}" for name in evaluation.ACCURACIES]
    )


def _draw_examples(prepared, num_images=8):
    """Draws a test image of some categories, original and transformed."""
    dataset, is_seen = prepared.dataset, prepared.is_seen
    labels = np.flatnonzero(is_seen)[: num_images // 2].tolist()
    labels += np.flatnonzero(~is_seen)[: num_images - len(labels)].tolist()
    test = prepared.positions("test")
    first = test[np.searchsorted(dataset.labels[test], labels)]
    originals = dataset.images[first]
    layers = prepared.model.get_layer
    transformed = layers("transform")(originals, np.ones(len(first), bool))
    standardised = keras.ops.convert_to_numpy(
        layers("standardize")(transformed)
    )
    rows = {"original": originals, "transformed,\nstandardised": standardised}
    titles = [
        f"{dataset.categories[label]}\n"
        f"({'seen' if is_seen[label] else 'unseen'})"
        for label in labels
    ]
    return drawing.draw_examples(rows, titles)


def train(prepared, log):
    """Trains the model; writes history.csv and checkpoints.

    Args:
        prepared: A `Prepared`.
        log: A `tensorboard.EventLog`.

    Returns:
        List of one dictionary for each epoch, see `fitting.fit`.

    Raises:
        FloatingPointError: If the training diverged.
        NotLearningError: If it did not learn and was to stop then.
    """
    experiment = prepared.experiment
    model = devices.mirror(prepared.model, experiment.devices)
    steps_per_epoch = math.ceil(
        len(prepared.positions("train")) / experiment.batch_size
    )
    make_batches = functools.partial(_make_batches, prepared)
    schedule = fitting.make_schedule(
        experiment.schedule,
        experiment.learning_rate,
        experiment.epochs,
        steps_per_epoch,
    )
    fitting.compile_model(model, schedule, experiment.momentum, steps_per_epoch)

    def record(history):
        log.scalars(_tags(history[-1]), step=history[-1]["epoch"])
        files.write_csv(prepared.path("history.csv"), history)

    def watch(history):
        return learning.LearningWatch(
            _shares(prepared),
            experiment.batch_size,
            history,
            must_learn=experiment.if_not_learning == "stop",
            record=log.scalars,
        )

    history = fitting.fit(
        model,
        make_batches,
        steps_per_epoch=steps_per_epoch,
        epochs=experiment.epochs,
        seed=experiment.seed,
        checkpoint_path=prepared.path("checkpoint.npz"),
        validate=_validation(prepared, model),
        record=record,
        watch=watch,
    )
    _take_weights(prepared, model)
    if statistics.is_short(prepared.model, experiment.epochs * steps_per_epoch):
        models.reseed(prepared.model, experiment.seed, experiment.epochs)
        statistics.estimate_statistics(
            prepared.model, make_batches(experiment.epochs)
        )
    # The history includes the epochs before an interruption.
    prepared.seconds["training"] = sum(row["seconds"] for row in history)
    return history


def _make_batches(prepared, first_epoch):
    """Returns batches without end, from an epoch on."""
    experiment, dataset = prepared.experiment, prepared.dataset
    return pipeline.training_batches(
        dataset.images,
        dataset.labels,
        prepared.is_seen,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        first_epoch=first_epoch,
        sampling=experiment.sampling,
        subset=prepared.positions("train"),
    )


def _shares(prepared):
    """Returns how often each category is drawn for training."""
    num_categories = len(prepared.is_seen)
    if prepared.experiment.sampling == "categories":
        return np.full(num_categories, 1 / num_categories)
    labels = prepared.dataset.labels[prepared.positions("train")]
    counts = np.bincount(labels, minlength=num_categories)
    return counts / counts.sum()


def _examine(prepared, history, summary):
    """Returns the health of a run."""
    labels = prepared.dataset.labels[prepared.positions("test")]
    return health.examine_run(
        history,
        original=(len(labels), summary["clean_accuracy"]),
        transformed=(
            int(prepared.is_seen[labels].sum()),
            summary["within_accuracy"],
        ),
        num_categories=len(prepared.is_seen),
        schedule=prepared.experiment.schedule,
        peak=prepared.experiment.learning_rate,
    )


def _tags(row):
    """Names the numbers of an epoch so that TensorBoard groups them."""
    return {
        name.replace("validation_", "validation/")
        if name.startswith("validation_")
        else f"training/{name}": value
        for name, value in row.items()
        if name != "epoch"
    }


def _take_weights(prepared, model):
    """Copies the weights of a mirrored model to the original one."""
    if model is not prepared.model:
        prepared.model.set_weights(model.get_weights())


def _validation(prepared, model):
    """Returns a function that measures the accuracies on held-out images."""
    images, labels = prepared.part("validation")
    if not len(labels):
        return None
    network = evaluation.classifier(prepared.model)
    versions = {
        "original": transforms.get("identity"),
        "transformed": prepared.model.get_layer("transform"),
    }

    def validate():
        _take_weights(prepared, model)
        measured = {}
        for version, transform in versions.items():
            predicted = evaluation.predict_labels(
                network, images, labels, transform, prepared.experiment.seed
            )
            groups = evaluation.group_accuracies(
                labels, predicted, prepared.is_seen
            )
            for group, (_, accuracy) in groups.items():
                measured[f"validation_{version}_{group}"] = accuracy
        return measured

    return validate
