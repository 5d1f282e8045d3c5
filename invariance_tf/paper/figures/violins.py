"""Distributions over neurons: Figs. 3, 4, 9, 10, 12 and parts of 14."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from invariance_tf.drawing import layout, style
from invariance_tf.measures.intervals import bootstrap
from invariance_tf.paper.selection import values_by

NOTE = (
    "Violins: distribution over the penultimate layer's neurons of all seeds. "
    "White dot: mean; bar: 95 % bootstrap interval over neurons, not seeds."
)
# More neurons than this take longer to draw and look the same.
NUM_QUANTILES = 1000
NUM_RESAMPLES = 400

# So that a line can be seen on a dark violin.
_OUTLINE = [withStroke(linewidth=2.2, foreground="white", alpha=0.8)]

# The invariance coefficient with T of another image instead of T(x).
CONTROLS = {
    "control_same_category": {
        "color": "#444444",
        "linestyle": (0, (3, 1)),
        "linewidth": 1.1,
        "label": "control: T of another image of the category",
    },
    "control_shuffled": {
        "color": "#444444",
        "linestyle": (0, (1, 1)),
        "linewidth": 1.1,
        "label": "control: T of an image of another category",
    },
}


def draw_violin(values, axes, position, *, face, side="both", width=0.8):
    """Draws a violin with its mean and the mean's interval.

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
    body.set(alpha=1, edgecolor="#333333", linewidth=0.6, **face)
    low, high = bootstrap(values, num_resamples=NUM_RESAMPLES)
    shift = {"both": 0, "low": -0.12, "high": 0.12}[side] * width
    axes.vlines(position + shift, low, high, color="black", linewidth=1.5)
    axes.plot(
        position + shift,
        values.mean(),
        marker="o",
        markersize=3.2,
        color="white",
        markeredgecolor="black",
        markeredgewidth=0.7,
        gid="mean",
    )


def _take_quantiles(values):
    """Returns at most `NUM_QUANTILES` values of the same distribution."""
    if len(values) <= NUM_QUANTILES:
        return values
    shares = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES
    return np.quantile(values, shares)


def draw_missing(axes, position):
    """Writes "missing" instead of a violin."""
    axes.text(
        position,
        0.5,
        "missing",
        transform=axes.get_xaxis_transform(),
        rotation=90,
        ha="center",
        va="center",
        fontsize=6.5,
        color=style.GREY,
        gid="gap",
    )


def draw_by_transform(tables, axes, measure, transforms):
    """Draws violins for each transformation T, one or two beside each other.

    Args:
        tables: List of one or two DataFrames with transform and the measure.
            The first is drawn in the colors of the transformations; the
            second is about networks trained with original images only.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        transforms: List of names of transformations, families together.
    """
    found = [values_by(table, ["transform"], measure) for table in tables]
    shifts, width = ((0,), 0.8) if len(tables) == 1 else ((-0.2, 0.2), 0.38)
    for position, name in enumerate(transforms):
        own_face = {"facecolor": style.LOOKS[name].color, "hatch": None}
        faces = (own_face, style.ORIGINAL_ONLY)[: len(tables)]
        for shift, face, of_table in zip(shifts, faces, found, strict=True):
            values = of_table.get((name,), ())
            draw_violin(values, axes, position + shift, face=face, width=width)
            if not len(values):
                draw_missing(axes, position + shift)
    layout.name_columns(axes, [style.LOOKS[name].label for name in transforms])
    axes.set_xlim(-0.6, len(transforms) - 0.4)
    layout.mark_families(axes, transforms)


def draw_seen_and_unseen(table, axes, measure, positions):
    """Draws violins against n_seen: seen on the left, unseen on the right.

    Args:
        table: DataFrame of neurons: n_seen, category_group and the measure.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        positions: Sorted list of numbers of seen categories.
    """
    found = values_by(table, ["n_seen", "category_group"], measure)
    for position, n_seen in enumerate(positions):
        seen, unseen = (
            found.get((n_seen, group), ()) for group in ("seen", "unseen")
        )
        draw_violin(seen, axes, position, face=style.SEEN, side="low")
        draw_violin(unseen, axes, position, face=style.UNSEEN, side="high")
        if not len(seen) and not len(unseen):
            draw_missing(axes, position)
    axes.set_xticks(range(len(positions)), [f"{n:g}" for n in positions])
    axes.set_xlim(-0.6, len(positions) - 0.4)


def draw_controls(table, axes, transforms):
    """Draws the two floors of the coefficient, means over neurons.

    Args:
        table: DataFrame of neurons: transform, control_shuffled and
            control_same_category.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations at positions 0, 1, ...
    """
    for measure, look in CONTROLS.items():
        found = values_by(table, ["transform"], measure)
        for position, name in enumerate(transforms):
            values = found.get((name,), ())
            if len(values):
                axes.hlines(
                    values.mean(),
                    position - 0.45,
                    position + 0.45,
                    gid=measure,
                    path_effects=_OUTLINE,
                    **look,
                )


def control_handles():
    """Returns the controls for a legend."""
    return [Line2D([], [], **look) for look in CONTROLS.values()]
