"""What do networks do with several transformations?"""

import numpy as np
from matplotlib.lines import Line2D

from invariance_tf.drawing import lines, style
from invariance_tf.drawing.strengths import GROUPS
from invariance_tf.paper.questions.chosen import (
    add_rows,
    by_seed,
    choose_runs,
    is_joint,
    is_of_several,
)
from invariance_tf.paper.questions.panels import (
    describe_seeds,
    draw_line,
    fill_columns,
)
from invariance_tf.paper.selection import at_own_tau, of_penultimate, rows
from invariance_tf.settings import names

_ACCURACY, _CORRECTED = "accuracy", "mean_corrected_invariance"
_LOOKS = {
    **GROUPS,
    "other": ("categories seen with another transformation", "#009E73", "^"),
}


def select_several(runs):
    """Selects the tests of networks trained with one transformation or more.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame, rows of `runs.accuracy` with the corrected invariance, in
        which transform is the one tested, and num_trained and seen_sets tell
        how it was trained.
    """
    is_several = is_of_several(runs)
    if not is_several.any():
        return add_rows(choose_runs(runs, is_several), runs.accuracy)
    is_beside = runs.runs.setup.isin(runs.runs.setup[is_several])
    chosen = choose_runs(runs, is_several | is_joint(runs) & is_beside)
    table = add_rows(chosen, runs.accuracy)
    trained = table["transform"].str.split(",")
    is_own = [
        test in parts
        for test, parts in zip(table.test_transform, trained, strict=True)
    ]
    table = table.assign(
        num_trained=trained.str.len(), transform=table.test_transform
    )[is_own]
    keys = ["run", "test_transform", "category_group"]
    layers = at_own_tau(runs, of_penultimate(runs, runs.layers))
    layers = layers.reindex(columns=[*keys, _CORRECTED])
    return table.merge(layers, "left", keys)


def _ways(table):
    """Returns the ways of training as pairs, from one transformation on."""
    found = table[["num_trained", "seen_sets"]].drop_duplicates()
    return sorted(found.itertuples(index=False, name=None), key=_rank)


def _rank(way):
    num_trained, seen_sets = way
    return num_trained, seen_sets == "disjoint"


def _in_words(way, others="others"):
    """Says how a network was trained.

    Example:

    >>> _in_words((1, "same")), _in_words((2, "disjoint"))
    ('alone', 'with 1 other, disjoint')
    """
    num_trained, seen_sets = way
    if num_trained == 1:
        return "alone"
    count = num_trained - 1
    words = f"with {count} {others.removesuffix('s') if count == 1 else others}"
    return words + (", disjoint" if seen_sets == "disjoint" else "")


def fill_several(part, table):
    """Draws accuracy above invariance, for each way of training."""
    handles = [
        Line2D([], [], label=label, color=color, marker=marker, linestyle="")
        for label, color, marker in _LOOKS.values()
    ]
    ways = _ways(table)

    def draw_column(column, of_transform):
        _draw_column(column, of_transform, ways)

    height = fill_columns(part, table, 2, draw_column, handles)
    return height, (
        f"{describe_seeds(table)} Alone: networks trained with this "
        "transformation only; with others: half of the images of a seen "
        "category are original, the others undergo one of the transformations "
        "each; disjoint: these are seen in different categories. "
        f"{style.CORRECTED_NOTE} Dotted: chance."
    )


def _draw_column(column, table, ways):
    places = np.arange(len(ways))
    place_of = dict(zip(ways, places, strict=True))
    keys = zip(table.num_trained, table.seen_sets, strict=True)
    table = table.assign(place=[float(place_of[key]) for key in keys])
    for number, (group, (label, color, marker)) in enumerate(_LOOKS.items()):
        shift = 0.2 * (number - 1)
        of_group = rows(table, category_group=group)
        of_group = of_group.assign(place=of_group.place + shift)
        for axes, measure in zip(column, (_ACCURACY, _CORRECTED), strict=True):
            draw_line(
                of_group,
                axes,
                "place",
                measure,
                places + shift,
                label=label,
                color=color,
                marker=marker,
                linestyle="",
            )
    accuracy, invariance = column
    accuracy.axhline(1 / table.num_categories.max(), **style.CHANCE)
    lines.draw_percent(accuracy, "accuracy (%)")
    lines.draw_share(
        invariance,
        "corrected invariance",
        lowest=lines.lowest_of(table[_CORRECTED]),
    )
    words = [_in_words(way).replace("with ", "") for way in ways]
    for axes in column:
        axes.set_xlim(-0.5, len(ways) - 0.5)
        axes.set_xticks(
            places, words, rotation=30, ha="right", rotation_mode="anchor"
        )


def compare_several(table):
    """Compares training with several transformations and with one.

    Returns:
        Dictionary from what is compared to a Series by transform and seed.
    """
    unseen = rows(table, category_group="unseen")
    alone = rows(unseen, num_trained=1)
    found = {}
    for measure, words in (
        (_ACCURACY, "across"),
        (_CORRECTED, "corrected invariance, unseen"),
    ):
        for way in _ways(table):
            num_trained, seen_sets = way
            if num_trained > 1:
                of_way = rows(
                    unseen, num_trained=num_trained, seen_sets=seen_sets
                )
                found[f"{words}, {_in_words(way)} minus alone"] = by_seed(
                    of_way, measure
                ) - by_seed(alone, measure)
    disjoint = rows(table, seen_sets="disjoint")
    if len(disjoint):
        other, unseen = (
            by_seed(rows(disjoint, category_group=group), _ACCURACY)
            for group in ("other", "unseen")
        )
        found["accuracy, seen with another minus unseen, disjoint"] = (
            other - unseen
        )
    return found | _compare_composed(by_seed(alone, _ACCURACY))


def _compare_composed(across):
    """Compares transformations one after the other with the harder of them."""
    differences = {}
    for transform, seed in across.index:
        parts = [
            (part, seed)
            for part in names.split_transforms(transform)
            if part != transform
        ]
        if parts and {*parts} <= {*across.index}:
            hardest = min(across[part] for part in parts)
            differences[transform, seed] = across[transform, seed] - hardest
    if not differences:
        return {}
    found = across.reindex([*differences])
    found[:] = [*differences.values()]
    return {"across, one after the other minus the harder alone": found}
