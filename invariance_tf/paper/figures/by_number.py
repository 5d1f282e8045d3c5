"""The paper's figures by their numbers."""

import os

from matplotlib.figure import Figure

from invariance_tf import drawing
from invariance_tf.drawing import style
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.figures.missing import find_missing
from invariance_tf.paper.figures.parts import relative_heights
from invariance_tf.paper.selection import count_at_chance
from invariance_tf.paper.studies import find_studies, title_of


def draw_figure(number, studies):
    """Draws a figure of the paper.

    Where runs are missing, the figure has a gap that says so.

    Args:
        number: String, one of the keys of `FIGURES`, such as `"2c"`.
        studies: Dictionary of `studies.find_studies`.

    Returns:
        A matplotlib `Figure`. It is in the package's style if it is saved
        by `drawing.save`, or within `style.context()`.

    Raises:
        ValueError: If the figure is unknown.
    """
    entry = _find_entry(number)
    title = f"Fig. {number}  {entry.title}"
    if len(entry.roles) == 1:
        (role,) = entry.roles
        title += f"\n{title_of(studies, role)}"
    num_at_chance = sum(
        count_at_chance(studies[role])
        for role in entry.roles
        if role in studies
    )
    if num_at_chance:
        title += f"\nnetworks at chance on original images: {num_at_chance}"
    with style.context():
        figure = Figure(figsize=_size(entry, studies))
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
        entry.fill(figure, studies)
    return figure


def _size(entry, studies):
    """Returns the width and height of a figure, lower if studies are gaps."""
    width, height = entry.size
    shares = relative_heights(studies, entry.roles)
    if shares:
        average = sum(shares) / len(shares)
        height *= average if entry.is_stacked else max(shares)
    return width, max(height, 2)


def missing_runs(number, studies):
    """Lists the runs that a figure lacks, and the sweep that makes them.

    Args:
        number: String, one of the keys of `FIGURES`.
        studies: Dictionary of `studies.find_studies`.

    Returns:
        List of strings, such as "faces: highpass at n_seen 12".

    Raises:
        ValueError: If the figure is unknown.
    """
    return find_missing(_find_entry(number).needs, studies)


def draw_figures(runs, out_dir, numbers=None, formats=("png",)):
    """Draws figures into files such as `fig2c.png`.

    Args:
        runs: A `tables.Runs`.
        out_dir: Directory to write to; it is created if it is missing.
        numbers: List of keys of `FIGURES`; `None` means all.
        formats: Sequence of `"png"`, `"pdf"` and `"svg"`.

    Returns:
        Dictionary from each number to the list of what is missing.

    Raises:
        ValueError: If a figure or a format is unknown.
    """
    numbers = list(FIGURES if numbers is None else numbers)
    for number in numbers:
        _find_entry(number)
    for name in formats:
        if name not in ("png", "pdf", "svg"):
            raise ValueError(
                "Unknown format. Formats: png, pdf, svg. "
                f"Received: format={name}"
            )
    os.makedirs(out_dir, exist_ok=True)
    studies, _ = find_studies(runs)
    for number in numbers:
        figure = draw_figure(number, studies)
        for name in formats:
            path = os.path.join(out_dir, f"fig{number}.{name}")
            drawing.save(figure, path, dpi=150)
    return {number: missing_runs(number, studies) for number in numbers}


def _find_entry(number):
    """Returns the entry of a figure."""
    if number not in FIGURES:
        raise ValueError(
            f"Unknown figure. Figures: {', '.join(FIGURES)}. "
            f"Received: figure={number}"
        )
    return FIGURES[number]
