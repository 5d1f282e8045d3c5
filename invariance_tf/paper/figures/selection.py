"""Which rows of the tables a figure shows."""

import numpy as np

# The networks and data of the paper's studies, for gaps.
STUDY_NAMES = {
    "faces": "FaceScrub with AlexNet",
    "imagenet": "ImageNet with ResNet-18",
    "inception": "FaceScrub with Inception",
}

# The sweep files in configs/sweeps that make their runs, by data set.
SWEEPS = {
    "faces": {"synthfaces": "synthfaces", "facescrub": "facescrub"},
    "imagenet": {"imagenet": "imagenet"},
    "inception": {"facescrub": "facescrub_inception"},
}


def rows(table, **values):
    """Returns the rows that have given values.

    A measure that no run has leaves a table without its columns, which then
    has no such rows.

    Example:

    >>> import pandas as pd
    >>> table = pd.DataFrame({"seed": [0, 1], "accuracy": [0.5, 0.7]})
    >>> len(rows(table, seed=1)), len(rows(table, seed=1, layer="fc7"))
    (1, 0)
    """
    for column, value in values.items():
        if column not in table:
            return table.iloc[:0]
        table = table[table[column] == value]
    return table


def trained(table):
    """Returns the rows of networks that saw a transformation in training."""
    return table[(table["transform"] != "identity") & (table.n_seen > 0)]


def all_seen(table):
    """Returns those of networks that saw all categories transformed."""
    return trained(table[table.n_seen == table.num_categories])


def never_transformed(table):
    """Returns those of networks trained with original images only."""
    return rows(table, transform="identity", n_seen=0)


def own(table):
    """Returns those of tests by the transformation of the training."""
    if "test_transform" not in table:
        return table.iloc[:0]
    return trained(table[table["transform"] == table.test_transform])


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


def grid(study):
    """Returns the numbers of seen categories of a study, all of them last."""
    return sorted({*trained(study.runs).n_seen, size_of(study)})


def spread(values, count):
    """Chooses at most so many values, evenly, with the first and the last.

    Example:

    >>> spread([1, 2, 3, 4, 5, 6, 7], 3)
    [1, 4, 7]
    """
    if len(values) <= count:
        return list(values)
    positions = np.linspace(0, len(values) - 1, count).round().astype(int)
    return [values[position] for position in positions]


def name_of(study, role):
    """Returns the data set and the network of a study, in words.

    Args:
        study: A `tables.Runs`, or `None` where it has no runs.
        role: One of the keys of `STUDY_NAMES`.
    """
    if study is None:
        return STUDY_NAMES[role]
    first = study.runs.iloc[0]
    return f"{first.dataset}, {first.network}"


def gap_text(role):
    """Returns what stands in the place of a study without runs."""
    files = " or ".join(f"{name}.yaml" for name in SWEEPS[role].values())
    return f"no runs for {STUDY_NAMES[role]}\n(configs/sweeps/: {files})"


def size_of(study):
    """Returns the number of categories of a study."""
    return int(study.runs.num_categories.max())
