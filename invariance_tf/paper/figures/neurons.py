"""Whole figures of violins: 3a, 3b, 3c, 4, 9, 10 and 12."""

import math

from matplotlib.patches import Patch

from invariance_tf.drawing import layout, style
from invariance_tf.paper.figures import parts, violins
from invariance_tf.paper.figures.selection import (
    all_seen,
    gap_text,
    grid,
    never_transformed,
    own,
    rows,
    size_of,
)
from invariance_tf.paper.studies import transforms_of

INVARIANCE = "invariance_coefficient"


def fill_active(figure, studies, roles=("faces", "imagenet")):
    """Draws Fig. 3a: how many images a neuron answers to, and vice versa."""
    for role, part in parts.make_parts(figure, studies, roles).items():
        if role in studies:
            _fill_active_of(studies[role], part.subplots(1, 2), role)
        else:
            layout.draw_gap(part.subplots(), gap_text(role))
    layout.write_note(
        figure,
        "Networks that saw all categories transformed. Violins: neurons of the "
        "penultimate layer (left) and test images (right) of all seeds. White "
        "dot: mean; bar: 95 % bootstrap interval over neurons (left) and "
        "images (right), not seeds.",
    )


def _fill_active_of(study, panels, role):
    """Draws both panels of a study."""
    neurons = all_seen(own(rows(study.neurons, category_group="all")))
    counts = (
        (neurons, "num_active_images", "num_images"),
        (all_seen(study.active_counts), "num_active_neurons", "num_neurons"),
    )
    labels = (
        "images that activate\na neuron (%)",
        "neurons that an image\nactivates (%)",
    )
    for axes, (table, active, whole), label in zip(
        panels, counts, labels, strict=True
    ):
        if len(table):
            table = table.assign(percent=100 * table[active] / table[whole])
        draw_active(table, axes, transforms_of(role))
        axes.set_ylabel(label)


def draw_active(table, axes, transforms):
    """Draws the distribution of the column percent, from 0 upwards."""
    violins.draw_by_transform(table, axes, "percent", transforms)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")


def fill_with_and_without(figure, studies, role, measure=INVARIANCE):
    """Draws Figs. 3b, 3c and 12: networks trained with T beside without."""
    study = studies.get(role)
    if study is None:
        layout.draw_gap(figure.subplots(), gap_text(role))
        return
    (axes,), (legend,) = layout.make_panels(figure, 1, 1, 2)
    transforms = transforms_of(role)
    table = rows(study.neurons, category_group="all")
    pair = all_seen(own(table)), never_transformed(table)
    violins.draw_with_and_without(*pair, axes, measure, transforms)
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
    layout.write_note(figure, violins.NOTE)


def fill_by_n_seen(figure, studies, role, transforms, num_columns):
    """Draws Figs. 4, 9 and 10: a panel of violins for each transformation.

    Args:
        figure: Matplotlib `Figure` to fill.
        studies: Dictionary of `studies.find_studies`.
        role: The study to draw.
        transforms: List of names of transformations.
        num_columns: Integer, panels in a row.
    """
    study = studies.get(role)
    if study is None:
        layout.draw_gap(figure.subplots(), gap_text(role))
        return
    num_rows = math.ceil(len(transforms) / num_columns)
    panels = figure.subplots(
        num_rows, num_columns, sharex=True, sharey=True, squeeze=False
    )
    table, positions = own(study.neurons), grid(study)
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
    figure.supylabel("invariance coefficient", fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel(f"categories seen transformed (of {size_of(study)})")
    handles = [
        Patch(label="seen categories", **style.SEEN),
        Patch(label="unseen categories", **style.UNSEEN),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    layout.write_note(figure, violins.NOTE)
