"""Do neurons form clusters by what they are invariant to?"""

from functools import partial

import numpy as np
from matplotlib.lines import Line2D

from invariance_tf.drawing import layout, lines, style
from invariance_tf.drawing.clusters import SURROGATES
from invariance_tf.paper.questions.chosen import (
    add_rows,
    choose_runs,
    is_of_several,
)
from invariance_tf.paper.questions.panels import describe_seeds, draw_line
from invariance_tf.paper.selection import rows


def select_clusters(runs):
    """Selects the clusters of networks trained with most transformations.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame, rows of `runs.clusters` with the column num_trained.
    """
    is_clustered = runs.runs.run.isin(runs.clusters.run)
    chosen = choose_runs(runs, is_clustered & is_of_several(runs))
    table = add_rows(chosen, runs.clusters)
    if not len(table):
        return table
    table = table.assign(num_trained=table["transform"].str.count(",") + 1)
    return table[table.num_trained == table.num_trained.max()]


def fill_clusters(part, table):
    """Draws the variance between clusters, a panel for each layer."""
    handles = [Line2D([], [], label="neurons", color=_COLOR, marker="o")]
    handles += [
        Line2D([], [], label=label, color=color, linewidth=4, alpha=0.6)
        for label, color in SURROGATES.values()
    ]
    layers = [*table.layer.unique()]
    count = table.num_trained.max()

    def fill_band(band, shown):
        num_columns = layout.num_columns(band, len(bands[0]))
        height = layout.panel_height(band, num_columns, limits=(1.1, 1.5))
        panels = band.subplots(1, num_columns, squeeze=False)
        for axes, layer in zip(panels[0], shown, strict=False):
            _draw_layer(axes, rows(table, layer=layer), layer)
        layout.label_outer(panels[:, : len(shown)])
        layout.leave_empty(panels[:, len(shown) :])
        return height + 0.5

    bands = layout.split(part, layers, 1.6)
    fills = [partial(fill_band, shown=shown) for shown in bands]
    legend = layout.legend_band(handles, len(handles))
    height = layout.stack(part, [*fills, legend])
    return height, (
        f"{describe_seeds(table)} Invariance coefficients of at most 500 "
        f"neurons to {count} transformations, by Ward's tree. Shuffled: each "
        "transformation's coefficients given to random neurons; as correlated: "
        "so that their ranks correlate as they do (mean over networks, and 2 "
        "standard deviations). Numbers: clusters that are found, in each "
        "network; 1 means none."
    )


_COLOR = style.SEEN["facecolor"]


def _draw_layer(axes, table, layer):
    numbers = sorted({*table.num_clusters})
    for name, (_, color) in SURROGATES.items():
        of_name = table.groupby("num_clusters")
        mean = of_name[f"{name}_mean"].mean()
        spread = 2 * of_name[f"{name}_std"].mean()
        axes.fill_between(
            mean.index,
            mean - spread,
            mean + spread,
            color=color,
            alpha=0.5,
            linewidth=0,
        )
    draw_line(
        table,
        axes,
        "num_clusters",
        "explained",
        numbers,
        label="neurons",
        color=_COLOR,
        marker="o",
    )
    found = sorted(table.num_clusters[table.is_chosen])
    axes.set_title(f"{layer}: {', '.join(map(str, found))}")
    axes.set_xticks(numbers)
    axes.set_xlabel("clusters")
    lines.draw_percent(axes, "variance between (%)")


def compare_clusters(table):
    """Compares neurons with made-up ones, by the variance between two clusters.

    Layers are averaged.

    Returns:
        Dictionary from what is compared to a Series by transform and seed.
    """
    of_two = rows(table, num_clusters=2)
    found = {}
    for name, words in (
        ("shuffled", "shuffled ones"),
        ("correlated", "made-up ones that correlate alike"),
    ):
        above = of_two.assign(above=of_two.explained - of_two[f"{name}_mean"])
        means = above.groupby(["transform", "seed"]).above.mean()
        found[f"variance between two clusters, neurons minus {words}"] = (
            means.astype(np.float64)
        )
    return found
