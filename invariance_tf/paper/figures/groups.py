"""Which group of categories images are taken for: Fig. 6."""

import numpy as np

from invariance_tf.drawing import layout, style
from invariance_tf.paper.figures.parts import choose_evenly
from invariance_tf.paper.selection import (
    n_seen_values,
    rows,
    trained,
    values_by,
)
from invariance_tf.paper.studies import transforms_of

MEASURES = {
    "percent_as_seen": "taken for seen",
    "percent_as_unseen": "taken for unseen",
    "percent_correct": "right category",
}
GROUPS = ("seen", "unseen")
# A table takes two columns and is apart from the next by one.
PITCH = 3


def draw_groups(table, axes, counts):
    """Draws a small table for each number of seen categories.

    The quadrants are the paper's: seen categories in the left column, unseen
    ones in the right, taken for seen ones in the upper row and for unseen
    ones in the lower. A third row shows the share put in the right category.

    Args:
        table: DataFrame with a row for each network and group: n_seen,
            category_group, percent_as_seen, percent_as_unseen and
            percent_correct, in percent of the group's images.
        axes: Matplotlib `Axes`.
        counts: List of numbers of seen categories.
    """
    percent = np.full((len(MEASURES), PITCH * len(counts) - 1), np.nan)
    columns = [PITCH * i + j for i in range(len(counts)) for j in (0, 1)]
    keys = [(n_seen, group) for n_seen in counts for group in GROUPS]
    for row, measure in enumerate(MEASURES):
        found = values_by(table, ["n_seen", "category_group"], measure)
        for column, key in zip(columns, keys, strict=True):
            values = found.get(key, ())
            if len(values):
                percent[row, column] = np.mean(values)
            layout.write_cell(axes, row, column, values, size=7)
    axes.imshow(
        np.ma.masked_invalid(percent),
        vmin=0,
        vmax=100,
        cmap="Blues",
        aspect="auto",
    )
    axes.set_xlim(-0.5, PITCH * len(counts) - 0.5)
    axes.axhline(1.5, color="white", linewidth=3)
    axes.set_yticks(range(len(MEASURES)), MEASURES.values())
    middles = [PITCH * index + 0.5 for index in range(len(counts))]
    axes.set_xticks(middles, [f"{n_seen:g} seen" for n_seen in counts])
    axes.set_xticks(columns, GROUPS * len(counts), minor=True, fontsize=5.5)
    axes.tick_params(axis="x", which="major", top=True, labeltop=True)
    axes.tick_params(axis="x", which="major", bottom=False, labelbottom=False)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def fill_groups(part, study, role, num_tables=6):
    """Draws Fig. 6: a panel for each transformation."""
    table = trained(study.confusion)
    counts = choose_evenly(n_seen_values(study), num_tables)
    if len(table):
        table = table[table.num_images > 0]
    panels = part.subplots(6, 2)
    for axes, transform in zip(panels.T.flat, transforms_of(role), strict=True):
        draw_groups(rows(table, transform=transform), axes, counts)
        axes.set_title(style.LOOKS[transform].label, fontweight="bold", pad=14)
    for axes in panels[:, 1]:
        axes.set_yticklabels([])
    return (
        "Transformed test images, in percent of those of the seen (left "
        "column of a table) and of the unseen categories (right). Mean over "
        "seeds; small print: 95 % bootstrap interval over seeds. –: no "
        "images, or missing."
    )
