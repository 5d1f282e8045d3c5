"""Training: optimizer, learning-rate schedules, and fitting that resumes."""

import contextlib
import json
import logging
import math
import os
import time

import keras
import numpy as np
from keras import ops

from invariance_tf import files
from invariance_tf.training import devices, episodes, learning
from invariance_tf.training.momentum import MomentumSGD
from invariance_tf.training.progress import TrainingProgress

_logger = logging.getLogger(__name__)


@keras.saving.register_keras_serializable(package="invariance_tf")
class ResNetSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warms up linearly, then falls to a tenth four times.

    TensorFlow's official ResNet warms up over 5 of its 90 epochs and falls at
    epochs 30, 60, 80 and 90. Here these are shares of the training, so that a
    shorter one ends at a low rate too.

    Args:
        learning_rate: Float, the rate after the warm-up.
        steps_per_epoch: Integer, training steps of an epoch.
        epochs: Integer, epochs of the training.

    Example:

    >>> schedule = ResNetSchedule(1.0, steps_per_epoch=10, epochs=90)
    >>> [round(float(schedule(step)), 4) for step in (0, 25, 50, 300, 900)]
    [0.0, 0.5, 1.0, 0.1, 0.0001]
    """

    warmup = 5 / 90
    falls = (30 / 90, 60 / 90, 80 / 90, 90 / 90)

    def __init__(self, learning_rate, steps_per_epoch, epochs=90):
        super().__init__()
        self.learning_rate = learning_rate
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs

    def __call__(self, step):
        num_steps = self.steps_per_epoch * self.epochs
        step = ops.cast(step, "float32")
        warmed_up = step / (self.warmup * num_steps)
        rate = self.learning_rate * ops.minimum(warmed_up, 1.0)
        for fall in self.falls:
            # A step, not a share of them: float32 has no exact thirds.
            is_past = step >= round(fall * num_steps)
            rate = ops.where(is_past, 0.1 * rate, rate)
        return rate

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "steps_per_epoch": self.steps_per_epoch,
            "epochs": self.epochs,
        }


def make_schedule(name, learning_rate, epochs, steps_per_epoch):
    """Returns how the learning rate changes over a training.

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
        return ResNetSchedule(learning_rate, steps_per_epoch, epochs)
    raise ValueError(
        "`schedule` must be constant, cosine or resnet. "
        f"Received: schedule={name!r}"
    )


def compile_model(
    model, learning_rate, momentum=0.9, steps_per_epoch=1, episode=None
):
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
        episode: An `episodes.Episode` for a model of features that is trained
            by such batches, or `None`.
    """
    # Several steps in one call spare Keras' work in between; Keras runs past
    # the end of an epoch that is not a multiple of them.
    steps_at_once = max(n for n in range(1, 21) if steps_per_epoch % n == 0)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy
    if devices.is_mirrored(model):
        # TensorFlow's loop over steps does not take several devices.
        steps_at_once, cross_entropy = 1, devices.MeanCrossEntropy
    with devices.scope(model):
        if episode is None:
            loss = cross_entropy(from_logits=True)
            metrics = [
                keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
                keras.metrics.SparseCategoricalCrossentropy(
                    name="cross_entropy", from_logits=True
                ),
            ]
        else:
            loss = episodes.EpisodeLoss(episode)
            metrics = episodes.make_metrics(episode)
        model.compile(
            MomentumSGD(learning_rate, momentum=momentum),
            loss,
            metrics=metrics,
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
    watch=None,
    owner="",
):
    """Trains a compiled model, resuming from its checkpoint if there is one.

    After each epoch the weights, the optimizer's state and the history are
    written to the checkpoint, atomically. The seed and the epoch's number
    determine all randomness of an epoch, so that an interrupted training ends
    in the same weights as an uninterrupted one.

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
        watch: Function from the history and the `state` of former epochs to a
            `learning.LearningWatch`, or `None`.
        owner: String, names the training in its checkpoint: no other resumes
            from it.

    Returns:
        List of one dictionary for each epoch: epoch (from 1), loss,
        cross_entropy, accuracy, learning_rate, seconds, and what `validate`
        returns.

    Raises:
        FloatingPointError: If the loss is not finite. The checkpoint keeps the
            last epoch at which it was.
        NotLearningError: If `watch` ends a training that does not learn.
        DamagedFileError: If the checkpoint cannot be read or has another
            owner.
    """
    with devices.scope(model):
        model.optimizer.build(model.trainable_variables)
    checkpoint = _Checkpoint(checkpoint_path, owner)
    history, state = checkpoint.restore(model)
    if history:
        _logger.info("Resuming after epoch %d of %d.", len(history), epochs)
    watch = watch(history, state=state) if watch else None
    if len(history) < epochs:
        progress = TrainingProgress(len(history))
        with contextlib.closing(progress):
            model.fit(
                devices.feed(model, make_batches(len(history))),
                steps_per_epoch=steps_per_epoch,
                initial_epoch=len(history),
                epochs=epochs,
                shuffle=False,
                verbose=0,
                callbacks=[
                    keras.callbacks.TerminateOnNaN(),
                    *([watch] if watch else []),
                    _Epochs(seed, history, checkpoint, validate, record, watch),
                    progress,
                ],
            )
    if len(history) < epochs:
        kept = f"The checkpoint of epoch {len(history)} was kept."
        raise FloatingPointError(
            f"Training diverged in epoch {len(history) + 1} (loss is NaN or "
            f"infinite). Lower the learning rate. {kept if history else ''}"
        )
    return history


class _Epochs(keras.callbacks.Callback):
    """Seeds each epoch, records it, and writes the checkpoint."""

    def __init__(self, seed, history, checkpoint, validate, record, watch):
        super().__init__()
        self.seed = seed
        self.history = history
        self.checkpoint = checkpoint
        self.validate = validate
        self.record = record
        self.watch = watch

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        devices.reseed(self.model, self.seed, epoch)

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):
            self.model.stop_training = True
            return
        # Copied, because each of several devices has one.
        rate = ops.copy(self.model.optimizer.learning_rate)
        logs["learning_rate"] = float(rate)
        if self.validate is not None:
            logs.update(self.validate())
        logs["seconds"] = time.perf_counter() - self.start
        row = {"epoch": epoch + 1, **logs}
        if self.watch is not None:
            row["learned_at_step"] = self.watch.learned_at
        self.history.append(row)
        state = None if self.watch is None else self.watch.state
        self.checkpoint.save(self.model, self.history, state)
        if self.record is not None:
            self.record(self.history)


def _state(model):
    """Returns every variable that training changes, in a fixed order."""
    return [*model.variables, *model.optimizer.variables]


class _Checkpoint:
    """Keeps the state of a training in an .npz file.

    Args:
        path: Path of the file.
        owner: String, names the training.
    """

    def __init__(self, path, owner):
        self._path, self._owner = path, owner

    def save(self, model, history, watch_state):
        """Writes the state atomically."""
        arrays = {
            # Copied: a bare TensorFlow variable warns when made an array.
            f"variable_{index}": ops.convert_to_numpy(ops.copy(variable))
            for index, variable in enumerate(_state(model))
        }
        arrays["history"] = np.array(json.dumps(history))
        arrays["owner"] = np.array(self._owner)
        if watch_state is not None:
            arrays["watch"] = np.array(watch_state, float)
        with files.replacing(self._path) as temporary_path:
            with open(temporary_path, "wb") as file:
                np.savez(file, **arrays)

    def restore(self, model):
        """Restores the state, if there is one.

        Returns:
            The history, and the state of the watch; `None` if there is none,
            as in checkpoints from before.
        """
        if not os.path.lexists(self._path):
            return [], None
        advice = "Remove it, or use --overwrite, to train from the start."
        state = _state(model)
        # NumPy does not close a file of another format. The archive has a
        # checksum of every array.
        with (
            files.reading(self._path, advice),
            open(self._path, "rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            history = json.loads(str(arrays["history"]))
            values = [
                arrays[f"variable_{index}"] for index in range(len(state))
            ]
            watch_state = arrays.get("watch")
            if watch_state is not None:
                watch_state = watch_state.reshape(learning.STATE_SIZE)
            is_own = str(arrays.get("owner", self._owner)) == self._owner
        if not is_own or any(
            value.shape != tuple(variable.shape)
            for value, variable in zip(values, state, strict=True)
        ):
            fault = "is the checkpoint of another training"
            raise files.DamagedFileError(self._path, fault, advice)
        for variable, value in zip(state, values, strict=True):
            variable.assign(value)
        return history, watch_state
