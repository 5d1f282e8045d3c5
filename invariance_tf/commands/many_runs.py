"""Many runs: the options, the engine and the steps of sweep and search."""

import contextlib
import dataclasses
import os
from typing import Literal

from invariance_tf.commands import progress, terminal
from invariance_tf.commands.times import RunTimes
from invariance_tf.runs.sweep import plan, schedule
from invariance_tf.runs.sweep.local import LocalEngine
from invariance_tf.settings import mistakes

# Options of the other engine, which an engine would leave unheeded.
_OF_THE_OTHER = {"local": ("gpus_per_run", "address"), "ray": ("jobs",)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What every command that does many runs takes.

    Args:
        dry_run: Show what would run, what is done, and the estimated time.
        engine: Processes of this machine (local), or tasks of a Ray cluster
            (ray).
        jobs: Parallel runs (local); null: as many as the cores allow, or 1 with
            a GPU.
        cpus_per_run: Threads of each run. Another number rounds sums
            differently, which training amplifies: accuracy of a single network
            can change by a tenth.
        gpus_per_run: GPUs of each run, such as 0.25 (ray).
        address: Address of a Ray cluster, such as auto; null starts one here.
    """

    dry_run: bool = False
    engine: Literal["local", "ray"] = "local"
    jobs: int | None = None
    cpus_per_run: int = 1
    gpus_per_run: float = 0.0
    address: str | None = None


@contextlib.contextmanager
def started_engine(options):
    """Starts the engine that the options ask for, and stops it in the end.

    Args:
        options: `Options`.

    Yields:
        A `local.LocalEngine` or `on_ray.RayEngine`.
    """
    with terminal.mistakes((ValueError, OSError, ImportError)):
        mistakes.check_backend()
        engine = _make_engine(options)
    try:
        yield engine
    finally:
        engine.stop()


def survey_runs(experiments, engine, options):
    """Checks experiments against their data, and finds which runs are done.

    Args:
        experiments: List of resolved experiments.
        engine: As of `started_engine`, which learns how many runs fit at
            once.
        options: `Options`.

    Returns:
        List of `plan.Run`.
    """
    with terminal.mistakes():
        try:
            runs, has_gpu = schedule.survey_runs(engine, experiments)
        except (ValueError, OSError):
            if options.dry_run:
                # The plan is known even if the data are not there.
                progress.show_overview([*map(plan.Run, experiments)], None)
            raise
    if options.engine == "local":
        num_fitting = max(_num_cores() // options.cpus_per_run, 1)
        engine.num_slots = options.jobs or (1 if has_gpu else num_fitting)
    return runs


def do_runs(runs, engine):
    """Does those runs that are left.

    Args:
        runs: List of `plan.Run`.
        engine: As of `started_engine`.

    Returns:
        List of (`plan.Run`, message) of those that failed.
    """
    left = [run for run in runs if not run.is_done]
    num_done = len(runs) - len(left)
    terminal.show_line(
        f"Runs: {len(runs)}; {num_done} done before, {len(left)} to do, "
        f"{engine.num_slots} at once."
    )
    with progress.RunsProgress(
        left, num_done, engine.num_slots, RunTimes(runs)
    ) as shown:
        return schedule.finish_runs(left, engine, shown)


def show_failed(runs, failed):
    """Shows how many runs are done, and which have failed.

    Args:
        runs: List of `plan.Run`.
        failed: List of (`plan.Run`, message), some of them.
    """
    terminal.show_line(f"{len(runs) - len(failed)} done, {len(failed)} failed.")
    for run, message in failed:
        terminal.show_line(f"failed: {run.run_dir}: {message}")
    if failed:
        terminal.show_line(
            "Each of them has a failure.json. Run the same command again to "
            "retry them."
        )


def _make_engine(options):
    """Returns the engine that the options ask for."""
    for name in ("jobs", "cpus_per_run"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={value}"
            )
    if options.gpus_per_run < 0:
        raise ValueError(
            "`gpus_per_run` must not be negative. Received: "
            f"gpus_per_run={options.gpus_per_run}"
        )
    for name in _OF_THE_OTHER[options.engine]:
        if value := getattr(options, name):
            raise ValueError(
                f"`{name}` does nothing with `--engine {options.engine}`: "
                f"leave one of them out. Received: {name}={value}"
            )
    if options.engine == "local":
        return LocalEngine(1, options.cpus_per_run)
    try:
        from invariance_tf.runs.sweep.on_ray import RayEngine
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'The engine ray needs Ray: pip install -e ".[ray]". '
            "Received: engine=ray"
        ) from error
    return RayEngine(
        options.address, options.cpus_per_run, options.gpus_per_run
    )


def _num_cores():
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
