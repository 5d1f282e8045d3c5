"""The analysis of neurons on a GPU beside the bare passes; see `gpu`."""

import statistics
import sys
import time

from benchmarks import contest

# Network, pixels, categories, test images of each, layers.
WORK = {
    "alexnet": ("alexnet", 100, 158, 12, "penultimate"),
    "alexnet_small": ("alexnet_small", 48, 40, 30, "penultimate"),
    "resnet18": ("resnet18", 64, 100, 10, "penultimate"),
    "alexnet_small all layers": ("alexnet_small", 48, 40, 30, "all"),
    "alexnet all layers": ("alexnet", 100, 158, 2, "all"),
}
SMALL_WORK = {"alexnet_small": ("alexnet_small", 16, 3, 2, "penultimate")}


def make_passes(network, image_size, num_categories, num_test, layers):
    """Returns what is timed, as functions by name, and the number of images.

    Images are noise and weights untrained. `extraction` copies activities from
    the device; `invariance` reads them once more and adds up coefficients and
    both controls at 21 thresholds; `ablation` reads, and classifies at 21
    thresholds and six shares of top images.
    """
    import numpy as np
    from keras import ops

    from invariance_tf import networks, transforms
    from invariance_tf.measures import (
        ablation,
        activations,
        evaluation,
        measurement,
        responses,
    )
    from invariance_tf.paradigm import categories
    from invariance_tf.paradigm import model as models

    transform = transforms.get("highpass")
    model = models.build(
        networks.get(network), transform, image_size, num_categories
    )
    labels = np.arange(num_categories).repeat(num_test)
    shape = (len(labels), image_size, image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    is_seen = categories.seen_categories(
        num_categories, num_categories // 2, seed=0
    )
    classifier = evaluation.classifier(model)
    names = [activations.penultimate_layer(model)]
    if layers == "all":
        names = activations.rectified_layers(model)
    head = activations.dense_head(model)

    def read():
        return responses.Responses(model, images, names, labels=labels)

    def bare():
        order = responses.reading_order(labels)
        for _, *pair in responses.paired_blocks(images, transform, 0, order):
            classifier.predict_on_batch(np.concatenate(pair))

    def extract():
        for _ in read():
            pass

    def ablate():
        ablation.ablate(
            *read().arrays(),
            ops.convert_to_numpy(head.kernel),
            ops.convert_to_numpy(head.bias),
            labels,
            is_seen,
        )

    passes = {
        "bare": bare,
        "extraction": extract,
        "invariance": lambda: measurement.measure(read(), is_seen=is_seen),
    }
    if layers != "all":
        passes["ablation"] = ablate
    return passes, len(labels)


def measure(passes, repeats):
    """Returns the seconds of each repeat by name; the passes take turns."""
    seconds = {name: [] for name in passes}
    for repeat in range(repeats + 1):
        for name, work in passes.items():
            start = time.perf_counter()
            work()
            if repeat:  # The first compiles.
                seconds[name].append(time.perf_counter() - start)
    return seconds


def run(arguments, devices, afford, out_path):
    """Measures each network; writes its rows when they are there."""
    works = SMALL_WORK if arguments.smoke else WORK
    for name in afford(works):
        passes, num_images = make_passes(*works[name])
        seconds = measure(passes, 1 if arguments.smoke else arguments.repeats)
        rows = [
            {
                "network": works[name][0],
                "image_size": works[name][1],
                "layers": works[name][-1],
                "num_images": num_images,
                "passes": which,
                "images_per_second": round(
                    num_images / statistics.median(measured), 1
                ),
                "times_bare": round(contest.ratio(seconds, "bare", which), 3),
                "repeats": len(measured),
                "device": devices["jax"],
            }
            for which, measured in seconds.items()
        ]
        for row in rows:
            sys.stdout.write(
                "{network}, {layers}: {passes}: {images_per_second} images/s, "
                "{times_bare} of the bare passes' time\n".format(**row)
            )
        contest.write(out_path, rows)
