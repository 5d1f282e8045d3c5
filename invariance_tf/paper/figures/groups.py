"""Which group of categories images are taken for: Fig. 6."""

import numpy as np

from invariance_tf.drawing import layout, style
from invariance_tf.measures.intervals import bootstrap
from invariance_tf.paper.figures.selection import (
    gap_text,
    grid,
    rows,
    spread,
    trained,
    values_by,
)
from invariance_tf.paper.studies import transforms_of

MEASURES = {
    "percent_as_seen": "taken for seen",
    "percent_as_unseen": "taken for unseen",
    "percent_correct": "right category",
}
# A table takes two columns and is apart from the next by one.
PITCH = 3


def draw_groups(table, axes, positions):
    """Draws a small table for each number of seen categories.

    The quadrants are the paper's: seen categories in the left column, unseen
    ones in the right, taken for seen ones in the upper row and for unseen
    ones in the lower. A third row tells the share put in the right category.

    Args:
        table: DataFrame with a row for each network and group: n_seen,
            category_group, percent_as_seen, percent_as_unseen and
            percent_correct, in percent of the group's images.
        axes: Matplotlib `Axes`.
        positions: List of numbers of seen categories.
    """
    groups = ("seen", "unseen")
    percent = np.full((len(MEASURES), PITCH * len(positions) - 1), np.nan)
    for row, measure in enumerate(MEASURES):
        found = values_by(table, ["n_seen", "category_group"], measure)
        for index, n_seen in enumerate(positions):
            for offset, group in enumerate(groups):
                values = found.get((n_seen, group), ())
                column = PITCH * index + offset
                if len(values):
                    percent[row, column] = np.mean(values)
                _write_cell(axes, row, column, values)
    axes.imshow(
        np.ma.masked_invalid(percent),
        vmin=0,
        vmax=100,
        cmap="Blues",
        aspect="auto",
    )
    axes.set_xlim(-0.5, PITCH * len(positions) - 0.5)
    axes.axhline(1.5, color="white", linewidth=3)
    axes.set_yticks(range(len(MEASURES)), MEASURES.values())
    middles = [PITCH * index + 0.5 for index in range(len(positions))]
    axes.set_xticks(middles, [f"{n:g} seen" for n in positions])
    columns = [PITCH * i + j for i in range(len(positions)) for j in (0, 1)]
    axes.set_xticks(columns, groups * len(positions), minor=True, fontsize=5.5)
    axes.tick_params(axis="x", which="major", top=True, labeltop=True)
    axes.tick_params(axis="x", which="major", bottom=False, labelbottom=False)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _write_cell(axes, row, column, values):
    """Writes the mean of seeds and below it the interval, in percent."""
    place = {"ha": "center", "va": "center"}
    if not len(values):
        axes.text(column, row, "–", color=style.GREY, **place)
        return
    place["color"] = "white" if np.mean(values) > 60 else "black"
    low, high = bootstrap(values)
    above = 0 if np.isnan(low) else 0.14
    axes.text(column, row - above, f"{np.mean(values):.0f}", size=7, **place)
    if above:
        axes.text(column, row + 0.28, f"{low:.0f}–{high:.0f}", size=5, **place)


def fill_groups(figure, studies, role="faces", num_tables=6):
    """Draws Fig. 6: a panel for each transformation."""
    study = studies.get(role)
    if study is None:
        layout.draw_gap(figure.subplots(), gap_text(role))
        return
    table, positions = trained(study.confusion), spread(grid(study), num_tables)
    if len(table):
        table = table[table.num_images > 0]
    panels = figure.subplots(6, 2)
    for axes, transform in zip(
        panels.T.flat, transforms_of("faces"), strict=True
    ):
        draw_groups(rows(table, transform=transform), axes, positions)
        axes.set_title(style.LOOKS[transform].label, fontweight="bold", pad=14)
    for axes in panels[:, 1]:
        axes.set_yticklabels([])
    layout.write_note(
        figure,
        "Transformed test images, in percent of those of the seen (left "
        "column of a table) and of the unseen categories (right). Mean over "
        "seeds; small print: 95 % bootstrap interval over seeds. –: no "
        "images, or missing.",
    )
