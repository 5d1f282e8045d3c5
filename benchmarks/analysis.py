"""Compares the analysis of neurons with the bare forward passes.

`python -m benchmarks analysis` reads the penultimate layer of an untrained
network for random test images. `extraction` copies activities to the
processor; `invariance` reads them once more and adds up coefficients and both
controls at 21 thresholds; `ablation` reads, and classifies at 21 thresholds
and six shares of top images. Ratios are to `bare`, the forward passes of both
versions, within each repeat. `--network alexnet --image_size 100 --layers all`
measures every layer of AlexNet, and `--network
benchmarks.analysis:three_layers --image_size 32 --num_test 50 --layers all`
the 11,008 neurons of a network that is so small that the analysis weighs most.
It runs on any backend of Keras, and is the part `analysis` of `gpu`.
"""

import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import contest, training_step

# Network, pixels, categories, test images of each, layers.
GPU_WORK = {
    "alexnet": ("alexnet", 100, 158, 12, "penultimate"),
    "alexnet_small": ("alexnet_small", 48, 40, 30, "penultimate"),
    "resnet18": ("resnet18", 64, 100, 10, "penultimate"),
    "alexnet_small all layers": ("alexnet_small", 48, 40, 30, "all"),
    "alexnet all layers": ("alexnet", 100, 158, 2, "all"),
}
SMALL_WORK = {"alexnet_small": ("alexnet_small", 16, 3, 2, "penultimate")}
LINE = (
    "{network}, {layers}: {passes}: {images_per_second} images/s, "
    "{times_bare} of the bare passes' time"
)


def three_layers(images, num_categories, **options):
    """Adds a small network, the layers of which are measured cheaply."""
    from keras import layers

    x = layers.Conv2D(32, 5, 2, "same", activation="relu")(images)
    x = layers.Conv2D(40, 3, 2, "same", activation="relu")(x)
    x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
    return layers.Dense(num_categories, dtype="float32")(x)


def make_passes(network, image_size, num_categories, num_test, layers):
    """Returns what is timed, as functions by name, and the number of images."""
    from keras import ops

    from invariance_tf.measures import (
        ablation,
        activations,
        evaluation,
        measurement,
        responses,
    )

    # With this initialisation the activity of inner layers does not fade.
    model = training_step.build_model(
        network, image_size, num_categories, initializer="he"
    )
    names = [activations.penultimate_layer(model)]
    if layers == "all":
        names = activations.rectified_layers(model)
    labels = np.arange(num_categories).repeat(num_test)
    images, _, _ = contest.make_batch(len(labels), image_size, 1)
    is_seen = np.arange(num_categories) < num_categories // 2
    transform = activations.transform_of(model)
    classifier = evaluation.classifier(model)

    def read():
        return responses.Responses(model, images, names, labels=labels)

    def pass_bare():
        order = responses.reading_order(labels)
        for _, *pair in responses.paired_blocks(images, transform, 0, order):
            classifier.predict_on_batch(np.concatenate(pair))

    def extract():
        for _ in read():
            pass

    def ablate():
        head = activations.dense_head(model)
        ablation.ablate(
            *read().arrays(),
            ops.convert_to_numpy(ops.copy(head.kernel)),
            ops.convert_to_numpy(ops.copy(head.bias)),
            labels,
            is_seen,
        )

    passes = {
        "bare": pass_bare,
        "extraction": extract,
        "invariance": lambda: measurement.measure(read(), is_seen=is_seen),
    }
    if layers != "all":
        passes["ablation"] = ablate
    return passes, len(labels)


def measure_passes(work, repeats, **origin):
    """Returns a row of the table for each kind of pass; they take turns."""
    passes, num_images = make_passes(*work)
    for compiled in passes.values():
        compiled()
    seconds = contest.take_turns(
        {
            name: lambda work=work: contest.time_calls(work)
            for name, work in passes.items()
        },
        repeats,
    )
    return [
        {
            "network": work[0],
            "image_size": work[1],
            "layers": work[-1],
            "num_images": num_images,
            "passes": name,
            "images_per_second": round(
                num_images / statistics.median(measured), 1
            ),
            "times_bare": round(contest.ratio(seconds, "bare", name), 3),
            "repeats": repeats,
            **origin,
        }
        for name, measured in seconds.items()
    ]


def run(arguments, devices, afford, out_path):
    """Measures each network; writes its rows when they are there."""
    works = SMALL_WORK if arguments.smoke else GPU_WORK
    for name in afford(works):
        rows = measure_passes(
            works[name], arguments.repeats, device=devices["jax"]
        )
        contest.report_rows(rows, LINE, out_path)


def main():
    """Prints and writes a table."""
    parser = contest.make_parser(__doc__, repeats=5)
    parser.add_argument("--network", default="alexnet_small")
    parser.add_argument("--image_size", type=int, default=48)
    parser.add_argument("--num_categories", type=int, default=40)
    parser.add_argument("--num_test", type=int, default=30)
    parser.add_argument(
        "--layers", choices=["penultimate", "all"], default="penultimate"
    )
    options = vars(parser.parse_args())
    repeats, out = options.pop("repeats"), options.pop("out")
    rows = measure_passes(tuple(options.values()), repeats)
    contest.report_rows(rows, LINE, out)


if __name__ == "__main__":
    main()
