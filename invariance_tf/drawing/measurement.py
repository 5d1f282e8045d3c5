"""The measures of one model's neurons, layer by layer."""

import numpy as np

from invariance_tf.drawing import style

# More neurons than this take longer to draw and look the same.
_NUM_QUANTILES = 500
_GROUPS = {
    "all": ("both", {"facecolor": "#8FB8DE", "hatch": None}),
    "seen": ("low", style.SEEN),
    "unseen": ("high", style.UNSEEN),
}
_CONTROLS = {
    "control_same_category": (0, (3, 1)),
    "control_shuffled": (0, (1, 1)),
}


def draw_measurement(measurement, measure, axes=None):
    """Draws a violin for each layer, and the means of the controls.

    If seen and unseen categories were measured separately, the left half of a
    violin is of seen and the right one of unseen categories.

    Args:
        measurement: A `measured.Measurement`.
        measure: String, a column of `measurement.neurons`.
        axes: Matplotlib `Axes`, or `None` for those of a new figure.

    Returns:
        The `Axes`.

    Raises:
        ValueError: If the column does not exist.
    """
    neurons = measurement.neurons
    legal = [*neurons.select_dtypes("number").columns.drop("neuron")]
    if measure not in legal:
        raise ValueError(
            f"`measure` must be one of {', '.join(legal)}. Received: "
            f"measure={measure!r}"
        )
    layers = [*dict.fromkeys(neurons.layer)]
    with style.context():
        if axes is None:
            # Not at the top: whatever else is drawn needs no window.
            from matplotlib import pyplot

            size = (max(3.2, 1.2 + 0.55 * len(layers)), 3.4)
            _, axes = pyplot.subplots(figsize=size)
        groups = {*neurons.category_group}
        is_split = "seen" in groups
        for position, layer in enumerate(layers):
            of_layer = neurons[neurons.layer == layer]
            for group, (side, face) in _GROUPS.items():
                rows = of_layer[of_layer.category_group == group]
                if group in groups and is_split == (group != "all"):
                    _draw_violin(axes, rows[measure], position, side, face)
            if measure == "invariance_coefficient":
                rows = of_layer[of_layer.category_group == "all"]
                _draw_controls(axes, rows, position)
        _label(axes, layers, measure, is_split)
    return axes


def _draw_violin(axes, values, position, side, face):
    values = values.dropna().to_numpy("float64")
    label = {"low": "seen categories", "high": "unseen categories"}.get(side)
    if position:
        label = None
    if not len(values):
        return
    mean = values.mean()
    if len(values) > _NUM_QUANTILES:
        shares = (np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES
        values = np.quantile(values, shares)
    if np.ptp(values) > 0:  # a density needs some spread
        (body,) = axes.violinplot(
            [values], [position], widths=0.8, side=side, showextrema=False
        )["bodies"]
        body.set(
            alpha=1, edgecolor="#333333", linewidth=0.6, label=label, **face
        )
    shift = {"both": 0, "low": -0.12, "high": 0.12}[side]
    axes.plot(
        position + shift,
        mean,
        marker="o",
        markersize=3.5,
        color="white",
        markeredgecolor="black",
        markeredgewidth=0.7,
        gid="mean",
    )


def _draw_controls(axes, rows, position):
    names = {
        "control_same_category": "control: another image of the category",
        "control_shuffled": "control: an image of another category",
    }
    for column, dashes in _CONTROLS.items():
        mean = rows[column].mean()
        if np.isfinite(mean):
            axes.hlines(
                mean,
                position - 0.4,
                position + 0.4,
                color="#444444",
                linewidth=1.1,
                linestyle=dashes,
                label=None if position else names[column],
                gid=column,
            )


def _label(axes, layers, measure, is_split):
    axes.set_xticks(
        range(len(layers)),
        layers,
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_xlim(-0.6, len(layers) - 0.4)
    axes.set_ylabel(measure.replace("_", " "))
    if measure == "invariance_coefficient":
        axes.set_ylim(-0.02, 1.02)
    axes.grid(axis="y")
    if axes.get_legend_handles_labels()[0]:
        # Above the panel: violins may be anywhere in it.
        axes.legend(
            fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=1
        )
