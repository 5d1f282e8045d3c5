"""The code that runs in the processes of an engine."""

import contextlib
import dataclasses
import logging
import os
import sys
import time
import traceback
from typing import Any

from invariance_tf import files, run_files
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import mistakes

# In the directory of a failed run, and in the directory of runs.
FAILURE = "failure.json"
LOG = "sweep.log"

# A process is replaced after this many runs: TensorFlow never frees the graphs
# of training steps that Keras has traced, some 5 MB each
# (https://github.com/keras-team/tf-keras/issues/286).
RUNS_PER_PROCESS = 20

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Holds the result of a piece of work.

    Attributes:
        status: "done", "failed" by an error, "held" by another process that
            has locked the run, or "died" with its process.
        value: What the work returned, if done.
        error: Name of the error's type, if it failed or is held.
        message: Message of the error, on one line.
        traceback: Traceback of the error.
        is_mistake: Whether the user can correct the error.
        seconds: Float, how long the work took.
    """

    status: str
    value: Any = None
    error: str = ""
    message: str = ""
    traceback: str = ""
    is_mistake: bool = False
    seconds: float = 0.0


def environment(num_threads):
    """Returns environment variables to set before Keras is imported.

    Args:
        num_threads: Integer, threads of each process.
    """
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Or the first process takes all memory of a shared GPU.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "OMP_NUM_THREADS": str(num_threads),
        "TF_NUM_INTRAOP_THREADS": str(num_threads),
        "TF_NUM_INTEROP_THREADS": str(num_threads),
    }


def set_up_process(command):
    """Sets up logging in a process of an engine.

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
    """Redirects the output of this process and its libraries to a file."""
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
            is_mistake=isinstance(
                error, (ValueError, TypeError, OSError, ImportError)
            ),
        )
    return dataclasses.replace(outcome, seconds=time.perf_counter() - start)


def survey_runs(experiments):
    """Checks experiments against their data, and finds finished runs.

    Args:
        experiments: List of resolved experiments.

    Returns:
        List of `plan.Run`, and whether there is a GPU.

    Raises:
        ValueError: If a setting is illegal.
        FileNotFoundError: If the data are missing.
    """
    from invariance_tf.paradigm import model
    from invariance_tf.runs import images, preparation

    resolved, identities = {}, {}
    # One data set after the other: memory has room for few.
    for each in sorted(experiments, key=_describe_images):
        experiment, dataset, parts = preparation.check(each)
        resolved[each.name()] = experiment
        identities[experiment.name()] = images.identify_images(dataset, parts)
    # Again: "all" and the number of categories are the same run.
    distinct = plan.drop_repeats(resolved[each.name()] for each in experiments)
    runs = [_find_run(each, identities[each.name()]) for each in distinct]
    return runs, model.has_gpu()


def _describe_images(experiment):
    """Returns text that is equal for experiments on the same images."""
    return repr((experiment.dataset, experiment.dataset_options()))


def _find_run(experiment, identity):
    """Returns the `plan.Run` of an experiment on images of an identity."""
    from invariance_tf.runs import images
    from invariance_tf.runs.finished import is_analysed

    run = plan.Run(experiment, fingerprint=identity["fingerprint"])
    try:
        finished = run_files.find_finished(run.run_dir)
        if finished is None:
            return run
        finished.check(only_sizes=True)
        with finished.reading("provenance.json") as path:
            record = files.read_json(path)["data"]
            has_same_images = images.are_same(record, identity)
        is_done = has_same_images and is_analysed(finished, experiment)
    except files.DamagedFileError:
        # To be raised again, and reported, when it is the run's turn.
        return run
    return dataclasses.replace(run, is_done=is_done, seconds=finished.seconds)


def finish_run(run):
    """Does or resumes a run; records an error in its directory.

    Args:
        run: A `plan.Run`.

    Returns:
        Dictionary, the run's summary.
    """
    from invariance_tf.runs import experiment

    with files.locked(run.run_dir):
        pass  # Raises at once if it is locked, before a model is built.
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
    """Writes the error of a run to its directory."""
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
