"""Shows how time and memory grow with what an experiment has.

`python -m benchmarks.growth` measures the stages of an experiment with a tiny
network at rising numbers of images (`--axis images`, half of them for testing),
of categories and of categories seen transformed (`n_seen`), both at 10,000
images, and the analysis of a layer of rising width, with no activity held
(`units`). Images are random. Each point is measured in a process of its own:
seconds without what models need to be traced, and the peak of resident memory
in each stage beside that after the imports. Stages are data (hashes, splits,
duplicates), pipeline (drawing the batches of an epoch), training (an epoch),
evaluation and analysis, with their tables and pictures.

The slope of logarithms over the largest two thirds of the points is 1 for
linear growth. `--figure growth.png` draws them. For Linux.
"""

import argparse
import contextlib
import csv
import importlib
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import contest, slopes, stopwatch

IMAGE_SIZE = 16
AXES = {
    "images": (1_000, 3_000, 10_000, 30_000, 50_000),
    "categories": (10, 30, 100, 300, 1_000),
    "n_seen": (1, 20, 100, 200, 399),
    "units": (1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576),
}
# Numbers of images, of categories and of those seen transformed.
POINTS = {
    "images": lambda value: (value, 100, 50),
    "categories": lambda value: (10_000, value, value // 2),
    "n_seen": lambda value: (10_000, 400, value),
}
# On which a wide layer is measured.
FEW_IMAGES = 128
LINE = (
    "{axis} {value}: {stage} {seconds:.3f} s, peak {peak_bytes:.3e}, idle "
    "{idle_bytes:.3e} bytes\n"
)


def tiny_network(images, num_categories, channels=8):
    """Adds a convolution, 64 hidden neurons and logits."""
    from keras import layers

    wide = layers.Conv2D(
        channels, 3, padding="same", activation="relu", name="wide"
    )(images)
    pooled = layers.AveragePooling2D(IMAGE_SIZE // 4)(wide)
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(pooled))
    return layers.Dense(num_categories)(hidden)


def build(num_categories, **network_args):
    """Builds an untrained model."""
    import keras

    from invariance_tf import transforms
    from invariance_tf.paradigm import model

    keras.utils.set_random_seed(0)
    return model.build(
        tiny_network,
        transforms.get("highpass"),
        IMAGE_SIZE,
        num_categories,
        **network_args,
    )


def draw_images(num_images):
    """Draws random images."""
    import numpy as np

    shape = (num_images, IMAGE_SIZE, IMAGE_SIZE, 3)
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def divide(images, num_categories):
    """Returns a data set of these images and the parts that they are in."""
    import numpy as np

    from invariance_tf import datasets
    from invariance_tf.paradigm import splits

    numbers = np.arange(len(images))
    labels = (numbers * num_categories // len(images)).astype("int32")
    names = tuple(f"category_{label}" for label in range(num_categories))
    is_test = numbers % 2 == 0
    dataset = datasets.Dataset("random", images, labels, is_test, names, "")
    parts = splits.divide(dataset, 0.0, seed=0)
    splits.check(parts, dataset)
    splits.digest(parts, dataset)
    return dataset, parts


def draw_epochs(prepared):
    """Draws two epochs of batches; returns the seconds of the second."""
    from invariance_tf.paradigm import pipeline

    dataset, subset = prepared.dataset, prepared.positions("train")
    batch_size = prepared.experiment.batch_size
    batches = iter(
        pipeline.training_batches(
            dataset.images,
            dataset.labels,
            prepared.is_seen,
            batch_size=batch_size,
            seed=0,
            subset=subset,
        )
    )
    for _ in range(2):
        start = time.perf_counter()
        for _ in range(math.ceil(len(subset) / batch_size)):
            next(batches)
    return time.perf_counter() - start


def trace(prepared):
    """Runs what testing and analysis run, on a full block and another."""
    from invariance_tf import transforms
    from invariance_tf.measures import evaluation, responses

    images = prepared.dataset.images[: responses.BLOCK + 1]
    labels = prepared.dataset.labels[: len(images)]
    network = evaluation.classifier(prepared.model)
    identity = transforms.get("identity")
    evaluation.predict_labels(network, images, labels, identity)
    reader = responses.Responses(prepared.model, images, labels=labels)
    reader.arrays()


def measure_stages(meter, num_images, num_categories, n_seen):
    """Measures all stages of an experiment."""
    import numpy as np

    from invariance_tf import Experiment
    from invariance_tf.runs import accuracies, analysis, experiment
    from invariance_tf.runs.preparation import Prepared
    from invariance_tf.runs.tensorboard import EventLog

    images = draw_images(num_images)
    settings = Experiment(epochs=2).resolve()
    with tempfile.TemporaryDirectory() as run_dir:
        with meter.stage("data"):
            dataset, parts = divide(images, num_categories)
        is_seen = np.arange(num_categories) < n_seen
        model = build(num_categories)
        prepared = Prepared(
            settings, dataset, is_seen, parts, model, {}, run_dir
        )
        log = EventLog(os.path.join(run_dir, "tensorboard"))
        with meter.stage("pipeline") as found:
            found["seconds"] = draw_epochs(prepared)
        # In first epochs graphs are made.
        with meter.stage("training") as found:
            experiment.train(prepared, log)
            with open(os.path.join(run_dir, "history.csv")) as file:
                *_, last = csv.DictReader(file)
            found["seconds"] = float(last["seconds"])
        trace(prepared)
        with meter.stage("evaluation"):
            accuracies.measure_accuracies(prepared, log)
        with meter.stage("analysis"):
            analysis.analyse(prepared, log)
        log.close()


def measure_width(meter, num_units):
    """Measures the analysis of a wide layer."""
    import numpy as np

    from invariance_tf.measures import measurement, responses

    images, labels = draw_images(FEW_IMAGES), np.arange(FEW_IMAGES) % 8
    model = build(8, channels=num_units // IMAGE_SIZE**2)

    def measure(number):
        reader = responses.Responses(
            model, images[:number], ["wide"], labels=labels[:number], memory=0
        )
        measurement.measure(reader, is_seen=np.arange(8) < 4)

    # Traces.
    measure(2)
    with meter.stage("analysis"):
        measure(FEW_IMAGES)


def serve(axis, value):
    """Measures one point; returns its stages and the idle memory."""
    # What a run imports.
    importlib.import_module("invariance_tf.runs.experiment")
    meter = stopwatch.Meter()
    with contextlib.redirect_stdout(io.StringIO()):
        if axis == "units":
            measure_width(meter, value)
        else:
            measure_stages(meter, *POINTS[axis](value))
    return {"idle_bytes": meter.idle_bytes, "stages": meter.stages}


def measure_afresh(axis, value):
    """Returns what `serve` does in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--serve", axis]
    done = subprocess.run(
        [*command, str(value)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return json.loads(done.stdout)


def measure_point(axis, value, repeats):
    """Prints and returns a row for each stage."""
    found = [measure_afresh(axis, value) for _ in range(repeats)]
    idle_bytes = statistics.median(one["idle_bytes"] for one in found)
    rows = []
    for stage in found[0]["stages"]:
        seconds, peaks = (
            [one["stages"][stage][name] for one in found]
            for name in ("seconds", "peak_bytes")
        )
        row = {
            "axis": axis,
            "value": value,
            "stage": stage,
            "seconds": round(statistics.median(seconds), 5),
            "peak_bytes": round(statistics.median(peaks)),
            "idle_bytes": round(idle_bytes),
            "repeats": repeats,
        }
        sys.stdout.write(LINE.format(**row))
        sys.stdout.flush()
        rows.append(row)
    return rows


def main():
    """Prints and writes the rows of each axis, and draws them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axis", nargs="+", choices=AXES, default=[*AXES])
    parser.add_argument("--values", type=int, nargs="+", help="of one axis")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", help="CSV file to append to")
    parser.add_argument("--figure", help="PNG file to draw")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        axis, value = arguments.serve
        json.dump(serve(axis, int(value)), sys.stdout)
        return
    every = []
    for axis in arguments.axis:
        rows = []
        for value in arguments.values or AXES[axis]:
            rows += measure_point(axis, value, arguments.repeats)
        every += slopes.add(rows)
    contest.write(arguments.out, every)
    slopes.show(every)
    if arguments.figure:
        slopes.draw(every, arguments.figure)


if __name__ == "__main__":
    main()
