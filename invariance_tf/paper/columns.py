"""Columns of tables from the disk: text made safe, numbers checked."""

import json

import pandas as pd

from invariance_tf import foreign

# Columns that hold text; all others hold numbers.
_TEXT = (
    *("run", "study", "dataset", "network", "transform", "transform_args"),
    *("evaluate_on", "paradigm", "data_name", "parameter"),
    *("penultimate_layer", "git_commit", "python"),
    *("tensorflow", "keras", "numpy", "backend", "processor", "fingerprint"),
    *("test_transform", "category", "category_group", "layer"),
    *("image_version", "criterion", "ablated"),
)


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
        ValueError: If there is text in a column of numbers.
    """
    for name, column in table.items():
        present = column.dropna()
        if not len(present):
            continue
        if name in _TEXT:
            # Once each: most columns have a few names in many rows.
            safe = {
                text: foreign.escape(unescape(text))
                for text in present.unique()
            }
            if any(text != new for text, new in safe.items()):
                table[name] = column.map(safe)
        elif name != "run_dir" and present.infer_objects().dtype.kind == "O":
            raise ValueError(f"the column {name} must hold numbers")
    return table


def check_keys(runs):
    """Raises a `ValueError` unless the settings of runs can be those of any."""
    names = ["dataset", "network", "transform"]
    if not runs[names].fillna("").astype(bool).all(axis=None):
        raise ValueError(f"{', '.join(names)} must be names")
    whole = ["n_seen", "num_categories", "seed", "image_size", "epochs"]
    if not all(kind.kind in "iu" for kind in runs[whole].dtypes):
        raise ValueError(f"{', '.join(whole)} must be whole numbers")
    if not runs.n_seen.between(0, runs.num_categories).all():
        raise ValueError("n_seen must be from 0 to num_categories")
    for text in runs.transform_args.unique():
        if not isinstance(json.loads(text), dict):
            raise ValueError("transform_args must be arguments by name")
