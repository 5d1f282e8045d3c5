"""Shows how time and memory grow with what an experiment has.

`python -m benchmarks growth` measures the stages of an experiment with a tiny
network at rising numbers of images (`--axis images`, half of them for testing),
of categories and of categories seen transformed (`n_seen`), both at some 10,000
images, and the analysis of a layer of rising width, with no activity held
(`units`). Images are random. Each point is measured in a process of its own:
seconds without what models need to be traced, and the peak of resident memory
in each stage next to that after the imports. Stages are data (hashes, splits,
duplicates), pipeline (drawing the batches of an epoch), training (an epoch),
evaluation and analysis, with their tables and pictures.

The slope of logarithms over the largest two thirds of the points is 1 for
linear growth. `--figure growth.png` draws them. For Linux.
"""

import contextlib
import importlib
import io
import itertools
import json
import math
import os
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from benchmarks import contest, training_step

IMAGE_SIZE = 16
NETWORK = "benchmarks.growth:tiny_network"
# On which a wide layer is measured.
FEW_IMAGES = 128
# Label, points, and the numbers of images, of categories and of those seen
# transformed at a point.
AXES = {
    "images": (
        "images",
        (1_000, 3_000, 10_000, 30_000, 50_000),
        lambda value: (value, 100, 50),
    ),
    "categories": (
        "categories",
        (10, 30, 100, 300, 1_000),
        lambda value: (10_000, value, value // 2),
    ),
    "n_seen": (
        "categories seen transformed, of 400",
        (1, 20, 100, 200, 399),
        lambda value: (10_000, 400, value),
    ),
    "units": (
        "neurons of the layer",
        (1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576),
        None,
    ),
}
LOOKS = {
    "data": ("#000000", "o"),
    "pipeline": ("#E69F00", "s"),
    "training": ("#0072B2", "^"),
    "evaluation": ("#009E73", "v"),
    "analysis": ("#CC79A7", "D"),
}
LINE = (
    "{axis} {value}: {stage} {seconds:.3f} s, peak {peak_bytes:.3e}, idle "
    "{idle_bytes:.3e} bytes"
)


class Meter:
    """Measures seconds and the peak of resident memory in each stage."""

    def __init__(self):
        self.stages = {}
        with self.stage("idle"):
            pass

    @contextlib.contextmanager
    def stage(self, name):
        """Measures what is done inside; gives a place for another time."""
        # The peak becomes what is resident now.
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        found = self.stages[name] = {}
        start = time.perf_counter()
        yield found
        found.setdefault("seconds", time.perf_counter() - start)
        with open("/proc/self/status", encoding="ascii") as file:
            (line,) = (line for line in file if line.startswith("VmHWM"))
        found["peak_bytes"] = int(line.split()[1]) * 1024


def noise(image_size=IMAGE_SIZE, num_categories=2, num_train=1, num_test=1):
    """Makes a data set of random images."""
    from invariance_tf import datasets

    num_images = num_train + num_test
    images, _, labels = contest.make_batch(
        num_categories * num_images, image_size, num_categories
    )
    return datasets.Dataset(
        "random",
        images,
        np.sort(labels).astype("int32"),
        np.tile(np.arange(num_images) < num_test, num_categories),
        tuple(f"category_{label}" for label in range(num_categories)),
    )


def tiny_network(images, num_categories, channels=8, weight_decay=0.0):
    """Adds a convolution, 64 hidden neurons and logits; nothing decays."""
    from keras import layers

    wide = layers.Conv2D(
        channels, 3, padding="same", activation="relu", name="wide"
    )(images)
    pooled = layers.AveragePooling2D(IMAGE_SIZE // 4)(wide)
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(pooled))
    return layers.Dense(num_categories)(hidden)


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
    num_steps = math.ceil(len(subset) / batch_size)
    contest.time_calls(lambda: next(batches), num_steps)
    return num_steps * contest.time_calls(lambda: next(batches), num_steps)


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
    from invariance_tf import Experiment
    from invariance_tf.runs import (
        accuracies,
        analysis,
        network_training,
        preparation,
    )
    from invariance_tf.runs.tensorboard import EventLog

    half = num_images // num_categories // 2
    # Drawing them is not measured: `noise` finds them there.
    contest.make_batch(2 * half * num_categories, IMAGE_SIZE, num_categories)
    with tempfile.TemporaryDirectory() as runs_dir:
        settings = Experiment(
            dataset="benchmarks.growth:noise",
            network=NETWORK,
            image_size=IMAGE_SIZE,
            num_categories=num_categories,
            num_train=half,
            num_test=half,
            n_seen=n_seen,
            epochs=2,
            validation_fraction=0.0,
            runs_dir=runs_dir,
        )
        with meter.stage("data") as found:
            prepared = preparation.prepare(settings)
            found["seconds"] = prepared.seconds["data"]
        os.mkdir(prepared.run_dir)
        log = EventLog(prepared.path("tensorboard"))
        with meter.stage("pipeline") as found:
            found["seconds"] = draw_epochs(prepared)
        # In first epochs graphs are made.
        with meter.stage("training") as found:
            history = network_training.train(prepared, log)
            found["seconds"] = history[-1]["seconds"]
        trace(prepared)
        with meter.stage("evaluation"):
            accuracies.measure_accuracies(prepared, log)
        with meter.stage("analysis"):
            analysis.analyse(prepared, log)
        log.close()


def measure_width(meter, num_units):
    """Measures the analysis of a wide layer."""
    from invariance_tf.measures import measurement, responses

    images, _, labels = contest.make_batch(FEW_IMAGES, IMAGE_SIZE, 8)
    channels = num_units // IMAGE_SIZE**2
    model = training_step.build_model(NETWORK, IMAGE_SIZE, 8, channels=channels)

    def measure(number):
        reader = responses.Responses(
            model, images[:number], ["wide"], labels=labels[:number], memory=0
        )
        measurement.measure(reader, is_seen=np.arange(8) < 4)

    # Traces.
    measure(2)
    with meter.stage("analysis"):
        measure(FEW_IMAGES)


def serve(axis, text):
    """Measures one point; writes the time and memory of its stages."""
    value = int(text)
    # What a run imports.
    importlib.import_module("invariance_tf.runs.experiment")
    meter = Meter()
    with contextlib.redirect_stdout(io.StringIO()):
        if axis == "units":
            measure_width(meter, value)
        else:
            measure_stages(meter, *AXES[axis][2](value))
    json.dump(meter.stages, sys.stdout)


def measure_point(axis, value, repeats):
    """Measures in processes of their own; returns a row for each stage."""
    found = [
        contest.ask_process("growth", "--serve", axis, value)
        for _ in range(repeats)
    ]

    def median(stage, name):
        return statistics.median(stages[stage][name] for stages in found)

    rows = [
        {
            "axis": axis,
            "value": value,
            "stage": stage,
            "seconds": median(stage, "seconds"),
            "peak_bytes": median(stage, "peak_bytes"),
            "idle_bytes": median("idle", "peak_bytes"),
            "repeats": repeats,
        }
        for stage in found[0]
        if stage != "idle"
    ]
    contest.report_rows(rows, LINE, None)
    return rows


def compute_slope(values, measured):
    """Computes the slope of logarithms over the largest two thirds of points.

    Args:
        values: Increasing positive numbers.
        measured: As many numbers; those that are not above 0 do not count.

    Returns:
        Float, by least squares; nan of less than two points.
    """
    number = max(2, round(len(values) * 2 / 3))
    points = np.array([values, measured], float)[:, -number:]
    points = points[:, points[1] > 0]
    if points.shape[1] < 2:
        return float("nan")
    return float(np.polyfit(*np.log(points), 1)[0])


def add_slopes(table):
    """Adds slopes of time and of memory above idle, by axis and stage."""
    table["memory"] = (table.peak_bytes - table.idle_bytes) / 2**20
    for _, curve in table.groupby(["axis", "stage"]):
        for name in ("seconds", "memory"):
            slope = compute_slope(curve["value"], curve[name])
            table.loc[curve.index, f"{name}_slope"] = round(slope, 3)


def draw_curves(table, path):
    """Draws time and memory above idle, a row of panels for each axis."""
    # Not before something is to be drawn: matplotlib takes its time.
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    from invariance_tf.drawing import save, style

    labels = {"seconds": "time (s)", "memory": "memory above idle (MiB)"}
    rows = [*table.groupby("axis", sort=False)]
    with style.context():
        figure = Figure(figsize=(7.4, 2.2 * len(rows)))
        panels = figure.subplots(len(rows), 2, squeeze=False)
        for panel, ((axis, points), (name, label)) in zip(
            panels.flat, itertools.product(rows, labels.items()), strict=True
        ):
            for stage, curve in points.groupby("stage", sort=False):
                color, marker = LOOKS[stage]
                panel.loglog(
                    *(curve["value"], curve[name]),
                    color=color,
                    marker=marker,
                    label=f"{stage} {curve[f'{name}_slope'].iloc[0]:.2f}",
                )
            panel.set(xlabel=AXES[axis][0], ylabel=label)
            for side in (panel.xaxis, panel.yaxis):
                # Text on figures is never read as mathematics.
                side.set_major_formatter(StrMethodFormatter("{x:,.9g}"))
                side.set_minor_formatter(NullFormatter())
            panel.grid(True)
            panel.legend(
                title="slope", loc="upper left", bbox_to_anchor=(1, 1.05)
            )
    save(figure, path, dpi=130)


def main():
    """Prints and writes the rows of each axis, and draws them."""
    parser = contest.make_parser(__doc__, repeats=1, num_served=2)
    parser.add_argument("--axis", nargs="+", choices=AXES, default=[*AXES])
    parser.add_argument("--values", type=int, nargs="+", help="of one axis")
    parser.add_argument("--figure", help="PNG file to draw")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(*arguments.serve)
        return
    table = pd.DataFrame(
        row
        for axis in arguments.axis
        for value in arguments.values or AXES[axis][1]
        for row in measure_point(axis, value, arguments.repeats)
    )
    add_slopes(table)
    contest.report_rows(
        table.drop(columns="memory").to_dict("records"),
        "{axis} {value}: {stage}: slope of time {seconds_slope:.2f}, of memory "
        "above idle {memory_slope:.2f}",
        arguments.out,
    )
    if arguments.figure:
        draw_curves(table, arguments.figure)


if __name__ == "__main__":
    main()
