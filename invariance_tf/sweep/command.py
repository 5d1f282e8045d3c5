"""The command line of a sweep."""

import collections
import os
import signal
import sys
from typing import Literal

import jsonargparse

from invariance_tf import messages
from invariance_tf.sweep import plan, schedule
from invariance_tf.sweep.local import LocalEngine
from invariance_tf.sweep.progress import Progress, duration

_DESCRIPTION = """
Runs all experiments of a sweep file. What is done is left as it is, what was
interrupted goes on, and a run that fails does not stop the others.
"""


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
        engine = _make_engine(options, experiments[0].runs_dir)
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
    add = parser.add_argument
    add("file", help="Sweep file, such as configs/sweeps/quick.yaml.")
    add(
        "--dry_run",
        action="store_true",
        help="Show what would run, what is done, and the estimated time.",
    )
    add(
        "--engine",
        type=Literal["local", "ray"],
        default="local",
        help="Processes of this machine, or tasks of a Ray cluster.",
    )
    add(
        "--jobs",
        type=int | None,
        help="Runs at once (local). null: what the cores allow, or 1 where "
        "there is a GPU.",
    )
    add(
        "--cpus_per_run",
        type=int,
        default=1,
        help="Threads of each run; its numbers depend on them in the last "
        "digits.",
    )
    add(
        "--gpus_per_run",
        type=float,
        default=0.0,
        help="GPUs of each run, such as 0.25 (ray).",
    )
    add(
        "--address",
        type=str | None,
        help="Address of a Ray cluster, such as auto; null starts one here.",
    )
    add(
        "--index",
        type=int | None,
        help="Do only the run with this number in the plan, from 0, as a task "
        "of a job array.",
    )
    add("--runs_dir", type=str | None, help="In place of that of the file.")
    add("--data_dir", type=str | None, help="In place of that of the file.")
    return parser


def _make_engine(options, runs_dir):
    """Returns the engine that the options ask for."""
    for name in ("jobs", "cpus_per_run"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={value}"
            )
    log_path = os.path.join(runs_dir, "sweep.log")
    if options.engine == "ray":
        from invariance_tf.sweep.on_ray import RayEngine

        return RayEngine(
            options.address,
            options.cpus_per_run,
            options.gpus_per_run,
            log_path,
        )
    return LocalEngine(1, options.cpus_per_run, log_path)


def _sweep(options, experiments, engine):
    """Surveys the runs and does those that are left; returns the status."""
    try:
        runs, has_gpu = schedule.survey(engine, experiments)
    except ValueError as error:
        if options.dry_run:
            _show_plan([plan.Run(each) for each in experiments], None)
        return messages.mistake(error)
    if options.index is not None:
        if not 0 <= options.index < len(runs):
            return messages.mistake(
                f"`index` counts the {len(runs)} runs of the plan, from 0 to "
                f"{len(runs) - 1}. Received: index={options.index}"
            )
        runs = [runs[options.index]]
    if options.engine == "local":
        num_cores = len(os.sched_getaffinity(0))
        default = 1 if has_gpu else max(num_cores // options.cpus_per_run, 1)
        engine.num_slots = options.jobs or default
    left = [run for run in runs if not run.is_done]
    if options.dry_run:
        _show_plan(runs, engine.num_slots)
        return 0
    num_done = len(runs) - len(left)
    sys.stdout.write(
        f"{len(runs)} runs: {num_done} done before, {len(left)} to do, "
        f"{engine.num_slots} at once\n"
    )
    with Progress(left, num_done, engine.num_slots, _mean(runs)) as progress:
        failed = schedule.carry_out(left, engine, progress)
    return _close(runs, failed)


def _mean(runs):
    """Returns the mean time of the runs that are done, or `None`."""
    seconds = [run.seconds for run in runs if run.seconds is not None]
    return sum(seconds) / len(seconds) if seconds else None


def _show_plan(runs, num_slots):
    """Shows how many runs are done and to do, and how long they may take.

    Args:
        runs: List of `plan.Run`.
        num_slots: Integer, runs at once; `None` if nothing is known of the
            data, so that nothing can be said of what is done.
    """
    from rich.console import Console
    from rich.table import Table

    counts = collections.defaultdict(collections.Counter)
    for run in runs:
        counts[run.experiment.transform][run.experiment.n_seen] += 1
    is_done = collections.defaultdict(collections.Counter)
    for run in runs:
        is_done[run.experiment.transform][run.experiment.n_seen] += run.is_done
    columns = {run.experiment.n_seen: None for run in runs}
    table = Table(title="runs done of those in the plan, by n_seen")
    table.add_column("transform")
    for n_seen in columns:
        table.add_column(str(n_seen), justify="right")
    for transform, of_transform in counts.items():
        table.add_row(
            transform,
            *(
                f"{is_done[transform][n_seen]}/{of_transform[n_seen]}"
                if of_transform[n_seen]
                else ""
                for n_seen in columns
            ),
        )
    console = Console()
    console.print(table)
    num_left = sum(not run.is_done for run in runs)
    text = f"{len(runs)} runs: {len(runs) - num_left} done, {num_left} to do"
    if num_slots is not None:
        mean = _mean(runs)
        time = mean and mean * num_left / num_slots
        text += f", {num_slots} at once. Estimated time: {duration(time)}."
    console.print(text, soft_wrap=True)


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
