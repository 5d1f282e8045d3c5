"""Compares one training step for many networks with many lone trainings.

`python -m benchmarks.many_networks` trains 1, 2, 4 and 8 networks, which differ
in their seeds, in three ways: together, by one program on JAX (`jax.vmap` over
stacked weights) with all cores; alone on JAX, by Keras' `fit`, in processes
side by side that share the cores, as a sweep does them; and so on TensorFlow,
where it is installed; else batches of noise take the place of the faces.
Where JAX finds a GPU, one process for each network shares it, and more steps
than a CPU takes make the times long enough: `--steps 4000`.

It shows training images per second of all networks in total, the ratios within
each repeat, and the seconds of compilation, which the rates leave out: once for
the networks together, for each of the lone ones. `--out FILE` keeps every
repeat as CSV.
"""

import argparse
import contextlib
import csv
import importlib.util
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import keras

from benchmarks import array_batches
from benchmarks.jax_step import make_step, stack, state_of
from invariance_tf import Experiment
from invariance_tf.paradigm.model import reseed
from invariance_tf.runs.sweep import worker
from invariance_tf.training import fitting

NUM_CORES = len(os.sched_getaffinity(0))
# The ways to train, and their backends.
WAYS = {"together": "jax", "alone": "jax"}
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None
if HAS_TENSORFLOW:
    WAYS["tensorflow"] = "tensorflow"


def prepare_network(arguments, seed):
    """Returns a compiled model and its batches, which lie in memory."""
    settings = Experiment(
        network=arguments.network,
        image_size=arguments.image_size,
        validation_fraction=0.0,
        seed=seed,
    )
    prepare = draw_faces if HAS_TENSORFLOW else array_batches.prepare
    model, settings, batches = prepare(settings, arguments.steps)
    reseed(model, seed, 0)
    fitting.compile_model(
        model, settings.learning_rate, settings.momentum, arguments.steps
    )
    model.optimizer.build(model.trainable_variables)
    return model, batches


def draw_faces(settings, steps):
    """Returns untrained model, resolved settings, and batches of `tf.data`."""
    from invariance_tf.paradigm import pipeline
    from invariance_tf.runs import preparation

    prepared = preparation.prepare(settings)
    settings = prepared.experiment
    batches = pipeline.training_batches(
        prepared.dataset.images,
        prepared.dataset.labels,
        prepared.is_seen,
        batch_size=settings.batch_size,
        seed=settings.seed,
        subset=prepared.positions("train"),
    )
    return prepared.model, settings, batches.take(steps).cache()


def train_together(arguments, num_networks):
    """Returns a function that trains networks by one program."""
    models, batches = zip(
        *(prepare_network(arguments, seed) for seed in range(num_networks)),
        strict=True,
    )
    step = make_step(models[0])
    state = stack([state_of(model) for model in models])
    batches = zip(*(own.as_numpy_iterator() for own in batches), strict=True)
    batches = [stack(each) for each in batches]

    def train():
        nonlocal state
        for batch in batches:
            _, state = step(state, batch)
        jax.block_until_ready(state)

    return train


def train_alone(arguments, num_networks):
    """Returns a function that trains networks one after another."""
    model, batches = prepare_network(arguments, seed=0)

    def train():
        for _ in range(num_networks):
            model.fit(
                batches.repeat(),
                steps_per_epoch=arguments.steps,
                shuffle=False,
                verbose=0,
            )

    return train


def seconds(work):
    """Times `work()`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def serve(arguments, way, num_networks):
    """Trains once for each line that comes in, and answers it."""
    make = train_together if way == "together" else train_alone
    train = make(arguments, int(num_networks))
    # The first compiles.
    compilation = seconds(train) - seconds(train)
    device, _, _ = keras.distribution.list_devices()[0].partition(":")
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.write(f"{device} {compilation:.2f}\n")
    for line in sys.stdin:
        train()
        sys.stdout.write(line)


class Team:
    """Starts the processes that train networks in one way of `WAYS`.

    They share the networks and the cores, and end with the `ExitStack`.
    """

    def __init__(self, stack, way, num_networks, num_processes, steps):
        num_threads = max(1, NUM_CORES // num_processes)
        environment = {
            **os.environ,
            **worker.environment(num_threads),
            "KERAS_BACKEND": WAYS[way],
            "PJRT_NPROC": str(num_threads),
            # All teams live at once: a GPU's memory is taken as it is needed.
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{0.9 / num_processes:.3f}",
        }
        command = [sys.executable, "-m", "benchmarks.many_networks"]
        command += [*sys.argv[1:], "--steps", str(steps), "--serve", way]
        self.processes = []
        for first in range(num_processes):
            share = len(range(first, num_networks, num_processes))
            process = subprocess.Popen(
                [*command, str(share)],
                bufsize=1,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.processes.append(stack.enter_context(process))
        devices, times = zip(*map(str.split, self.answers()), strict=True)
        self.description = {
            "num_networks": num_networks,
            "way": way,
            "device": devices[0],
            "num_processes": num_processes,
            "num_threads": num_threads,
            "compilation_seconds": statistics.median(map(float, times)),
        }

    def answers(self):
        """Returns the next line of each process."""
        lines = [process.stdout.readline() for process in self.processes]
        if not all(lines):
            sys.exit("A process has died.")
        return lines

    def train(self):
        """Lets all processes train, side by side."""
        for process in self.processes:
            process.stdin.write("train\n")
        self.answers()


def measure(arguments, num_networks):
    """Yields, for each repeat, a row for each way; the ways take turns."""
    steps = arguments.steps // num_networks
    num_images = steps * num_networks * Experiment().batch_size
    with contextlib.ExitStack() as stack:
        teams = [Team(stack, "together", num_networks, 1, steps)]
        num_processes = num_networks
        if teams[0].description["device"] == "cpu":
            num_processes = min(num_networks, NUM_CORES)
        for way in [*WAYS][1:]:
            team = Team(stack, way, num_networks, num_processes, steps)
            teams.append(team)
        for repeat in range(arguments.repeats):
            yield [
                {
                    "network": arguments.network,
                    "image_size": arguments.image_size,
                    **team.description,
                    "repeat": repeat,
                    "images_per_second": num_images / seconds(team.train),
                }
                for team in teams
            ]


def show(repeats):
    """Prints a line for each repeat, then the medians; returns all rows."""
    figures, all_rows = [], []
    for rows in repeats:
        together, *lone = (row["images_per_second"] for row in rows)
        figures.append((together, *lone, *(together / rate for rate in lone)))
        sys.stdout.write(describe(figures[-1]))
        all_rows += rows
    medians = map(statistics.median, zip(*figures, strict=True))
    sys.stdout.write(
        f"{rows[0]['num_networks']} networks, compiled in "
        + ", ".join(f"{row['compilation_seconds']:.1f}" for row in rows)
        + f" s; medians: {describe([*medians])}"
    )
    return all_rows


def describe(figures):
    """Returns a line of the rates and their ratios."""
    rates = zip(WAYS, figures, strict=False)
    return (
        ", ".join(f"{way} {rate:.0f}" for way, rate in rates)
        + " images/s; ratios "
        + " ".join(f"{ratio:.3f}" for ratio in figures[len(WAYS) :])
        + "\n"
    )


def main():
    """Measures each number of networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="alexnet_small")
    parser.add_argument("--image_size", type=int, default=48)
    parser.add_argument("--num_networks", type=int, nargs="+")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", default=os.devnull)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments, *arguments.serve)
        return
    rows = []
    for number in arguments.num_networks or (1, 2, 4, 8):
        rows += show(measure(arguments, number))
        with open(arguments.out, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
