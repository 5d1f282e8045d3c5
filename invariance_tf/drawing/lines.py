"""Curves over networks: mean over seeds, every seed, interval over seeds."""

import numpy as np
from matplotlib.lines import Line2D

from invariance_tf.drawing import style
from invariance_tf.measures.intervals import bootstrap


def describe_interval(num_seeds):
    """Says what the interval over so many seeds, or fewer, is.

    Of two or three values, the bootstrap's interval of the mean is the range:
    it contains the true mean less often than in 95 % of cases.

    Example:

    >>> describe_interval(2)
    'range of the seeds (2 at most)'
    """
    if num_seeds < 4:
        return f"range of the seeds ({num_seeds} at most)"
    return "95 % bootstrap interval over seeds"


def describe_lines(num_seeds):
    """Says what the marks of `draw_line` are, for a figure's note."""
    if num_seeds == 1:
        return "One seed."
    return (
        "Line: mean over seeds. Small dots: single seeds. Bars: "
        f"{describe_interval(num_seeds)}."
    )


def describe_cells(num_seeds, *, with_intervals):
    """Says what the numbers of `layout.write_cell` are, for a figure's note."""
    if num_seeds == 1:
        return "One seed."
    small_print = ""
    if with_intervals:
        small_print = f"; small print: {describe_interval(num_seeds)}"
    return f"Mean over seeds{small_print}."


def make_handles(transforms, missing=()):
    """Makes what a legend shows of the lines of transformations.

    Args:
        transforms: List of names.
        missing: Names of those that have no line.
    """
    looks = style.looks_of(transforms)
    return [
        Line2D(
            [],
            [],
            label=looks[name].label + (" (missing)" if name in missing else ""),
            color=looks[name].color,
            marker=looks[name].marker,
            markeredgecolor="white",
            markeredgewidth=0.3,
            linestyle=looks[name].linestyle,
        )
        for name in transforms
    ]


def draw_lines(table, axes, x, y, transforms, positions):
    """Draws a line for each transformation.

    Args:
        table: DataFrame with a row for each network and x: transform, and the
            columns x and y.
        axes: Matplotlib `Axes`.
        x: String, name of the column along the x axis.
        y: String, name of the column to average over seeds; nan is left out.
        transforms: List of names of transformations. One without any value is
            named in the legend as missing.
        positions: Sorted list of the values of x. The line breaks at those
            without a value.
    """
    looks = style.looks_of(transforms)
    for transform in transforms:
        of_transform = table[table["transform"] == transform]
        look = looks[transform]
        draw_line(
            of_transform,
            axes,
            x,
            y,
            positions,
            label=look.label,
            color=look.color,
            marker=look.marker,
            linestyle=look.linestyle,
        )


def draw_line(
    table, axes, x, y, positions, *, label, color, interval=bootstrap, **look
):
    """Draws one line: means, dots of seeds and intervals.

    Args:
        table: DataFrame with the columns x and y, a row for each network.
        axes: Matplotlib `Axes`.
        x: String, name of the column along the x axis.
        y: String, name of the column to average.
        positions: Sorted list of the values of x.
        label: String for the legend.
        color: String.
        interval: Function of an array of seeds that returns both ends.
        **look: Marker and linestyle.
    """
    values = [
        table[y][np.isclose(table[x], position)].to_numpy("float64")
        for position in positions
    ]
    values = [of_position[~np.isnan(of_position)] for of_position in values]
    means = [v.mean() if len(v) else np.nan for v in values]
    look |= {"color": color, "markeredgecolor": "white"}
    look["markeredgewidth"] = 0.3
    if np.isnan(means).all():
        axes.plot([], [], label=f"{label} (missing)", **look)
        return
    low, high = zip(*(interval(v) for v in values), strict=True)
    axes.vlines(positions, low, high, color=color, linewidth=0.8, alpha=0.6)
    axes.plot(
        np.repeat(positions, [len(v) for v in values]),
        np.concatenate(values),
        linestyle="none",
        marker=".",
        markersize=2.6,
        color=color,
        alpha=0.6,
        markeredgewidth=0,
        gid="seeds",
    )
    axes.plot(positions, means, label=label, **look)
    mark_at_chance(table, axes, x, y)


def mark_at_chance(table, axes, x, y):
    """Crosses out the dots of networks at chance on original images.

    Args:
        table: DataFrame with the columns x and y, a row for each network, and
            is_at_chance, without which nothing is marked.
        axes: Matplotlib `Axes`.
        x: String, name of the column along the x axis.
        y: String, name of the column along the y axis.
    """
    if "is_at_chance" in table:
        lost = table[table.is_at_chance.eq(True)].dropna(subset=[x, y])
        if len(lost):
            axes.plot(lost[x], lost[y], **style.AT_CHANCE)


def draw_n_seen(axes, positions, num_categories, *, is_log=False):
    """Makes the x axis count categories that are seen transformed.

    Numbers are not written where they would be too near each other.

    Args:
        axes: Matplotlib `Axes`.
        positions: Sorted list of numbers of seen categories.
        num_categories: Integer, the number of all categories.
        is_log: Boolean, whether the axis is logarithmic, as in Fig. 2b.
    """
    if is_log:
        axes.set_xscale("log")
        axes.set_xlim(0.8, 1.25 * num_categories)
    else:
        axes.set_xlim(-0.02 * num_categories, 1.03 * num_categories)
    places = np.array(positions) / num_categories
    if is_log:
        places = np.log10(positions) / max(np.log10(num_categories), 1)
    labels, last = [], None
    for place, position in zip(places[::-1], positions[::-1], strict=True):
        text = f"{position:g}"
        # A digit is about 1/30 of a panel's width.
        if last and last[0] - place < 0.016 * (len(text) + last[1]) + 0.02:
            labels.insert(0, "")
            continue
        labels.insert(0, text)
        last = place, len(text)
    axes.set_xticks(positions, labels)
    axes.minorticks_off()
    axes.set_xlabel(f"seen categories (of {num_categories})")


def lowest_of(values):
    """Returns the smallest value of a column, or 0 if none is below.

    Invariance that is corrected for its floor can be.
    """
    # Without nan, even if there is nothing else.
    return float(np.fmin.reduce(values.to_numpy("float64"), initial=0))


def draw_share(axes, label, *, lowest=0.0):
    """Makes the y axis run from 0 to 1, with a little room for markers."""
    axes.set_ylim(lowest - 0.02, 1.04)
    axes.set_ylabel(label)
    axes.grid(axis="y")


def draw_percent(axes, label):
    """Makes a y axis from 0 to 1 show percent."""
    draw_share(axes, label)
    ticks = (0, 0.25, 0.5, 0.75, 1)
    axes.set_yticks(ticks, [f"{100 * tick:g}" for tick in ticks])
