"""Measures what `deterministic` costs in training.

`python -m benchmarks.determinism` trains in a fresh process each time, in turn
with and without it: the default experiment, and AlexNet on 100 pixels. It shows
training images per second and the ratio within each repeat, then the medians.
"""

import argparse
import contextlib
import io
import statistics
import subprocess
import sys

WORK = {
    "alexnet_small, 48 px": {"epochs": 5},
    "alexnet, 100 px": {
        "network": "alexnet",
        "image_size": 100,
        "num_categories": 10,
        "num_train": 8,
        "num_test": 1,
        "n_seen": 5,
        "epochs": 4,
    },
}
LINE = "without {:.0f}, with {:.0f} images/s; ratio {:.3f}\n"


def measure(work, deterministic):
    """Returns the training images per second, the first epoch left out."""
    # Not before a process is to measure: this loads TensorFlow.
    from benchmarks.training_rate import train_as_a_run
    from invariance_tf import Experiment
    from invariance_tf.runs.preparation import prepare

    settings = Experiment(
        validation_fraction=0.0, deterministic=deterministic, **WORK[work]
    )
    prepared = prepare(settings)
    with contextlib.redirect_stdout(io.StringIO()):
        times = train_as_a_run(prepared)
    num_images = len(prepared.positions("train")) * (len(times) - 1)
    return num_images / (times[-1] - times[0])


def measure_afresh(work, deterministic):
    """Returns what `measure` does in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.determinism", "--work", work]
    done = subprocess.run(
        [*command, "--deterministic"] if deterministic else command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return float(done.stdout)


def main():
    """Prints one line for each repeat, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument(
        "--deterministic", action="store_true", help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.work:
        rate = measure(arguments.work, arguments.deterministic)
        sys.stdout.write(f"{rate}\n")
        return
    for work in WORK:
        sys.stdout.write(f"{work}\n")
        rows = []
        for repeat in range(arguments.repeats):
            order = (False, True) if repeat % 2 else (True, False)
            rate = {flag: measure_afresh(work, flag) for flag in order}
            rows.append((rate[False], rate[True], rate[True] / rate[False]))
            sys.stdout.write(LINE.format(*rows[-1]))
        medians = map(statistics.median, zip(*rows, strict=True))
        sys.stdout.write("medians: " + LINE.format(*medians))


if __name__ == "__main__":
    main()
