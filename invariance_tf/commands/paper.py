"""What is made of finished runs: figures, a report, tables."""

import contextlib
import dataclasses
import os
from typing import Literal

from invariance_tf.commands import terminal
from invariance_tf.commands.parsing import Arguments
from invariance_tf.commands.places import check_place

_ADVICE = "Run the same command again."


@dataclasses.dataclass(frozen=True)
class Options:
    """What every command that reads finished runs takes.

    Args:
        runs_dir: Directory of runs, or of tables from collect.
        out: Directory or file to write to.
    """

    runs_dir: str
    out: str


@dataclasses.dataclass(frozen=True)
class FigureOptions(Options):
    """Draws the figures of the paper from finished runs.

    Args:
        figure: Numbers of figures, such as 2c 4a; none means all.
        format: Formats of the files: png, pdf or svg.
    """

    out: str = "figures"
    figure: list[str] = ()
    format: list[Literal["png", "pdf", "svg"]] = ("png",)


@dataclasses.dataclass(frozen=True)
class ReportOptions(Options):
    """Writes one HTML page: claims, figures, runs, provenance."""

    out: str = "report.html"


@dataclasses.dataclass(frozen=True)
class TableOptions(Options):
    """Writes the tables of all runs, without models, to one directory.

    The commands figures and report read it like the runs themselves.
    """

    out: str = "tables"


@terminal.command(_ADVICE)
def draw_figures(arguments, program):
    """Draws the paper's figures; returns the exit status."""
    with _finished_runs(FigureOptions, arguments, program) as (options, runs):
        from invariance_tf.paper.figures import by_number

        missing = by_number.draw_figures(
            runs, options.out, options.figure or None, options.format
        )
        for number, lacking in missing.items():
            for text in lacking:
                terminal.show_line(f"Figure {number}: missing {text}")


@terminal.command(_ADVICE)
def write_report(arguments, program):
    """Writes one page about finished runs; returns the exit status."""
    with _finished_runs(ReportOptions, arguments, program, is_file=True) as (
        options,
        runs,
    ):
        from invariance_tf.paper import report

        report.write_report(runs, options.out)


@terminal.command(_ADVICE)
def collect_tables(arguments, program):
    """Writes the tables of finished runs; returns the exit status."""
    with _finished_runs(TableOptions, arguments, program) as (options, runs):
        from invariance_tf import files
        from invariance_tf.paper import claims, studies, tables

        tables.save_runs(runs, options.out)
        found, _ = studies.find_studies(runs)
        files.write_csv(
            os.path.join(options.out, "claims.csv"),
            claims.to_table(claims.judge(found)),
        )


@contextlib.contextmanager
def _finished_runs(options, arguments, program, is_file=False):
    """Loads finished runs, and shows in the end what was made of them.

    Yields:
        Tuple of the options and `tables.Runs`.
    """
    parser = Arguments(options, program, positional="runs_dir")
    with terminal.mistakes():
        options, _ = parser.parse(arguments)
        check_place(options.out, "out", is_file)
        with terminal.quiet_start():
            from invariance_tf.paper.tables import load_runs
        runs = load_runs(options.runs_dir)
        if not len(runs.runs):
            raise ValueError(
                "This directory contains no finished run. "
                f"Received: {options.runs_dir}"
            )
        # Fig. 1b loads TensorFlow.
        with terminal.quiet_start():
            yield options, runs
    counts = f"{len(runs.runs)} runs"
    if runs.unfinished:
        counts += f", {len(runs.unfinished)} unfinished"
    terminal.show_line(f"{counts}. Written: {options.out}")
    for path, reason in runs.refused.items():
        terminal.show_problem(f"warning: {path} was left out: {reason}")
