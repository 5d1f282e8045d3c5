"""Compares the analysis of neurons with the bare forward passes.

`python -m benchmarks.analysis` measures the penultimate layer of the default
network on its test images: coefficients with both controls, and both ablations
for 21 thresholds and six shares of top images. `--network alexnet
--image_size 100 --layers all --num_test 50` measures every layer of AlexNet on
2,000 images. `--compare` runs the network anew for every threshold and
ablation too, as one does without thinking: on the images of one block, beside
the bare passes over them. Ratios are within each repeat.
"""

import argparse
import os
import resource
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from keras import ops

from invariance_tf import Experiment
from invariance_tf.measures import (
    ablation,
    activations,
    evaluation,
    measurement,
    responses,
)
from invariance_tf.measures.invariance import THRESHOLDS
from invariance_tf.runs.preparation import prepare


def seconds(work):
    """Times `work()`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def add_arguments(parser):
    """Adds the options that say what is measured."""
    parser.add_argument("--network", default="alexnet_small")
    parser.add_argument("--image_size", type=int, default=48)
    parser.add_argument("--num_test", type=int, default=30)
    parser.add_argument("--layers", choices=["penultimate", "all"])


def prepare_network(arguments):
    """Returns a `preparation.Prepared` and the names of the layers."""
    prepared = prepare(
        Experiment(
            network=arguments.network,
            image_size=arguments.image_size,
            num_test=arguments.num_test,
            num_train=2,
            network_args={"initializer": "he"},
        )
    )
    layers = [activations.penultimate_layer(prepared.model)]
    if arguments.layers == "all":
        layers = activations.rectified_layers(prepared.model)
    return prepared, layers


def run_bare(prepared, images, labels):
    """Classifies originals and transformed images: the forward passes."""
    network = evaluation.classifier(prepared.model)
    transform = activations.transform_of(prepared.model)
    order = responses.reading_order(labels)
    for _, *pair in responses.paired_blocks(images, transform, 0, order):
        network.predict_on_batch(np.concatenate(pair))


def analyse(prepared, layers, images, labels):
    """Measures the layers; ablates the penultimate one if it is alone."""
    model, is_seen = prepared.model, prepared.is_seen
    reader = responses.Responses(model, images, layers, labels=labels)
    if len(layers) == 1:
        head = activations.dense_head(model)
        ablation.ablate(
            *reader.arrays(),
            ops.convert_to_numpy(ops.copy(head.kernel)),
            ops.convert_to_numpy(ops.copy(head.bias)),
            labels,
            is_seen,
        )
    measurement.measure(reader, is_seen=is_seen)


def run_anew(prepared, images, labels):
    """Runs the network for every criterion of ablation and what it ablates.

    The passes alone: what is done with their outputs comes on top.
    """
    num_criteria = len(THRESHOLDS) + len(ablation.TOP_PERCENTS)
    for _ in range(2 * num_criteria):
        run_bare(prepared, images, labels)


def main():
    """Prints one line for each repeat, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    prepared, layers = prepare_network(arguments)
    images, labels = prepared.part("test")
    few = images[: responses.BLOCK], labels[: responses.BLOCK]
    run_bare(prepared, images, labels)
    analyse(prepared, layers, images, labels)
    ratios = []
    for _ in range(arguments.repeats):
        forward = seconds(lambda: run_bare(prepared, images, labels))
        whole = seconds(lambda: analyse(prepared, layers, images, labels))
        ratios.append(whole / forward)
        line = (
            f"forward {forward:.2f} s, analysis {whole:.2f} s, "
            f"ratio {ratios[-1]:.2f}"
        )
        if arguments.compare:
            forward = seconds(lambda: run_bare(prepared, *few))
            anew = seconds(lambda: run_anew(prepared, *few))
            line += f", run anew for every threshold {anew / forward:.1f}"
        sys.stdout.write(f"{line}\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(
        f"median ratio {statistics.median(ratios):.2f}, "
        f"peak memory {peak:.2f} GiB\n"
    )


if __name__ == "__main__":
    main()
