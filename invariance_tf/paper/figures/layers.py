"""Invariance layer by layer: Fig. 11."""

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.selection import (
    gap_text,
    grid,
    own,
    rows,
    size_of,
    spread,
)
from invariance_tf.paper.studies import transforms_of

GROUPS = {"seen": "seen", "unseen": "unseen", "all": "both"}
NUM_COLUMNS = 6


def select(study):
    """Selects the layers' invariance to the trained transformation.

    Returns:
        DataFrame of rows at the threshold of each run: the keys, layer,
        category_group and mean_invariance.
    """
    table = own(study.layers)
    if not len(table):
        return table
    taus = study.runs.set_index("run").tau
    return table[np.isclose(table.tau, table.run.map(taus).astype("float64"))]


def draw_layers(table, axes, names, positions):
    """Draws mean invariance over layers, a line for each number seen.

    Args:
        table: DataFrame with a row for each network and layer: n_seen, layer,
            mean_invariance.
        axes: Matplotlib `Axes`.
        names: List of names of layers, from the first to the last.
        positions: Sorted list of numbers of seen categories; the more, the
            darker the line.
    """
    depths = dict(zip(names, range(len(names)), strict=True))
    if len(table):
        table = table.assign(depth=table.layer.map(depths))
    for n_seen, look in _looks(positions).items():
        of_line = rows(table, n_seen=n_seen)
        if not len(of_line) or of_line.mean_invariance.isna().all():
            continue
        lines.draw_line(
            of_line,
            axes,
            "depth",
            "mean_invariance",
            list(range(len(names))),
            **look,
        )
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_xlim(-0.3, len(names) - 0.7)
    axes.set(ylim=(-0.02, 1.02), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.grid(axis="y")


def fill_layers(figure, studies, role="faces", num_lines=6):
    """Draws Fig. 11: columns are transformations, rows are groups."""
    study = studies.get(role)
    table = None if study is None else select(study)
    if table is None or not len(table) or table.layer.nunique() == 1:
        text = gap_text(role)
        if study is not None:
            text = "only the penultimate layer was measured: --analysis layers"
        layout.draw_gap(figure.subplots(), text)
        return
    names, positions = _layer_names(table), spread(grid(study), num_lines)
    transforms = transforms_of("faces")
    bands = figure.subfigures(len(transforms) // NUM_COLUMNS, 1)
    for number, band in enumerate(bands):
        shown = transforms[number * NUM_COLUMNS :][:NUM_COLUMNS]
        panels = band.subplots(3, NUM_COLUMNS, sharex=True, sharey=True)
        for column, transform in zip(panels.T, shown, strict=True):
            of_transform = rows(table, transform=transform)
            _draw_column(of_transform, column, transform, names, positions)
        for axes, label in zip(panels[:, 0], GROUPS.values(), strict=True):
            axes.set_ylabel(f"{label}\nmean invariance")
    looks = _looks(positions).values()
    bands[0].legend(
        handles=[Line2D([], [], **look) for look in looks],
        loc="outside upper right",
        ncols=len(positions),
        title=f"categories seen transformed (of {size_of(study)})",
    )
    layout.write_note(
        figure,
        f"{lines.NOTE} Rows: test images of seen and of unseen categories, "
        "and both.",
    )


def _looks(positions):
    """Returns how lines look, by number of seen categories."""
    shades = np.linspace(0.1, 1, len(positions))
    return {
        n_seen: {
            "label": f"{n_seen:g}",
            "color": to_hex(matplotlib.colormaps["viridis_r"](shade)),
            "marker": "o",
            "markersize": 3,
        }
        for n_seen, shade in zip(positions, shades, strict=True)
    }


def _draw_column(table, column, transform, names, positions):
    """Draws the three panels of a transformation."""
    column[0].set_title(style.LOOKS[transform].label)
    for axes, group in zip(column, GROUPS, strict=True):
        of_group = rows(table, category_group=group)
        if len(of_group):
            draw_layers(of_group, axes, names, positions)
        else:
            layout.draw_gap(axes, "missing")
    for axes in column[:-1]:
        axes.tick_params(labelbottom=False)


def _layer_names(table):
    """Returns the layers in the network's order, of the run with most."""
    most = table.groupby("run").layer.nunique().idxmax()
    return list(dict.fromkeys(table.layer[table.run == most]))
