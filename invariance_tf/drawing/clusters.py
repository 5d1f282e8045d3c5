"""Neurons by what they are invariant to: heat maps with clusters."""

import numpy as np
from matplotlib.figure import Figure

from invariance_tf.drawing import style
from invariance_tf.drawing.layout import write_note

SURROGATES = {
    "shuffled": ("shuffled", style.GREY),
    "correlated": ("shuffled, as correlated", style.UNSEEN["facecolor"]),
}
_MOST_LAYERS = 6


def draw_clusters(layers, transforms):
    """Draws the invariance of neurons to each transformation, by clusters.

    Args:
        layers: Dictionary from names of layers to pairs: float array of shape
            `(num_neurons, num_transforms)`, and its `clusters.Clusters`. Of
            more than 6, the last are drawn.
        transforms: List of names of transformations.

    Returns:
        A matplotlib `Figure`.
    """
    layers = dict([*layers.items()][-_MOST_LAYERS:])
    labels = [style.look_of(name).label for name in transforms]
    with style.context():
        width = max(style.COLUMN, style.PAGE * len(layers) / _MOST_LAYERS)
        figure = Figure(figsize=(width, 4.2))
        maps, curves = figure.subplots(
            2, len(layers), squeeze=False, height_ratios=(2, 1)
        )
        for index, (name, (values, found)) in enumerate(layers.items()):
            image = _draw_map(maps[index], values, found, labels)
            number = found.num_clusters
            words = "no clusters" if number == 1 else f"{number} clusters"
            maps[index].set_title(f"{name}: {words}")
            _draw_explained(curves[index], found)
            curves[index].sharey(curves[0])
            if index:
                curves[index].tick_params(labelleft=False)
        maps[0].set_ylabel("neurons")
        curves[0].set_ylabel("between clusters (%)")
        handles, names = curves[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=3)
        figure.colorbar(
            image, ax=list(maps), label="invariance coefficient", pad=0.01
        )
        write_note(
            figure,
            "Neurons in the order of Ward's tree; lines divide its clusters. "
            "Below: share of the variance, of neurons and of made-up ones "
            "(mean and 2 standard deviations).",
        )
    return figure


def _draw_map(axes, values, found, labels):
    """Draws a row for each neuron, a column for each transformation."""
    image = axes.imshow(
        values[found.order],
        aspect="auto",
        interpolation="nearest",
        vmin=0,
        vmax=1,
        cmap="viridis",
    )
    for place in np.flatnonzero(np.diff(found.labels)):
        axes.axhline(place + 0.5, color="white", linewidth=1)
    axes.set_yticks([])
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    return image


def _draw_explained(axes, found):
    """Draws the variance between clusters against their number."""
    numbers = np.arange(1, len(found.explained) + 1)
    for name, values in found.surrogates.items():
        label, color = SURROGATES[name]
        mean, spread = values.mean(axis=0), 2 * values.std(axis=0)
        axes.fill_between(
            numbers,
            100 * (mean - spread),
            100 * (mean + spread),
            color=color,
            alpha=0.5,
            linewidth=0,
            label=label,
        )
    axes.plot(
        numbers,
        100 * found.explained,
        color=style.SEEN["facecolor"],
        marker="o",
        markersize=2.5,
        label="neurons",
    )
    axes.set_xlabel("number of clusters")
    axes.set_xticks(numbers)
    axes.set_ylim(0, 100)
