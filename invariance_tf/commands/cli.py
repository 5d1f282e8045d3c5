"""The command line."""

import math
import os
import signal
import sys
from typing import Literal

import jsonargparse

from invariance_tf.commands import terminal
from invariance_tf.settings import mistakes, shipped
from invariance_tf.settings.config import Experiment

_DESCRIPTION = """
Trains a network with an image transformation on only some of the categories,
and tests whether it recognises transformed images of the others.
"""


def main(arguments=None):
    """Runs a verb of `python -m invariance_tf`; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    verb, *rest = arguments or ["--help"]
    if verb in ("-h", "--help"):
        lines = (f"{name:11}{text}\n" for name, (_, text) in VERBS.items())
        sys.stdout.write(
            "usage: python -m invariance_tf VERB ...\n\n"
            f"{''.join(lines)}\n"
            "python -m invariance_tf VERB --help tells more.\n"
        )
        return 0
    if verb not in VERBS:
        return terminal.mistake(
            f"There is no such verb. Legal: {', '.join(VERBS)}. "
            f"Received: {verb}"
        )
    function, _ = VERBS[verb]
    return function(rest, program=f"python -m invariance_tf {verb}")


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
        "--config", action=shipped.ConfigFile, help=shipped.HELP
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
        return terminal.mistake(mistakes.reword(str(error)))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(experiment, overwrite)
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nInterrupted. The same command goes on from the last epoch.\n"
        )
        return 130


def analyze(arguments, program):
    """Measures the neurons of a finished run; returns the exit status."""
    parser = jsonargparse.ArgumentParser(
        prog=program,
        description="Measures the neurons of a finished run, without training.",
        exit_on_error=False,
    )
    parser.add_argument("run_dir", help="Directory of the run.")
    parser.add_argument(
        "--analysis",
        type=Literal["penultimate", "layers"],
        help="The penultimate layer, or all layers with ReLU; default: the "
        "run's own.",
    )
    parser.add_argument(
        "--tau",
        type=float | Literal["auto"],
        help="Threshold of activity, or auto; default: the run's own.",
    )
    parser.add_argument(
        "--ablate_layer",
        type=str | None,
        help="Inner layer to ablate too, such as conv5; null means none; "
        "default: the run's own.",
    )
    try:
        settings = parser.parse_args(arguments, defaults=False).as_dict()
        with terminal.quiet_start():
            from invariance_tf.runs.experiment import analyse_again
        terminal.start_logging()
        summary = analyse_again(**settings)
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        return terminal.mistake(mistakes.reword(str(error)))
    _show(summary, "The neurons are measured anew.")
    return 0


def calibrate(arguments, program):
    """Finds how strong a transformation is to be."""
    from invariance_tf.commands import calibrate as command

    return command.calibrate(arguments, program)


def prepare(arguments, program):
    """Makes a data set from what its authors give out."""
    from invariance_tf.commands import prepare as command

    return command.prepare(arguments, program)


def sweep(arguments, program):
    """Runs the experiments of a sweep file; returns the exit status."""
    from invariance_tf.commands import sweep as command

    return command.sweep(arguments)


def search(arguments, program):
    """Finds learning rate and weight decay by a grid."""
    from invariance_tf.commands import search as command

    return command.search(arguments, program)


def figures(arguments, program):
    """Draws the paper's figures from finished runs."""
    parser = _parser(program, "Draws the figures of the paper.")
    parser.add_argument(
        "--out", default="figures", help="Directory to write to."
    )
    parser.add_argument(
        "--figure",
        nargs="+",
        help="Numbers of figures, such as 2c 4a; default: all.",
    )
    parser.add_argument(
        "--format",
        nargs="+",
        type=Literal["png", "pdf", "svg"],
        default=["png"],
        help="Formats of the files.",
    )

    def draw(settings, runs):
        from invariance_tf.paper.figures import by_number

        missing = by_number.draw_figures(
            runs, settings.out, settings.figure, settings.format
        )
        for number, lacking in missing.items():
            for text in lacking:
                sys.stdout.write(f"Figure {number}: missing {text}\n")
        return settings.out

    return _with_runs(parser, arguments, draw)


def report(arguments, program):
    """Writes one page about finished runs."""
    parser = _parser(
        program, "Writes one HTML page: claims, figures, runs, provenance."
    )
    parser.add_argument(
        "--out", default="report.html", help="File to write to."
    )

    def write(settings, runs):
        from invariance_tf.paper.report import write_report

        write_report(runs, settings.out)
        return settings.out

    return _with_runs(parser, arguments, write)


def collect(arguments, program):
    """Writes the tables of finished runs to one directory."""
    parser = _parser(
        program,
        "Writes the tables of all runs, without models, to one directory, "
        "which figures and report read like the runs themselves.",
    )
    parser.add_argument(
        "--out", default="tables", help="Directory to write to."
    )

    def write(settings, runs):
        from invariance_tf import files
        from invariance_tf.paper import claims, studies, tables

        tables.save_runs(runs, settings.out)
        found, _ = studies.find_studies(runs)
        files.write_csv(
            os.path.join(settings.out, "claims.csv"),
            claims.to_table(claims.judge(found)),
        )
        return settings.out

    return _with_runs(parser, arguments, write)


def _parser(program, description):
    """Returns a parser for a verb that reads finished runs."""
    parser = jsonargparse.ArgumentParser(
        prog=program, description=description, exit_on_error=False
    )
    parser.add_argument(
        "runs_dir", help="Directory of runs, or of tables from collect."
    )
    return parser


def _with_runs(parser, arguments, work):
    """Loads runs, works on them and tells where the result is."""
    try:
        settings = parser.parse_args(arguments)
        with terminal.quiet_start():
            from invariance_tf.paper.tables import load_runs
        runs = load_runs(settings.runs_dir)
        if not len(runs.runs):
            raise ValueError(
                "There is no finished run below this directory. "
                f"Received: {settings.runs_dir}"
            )
        # Fig. 1b loads TensorFlow.
        with terminal.quiet_start():
            written = work(settings, runs)
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        return terminal.mistake(mistakes.reword(str(error)))
    sys.stdout.write(f"{len(runs.runs)} runs")
    if runs.unfinished:
        sys.stdout.write(f", {len(runs.unfinished)} unfinished")
    sys.stdout.write(f". Written: {written}\n")
    for path, reason in runs.refused.items():
        sys.stderr.write(f"warning: {path} was left out: {reason}\n")
    return 0


def _run(experiment, overwrite):
    """Runs a resolved experiment and shows its result."""
    # Not before the settings are known to be right: this loads TensorFlow.
    with terminal.quiet_start():
        from invariance_tf.runs.experiment import execute
        from invariance_tf.runs.preparation import prepare
    terminal.start_logging()
    try:
        prepared = prepare(experiment)
    except (ValueError, TypeError, OSError, ImportError) as error:
        return terminal.mistake(error)
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


VERBS = {
    "run": (run_experiment, "run one experiment, as run_experiment.py"),
    "analyze": (analyze, "measure the neurons of a finished run"),
    "prepare": (prepare, "download the faces of FaceScrub"),
    "sweep": (sweep, "run all experiments of a sweep file"),
    "calibrate": (calibrate, "find the strength of a transformation"),
    "search": (search, "find learning rate and weight decay"),
    "figures": (figures, "draw the paper's figures from finished runs"),
    "report": (report, "write one page about finished runs"),
    "collect": (collect, "gather the tables of finished runs"),
}
