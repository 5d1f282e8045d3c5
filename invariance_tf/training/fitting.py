"""Training: optimizer, learning-rate schedules, and fitting that resumes."""

import json
import logging
import math
import os
import sys
import time

import keras
import numpy as np
from keras import ops

from invariance_tf import files
from invariance_tf.training import devices
from invariance_tf.training.momentum import MomentumSGD

_logger = logging.getLogger(__name__)


@keras.saving.register_keras_serializable(package="invariance_tf")
class ResNetSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warms up linearly over 5 epochs, then falls to a tenth at each of
    epochs 30, 60, 80 and 90, as TensorFlow's official ResNet does.

    Args:
        learning_rate: Float, the rate after the warm-up.
        steps_per_epoch: Integer, training steps of an epoch.

    Example:

    >>> schedule = ResNetSchedule(1.0, steps_per_epoch=10)
    >>> [round(float(schedule(step)), 4) for step in (0, 25, 50, 300, 900)]
    [0.0, 0.5, 1.0, 0.1, 0.0001]
    """

    warmup_epochs = 5
    falls = (30, 60, 80, 90)

    def __init__(self, learning_rate, steps_per_epoch):
        super().__init__()
        self.learning_rate = learning_rate
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step):
        epoch = ops.cast(step, "float32") / self.steps_per_epoch
        rate = self.learning_rate * ops.minimum(epoch / self.warmup_epochs, 1.0)
        for fall in self.falls:
            rate = ops.where(epoch >= fall, 0.1 * rate, rate)
        return rate

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "steps_per_epoch": self.steps_per_epoch,
        }


def make_schedule(name, learning_rate, epochs, steps_per_epoch):
    """Returns the course of the learning rate over a training.

    Args:
        name: `"constant"`, `"cosine"` (half a cosine from the learning rate
            to 2 % of it) or `"resnet"` (see `ResNetSchedule`).
        learning_rate: Float > 0, the highest rate.
        epochs: Integer, epochs of the training.
        steps_per_epoch: Integer, training steps of an epoch.

    Returns:
        A float or a `LearningRateSchedule`.
    """
    if name == "constant":
        return learning_rate
    if name == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            learning_rate, epochs * steps_per_epoch, alpha=0.02
        )
    if name == "resnet":
        return ResNetSchedule(learning_rate, steps_per_epoch)
    raise ValueError(
        "`schedule` must be constant, cosine or resnet. "
        f"Received: schedule={name!r}"
    )


def compile_model(model, learning_rate, momentum=0.9, steps_per_epoch=1):
    """Compiles a model of logits as the paper trains it (Appendix B).

    Stochastic gradient descent with momentum on the cross-entropy. Weight
    decay is part of the loss (the layers' regularisers), not of the optimizer:
    the `weight_decay` of `keras.optimizers.SGD` is another rule, about ten
    times weaker at momentum 0.9.

    Args:
        model: A Keras model that returns logits.
        learning_rate: Float or `LearningRateSchedule`.
        momentum: Float from 0 to below 1.
        steps_per_epoch: Integer, training steps of an epoch.
    """
    # Several steps in one call spare Keras' work in between; Keras runs past
    # the end of an epoch that is no multiple of them.
    steps_at_once = max(n for n in range(1, 21) if steps_per_epoch % n == 0)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy
    if devices.is_mirrored(model):
        # TensorFlow's loop over steps does not take several devices.
        steps_at_once, cross_entropy = 1, devices.MeanCrossEntropy
    with devices.scope(model):
        model.compile(
            MomentumSGD(learning_rate, momentum=momentum),
            cross_entropy(from_logits=True),
            metrics=[
                keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
                keras.metrics.SparseCategoricalCrossentropy(
                    name="cross_entropy", from_logits=True
                ),
            ],
            jit_compile=model.jit_compile,
            steps_per_execution=steps_at_once,
        )


def fit(
    model,
    make_batches,
    steps_per_epoch,
    epochs,
    seed,
    checkpoint_path,
    validate=None,
    record=None,
):
    """Trains a compiled model, going on from its checkpoint where there is one.

    After each epoch the weights, the optimizer's state and the history are
    written to the checkpoint, atomically. All randomness of an epoch hangs on
    the seed and the epoch's number, so that an interrupted training ends in
    the same weights as an uninterrupted one.

    Args:
        model: A Keras model compiled by `compile_model`.
        make_batches: Function from the first epoch to batches without end.
        steps_per_epoch: Integer, training steps of an epoch.
        epochs: Integer, number of epochs in all.
        seed: Integer >= 0, decides dropout and noise.
        checkpoint_path: Path of the checkpoint, an .npz file.
        validate: Function without arguments, called after each epoch, that
            returns a dictionary of numbers for the history, or `None`.
        record: Function of the history so far, called after each epoch, or
            `None`.

    Returns:
        List of one dictionary for each epoch: epoch (from 1), loss,
        cross_entropy, accuracy, learning_rate, seconds, and what `validate`
        returns.

    Raises:
        FloatingPointError: If the loss is not finite. The checkpoint keeps the
            last epoch at which it was.
    """
    with devices.scope(model):
        model.optimizer.build(model.trainable_variables)
    history = _load_checkpoint(checkpoint_path, model)
    if history:
        _logger.info("Going on after epoch %d of %d.", len(history), epochs)
    if len(history) < epochs:
        model.fit(
            devices.feed(model, make_batches(len(history))),
            steps_per_epoch=steps_per_epoch,
            initial_epoch=len(history),
            epochs=epochs,
            shuffle=False,
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                _Epochs(seed, history, checkpoint_path, validate, record),
            ],
        )
    if len(history) < epochs:
        raise FloatingPointError(
            f"The loss is not finite in epoch {len(history) + 1}; a lower "
            "learning rate may help. The last good epoch is kept."
        )
    return history


class _Epochs(keras.callbacks.Callback):
    """Seeds each epoch, records it, and writes the checkpoint."""

    def __init__(self, seed, history, checkpoint_path, validate, record):
        super().__init__()
        self.seed = seed
        self.history = history
        self.checkpoint_path = checkpoint_path
        self.validate = validate
        self.record = record

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        devices.reseed(self.model, self.seed, epoch)

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):
            self.model.stop_training = True
            return
        # Copied: of several devices each has one.
        rate = ops.copy(self.model.optimizer.learning_rate)
        logs["learning_rate"] = float(rate)
        if self.validate is not None:
            logs.update(self.validate())
        logs["seconds"] = time.perf_counter() - self.start
        self.history.append({"epoch": epoch + 1, **logs})
        _save_checkpoint(self.checkpoint_path, self.model, self.history)
        if self.record is not None:
            self.record(self.history)
        self._warn_of_plateau()

    def _warn_of_plateau(self, patience=5):
        """Warns when the network has learned nothing after a few epochs."""
        chance = math.log(self.model.output_shape[-1])
        if len(self.history) == patience and all(
            row["cross_entropy"] > 0.98 * chance for row in self.history
        ):
            _logger.warning(
                "The cross-entropy has not left the plateau of chance, "
                "ln(num_categories) = %.2f, in %d epochs. Deep networks with "
                "AlexNet's initialisation can sit there for long; "
                "`--network_args.initializer he` and a higher learning rate "
                "are ways out.",
                chance,
                patience,
            )


def _state(model):
    """Returns every variable that training changes, in a fixed order."""
    return [*model.variables, *model.optimizer.variables]


def _save_checkpoint(path, model, history):
    """Writes the state of a training to an .npz file, atomically."""
    arrays = {
        # Copied: a bare TensorFlow variable warns when made an array.
        f"variable_{index}": ops.convert_to_numpy(ops.copy(variable))
        for index, variable in enumerate(_state(model))
    }
    with files.replacing(path) as temporary_path:
        with open(temporary_path, "wb") as file:
            np.savez(file, history=np.array(json.dumps(history)), **arrays)


def _load_checkpoint(path, model):
    """Restores the state of a training; returns its history so far."""
    if not os.path.exists(path):
        return []
    with np.load(path, allow_pickle=False) as arrays:
        for index, variable in enumerate(_state(model)):
            variable.assign(arrays[f"variable_{index}"])
        return json.loads(str(arrays["history"]))
