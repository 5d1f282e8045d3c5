"""The measures of a model's neurons and layers.

A table has a row for each neuron, or for each measure of a layer, and may join
several conditions: transformations, each with a strength.
"""

import math

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from invariance_tf.drawing import layout, style
from invariance_tf.drawing.violins import CONTROLS, draw_control, draw_violin
from invariance_tf.settings.defaults import LAYER_MEASURES

INVARIANCE = "invariance_coefficient"
# The category groups of a violin, or of its halves.
_GROUPS = {
    "all": ("both", {"facecolor": "#8FB8DE", "hatch": None}),
    "seen": ("low", style.SEEN),
    "unseen": ("high", style.UNSEEN),
}
_ENDS = {"both": (-0.4, 0.4), "low": (-0.4, 0), "high": (0, 0.4)}


def draw_measurement(measurement, measure, axes=None):
    """Draws a measure of each layer, with its controls.

    A measure of neurons is drawn as violins. If seen and unseen categories
    were measured separately, the left half of a violin is of seen and the
    right one of unseen categories. A measure of whole layers is drawn as a
    line with intervals, above its control.

    Args:
        measurement: A `measured.Measurement`.
        measure: String, a column of `measurement.neurons`, or one of the
            measures of `measurement.population`.
        axes: Matplotlib `Axes`, or `None` for those of a new figure.

    Returns:
        The `Axes`.

    Raises:
        ValueError: If there is no such measure.
    """
    neurons, population = measurement.neurons, measurement.population
    of_neurons = neurons.select_dtypes("number").columns.drop("neuron")
    legal = [*of_neurons, *population.measure.unique()]
    if measure not in legal:
        raise ValueError(
            f"`measure` must be one of {', '.join(legal)}. Received: "
            f"measure={measure!r}"
        )
    with style.context():
        if axes is None:
            # Not at the top: whatever else is drawn needs no window.
            from matplotlib import pyplot

            num_layers = neurons.layer.nunique()
            size = (max(3.6, 1.2 + 0.55 * num_layers), 3.4)
            _, axes = pyplot.subplots(figsize=size)
        if measure in neurons:
            draw_violins(neurons, axes, "layer", measure)
            handles = _violin_handles(neurons, measure)
        else:
            table = population[population.measure == measure]
            handles = draw_values(table, axes, "layer", "category_group")
        axes.set_ylabel(describe_measure(measure))
        if handles:
            # Above the panel: marks may be anywhere in it.
            place = {"loc": "lower left", "bbox_to_anchor": (0, 1.01)}
            axes.legend(handles=handles, **place)
    return axes


def describe_measure(measure):
    """Returns a measure in words, for an axis or a table."""
    if measure == "decode_categories_transformed":
        return f"{LAYER_MEASURES['decode_categories']}, of T(x)"
    return LAYER_MEASURES.get(measure, measure.replace("_", " "))


def draw_violins(neurons, axes, place, measure=INVARIANCE):
    """Draws a violin for each layer or condition, and means of the controls.

    Args:
        neurons: DataFrame as `Measurement.neurons`; for conditions with the
            columns condition and transform too.
        axes: Matplotlib `Axes`.
        place: String, the column along the x axis: layer or condition.
        measure: String, a column.
    """
    names = [*neurons[place].unique()]
    is_split = "seen" in {*neurons.category_group}
    for position, (_, rows) in enumerate(neurons.groupby(place, sort=False)):
        for group, (side, face) in _GROUPS.items():
            if is_split == (group == "all"):
                continue
            values = rows[measure][rows.category_group == group].dropna()
            if place == "condition":
                color = style.look_of(rows["transform"].iloc[0]).color
                face = face | {"facecolor": color}
            draw_violin(
                values.to_numpy("float64"),
                axes,
                position,
                face=face,
                side=side,
            )
            if measure != INVARIANCE:
                continue
            start, stop = _ENDS[side]
            for control in CONTROLS:
                values = rows[control][rows.category_group == group].dropna()
                ends = position + start, position + stop
                draw_control(values, axes, control, *ends)
    _label_places(axes, names)
    if measure == INVARIANCE:
        axes.set_ylim(-0.02, 1.02)


def _violin_handles(neurons, measure):
    """Returns what a legend shows of `draw_violins`."""
    handles = []
    if "seen" in {*neurons.category_group}:
        handles = [
            Patch(label=f"{group} categories", edgecolor="#333333", **face)
            for group, (side, face) in _GROUPS.items()
            if side != "both"
        ]
    if measure == INVARIANCE:
        has_labels = neurons.control_same_category.notna().any()
        floor = style.FLOOR
        if not has_labels:
            floor = floor | {"label": "floor S: T of another image"}
        looks = [style.SAME_CATEGORY, floor] if has_labels else [floor]
        handles += [Line2D([], [], **look) for look in looks]
    return handles


def draw_values(table, axes, place, series):
    """Draws a line of values with intervals for each series, and its control.

    Args:
        table: DataFrame with value, low, high and control, and the two other
            columns.
        axes: Matplotlib `Axes`.
        place: String, the column along the x axis: layer or condition.
        series: String, the column of the lines: condition, layer or
            category_group.

    Returns:
        List of lines for a legend.
    """
    names = [*table[place].unique()]
    handles = []
    for number, (name, rows) in enumerate(table.groupby(series, sort=False)):
        look = _look_of_series(series, name, rows, number)
        x = rows[place].map(names.index)
        # What has no order is not joined.
        joined = look["linestyle"] if place == "layer" else ""
        axes.vlines(
            *(x, rows.low, rows.high, look["color"]),
            linewidth=0.9,
            gid="interval",
        )
        axes.plot(x, rows.value, gid="value", **look | {"linestyle": joined})
        if rows.control.notna().any():
            axes.hlines(
                rows.control,
                x - 0.3,
                x + 0.3,
                color=look["color"],
                linestyle=style.FLOOR["linestyle"],
                linewidth=0.9,
                gid="control",
            )
        handles.append(Line2D([], [], **look))
    handles = handles if len(handles) > 1 else []
    if table.control.notna().any():
        handles.append(Line2D([], [], **style.FLOOR | {"label": "control"}))
    _label_places(axes, names)
    ends = table[["value", "low", "high", "control"]].to_numpy("float64")
    ends = ends[np.isfinite(ends)]
    axes.set_ylim(min([0, *ends]) - 0.02, 1.02 * max([1, *ends]))
    return handles


def _look_of_series(series, name, rows, number):
    """Returns how the line of a condition, layer or category group looks."""
    look = {"color": "black", "marker": "o", "linestyle": "-"}
    if series == "category_group":
        color = {"seen": style.SEEN, "unseen": style.UNSEEN}.get(name)
        look["color"] = "black" if color is None else color["facecolor"]
        name = f"{name} categories"
    elif series == "condition":
        found = style.look_of(rows["transform"].iloc[0])
        look["color"], look["marker"] = found.color, found.marker
        look["linestyle"] = found.linestyle
        # The weaker a transformation, the lighter.
        share = rows["rank"].iloc[0] if "rank" in rows else 1
        parts = [1 - share * (1 - part) for part in to_rgb(found.color)]
        look["color"] = to_hex(parts)
    return {"label": name, **look}


def draw_neurons(neurons):
    """Draws the invariance of all neurons: a panel for each condition.

    With a single layer there is one panel, with a violin for each condition.

    Args:
        neurons: DataFrame as for `draw_violins`, of several conditions.

    Returns:
        Matplotlib `Figure`.
    """
    panels = {"": neurons}
    place = "condition"
    if neurons.layer.nunique() > 1:
        panels = dict([*neurons.groupby("condition", sort=False)])
        place = "layer"
    return _draw_panels(
        panels,
        neurons[place],
        lambda rows, axes: draw_violins(rows, axes, place),
        "invariance",
        _violin_handles(neurons, INVARIANCE),
    )


def draw_layers(layers):
    """Draws the measures of layers: a panel for each, a line a condition.

    With a single layer, conditions are along the x axis.

    Args:
        layers: DataFrame with condition, transform, rank (above 0 to 1, of the
            strength among those of a transformation), layer, measure, value,
            low, high and control.

    Returns:
        Matplotlib `Figure`.
    """
    place, series = "layer", "condition"
    if layers.layer.nunique() == 1:
        place, series = series, place
    handles = []

    def fill(rows, axes):
        found = draw_values(rows, axes, place, series)
        # Not every measure has a control.
        handles[:] = max(handles, found, key=len)

    panels = {
        describe_measure(measure): rows
        for measure, rows in layers.groupby("measure", sort=False)
    }
    return _draw_panels(panels, layers[place], fill, "", handles)


def _draw_panels(panels, places, fill, label, handles):
    """Draws a panel for each table, in as many columns as there is room for.

    Args:
        panels: Dictionary from titles to tables.
        places: Column of what is along the x axis.
        fill: Function of a table and of `Axes`.
        label: String, of the y axes.
        handles: List of what the legend shows, known when all is drawn.
    """
    names = [*places.unique()]
    least = 0.7 + 0.16 * len(names)
    width = max(style.PAGE, least)
    num_columns = min(len(panels), max(1, int(width / max(least, 2.2))))
    if len(panels) == 1:
        width = min(width, max(style.COLUMN, 1 + 0.45 * len(names)))
    num_rows = math.ceil(len(panels) / num_columns)
    letters = 0.05 * max(map(len, names))
    with style.context():
        figure = Figure((width, num_rows * 1.7 + letters + 0.5))
        grid = figure.subplots(num_rows, num_columns, squeeze=False)
        layout.leave_empty(grid.ravel()[len(panels) :])
        for axes, (title, rows) in zip(grid.flat, panels.items(), strict=False):
            fill(rows, axes)
            axes.set_title(title)
        for axes in grid[:, 0]:
            axes.set_ylabel(label)
        for number, axes in enumerate(grid.flat):
            if number + num_columns < len(panels):
                axes.tick_params(labelbottom=False)
        if handles:
            columns = max(1, int(width / 2.4))
            place = {"loc": "outside lower center", "ncols": columns}
            figure.legend(handles=handles, **place)
    return figure


def _label_places(axes, names):
    """Names what is along the x axis, upright where slanted is too wide."""
    layout.name_columns(axes, names)
    if len(names) > 8:
        axes.tick_params(axis="x", labelrotation=90)
        for text in axes.get_xticklabels():
            text.set(ha="center", rotation_mode="default")
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(axis="y")
