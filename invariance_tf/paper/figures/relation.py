"""Invariance of networks against n_seen and against accuracy: Fig. 5."""

from functools import partial

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from invariance_tf.drawing import layout, lines, style
from invariance_tf.drawing.violins import CONTROLS
from invariance_tf.measures.intervals import correlate
from invariance_tf.paper.figures.parts import (
    columns_of,
    describe_tau,
    num_seeds,
)
from invariance_tf.paper.selection import (
    n_seen_values,
    num_categories,
    own_tests,
    rows,
    trained,
)

# The measures of a run by the words on the axis.
AMOUNTS = {
    "invariance_all": "mean invariance I",
    "corrected_invariance_all": "corrected J",
}
# Fewer transformations do not give a correlation an interval.
MIN_CLUSTERS = 6


def fill_amounts(part, study, role, transforms):
    """Draws Fig. 5a for one study: a panel per family, or one for ImageNet.

    Below each, if it was measured, the invariance corrected for its floor.
    """
    columns = columns_of(role, transforms)
    table = trained(study.runs)
    measures = [
        name
        for name in AMOUNTS
        if name == "invariance_all"
        or (name in table and table[name].notna().any())
    ]

    fill_band = partial(
        _fill_amounts, study=study, columns=columns, measures=measures
    )
    controls = [Line2D([], [], **look) for look in CONTROLS.values()]
    height = layout.stack(
        part,
        [
            *(
                partial(fill_band, titles=titles, is_log=role == "imagenet")
                for titles in layout.split(part, [*columns], 1.6)
            ),
            layout.legend_band(controls, 2 if layout.width_of(part) > 5 else 1),
        ],
    )
    note = (
        f"{lines.describe_lines(num_seeds(study))} Grey: the coefficient with "
        "T of another image instead of T(x), mean of the panel's networks."
    )
    if len(measures) > 1:
        note += f" {style.CORRECTED_NOTE}"
    return height, note + describe_tau(study)


def _fill_amounts(band, study, columns, measures, titles, *, is_log):
    """Draws a column of panels for each of a few families."""
    longest = max(len(columns[title]) for title in titles)
    num_columns = layout.num_columns(band, len(titles))
    height = layout.panel_height(band, num_columns)
    heights = [height, 0.6 * height][: len(measures)]
    panels = layout.make_panels(
        band, len(measures), num_columns, longest, heights
    )
    for column, title in zip(panels.T, titles, strict=False):
        column[0].set_title(title)
        for axes, measure in zip(column, measures, strict=False):
            draw_amount(study, axes, columns[title], measure, is_log=is_log)
        handles, _ = column[0].get_legend_handles_labels()
        layout.draw_legend(column[-1], handles)
    layout.label_outer(panels[:-1, : len(titles)])
    layout.leave_empty(panels[:, len(titles) :])
    return sum(heights) + layout.legend_height(longest) + 0.55


def draw_amount(
    study, axes, transforms, measure="invariance_all", *, is_log=False
):
    """Draws the mean invariance of networks against n_seen.

    Args:
        study: A `tables.Runs`.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations.
        measure: String, one of the keys of `AMOUNTS`.
        is_log: Boolean, whether the x axis is logarithmic.
    """
    positions = n_seen_values(study)
    neurons = own_tests(rows(study.neurons, category_group="all"))
    if len(neurons) and measure == "invariance_all":
        neurons = neurons[neurons["transform"].isin(transforms)]
        for control, look in CONTROLS.items():
            means = neurons.groupby("n_seen")[control].mean()
            axes.plot(means.index, means, gid=control, **look | {"label": ""})
    table = trained(study.runs)
    lines.draw_lines(table, axes, "n_seen", measure, transforms, positions)
    lowest = lines.lowest_of(table[measure])
    lines.draw_share(axes, AMOUNTS[measure], lowest=lowest)
    lines.draw_n_seen(axes, positions, num_categories(study), is_log=is_log)


def draw_relation(table, axes, measure, transforms):
    """Draws each network as a dot: accuracy against mean invariance.

    A line is fitted to all of them by least squares.

    Args:
        table: DataFrame with a row for each network: transform,
            invariance_all and the measure; rows with nan are left out.
        axes: Matplotlib `Axes`.
        measure: `"within_accuracy"` or `"across_accuracy"`.
        transforms: List of names of transformations.
    """
    table = _select_networks(table, measure, transforms)
    columns = ["invariance_all", measure]
    lines.mark_at_chance(table, axes, *columns)
    _draw_regression(*table[columns].to_numpy().T, axes)
    looks = style.looks_of(transforms)
    for name in transforms:
        of_transform = rows(table, transform=name)
        look = looks[name]
        axes.plot(
            of_transform.invariance_all,
            of_transform[measure],
            linestyle="none",
            marker=look.marker,
            markersize=3,
            # Those below others can be seen.
            markerfacecolor=to_rgba(look.color, 0.35),
            markeredgecolor=look.color,
            markeredgewidth=0.5,
            label=look.label + ("" if len(of_transform) else " (missing)"),
        )
    axes.text(
        1,
        1.02,
        _write_correlation(table, columns),
        transform=axes.transAxes,
        ha="right",
        fontweight="bold",
        gid="correlation",
    )
    name = measure.removesuffix("_accuracy")
    lines.draw_percent(axes, f"{name}-category accuracy (%)")
    largest = table.invariance_all.max() if len(table) else 1
    axes.set(xlim=(-0.02, max(0.6, largest + 0.04)))
    axes.set_xlabel("mean invariance coefficient")
    axes.grid(axis="x")


def _select_networks(table, measure, transforms):
    """Returns the networks that have both measures, and these as floats."""
    columns = ["invariance_all", measure]
    table = table[table["transform"].isin(transforms)]
    table = table.astype(dict.fromkeys(columns, float))
    return table.dropna(subset=columns)


def _has_interval(table):
    """Says whether transformations are enough for an interval over them."""
    return table["transform"].nunique() >= MIN_CLUSTERS


def _draw_regression(x, y, axes):
    """Draws the line of least squares through the dots, as far as they go."""
    if len(x) < 2 or np.ptp(x) == 0:
        return
    ends = np.array([x.min(), x.max()])
    slope, intercept = np.polyfit(x, y, 1)
    axes.plot(
        ends,
        intercept + slope * ends,
        color="#999999",
        linewidth=1,
        zorder=1,
        gid="regression",
    )


def _write_correlation(table, columns):
    """Returns Pearson's correlation with its interval, in words."""
    r, low, high = correlate(
        *table[columns].to_numpy().T, clusters=table["transform"]
    )
    value = "r undefined" if np.isnan(r) else f"r = {r:.2f}"
    if not np.isnan(low) and _has_interval(table):
        value += f" ({low:.2f} to {high:.2f})"
    return f"{value}, n = {len(table)} networks".replace("-", "−")


def fill_relation(part, study, role, transforms, measure):
    """Draws Fig. 5b (within-category accuracy) or 5c (across-category)."""
    height = layout.panel_height(part, 1, 0.7, (1.8, 3))
    num_columns = max(1, int(layout.width_of(part) / 1.15))
    num_lines = -(-len(transforms) // num_columns)
    (axes,), (legend,) = layout.make_panels(part, 1, 1, num_lines, height)
    table = trained(study.runs)
    draw_relation(table, axes, measure, transforms)
    handles, _ = axes.get_legend_handles_labels()
    # Markers without lines are narrow.
    layout.draw_legend(legend, handles, num_columns, handlelength=1)
    interval = (
        "with its 95 % bootstrap interval over transformations"
        if _has_interval(_select_networks(table, measure, transforms))
        else "without an interval, as transformations are too few"
    )
    return height + layout.legend_height(num_lines) + 0.6, (
        "Dots: networks, one for each number of seen categories and seed. "
        f"r: Pearson's correlation, {interval}. Line: least squares over all "
        "networks. Invariance: mean over neurons, for test images of all "
        f"categories.{describe_tau(study)}"
    )
