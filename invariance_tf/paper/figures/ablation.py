"""Accuracy without active or without inactive neurons: Figs. 7 and 8."""

from invariance_tf.drawing import lines, style
from invariance_tf.paper.selection import all_seen, of_penultimate, rows
from invariance_tf.paper.studies import transforms_of


def select_ablations(study, criterion):
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
    return all_seen(of_penultimate(study, table))


def fill_ablation(part, study, role, criterion="tau"):
    """Draws Fig. 7 (thresholds) or 8 (top percent), for one study."""
    table = select_ablations(study, criterion)
    panels = part.subplots(1, 2, sharey=True)
    for axes, ablated in zip(panels, ("inactive", "active"), strict=True):
        axes.set_title(f"{ablated} neurons set to 0")
        of_panel = rows(table, ablated=ablated)
        values = sorted(set(of_panel.value)) if len(of_panel) else []
        lines.draw_lines(
            of_panel, axes, "value", "accuracy", transforms_of(role), values
        )
        lines.draw_percent(axes, "within-category accuracy (%)")
        if criterion == "tau":
            axes.set(xlim=(-0.02, 1.02), xlabel="threshold τ")
            _mark_taus(axes, all_seen(study.runs).tau)
        else:
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks(values, [f"{percent:g}" for percent in values])
            axes.set_xlabel("images a neuron is active for (top %)")
        axes.label_outer()
    handles = panels[0].get_legend_handles_labels()[0]
    part.legend(handles=handles, loc="outside right center")
    return f"Networks that saw all categories transformed. {lines.NOTE}"


def _mark_taus(axes, taus):
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
