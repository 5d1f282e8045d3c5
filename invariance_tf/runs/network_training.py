"""Trains the network of an experiment."""

import functools
import logging
import math

import numpy as np

from invariance_tf import files, run_files, transforms
from invariance_tf.measures import activations, evaluation
from invariance_tf.measures.responses import paired_blocks
from invariance_tf.paradigm import model as models
from invariance_tf.paradigm import pipeline
from invariance_tf.training import (
    devices,
    episodes,
    fitting,
    learning,
    statistics,
)

_logger = logging.getLogger(__name__)


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
    history = []
    phases = prepared.phases()
    for number, phase in enumerate(phases):
        if len(phases) > 1:
            _logger.info(
                "Step %d of %d: training %d categories.",
                number + 1,
                len(phases),
                np.count_nonzero(phase.categories),
            )
        history = _train_phase(prepared, model, log, number, phase, history)
    # A process killed after its last checkpoint had not written all of it.
    files.write_csv(prepared.path("history.csv"), history)
    # The history includes the epochs before an interruption.
    prepared.seconds["training"] = sum(row["seconds"] for row in history)
    return history


def _train_phase(prepared, model, log, number, phase, former):
    """Trains the model in one phase.

    Args:
        prepared: A `Prepared`.
        model: Its model, or a copy on several devices.
        log: A `tensorboard.EventLog`.
        number: Integer, number of the phase from 0.
        phase: A `phases.Phase`.
        former: List of dictionaries, the history of former phases.

    Returns:
        List of dictionaries, the history of all phases so far.
    """
    experiment = prepared.experiment
    steps_per_epoch = _count_steps(prepared, phase)
    make_batches = functools.partial(
        _make_batches, prepared, phase, steps_per_epoch
    )

    def record(history):
        history = _join(former, history)
        log.scalars(_tags(history[-1]), step=history[-1]["epoch"])
        files.write_csv(prepared.path("history.csv"), history)

    watch = functools.partial(
        learning.LearningWatch,
        _shares(prepared, phase),
        _count_images(prepared, phase) / steps_per_epoch,
        must_learn=experiment.if_not_learning == "stop",
        record=log.scalars,
        advice=learning.advise(experiment.network_args),
    )
    frozen = _freeze(model) if phase.is_head_only else []
    history = fitting.fit(
        _compile(prepared, model, phase),
        make_batches,
        steps_per_epoch=steps_per_epoch,
        epochs=experiment.epochs,
        seed=experiment.seed,
        checkpoint_path=prepared.path(run_files.CHECKPOINTS[number]),
        # Settings and images: nothing else may resume from the checkpoint.
        owner=f"{experiment.name()} {prepared.dataset.fingerprint}",
        validate=None if phase.is_episodic else _validation(prepared, model),
        record=record,
        # Later phases begin with what was learned.
        watch=None if former or phase.is_episodic else watch,
    )
    if frozen:
        _unfreeze(frozen)
        # Keras cannot load a model whose optimizer knows some weights only.
        compiled = _compile(prepared, model, phase)
        with devices.scope(model):
            compiled.optimizer.build(model.trainable_variables)
    _take_weights(prepared, model)
    num_steps = experiment.epochs * steps_per_epoch
    if not frozen and statistics.is_short(prepared.model, num_steps):
        _estimate_statistics(prepared, model, make_batches(experiment.epochs))
    if phase.is_episodic:
        _set_prototypes(prepared)
    return _join(former, history)


def _join(former, history):
    """Continues the history of former phases; epochs are numbered on."""
    return [
        *former,
        *({**row, "epoch": row["epoch"] + len(former)} for row in history),
    ]


def _count_images(prepared, phase):
    """Returns the number of images that an epoch draws."""
    labels = prepared.dataset.labels[prepared.positions("train")]
    if phase.is_episodic:
        return len(labels)
    return np.count_nonzero(phase.categories[labels])


def _count_steps(prepared, phase):
    """Returns the number of training steps of an epoch."""
    num_images = _count_images(prepared, phase)
    return math.ceil(num_images / prepared.experiment.batch_size)


def _compile(prepared, model, phase):
    """Compiles and returns the model to train in a phase."""
    experiment = prepared.experiment
    steps_per_epoch = _count_steps(prepared, phase)
    schedule = fitting.make_schedule(
        experiment.schedule,
        experiment.learning_rate,
        experiment.epochs,
        steps_per_epoch,
    )
    options = schedule, experiment.momentum, steps_per_epoch
    if phase.is_episodic:
        model = episodes.features_model(model)
        options = *options, _episode(prepared, phase)
    fitting.compile_model(model, *options)
    return model


def _freeze(model):
    """Leaves only the last layer trainable.

    Returns:
        List of (layer, whether it was trainable) of the others and of those
        inside of them.
    """
    others = model.layers[:-1]
    former = [
        (layer, layer.trainable)
        for other in others
        for layer in other._flatten_layers()
    ]
    for layer in others:
        layer.trainable = False
    return former


def _unfreeze(former):
    # A layer sets those inside of it, which come after it.
    for layer, trainable in former:
        layer.trainable = trainable


def _episode(prepared, phase):
    """Returns the shape of the episodes of a phase."""
    num_categories = np.count_nonzero(phase.categories)
    return episodes.make_episode(num_categories, prepared.experiment.batch_size)


def _set_prototypes(prepared):
    """Sets the last layer by the original training images of all categories."""
    images, labels = prepared.part("train")
    head = activations.dense_head(prepared.model)
    penultimate = activations.penultimate_layer(prepared.model)
    network = activations.submodel(prepared.model, [penultimate])
    features = np.empty((len(labels), head.kernel.shape[0]), "float32")
    identity, order = transforms.get("identity"), np.arange(len(labels))
    for positions, original, _ in paired_blocks(images, identity, 0, order):
        (found,) = network.predict_on_batch(original).values()
        features[positions] = found
    episodes.set_prototypes(head, features, labels)


def _make_batches(prepared, phase, steps_per_epoch, first_epoch):
    """Returns batches of a phase without end, from an epoch on."""
    experiment, dataset = prepared.experiment, prepared.dataset
    options = {
        "seed": experiment.seed,
        "first_epoch": first_epoch,
        "subset": prepared.positions("train"),
    }
    seen_with = [*prepared.seen_with.values()]
    is_seen = np.stack(seen_with) if len(seen_with) > 1 else prepared.is_seen
    if phase.is_episodic:
        return pipeline.episode_batches(
            dataset.images,
            dataset.labels,
            is_seen,
            _episode(prepared, phase),
            num_episodes=steps_per_epoch,
            **options,
        )
    return pipeline.training_batches(
        dataset.images,
        dataset.labels,
        is_seen,
        batch_size=experiment.batch_size,
        sampling=experiment.sampling,
        categories=phase.categories,
        **options,
    )


def _shares(prepared, phase):
    """Returns how often each category is drawn for training."""
    if prepared.experiment.sampling == "categories":
        return phase.categories / np.count_nonzero(phase.categories)
    labels = prepared.dataset.labels[prepared.positions("train")]
    counts = np.bincount(labels, minlength=len(phase.categories))
    counts *= phase.categories
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


def _estimate_statistics(prepared, model, batches):
    """Estimates batch statistics of both, the original and the mirrored one."""
    experiment = prepared.experiment
    models.reseed(prepared.model, experiment.seed, experiment.epochs)
    statistics.estimate_statistics(prepared.model, batches)
    if model is not prepared.model:
        # A next phase begins with them.
        model.set_weights(prepared.model.get_weights())


def _validation(prepared, model):
    """Returns a function that measures the accuracies on held-out images."""
    images, labels = prepared.part("validation")
    if not len(labels):
        return None
    network = evaluation.classifier(prepared.model)
    versions = {
        "original": {"identity": transforms.get("identity")},
        "transformed": prepared.trained_transforms(),
    }

    def test(name, transform):
        predicted = evaluation.predict_labels(
            network, images, labels, transform, prepared.experiment.seed
        )
        accuracies = evaluation.group_accuracies(
            labels, predicted, *prepared.groups(name)
        )
        return {group: accuracy for group, (_, accuracy) in accuracies.items()}

    def validate():
        _take_weights(prepared, model)
        measured = {}
        for version, tested in versions.items():
            found = [
                test(name, transform) for name, transform in tested.items()
            ]
            for group in found[0]:
                mean = float(np.mean([each[group] for each in found]))
                measured[f"validation_{version}_{group}"] = mean
        return measured

    return validate
