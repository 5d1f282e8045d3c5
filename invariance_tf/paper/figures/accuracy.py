"""Accuracies: the matrix of Fig. 2a and the curves of Figs. 2b, 2c and 13."""

import numpy as np
import pandas as pd

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.parts import draw_study_gap
from invariance_tf.paper.selection import (
    all_seen,
    n_seen_values,
    never_transformed,
    num_categories,
    rows,
    trained,
    values_by,
)
from invariance_tf.paper.studies import (
    other_transforms,
    title_of,
    transforms_of,
)


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
    percent = np.full((len(names), len(names)), np.nan)
    for row, column in np.ndindex(percent.shape):
        values = 100 * np.array(by_cell.get((names[row], names[column]), ()))
        if len(values):
            percent[row, column] = np.mean(values)
        layout.write_cell(axes, row, column, values)
    axes.imshow(np.ma.masked_invalid(percent), vmin=0, vmax=100, cmap="Blues")
    labels = [style.look_of(name).label for name in names]
    layout.name_columns(axes, labels)
    axes.set_yticks(range(len(names)), ["Original only", *labels[1:]])
    axes.set(xlabel="tested on", ylabel="trained on original images and")
    axes.tick_params(length=0)
    families = [None, *(style.family_of(name) for name in transforms)]
    for index in range(1, len(families)):
        if families[index] != families[index - 1]:
            axes.axhline(index - 0.5, color="white", linewidth=2.5)
            axes.axvline(index - 0.5, color="white", linewidth=2.5)


def fill_matrices(figure, studies):
    """Draws Fig. 2a: AlexNet on faces on the left, ImageNet on the right."""
    panels = figure.subplots(1, 2, width_ratios=(13, 5))
    for axes, role in zip(panels, ("faces", "imagenet"), strict=True):
        axes.set_title(title_of(studies, role))
        if role not in studies:
            draw_study_gap(axes, role)
            continue
        table = rows(studies[role].accuracy, category_group="all")
        without = never_transformed(table).assign(transform="identity")
        table = pd.concat([without, all_seen(table)])
        others = other_transforms(studies[role].runs)
        draw_matrix(table, axes, (*transforms_of(role), *others))
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


def fill_curves(part, study, role, columns, *, is_log=False):
    """Draws Fig. 2b, 2c or 13: within on top of across, a column per family.

    Args:
        part: Matplotlib `Figure` to fill.
        study: A `tables.Runs`.
        role: String, the study.
        columns: Dictionary from titles to lists of transformations, beside
            which those that are not the paper's have a column of their own.
        is_log: Boolean, whether the x axis is logarithmic.
    """
    if others := other_transforms(study.runs):
        columns = {**columns, "other": others}
    longest = max(map(len, columns.values()))
    panels = layout.make_panels(part, 2, len(columns), longest)
    table, positions = trained(study.runs), n_seen_values(study)
    total = num_categories(study)
    measures = ("within_accuracy", "across_accuracy")
    for column, (title, transforms) in zip(
        panels.T, columns.items(), strict=True
    ):
        column[0].set_title(title)
        for axes, measure in zip(column[:2], measures, strict=True):
            draw_accuracies(table, axes, measure, transforms, positions)
            lines.draw_n_seen(axes, positions, total, is_log=is_log)
        layout.draw_legend(column[2], column[1].get_legend_handles_labels()[0])
    layout.label_outer(panels[:2])
    return f"{lines.NOTE} Dotted: chance."
