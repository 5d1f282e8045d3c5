"""How the panels of a figure are arranged, and what is written around them."""

import textwrap

import numpy as np

from invariance_tf.drawing import style
from invariance_tf.measures.intervals import bootstrap


def make_panels(figure, num_rows, num_columns, num_lines):
    """Makes panels with room for legends below them.

    Args:
        figure: Matplotlib `Figure` or `SubFigure`.
        num_rows: Integer, rows of panels.
        num_columns: Integer.
        num_lines: Integer, the most lines that a legend has.

    Returns:
        Array of matplotlib `Axes` of shape `(num_rows + 1, num_columns)`; the
        last row is for legends, drawn by `draw_legend`.
    """
    inches = figure.bbox.height / figure.dpi
    room = 0.17 * num_lines + 0.1
    panel = max(room, (inches - room) / num_rows)
    panels = figure.subplots(
        num_rows + 1,
        num_columns,
        squeeze=False,
        height_ratios=[panel] * num_rows + [room],
    )
    for axes in panels[-1]:
        axes.set_axis_off()
    return panels


def label_outer(panels):
    """Leaves labels at the left and at the bottom of rows of panels only."""
    for axes in panels[:-1].flat:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    for axes in panels[:, 1:].flat:
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)


def draw_legend(place, handles, num_columns=1):
    """Lists lines or patches in an empty panel of `make_panels`."""
    place.legend(
        handles=handles,
        loc="upper center",
        ncols=num_columns,
        borderaxespad=0,
    )


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
    axes.text(
        0.5,
        0.5,
        "\n".join(textwrap.fill(line, 40) for line in text.split("\n")),
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=style.GREY,
        fontsize=8,
        gid="gap",
    )


def write_note(figure, text):
    """Writes below a figure what its marks mean, in small print."""
    # Letters of this size are 1/17 inch wide on average.
    width = int(17 * figure.bbox.width / figure.dpi)
    figure.supxlabel(
        textwrap.fill(text, width),
        x=0.01,
        ha="left",
        fontsize=7,
        color=style.GREY,
    )


def write_cell(axes, row, column, percents, size=8):
    """Writes the mean over seeds into a table, and small below its interval.

    Args:
        axes: Matplotlib `Axes`.
        row: Integer, the place on the y axis.
        column: Integer, the place on the x axis.
        percents: Array of the values of seeds, from 0 to 100; may be empty.
        size: Float, of the letters.
    """
    place = {"ha": "center", "va": "center"}
    if not len(percents):
        axes.text(column, row, "–", color=style.GREY, **place)
        return
    mean = np.mean(percents)
    place["color"] = "white" if mean > 60 else "black"
    low, high = bootstrap(percents)
    above = 0 if np.isnan(low) else 0.13
    axes.text(column, row - above, f"{mean:.0f}", size=size, **place)
    if above:
        axes.text(column, row + 0.28, f"{low:.0f}–{high:.0f}", size=5, **place)


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
    families = [style.family_of(name) for name in transforms]
    for family in dict.fromkeys(families):
        first = families.index(family)
        if first:
            axes.axvline(first - 0.5, color="#BBBBBB", linewidth=0.7)
        axes.text(
            first + (families.count(family) - 1) / 2,
            1.02,
            family,
            transform=axes.get_xaxis_transform(),
            ha="center",
            color=style.GREY,
            fontsize=7.5,
        )
