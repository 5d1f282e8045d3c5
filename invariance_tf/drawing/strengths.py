"""Accuracy and invariance against the strength of a transformation."""

import numpy as np
from matplotlib.figure import Figure

from invariance_tf.drawing import lines, style
from invariance_tf.drawing.layout import write_note

# Name, colour and marker of each category group.
GROUPS = {
    "seen": ("seen categories", style.SEEN["facecolor"], "o"),
    "unseen": ("unseen categories", "#B8860B", "s"),
}


def draw_strengths(rows, transform):
    """Draws accuracy and invariance at each strength of a transformation.

    Args:
        rows: List of dictionaries, the rows of a run's `strengths.csv`.
        transform: String, name of the transformation.

    Returns:
        A matplotlib `Figure`.
    """
    label = style.label_strength(rows[0]["parameter"])
    (trained,) = {row["strength"] for row in rows if row["is_trained"]}
    with style.context():
        figure = Figure(figsize=(style.PAGE, 2.6))
        accuracy, invariance = figure.subplots(1, 2)
        for group, (name, color, marker) in GROUPS.items():
            of_group = [row for row in rows if row["category_group"] == group]
            column = {
                key: np.array([row[key] for row in of_group])
                for key in of_group[0]
                if key not in ("parameter", "category_group")
            }
            look = {"color": color, "marker": marker, "label": name}
            strengths = column["strength"]
            accuracy.plot(strengths, column["accuracy"], **look)
            accuracy.vlines(
                strengths, column["lower"], column["upper"], color=color
            )
            invariance.plot(strengths, column["mean_invariance"], **look)
            invariance.plot(
                strengths,
                column["mean_control_shuffled"],
                **style.FLOOR | {"color": color, "label": f"floor, {group}"},
            )
        for axes in (accuracy, invariance):
            axes.axvline(
                trained,
                color=style.GREY,
                linewidth=0.9,
                label=f"trained: {trained:g}",
                gid="trained",
            )
            axes.set_xlabel(label)
        lines.draw_percent(accuracy, "accuracy, transformed (%)")
        lines.draw_share(invariance, "mean invariance coefficient")
        accuracy.set_title(style.look_of(transform).label)
        accuracy.legend(loc="best")
        invariance.legend(loc="best")
        write_note(
            figure,
            "Bars: 95 % interval over test images (Wilson). Invariance: mean "
            "over the neurons of the penultimate layer that are active. Floor: "
            "T of an image of another category.",
        )
    return figure
