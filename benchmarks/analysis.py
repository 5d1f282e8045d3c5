"""Compares the analysis of neurons with the bare forward passes.

`python -m benchmarks.analysis` measures the penultimate layer of the default
network on its test images: coefficients with both controls, and both ablations
for 21 thresholds and six shares of top images. `--network alexnet
--image_size 100 --layers all --num_test 50` measures every layer of AlexNet on
2,000 images, beside one pass that keeps all activities in memory. Ratios are
within each repeat.
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

from invariance_tf import (
    Experiment,
    ablation,
    activations,
    evaluation,
    measurement,
    responses,
)
from invariance_tf.preparation import prepare


def seconds(work):
    """Times `work()`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    """Prints one line for each repeat, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="alexnet_small")
    parser.add_argument("--image_size", type=int, default=48)
    parser.add_argument("--num_test", type=int, default=30)
    parser.add_argument("--layers", choices=["penultimate", "all"])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    prepared = prepare(
        Experiment(
            network=arguments.network,
            image_size=arguments.image_size,
            num_test=arguments.num_test,
            num_train=2,
            network_args={"initializer": "he"},
        )
    )
    model, is_seen = prepared.model, prepared.is_seen
    images, labels = prepared.part("test")
    transform = activations.own_transform(model)
    network = evaluation.classifier(model)
    layers = [activations.penultimate_layer(model)]
    if arguments.layers == "all":
        layers = activations.rectified_layers(model)
    order = responses.arrange(labels)

    def bare():
        for _, *pair in responses.paired_blocks(images, transform, 0, order):
            network.predict_on_batch(np.concatenate(pair))

    def analyse():
        reader = responses.Responses(model, images, layers, labels=labels)
        if arguments.layers != "all":
            head = activations.dense_head(model)
            ablation.ablate(
                *reader.arrays(),
                ops.convert_to_numpy(ops.copy(head.kernel)),
                ops.convert_to_numpy(ops.copy(head.bias)),
                labels,
                is_seen,
            )
        measurement.measure(reader, is_seen=is_seen)

    bare()
    analyse()
    ratios = []
    for _ in range(arguments.repeats):
        forward, whole = seconds(bare), seconds(analyse)
        ratios.append(whole / forward)
        sys.stdout.write(
            f"forward {forward:.2f} s, analysis {whole:.2f} s, "
            f"ratio {ratios[-1]:.2f}\n"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(
        f"median ratio {statistics.median(ratios):.2f}, "
        f"peak memory {peak:.2f} GiB\n"
    )


if __name__ == "__main__":
    main()
