"""Violins of the measures of neurons, with their controls."""

import numpy as np
from matplotlib.patheffects import withStroke

from invariance_tf.drawing import style

# More neurons than this take longer to draw and look the same.
NUM_QUANTILES = 1000

# So that a line can be seen on a dark violin.
_OUTLINE = [withStroke(linewidth=1.8, foreground="white", alpha=0.8)]

# The controls by the names of their columns.
CONTROLS = {
    "control_same_category": style.SAME_CATEGORY,
    "control_shuffled": style.FLOOR,
}


def draw_violin(values, axes, position, *, face, side="both", width=0.8):
    """Draws a violin with its quartiles, median and mean.

    Args:
        values: Float array without nan; nothing is drawn if it is empty.
        axes: Matplotlib `Axes`.
        position: Float, place on the x axis.
        face: Dictionary of facecolor and hatch.
        side: `"both"`, `"low"` for the left half or `"high"` for the right.
        width: Float, of the whole violin.
    """
    if not len(values):
        return
    (body,) = axes.violinplot(
        [_take_quantiles(values)],
        [position],
        widths=width,
        side=side,
        showextrema=False,
    )["bodies"]
    body.set(alpha=1, edgecolor="#333333", linewidth=0.4, **face)
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75))
    shift = {"both": 0, "low": -0.13, "high": 0.13}[side] * width
    place = position + shift
    start, stop = {"both": (-1, 1), "low": (-1, 0), "high": (0, 1)}[side]
    axes.hlines(
        values.mean(),
        position + start * width / 2,
        position + stop * width / 2,
        color="black",
        linewidth=0.8,
        path_effects=_OUTLINE,
        gid="mean",
    )
    is_half = side != "both"
    axes.vlines(
        place,
        first,
        third,
        color="black",
        linewidth=1 if is_half else 1.4,
        gid="quartiles",
    )
    axes.plot(
        place,
        median,
        marker="o",
        markersize=1.9 if is_half else 2.2,
        color="white",
        markeredgecolor="black",
        markeredgewidth=0.5,
        gid="median",
    )


def _take_quantiles(values):
    """Returns at most `NUM_QUANTILES` values of the same distribution."""
    if len(values) <= NUM_QUANTILES:
        return values
    shares = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES
    return np.quantile(values, shares)


def draw_control(values, axes, measure, start, stop):
    """Draws the mean of a control across its violin.

    Args:
        values: Float array without nan; nothing is drawn if it is empty.
        axes: Matplotlib `Axes`.
        measure: String, one of the keys of `CONTROLS`.
        start: Float, place on the x axis.
        stop: Float, place on the x axis.
    """
    if len(values):
        axes.hlines(
            values.mean(),
            start,
            stop,
            gid=measure,
            path_effects=_OUTLINE,
            **CONTROLS[measure] | {"label": None},
        )
