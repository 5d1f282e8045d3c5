"""Values of a study's networks, along n_seen."""

import pandas as pd

from invariance_tf.paper import selection
from invariance_tf.paper.claims import inference
from invariance_tf.paper.claims.limits import FEW
from invariance_tf.paper.selection import rows

ROTATIONS = ("rotate90", "rotate180")

KEYS = ("transform", "n_seen", "seed")
BY_SEED = ("transform", "seed")


def values_of(table, column, by=KEYS):
    """Averages a measure over the rows with the same keys, without nan.

    Args:
        table: DataFrame.
        column: Name of the measure.
        by: Tuple of column names.

    Returns:
        Series by the columns of `by`; empty where a column is missing.
    """
    if not {column, *by} <= {*table}:
        table = pd.DataFrame(columns=[*by, column])
    # Missing measures are None in tables of runs.
    measure = pd.to_numeric(table[column]).astype("float64")
    keys = [table[key] for key in by]
    return measure.groupby(keys, observed=True).mean().dropna()


def accuracy_of(runs, kind):
    """Returns the within- or across-category accuracy of trained networks."""
    return values_of(selection.trained(runs.runs), f"{kind}_accuracy")


def invariance_of(runs, group="all", measure="mean_invariance"):
    """Returns the mean invariance of the penultimate layer, over neurons.

    Args:
        runs: A `tables.Runs`.
        group: Category group of the images: seen, unseen or all.
        measure: Column of `layers`.

    Returns:
        Series by transform, n_seen and seed.
    """
    layers = selection.of_penultimate(runs, selection.at_common_tau(runs))
    layers = rows(selection.own_tests(layers), category_group=group)
    return values_of(layers, measure)


def untrained_invariance(runs, measure="mean_invariance"):
    """Returns the same of networks that saw no transformed image.

    Returns:
        Series by transform, that of the test, and seed.
    """
    layers = selection.of_penultimate(runs, selection.at_common_tau(runs))
    layers = rows(selection.never_transformed(layers), category_group="all")
    values = values_of(layers, measure, ("test_transform", "seed"))
    return values.rename_axis([*BY_SEED])


def untrained_accuracy(runs):
    """Returns the accuracy on transformed images of the same networks.

    Returns:
        Series by transform, that of the test, and seed.
    """
    tests = rows(runs.accuracy, category_group="all")
    tests = selection.never_transformed(tests)
    values = values_of(tests, "accuracy", ("test_transform", "seed"))
    return values.rename_axis([*BY_SEED])


def only_few(values, num_categories):
    """Keeps the values of networks that saw few categories transformed."""
    n_seen = values.index.get_level_values("n_seen")
    return values[n_seen <= FEW * num_categories]


def at_all(values, num_categories):
    """Returns the values of networks that saw all categories transformed."""
    n_seen = values.index.get_level_values("n_seen")
    return values[n_seen == num_categories].droplevel("n_seen")


def at_fewest(values):
    """Returns the values at the fewest seen categories."""
    return _at_end(values, "min")


def at_most(values):
    """Returns the values at the most seen categories."""
    return _at_end(values, "max")


def mean_over_n_seen(values):
    """Averages over the numbers of seen categories, by transform and seed."""
    return _where_whole(values).groupby([*BY_SEED]).mean()


def slope_of(values, num_categories):
    """Returns the slope on the share of seen categories: `inference.slopes`."""
    return inference.slopes(
        _where_whole(values), lambda n_seen: n_seen / num_categories
    )


def _at_end(values, end):
    """Returns the values at the smallest or largest common n_seen."""
    values = at_common_n_seen(values)
    n_seen = values.index.get_level_values("n_seen")
    chosen = getattr(n_seen, end)()
    return values[n_seen == chosen].droplevel("n_seen")


def _where_whole(values):
    """Drops seeds that lack one of the numbers of seen categories."""
    values = at_common_n_seen(values)
    counts = values.groupby([*BY_SEED]).transform("size")
    return values[counts == values.index.unique("n_seen").size]


def at_common_n_seen(values):
    """Keeps the numbers of seen categories that half of all seeds have.

    Transformations are compared at the same ones, which a single run at
    another does not change.
    """
    num_seeds = values.groupby([*BY_SEED]).ngroups
    counts = values.groupby("n_seen").transform("size")
    return values[2 * counts >= num_seeds]
