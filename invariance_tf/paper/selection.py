"""Which rows of the tables a claim or a figure is about, by the same rules."""

import numpy as np
import pandas as pd


def rows(table, **values):
    """Returns the rows with certain values; none if a column is missing.

    A measure that no run has leaves a table without its columns. Saved tables
    hold numbers in float32, hence a tolerance.

    Example:

    >>> import pandas as pd
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


def trained(table):
    """Returns the rows of networks that saw a transformation in training."""
    return table[_saw_transformation(table)]


def never_transformed(table):
    """Returns the other rows: of networks trained with original images only.

    Their transformation is the identity, or they saw no category transformed.
    """
    return table[~_saw_transformation(table)]


def _saw_transformation(table):
    return (table["transform"] != "identity") & (table.n_seen > 0)


def all_seen(table):
    """Returns the rows of networks that saw all categories transformed."""
    return trained(table[table.n_seen == table.num_categories])


def own_tests(table):
    """Returns the rows of tests by the transformation seen in training."""
    if "test_transform" not in table:
        return table.iloc[:0]
    return trained(table[table.test_transform == table["transform"]])


def own_or_untrained(table):
    """Returns the rows of tests by transformations that a network saw.

    Of a network that saw none, those of all tests.
    """
    tested = table.get("test_transform", table["transform"])
    is_own = [
        test in names.split(",")
        for test, names in zip(tested, table["transform"], strict=True)
    ]
    return table[np.array(is_own, bool) | ~_saw_transformation(table)]


def all_seen_neurons(study, tau=None):
    """Returns the neurons of networks that saw all categories transformed.

    Args:
        study: A `tables.Runs`.
        tau: Float, the threshold of the networks; `None` means any.

    Returns:
        DataFrame, the rows of `neurons` about images of all categories and
        the transformation seen in training.
    """
    table = all_seen(own_tests(rows(study.neurons, category_group="all")))
    return table if tau is None else of_tau(study, table, tau)


def of_tau(study, table, tau):
    """Returns the rows of networks that were measured at a threshold."""
    measured = table.run.map(study.runs.set_index("run").tau)
    return table[np.isclose(measured.astype("float64"), tau)]


def of_penultimate(study, table):
    """Returns the rows of a table about each run's penultimate layer."""
    return _of_run(study, table, "layer", "penultimate_layer")


def at_own_tau(study, table, column="tau"):
    """Returns the rows of a table at each run's own threshold."""
    return _of_run(study, table, column, "tau")


def cost_of_inactive(study):
    """Pools what the inactive neurons carry, over a study's networks.

    The paper chooses one threshold for all networks of a data set: this is
    the curve by which it does, Fig. 7 without the division by transformation.

    Args:
        study: A `tables.Runs`.

    Returns:
        Series by tau: the within-category accuracy on transformed images that
        is lost without the inactive neurons, mean over networks of each
        transformation, then over transformations; of the networks that saw
        all categories transformed.
    """
    table = all_seen(of_penultimate(study, study.ablation))
    table = rows(table, image_version="transformed", category_group="seen")
    whole = rows(table, criterion="none")
    kept = rows(table, criterion="tau", ablated="inactive")
    if not len(whole) or not len(kept):
        return pd.Series(dtype="float64")
    cost = kept.run.map(whole.set_index("run").accuracy) - kept.accuracy
    cost = cost.groupby([kept["transform"], kept.value.round(6)]).mean()
    return cost.groupby("value").mean().rename_axis("tau")


def tau_of(study):
    """Returns the threshold of a study, one for all of its networks.

    It is that of its runs. Where theirs differ, as each chose its own
    (`tau: auto`), it is that of `tau_by_rule`, and without one the commonest.

    Args:
        study: A `tables.Runs`.

    Returns:
        Float; nan if no neurons were measured.
    """
    taus = study.runs.tau.dropna().astype("float64")
    if taus.nunique() > 1 and np.isfinite(tau_by_rule(study)):
        return tau_by_rule(study)
    return float(taus.mode().iloc[0]) if len(taus) else np.nan


def tau_by_rule(study):
    """Returns the highest threshold that costs at most 1 % of accuracy.

    Args:
        study: A `tables.Runs`.

    Returns:
        Float, by `cost_of_inactive`; nan if none does.
    """
    cost = cost_of_inactive(study)
    allowed = cost.index[(cost <= 0.01 + 1e-9) & (cost.index < 1)]
    return float(max(allowed, default=np.nan))


def at_common_tau(study):
    """Returns the rows of `layers` at the threshold of the study.

    The coefficient rises with the threshold: networks are compared at one.
    """
    return rows(study.layers, tau=tau_of(study))


def _of_run(study, table, column, setting):
    """Returns the rows in which a column has the value of the row's run."""
    if column not in table:
        return table.iloc[:0]
    wanted = table.run.map(study.runs.set_index("run")[setting])
    if setting == "tau":
        return table[np.isclose(table[column], wanted.astype("float64"))]
    return table[table[column] == wanted]


def num_categories(study):
    """Returns the number of categories of a study."""
    return int(study.runs.num_categories.max())


def seeds_of(study, transform):
    """Returns the seeds that a study has of a transformation, as a set.

    Where transformations share most of their seeds, and of one without runs,
    they are those of all: one may lack a seed that the others have.
    """
    runs = study.runs
    own = {*runs.seed[runs["transform"] == transform]}
    pairs = trained(runs)[["transform", "seed"]].drop_duplicates()
    return own if own and not is_shared(pairs.seed) else {*runs.seed}


def is_shared(seeds):
    """Tells whether transformations share most of their seeds.

    Args:
        seeds: Series or Index, with an entry for every transformation and seed.
    """
    return 2 * seeds.duplicated(keep=False).sum() > len(seeds)


def above_chance(study, table):
    """Returns the rows of networks above chance on original images.

    What else they have above chance is a share of that; of networks at
    chance, a share of nothing.
    """
    is_lost = study.runs.is_at_chance.eq(True)
    return table[~table.run.isin(study.runs.run[is_lost])]


def count_at_chance(study):
    """Returns how many networks of a study are at chance on original images."""
    return int(study.runs.is_at_chance.sum())


def n_seen_values(study):
    """Returns the numbers of seen categories of a study's networks, sorted."""
    return sorted({*trained(study.runs).n_seen})


def values_by(table, columns, measure):
    """Returns the values of a measure, without nan, by values of columns.

    Args:
        table: DataFrame.
        columns: List of column names.
        measure: Name of a column.

    Returns:
        Dictionary from tuples of values to float arrays; empty where the
        table has no such measure.
    """
    if measure not in table:
        return {}
    groups = table.groupby(columns, observed=True)[measure]
    return {key: values.dropna().to_numpy("float64") for key, values in groups}
