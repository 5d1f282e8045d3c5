"""How do networks respond beyond the strength of the training?"""

import numpy as np
from matplotlib.lines import Line2D

from invariance_tf.drawing import lines, style
from invariance_tf.drawing.strengths import GROUPS
from invariance_tf.paper.questions.chosen import (
    add_rows,
    by_seed,
    choose_runs,
    is_joint,
)
from invariance_tf.paper.questions.panels import (
    describe_seeds,
    draw_line,
    fill_columns,
)
from invariance_tf.paper.selection import rows

_ACCURACY, _INVARIANCE = "accuracy", "mean_invariance"
_FLOOR, _CORRECTED = "mean_control_shuffled", "mean_corrected_invariance"


def select_strengths(runs):
    """Selects the accuracy and invariance of networks at several strengths.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame, rows of `runs.strengths`.
    """
    is_tested = runs.runs.run.isin(runs.strengths.run)
    chosen = choose_runs(runs, is_tested & is_joint(runs))
    return add_rows(chosen, runs.strengths)


def fill_strengths(part, table):
    """Draws accuracy above invariance, against the strength."""
    handles = [
        Line2D([], [], label=label, color=color, marker=marker)
        for label, color, marker in GROUPS.values()
    ]
    handles.append(
        Line2D([], [], **style.FLOOR | {"label": "floor of the invariance"})
    )
    handles.append(Line2D([], [], **_TRAINED, label="strength of the training"))
    height = fill_columns(part, table, 2, _draw_column, handles)
    return height, (
        f"{describe_seeds(table)} Invariance: mean over the neurons of the "
        "penultimate layer that are active. Floor: the same with T of an image "
        "of another category. Dotted, above: chance. Lines are shifted "
        "sideways."
    )


_TRAINED = {"color": style.GREY, "linewidth": 0.9, "linestyle": (0, (4, 2))}


def _draw_column(column, table):
    accuracy, invariance = column
    # So that bars of both groups can be told apart.
    shift = 0.008 * float(np.ptp(table.strength))
    for group, (label, color, marker) in GROUPS.items():
        of_group = rows(table, category_group=group)
        shift = -shift
        of_group = of_group.assign(strength=of_group.strength + shift)
        strengths = sorted({*of_group.strength})
        for axes, measure in ((accuracy, _ACCURACY), (invariance, _INVARIANCE)):
            draw_line(
                of_group,
                axes,
                "strength",
                measure,
                strengths,
                label=label,
                color=color,
                marker=marker,
            )
        floor = of_group.groupby("strength")[_FLOOR].mean()
        look = style.FLOOR | {"color": color, "label": f"floor, {group}"}
        invariance.plot(floor.index, floor, gid=_FLOOR, **look)
    accuracy.axhline(1 / table.num_categories.max(), **style.CHANCE)
    for axes in column:
        for strength in {*table.strength[table.is_trained]}:
            axes.axvline(strength, gid="trained", zorder=0, **_TRAINED)
    invariance.set_xlabel(style.label_strength(table.parameter.iloc[0]))
    lines.draw_percent(accuracy, "accuracy (%)")
    lines.draw_share(invariance, "mean invariance")


def compare_strengths(table):
    """Compares other strengths with the trained one, over all categories.

    Invariance is corrected for its floor. Yet a weak transformation changes
    little, whatever the network has learned.

    Returns:
        Dictionary from what is compared to a Series by transform and seed.
    """
    table = rows(table, category_group="all")
    trained = table[table.is_trained]
    at_training = table.run.map(trained.set_index("run").strength)
    return {
        f"{words}, at {side} strengths minus the trained one": by_seed(
            table[is_there], measure
        )
        - by_seed(trained, measure)
        for words, measure in (
            ("accuracy", _ACCURACY),
            ("corrected invariance", _CORRECTED),
        )
        for side, is_there in (
            ("lower", table.strength < at_training),
            ("higher", table.strength > at_training),
        )
    }
