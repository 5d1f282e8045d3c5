"""The command line of a sweep."""

import sys

import jsonargparse

from invariance_tf.commands import many_runs, terminal
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import shipped

_DESCRIPTION = """
Runs all experiments of a sweep file. What is done is left as it is, what was
interrupted goes on, and a run that fails does not stop the others.
"""

# Type, default and help of each.
_OPTIONS = {
    **many_runs.OPTIONS,
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
        experiments = plan.read_sweep(
            shipped.find_config(options.file, is_sweep=True),
            runs_dir=options.runs_dir,
            data_dir=options.data_dir,
        )
        _check_alike(experiments)
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        return terminal.mistake(error)

    def select(runs):
        return _only(runs, options.index)

    return many_runs.carry_out(options, experiments, select, _close)


def _make_parser():
    """Returns the parser of the command line."""
    parser = jsonargparse.ArgumentParser(
        prog="python -m invariance_tf sweep",
        description=_DESCRIPTION,
        exit_on_error=False,
    )
    parser.add_argument(
        "file",
        help="Sweep file, or the name of one that comes with the package, "
        "such as quick.",
    )
    many_runs.add_options(parser, _OPTIONS)
    return parser


def _check_alike(experiments):
    """Raises if some runs are to be deterministic and others are not.

    Runs share processes, and one that has become deterministic remains so.
    """
    values = {experiment.deterministic for experiment in experiments}
    if len(values) > 1:
        raise ValueError(
            "All runs of a sweep must have the same value of `deterministic`; "
            "make two sweep files. Received: deterministic=[False, True]"
        )


def _only(runs, index):
    """Returns the run with a number in the plan, or all of them."""
    if index is None:
        return runs
    if not 0 <= index < len(runs):
        raise ValueError(
            f"`index` counts the {len(runs)} runs of the plan, from 0 to "
            f"{len(runs) - 1}. Received: index={index}"
        )
    return [runs[index]]


def _close(runs, failed):
    """Says how a sweep ended; returns its exit status."""
    many_runs.tell(runs, failed)
    runs_dir = runs[0].experiment.runs_dir
    sys.stdout.write(
        f"Next: python -m invariance_tf figures {runs_dir}\n"
        f"      python -m invariance_tf report {runs_dir}\n"
    )
    return 1 if failed else 0
