"""Shows the peak memory of the analysis of neurons.

`python -m benchmarks.analysis_memory --network alexnet --image_size 100
--layers all --num_test 10` runs, each in a process of its own, the measurement
and an extraction that keeps the activities of all images in arrays.
`--num_images 1000 10000` measures all layers at each of these numbers of
images instead, with no activity held, and prints the ratio of the peaks. The
images are then generated as they are read, so that they do not count.
"""

import argparse
import os
import resource
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import analysis
from invariance_tf.measures import measurement, responses


class GeneratedImages:
    """Stands for an array of images that are drawn whenever they are read."""

    def __init__(self, num_images, image_size):
        self.shape = (num_images, image_size, image_size, 3)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, positions):
        size = (len(positions), *self.shape[1:])
        random = np.random.default_rng(int(positions[0]))
        return random.integers(0, 256, size, "uint8")


def work(kind, arguments):
    """Does one kind of analysis; returns the peak of this process in bytes."""
    prepared, layers = analysis.prepare_network(arguments)
    images, labels = prepared.part("test")
    options = {}
    if arguments.num_images:
        images = GeneratedImages(*arguments.num_images, arguments.image_size)
        labels = np.arange(len(images)) % len(prepared.is_seen)
        # At few images too nothing is held.
        options["memory"] = 0
    reader = responses.Responses(
        prepared.model, images, layers, labels=labels, **options
    )
    if kind == "streamed":
        measurement.measure(reader, is_seen=prepared.is_seen)
    else:
        # All arrays live at once.
        blocks = [*reader]
        sys.stderr.write(f"{len(blocks)} blocks of activities\n")
    # In KiB on Linux.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak_of(kind, options):
    """Runs one kind of analysis in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.analysis_memory"]
    done = subprocess.run(
        [*command, *options, "--only", kind],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return int(done.stdout.split()[-1])


def main():
    """Prints a line for each process, then the ratio of the last two."""
    parser = argparse.ArgumentParser(description=__doc__)
    analysis.add_arguments(parser)
    parser.add_argument("--num_images", type=int, nargs="+", default=[])
    parser.add_argument("--only", choices=["streamed", "whole"])
    arguments = parser.parse_args()
    if arguments.only:
        sys.stdout.write(f"{work(arguments.only, arguments)}\n")
        return
    options = [
        f"--{name}={value}"
        for name, value in vars(arguments).items()
        if value and name not in ("num_images", "only")
    ]
    cases = [("streamed", []), ("whole", [])]
    if arguments.num_images:
        cases = [
            ("streamed", [f"--num_images={number}"])
            for number in arguments.num_images
        ]
    peaks = []
    for kind, more in cases:
        peaks.append(peak_of(kind, [*options, *more]))
        case = " ".join([kind, *more])
        sys.stdout.write(f"{case}: peak {peaks[-1] / 2**30:.2f} GiB\n")
    sys.stdout.write(f"ratio {peaks[-1] / peaks[0]:.3f}\n")


if __name__ == "__main__":
    main()
