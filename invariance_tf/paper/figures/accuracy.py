"""Accuracies: the matrix of Fig. 2a and the curves of Figs. 2b, 2c and 13."""

from functools import partial

import numpy as np
import pandas as pd

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.parts import (
    GAP_HEIGHT,
    columns_of,
    draw_study_gap,
    num_seeds,
)
from invariance_tf.paper.selection import (
    all_seen,
    n_seen_values,
    never_transformed,
    num_categories,
    rows,
    trained,
    values_by,
)
from invariance_tf.paper.studies import title_of

# Inches of a cell that has room for an interval; what names and the bar take.
_WIDE_CELL, _NAMES_WIDTH, _NAMES_HEIGHT, _BAR_WIDTH = 0.27, 1.2, 0.8, 0.5


def draw_matrix(table, axes, transforms, *, with_intervals=True):
    """Draws the accuracy of each network (row) in each test (column).

    Args:
        table: DataFrame with a row for each network and test: transform,
            test_transform, accuracy from 0 to 1.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations, families together. The
            identity is put before them.
        with_intervals: Boolean, whether cells have room for intervals.

    Returns:
        What matplotlib's `colorbar` takes.
    """
    names = ["identity", *transforms]
    by_cell = values_by(table, ["transform", "test_transform"], "accuracy")
    percent = np.full((len(names), len(names)), np.nan)
    for row, column in np.ndindex(percent.shape):
        values = 100 * np.array(by_cell.get((names[row], names[column]), ()))
        if len(values):
            percent[row, column] = np.mean(values)
        layout.write_cell(
            axes, row, column, values, with_interval=with_intervals
        )
    picture = axes.imshow(
        np.ma.masked_invalid(percent),
        vmin=0,
        vmax=100,
        cmap="Blues",
        aspect="auto",
    )
    labels = [style.look_of(name).label for name in names]
    layout.name_columns(axes, labels)
    axes.set_yticks(range(len(names)), ["Original only", *labels[1:]])
    axes.set(xlabel="tested on", ylabel="trained on")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    families = [None, *(style.family_of(name) for name in transforms)]
    for index in range(1, len(families)):
        if families[index] != families[index - 1]:
            axes.axhline(index - 0.5, color="white", linewidth=2)
            axes.axvline(index - 0.5, color="white", linewidth=2)
    return picture


def fill_matrices(figure, studies, frame):
    """Draws Fig. 2a: AlexNet on faces on the left, ImageNet on the right."""
    roles = ("faces", "imagenet")
    roles = [role for role in roles if role in frame] or roles
    sizes = [1 + len(frame.get(role, ())) for role in roles]
    panels, height, with_intervals = _make_panels(figure, sizes)
    picture = None
    for axes, role in zip(panels, roles, strict=True):
        if len(roles) > 1:
            axes.set_title(title_of(studies, role))
        if role not in studies or role not in frame:
            draw_study_gap(axes, role)
            height = max(height, GAP_HEIGHT)
            continue
        table = rows(studies[role].accuracy, category_group="all")
        without = never_transformed(table).assign(transform="identity")
        picture = draw_matrix(
            pd.concat([without, all_seen(table)]),
            axes,
            frame[role],
            with_intervals=with_intervals,
        )
    if picture:
        bar = figure.colorbar(
            picture,
            ax=panels,
            label="accuracy (%)",
            shrink=0.6,
            aspect=25,
            panchor=False,  # tables stay at the top
        )
        bar.outline.set_visible(False)
    most = max(
        (num_seeds(studies[r]) for r in roles if r in studies), default=1
    )
    return height + layout.write_note(
        figure,
        "Accuracy in percent over all categories. Every network was trained on "
        "original images, and all but the first on those of all categories "
        "transformed, too. "
        f"{lines.describe_cells(most, with_intervals=with_intervals)} "
        "–: missing.",
    )


def _make_panels(figure, sizes):
    """Makes panels for tables, below each other if the figure is narrow.

    Args:
        figure: Matplotlib `Figure`.
        sizes: List of the numbers of rows of the tables.

    Returns:
        List of `Axes`, the height of all, in inches, and whether cells have
        room for intervals.
    """
    width, count = layout.width_of(figure) - _BAR_WIDTH, len(sizes)
    cell = (width - _NAMES_WIDTH * count) / sum(sizes)
    is_beside = cell > 0.75 * _WIDE_CELL
    if not is_beside:
        cell = (width - _NAMES_WIDTH) / max(sizes)
    has_room = cell > _WIDE_CELL
    height = 0.28 if has_room else 0.2
    if is_beside:
        panels = figure.subplots(1, count, width_ratios=sizes, squeeze=False)
        for axes in panels[0, 1:]:
            # Cells are as high as those of the larger table on the left.
            axes.set_box_aspect(height / cell)
            axes.set_anchor("N")
        return panels[0], height * max(sizes) + _NAMES_HEIGHT, has_room
    panels = figure.subplots(count, 1, height_ratios=sizes, squeeze=False)
    height = height * sum(sizes) + _NAMES_HEIGHT * count
    return panels[:, 0], height, has_room


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
    axes.axhline(1 / table.num_categories.max(), **style.CHANCE)
    lines.draw_lines(table, axes, "n_seen", measure, transforms, positions)
    name = measure.removesuffix("_accuracy")
    lines.draw_percent(axes, f"{name}-category\naccuracy (%)")


def fill_curves(part, study, role, transforms, *, is_log=False):
    """Draws Fig. 2b, 2c or 13: within on top of across, a column per family.

    Args:
        part: Matplotlib `Figure` to fill.
        study: A `tables.Runs`.
        role: String, the study.
        transforms: List of names of transformations.
        is_log: Boolean, whether the x axis is logarithmic.
    """
    columns = columns_of(role, transforms)
    table, positions = trained(study.runs), n_seen_values(study)
    total = num_categories(study)
    measures = ("within_accuracy", "across_accuracy")

    def fill_band(band, titles):
        longest = max(len(columns[title]) for title in titles)
        num_columns = layout.num_columns(band, len(titles))
        height = layout.panel_height(band, num_columns)
        panels = layout.make_panels(band, 2, num_columns, longest, height)
        for column, title in zip(panels.T, titles, strict=False):
            column[0].set_title(title)
            for axes, measure in zip(column[:2], measures, strict=True):
                draw_accuracies(table, axes, measure, columns[title], positions)
                lines.draw_n_seen(axes, positions, total, is_log=is_log)
            handles, _ = column[1].get_legend_handles_labels()
            layout.draw_legend(column[2], handles)
        layout.label_outer(panels[:2, : len(titles)])
        layout.leave_empty(panels[:, len(titles) :])
        return 2 * height + layout.legend_height(longest) + 0.6

    bands = layout.split(part, [*columns], 1.6)
    height = layout.stack(
        part,
        [partial(fill_band, titles=titles) for titles in bands],
    )
    note = lines.describe_lines(num_seeds(study))
    return height, f"{note} Dotted: chance."
