"""Which categories are taken for which."""

import numpy as np
from matplotlib.figure import Figure


def draw_confusion(matrix, is_seen):
    """Draws a confusion matrix, seen categories first.

    Args:
        matrix: Integer array of shape `(num_categories, num_categories)`:
            number of images by true (row) and predicted (column) category.
        is_seen: Boolean array of shape `(num_categories,)`.

    Returns:
        A matplotlib `Figure`; each row of the picture is in percent of its
        images.
    """
    order = np.argsort(~is_seen, kind="stable")
    totals = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    percent = (100 * matrix / totals)[np.ix_(order, order)]
    figure = Figure(figsize=(5.2, 4.4))
    axes = figure.subplots()
    picture = axes.imshow(percent, vmin=0, vmax=100, cmap="viridis")
    boundary = is_seen.sum() - 0.5
    if 0 < is_seen.sum() < len(is_seen):
        axes.axhline(boundary, color="white", linewidth=1)
        axes.axvline(boundary, color="white", linewidth=1)
    num_seen = is_seen.sum()
    groups = {"seen": (0, num_seen), "unseen": (num_seen, len(is_seen))}
    groups = {name: span for name, span in groups.items() if span[0] < span[1]}
    middles = [(start + stop - 1) / 2 for start, stop in groups.values()]
    axes.set_xticks(middles, groups)
    axes.set_yticks(middles, groups, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.set_xlabel("predicted category")
    axes.set_ylabel("true category")
    axes.set_title("Transformed test images", fontsize=10)
    figure.colorbar(picture, label="% of the category's images")
    figure.tight_layout()
    return figure
