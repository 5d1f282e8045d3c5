"""Hands runs to an engine until each has finished or failed."""

import collections
import time

from invariance_tf.runs.sweep import worker

# How often a run is resumed after its process has died, and the seconds before
# a run that another sweep has locked is tried again.
NUM_RETRIES = 2
PATIENCE = 5.0


def survey_runs(engine, experiments):
    """Checks experiments and finds finished runs, in a process of an engine.

    Args:
        engine: A `local.LocalEngine` or `on_ray.RayEngine`.
        experiments: List of resolved experiments.

    Returns:
        List of `plan.Run`, and whether there is a GPU.

    Raises:
        ValueError: If a setting is illegal or the data are missing.
        ChildProcessError: If the process died.
    """
    engine.start("survey", worker.survey_runs, experiments)
    ended = []
    while not ended:
        ended = engine.wait(timeout=1.0)
    ((_, outcome),) = ended
    if outcome.status == "died":
        raise ChildProcessError(outcome.message)
    if outcome.is_mistake:
        raise ValueError(outcome.message)
    if outcome.status != "done":
        raise RuntimeError(outcome.traceback)
    return outcome.value


def finish_runs(runs, engine, progress, patience=PATIENCE):
    """Does runs, as many at once as the engine has room for.

    A run whose process died is resumed from its checkpoint. One that another
    sweep has locked is tried again later.

    Args:
        runs: List of `plan.Run`.
        engine: A `local.LocalEngine` or `on_ray.RayEngine`.
        progress: A `progress.Progress`.
        patience: Float, seconds before a locked run is tried again.

    Returns:
        List of (`plan.Run`, message) of the failed runs.
    """
    by_name = {run.name: run for run in runs}
    # Names, each with the earliest time to start it.
    waiting = collections.deque((name, 0.0) for name in by_name)
    num_deaths = collections.Counter()
    failed, num_left = [], len(runs)
    while num_left:
        _start_what_fits(waiting, by_name, engine, progress)
        for name, outcome in engine.wait(timeout=0.5):
            run = by_name[name]
            if outcome.status == "held":
                waiting.append((name, time.monotonic() + patience))
                progress.put_back(run, outcome)
                continue
            if outcome.status == "died":
                num_deaths[name] += 1
                if num_deaths[name] <= NUM_RETRIES:
                    waiting.appendleft((name, 0.0))
                    progress.put_back(run, outcome)
                    continue
                error = ChildProcessError(
                    f"{outcome.message}, {num_deaths[name]} times. Is there "
                    "enough memory?"
                )
                worker.record_failure(run, error)
                outcome = worker.Outcome(
                    "failed", error=type(error).__name__, message=str(error)
                )
            if outcome.status == "failed":
                failed.append((run, f"{outcome.error}: {outcome.message}"))
            num_left -= 1
            progress.end(run, outcome)
        progress.update()
    return failed


def _start_what_fits(waiting, by_name, engine, progress):
    """Starts runs whose time has come, in their order."""
    for _ in range(len(waiting)):
        if not engine.has_room():
            return
        name, earliest = waiting.popleft()
        if earliest > time.monotonic():
            waiting.append((name, earliest))
            continue
        engine.start(name, worker.finish_run, by_name[name])
        progress.begin(by_name[name])
