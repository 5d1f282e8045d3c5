"""Which runs a question is about, and how its networks are called."""

import json

import numpy as np

from invariance_tf.drawing import style
from invariance_tf.paper.selection import own_tests, rows, trained
from invariance_tf.paper.studies import name_in_words, other_transforms
from invariance_tf.settings.names import is_several

# Networks whose layers have states at time steps.
RECURRENT = ("bl_small", "cornet_small")

# What tables of a question take from that of the runs.
_OF_RUN = (
    *("run", "data_name", "paradigm", "seen_sets"),
    *("num_parameters", "network_name"),
)
_ADDED = (*_OF_RUN, "across_in_group")


def is_trained(runs):
    """Returns which runs are of training with one transformation."""
    found = runs.runs.index.isin(trained(runs.runs).index)
    return found & ~_has_several(runs)


def is_joint(runs):
    """Returns which runs are of joint training with one transformation."""
    return is_trained(runs) & _is_joint(runs)


def is_of_several(runs):
    """Returns which runs are of joint training with several."""
    return _has_several(runs) & _is_joint(runs)


def _is_joint(runs):
    return runs.runs.index.isin(rows(runs.runs, paradigm="joint").index)


def _has_several(runs):
    return runs.runs["transform"].map(is_several).astype(bool)


def choose_runs(runs, is_asked, several=None, alike="setup"):
    """Chooses runs that differ in nothing but what a question compares.

    Of several set-ups, and of several strengths of a transformation, the one
    with most runs is taken, and a training that was run twice counts once.

    Args:
        runs: A `tables.Runs`.
        is_asked: Boolean Series, which rows of `runs.runs` to choose from.
        several: String, name of a column that must have several values in the
            set-up, or `None`.
        alike: String, name of the column that tells set-ups apart: setup, or
            recipe, which is equal for other categories and images too.

    Returns:
        DataFrame, rows of `runs.runs` with the columns network_name and
        across_in_group: the accuracy for transformed images of unseen
        categories if only these can be answered.
    """
    table = runs.runs[is_asked]
    if several in table:
        counts = table.groupby(alike)[several].transform("nunique")
        table = table[(counts > 1) & table[several].notna()]
    if not len(table):
        return table.reindex(columns=[*dict.fromkeys((*table, *_ADDED))])
    table = table[table[alike] == _commonest(table[alike])]
    strength = table.groupby("transform").transform_args
    table = table[table.transform_args == strength.transform(_commonest)]
    names = [
        name_network(*row)
        for row in zip(table.network, table.network_args, strict=True)
    ]
    # Of equal trainings the one whose neurons were measured stays, then that
    # tested by more ("all" comes before "trained"), of recipes the longer one.
    in_group = _across_in_group(runs).reindex(table.run).to_numpy()
    table = table.assign(network_name=names, across_in_group=in_group)
    table = table.assign(is_unmeasured=table.tau.isna()).sort_values(
        ["is_unmeasured", "evaluate_on", "epochs", "run"],
        ascending=[True, True, False, True],
        kind="stable",
    )
    keys = ["network_name", "paradigm", "seen_sets", "transform"]
    keys += ["n_seen", "num_categories", "num_images", "seed"]
    return table[~table.duplicated(keys)]


def _across_in_group(runs):
    """Returns the accuracy in group, for unseen categories, by run."""
    of_unseen = rows(own_tests(runs.accuracy), category_group="unseen")
    columns = ["run", "accuracy_in_group"]
    return of_unseen.reindex(columns=columns).set_index("run").squeeze(axis=1)


def _commonest(values):
    return values.value_counts().index[0]


def add_rows(chosen, table):
    """Returns a table's rows of chosen runs, with what is known of the runs.

    Args:
        chosen: DataFrame of `choose_runs`.
        table: DataFrame, one of a `tables.Runs`.
    """
    return table.merge(chosen[[*_OF_RUN]], on="run")


def name_network(network, network_args):
    """Names a network and its options, in words.

    Example:

    >>> name_network("alexnet_small", '{"width": 0.5}')
    'small AlexNet, width 0.5'
    >>> name_network("bl_small", '{"connections": "BU", "width": 1.0}')
    'BU'
    """
    options = json.loads(network_args)
    if options.get("width") == 1:
        del options["width"]
    # A network by its connections is a control of BL, with a name.
    words = [str(options.pop("connections", name_in_words(network)))]
    for key, value in options.items():
        text = f"{value:g}" if isinstance(value, float) else f"{value}"
        words.append(f"{key.replace('_', ' ')} {text}")
    return ", ".join(words)


def count_in_words(number):
    """Writes a number of parameters; nothing for nan.

    Example:

    >>> count_in_words(442472), count_in_words(11_200_000)
    ('442 k', '11.2 M')
    """
    if np.isnan(number):
        return ""
    if number < 1e6:
        return f"{number / 1e3:.3g} k"
    return f"{number / 1e6:.3g} M"


def sort_transforms(table):
    """Returns the transformations of a table, in the paper's order."""
    found = {*table["transform"]}
    return [*(name for name in style.LOOKS if name in found)] + [
        *other_transforms(table)
    ]


def by_seed(table, measure):
    """Returns a measure as a Series by transform and seed.

    Rows of the same transform and seed are averaged.
    """
    groups = table.groupby(["transform", "seed"], observed=True)
    return groups[measure].mean().dropna().astype("float64")


def count_seeds(table):
    """Returns the fewest and the most seeds of a transformation."""
    counts = table.groupby("transform").seed.nunique()
    return int(np.min(counts)), int(np.max(counts))
