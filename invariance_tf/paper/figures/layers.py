"""Invariance layer by layer: Fig. 11."""

from functools import partial

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from invariance_tf import foreign
from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.figures.parts import (
    GAP_HEIGHT,
    describe_tau,
    num_seeds,
)
from invariance_tf.paper.selection import (
    at_own_tau,
    n_seen_values,
    num_categories,
    own_tests,
    rows,
)

INVARIANCE, FLOOR, CORRECTED = (
    "mean_invariance",
    "mean_control_shuffled",
    "mean_corrected_invariance",
)
# Labels of the rows of panels, by their category group and measure.
ROWS = {
    ("seen", INVARIANCE): "seen:\ninvariance",
    ("unseen", INVARIANCE): "unseen:\ninvariance",
    ("all", INVARIANCE): "both:\ninvariance",
    ("all", CORRECTED): "both:\ncorrected J",
}


def draw_layers(table, axes, names, looks, measure=INVARIANCE, lowest=0.0):
    """Draws mean invariance over layers, a line for each number seen.

    Args:
        table: DataFrame with a row for each network and layer: n_seen, layer
            and the measure; its floor if there is one.
        axes: Matplotlib `Axes`.
        names: List of names of layers, from the first to the last.
        looks: Dictionary from numbers of seen categories to options of
            `lines.draw_line`.
        measure: String, name of a column.
        lowest: Float, where the y axis starts.
    """
    depths = list(range(len(names)))
    depth_of = dict(zip(names, depths, strict=True))
    table = table.assign(depth=table.layer.map(depth_of))
    for n_seen, look in looks.items():
        of_line = rows(table, n_seen=n_seen)
        if of_line[measure].notna().any():
            lines.draw_line(of_line, axes, "depth", measure, depths, **look)
    if measure == INVARIANCE and FLOOR in table:
        floor = table.groupby("depth")[FLOOR].mean()
        axes.plot(floor.index, floor, gid=FLOOR, **style.FLOOR)
    labels = [foreign.shorten(name, style.LONGEST_NAME) for name in names]
    axes.set_xticks(depths, labels, rotation=90)
    axes.set_xlim(-0.3, len(names) - 0.7)
    axes.set(ylim=(lowest - 0.04, 1.02), yticks=(0, 0.5, 1))
    axes.grid(axis="y")


def fill_layers(part, study, role, transforms):
    """Draws Fig. 11: columns are transformations, rows are groups.

    Layers are drawn at each run's own threshold.
    """
    table = at_own_tau(study, own_tests(study.layers))
    if not len(table) or table.layer.nunique() == 1:
        text = "only the penultimate layer was measured: --analysis layers"
        layout.draw_gap(part.subplots(), text)
        return GAP_HEIGHT, None
    names = _layer_names(table)
    looks = _make_looks(n_seen_values(study))
    # Older runs have neither the floor nor what is corrected for it.
    has_floor = FLOOR in table and table[FLOOR].notna().any()
    shown = {
        key: text
        for key, text in ROWS.items()
        if has_floor or key[1] == INVARIANCE
    }

    fill_band = partial(
        _fill_band, table=table, names=names, looks=looks, shown=shown
    )
    title = f"seen categories (of {num_categories(study)})"
    height = layout.stack(
        part,
        [
            *_legend_bands(part, looks, title, has_floor=has_floor),
            *(
                partial(fill_band, transforms=of_band)
                for of_band in layout.split(part, [*transforms], 1.15)
            ),
        ],
    )
    note = (
        f"{lines.describe_lines(num_seeds(study))} Rows: mean over the neurons "
        "of a layer, for test images of seen and of unseen categories, and "
        f"both.{describe_tau(study)}"
    )
    return height, f"{note} {style.CORRECTED_NOTE}" if has_floor else note


def _legend_bands(part, looks, title, *, has_floor):
    """Makes functions that fill bands of a part with legends."""
    handles = [Line2D([], [], **look) for look in looks.values()]
    num_columns = int(layout.width_of(part) / 0.62)
    if not has_floor:
        return [layout.legend_band(handles, num_columns, title)]
    floor = [Line2D([], [], **style.FLOOR)]
    if layout.fits_one_line(part, handles + floor):
        return [layout.legend_band(handles + floor, num_columns, title)]
    # A wide entry would make all columns of the numbers' legend too wide.
    return [
        layout.legend_band(handles, num_columns, title),
        layout.legend_band(floor, 1),
    ]


def _fill_band(band, transforms, table, names, looks, shown):
    """Draws a column of panels for each of a few transformations."""
    # Without sharing axes, which takes longer to draw; limits are equal.
    num_columns = layout.num_columns(band, len(transforms))
    panels = band.subplots(len(shown), num_columns, squeeze=False)
    layout.leave_empty(panels[:, len(transforms) :])
    for column, transform in zip(panels.T, transforms, strict=False):
        of_transform = rows(table, transform=transform)
        label = style.look_of(transform).label
        layout.write_panel_title(column[0], label, size=7)
        for axes, (group, measure) in zip(column, shown, strict=True):
            of_group = rows(of_transform, category_group=group)
            if len(of_group):
                lowest = lines.lowest_of(table[measure])
                draw_layers(of_group, axes, names, looks, measure, lowest)
            else:
                layout.draw_gap(axes, "missing")
            axes.label_outer()
    for axes, label in zip(panels[:, 0], shown.values(), strict=True):
        axes.set_ylabel(label)
    longest = min(max(map(len, names)), style.LONGEST_NAME)
    return 0.72 * len(shown) + 0.25 + 0.05 * longest


def _make_looks(counts):
    """Returns how lines look by n_seen: the more seen, the darker."""
    shades = np.linspace(0.1, 1, len(counts))
    return {
        n_seen: {
            "label": f"{n_seen:g}",
            "color": to_hex(matplotlib.colormaps["viridis_r"](shade)),
            "marker": "o",
            "markersize": 2.4,
            "linewidth": 0.9,
        }
        for n_seen, shade in zip(counts, shades, strict=True)
    }


def _layer_names(table):
    """Returns the layers in the network's order, of the run with most."""
    most = table.groupby("run").layer.nunique().idxmax()
    return list(dict.fromkeys(table.layer[table.run == most]))
