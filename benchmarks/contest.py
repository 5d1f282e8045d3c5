"""Lets programs take turns at the same work, each in a process of its own.

Two libraries in one process share threads and memory, and a machine that
others use is now faster, now slower. So each contender waits in its own
process until it is its turn, and every repeat has all of them.
"""

import argparse
import contextlib
import csv
import functools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from concurrent import futures

import numpy as np

# Whose versions are part of a result.
LIBRARIES = (
    "tensorflow",
    "keras",
    "jax",
    "torch",
    "kornia",
    "opencv-python-headless",
    "pillow",
)


def make_parser(description, repeats, num_served=None):
    """Returns the options that every measurement has.

    Args:
        description: String, the docstring of the measurement.
        repeats: Integer, how often it measures if nothing is said.
        num_served: Number of arguments of `--serve`, with which the program
            starts itself as a contender, as argparse's `nargs`; or `None`.
    """
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--out", help="CSV file to append to")
    if num_served is not None:
        parser.add_argument("--serve", nargs=num_served, help=argparse.SUPPRESS)
    return parser


@functools.cache
def make_batch(batch_size, image_size, num_categories):
    """Returns a batch of noise as arrays: images, flags and labels.

    Every other image is flagged to be transformed. It is drawn once: that is
    not what is measured.
    """
    shape = (batch_size, image_size, image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    numbers = np.arange(batch_size)
    return images, numbers % 2 == 0, numbers % num_categories


def time_calls(work, times=1):
    """Returns the seconds that a call of `work` takes, on average."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


@contextlib.contextmanager
def contender(command):
    """Starts a contender and gives a function that lets it work once.

    Args:
        command: List of strings, a program that calls `serve`.

    Yields:
        Function that returns the seconds of one repeat, or `None` if the
        program cannot run here. A program that does several things can be
        sent another line than `go`.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def work(line="go"):
        try:
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            return float(process.stdout.readline())
        except (BrokenPipeError, ValueError):
            sys.exit(
                "A contender has died; is there too little memory? "
                f"Received: {' '.join(command)}"
            )

    try:
        is_ready = process.stdout.readline() == "ready\n"
        yield work if is_ready else None
    finally:
        # One that has failed does not listen any more.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.wait()


def serve(work=None, least_seconds=1.0, choose=None):
    """Works whenever the other side says so; called by a contender.

    Args:
        work: Function without arguments. It is called twice before, to
            compile, and in each repeat as often as takes `least_seconds`.
        least_seconds: Float >= 0.
        choose: Function of a line other than `go` that returns the work to do
            from then on, or `None`, and the number to answer.
    """

    def count_calls(work):
        work()
        return max(1, math.ceil(least_seconds / time_calls(work)))

    times = count_calls(work) if work else 0
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.write("ready\n")
    for line in sys.stdin:
        if line == "go\n":
            answer = time_calls(work, times)
        else:
            work, answer = choose(line.strip())
            times = count_calls(work) if work else 0
        sys.stdout.write(f"{answer}\n")


def start_contenders(stack, commands, num_at_once=1):
    """Starts contenders, and says which cannot run here.

    Args:
        stack: A `contextlib.ExitStack`, with which they end.
        commands: Dictionary from the name of a contender to its command.
        num_at_once: Integer, contenders that start, and compile, together.
            With 1 none disturbs another's choice of kernels.

    Returns:
        Dictionary from the names of those that can run to their functions.
    """
    with futures.ThreadPoolExecutor(num_at_once) as pool:
        works = pool.map(
            lambda command: stack.enter_context(contender(command)),
            commands.values(),
        )
        started = dict(zip(commands, works, strict=True))
    for name, work in started.items():
        if work is None:
            command = " ".join(commands[name])
            sys.stdout.write(f"{name} cannot run here: {command}\n")
    return {name: work for name, work in started.items() if work}


def compete(commands, repeats, num_at_once=1):
    """Measures contenders in turn.

    Args:
        commands: Dictionary from the name of a contender to its command.
        repeats: Integer, how often each works.
        num_at_once: As for `start_contenders`.

    Returns:
        Dictionary from the name to the list of its seconds, one for each
        repeat, of those that can run here.
    """
    with contextlib.ExitStack() as stack:
        works = start_contenders(stack, commands, num_at_once)
        return take_turns(works, repeats)


def take_turns(works, repeats):
    """Lets functions that return seconds take turns; returns their lists."""
    rounds = [{name: works[name]() for name in works} for _ in range(repeats)]
    return {name: [each[name] for each in rounds] for name in works}


def ask_process(program, *options):
    """Returns what a process of its own writes, as JSON.

    Args:
        program: String, a module of the benchmarks.
        *options: What follows on its command line.
    """
    command = [sys.executable, "-m", f"benchmarks.{program}"]
    done = subprocess.run(
        [*command, *map(str, options)], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def ratio(seconds, name, reference):
    """Returns how many times as fast one is as another.

    Args:
        seconds: Dictionary as of `compete`.
        name: String, a contender.
        reference: String, another one.

    Returns:
        Median over repeats of the ratio within each; nan if one is missing.
    """
    pairs = zip(seconds.get(reference, []), seconds.get(name, []), strict=False)
    ratios = [theirs / ours for theirs, ours in pairs]
    return statistics.median(ratios or [float("nan")])


def report_rows(rows, line, path, other_python=None):
    """Prints rows, and appends them to a CSV file with machine and versions.

    Args:
        rows: List of dictionaries with the same keys.
        line: String, a format of these keys.
        path: Path of the file, or `None`.
        other_python: String, a Python with the libraries compared with, or
            `None`.
    """
    sys.stdout.writelines(line.format(**row) + "\n" for row in rows)
    sys.stdout.flush()
    if path is None or not rows:
        return
    pythons = dict.fromkeys([sys.executable, other_python])
    versions = [list_versions(python) for python in pythons]
    origin = {
        "processor": name_processor(),
        "num_cores": len(os.sched_getaffinity(0)),
        "versions": ", ".join(filter(None, versions)),
    }
    rows = [{**row, **origin} for row in rows]
    is_new = not os.path.exists(path)
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


def list_versions(python):
    """Returns the versions of a Python and its libraries, or `None`."""
    if python is None:
        return None
    program = (
        "import platform\n"
        "from importlib.metadata import PackageNotFoundError, version\n"
        "found = [f'Python {platform.python_version()}']\n"
        f"for name in {LIBRARIES}:\n"
        "    try: found.append(f'{name} {version(name)}')\n"
        "    except PackageNotFoundError: pass\n"
        "print(', '.join(found))\n"
    )
    done = subprocess.run(
        [python, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def name_processor():
    """Returns the name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line for line in file if line.startswith("model name")]
        return names[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.processor()
