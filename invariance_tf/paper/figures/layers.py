"""Invariance layer by layer: Fig. 11."""

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.parts import choose_evenly
from invariance_tf.paper.selection import (
    at_own_tau,
    n_seen_values,
    num_categories,
    own_tests,
    rows,
)
from invariance_tf.paper.studies import transforms_of

GROUPS = {"seen": "seen", "unseen": "unseen", "all": "both"}
NUM_COLUMNS = 6


def draw_layers(table, axes, names, looks):
    """Draws mean invariance over layers, a line for each number seen.

    Args:
        table: DataFrame with a row for each network and layer: n_seen, layer,
            mean_invariance.
        axes: Matplotlib `Axes`.
        names: List of names of layers, from the first to the last.
        looks: Dictionary from numbers of seen categories to options of
            `lines.draw_line`.
    """
    depths = list(range(len(names)))
    depth_of = dict(zip(names, depths, strict=True))
    table = table.assign(depth=table.layer.map(depth_of))
    for n_seen, look in looks.items():
        of_line = rows(table, n_seen=n_seen)
        if of_line.mean_invariance.notna().any():
            lines.draw_line(
                of_line, axes, "depth", "mean_invariance", depths, **look
            )
    axes.set_xticks(depths, names, rotation=90)
    axes.set_xlim(-0.3, len(names) - 0.7)
    axes.set(ylim=(-0.02, 1.02), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.grid(axis="y")


def fill_layers(part, study, role, num_lines=6):
    """Draws Fig. 11: columns are transformations, rows are groups.

    Layers are drawn at each run's own threshold.
    """
    table = at_own_tau(study, own_tests(study.layers))
    if not len(table) or table.layer.nunique() == 1:
        text = "only the penultimate layer was measured: --analysis layers"
        layout.draw_gap(part.subplots(), text)
        return None
    names = _layer_names(table)
    looks = _make_looks(choose_evenly(n_seen_values(study), num_lines))
    transforms = transforms_of(role)
    bands = part.subfigures(len(transforms) // NUM_COLUMNS, 1)
    for number, band in enumerate(bands):
        shown = transforms[number * NUM_COLUMNS :][:NUM_COLUMNS]
        # Without sharing axes, which takes longer to draw; limits are equal.
        panels = band.subplots(3, NUM_COLUMNS)
        for column, transform in zip(panels.T, shown, strict=True):
            of_transform = rows(table, transform=transform)
            column[0].set_title(style.LOOKS[transform].label)
            for axes, group in zip(column, GROUPS, strict=True):
                of_group = rows(of_transform, category_group=group)
                if len(of_group):
                    draw_layers(of_group, axes, names, looks)
                else:
                    layout.draw_gap(axes, "missing")
                axes.label_outer()
        for axes, label in zip(panels[:, 0], GROUPS.values(), strict=True):
            axes.set_ylabel(f"{label}\nmean invariance")
    bands[0].legend(
        handles=[Line2D([], [], **look) for look in looks.values()],
        loc="outside upper right",
        ncols=len(looks),
        title=f"categories seen transformed (of {num_categories(study)})",
    )
    return (
        f"{lines.NOTE} Rows: test images of seen and of unseen categories, "
        "and both."
    )


def _make_looks(counts):
    """Returns how lines look by n_seen: the more seen, the darker."""
    shades = np.linspace(0.1, 1, len(counts))
    return {
        n_seen: {
            "label": f"{n_seen:g}",
            "color": to_hex(matplotlib.colormaps["viridis_r"](shade)),
            "marker": "o",
            "markersize": 3,
        }
        for n_seen, shade in zip(counts, shades, strict=True)
    }


def _layer_names(table):
    """Returns the layers in the network's order, of the run with most."""
    most = table.groupby("run").layer.nunique().idxmax()
    return list(dict.fromkeys(table.layer[table.run == most]))
