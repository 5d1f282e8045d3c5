"""From experiments to runs that are done or have failed.

The verbs that do many runs share these options, their engine, and the end by
Ctrl-C.
"""

import os
import signal
import sys
from typing import Literal

from invariance_tf.commands import overview, terminal
from invariance_tf.commands.progress import Progress
from invariance_tf.runs.sweep import plan, schedule
from invariance_tf.runs.sweep.local import LocalEngine

# Type, default and help of each.
OPTIONS = {
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
}


def add_options(parser, options):
    """Adds options to a parser, and the flag `dry_run`.

    Args:
        parser: A `jsonargparse.ArgumentParser`.
        options: Dictionary from names to type, default and help, such as
            `OPTIONS`.
    """
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="Show what would run, what is done, and the estimated time.",
    )
    for name, (type, default, text) in options.items():
        parser.add_argument(f"--{name}", type=type, default=default, help=text)


def carry_out(options, experiments, select, close):
    """Does the runs of experiments, those that are not done.

    Args:
        options: Values of `OPTIONS` and `dry_run`, as attributes.
        experiments: List of resolved experiments.
        select: Function from the list of all `plan.Run` to that of those to
            do or to pass over; it may raise a `ValueError`.
        close: Function of the selected runs and of a list of (`plan.Run`,
            message) of those that failed, which returns the exit status.

    Returns:
        Exit status: that of `close`, 0 if nothing was to run, 2 a mistake in
        the settings or missing data, 130 interrupted.
    """
    try:
        engine = _make_engine(options)
    except (ValueError, OSError, ImportError) as error:
        return terminal.mistake(error)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _carry_out(options, experiments, engine, select, close)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command goes on.\n")
        return 130
    finally:
        engine.stop()
        signal.signal(signal.SIGTERM, former)


def tell(runs, failed):
    """Says how many runs are done, and which have failed.

    Args:
        runs: List of `plan.Run`.
        failed: List of (`plan.Run`, message), some of them.
    """
    sys.stdout.write(f"{len(runs) - len(failed)} done, {len(failed)} failed.\n")
    for run, message in failed:
        sys.stdout.write(f"failed: {run.run_dir}: {message}\n")
    if failed:
        sys.stdout.write(
            "Each of them holds a failure.json; the same command tries them "
            "again.\n"
        )


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
            from invariance_tf.runs.sweep.on_ray import RayEngine
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'The engine ray needs Ray: pip install "invariance_tf[ray]". '
                "Received: engine=ray"
            ) from error
        return RayEngine(
            options.address, options.cpus_per_run, options.gpus_per_run
        )
    return LocalEngine(1, options.cpus_per_run)


def _carry_out(options, experiments, engine, select, close):
    """Surveys the runs and does those that are left; returns the status."""
    try:
        runs, has_gpu = schedule.survey_runs(engine, experiments)
    except (ValueError, ChildProcessError) as error:
        if options.dry_run:
            overview.show([plan.Run(each) for each in experiments], None)
        return terminal.mistake(error)
    try:
        runs = select(runs)
    except ValueError as error:
        return terminal.mistake(error)
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
        failed = schedule.finish_runs(left, engine, progress)
    return close(runs, failed)


def _num_cores():
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
