"""What the processes of a sweep do, whichever engine started them."""

import contextlib
import dataclasses
import logging
import os
import sys
import time
import traceback
from typing import Any

from invariance_tf.runs.sweep import plan
from invariance_tf.settings import mistakes

# In the directory of a run that failed, and in that of all runs.
FAILURE = "failure.json"
LOG = "sweep.log"

# After so many runs a process is replaced: Keras registers a gradient with each
# training step that it traces, and TensorFlow never lets go of its graph, some
# 5 MB (https://github.com/keras-team/tf-keras/issues/286).
RUNS_PER_PROCESS = 20

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Holds how a piece of work ended.

    Attributes:
        status: "done"; "failed" by an error; "held" by another process that
            has the run; "died" with its process.
        value: What was computed, if done.
        error: Name of the error's type, otherwise.
        message: One line about the error.
        traceback: Where it came from.
        seconds: Float, time from the work's beginning to its end.
    """

    status: str
    value: Any = None
    error: str = ""
    message: str = ""
    traceback: str = ""
    seconds: float = 0.0


def environment(num_threads):
    """Returns the environment variables of the processes of a sweep.

    They must be set before a process loads TensorFlow.

    Args:
        num_threads: Integer, threads of each process.
    """
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Several processes share a GPU only if none takes all its memory.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **dict.fromkeys(
            (
                "OMP_NUM_THREADS",
                "TF_NUM_INTRAOP_THREADS",
                "TF_NUM_INTEROP_THREADS",
            ),
            str(num_threads),
        ),
    }


def start(command):
    """Prepares a process of a sweep.

    Args:
        command: List of strings, the command for the runs' provenance.
    """
    sys.argv = command
    sys.stdout.reconfigure(line_buffering=True)
    _write_to(os.devnull)
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {os.getpid()} %(message)s",
        force=True,
    )


def _write_to(path):
    """Appends to a file what this process and its libraries say."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)


def attempt(function, *arguments):
    """Calls a function; returns an `Outcome` whatever happens."""
    start = time.perf_counter()
    try:
        outcome = Outcome("done", function(*arguments))
    except Exception as error:
        is_held = isinstance(error, BlockingIOError)
        outcome = Outcome(
            "held" if is_held else "failed",
            error=type(error).__name__,
            message=mistakes.one_line(error),
            traceback=traceback.format_exc(),
        )
    return dataclasses.replace(outcome, seconds=time.perf_counter() - start)


def survey(experiments):
    """Checks experiments against their data, and finds which are done.

    Args:
        experiments: List of resolved experiments.

    Returns:
        Tuple of a list of `plan.Run` and whether there is a GPU.

    Raises:
        ValueError: If a setting is illegal.
        FileNotFoundError: If the data are not there.
    """
    import keras

    from invariance_tf.runs import preparation

    checked = [preparation.check(experiment) for experiment in experiments]
    fingerprints = {
        experiment.name(): dataset.fingerprint
        for experiment, dataset, _ in checked
    }
    # Two are the same only now if one said "all" and one the number.
    runs = [
        _look_at(experiment, fingerprints[experiment.name()])
        for experiment in plan.once(experiment for experiment, *_ in checked)
    ]
    return runs, bool(keras.distribution.list_devices("gpu"))


def _look_at(experiment, fingerprint):
    """Returns an experiment as a `plan.Run`."""
    from invariance_tf import files
    from invariance_tf.runs.experiment import is_analysed

    run = plan.Run(experiment)
    summary, origin = (
        files.read_json(os.path.join(run.run_dir, name))
        for name in ("summary.json", "provenance.json")
    )
    if summary is None:
        return run
    return plan.Run(
        experiment,
        is_done=origin["data"]["fingerprint"] == fingerprint
        and is_analysed(run.run_dir, experiment),
        seconds=sum(summary["seconds"].values()),
    )


def carry_out(run):
    """Does a run; an error is recorded in its directory and raised.

    Args:
        run: A `plan.Run`.

    Returns:
        Dictionary, the run's summary.
    """
    from invariance_tf import files
    from invariance_tf.runs import experiment

    with files.locked(run.run_dir):
        # Free now: else a model would be built in vain.
        pass
    _write_to(os.path.join(run.experiment.runs_dir, LOG))
    _logger.info("Begins: %s", run.name)
    failure_path = os.path.join(run.run_dir, FAILURE)
    try:
        summary = experiment.run(run.experiment)
    except BlockingIOError:
        raise
    except Exception as error:
        _logger.exception("Failed: %s", run.name)
        record_failure(run, error)
        raise
    with contextlib.suppress(FileNotFoundError):
        os.remove(failure_path)
    _logger.info("Done: %s", run.name)
    return summary


def record_failure(run, error):
    """Writes the error of a run into its directory."""
    from invariance_tf import files

    os.makedirs(run.run_dir, exist_ok=True)
    files.write_json(
        os.path.join(run.run_dir, FAILURE),
        {
            "error": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        },
    )
