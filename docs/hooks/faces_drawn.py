"""Drawings of synthetic faces: the people, and the paradigm."""

import functools

import numpy as np
import themes

from invariance_tf.commands import terminal
from invariance_tf.drawing.examples import displayable


@functools.cache
def make_faces():
    """Makes faces of four people, original and high-pass filtered.

    Returns:
        Dictionary from pairs of purpose and version to four images that can
        be shown.
    """
    with terminal.quiet_start():
        from keras import ops

        from invariance_tf import datasets, transforms
        from invariance_tf.paradigm.model import Standardize
    dataset = datasets.get(
        "synthfaces", image_size=64, num_categories=9, num_train=1, num_test=1
    )
    highpass = transforms.get("highpass")
    found = {}
    for purpose, is_test in (("training", False), ("test", True)):
        images = dataset.images[dataset.is_test == is_test][[1, 3, 6, 8]]
        filtered = Standardize()(highpass(images, np.ones(4, bool)))
        filtered = ops.convert_to_numpy(filtered)
        found[purpose, "original"] = [*map(displayable, images)]
        found[purpose, "transformed"] = [*map(displayable, filtered)]
    return found


def draw_paradigm(theme):
    """Draws which images of which categories are trained and tested on."""
    figure, axes = themes.make_canvas((0, 11.95), (-0.55, 4.2))
    left = {"training": 1.75, "test": 7.05}
    for (purpose, version), images in make_faces().items():
        is_filtered = version == "transformed"
        x = left[purpose] + 2.45 * is_filtered
        axes.text(x + 1, 3, version, ha="center", color=theme.muted)
        for first, y, color in ((0, 1.75, theme.seen), (2, 0, theme.unseen)):
            if is_filtered and purpose == "training" and first:
                look = {"edgecolor": theme.muted, "linestyle": (0, (3, 3))}
                themes.add_box(axes, x, y, 1.95, 0.95, **look)
                place = {"ha": "center", "va": "center", "color": theme.muted}
                axes.text(x + 0.975, y + 0.475, "never", **place)
                continue
            for column in (0, 1):
                themes.add_image(axes, images[first + column], x + column, y)
            if is_filtered and purpose == "test":
                look = {"edgecolor": color, "linewidth": 1.8}
                themes.add_box(axes, x - 0.06, y - 0.06, 2.07, 1.07, **look)
    for purpose, x in left.items():
        axes.plot([x, x + 4.4], [3.45, 3.45], color=theme.faint, linewidth=1)
        axes.text(x + 2.2, 3.7, purpose, ha="center", weight="bold")
    for group, name, y, color in (
        ("seen", "within", 1.75, theme.seen),
        ("unseen", "across", 0, theme.unseen),
    ):
        axes.text(0, y + 0.65, group, color=color, weight="bold")
        axes.text(0, y + 0.35, "categories", va="center")
        place = {"ha": "right", "color": color}
        axes.text(11.5, y - 0.45, f"{name}-category accuracy", **place)
    return figure


def draw_people(theme, num_people=6, num_images=3):
    """Draws a few images each of invented people."""
    with terminal.quiet_start():
        from invariance_tf import datasets
    dataset = datasets.get(
        "synthfaces",
        image_size=64,
        num_categories=num_people,
        num_train=num_images - 1,
        num_test=1,
    )
    width = num_people / 2 * (num_images + 0.3) - 0.35
    figure, axes = themes.make_canvas((0, width), (-0.02, 2.07))
    for position, image in enumerate(dataset.images):
        person, column = divmod(position, num_images)
        x = column + (person // 2) * (num_images + 0.3)
        themes.add_image(axes, image, x, 1.1 * (person % 2))
    return figure
