"""Invariance of networks against n_seen and against accuracy: Fig. 5."""

import numpy as np

from invariance_tf.drawing import layout, lines, style
from invariance_tf.measures.intervals import correlate
from invariance_tf.paper.figures.violins import CONTROLS
from invariance_tf.paper.selection import (
    n_seen_values,
    num_categories,
    own_tests,
    rows,
    trained,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES, OF_IMAGENET

AMOUNT = "mean invariance coefficient"


def fill_amounts(part, study, role):
    """Draws Fig. 5a for one study: a panel per family, or one for ImageNet."""
    is_log = role == "imagenet"
    # An empty column keeps the only panel from being too wide.
    columns = {"": OF_IMAGENET, None: ()} if is_log else FAMILIES
    longest = max(map(len, columns.values()))
    panels = layout.make_panels(part, 1, len(columns), longest)
    for (axes, legend), (title, transforms) in zip(
        panels.T, columns.items(), strict=True
    ):
        if transforms:
            axes.set_title(title)
            draw_amount(study, axes, transforms, is_log=is_log)
            layout.draw_legend(legend, axes.get_legend_handles_labels()[0])
        else:
            axes.set_axis_off()
    layout.label_outer(panels[:1])
    return (
        f"{lines.NOTE} Grey: the coefficient with T of another image of the "
        "category (dashed) or of another category (dotted), mean of the panel."
    )


def draw_amount(study, axes, transforms, *, is_log=False):
    """Draws the mean invariance of networks against n_seen.

    Args:
        study: A `tables.Runs`.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations.
        is_log: Boolean, whether the x axis is logarithmic.
    """
    positions = n_seen_values(study)
    neurons = own_tests(rows(study.neurons, category_group="all"))
    if len(neurons):
        neurons = neurons[neurons["transform"].isin(transforms)]
        for measure, look in CONTROLS.items():
            means = neurons.groupby("n_seen")[measure].mean()
            axes.plot(means.index, means, gid=measure, **{**look, "label": ""})
    lines.draw_lines(
        trained(study.runs),
        axes,
        "n_seen",
        "invariance_all",
        transforms,
        positions,
    )
    lines.draw_share(axes, AMOUNT)
    lines.draw_n_seen(axes, positions, num_categories(study), is_log=is_log)


def draw_relation(table, axes, measure, transforms):
    """Draws each network as a dot: accuracy against mean invariance.

    Args:
        table: DataFrame with a row for each network: transform,
            invariance_all and the measure; rows with nan are left out.
        axes: Matplotlib `Axes`.
        measure: `"within_accuracy"` or `"across_accuracy"`.
        transforms: List of names of transformations.
    """
    table = table[table["transform"].isin(transforms)]
    columns = ["invariance_all", measure]
    table = table[["transform", *columns]].astype(dict.fromkeys(columns, float))
    table = table.dropna()
    for name in transforms:
        of_transform = rows(table, transform=name)
        look = style.LOOKS[name]
        axes.plot(
            of_transform.invariance_all,
            of_transform[measure],
            linestyle="none",
            marker=look.marker,
            color=look.color,
            markeredgecolor="white",
            markeredgewidth=0.4,
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
    axes.set(xlim=(-0.02, 1.04), xlabel=AMOUNT)
    axes.grid(axis="x")


def _write_correlation(table, columns):
    """Returns Pearson's correlation with its interval, in words."""
    r, low, high = correlate(
        *table[columns].to_numpy().T, clusters=table["transform"]
    )
    value = "r undefined" if np.isnan(r) else f"r = {r:.2f}"
    if not np.isnan(low):
        value += f" ({low:.2f} to {high:.2f})"
    return f"{value}, n = {len(table)} networks".replace("-", "−")


def fill_relation(part, study, role, measure):
    """Draws Fig. 5b (within-category accuracy) or 5c (across-category)."""
    axes = part.subplots()
    draw_relation(trained(study.runs), axes, measure, transforms_of(role))
    part.legend(
        handles=axes.get_legend_handles_labels()[0], loc="outside right center"
    )
    return (
        "Dots: networks, one for each number of seen categories and seed. "
        "r: Pearson's correlation, with its 95 % bootstrap interval over "
        "transformations. Invariance: mean over neurons, for test images of "
        "all categories."
    )
