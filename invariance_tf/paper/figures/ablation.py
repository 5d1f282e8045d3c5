"""Accuracy without active or without inactive neurons: Figs. 7 and 8."""

from functools import partial

import numpy as np

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.parts import num_seeds
from invariance_tf.paper.selection import (
    all_seen,
    num_categories,
    of_penultimate,
    rows,
)

# Inches: the least width of a panel.
_SMALLEST = 2

TITLES = {
    "inactive": "inactive neurons set to 0",
    "active": "active neurons set to 0",
    # A control: as many as are active, chosen at random.
    "random": "as many random neurons set to 0",
}


def select_ablations(study, criterion):
    """Selects within-category accuracies of networks that saw all categories.

    The paper does not say which networks Figs. 7 and 8 show; these are those
    of Fig. 2a.

    Args:
        study: A `tables.Runs`.
        criterion: `"tau"`, `"top_percent"` or `"none"`, the intact network.

    Returns:
        DataFrame of transformed test images, of the penultimate layer: the
        keys, value, ablated and accuracy.
    """
    table = rows(
        study.ablation,
        criterion=criterion,
        image_version="transformed",
        category_group="seen",
    )
    return all_seen(of_penultimate(study, table))


def fill_ablation(part, study, role, transforms, criterion="tau"):
    """Draws Fig. 7 (thresholds) or 8 (top percent), for one study."""
    table = select_ablations(study, criterion)
    found = {*table.ablated} if len(table) else {"inactive", "active"}
    names = [name for name in TITLES if name in found]
    fill_panel = partial(
        _fill_panel,
        study=study,
        criterion=criterion,
        transforms=transforms,
        height=layout.panel_height(part, len(names), 0.7, (1.5, 1.8)),
    )
    # Beside others, one label is enough.
    is_beside = layout.width_of(part) >= _SMALLEST * len(names)
    panels = [
        partial(fill_panel, ablated=name, is_labelled=not (index and is_beside))
        for index, name in enumerate(names)
    ]
    missing = {*transforms} - {*table["transform"]}
    handles = lines.make_handles(transforms, missing)
    num_columns = min(len(transforms), int(layout.width_of(part) / 1.15))
    height = layout.stack(
        part,
        [
            partial(layout.beside, fills=panels, smallest=_SMALLEST),
            layout.legend_band(handles, num_columns),
        ],
    )
    return height, (
        "Networks that saw all categories transformed, and the same networks "
        "without ablation (intact). "
        f"{lines.describe_lines(num_seeds(study))} Dotted: chance."
    )


def _fill_panel(
    part, study, ablated, criterion, transforms, height, *, is_labelled
):
    """Draws one kind of ablation, beside the intact network and chance."""
    axes = part.subplots()
    table = select_ablations(study, criterion)
    intact = select_ablations(study, "none")
    draw_ablation(table, intact, axes, ablated, criterion, transforms)
    axes.axhline(1 / num_categories(study), **style.CHANCE)
    if criterion == "tau":
        _mark_taus(axes, all_seen(study.runs).tau)
    if not is_labelled:
        axes.set_ylabel("")
    return height + 0.5


def draw_ablation(table, intact, axes, ablated, criterion, transforms):
    """Draws the accuracy after ablation, a line for each transformation.

    The intact network stands at the side where least is ablated.

    Args:
        table: DataFrame of `select_ablations`.
        intact: DataFrame of `select_ablations`, without ablation.
        axes: Matplotlib `Axes`.
        ablated: String, one of the keys of `TITLES`.
        criterion: `"tau"` or `"top_percent"`.
        transforms: List of names of transformations.
    """
    of_panel = rows(table, ablated=ablated)
    values = sorted(set(of_panel.value)) if len(of_panel) else []
    lines.draw_lines(of_panel, axes, "value", "accuracy", transforms, values)
    axes.set_title(TITLES[ablated])
    lines.draw_percent(axes, "within-category accuracy (%)")
    is_least_first = (ablated == "inactive") == (criterion == "tau")
    if criterion == "tau":
        place = -0.12 if is_least_first else 1.12
        ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
        axes.set(xlim=(-0.2, 1.04) if place < 0 else (-0.04, 1.2))
        axes.set_xlabel("threshold τ")
    else:
        axes.set_xscale("log")
        axes.minorticks_off()
        ticks = values
        ends = (values[0] / 2.2, values[-1] * 2.2) if values else (0.2, 90)
        place = ends[0] if is_least_first else ends[1]
        axes.set_xlabel("images a neuron is active for (top %)")
    labels = [f"{tick:g}" for tick in ticks]
    if len(intact):
        _mark_intact(intact, axes, place, transforms)
        ticks, labels = [*ticks, place], [*labels, "intact"]
    axes.set_xticks(ticks, labels)


def _mark_intact(intact, axes, place, transforms):
    """Draws the accuracy of intact networks, at one place of the x axis."""
    means = intact.groupby("transform").accuracy.mean()
    for name, look in style.looks_of(transforms).items():
        if not np.isnan(means.get(name, np.nan)):
            axes.plot(
                [place],
                [means[name]],
                marker=look.marker,
                color=look.color,
                markeredgecolor="white",
                markeredgewidth=0.3,
                gid="intact",
            )


def _mark_taus(axes, taus):
    """Marks the thresholds that the runs use."""
    taus = sorted(set(taus.dropna()))
    if not taus:
        return
    for tau in taus:
        axes.axvline(
            tau,
            color=style.GREY,
            linewidth=0.7,
            linestyle=(0, (4, 2)),
            gid="tau",
        )
    axes.text(
        taus[-1] + 0.02,
        0.99,
        f"τ = {', '.join(f'{tau:g}' for tau in taus)}",
        transform=axes.get_xaxis_transform(),
        va="top",
        color=style.GREY,
        fontsize=style.NOTE,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )
