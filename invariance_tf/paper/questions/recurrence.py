"""Does recurrent processing help?"""

import functools
import re

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.questions.chosen import (
    RECURRENT,
    by_seed,
    choose_runs,
    count_in_words,
    is_joint,
    sort_transforms,
)
from invariance_tf.paper.questions.panels import (
    describe_seeds,
    draw_line,
    legend_band,
)
from invariance_tf.paper.selection import at_own_tau, own_tests, rows
from invariance_tf.paper.studies import name_in_words

_ACROSS, _CORRECTED = "across_accuracy", "corrected_invariance_unseen"
_OF_LAYER = "mean_corrected_invariance"
_STEP = re.compile(r"(.+)_step(\d+)")


def select_recurrence(runs):
    """Selects recurrent networks and their controls.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame with a row for each run and layer, as in `runs.layers`, for
        unseen categories; layer is without the time step, which is in the
        column step, nan of layers that have none. A run whose layers were not
        measured has one row.
    """
    is_asked = is_joint(runs) & runs.runs.network.isin(RECURRENT)
    chosen = choose_runs(runs, is_asked)
    layers = at_own_tau(runs, own_tests(runs.layers))
    layers = rows(layers, category_group="unseen")
    layers = layers.reindex(columns=["run", "layer", _OF_LAYER])
    found = chosen.merge(layers, on="run", how="left")
    parts = found.layer.astype("object").str.extract(_STEP)
    return found.assign(
        layer=parts[0].fillna(found.layer), step=parts[1].astype("float64")
    )


def fill_recurrence(part, table):
    """Draws networks beside their controls, and layers over time steps."""
    of_runs = table.drop_duplicates("run")
    names = _order_networks(of_runs)
    transforms = sort_transforms(table)
    handles = lines.make_handles(transforms)
    for handle in handles:
        handle.set_linestyle("")
    fills = [
        functools.partial(
            _fill_networks, table=of_runs, names=names, measure=measure
        )
        for measure in (_ACROSS, _CORRECTED)
    ]
    bands = [
        functools.partial(layout.beside, fills=fills, smallest=2.5),
        legend_band(part, handles),
    ]
    steps = table[table.step.notna()]
    # One time step is no course.
    steps = steps[steps.groupby("run").step.transform("max") > 1]
    shown = [
        (transform, name)
        for transform in transforms
        for name in names
        if len(rows(steps, transform=transform, network_name=name))
    ]
    if shown:
        layers = [*dict.fromkeys(steps.layer)]
        shades = matplotlib.colormaps["viridis_r"](
            np.linspace(0.25, 0.75, len(layers))
        )
        looks = {
            layer: {"label": layer, "color": to_hex(shade), "marker": "o"}
            for layer, shade in zip(layers, shades, strict=True)
        }
        bands += [
            functools.partial(_fill_steps, table=steps, shown=some, looks=looks)
            for some in layout.split(part, shown, 1.6)
        ]
        handles = [Line2D([], [], **look) for look in looks.values()]
        bands.append(legend_band(part, handles))
    return layout.stack(part, bands), (
        f"{describe_seeds(of_runs)} Invariance: mean over neurons, above of "
        "the penultimate layer, below of each layer at each time step. "
        f"{style.CORRECTED_NOTE} All for unseen categories. Dotted: chance."
    )


def _order_networks(table):
    """Returns the names of networks: each kind's recurrent one first.

    Its name is that of the kind, perhaps with options; the controls of BL have
    names of their own.
    """
    kinds = table.network.map(name_in_words)
    names = table.network_name
    order = table.assign(
        is_other=names.str.partition(", ")[0] != kinds,
        is_changed=names != kinds,
    ).sort_values(
        ["network", "is_other", "is_changed", "num_parameters", "network_name"]
    )
    return [*dict.fromkeys(order.network_name)]


def _fill_networks(part, table, names, measure):
    """Draws a measure of each network, transformations beside each other."""
    axes = part.subplots()
    places = dict(zip(names, range(len(names)), strict=True))
    transforms = sort_transforms(table)
    width = min(0.2, 0.7 / len(transforms))
    looks = style.looks_of(transforms)
    for number, transform in enumerate(transforms):
        look = looks[transform]
        shift = width * (number - (len(transforms) - 1) / 2)
        of_line = rows(table, transform=transform)
        draw_line(
            of_line.assign(
                place=of_line.network_name.map(places).astype("float64") + shift
            ),
            axes,
            "place",
            measure,
            [place + shift for place in places.values()],
            label=look.label,
            color=look.color,
            marker=look.marker,
            linestyle="",
        )
    sizes = table.groupby("network_name").num_parameters.first()
    labels = [
        name
        if np.isnan(sizes[name])
        else f"{name}\n{count_in_words(sizes[name])}"
        for name in names
    ]
    axes.set_xticks([*places.values()], labels)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("network and its parameters")
    if measure == _ACROSS:
        axes.axhline(1 / table.num_categories.max(), **style.CHANCE)
        lines.draw_percent(axes, "across-category\naccuracy (%)")
    else:
        lowest = lines.lowest_of(table[measure])
        lines.draw_share(axes, "corrected\ninvariance", lowest=lowest)
    return 1.9


def _fill_steps(band, table, shown, looks):
    """Draws layers over time steps, a panel for each pair of names."""
    num_columns = layout.num_columns(band, len(shown))
    panels = band.subplots(1, num_columns, squeeze=False)
    steps = sorted({*table.step})
    for axes, (transform, name) in zip(panels[0], shown, strict=False):
        of_panel = rows(table, transform=transform, network_name=name)
        layout.write_panel_title(
            axes, f"{style.look_of(transform).label}, {name}"
        )
        for layer, look in looks.items():
            of_layer = rows(of_panel, layer=layer)
            if len(of_layer):
                draw_line(of_layer, axes, "step", _OF_LAYER, steps, **look)
        axes.set_xticks(steps)
        axes.set_xlabel("time step")
        lowest = lines.lowest_of(table[_OF_LAYER])
        lines.draw_share(axes, "corrected\ninvariance", lowest=lowest)
    layout.label_outer(panels[:, : len(shown)])
    layout.leave_empty(panels[:, len(shown) :])
    return layout.panel_height(band, num_columns, limits=(1.1, 1.5)) + 0.5


def compare_recurrence(table):
    """Compares recurrent networks with their controls, and time steps.

    Returns:
        Dictionary from what is compared to a Series by transform and seed.
    """
    found = {}
    for _, of_kind in table.groupby("network", sort=False):
        of_runs = of_kind.drop_duplicates("run")
        name, *controls = _order_networks(of_runs)
        across = by_seed(rows(of_runs, network_name=name), _ACROSS)
        for control in controls:
            other = by_seed(rows(of_runs, network_name=control), _ACROSS)
            found[f"across, {name} minus {control}"] = across - other
        steps = rows(of_kind, network_name=name)
        steps = steps[steps.step.notna()]
        if steps.step.max() > 1:
            # The last layer of the network.
            layer = steps.layer.iloc[-1]
            of_layer = rows(steps, layer=layer)
            last, first = (
                by_seed(rows(of_layer, step=step), _OF_LAYER)
                for step in (of_layer.step.max(), of_layer.step.min())
            )
            found[
                f"corrected invariance of {layer}, last minus first time step "
                f"of {name}"
            ] = last - first
    return found
