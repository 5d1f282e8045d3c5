"""One experiment from its settings to the results in its run directory."""

import dataclasses
import functools
import math
import os

import keras
import numpy as np

from invariance_tf import drawing, files, transforms
from invariance_tf.measures import evaluation
from invariance_tf.paradigm import pipeline, splits
from invariance_tf.runs import accuracies, analysis, provenance
from invariance_tf.runs.preparation import prepare, timed
from invariance_tf.runs.tensorboard import EventLog
from invariance_tf.settings import config
from invariance_tf.training import devices, fitting


def run(experiment, overwrite=False):
    """Runs an experiment, or goes on with it where it was interrupted.

    Args:
        experiment: A `config.Experiment`.
        overwrite: Whether to start anew although the run is done or begun.

    Returns:
        Dictionary, the content of the run's `summary.json`, `run_dir`, and
        `was_done`.

    Raises:
        ValueError: If a setting is illegal.
        FileNotFoundError: If the data are not there.
        FloatingPointError: If the training diverged.
    """
    return execute(prepare(experiment), overwrite)


def execute(prepared, overwrite=False):
    """Trains, evaluates and writes the results of a prepared experiment.

    Of an interrupted run the training goes on from its last epoch. A run whose
    `summary.json` is there is done: it is left as it is, but its neurons are
    measured anew where the settings ask for measures that it does not have.

    Args:
        prepared: A `Prepared`.
        overwrite: Whether to start anew although the run is done or begun.

    Returns:
        Dictionary, the content of the run's `summary.json`, `run_dir`, and
        `was_done`.

    Raises:
        FloatingPointError: If the training diverged.
        BlockingIOError: If another process is working on the run.
        FileExistsError: If the run was begun with other images.
    """
    run_dir = prepared.run_dir
    path = functools.partial(os.path.join, run_dir)
    with files.locked(run_dir):
        if overwrite:
            files.clear(run_dir)
        provenance.check_same_images(prepared)
        summary = files.read_json(path("summary.json"))
        was_done = summary is not None
        if was_done:
            if not is_analysed(run_dir, prepared.experiment):
                summary = _analyse_done(prepared, summary)
        else:
            log = EventLog(path("tensorboard"))
            _write_settings(prepared, log)
            train(prepared, log)
            summary = {
                **_describe(prepared),
                **accuracies.measure_accuracies(prepared, log),
            }
            if prepared.experiment.analysis != "none":
                with timed(prepared.seconds, "analysis"):
                    summary = {**summary, **analysis.analyse(prepared, log)}
            with files.replacing(path("model.keras")) as model_path:
                prepared.model.save(model_path)
            log.close()
            provenance.write(prepared)
            files.write_json(path("summary.json"), summary)
            os.remove(path("checkpoint.npz"))
    return {**summary, "run_dir": run_dir, "was_done": was_done}


def analyse_again(run_dir, **changes):
    """Measures the neurons of a finished run, without training.

    Args:
        run_dir: Directory of the run.
        **changes: Settings to change: analysis, tau and ablate_layer.

    Returns:
        Dictionary, the run's summary with the new measures, and `run_dir`.

    Raises:
        FileNotFoundError: If the run is not finished.
        FileExistsError: If the images have changed since.
    """
    path = functools.partial(os.path.join, run_dir)
    summary = files.read_json(path("summary.json"))
    if summary is None:
        raise FileNotFoundError(
            "This is not the directory of a finished run: it holds no "
            f"summary.json. Received: run_dir={run_dir}"
        )
    settings = {**files.read_yaml(path("config.yaml")), **changes}
    # Measuring takes one device, however many the training had.
    prepared = prepare(config.Experiment(**{**settings, "devices": 1}))
    trained_on = {"devices": settings.get("devices", 1)}
    prepared = dataclasses.replace(
        prepared,
        run_dir=run_dir,
        experiment=dataclasses.replace(prepared.experiment, **trained_on),
    )
    with files.locked(run_dir):
        provenance.check_same_images(prepared)
        summary = _analyse_done(prepared, summary)
    return {**summary, "run_dir": run_dir}


def is_analysed(run_dir, experiment):
    """Tells whether a finished run has the measures that are asked for.

    Args:
        run_dir: Directory of the run.
        experiment: A resolved `config.Experiment` with the same training.
    """
    done = files.read_yaml(os.path.join(run_dir, "config.yaml"))
    wanted = vars(experiment)
    rank = ("none", "penultimate", "layers").index
    # Runs of the first version say nothing of an analysis.
    return rank(wanted["analysis"]) == 0 or (
        rank(wanted["analysis"]) <= rank(done.get("analysis", "none"))
        and wanted["tau"] == done["tau"]
        and wanted["ablate_layer"] in (None, done["ablate_layer"])
    )


def _analyse_done(prepared, summary):
    """Measures the neurons of a finished run; returns its new summary."""
    path = functools.partial(os.path.join, prepared.run_dir)
    model = keras.models.load_model(path("model.keras"))
    prepared = dataclasses.replace(prepared, model=model)
    summary = {
        **summary,
        **analysis.analyse(prepared),
        "schema": files.SCHEMA,
    }
    files.write_json(path("summary.json"), summary)
    # Last: the settings tell whether the measures are there.
    files.write_yaml(
        path("config.yaml"), dataclasses.asdict(prepared.experiment)
    )
    return summary


def _describe(prepared):
    """Returns what a summary says about the experiment."""
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
    """Writes what is known before training."""
    path = functools.partial(os.path.join, prepared.run_dir)
    dataset, settings = (
        prepared.dataset,
        dataclasses.asdict(prepared.experiment),
    )
    files.write_yaml(path("config.yaml"), settings)
    provenance.write(prepared)
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
    """Draws a test image of a few categories, original and transformed."""
    dataset, is_seen = prepared.dataset, prepared.is_seen
    labels = np.flatnonzero(is_seen)[: num_images // 2].tolist()
    labels += np.flatnonzero(~is_seen)[: num_images - len(labels)].tolist()
    test = prepared.positions("test")
    first = test[np.searchsorted(dataset.labels[test], labels)]
    originals = dataset.images[first]
    layers = prepared.model.get_layer
    transformed = layers("transform")(originals, np.ones(len(first), bool))
    rows = {
        "original": originals,
        "transformed,\nstandardised": keras.ops.convert_to_numpy(
            layers("standardize")(transformed)
        ),
    }
    group = {True: "seen", False: "unseen"}
    titles = [
        f"{dataset.categories[label]}\n({group[bool(is_seen[label])]})"
        for label in labels
    ]
    return drawing.draw_examples(rows, titles)


def train(prepared, log):
    """Trains the model and writes its history."""
    experiment, dataset = prepared.experiment, prepared.dataset
    model = devices.mirror(prepared.model, experiment.devices)
    subset = prepared.positions("train")
    steps_per_epoch = math.ceil(len(subset) / experiment.batch_size)
    schedule = fitting.make_schedule(
        experiment.schedule,
        experiment.learning_rate,
        experiment.epochs,
        steps_per_epoch,
    )
    fitting.compile_model(model, schedule, experiment.momentum, steps_per_epoch)

    def make_batches(first_epoch):
        return pipeline.training_batches(
            dataset.images,
            dataset.labels,
            prepared.is_seen,
            batch_size=experiment.batch_size,
            seed=experiment.seed,
            first_epoch=first_epoch,
            sampling=experiment.sampling,
            subset=subset,
        )

    def record(history):
        log.scalars(_tags(history[-1]), step=history[-1]["epoch"])
        files.write_csv(os.path.join(prepared.run_dir, "history.csv"), history)

    history = fitting.fit(
        model,
        make_batches,
        steps_per_epoch=steps_per_epoch,
        epochs=experiment.epochs,
        seed=experiment.seed,
        checkpoint_path=os.path.join(prepared.run_dir, "checkpoint.npz"),
        validate=_validation(prepared, model),
        record=record,
    )
    _take_weights(prepared, model)
    # Also the epochs before an interruption.
    prepared.seconds["training"] = sum(row["seconds"] for row in history)


def _tags(row):
    """Names the numbers of an epoch as TensorBoard groups them."""
    return {
        name.replace("validation_", "validation/")
        if name.startswith("validation_")
        else f"training/{name}": value
        for name, value in row.items()
        if name != "epoch"
    }


def _take_weights(prepared, model):
    """Gives the weights of a model on several devices to that on one."""
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
