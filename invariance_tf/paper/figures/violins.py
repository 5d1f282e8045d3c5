"""Distributions over neurons: Figs. 3, 4, 9, 10, 12 and parts of 14."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from invariance_tf.drawing import layout, style
from invariance_tf.measures.intervals import bootstrap
from invariance_tf.paper.figures.selection import values_by

NOTE = (
    "Violins: distribution over the penultimate layer's neurons of all seeds. "
    "White dot: mean; bar: 95 % bootstrap interval over neurons, not seeds."
)
# So many quantiles stand for a distribution: the time does not grow with the
# number of neurons.
NUM_QUANTILES = 1000
NUM_RESAMPLES = 400


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
        [_thin(values)],
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


def _thin(values):
    """Returns quantiles that are distributed as the values are."""
    if len(values) <= NUM_QUANTILES:
        return values
    shares = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES
    return np.quantile(values, shares)


def draw_missing(axes, position, text="missing"):
    """Says in the place of a violin that there is none."""
    axes.text(
        position,
        0.5,
        text,
        transform=axes.get_xaxis_transform(),
        rotation=90,
        ha="center",
        va="center",
        fontsize=6.5,
        color=style.GREY,
        gid="gap",
    )


def draw_by_transform(table, axes, measure, transforms):
    """Draws a violin for each transformation.

    Args:
        table: DataFrame with transform and the measure.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        transforms: List of names of transformations, families together.
    """
    found = values_by(table, ["transform"], measure)
    for position, name in enumerate(transforms):
        values = found.get((name,), ())
        face = {"facecolor": style.LOOKS[name].color, "hatch": None}
        draw_violin(values, axes, position, face=face)
        if not len(values):
            draw_missing(axes, position)
    name_transforms(axes, transforms)


def draw_with_and_without(with_table, without_table, axes, measure, transforms):
    """Draws two violins for each transformation T: x + T(x) beside x.

    Args:
        with_table: DataFrame of neurons of the networks trained with T on all
            categories: test_transform and the measure.
        without_table: The same of networks trained with original images only.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        transforms: List of names of transformations, families together.
    """
    tables = (with_table, without_table)
    found = [values_by(table, ["test_transform"], measure) for table in tables]
    for position, name in enumerate(transforms):
        trained = {"facecolor": style.LOOKS[name].color, "hatch": None}
        faces = (trained, style.ORIGINAL_ONLY)
        for shift, face, of_table in zip(
            (-0.2, 0.2), faces, found, strict=True
        ):
            values = of_table.get((name,), ())
            draw_violin(values, axes, position + shift, face=face, width=0.38)
            if not len(values):
                draw_missing(axes, position + shift)
    name_transforms(axes, transforms)


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
        table: DataFrame of neurons: test_transform, control_shuffled and
            control_same_category.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations at positions 0, 1, ...
    """
    for measure, look in CONTROLS.items():
        found = values_by(table, ["test_transform"], measure)
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


# So that a line can be seen on a dark violin.
_OUTLINE = [withStroke(linewidth=2.2, foreground="white", alpha=0.8)]

# The invariance coefficient with T of another image in the place of T(x).
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


def control_handles():
    """Returns the controls for a legend."""
    return [Line2D([], [], **look) for look in CONTROLS.values()]


def name_transforms(axes, transforms):
    """Writes the names of transformations along the x axis."""
    labels = [style.LOOKS[name].label for name in transforms]
    axes.set_xticks(
        range(len(labels)),
        labels,
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.tick_params(axis="x", length=0)
    layout.mark_families(axes, transforms)
