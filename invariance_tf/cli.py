"""The command line."""

import contextlib
import difflib
import logging
import math
import os
import re
import signal
import sys
import tempfile
import types
import typing
from typing import Literal

import jsonargparse

from invariance_tf.config import Experiment

_DESCRIPTION = """
Trains a network with an image transformation on only some of the categories,
and tests whether it recognises transformed images of the others.
"""


def main(arguments=None):
    """Runs a verb of `python -m invariance_tf`; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    verb, *rest = arguments or ["--help"]
    if verb in ("-h", "--help"):
        sys.stdout.write(
            "usage: python -m invariance_tf VERB ...\n\n"
            "run      run one experiment, as run_experiment.py\n"
            "analyze  measure the neurons of a finished run\n\n"
            "python -m invariance_tf VERB --help tells more.\n"
        )
        return 0
    if verb == "run":
        return run_experiment(rest, program="python -m invariance_tf run")
    if verb == "analyze":
        return analyze(rest)
    return _mistake(
        f"There is no such verb. Legal: run, analyze. Received: {verb}"
    )


def run_experiment(arguments=None, program=None):
    """Runs one experiment from the command line.

    Args:
        arguments: List of strings; `None` means those of the program.
        program: Name of the program for its messages, or `None`.

    Returns:
        Exit status: 0 done, 1 failed, 2 a mistake in the settings or missing
        data, 130 interrupted.
    """
    parser = jsonargparse.ArgumentParser(
        prog=program, description=_DESCRIPTION, exit_on_error=False
    )
    parser.add_argument(
        "--config", action="config", help="YAML file with settings."
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="Start anew although the run is done or has begun.",
    )
    parser.add_class_arguments(Experiment)
    try:
        settings = parser.parse_args(arguments)
        settings.pop("config")
        overwrite = settings.pop("overwrite")
        experiment = Experiment(**settings.as_dict()).resolve()
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        return _mistake(_reword(str(error)))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(experiment, overwrite)
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nInterrupted. The same command goes on from the last epoch.\n"
        )
        return 130


def analyze(arguments):
    """Measures the neurons of a finished run; returns the exit status."""
    parser = jsonargparse.ArgumentParser(
        prog="python -m invariance_tf analyze",
        description="Measures the neurons of a finished run, without training.",
        exit_on_error=False,
    )
    parser.add_argument("run_dir", help="Directory of the run.")
    parser.add_argument(
        "--analysis",
        type=Literal["penultimate", "layers"],
        default="penultimate",
        help="The penultimate layer, or all layers with ReLU.",
    )
    parser.add_argument(
        "--tau",
        type=float | Literal["auto"] | None,
        help="Threshold of activity, or auto; null means the run's own.",
    )
    parser.add_argument(
        "--ablate_layer",
        type=str | None,
        help="Inner layer to ablate too, such as conv5; null means none.",
    )
    try:
        settings = parser.parse_args(arguments).as_dict()
        settings = {
            key: value for key, value in settings.items() if value is not None
        }
        with _quiet_start():
            from invariance_tf.experiment import analyse_again
        _start_logging()
        summary = analyse_again(**settings)
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        return _mistake(_reword(str(error)))
    _show(summary, "The neurons are measured anew.")
    return 0


def _run(experiment, overwrite):
    """Runs a resolved experiment and shows its result."""
    # Not before the settings are known to be right: this loads TensorFlow.
    with _quiet_start():
        from invariance_tf.experiment import execute
        from invariance_tf.preparation import prepare
    _start_logging()
    try:
        prepared = prepare(experiment)
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _mistake(error)
    try:
        summary = execute(prepared, overwrite)
    except (FloatingPointError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if summary["was_done"]:
        closing = "This run was done already; --overwrite makes it anew."
    else:
        seconds = sum(summary["seconds"].values())
        closing = f"Finished in {seconds:.0f} s after start-up."
    _show(summary, closing)
    return 0


def _start_logging():
    """Shows what the package logs."""
    from rich.logging import RichHandler

    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(show_path=False, show_time=False)],
    )


@contextlib.contextmanager
def _quiet_start():
    """Keeps TensorFlow's start-up chatter off the terminal.

    Its first lines ignore every log level, so the error stream itself is
    caught, and shown only if the start fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _reword(message):
    """Says in the user's terms what jsonargparse says in those of Python."""
    annotations = typing.get_type_hints(Experiment)
    unknown = re.search(
        r"unrecognized arguments: -*([\w.]+)|Option '(\S+)' is not", message
    )
    if unknown:
        name = unknown[1] or unknown[2]
        close = difflib.get_close_matches(name, annotations, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return (
            f"There is no such setting.{hint} --help lists them all. "
            f"Received: {name}"
        )
    illegal = re.search(r'Parser key "(\w+)"', message)
    received = re.search(r"(?:Given|Got) value: (.*)", message)
    if illegal and received and illegal[1] in annotations:
        name = illegal[1]
        legal = _describe(annotations[name])
        return f"`{name}` must be {legal}. Received: {name}={received[1]}"
    return message


def _describe(annotation):
    """Puts a type annotation into words."""
    parts = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(parts)
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in parts if part is not types.NoneType]
        return " or ".join(map(_describe, parts))
    words = {
        int: "a whole number",
        float: "a number",
        dict: "names with values",
    }
    return words.get(origin or annotation, "text")


def _mistake(error):
    """Says in one line what is wrong; returns the exit status for that."""
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
    return 2


def _number(value):
    """Shows a number, or that it does not exist."""
    exists = value is not None and math.isfinite(value)
    return f"{value:.3f}" if exists else "-"


def _show(summary, closing):
    """Shows the result of a run as a table, and a closing line."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"{summary['transform']} on {summary['dataset']}")
    table.add_column("test images")
    table.add_column("categories")
    table.add_column("accuracy", justify="right")
    num_categories, n_seen = summary["num_categories"], summary["n_seen"]
    for images, categories, name in (
        ("original", f"all {num_categories}", "clean_accuracy"),
        ("transformed", f"{n_seen} seen transformed", "within_accuracy"),
        (
            "transformed",
            f"{num_categories - n_seen} unseen transformed",
            "across_accuracy",
        ),
    ):
        table.add_row(images, categories, _number(summary[name]))
    console.print(table)
    if "invariance_all" in summary:
        means = (
            f"{group} {_number(summary[f'invariance_{group}'])}"
            for group in ("seen", "unseen", "all")
        )
        console.print(
            "Mean invariance of the penultimate layer, at tau "
            f"{summary['tau']:g}: {', '.join(means)}"
        )
    console.print(closing)
    console.print(f"Results: {summary['run_dir']}", soft_wrap=True)
