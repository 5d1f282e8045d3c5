"""Trains the network of an experiment."""

import functools
import math

import numpy as np

from invariance_tf import files, run_files, transforms
from invariance_tf.measures import evaluation
from invariance_tf.paradigm import model as models
from invariance_tf.paradigm import pipeline
from invariance_tf.training import devices, fitting, learning, statistics


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
        DamagedFileError: If the checkpoint is damaged, or of another run.
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

    history = fitting.fit(
        model,
        make_batches,
        steps_per_epoch=steps_per_epoch,
        epochs=experiment.epochs,
        seed=experiment.seed,
        checkpoint_path=prepared.path(run_files.CHECKPOINT),
        # Settings and images: nothing else may resume from the checkpoint.
        owner=f"{experiment.name()} {prepared.dataset.fingerprint}",
        validate=_validation(prepared, model),
        record=record,
        watch=functools.partial(
            learning.LearningWatch,
            _shares(prepared),
            experiment.batch_size,
            must_learn=experiment.if_not_learning == "stop",
            record=log.scalars,
        ),
    )
    # A process killed after its last checkpoint had not written all of it.
    files.write_csv(prepared.path("history.csv"), history)
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
