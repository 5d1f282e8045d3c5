"""Values of a study's networks, and their ends along n_seen."""

import numpy as np
import pandas as pd

from invariance_tf.paper import selection
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


def invariance_of(runs, group="all"):
    """Returns the mean invariance of the penultimate layer, over neurons.

    Args:
        runs: A `tables.Runs`.
        group: Category group of the images: seen, unseen or all.

    Returns:
        Series by transform, n_seen and seed.
    """
    layers = selection.of_penultimate(runs, at_common_tau(runs))
    layers = rows(selection.own_tests(layers), category_group=group)
    return values_of(layers, "mean_invariance")


def at_common_tau(runs):
    """Returns the rows of `layers` at one threshold for all runs.

    The coefficient rises with the threshold. Where runs differ in theirs,
    the commonest one is taken.
    """
    taus = runs.runs.tau.dropna().mode()
    tau = taus.iloc[0] if len(taus) else np.nan
    return rows(runs.layers, tau=float(tau))


def only_few(values, num_categories):
    """Keeps the values of networks that saw few categories transformed."""
    n_seen = values.index.get_level_values("n_seen")
    return values[n_seen <= FEW * num_categories]


def at_all(values, num_categories):
    """Returns the values of networks that saw all categories transformed."""
    n_seen = values.index.get_level_values("n_seen")
    return values[n_seen == num_categories].droplevel("n_seen")


def at_fewest(values):
    """Returns the values at each transformation's fewest seen categories."""
    return _at_end(values, "min")


def at_most(values):
    """Returns the values at each transformation's most seen categories."""
    return _at_end(values, "max")


def rise_of(values):
    """Subtracts the values at the fewest seen categories from those at most.

    Args:
        values: Series by transform, n_seen and seed.

    Returns:
        Series by transform and seed, without transformations that have only
        one number of seen categories.

    Example:

    >>> keys = pd.MultiIndex.from_tuples(
    ...     [("blur", 4, 0), ("blur", 36, 0), ("thinning", 4, 0)],
    ...     names=["transform", "n_seen", "seed"],
    ... )
    >>> rise_of(pd.Series([0.25, 0.75, 0.5], keys)).to_dict()
    {('blur', 0): 0.5}
    """
    values = _with_two_seeds(values)
    n_seen = _n_seen(values).groupby("transform")
    values = values[n_seen.transform("min") < n_seen.transform("max")]
    return at_most(values) - at_fewest(values)


def _at_end(values, end):
    """Returns the values at the smallest or largest n_seen."""
    values = _with_two_seeds(values)
    n_seen = _n_seen(values)
    chosen = n_seen.groupby("transform").transform(end)
    return values[n_seen == chosen].droplevel("n_seen")


def _with_two_seeds(values):
    """Drops each transformation's n_seen with one seed if others have two."""
    counts = values.groupby(["transform", "n_seen"]).transform("size")
    best = counts.groupby("transform").transform("max")
    return values[counts >= np.minimum(2, best)]


def _n_seen(values):
    """Returns the numbers of seen categories, by the keys of the values."""
    return pd.Series(values.index.get_level_values("n_seen"), values.index)
