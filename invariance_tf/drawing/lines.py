"""Curves over networks: mean over seeds, every seed, interval over seeds."""

import numpy as np

from invariance_tf.drawing import style
from invariance_tf.measures.intervals import bootstrap

NOTE = (
    "Line: mean over seeds. Small dots: single seeds. Bars: 95 % bootstrap "
    "interval over seeds."
)


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
    for transform in transforms:
        of_transform = table[table["transform"] == transform]
        look = style.look_of(transform)
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


def draw_line(table, axes, x, y, positions, *, label, color, **look):
    """Draws one line: means, dots of seeds and intervals.

    Args:
        table: DataFrame with the columns x and y, a row for each network.
        axes: Matplotlib `Axes`.
        x: String, name of the column along the x axis.
        y: String, name of the column to average.
        positions: Sorted list of the values of x.
        label: String for the legend.
        color: String.
        **look: Marker and linestyle.
    """
    values = [
        table[y][np.isclose(table[x], position)].to_numpy("float64")
        for position in positions
    ]
    values = [of_position[~np.isnan(of_position)] for of_position in values]
    means = [v.mean() if len(v) else np.nan for v in values]
    look |= {"color": color, "markeredgecolor": "white"}
    look["markeredgewidth"] = 0.4
    if np.isnan(means).all():
        axes.plot([], [], label=f"{label} (missing)", **look)
        return
    low, high = zip(*(bootstrap(v) for v in values), strict=True)
    axes.vlines(positions, low, high, color=color, linewidth=1, alpha=0.6)
    axes.plot(
        np.repeat(positions, [len(v) for v in values]),
        np.concatenate(values),
        linestyle="none",
        marker=".",
        markersize=4,
        color=color,
        alpha=0.6,
        markeredgewidth=0,
        gid="seeds",
    )
    axes.plot(positions, means, label=label, **look)


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
        places = 0.2 * np.log10(positions)
    labels, last = [], np.inf
    for place, position in zip(places[::-1], positions[::-1], strict=True):
        is_near = last - place < 0.04
        labels.insert(0, "" if is_near else f"{position:g}")
        last = last if is_near else place
    axes.set_xticks(positions, labels)
    axes.minorticks_off()
    axes.set_xlabel(f"categories seen transformed (of {num_categories})")


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
