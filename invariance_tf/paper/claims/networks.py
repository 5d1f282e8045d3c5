"""Which networks and measures of a study a claim is about."""

import numpy as np
import pandas as pd

from invariance_tf.paper.claims.limits import FEW

ROTATIONS = ("rotate90", "rotate180")

KEYS = ("transform", "n_seen", "seed")


def rows(table, **values):
    """Returns the rows with certain values; none if a column is missing.

    A measure that no run has leaves a table without its columns. Tables that
    were saved hold numbers in float32, hence a tolerance.

    Example:

    >>> table = pd.DataFrame({"seed": [0, 1], "tau": np.float32([0.1, 0.2])})
    >>> len(rows(table, tau=0.1)), len(rows(table, tau=0.1, layer="fc7"))
    (1, 0)
    """
    for column, value in values.items():
        if column not in table:
            return table.iloc[:0]
        is_selected = (
            np.isclose(table[column], value)
            if isinstance(value, float)
            else table[column] == value
        )
        table = table[is_selected]
    return table


def own(table):
    """Returns the rows of tests by the transformation of the training."""
    if "test_transform" not in table:
        return table.iloc[:0]
    return table[table.test_transform == table["transform"]]


def all_seen(table):
    """Returns the rows of networks that saw all categories transformed."""
    is_trained = table["transform"] != "identity"
    return table[is_trained & (table.n_seen == table.num_categories)]


def all_seen_neurons(runs):
    """Returns the neurons of networks that saw all categories transformed.

    Returns:
        DataFrame, the rows of `neurons` about the transformation of the
        training and images of all categories.
    """
    table = runs.neurons
    if "test_transform" not in table:
        return table.iloc[:0]
    is_all_seen = table.n_seen == table.num_categories
    is_of_all = table.category_group == "all"
    return own(table[is_all_seen & is_of_all])


def values_of(table, column, by=KEYS):
    """Returns a measure of transformed networks, as `means` does."""
    return means(table[table.n_seen > 0], column, by)


def means(table, column, by):
    """Averages a measure by some keys, without nan.

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


def only_few(values, num_categories):
    """Keeps the values of networks that saw few categories transformed."""
    n_seen = values.index.get_level_values("n_seen")
    return values[n_seen <= FEW * num_categories]


def at(values, n_seen):
    """Returns the values of networks with some number of seen categories."""
    chosen = values[values.index.get_level_values("n_seen") == n_seen]
    return chosen.droplevel("n_seen")


def at_fewest(values):
    """Returns the values at each transformation's fewest seen categories."""
    return _at_end(values, "min")


def at_most(values):
    """Returns the values at each transformation's most seen categories."""
    return _at_end(values, "max")


def rise(values):
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
    >>> rise(pd.Series([0.25, 0.75, 0.5], keys)).to_dict()
    {('blur', 0): 0.5}
    """
    values = _with_two_seeds(values)
    n_seen = _n_seen(values).groupby("transform")
    values = values[n_seen.transform("min") < n_seen.transform("max")]
    return at_most(values) - at_fewest(values)


def num_categories(runs):
    """Returns the number of categories of a study."""
    return int(runs.runs.num_categories.iloc[0])


def penultimate(runs):
    """Returns the name of the penultimate layer, `None` if unmeasured."""
    return _commonest(runs, "penultimate_layer", None)


def invariance(runs, group="all"):
    """Returns the mean invariance of the penultimate layer, over neurons.

    Args:
        runs: A `tables.Runs`.
        group: Category group of the images: seen, unseen or all.

    Returns:
        Series by transform, n_seen and seed.
    """
    layers = rows(own(penultimate_layers(runs)), category_group=group)
    return values_of(layers, "mean_invariance")


def penultimate_layers(runs):
    """Returns the rows of `layers` of the penultimate layer, at one tau."""
    return rows(at_tau(runs), layer=penultimate(runs))


def at_tau(runs):
    """Returns the rows of `layers` at one threshold for all runs.

    The coefficient rises with the threshold. Where runs differ in theirs,
    the commonest one is taken.
    """
    return rows(runs.layers, tau=float(_commonest(runs, "tau", np.nan)))


def _commonest(runs, column, default):
    """Returns the commonest value of a column, `default` without any."""
    values = runs.runs[column].dropna().mode()
    return values.iloc[0] if len(values) else default


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
