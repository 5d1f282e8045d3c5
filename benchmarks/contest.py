"""Lets programs take turns at the same work, each in a process of its own.

Two libraries in one process share threads and memory, and a machine that
others use is now faster, now slower. So each contender waits in its own
process until it is its turn, and every repeat has all of them.
"""

import contextlib
import csv
import os
import platform
import statistics
import subprocess
import sys
import time
from concurrent import futures

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


def serve(work, least_seconds=1.0):
    """Works whenever the other side says so; called by a contender.

    Args:
        work: Function without arguments. It is called once before, and in
            each repeat as often as takes `least_seconds`.
        least_seconds: Float >= 0.
    """
    # Compiles.
    work()
    start = time.perf_counter()
    work()
    times = max(1, round(least_seconds / (time.perf_counter() - start)))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    answers.write("ready\n")
    answers.flush()
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(times):
            work()
        answers.write(f"{(time.perf_counter() - start) / times}\n")
        answers.flush()


def compete(commands, repeats, num_at_once=1):
    """Measures contenders in turn.

    Args:
        commands: Dictionary from the name of a contender to its command.
        repeats: Integer, how often each works.
        num_at_once: Integer, contenders that start, and compile, together.
            With 1 none disturbs another's choice of kernels.

    Returns:
        Dictionary from the name to the list of its seconds, one for each
        repeat; empty where it cannot run here.
    """
    with (
        contextlib.ExitStack() as stack,
        futures.ThreadPoolExecutor(num_at_once) as pool,
    ):
        started = pool.map(
            lambda command: stack.enter_context(contender(command)),
            commands.values(),
        )
        works = dict(zip(commands, started, strict=True))
        seconds = {name: [] for name in works}
        for _ in range(repeats):
            for name, work in works.items():
                if work is not None:
                    seconds[name].append(work())
    return seconds


def ratio(seconds, name, reference):
    """Returns how many times as fast one is as another.

    Args:
        seconds: Dictionary as of `compete`.
        name: String, a contender.
        reference: String, another one.

    Returns:
        Median over repeats of the ratio within each; nan if one is missing.
    """
    pairs = zip(seconds[reference], seconds[name], strict=False)
    ratios = [theirs / ours for theirs, ours in pairs]
    return statistics.median(ratios or [float("nan")])


def write(path, rows, other_python=None):
    """Appends rows to a CSV file, with the machine and versions they are from.

    Args:
        path: Path of the file, or `None`.
        rows: List of dictionaries with the same keys.
        other_python: String, a Python with the libraries compared with, or
            `None`.
    """
    if path is None or not rows:
        return
    pythons = dict.fromkeys([sys.executable, other_python])
    versions = [versions_in(python) for python in pythons]
    origin = {
        "processor": processor(),
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


def versions_in(python):
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


def processor():
    """Returns the name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line for line in file if line.startswith("model name")]
        return names[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.processor()
