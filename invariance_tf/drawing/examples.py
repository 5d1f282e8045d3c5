"""Images before and after a transformation, side by side."""

import numpy as np
from matplotlib.figure import Figure

from invariance_tf import foreign
from invariance_tf.drawing import style


def draw_examples(images_by_row, titles=None):
    """Draws rows of images with a name beside each row.

    Args:
        images_by_row: Dictionary from the row's name to an array of shape
            `(num_images, height, width, 3)`, either uint8 from 0 to 255 or
            float, standardised: mean 0 is drawn as mid grey, and -3 and 3
            standard deviations as black and white.
        titles: Titles of the columns, or `None`.

    Returns:
        A matplotlib `Figure`.
    """
    num_rows = len(images_by_row)
    num_columns = max(len(images) for images in images_by_row.values())
    figure = Figure(figsize=(1 + 1.1 * num_columns, 0.3 + 1.1 * num_rows))
    figure.set_layout_engine("tight", pad=0.3)
    grid = figure.subplots(num_rows, num_columns, squeeze=False)
    for axes_of_row, (name, images) in zip(
        grid, images_by_row.items(), strict=True
    ):
        for axes, image in zip(axes_of_row, images, strict=False):
            axes.imshow(displayable(image), interpolation="nearest")
        axes_of_row[0].text(
            -0.08,
            0.5,
            name,
            ha="right",
            va="center",
            fontsize=8,
            transform=axes_of_row[0].transAxes,
        )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, title in zip(grid[0], titles or (), strict=False):
        lines = [
            foreign.shorten(line, style.LONGEST_NAME)
            for line in title.split("\n")
        ]
        # Names of folders: a $ in them begins no formula.
        axes.set_title("\n".join(lines), fontsize=7, parse_math=False)
    return figure


def displayable(image):
    """Maps an image to values that can be shown, float from 0 to 1."""
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image / 255
    return np.clip(0.5 + image / 6, 0, 1)
