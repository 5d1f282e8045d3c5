"""How the panels of a figure are arranged, and what is written around them.

A figure's width is given, and whatever fills it, or a part of it, returns the
height that it needs, in inches.
"""

import math
import textwrap

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from invariance_tf.drawing import style
from invariance_tf.measures.intervals import bootstrap

# Inches that a letter of a point is wide, on average.
_LETTER = 0.0073
# Inches from line to line.
_LEGEND_LINE, _NOTE_LINE = 0.13, 0.1


def width_of(part):
    """Returns the width of a figure or of its part, in inches."""
    return part.bbox.width / part.dpi


def stack(part, fills):
    """Fills bands of a figure below each other, each as high as it asks.

    Args:
        part: Matplotlib `Figure` or `SubFigure`.
        fills: List of functions that fill a part and return its height, in
            inches.

    Returns:
        The height of all, in inches.
    """
    if len(fills) == 1:
        return fills[0](part)
    grid = part.add_gridspec(len(fills), 1)
    heights = [
        fill(part.add_subfigure(cell))
        for fill, cell in zip(fills, grid, strict=True)
    ]
    grid.set_height_ratios(heights)
    return sum(heights)


def beside(part, fills, smallest):
    """Fills parts of a figure beside each other, or below if it is narrow.

    Args:
        part: Matplotlib `Figure` or `SubFigure`.
        fills: List of functions as those of `stack`.
        smallest: Float, the least width of a part, in inches.

    Returns:
        The height of all, in inches.
    """
    if width_of(part) < smallest * len(fills):
        return stack(part, fills)
    columns = part.subfigures(1, len(fills), squeeze=False)[0]
    return max(
        fill(column) for fill, column in zip(fills, columns, strict=True)
    )


def split(part, items, smallest):
    """Splits items into rows of as equal a length as there is room for.

    Args:
        part: Matplotlib `Figure` or `SubFigure`.
        items: List.
        smallest: Float, the least width of an item, in inches.

    Returns:
        List of lists.
    """
    most = max(1, int(width_of(part) / smallest))
    length = math.ceil(len(items) / math.ceil(len(items) / most))
    return [
        items[start : start + length] for start in range(0, len(items), length)
    ]


def num_columns(part, num_panels, widest=5):
    """Returns how many columns panels take, so that one is not too wide.

    Args:
        part: Matplotlib `Figure` or `SubFigure`.
        num_panels: Integer, of a row.
        widest: Float, the width of a panel from which on a column stays empty
            beside it, in inches.
    """
    return max(num_panels, 2 if width_of(part) > widest else 1)


def panel_height(part, num_columns, share=0.75, limits=(1.1, 1.7)):
    """Returns the height of panels beside each other, in inches.

    Args:
        part: Matplotlib `Figure` or `SubFigure`.
        num_columns: Integer.
        share: Float, height over width.
        limits: Pair of floats, the least and the largest height.
    """
    return float(np.clip(share * width_of(part) / num_columns, *limits))


def legend_height(num_lines):
    """Returns the height of a legend of so many lines, in inches."""
    return _LEGEND_LINE * num_lines + 0.06


def make_panels(figure, num_rows, num_columns, num_lines, height=1.2):
    """Makes panels with room for legends below them.

    Args:
        figure: Matplotlib `Figure` or `SubFigure`.
        num_rows: Integer, rows of panels.
        num_columns: Integer.
        num_lines: Integer, the most lines that a legend has.
        height: Float, or list of one for each row: of panels, in inches.

    Returns:
        Array of matplotlib `Axes` of shape `(num_rows + 1, num_columns)`; the
        last row is for legends, drawn by `draw_legend`.
    """
    heights = np.broadcast_to(height, num_rows)
    panels = figure.subplots(
        num_rows + 1,
        num_columns,
        squeeze=False,
        height_ratios=[*heights, legend_height(num_lines)],
    )
    for axes in panels[-1]:
        axes.set_axis_off()
    return panels


def leave_empty(panels):
    """Makes panels invisible in which nothing is drawn."""
    for axes in panels.flat:
        axes.set_axis_off()


def label_outer(panels):
    """Leaves labels at the left and at the bottom of rows of panels only."""
    for axes in panels[:-1].flat:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    for axes in panels[:, 1:].flat:
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)


def draw_legend(place, handles, num_columns=1, **options):
    """Lists lines or patches in an empty panel of `make_panels`.

    Args:
        place: Matplotlib `Axes`.
        handles: List of lines and patches.
        num_columns: Integer.
        **options: Of matplotlib's `legend`.
    """
    place.legend(
        handles=handles,
        loc="upper center",
        ncols=num_columns,
        borderaxespad=0,
        **options,
    )


def legend_band(handles, num_columns, title=None):
    """Makes a function that fills a band of `stack` with a legend.

    Args:
        handles: List of lines and patches.
        num_columns: Integer, fewer if labels are too long for so many.
        title: String or `None`.
    """

    def fill(band):
        axes = band.subplots()
        axes.set_axis_off()
        ncols = min(num_columns, len(handles))
        while ncols > 1 and _legend_width(handles, ncols) > width_of(band):
            ncols -= 1
        axes.legend(handles=handles, loc="center", ncols=ncols, title=title)
        num_lines = math.ceil(len(handles) / ncols)
        return legend_height(num_lines + (title is not None))

    return fill


def fits_one_line(part, handles):
    """Returns whether a part is wide enough for a legend of one line."""
    return _legend_width(handles, len(handles)) <= width_of(part)


def _legend_width(handles, num_columns):
    """Returns the width of a legend, in inches."""
    size = style.SETTINGS["legend.fontsize"]
    beside = style.SETTINGS["legend.handlelength"]
    beside += style.SETTINGS["legend.handletextpad"]
    between = style.SETTINGS["legend.columnspacing"]
    widths = [_text_width(one.get_label(), size) for one in handles]
    columns = np.array_split(widths, num_columns)
    # In sizes of its letters: what is beside labels, and at both ends.
    spaces = num_columns * beside + (num_columns - 1) * between + 0.8
    return sum(map(max, columns)) + spaces * size / 72


def draw_gap(axes, text):
    """Writes into a panel why it is missing.

    Args:
        axes: Matplotlib `Axes`, emptied except for its title.
        text: String, such as "no runs of ImageNet".
    """
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes.set_facecolor("#F7F7F7")
    for spine in axes.spines.values():
        spine.set(visible=True, linestyle=(0, (3, 3)), color="#AAAAAA")
    inches = axes.bbox.width / axes.figure.dpi
    most = max(10, int(inches / (1.1 * _LETTER * 7)))
    axes.text(
        0.5,
        0.5,
        "\n".join(textwrap.fill(line, most) for line in text.split("\n")),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=style.GREY,
        gid="gap",
    )


def write_title(figure, text):
    """Writes a title above a figure.

    Args:
        figure: Matplotlib `Figure`.
        text: String; its lines are broken where they are too long.

    Returns:
        The height of the title, in inches.
    """
    size = style.SETTINGS["figure.titlesize"]
    # Bold letters are wider.
    most = int(width_of(figure) / (1.12 * _LETTER * size))
    lines = [
        line for part in text.split("\n") for line in textwrap.wrap(part, most)
    ]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontweight="bold")
    return 1.2 * size / 72 * len(lines) + 0.08


def write_panel_title(
    axes, text, size=style.SETTINGS["axes.titlesize"], weight="normal"
):
    """Writes a title above a panel, in lines that are not wider.

    Args:
        axes: Matplotlib `Axes`, of a row of equally wide ones.
        text: String.
        size: Float, of the letters, in points.
        weight: String, of the letters, such as bold.
    """
    # The rest is for the labels of y axes.
    width = 0.85 * width_of(axes.figure) / axes.get_gridspec().ncols
    lines = _wrap(text, width, size, weight)
    axes.set_title("\n".join(lines), size=size, fontweight=weight)


def write_note(figure, text):
    """Writes below a figure what its marks mean, in small print.

    Returns:
        The height of the note, in inches.
    """
    # Small letters of a picture are up to 4 % wider than their outlines.
    lines = _wrap(text, 0.94 * width_of(figure), style.NOTE)
    figure.supxlabel(
        "\n".join(lines),
        x=0.01,
        ha="left",
        fontsize=style.NOTE,
        color=style.GREY,
    )
    return _NOTE_LINE * len(lines) + 0.06


def _wrap(text, width, size, weight="normal"):
    """Breaks text into lines by the true widths of its letters.

    Args:
        text: String.
        width: Float, of a line, in inches.
        size: Float, of the letters, in points.
        weight: String, of the letters.
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and _text_width(longer, size, weight) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _text_width(text, size, weight="normal"):
    """Returns the width of a line of letters of so many points, in inches."""
    font = FontProperties(
        family=style.SETTINGS["font.family"], size=size, weight=weight
    )
    points, _, _ = text_to_path.get_text_width_height_descent(
        text, font, ismath=False
    )
    return points / 72


def write_cell(axes, row, column, percents, *, with_interval=True):
    """Writes the mean over seeds into a table, and small below its interval.

    Args:
        axes: Matplotlib `Axes`.
        row: Integer, the place on the y axis.
        column: Integer, the place on the x axis.
        percents: Array of the values of seeds, from 0 to 100; may be empty.
        with_interval: Boolean, whether there is room for the interval.
    """
    place = {"ha": "center", "va": "center"}
    if not len(percents):
        axes.text(column, row, "–", color=style.GREY, **place)
        return
    mean = np.mean(percents)
    place["color"] = "white" if mean > 60 else "black"
    low, high = bootstrap(percents) if with_interval else (np.nan, np.nan)
    above = 0 if np.isnan(low) else 0.16
    size = 6.5 if with_interval else 5.5
    axes.text(column, row - above, f"{mean:.0f}", size=size, **place)
    if above:
        text = f"{low:.0f}–{high:.0f}"
        axes.text(column, row + 0.28, text, size=style.TINY, **place)


def name_columns(axes, labels):
    """Writes slanted names along the x axis, at positions 0, 1, 2 and so on."""
    axes.set_xticks(
        range(len(labels)),
        labels,
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.tick_params(axis="x", length=0)


def mark_families(axes, transforms):
    """Separates and names families along the x axis.

    Args:
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations, families together, at
            positions 0, 1, 2 and so on.
    """
    first = 0
    for family, names in style.by_family(transforms).items():
        if first:
            axes.axvline(first - 0.5, color="#BBBBBB", linewidth=0.6)
        axes.text(
            first + (len(names) - 1) / 2,
            1.02,
            family,
            transform=axes.get_xaxis_transform(),
            ha="center",
            color=style.GREY,
            fontsize=style.NOTE,
        )
        first += len(names)
