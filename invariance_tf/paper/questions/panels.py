"""Panels of the questions' figures: a column for each transformation."""

from functools import partial

import numpy as np

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.claims.inference import mean_of_transforms
from invariance_tf.paper.questions.chosen import count_seeds, sort_transforms
from invariance_tf.paper.selection import rows


def t_interval(values):
    """Returns the ends of the 95 % interval of a mean over seeds.

    Example:

    >>> [round(end, 2) for end in t_interval([0.4, 0.5, 0.6])]
    [0.25, 0.75]
    """
    found = mean_of_transforms(values)
    return found.low, found.high


draw_line = partial(lines.draw_line, interval=t_interval)


def draw_lines_on_log_axis(table, axes, x, y, transforms):
    """Draws a line for each transformation, along a logarithmic x axis.

    Lines are shifted sideways, by a factor, so that none hides another.

    Args:
        table: DataFrame with the columns transform, x and y.
        axes: Matplotlib `Axes`.
        x: String, name of the column along the x axis.
        y: String, name of the column to average.
        transforms: List of names, which have the same shift in every panel.
    """
    positions = np.array(sorted({*table[x]}))
    looks = style.looks_of(transforms)
    for number, name in enumerate(transforms):
        look = looks[name]
        factor = 1.02 ** (number - (len(transforms) - 1) / 2)
        of_line = rows(table, transform=name)
        draw_line(
            of_line.assign(shifted=factor * of_line[x]),
            axes,
            "shifted",
            y,
            factor * positions,
            label=look.label,
            color=look.color,
            marker=look.marker,
            linestyle=look.linestyle,
        )


# A line at 0 where something is compared.
ZERO = {"color": style.GREY, "linewidth": 0.7, "gid": "zero"}


def fill_columns(part, table, num_rows, draw_column, handles):
    """Fills a part with a column of panels for each transformation.

    Args:
        part: Matplotlib `Figure` or `SubFigure`.
        table: DataFrame with the column transform.
        num_rows: Integer, panels of a column. They have the same x axis, and
            those of a row the same y axis.
        draw_column: Function of the axes of a column, from top to bottom, and
            of the rows of a transformation.
        handles: List of lines for the legend.

    Returns:
        The height of the part, in inches.
    """

    def fill_band(band, transforms):
        num_columns = layout.num_columns(band, len(bands[0]))
        height = layout.panel_height(band, num_columns, limits=(1.1, 1.5))
        panels = band.subplots(num_rows, num_columns, squeeze=False)
        for column, transform in zip(panels.T, transforms, strict=False):
            label = style.look_of(transform).label
            layout.write_panel_title(column[0], label)
            draw_column(column, rows(table, transform=transform))
        layout.label_outer(panels[:, : len(transforms)])
        layout.leave_empty(panels[:, len(transforms) :])
        return num_rows * height + 0.5

    bands = layout.split(part, sort_transforms(table), 1.6)
    fills = [partial(fill_band, transforms=names) for names in bands]
    return layout.stack(part, [*fills, legend_band(part, handles)])


def legend_band(part, handles):
    """Makes a function that fills a band of a part with a legend."""
    width = layout.width_of(part)
    # Inches, about: a line, its gap and a letter.
    needed = sum(0.65 + 0.05 * len(one.get_label()) for one in handles)
    num_columns = len(handles) if needed < width else int(width / 1.75)
    return layout.legend_band(handles, min(len(handles), num_columns))


def describe_seeds(table):
    """Says what dots and bars of `draw_line` are, for a figure's note."""
    fewest, most = count_seeds(table)
    if most == 1:
        return "One seed."
    counts = f"{most}" if fewest == most else f"{fewest} to {most}"
    return (
        f"Mean over seeds, {counts} for each transformation. Small dots: "
        "single seeds. Bars: 95 % interval of the mean (t)."
    )
