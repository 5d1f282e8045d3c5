"""Which categories are taken for which."""

import numpy as np
from matplotlib.figure import Figure

from invariance_tf.drawing import style

# More names, or longer ones, have no room.
MOST_NAMES, LONGEST_NAME = 50, 30


def draw_confusion(matrix, is_seen, names=None):
    """Draws a confusion matrix, seen categories first.

    Args:
        matrix: Integer array of shape `(num_categories, num_categories)`:
            number of images by true (row) and predicted (column) category.
        is_seen: Boolean array of shape `(num_categories,)`.
        names: List of as many strings, written where there is room, or `None`.

    Returns:
        A matplotlib `Figure`; each row of the picture is in percent of its
        images.
    """
    order = np.argsort(~is_seen, kind="stable")
    totals = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    percent = (100 * matrix / totals)[np.ix_(order, order)]
    has_room = (
        names is not None
        and len(names) <= MOST_NAMES
        and max(map(len, names)) <= LONGEST_NAME
    )
    with style.context():
        figure = Figure(figsize=(5.6, 4.8) if has_room else (5.2, 4.4))
        axes = figure.subplots()
        picture = axes.imshow(percent, vmin=0, vmax=100, cmap="viridis")
        num_seen = int(is_seen.sum())
        if 0 < num_seen < len(is_seen):
            for draw in (axes.axhline, axes.axvline):
                draw(num_seen - 0.5, color="white", linewidth=1)
        places = range(len(is_seen)) if has_room else ()
        labels = [names[position] for position in order] if has_room else ()
        size = style.TINY if len(is_seen) > 20 else style.NOTE
        axes.set_xticks(places, labels, rotation=90, fontsize=size)
        axes.set_yticks(places, labels, fontsize=size)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted category", ylabel="true category")
        _name_groups(axes, num_seen, len(is_seen))
        axes.set_title("Transformed test images", pad=14)
        bar = figure.colorbar(picture, label="% of the category's images")
        bar.outline.set_visible(False)
    return figure


def _name_groups(axes, num_seen, num_categories):
    """Names both groups above the picture and at its right."""
    groups = {"seen": (0, num_seen), "unseen": (num_seen, num_categories)}
    spans = {name: span for name, span in groups.items() if span[0] < span[1]}
    middles = [(start + stop - 1) / 2 for start, stop in spans.values()]
    top = axes.secondary_xaxis("top")
    top.set_xticks(middles, spans)
    right = axes.secondary_yaxis("right")
    right.set_yticks(middles, spans, rotation=270, va="center")
    for axis in (top, right):
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
