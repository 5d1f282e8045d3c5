"""Is invariance a matter of a network's capacity?"""

import functools

import numpy as np
from matplotlib.lines import Line2D

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.claims.inference import slopes
from invariance_tf.paper.questions.chosen import (
    RECURRENT,
    choose_runs,
    count_in_words,
    is_joint,
    sort_transforms,
)
from invariance_tf.paper.questions.panels import (
    describe_seeds,
    draw_lines_on_log_axis,
    legend_band,
)
from invariance_tf.paper.studies import name_in_words

_ACROSS, _INVARIANCE = "across_accuracy", "invariance_unseen"
_FLOOR, _CORRECTED = "invariance_floor_unseen", "corrected_invariance_unseen"


def select_capacity(runs):
    """Selects networks of several numbers of parameters.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame, rows of `runs.runs`.
    """
    is_asked = is_joint(runs) & ~runs.runs.network.isin(RECURRENT)
    return choose_runs(runs, is_asked, several="num_parameters")


# Labels of the panels' y axes.
_PANELS = {
    _ACROSS: "across-category\naccuracy (%)",
    _INVARIANCE: "invariance,\nunseen categories",
    _CORRECTED: "corrected invariance,\nunseen categories",
}


def fill_capacity(part, table):
    """Draws accuracy and invariance against the number of parameters."""
    fills = [
        functools.partial(_fill_panel, table=table, measure=measure)
        for measure in _PANELS
    ]
    handles = lines.make_handles(sort_transforms(table))
    handles.append(Line2D([], [], **style.FLOOR))
    height = layout.stack(
        part,
        [
            functools.partial(layout.beside, fills=fills, smallest=2),
            legend_band(part, handles),
        ],
    )
    return height, (
        f"{describe_seeds(table)} Invariance: mean over the neurons of the "
        "penultimate layer, for unseen categories; floor: mean over networks. "
        f"{style.CORRECTED_NOTE} Dotted, left: chance. Lines are shifted "
        "sideways."
    )


def _fill_panel(part, table, measure):
    """Draws a measure, a line for each transformation and kind of network."""
    axes = part.subplots()
    names = sort_transforms(table)
    for _, family in table.groupby("network", sort=False):
        draw_lines_on_log_axis(family, axes, "num_parameters", measure, names)
    _label_networks(axes, table)
    label = _PANELS[measure]
    if measure == _ACROSS:
        axes.axhline(1 / table.num_categories.max(), **style.CHANCE)
        lines.draw_percent(axes, label)
    else:
        lines.draw_share(axes, label, lowest=lines.lowest_of(table[measure]))
    if measure == _INVARIANCE:
        floor = table.groupby("num_parameters")[_FLOOR].mean()
        axes.plot(floor.index, floor, gid=_FLOOR, **style.FLOOR)
    return 2.2


def _label_networks(axes, table):
    """Names the networks along a logarithmic axis of their parameters."""
    sizes = table.groupby("network_name").num_parameters.first().sort_values()
    prefix = ""
    if table.network.nunique() == 1:
        prefix = f"{name_in_words(table.network.iloc[0])}, "
    labels = [
        f"{name.removeprefix(prefix)}: {count_in_words(size)}"
        for name, size in sizes.items()
    ]
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(sizes.min() / 1.3, sizes.max() * 1.3)
    axes.set_xticks(
        sizes, labels, rotation=30, ha="right", rotation_mode="anchor"
    )
    axes.set_xlabel("parameters")


def compare_capacity(table):
    """Fits accuracy and invariance to the logarithm of the parameters.

    Returns:
        Dictionary from what is compared to a Series by transform and seed:
        the rise if a network of the same kind has twice the parameters.
    """
    found = {}
    for network, family in table.groupby("network", sort=False):
        for words, measure in (
            ("across", _ACROSS),
            ("corrected invariance, unseen", _CORRECTED),
        ):
            values = family.set_index(["transform", "num_parameters", "seed"])
            found[f"{words}, per doubling of a {name_in_words(network)}"] = (
                slopes(values[measure], np.log2, by="num_parameters")
            )
    return found
