"""Which group of categories images are taken for: Fig. 6."""

import numpy as np

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.parts import num_seeds
from invariance_tf.paper.selection import (
    n_seen_values,
    num_categories,
    rows,
    trained,
    values_by,
)

MEASURES = {
    "percent_as_seen": "taken for seen",
    "percent_as_unseen": "taken for unseen",
}
GROUPS = ("seen", "unseen")
# A table takes two columns and is apart from the next by one.
PITCH = 3
# Inches: of the names at the left, and of a cell with room for an interval.
_NAMES, _WIDE_CELL = 1.05, 0.26


def draw_groups(table, axes, counts, *, with_intervals=True):
    """Draws a small table for each number of seen categories.

    The quadrants are the paper's: seen categories in the left column, unseen
    ones in the right, taken for seen ones in the upper row and for unseen
    ones in the lower.

    Args:
        table: DataFrame with a row for each network and group: n_seen,
            category_group, percent_as_seen and percent_as_unseen, in percent
            of the group's images.
        axes: Matplotlib `Axes`.
        counts: List of numbers of seen categories.
        with_intervals: Boolean, whether cells have room for intervals.
    """
    percent = np.full((len(MEASURES), PITCH * len(counts) - 1), np.nan)
    columns = _columns(counts)
    keys = [(n_seen, group) for n_seen in counts for group in GROUPS]
    for row, measure in enumerate(MEASURES):
        found = values_by(table, ["n_seen", "category_group"], measure)
        for column, key in zip(columns, keys, strict=True):
            values = found.get(key, ())
            if len(values):
                percent[row, column] = np.mean(values)
            layout.write_cell(
                axes, row, column, values, with_interval=with_intervals
            )
    axes.imshow(
        np.ma.masked_invalid(percent),
        vmin=0,
        vmax=100,
        cmap="Blues",
        aspect="auto",
    )
    axes.set_xlim(-0.6, PITCH * len(counts) - 1.4)
    axes.set_yticks(range(len(MEASURES)), MEASURES.values())
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def fill_groups(part, study, role, transforms):
    """Draws Fig. 6: a row of tables for each transformation."""
    table, counts = trained(study.confusion), n_seen_values(study)
    if len(table):
        table = table[table.num_images > 0]
    cell = (layout.width_of(part) - _NAMES) / (PITCH * len(counts) - 1)
    with_intervals = cell > _WIDE_CELL
    panels = part.subplots(len(transforms), 1, squeeze=False)[:, 0]
    for axes, transform in zip(panels, transforms, strict=True):
        draw_groups(
            rows(table, transform=transform),
            axes,
            counts,
            with_intervals=with_intervals,
        )
        axes.set_title(
            style.look_of(transform).label, fontweight="bold", pad=2, size=6.5
        )
    _name_tables(panels, counts, num_categories(study), cell)
    cells = lines.describe_cells(
        num_seeds(study), with_intervals=with_intervals
    )
    height = 0.46 if with_intervals else 0.3
    return len(transforms) * (height + 0.18) + 0.5, (
        "Transformed test images, in percent of those of the seen (left "
        "column of a table) and of the unseen categories (right). "
        f"{cells} –: no images, or missing."
    )


def _name_tables(panels, counts, total, cell):
    """Names the tables above the first row, and their columns below the last.

    Args:
        panels: Array of `Axes`, one for each transformation.
        counts: List of numbers of seen categories.
        total: Integer, the number of all categories.
        cell: Float, the width of a cell, in inches.
    """
    # In points above the panel, where its title ends.
    place = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
    for index, count in enumerate(counts):
        middle = PITCH * index + 0.5
        panels[0].annotate(f"{count:g}", (middle, -0.5), (0, 13), **place)
    panels[0].annotate(
        f"seen categories (of {total})",
        ((PITCH * len(counts) - 2) / 2, -0.5),
        (0, 23),
        **place,
    )
    # Longer words would touch each other.
    names = GROUPS if cell > 0.3 else ("s", "u")
    panels[-1].set_xticks(
        _columns(counts), names * len(counts), fontsize=style.TINY
    )
    if names != GROUPS:
        panels[-1].set_xlabel("s: seen, u: unseen categories")


def _columns(counts):
    """Returns the places of the columns of all tables."""
    return [PITCH * i + j for i in range(len(counts)) for j in (0, 1)]
