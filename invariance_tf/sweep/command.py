"""The command line of a sweep."""

import os
import signal
import sys
from typing import Literal

import jsonargparse

from invariance_tf import messages
from invariance_tf.sweep import overview, plan, schedule
from invariance_tf.sweep.local import LocalEngine
from invariance_tf.sweep.progress import Progress

_DESCRIPTION = """
Runs all experiments of a sweep file. What is done is left as it is, what was
interrupted goes on, and a run that fails does not stop the others.
"""


# Type, default and help of each.
_OPTIONS = {
    "engine": (
        Literal["local", "ray"],
        "local",
        "Processes of this machine, or tasks of a Ray cluster.",
    ),
    "jobs": (
        int | None,
        None,
        "Runs at once (local). null: what the cores allow, or 1 where there "
        "is a GPU.",
    ),
    "cpus_per_run": (
        int,
        1,
        "Threads of each run; its numbers depend on them in the last digits.",
    ),
    "gpus_per_run": (float, 0.0, "GPUs of each run, such as 0.25 (ray)."),
    "address": (
        str | None,
        None,
        "Address of a Ray cluster, such as auto; null starts one here.",
    ),
    "index": (
        int | None,
        None,
        "Do only the run with this number in the plan, from 0, as a task of a "
        "job array.",
    ),
    "runs_dir": (str | None, None, "In place of that of the file."),
    "data_dir": (str | None, None, "In place of that of the file."),
}


def sweep(arguments):
    """Runs the experiments of a sweep file.

    Args:
        arguments: List of strings.

    Returns:
        Exit status: 0 done, 1 a run failed, 2 a mistake in the settings or
        missing data, 130 interrupted.
    """
    try:
        options = _make_parser().parse_args(arguments)
        experiments = plan.read(
            options.file, runs_dir=options.runs_dir, data_dir=options.data_dir
        )
        engine = _make_engine(options)
    except (
        jsonargparse.ArgumentError,
        ValueError,
        OSError,
        ImportError,
    ) as error:
        return messages.mistake(error)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _sweep(options, experiments, engine)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command goes on.\n")
        return 130
    finally:
        engine.stop()
        signal.signal(signal.SIGTERM, former)


def _make_parser():
    """Returns the parser of the command line."""
    parser = jsonargparse.ArgumentParser(
        prog="python -m invariance_tf sweep",
        description=_DESCRIPTION,
        exit_on_error=False,
    )
    parser.add_argument(
        "file", help="Sweep file, such as configs/sweeps/quick.yaml."
    )
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="Show what would run, what is done, and the estimated time.",
    )
    for name, (type, default, text) in _OPTIONS.items():
        parser.add_argument(f"--{name}", type=type, default=default, help=text)
    return parser


def _make_engine(options):
    """Returns the engine that the options ask for."""
    for name in ("jobs", "cpus_per_run"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={value}"
            )
    if options.engine == "ray":
        try:
            from invariance_tf.sweep.on_ray import RayEngine
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'The engine ray needs Ray: pip install "invariance_tf[ray]". '
                "Received: engine=ray"
            ) from error
        return RayEngine(
            options.address, options.cpus_per_run, options.gpus_per_run
        )
    return LocalEngine(1, options.cpus_per_run)


def _sweep(options, experiments, engine):
    """Surveys the runs and does those that are left; returns the status."""
    try:
        runs, has_gpu = schedule.survey(engine, experiments)
    except (ValueError, ChildProcessError) as error:
        if options.dry_run:
            overview.show([plan.Run(each) for each in experiments], None)
        return messages.mistake(error)
    if options.index is not None:
        if not 0 <= options.index < len(runs):
            return messages.mistake(
                f"`index` counts the {len(runs)} runs of the plan, from 0 to "
                f"{len(runs) - 1}. Received: index={options.index}"
            )
        runs = [runs[options.index]]
    if options.engine == "local":
        num_fitting = max(_num_cores() // options.cpus_per_run, 1)
        engine.num_slots = options.jobs or (1 if has_gpu else num_fitting)
    left = [run for run in runs if not run.is_done]
    if options.dry_run:
        overview.show(runs, engine.num_slots)
        return 0
    num_done = len(runs) - len(left)
    sys.stdout.write(
        f"Runs: {len(runs)}; {num_done} done before, {len(left)} to do, "
        f"{engine.num_slots} at once.\n"
    )
    expected = overview.expected_seconds(runs)
    with Progress(left, num_done, engine.num_slots, expected) as progress:
        failed = schedule.carry_out(left, engine, progress)
    return _close(runs, failed)


def _num_cores():
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _close(runs, failed):
    """Says how a sweep ended; returns its exit status."""
    runs_dir = runs[0].experiment.runs_dir
    sys.stdout.write(f"{len(runs) - len(failed)} done, {len(failed)} failed.\n")
    for run, message in failed:
        sys.stdout.write(f"failed: {run.run_dir}: {message}\n")
    if failed:
        sys.stdout.write(
            "Each of them holds a failure.json; the same command tries them "
            "again.\n"
        )
    sys.stdout.write(
        f"Next: python -m invariance_tf figures {runs_dir}\n"
        f"      python -m invariance_tf report {runs_dir}\n"
    )
    return 1 if failed else 0
