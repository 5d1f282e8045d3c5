"""The paper's figures by their numbers."""

import collections
import os

from matplotlib.figure import Figure

from invariance_tf import drawing
from invariance_tf.drawing import layout, style
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.figures.missing import (
    find_missing,
    has_data,
    sweep_command,
)
from invariance_tf.paper.figures.parts import choose_frame
from invariance_tf.paper.questions.catalogue import (
    QUESTIONS,
    draw_question,
)
from invariance_tf.paper.selection import count_at_chance
from invariance_tf.paper.studies import find_studies, title_of

# Of a PNG, which is for screens; print takes a PDF.
DOTS_PER_INCH = 200
_WIDEST = 20.0


def draw_figure(number, studies, width=None, *, is_complete=False):
    """Draws a figure of the paper.

    Args:
        number: String, one of the keys of `FIGURES`, such as `"2c"`.
        studies: Dictionary of `studies.find_studies`.
        width: Float, in inches, of at least `style.COLUMN`; `None` means the
            figure's own, a journal's page or column. Letters keep their size.
        is_complete: Boolean, whether to draw all that the paper shows, with
            gaps that say which runs are missing, instead of what there is.

    Returns:
        A matplotlib `Figure`. It is in the package's style if it is saved
        by `drawing.save`, or within `style.context()`.

    Raises:
        ValueError: If the figure is unknown or the width too small.
    """
    entry = _find_entry(number)
    width = _check_width(entry.width if width is None else width)
    frame = choose_frame(studies, is_complete=is_complete)
    title = f"Fig. {number}  {entry.title}"
    if len(entry.roles) == 1 or len(frame.keys() & {*entry.roles}) == 1:
        (role,) = frame.keys() & {*entry.roles} or entry.roles
        title += f"\n{title_of(studies, role)}"
    num_at_chance = sum(
        count_at_chance(studies[role])
        for role in entry.roles
        if role in studies
    )
    if num_at_chance:
        title += f"\nnetworks at chance on original images: {num_at_chance}"
    with style.context():
        # Whatever fills the figure says how high it has to be.
        figure = Figure(figsize=(width, width))
        height = entry.fill(figure, studies, frame)
        if figure.findobj(lambda artist: artist.get_gid() == "at chance"):
            title += " (×)"
        height += layout.write_title(figure, title)
        figure.set_size_inches(width, height)
    return figure


def _check_width(width):
    """Returns a width of a figure if it can be drawn."""
    if not style.COLUMN <= width <= _WIDEST:
        raise ValueError(
            "The width of a figure is in inches: a journal's column has "
            f"{style.COLUMN}, its page {style.PAGE}; at most {_WIDEST}. "
            f"Received: width={width}"
        )
    return width


def missing_runs(number, studies, *, is_complete=False):
    """Lists the runs that a figure lacks, and the sweep that makes them.

    Args:
        number: String, one of the keys of `FIGURES`.
        studies: Dictionary of `studies.find_studies`.
        is_complete: Boolean, whether transformations and studies of the paper
            that have no run at all are missing, too.

    Returns:
        List of strings, such as "faces: highpass at n_seen 12".

    Raises:
        ValueError: If the figure is unknown.
    """
    frame = choose_frame(studies, is_complete=is_complete)
    return find_missing(_find_entry(number).needs, studies, frame)


def draw_figures(
    runs,
    out_dir,
    numbers=None,
    formats=("png",),
    width=None,
    *,
    is_complete=False,
):
    """Draws figures into files such as `fig2c.png` and `capacity.png`.

    A figure for which there are no measurements at all is not drawn.

    Args:
        runs: A `tables.Runs`.
        out_dir: Directory to write to; it is created if it is missing.
        numbers: List of keys of `FIGURES`, and of `QUESTIONS` that the paper
            left open; `None` means all.
        formats: Sequence of `"png"`, `"pdf"` and `"svg"`.
        width: As for `draw_figure`.
        is_complete: As for `draw_figure`; every figure of the paper is drawn.

    Returns:
        Dictionary from the numbers of the figures that were drawn to the list
        of what is missing, and a dictionary of those that were not.

    Raises:
        ValueError: If a figure or a format is unknown, or the width too small.
    """
    numbers = [*FIGURES, *QUESTIONS] if numbers is None else [*numbers]
    for number in numbers:
        if number not in QUESTIONS:
            _find_entry(number)
    for name in formats:
        if name not in ("png", "pdf", "svg"):
            raise ValueError(
                "Unknown format. Formats: png, pdf, svg. "
                f"Received: format={name}"
            )
    if width is not None:
        _check_width(width)
    os.makedirs(out_dir, exist_ok=True)
    studies, _ = find_studies(runs)
    frame = choose_frame(studies, is_complete=is_complete)
    drawn, left_out = {}, {}
    for number in numbers:
        if number in QUESTIONS:
            entry = QUESTIONS[number]
            if not len(entry.select(runs)):
                left_out[number] = [f"made by {sweep_command(entry.sweep)}"]
                continue
            drawn[number] = []
            figure = draw_question(number, runs, width or style.PAGE)
            _save(figure, os.path.join(out_dir, number), formats)
            continue
        needs = _find_entry(number).needs
        missing = find_missing(needs, studies, frame)
        if not is_complete and not has_data(needs, studies, frame):
            left_out[number] = missing
            continue
        drawn[number] = missing
        figure = draw_figure(number, studies, width, is_complete=is_complete)
        _save(figure, os.path.join(out_dir, f"fig{number}"), formats)
    return drawn, left_out


def _save(figure, path, formats):
    """Saves a figure in several formats."""
    for name in formats:
        drawing.save(figure, f"{path}.{name}", dpi=DOTS_PER_INCH)


def count_left_out(runs):
    """Counts the runs that are in no figure.

    Args:
        runs: A `tables.Runs`.

    Returns:
        Dictionary from the reason, such as "another study", to a number.
    """
    return collections.Counter(find_left_out(runs).values())


def find_left_out(runs):
    """Finds the runs that are in no figure.

    Args:
        runs: A `tables.Runs`.

    Returns:
        Dictionary from the names of runs to the reason.
    """
    studies, reasons = find_studies(runs)
    shown = {run for study in studies.values() for run in study.runs.run}
    shown |= {run for one in QUESTIONS.values() for run in one.select(runs).run}
    table = runs.runs[~runs.runs.run.isin(shown)]
    return {
        run: reasons.get(run, f"network {network}")
        for run, network in zip(table.run, table.network, strict=True)
    }


def _find_entry(number):
    """Returns the entry of a figure."""
    if number not in FIGURES:
        raise ValueError(
            f"Unknown figure. Figures: {', '.join([*FIGURES, *QUESTIONS])}. "
            f"Received: figure={number}"
        )
    return FIGURES[number]
