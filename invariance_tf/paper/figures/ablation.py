"""Accuracy without active or without inactive neurons: Figs. 7 and 8."""

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures import parts
from invariance_tf.paper.figures.selection import all_seen, gap_text, rows
from invariance_tf.paper.studies import transforms_of


def select(study, criterion):
    """Selects within-category accuracies of networks that saw all categories.

    The paper does not say which networks Figs. 7 and 8 show; these are those
    of Fig. 2a.

    Args:
        study: A `tables.Runs`.
        criterion: `"tau"` or `"top_percent"`.

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
    if not len(table):
        return table
    layers = study.runs.set_index("run").penultimate_layer
    return all_seen(table[table.layer == table.run.map(layers)])


def draw_ablation(table, axes, transforms):
    """Draws accuracy against the threshold, a line for each transformation.

    Args:
        table: DataFrame with a row for each network and threshold: transform,
            value, accuracy.
        axes: Matplotlib `Axes`.
        transforms: List of names of transformations.
    """
    positions = sorted(set(table.value)) if len(table) else []
    lines.draw_lines(table, axes, "value", "accuracy", transforms, positions)
    lines.draw_percent(axes, "within-category accuracy (%)")


def fill_ablation(figure, studies, roles, criterion="tau"):
    """Draws Fig. 7 (thresholds) or 8 (top percent), a row for each study."""
    for role, part in parts.make_parts(figure, studies, roles).items():
        if role in studies:
            _fill_study(part, studies[role], role, criterion)
        else:
            layout.draw_gap(part.subplots(), gap_text(role))
    layout.write_note(
        figure,
        f"Networks that saw all categories transformed. {lines.NOTE}",
    )


def _fill_study(part, study, role, criterion):
    """Draws both panels of a study."""
    table = select(study, criterion)
    panels = part.subplots(1, 2, sharey=True)
    for axes, ablated in zip(panels, ("inactive", "active"), strict=True):
        axes.set_title(f"{ablated} neurons set to 0")
        of_panel = rows(table, ablated=ablated)
        draw_ablation(of_panel, axes, transforms_of(role))
        if criterion == "tau":
            axes.set(xlim=(-0.02, 1.02), xlabel="threshold τ")
            _mark_tau(axes, all_seen(study.runs).tau)
        else:
            percents = sorted(set(of_panel.value)) if len(of_panel) else []
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks(percents, [f"{p:g}" for p in percents])
            axes.set_xlabel("images a neuron is active for (top %)")
        axes.label_outer()
    handles = panels[0].get_legend_handles_labels()[0]
    part.legend(handles=handles, loc="outside right center")


def _mark_tau(axes, taus):
    """Marks the thresholds that the runs use."""
    taus = sorted(set(taus.dropna()))
    if not taus:
        return
    for tau in taus:
        axes.axvline(
            tau,
            color=style.GREY,
            linewidth=0.8,
            linestyle=(0, (4, 2)),
            gid="tau",
        )
    axes.set_title(
        f"dashed: τ = {', '.join(f'{tau:g}' for tau in taus)}",
        loc="right",
        color=style.GREY,
        fontsize=7.5,
    )
