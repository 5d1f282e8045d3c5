"""Drawings of synthetic faces: the people, and the paradigm."""

import functools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from themes import WIDTH

from invariance_tf.commands import terminal
from invariance_tf.drawing.examples import displayable


@functools.cache
def _faces():
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
    figure = Figure(figsize=(WIDTH, 2.75), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 11.95), ylim=(-0.55, 4.43), aspect="equal")
    axes.set_axis_off()
    left = {"training": 1.75, "test": 7.05}
    groups = {"seen": (1.75, theme.seen), "unseen": (0, theme.unseen)}
    for group, (bottom, color) in groups.items():
        axes.text(0, bottom + 0.65, group, color=color, weight="bold")
        axes.text(0, bottom + 0.35, "categories", va="center")
    for (purpose, version), images in _faces().items():
        x = left[purpose] + 2.45 * (version == "transformed")
        axes.text(x + 1, 3, version, ha="center", color=theme.muted)
        for group, (bottom, color) in groups.items():
            of_group = images[:2] if group == "seen" else images[2:]
            is_filtered = version == "transformed"
            if is_filtered and purpose == "training" and group == "unseen":
                _draw_never(axes, x, bottom, theme)
                continue
            for column, image in enumerate(of_group):
                extent = (x + column, x + column + 0.95, bottom, bottom + 0.95)
                axes.imshow(image, extent=extent, interpolation="nearest")
            if is_filtered and purpose == "test":
                _frame(axes, x, bottom, color)
    for purpose, x in left.items():
        axes.plot([x, x + 4.4], [3.45, 3.45], color=theme.faint, linewidth=1)
        axes.text(x + 2.2, 3.7, purpose, ha="center", weight="bold")
    for group, name in (("seen", "within"), ("unseen", "across")):
        bottom, color = groups[group]
        axes.text(
            left["test"] + 2.45 + 2,
            bottom - 0.45,
            f"{name}-category accuracy",
            ha="right",
            color=color,
        )
    axes.set(xlim=(0, 11.95), ylim=(-0.55, 4.2))
    return figure


def _draw_never(axes, x, bottom, theme):
    """Draws the place of the images that no network is trained on."""
    axes.add_patch(
        Rectangle(
            (x, bottom),
            1.95,
            0.95,
            fill=False,
            edgecolor=theme.muted,
            linestyle=(0, (3, 3)),
        )
    )
    place = {"ha": "center", "va": "center", "color": theme.muted}
    axes.text(x + 0.975, bottom + 0.475, "never", **place)


def _frame(axes, x, bottom, color):
    axes.add_patch(
        Rectangle(
            (x - 0.06, bottom - 0.06),
            2.07,
            1.07,
            fill=False,
            edgecolor=color,
            linewidth=1.8,
        )
    )


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
    figure = Figure(figsize=(WIDTH, WIDTH * 2.1 / width), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    for position, image in enumerate(dataset.images):
        person, column = divmod(position, num_images)
        x = column + (person // 2) * (num_images + 0.3)
        y = 1.1 * (person % 2)
        axes.imshow(
            image, extent=(x, x + 0.95, y, y + 0.95), interpolation="nearest"
        )
    axes.set(xlim=(0, width), ylim=(-0.02, 2.07))
    axes.set_axis_off()
    return figure
