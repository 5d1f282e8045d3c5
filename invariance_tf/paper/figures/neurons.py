"""Whole figures of violins: 3a, 3b, 3c, 4, 9, 10 and 12."""

import math

from matplotlib.patches import Patch

from invariance_tf.drawing import layout, style
from invariance_tf.paper.figures import violins
from invariance_tf.paper.selection import (
    all_seen,
    all_seen_neurons,
    n_seen_values,
    never_transformed,
    num_categories,
    own_tests,
    rows,
)
from invariance_tf.paper.studies import transforms_of

INVARIANCE = "invariance_coefficient"


def fill_active(part, study, role):
    """Draws Fig. 3a: how many images a neuron answers to, and vice versa."""
    neurons, counts = all_seen_neurons(study), all_seen(study.active_counts)
    shares = (
        (neurons, "num_active_images", "num_images"),
        (counts, "num_active_neurons", "num_neurons"),
    )
    labels = (
        "images that activate\na neuron (%)",
        "neurons that an image\nactivates (%)",
    )
    for axes, (table, active, whole), label in zip(
        part.subplots(1, 2), shares, labels, strict=True
    ):
        if len(table):
            table = table.assign(percent=100 * table[active] / table[whole])
        violins.draw_by_transform([table], axes, "percent", transforms_of(role))
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.set_ylabel(label)
    return (
        "Networks that saw all categories transformed. Violins: neurons of the "
        "penultimate layer (left) and test images (right) of all seeds. White "
        "dot: mean; bar: 95 % bootstrap interval over neurons (left) and "
        "images (right), not seeds."
    )


def fill_with_and_without(part, study, role, measure=INVARIANCE):
    """Draws Figs. 3b, 3c and 12: networks trained with T beside without."""
    (axes,), (legend,) = layout.make_panels(part, 1, 1, 2)
    transforms = transforms_of(role)
    without = rows(never_transformed(study.neurons), category_group="all")
    if len(without):
        without = without.assign(transform=without.test_transform)
    pair = [all_seen_neurons(study), without]
    violins.draw_by_transform(pair, axes, measure, transforms)
    handles = [
        Patch(facecolor="#555555", label="x + T(x): all categories seen"),
        Patch(label="x: original images only", **style.ORIGINAL_ONLY),
    ]
    if measure == INVARIANCE:
        violins.draw_controls(pair[0], axes, transforms)
        handles += violins.control_handles()
        axes.set(ylim=(-0.02, 1.02), ylabel="invariance coefficient")
    else:
        axes.axhline(0, color=style.GREY, linewidth=0.7, zorder=0)
        axes.set(ylim=(-1.04, 1.04), yticks=(-1, -0.5, 0, 0.5, 1))
        axes.set_ylabel("specialisation\n(x only: −1, T(x) only: +1)")
    axes.grid(axis="y")
    layout.draw_legend(legend, handles, num_columns=2)
    return violins.NOTE


def fill_by_n_seen(part, study, role, transforms, num_columns):
    """Draws Figs. 4, 9 and 10: a panel of violins for each transformation.

    Args:
        part: Matplotlib `Figure` or `SubFigure` to fill.
        study: A `tables.Runs`.
        role: String, the study.
        transforms: List of names of transformations.
        num_columns: Integer, panels in a row.
    """
    num_rows = math.ceil(len(transforms) / num_columns)
    panels = part.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    )
    table, positions = own_tests(study.neurons), n_seen_values(study)
    for axes, transform in zip(panels.flat, transforms, strict=False):
        of_transform = rows(table, transform=transform)
        violins.draw_seen_and_unseen(of_transform, axes, INVARIANCE, positions)
        look = style.LOOKS[transform]
        axes.set_title(look.label, fontweight="bold")
        axes.set_title(
            style.family_of(transform), loc="right", color=style.GREY, size=7.5
        )
        axes.set_ylim(-0.02, 1.02)
        axes.grid(axis="y")
    for axes in panels.flat[len(transforms) :]:
        axes.set_axis_off()
    part.supylabel("invariance coefficient", fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel(
            f"categories seen transformed (of {num_categories(study)})"
        )
    handles = [
        Patch(label="seen categories", **style.SEEN),
        Patch(label="unseen categories", **style.UNSEEN),
    ]
    part.legend(handles=handles, loc="outside upper right", ncols=2)
    return violins.NOTE
