"""Shows how time and memory grow with what an experiment has.

`python -m benchmarks growth` measures the stages of an experiment with a tiny
network at rising numbers of images (`--axis images`, half of them for testing),
of categories and of categories seen transformed (`n_seen`), both at 10,000
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

from benchmarks import contest

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
UNITS = {
    "images": "images",
    "categories": "categories",
    "n_seen": "categories seen transformed, of 400",
    "units": "neurons of the layer",
}
LOOKS = {
    "data": {"color": "#000000", "marker": "o"},
    "pipeline": {"color": "#E69F00", "marker": "s"},
    "training": {"color": "#0072B2", "marker": "^"},
    "evaluation": {"color": "#009E73", "marker": "v"},
    "analysis": {"color": "#CC79A7", "marker": "D"},
}
LINE = (
    "{axis} {value}: {stage} {seconds:.3f} s, peak {peak_bytes:.3e}, idle "
    "{idle_bytes:.3e} bytes"
)


class Meter:
    """Measures seconds and the peak of memory in each stage. For Linux.

    `idle_bytes` is what is resident when it is made; `stages` holds seconds and
    `peak_bytes` of each stage.
    """

    def __init__(self):
        self._forget_peak()
        self.idle_bytes = self._peak()
        self.stages = {}

    def _forget_peak(self):
        """Lets the peak be what is resident now."""
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def _peak(self):
        """Returns the peak of resident memory in bytes."""
        with open("/proc/self/status", encoding="ascii") as file:
            (line,) = (line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    @contextlib.contextmanager
    def stage(self, name):
        """Measures what is done inside; gives a place for another time."""
        self._forget_peak()
        found = self.stages[name] = {}
        start = time.perf_counter()
        yield found
        found.setdefault("seconds", time.perf_counter() - start)
        found["peak_bytes"] = self._peak()


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


def divide(images, num_categories):
    """Returns a data set of these images and the parts that they are in."""
    from invariance_tf import datasets
    from invariance_tf.paradigm import splits

    numbers = np.arange(len(images))
    labels = (numbers * num_categories // len(images)).astype("int32")
    names = tuple(f"category_{label}" for label in range(num_categories))
    is_test = numbers % 2 == 0
    dataset = datasets.Dataset("random", images, labels, is_test, names)
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
    from invariance_tf.runs import accuracies, analysis, network_training
    from invariance_tf.runs.preparation import Prepared
    from invariance_tf.runs.tensorboard import EventLog

    images, _, _ = contest.make_batch(num_images, IMAGE_SIZE, 1)
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
            network_training.train(prepared, log)
            history = pd.read_csv(os.path.join(run_dir, "history.csv"))
            found["seconds"] = history.seconds.iloc[-1]
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


def serve(axis, text):
    """Measures one point; writes its stages and the idle memory."""
    value = int(text)
    # What a run imports.
    importlib.import_module("invariance_tf.runs.experiment")
    meter = Meter()
    with contextlib.redirect_stdout(io.StringIO()):
        if axis == "units":
            measure_width(meter, value)
        else:
            measure_stages(meter, *POINTS[axis](value))
    json.dump(
        {"idle_bytes": meter.idle_bytes, "stages": meter.stages}, sys.stdout
    )


def measure_point(axis, value, repeats):
    """Measures in processes of their own; returns a row for each stage."""
    found = [
        contest.ask_process("growth", "--serve", axis, value)
        for _ in range(repeats)
    ]
    rows = [
        {
            "axis": axis,
            "value": value,
            "stage": stage,
            "seconds": statistics.median(
                one["stages"][stage]["seconds"] for one in found
            ),
            "peak_bytes": statistics.median(
                one["stages"][stage]["peak_bytes"] for one in found
            ),
            "idle_bytes": statistics.median(one["idle_bytes"] for one in found),
            "repeats": repeats,
        }
        for stage in found[0]["stages"]
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

    from invariance_tf.drawing import save, style

    labels = {"seconds": "time (s)", "memory": "memory above idle (MiB)"}
    num_axes = table.axis.nunique()
    with style.context():
        figure = Figure(figsize=(7.4, 2.2 * num_axes))
        panels = figure.subplots(num_axes, 2, squeeze=False)
        for (axis, rows), pair in zip(
            table.groupby("axis", sort=False), panels, strict=True
        ):
            for (name, label), panel in zip(labels.items(), pair, strict=True):
                for stage, curve in rows.groupby("stage", sort=False):
                    slope = curve[f"{name}_slope"].iloc[0]
                    panel.plot(
                        curve["value"],
                        curve[name],
                        label=f"{stage} {slope:.2f}",
                        **LOOKS[stage],
                    )
                panel.set(xscale="log", yscale="log")
                panel.set(xlabel=UNITS[axis], ylabel=label)
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
        for value in arguments.values or AXES[axis]
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
