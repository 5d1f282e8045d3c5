"""Compares training through pipeline and callbacks with the bare step.

`python -m benchmarks.training_rate` trains the default experiment for a few
epochs in turn from batches that lie in memory, without callbacks, and as a run
does it: tf.data pipeline, checkpoint, TensorBoard, history, with and without
the accuracies on held-out images, whose forward passes are work of their own.
It shows training images per second, and the ratios within each repeat.
"""

import argparse
import contextlib
import dataclasses
import os
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from benchmarks import contest
from invariance_tf import Experiment
from invariance_tf.paradigm import pipeline
from invariance_tf.runs import experiment
from invariance_tf.runs.preparation import prepare
from invariance_tf.runs.tensorboard import EventLog
from invariance_tf.training import fitting

LINE = (
    "bare {:.0f}, run without validation {:.0f}, run {:.0f} images/s; "
    "ratios {:.3f} {:.3f}\n"
)


class TimedLog(EventLog):
    """Notes when each epoch has been recorded."""

    def __init__(self, log_dir):
        super().__init__(log_dir)
        self.times = []

    def scalars(self, values, step):
        super().scalars(values, step)
        self.times.append(time.perf_counter())


def train_unwatched(prepared):
    """Returns the times at which epochs without validation ended."""
    # The bare step and this one train on the same number of images.
    parts = prepared.parts.copy()
    parts[parts == "validation"] = "unused"
    return train_as_a_run(dataclasses.replace(prepared, parts=parts))


def train_as_a_run(prepared):
    """Returns the times at which the epochs of a run ended."""
    with tempfile.TemporaryDirectory() as runs_dir:
        prepared = dataclasses.replace(prepared, run_dir=runs_dir)
        log = TimedLog(os.path.join(prepared.run_dir, "tensorboard"))
        experiment.train(prepared, log)
        return log.times


def train_bare(prepared):
    """Returns the times at which epochs from memory ended."""
    settings, dataset = prepared.experiment, prepared.dataset
    subset = prepared.positions("train")
    steps = -(-len(subset) // settings.batch_size)
    batches = pipeline.training_batches(
        dataset.images,
        dataset.labels,
        prepared.is_seen,
        batch_size=settings.batch_size,
        seed=0,
        subset=subset,
    )
    times = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter())
    )
    fitting.compile_model(
        prepared.model, settings.learning_rate, settings.momentum, steps
    )
    prepared.model.fit(
        batches.take(steps).cache().repeat(),
        steps_per_epoch=steps,
        epochs=settings.epochs,
        callbacks=[note],
        shuffle=False,
        verbose=0,
    )
    return times


def main():
    """Prints one line for each repeat, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", help="CSV file to append to")
    arguments = parser.parse_args()
    prepared = prepare(Experiment(epochs=arguments.epochs))
    num_images = len(prepared.positions("train"))

    def rate(train):
        # The first epoch traces; the others are timed.
        with (
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            times = train(prepared)
        return num_images * (len(times) - 1) / (times[-1] - times[0])

    rows = []
    for _ in range(arguments.repeats):
        bare, unwatched, run = map(
            rate, (train_bare, train_unwatched, train_as_a_run)
        )
        rows.append((bare, unwatched, run, unwatched / bare, run / bare))
        sys.stdout.write(LINE.format(*rows[-1]))
    medians = [*map(statistics.median, zip(*rows, strict=True))]
    sys.stdout.write("medians\n" + LINE.format(*medians))
    ways = ("bare", "run without validation", "run")
    table = [
        {
            "way": way,
            "images_per_second": round(rate, 1),
            "rate_to_bare": round(ratio, 3),
            "repeats": len(rows),
        }
        for way, rate, ratio in zip(
            ways, medians[:3], (1.0, *medians[3:]), strict=True
        )
    ]
    contest.write(arguments.out, table)


if __name__ == "__main__":
    main()
