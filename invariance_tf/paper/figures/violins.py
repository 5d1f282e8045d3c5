"""Distributions over neurons: Figs. 3, 4, 9, 10, 12 and parts of 14."""

import numpy as np

from invariance_tf.drawing import layout, style
from invariance_tf.drawing.violins import draw_control, draw_violin
from invariance_tf.paper.selection import values_by

NOTE = (
    "Violins: neurons of the penultimate layer, of all seeds. White dot: "
    "median; bar: quartiles; line across: mean."
)
# A violin is not wider, even if there are few.
MOST_INCHES = 0.5


def _violin_width(axes, num_violins):
    """Returns how wide a violin is at most, as a share of its place."""
    inches = axes.bbox.width / axes.figure.dpi
    return min(0.8, MOST_INCHES * num_violins / inches)


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
        fontsize=style.NOTE,
        color=style.GREY,
        gid="gap",
    )


def draw_by_transform(tables, axes, measure, transforms, controls=()):
    """Draws violins for each transformation T, one or two beside each other.

    Args:
        tables: List of one or two DataFrames with transform and the measure.
            The first is drawn in the colors of the transformations; the
            second is about networks trained with original images only.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        transforms: List of names of transformations, families together.
        controls: Names of columns; their means are drawn across the violin
            of the same networks.
    """
    width = _violin_width(axes, len(transforms) * len(tables)) / len(tables)
    shifts = (0,) if len(tables) == 1 else (-0.52 * width, 0.52 * width)
    for number, (shift, table) in enumerate(zip(shifts, tables, strict=True)):
        found = {
            name: values_by(table, ["transform"], name)
            for name in (measure, *controls)
        }
        for position, name in enumerate(transforms):
            face = {"facecolor": style.look_of(name).color, "hatch": None}
            if number:
                face = style.ORIGINAL_ONLY
            place = position + shift
            values = found[measure].get((name,), ())
            draw_violin(values, axes, place, face=face, width=width)
            if not len(values):
                draw_missing(axes, place)
            for control in controls:
                draw_control(
                    found[control].get((name,), ()),
                    axes,
                    control,
                    place - width / 2,
                    place + width / 2,
                )
    layout.name_columns(
        axes, [style.look_of(name).label for name in transforms]
    )
    axes.set_xlim(-0.6, len(transforms) - 0.4)
    layout.mark_families(axes, transforms)


def draw_seen_and_unseen(table, axes, measure, positions):
    """Draws violins against n_seen: seen on the left, unseen on the right.

    The floor of each half is drawn across it.

    Args:
        table: DataFrame of neurons: n_seen, category_group, the measure and,
            if it was measured, its floor control_shuffled.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        positions: Sorted list of numbers of seen categories.
    """
    found, floors = (
        values_by(table, ["n_seen", "category_group"], name)
        for name in (measure, "control_shuffled")
    )
    width = _violin_width(axes, len(positions))
    halves = (
        ("seen", style.SEEN, "low", -width / 2, 0),
        ("unseen", style.UNSEEN, "high", 0, width / 2),
    )
    for position, n_seen in enumerate(positions):
        is_missing = True
        for group, face, side, start, stop in halves:
            values = found.get((n_seen, group), ())
            is_missing &= not len(values)
            draw_violin(
                values, axes, position, face=face, side=side, width=width
            )
            draw_control(
                floors.get((n_seen, group), ()),
                axes,
                "control_shuffled",
                position + start,
                position + stop,
            )
        if is_missing:
            draw_missing(axes, position)
    axes.set_xticks(range(len(positions)), [f"{n:g}" for n in positions])
    axes.set_xlim(-0.6, len(positions) - 0.4)


def write_ends(tables, axes, measure, transforms, end=0.99):
    """Writes how many neurons are at the ends of a scale from -1 to 1.

    Above and below each violin stands the share, in percent, of the neurons
    beyond `end` and `-end`.

    Args:
        tables: List of two DataFrames, as for `draw_by_transform`.
        axes: Matplotlib `Axes`.
        measure: String, name of a column.
        transforms: List of names of transformations.
        end: Float between 0 and 1.
    """
    width = _violin_width(axes, len(transforms) * len(tables)) / len(tables)
    for shift, table in zip((-width / 2, width / 2), tables, strict=True):
        found = values_by(table, ["transform"], measure)
        for position, name in enumerate(transforms):
            values = found.get((name,), ())
            if not len(values):
                continue
            for is_beyond, height in (
                (values > end, 1.1),
                (values < -end, -1.1),
            ):
                axes.text(
                    position + shift,
                    height,
                    _percent(is_beyond),
                    ha="center",
                    va="center",
                    fontsize=style.TINY,
                    gid="end",
                )


def _percent(is_true):
    """Writes a share in percent, so that a few do not look like none."""
    percent = 100 * np.mean(is_true)
    if 0 < percent < 0.5:
        return "<1"
    return f"{percent:.0f}"
