"""Draws the accuracy over the strength of a transformation."""

import math

import numpy as np
from matplotlib.figure import Figure

from invariance_tf.drawing import lines, style
from invariance_tf.drawing.examples import displayable
from invariance_tf.drawing.layout import write_note

MOST_COLUMNS = 12

# Inches.
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.55, 0.12, 0.72, 0.3
_CURVE, _GAP = 2.1, 0.06


def steps_to_show(num_steps):
    """Chooses the steps that are shown as images.

    Args:
        num_steps: Integer, number of strengths, including 0.

    Returns:
        List of indices: the first step and, from the last one back, every
        n-th, so that they all have room.

    Example:

    >>> steps_to_show(4), steps_to_show(14)
    ([0, 1, 2, 3], [0, 3, 5, 7, 9, 11, 13])
    """
    every = math.ceil(num_steps / MOST_COLUMNS)
    return [0, *sorted(range(num_steps - 1, every - 1, -every))]


def draw_calibration(calibration, examples, title=""):
    """Draws the accuracy at each strength, and images of that strength.

    Args:
        calibration: A `calibration.rule.Calibration`.
        examples: Float array of shape `(num_shown, num_images, height, width,
            3)`, standardised images at the strengths of `steps_to_show`.
        title: String.

    Returns:
        A matplotlib `Figure`.
    """
    strengths = np.array(calibration.strengths)
    shown = strengths[steps_to_show(len(strengths))]
    # An image is as wide as the smallest gap between two strengths.
    pitch = np.diff(shown).min() if len(shown) > 1 else 1.0
    limits = strengths[0] - 0.5 * pitch, strengths[-1] + 0.5 * pitch
    num_slots = (limits[1] - limits[0]) / pitch
    slot = float(np.clip(5.2 / num_slots, 0.56, 0.9))
    width, num_rows = slot * num_slots, examples.shape[1]
    size = (
        _LEFT + width + _RIGHT,
        _BOTTOM + _CURVE + _GAP + slot * num_rows + _TOP,
    )
    with style.context():
        figure = Figure(figsize=size, layout="none")

        def make_axes(bottom, height):
            return figure.add_axes(
                (
                    _LEFT / size[0],
                    bottom / size[1],
                    width / size[0],
                    height / size[1],
                ),
                xlim=limits,
            )

        curve = make_axes(_BOTTOM, _CURVE)
        _draw_curve(curve, calibration)
        strip = make_axes(_BOTTOM + _CURVE + _GAP, slot * num_rows)
        _draw_images(strip, shown, examples, pitch)
        strip.set_title(title)
        write_note(
            figure,
            f"{calibration.num_images} test images, network trained on "
            f"original images only. {calibration.reason} Images as the network "
            "sees them, standardised.",
        )
    return figure


def _draw_curve(axes, calibration):
    """Draws accuracies with intervals, threshold, chance and the choice."""
    table, look = calibration.table(), style.LOOKS[calibration.transform]
    strengths = table["strength"]
    axes.fill_between(
        strengths,
        table["lower"],
        table["upper"],
        color=look.color,
        alpha=0.2,
        linewidth=0,
        label="95 % interval (Wilson)",
    )
    axes.plot(
        strengths,
        table["accuracy"],
        color=look.color,
        marker=look.marker,
        markersize=3.5,
        label="accuracy",
    )
    chance = 1 / calibration.num_categories
    for name, value, dashes in (
        ("threshold", calibration.below, (4, 2)),
        ("chance", chance, (1, 1.2)),
    ):
        axes.axhline(
            value,
            color=style.GREY,
            linewidth=0.9,
            linestyle=(0, dashes),
            label=f"{name}, {100 * value:.3g} %",
            gid=name,
        )
    if calibration.chosen is not None:
        _mark_chosen(axes, calibration)
    axes.set_xlabel(style.label_strength(calibration.parameter))
    lines.draw_percent(axes, "top-1 accuracy (%)")
    axes.legend(loc="best")


def _mark_chosen(axes, calibration):
    """Marks the chosen strength on the curve."""
    chosen, accuracy = calibration.chosen, calibration.accuracies[-1]
    axes.vlines(chosen, -0.02, accuracy, color=style.GREY, linewidth=0.9)
    axes.plot(
        [chosen],
        [accuracy],
        marker="o",
        markersize=9,
        fillstyle="none",
        color="black",
        linestyle="none",
        label=f"chosen: {calibration.parameter} = {chosen:g}",
        gid="chosen",
    )


def _draw_images(axes, strengths, examples, pitch):
    """Draws a column of images above each strength."""
    half = 0.47 * pitch
    for strength, column in zip(strengths, examples, strict=True):
        for row, image in enumerate(column):
            axes.imshow(
                displayable(image),
                extent=(
                    strength - half,
                    strength + half,
                    -row - 0.97,
                    -row - 0.03,
                ),
                interpolation="nearest",
                aspect="auto",
            )
    # Each `imshow` has changed the limits.
    axes.set(xlim=axes.figure.axes[0].get_xlim(), ylim=(-examples.shape[1], 0))
    axes.set_axis_off()
