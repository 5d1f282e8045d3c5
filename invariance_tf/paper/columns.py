"""Columns of tables from the disk: text made safe, numbers checked."""

import json
import numbers

import numpy as np
import pandas as pd

from invariance_tf import foreign

# Columns that hold text; all others hold numbers.
_TEXT = (
    *("run", "study", "dataset", "network", "transform", "transform_args"),
    *("evaluate_on", "paradigm", "seen_sets", "precision", "data_name"),
    "parameter",
    *("setup", "recipe", "network_args"),
    *("penultimate_layer", "git_commit", "python"),
    *("tensorflow", "keras", "numpy", "backend", "processor", "fingerprint"),
    *("test_transform", "category", "category_group", "layer"),
    *("image_version", "criterion", "ablated"),
)

# Columns of `runs` that say what a run is: text and whole numbers.
_NAMES = ("run", "study", "dataset", "network", "transform", "fingerprint")
_WHOLE = ("n_seen", "num_categories", "seed", "image_size", "epochs")
# And those that tables of every version have.
_OF_EVERY_VERSION = (
    *("transform_args", "evaluate_on", "penultimate_layer", "seconds"),
    *("git_commit", "git_is_modified", "python", "tensorflow", "keras"),
    *("numpy", "backend", "processor", "num_cpus"),
    *("num_images", "num_skipped"),
)

# What a row of the other tables is about; and of what it says in every version,
# what is read.
_ABOUT = {
    "accuracy": ("test_transform", "category_group"),
    "accuracy_by_category": ("test_transform", "category"),
    "confusion": ("category_group",),
    "neurons": ("test_transform", "layer", "category_group", "neuron"),
    "layers": ("test_transform", "layer", "category_group", "tau"),
    "active_counts": ("layer", "image"),
    "ablation": (
        *("layer", "criterion", "value", "share_ablated", "ablated"),
        *("image_version", "category_group"),
    ),
    "strengths": ("parameter", "strength", "category_group"),
    "clusters": ("layer", "num_clusters"),
    "history": ("epoch",),
}
_SAYS = {
    "accuracy": ("num_images", "accuracy"),
    "accuracy_by_category": ("category_group", "num_images", "num_correct"),
    "confusion": (
        *("num_images", "percent_as_seen", "percent_as_unseen"),
        "percent_correct",
    ),
    "neurons": (
        *("num_images", "num_active_images", "invariance_coefficient"),
        *("control_shuffled", "control_same_category", "specialisation"),
    ),
    "layers": ("mean_invariance",),
    "active_counts": ("num_active_neurons", "num_neurons"),
    "ablation": ("accuracy",),
    "strengths": (
        *("is_trained", "accuracy", "mean_invariance"),
        *("mean_control_shuffled", "mean_corrected_invariance"),
    ),
    "clusters": (
        *("num_neurons", "is_chosen", "explained", "shuffled_mean"),
        *("shuffled_std", "correlated_mean", "correlated_std"),
    ),
    "history": (),
}


def read_table(path, penultimate_layer):
    """Reads a table; from large ones only the penultimate layer."""
    if path.endswith(".parquet"):
        # Inner layers can have a million neurons.
        filters = [("layer", "==", penultimate_layer)]
        return check_columns(read_parquet(path, filters=filters))
    # Else categories called NA or 007 would be missing, or numbers.
    table = pd.read_csv(
        path,
        dtype=dict.fromkeys(_TEXT, "str"),
        keep_default_na=False,
        na_values=[""],
    )
    check_columns(table, foreign.unescape_cell)
    if path.endswith("active_counts.csv"):
        table = table[table.layer == foreign.escape(penultimate_layer)]
    return table


def read_parquet(path, **options):
    """Reads a Parquet file; Arrow opens no path that is not UTF-8."""
    with open(path, "rb") as file:
        return pd.read_parquet(file, **options)


def check_columns(table, unescape=str):
    """Makes the text of a table safe; raises where numbers should be.

    Args:
        table: DataFrame, which is changed.
        unescape: Function of each text, before.

    Returns:
        The table.

    Raises:
        ValueError: If there is text in a column of numbers, or an accuracy
            that is not from 0 to 1.
    """
    for name, column in table.items():
        if column.dtype.kind != "O" or name == "run_dir":
            continue
        # Once each: most columns have a few names in many rows.
        values = [value for value in column.unique() if not pd.isna(value)]
        if name in _TEXT:
            safe = {
                text: foreign.escape(unescape(text))
                for text in map(str, values)
            }
            if any(text != new for text, new in safe.items()):
                table[name] = column.map(safe)
        elif not all(isinstance(value, numbers.Real) for value in values):
            raise ValueError(f"the column {name} must hold numbers")
    for name in table:
        # float32 rounds; nan is that of no images.
        if "accuracy" in name and not (
            table[name].dropna().between(-1e-6, 1 + 1e-6).all()
        ):
            raise ValueError(f"the column {name} must be from 0 to 1")
    return table


def check_present(table, names):
    """Raises a `ValueError` if a column is missing."""
    missing = [name for name in names if name not in table]
    if missing:
        raise ValueError(f"the column {missing[0]} is missing")


def check_measured(name, table, runs):
    """Raises a `ValueError` unless a table says something once of each run.

    Args:
        name: String, which of the tables other than `runs` it is.
        table: DataFrame.
        runs: Names of the runs there are.
    """
    if not len(table):
        return
    check_present(table, (*_ABOUT[name], *_SAYS[name]))
    unknown = {*table.run} - {*runs}
    if unknown:
        raise ValueError(f"the run {min(unknown)} is not in runs.parquet")
    # Networks with several transformations have tables of each.
    about = {"run", "test_transform", *_ABOUT[name]} & {*table}
    twice = table.run[table.duplicated([*about])]
    if len(twice):
        raise ValueError(f"the run {twice.iloc[0]} has some rows several times")


def check_rows(table):
    """Raises a `ValueError` unless `runs` has runs, each of them once."""
    if len(table):
        check_present(table, (*_NAMES, *_WHOLE, *_OF_EVERY_VERSION))
    for row in table.to_dict("records"):
        check_keys(row)
    twice = table.run[table.run.duplicated()]
    if len(twice):
        raise ValueError(f"the run {twice.iloc[0]} has several rows")


def check_keys(row):
    """Raises a `ValueError` unless a row of `runs` can be that of a run."""
    if not all(row[name] and isinstance(row[name], str) for name in _NAMES):
        raise ValueError(f"{', '.join(_NAMES)} must be names")
    if not all(type(row[name]) is int for name in _WHOLE):
        raise ValueError(f"{', '.join(_WHOLE)} must be whole numbers")
    if row["num_categories"] < 1:
        raise ValueError("num_categories must be at least 1")
    if not 0 <= row["n_seen"] <= row["num_categories"]:
        raise ValueError("n_seen must be from 0 to num_categories")
    for name in ("transform_args", "network_args"):
        # Tables from before a column was added do not have it.
        if not isinstance(json.loads(row.get(name, "{}")), dict):
            raise ValueError(f"{name} must be arguments by name")


def shorten(table, num_bits):
    """Returns a table with its float32 columns to so many significant bits.

    The relative error is at most `2**-num_bits`.

    Example:

    >>> import pandas as pd
    >>> table = pd.DataFrame({"measure": [0.3333, 4096.6]}, dtype="float32")
    >>> [*shorten(table, num_bits=4).measure]
    [0.34375, 4096.0]
    """
    table = table.copy()
    for name in table.select_dtypes("float32"):
        mantissa, exponent = np.frexp(table[name])
        mantissa = np.round(mantissa * 2**num_bits)
        table[name] = np.ldexp(mantissa, exponent - num_bits)
    return table
