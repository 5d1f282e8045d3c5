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
        runs_dir: Directories of runs, or of tables from collect. If several
            have the same run, the first is used.
        out: Directory or file to write to.
    """

    runs_dir: list[str]
    out: str


@dataclasses.dataclass(frozen=True)
class FigureOptions(Options):
    """Draws the figures of the paper from finished runs.

    Args:
        figure: Numbers of figures, such as 2c 4a, and questions that the paper
            left open, such as capacity; none means all.
        format: Formats of the files: png, pdf or svg.
        width: Width of every figure, in inches, from 3.5 (a journal's column);
            by default 7.2 (a page), and 3.5 for 2b, 5b and 5c.
        complete: Draw all that the paper shows, with gaps, and list the runs
            that are missing, instead of drawing what there is.
    """

    out: str = "figures"
    figure: list[str] = ()
    format: list[Literal["png", "pdf", "svg"]] = ("png",)
    width: float | None = None
    complete: bool = False


@dataclasses.dataclass(frozen=True)
class ReportOptions(Options):
    """Writes one HTML page: claims, figures, runs, provenance."""

    out: str = "report.html"


@dataclasses.dataclass(frozen=True)
class TableOptions(Options):
    """Writes the tables of all runs, without models, to one directory.

    The commands figures and report read it like the runs themselves, and so
    does collect, to join tables with the runs of another machine in one study.
    Existing tables are replaced only if no run is lost.
    """

    out: str = "tables"


@terminal.command(_ADVICE)
def draw_figures(arguments, program):
    """Draws the paper's figures; returns the exit status."""
    with _finished_runs(FigureOptions, arguments, program) as (options, runs):
        from invariance_tf.paper.figures import by_number

        drawn, left_out = by_number.draw_figures(
            runs,
            options.out,
            options.figure or None,
            options.format,
            options.width,
            is_complete=options.complete,
        )
        by_text = _figures_by_text(drawn)
        if by_text:
            terminal.show_line("Missing:")
        for text, numbers in by_text.items():
            terminal.show_line(f"  {text} ({numbers})")
        questions = [name for name in left_out if name in by_number.QUESTIONS]
        numbers = [name for name in left_out if name not in questions]
        if numbers:
            terminal.show_line(
                "Not drawn, as these runs have nothing to show there: "
                f"{_name_figures(numbers)}. With --complete they are drawn "
                "with gaps that name what is missing."
            )
        if questions:
            terminal.show_line(
                "Open questions that these runs do not answer: "
                f"{', '.join(questions)}. Their sweeps: docs/questions.md."
            )
        counts = by_number.count_left_out(runs)
    # Not within: what is written to the error stream there is not shown.
    for reason, count in counts.items():
        terminal.show_problem(f"warning: runs in no figure: {count} ({reason})")


def _figures_by_text(missing):
    """Returns what is missing, once for all figures that miss it."""
    found = {}
    for number, texts in missing.items():
        for text in texts:
            found.setdefault(text, []).append(number)
    return {text: _name_figures(numbers) for text, numbers in found.items()}


def _name_figures(numbers):
    """Writes numbers of figures, such as "Figs. 2c, 9"."""
    return f"Fig{'s' if len(numbers) > 1 else ''}. {', '.join(numbers)}"


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

        tables.check_target(runs, options.out)
        tables.save_runs(runs, options.out)
        # Of what is published, which has fewer digits: whoever judges it again
        # gets the same.
        found, _ = studies.find_studies(tables.load_runs(options.out))
        files.write_csv(
            os.path.join(options.out, "claims.csv"),
            claims.to_table(claims.judge(found)),
        )


@contextlib.contextmanager
def _finished_runs(options, arguments, program, is_file=False):
    """Loads finished runs, and shows in the end what was made of them.

    Within, nothing that is written to the error stream is shown.

    Yields:
        Tuple of the options and `tables.Runs`.
    """
    parser = Arguments(options, program, positional="runs_dir")
    with terminal.mistakes():
        options, _ = parser.parse(arguments)
        check_place(options.out, "out", is_file)
        with terminal.quiet_start():
            from invariance_tf.paper.tables import load_runs
        runs = load_runs(*options.runs_dir)
        if not len(runs.runs):
            _show_refused(runs)
            raise ValueError(
                "This directory contains no finished run. "
                f"Received: {' '.join(options.runs_dir)}"
            )
        # Fig. 1b loads TensorFlow.
        with terminal.quiet_start(is_import=False):
            yield options, runs
    counts = f"{len(runs.runs)} runs"
    if runs.unfinished:
        counts += f", {len(runs.unfinished)} unfinished"
    terminal.show_line(f"{counts}. Written: {options.out}")
    _show_refused(runs)


def _show_refused(runs):
    """Shows which runs are damaged, and what to do about them."""
    for path, reason in runs.refused.items():
        terminal.show_problem(f"warning: {path} was left out: {reason}")
