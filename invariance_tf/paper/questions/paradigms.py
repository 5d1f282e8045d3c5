"""Do two steps or meta-learning give the same answer as joint training?"""

from matplotlib.lines import Line2D

from invariance_tf.drawing import lines, style
from invariance_tf.paper.questions.chosen import (
    by_seed,
    choose_runs,
    is_trained,
)
from invariance_tf.paper.questions.panels import (
    describe_seeds,
    draw_line,
    fill_columns,
)
from invariance_tf.paper.selection import rows

LOOKS = {
    "joint": ("joint (the paper)", "#333333", "o"),
    "two_step": ("two steps", "#D55E00", "s"),
    "two_step_head": ("two steps, last layer only", "#E69F00", "^"),
    "prototypes": ("prototypes", "#0072B2", "D"),
}
IN_GROUP = "across_in_group"
_MEASURES = {
    "clean_accuracy": "original",
    "within_accuracy": "within",
    "across_accuracy": "across",
    IN_GROUP: "across,\nin group",
}


def select_paradigms(runs):
    """Selects the accuracies of networks trained by several paradigms.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame of `choose_runs`.
    """
    return choose_runs(runs, is_trained(runs), several="paradigm")


def fill_paradigms(part, table):
    """Draws the accuracies of each paradigm beside each other."""
    handles = [
        Line2D([], [], label=label, color=color, marker=marker, linestyle="")
        for label, color, marker in LOOKS.values()
    ]
    height = fill_columns(part, table, 1, _draw_column, handles)
    return height, (
        f"{describe_seeds(table)} Original: untransformed images of all "
        "categories. Within, across: transformed images of seen, of unseen "
        "categories. In group: only unseen categories can be answered. "
        "Dotted: chance."
    )


def _draw_column(column, table):
    (axes,) = column
    places = range(len(_MEASURES))
    for number, (paradigm, (label, color, marker)) in enumerate(LOOKS.items()):
        shift = 0.19 * (number - (len(LOOKS) - 1) / 2)
        long = rows(table, paradigm=paradigm).melt(
            "seed", [*_MEASURES], "measure", "accuracy"
        )
        place_of = dict(zip(_MEASURES, places, strict=True))
        draw_line(
            long.assign(
                place=long.measure.map(place_of).astype("float64") + shift
            ),
            axes,
            "place",
            "accuracy",
            [place + shift for place in places],
            label=label,
            color=color,
            marker=marker,
            linestyle="",
        )
    num_categories = table.num_categories.max()
    num_unseen = num_categories - table.n_seen.max()
    for place in places:
        count = num_unseen if place == places[-1] else num_categories
        axes.hlines(1 / count, place - 0.45, place + 0.45, **style.CHANCE)
    axes.set_xticks(places, _MEASURES.values())
    axes.tick_params(axis="x", length=0)
    lines.draw_percent(axes, "accuracy (%)")


def compare_paradigms(table):
    """Compares each paradigm with joint training, for unseen categories.

    Returns:
        Dictionary from what is compared to a Series by transform and seed.
    """
    joint = rows(table, paradigm="joint")
    return {
        f"{words}, {LOOKS[paradigm][0]} minus joint": by_seed(
            rows(table, paradigm=paradigm), measure
        )
        - by_seed(joint, measure)
        for measure, words in (
            ("across_accuracy", "across"),
            (IN_GROUP, "across in group"),
        )
        for paradigm in LOOKS
        if paradigm != "joint"
    }
