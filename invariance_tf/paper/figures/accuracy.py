"""Accuracies: the matrix of Fig. 2a and the curves of Figs. 2b, 2c and 13."""

import numpy as np
import pandas as pd

from invariance_tf.drawing import layout, lines, style
from invariance_tf.measures.intervals import bootstrap
from invariance_tf.paper.figures.selection import (
    all_seen,
    gap_text,
    grid,
    name_of,
    never_transformed,
    rows,
    size_of,
    trained,
    values_by,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import OF_IMAGENET


def draw_matrix(table, axes, transforms):
    """Draws the accuracy of each network (row) in each test (column).

    Args:
        table: DataFrame with a row for each network and test: transform,
            test_transform, accuracy from 0 to 1.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations, families together. The
            identity is put before them.
    """
    names = ["identity", *transforms]
    by_cell = values_by(table, ["transform", "test_transform"], "accuracy")
    cells = [[by_cell.get((row, test), []) for test in names] for row in names]
    means = np.array(
        [[np.mean(cell) if len(cell) else np.nan for cell in r] for r in cells]
    )
    axes.imshow(
        np.ma.masked_invalid(100 * means), vmin=0, vmax=100, cmap="Blues"
    )
    for row, column in np.ndindex(means.shape):
        _write_cell(axes, row, column, cells[row][column])
    labels = [style.LOOKS[name].label for name in names]
    axes.set_xticks(
        range(len(names)),
        labels,
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(names)), ["Original only", *labels[1:]])
    axes.set(xlabel="tested on", ylabel="trained on original images and")
    axes.tick_params(length=0)
    families = [None, *(style.family_of(name) for name in transforms)]
    for index in range(1, len(families)):
        if families[index] != families[index - 1]:
            axes.axhline(index - 0.5, color="white", linewidth=2.5)
            axes.axvline(index - 0.5, color="white", linewidth=2.5)


def _write_cell(axes, row, column, values):
    """Writes the mean and, for several seeds, the interval, in percent."""
    if not len(values):
        axes.text(column, row, "–", ha="center", va="center", color=style.GREY)
        return
    mean = 100 * np.mean(values)
    color = "white" if mean > 60 else "black"
    place = {"ha": "center", "va": "center", "color": color}
    low, high = bootstrap(values)
    if np.isnan(low):
        axes.text(column, row, f"{mean:.0f}", fontsize=8, **place)
        return
    axes.text(column, row - 0.12, f"{mean:.0f}", fontsize=8, **place)
    interval = f"{100 * low:.0f}–{100 * high:.0f}"
    axes.text(column, row + 0.27, interval, fontsize=5, **place)


def fill_matrices(figure, studies):
    """Draws Fig. 2a: AlexNet on faces on the left, ImageNet on the right."""
    panels = figure.subplots(1, 2, width_ratios=(13, 5))
    sides = {"faces": transforms_of("faces"), "imagenet": OF_IMAGENET}
    for axes, (role, transforms) in zip(panels, sides.items(), strict=True):
        study = studies.get(role)
        axes.set_title(name_of(study, role))
        if study is None:
            layout.draw_gap(axes, gap_text(role))
            continue
        table = rows(study.accuracy, category_group="all")
        networks = [never_transformed(table), all_seen(table)]
        draw_matrix(pd.concat(networks), axes, transforms)
        axes.set_anchor("N")
    layout.write_note(
        figure,
        "Accuracy in percent over all categories; every network but the first "
        "saw all categories transformed. Mean over seeds; small print: 95 % "
        "bootstrap interval over seeds. –: missing.",
    )


def draw_accuracies(table, axes, measure, transforms, positions):
    """Draws within- or across-category accuracy against n_seen.

    Args:
        table: DataFrame with a row for each network: transform, n_seen,
            num_categories and the measure.
        axes: Matplotlib `Axes`.
        measure: `"within_accuracy"` or `"across_accuracy"`; nan, as the
            latter is where all categories are seen, is not drawn.
        transforms: List of names of transformations.
        positions: Sorted list of the numbers of seen categories.
    """
    axes.axhline(
        1 / table.num_categories.max(),
        color=style.GREY,
        linewidth=0.8,
        linestyle=(0, (1, 2)),
        gid="chance",
    )
    lines.draw_lines(table, axes, "n_seen", measure, transforms, positions)
    name = measure.removesuffix("_accuracy")
    lines.draw_percent(axes, f"{name}-category accuracy (%)")


def fill_curves(figure, studies, role, columns, *, is_log=False):
    """Draws Fig. 2b, 2c or 13: within on top of across, a column per family.

    Args:
        figure: Matplotlib `Figure` to fill.
        studies: Dictionary of `studies.find_studies`.
        role: The study to draw.
        columns: Dictionary from titles to lists of transformations.
        is_log: Boolean, whether the x axis is logarithmic.
    """
    study = studies.get(role)
    if study is None:
        layout.draw_gap(figure.subplots(), gap_text(role))
        return
    longest = max(map(len, columns.values()))
    panels = layout.make_panels(figure, 2, len(columns), longest)
    table, positions = trained(study.runs), grid(study)
    measures = ("within_accuracy", "across_accuracy")
    for column, (title, transforms) in zip(
        panels.T, columns.items(), strict=True
    ):
        column[0].set_title(title)
        for axes, measure in zip(column[:2], measures, strict=True):
            draw_accuracies(table, axes, measure, transforms, positions)
            lines.draw_n_seen(axes, positions, size_of(study), is_log=is_log)
        layout.draw_legend(column[2], column[1].get_legend_handles_labels()[0])
    layout.label_outer(panels[:2])
    layout.write_note(figure, f"{lines.NOTE} Dotted: chance.")
