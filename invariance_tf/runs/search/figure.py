"""Draws the accuracy over a grid of learning rates and weight decays."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from invariance_tf.drawing import style
from invariance_tf.drawing.layout import write_note
from invariance_tf.runs.search.choice import short_number

_GREY = "#DDDDDD"


def draw_search(settings, best=None, title="", note=""):
    """Draws the median accuracy at every setting of a grid.

    Hatched cells are settings at which a training failed.

    Args:
        settings: List of `search.choice.Setting`, one for each combination of
            learning rate and weight decay.
        best: The one of them to frame, or `None`.
        title: String.
        note: String, in small print below.

    Returns:
        A matplotlib `Figure`.
    """
    rates, decays = (
        sorted({getattr(setting, name) for setting in settings})
        for name in ("learning_rate", "weight_decay")
    )
    medians = np.full((len(rates), len(decays)), np.nan)
    cells = {}
    for setting in settings:
        row = rates.index(setting.learning_rate)
        column = decays.index(setting.weight_decay)
        cells[row, column] = setting
        if not setting.num_failed:
            medians[row, column] = 100 * setting.median
    size = 1.9 + 0.78 * len(decays), 1.35 + 0.55 * len(rates)
    with style.context():
        figure = Figure(figsize=(max(size[0], 4.2), size[1]))
        axes = figure.subplots()
        picture = axes.pcolormesh(
            medians, cmap="viridis", vmin=0, edgecolors="white", linewidth=0.8
        )
        for (row, column), setting in cells.items():
            shade = picture.norm(medians[row, column])
            _draw_cell(axes, row, column, setting, shade)
            if setting == best:
                _frame(axes, row, column)
        if np.isfinite(medians).any():
            bar = figure.colorbar(picture, label="accuracy (%)", aspect=15)
            bar.outline.set_visible(False)
        axes.set_xticks(np.arange(len(decays)) + 0.5, map(short_number, decays))
        axes.set_yticks(np.arange(len(rates)) + 0.5, map(short_number, rates))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="weight decay", ylabel="learning rate")
        axes.set_title(title)
        write_note(figure, note)
    return figure


def _draw_cell(axes, row, column, setting, shade):
    """Writes the accuracies of a setting into its cell."""
    num_seeds, num_failed = len(setting.accuracies), setting.num_failed
    text, detail, box = f"{100 * setting.median:.1f}", "", None
    color = "black" if shade > 0.6 else "white"
    if num_failed:
        _hatch(axes, row, column)
        text, color = "failed", "black"
        box = {"facecolor": _GREY, "edgecolor": "none", "pad": 1}
        if num_failed < num_seeds:
            detail = f"{num_failed} of {num_seeds}"
    elif num_seeds > 1:
        lowest, highest = min(setting.measured), max(setting.measured)
        detail = f"{100 * lowest:.1f} to {100 * highest:.1f}"
    place = {"ha": "center", "va": "center", "color": color, "bbox": box}
    height = row + (0.64 if detail else 0.5)
    axes.text(column + 0.5, height, text, fontsize=8, **place)
    if detail:
        axes.text(column + 0.5, row + 0.32, detail, fontsize=6, **place)


def _hatch(axes, row, column):
    """Hatches the cell of a setting at which a training failed."""
    axes.add_patch(
        Rectangle(
            (column, row),
            1,
            1,
            facecolor=_GREY,
            edgecolor="#B5B5B5",
            hatch="////",
            linewidth=0,
            gid="failed",
        )
    )


def _frame(axes, row, column):
    """Frames the best cell in white and black, to stand out anywhere."""
    for width, color in ((5.5, "white"), (2.5, "black")):
        axes.add_patch(
            Rectangle(
                (column + 0.04, row + 0.04),
                0.92,
                0.92,
                fill=False,
                edgecolor=color,
                linewidth=width,
                gid="best",
            )
        )
