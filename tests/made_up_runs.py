"""Tables of invented runs, by laws that a test chooses."""

import itertools

import numpy as np
import pandas as pd

from invariance_tf.paper.tables import KEYS, Runs
from invariance_tf.settings.defaults import TRANSFORMS

TRANSFORMATIONS = tuple(name for name in TRANSFORMS if name != "identity")
LAYERS = ("conv1", "conv2", "fc6")
# Few, so that tables are small: the runs' own, and some on both sides.
TAUS = (0.0, 0.1, 0.5, 0.9)
TOP_PERCENTS = (1, 20, 40)
NUM_IMAGES = 10

COLUMNS = {
    "accuracy": "test_transform category_group num_images accuracy "
    "accuracy_in_group",
    "accuracy_by_category": "test_transform category category_group num_images "
    "num_correct",
    "confusion": "category_group num_images percent_as_seen percent_as_unseen "
    "percent_correct",
    "neurons": "test_transform layer category_group neuron num_images "
    "num_active_images max_activity invariance_coefficient control_shuffled "
    "control_same_category specialisation",
    "layers": "test_transform layer category_group tau num_neurons "
    "num_never_active mean_invariance median_invariance mean_specialisation "
    "mean_control_shuffled mean_corrected_invariance",
    "active_counts": "layer image num_active_neurons num_neurons",
    "ablation": "layer image_version category_group criterion value ablated "
    "accuracy share_ablated",
    "history": "epoch loss",
}
# The columns of `runs` that are the same for all.
OF_EVERY_RUN = {
    "setup": "00000000",
    "recipe": "00000000",
    "transform_args": "{}",
    "network_args": "{}",
    "paradigm": "joint",
    "seen_sets": "same",
    "precision": "float32",
    "num_parameters": 442472.0,
    "category_seed": 0,
    "image_size": 48,
    "epochs": 15,
    "clean_accuracy": 0.9,
    "is_at_chance": False,
    "tau": 0.1,
    "penultimate_layer": "fc6",
    "seconds": 20.0,
    "git_commit": "0" * 40,
    "git_is_modified": False,
    "python": "3.11.7",
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "numpy": "2.4.6",
    "backend": "tensorflow",
    "processor": "made up",
    "num_cpus": 2,
    "fingerprint": "0" * 64,
    "num_images": 3600,
    "num_skipped": 0,
}


def within(transform, share, seed):
    """Falls from 1 to .85 as the share of seen categories grows."""
    return 1 - 0.15 * share - 0.005 * seed


def across(transform, share, seed):
    """Rises with the share of seen categories, hardly so for rotations."""
    slope = 0.05 if transform.startswith("rotate") else 0.7
    return slope * share + 0.01 * seed


def invariance(transform, share, seed, group):
    """Rises with the share of seen categories; higher for seen ones."""
    slope = 0.1 if transform.startswith("rotate") else 0.4
    gap = 0.05 * (1 - share) if group == "seen" else 0
    return 0.1 + slope * share + gap + 0.005 * seed


LAWS = {
    "within": within,
    "across": across,
    "invariance": invariance,
    # Accuracy for images transformed otherwise than in training.
    "other": lambda trained, tested: 0.1,
    # Of nan first: it stays.
    "inactive_ablated": lambda accuracy, tau: max(
        accuracy - max(0, tau - 0.1), 0.0
    ),
    "active_ablated": lambda accuracy, tau: accuracy * tau,
    "random_ablated": lambda accuracy, tau: accuracy * (1 - tau),
    "floor": lambda depth: 0.05,
    "top_ablated": lambda accuracy, percent: accuracy * percent / 100,
    "specialisation": lambda transform, spread: spread,
    "taken_for_seen": lambda share, seed: 1 - share,
    "layer_share": lambda depth, seed: (depth + 1) / len(LAYERS),
    "active_images": lambda seed: 0.1,
    "active_neurons": lambda seed: 0.1,
}


def made_up_runs(
    *,
    dataset="synthfaces",
    network="alexnet_small",
    transforms=TRANSFORMATIONS,
    n_seen=(1, 4, 12, 20, 28, 36),
    seeds=(0, 1),
    num_categories=40,
    num_neurons=30,
    with_references=True,
    **laws,
):
    """Makes a `tables.Runs` of a whole sweep.

    `with_references` adds the networks trained with all categories seen and
    the never-transformed one, each tested by every transformation. `laws`
    replace those of `LAWS`.
    """
    laws = LAWS | laws
    plan = [*itertools.product(transforms, n_seen, seeds, [()])]
    if with_references:
        counts = [num_categories]
        plan += itertools.product(transforms, counts, seeds, [transforms])
        plan += itertools.product(["identity"], [0], seeds, [transforms])
    keys, runs = [], []
    found = {name: [] for name in COLUMNS}
    for number, (transform, count, seed, others) in enumerate(plan):
        run = f"{dataset}-{network}-{transform}-n{count}-s{seed}-00000000"
        names = (run, "00000000", dataset, network, transform, count)
        keys.append((*names, num_categories, seed))
        tested = dict.fromkeys(["identity", transform, *others])
        rows, of_run = _make_rows(keys[-1], [*tested], laws, num_neurons)
        evaluate_on = "all" if others else "trained"
        of_run |= {"data_name": dataset, "evaluate_on": evaluate_on}
        runs.append(of_run | {"run_dir": run})
        for name, of_table in rows.items():
            found[name] += [(number, *row) for row in of_table]
    keys = pd.DataFrame(keys, columns=[*KEYS])
    tables = {"runs": pd.concat([keys, pd.DataFrame(runs)], axis=1)}
    for name, rows in found.items():
        columns = ["number", *COLUMNS[name].split()]
        table = pd.DataFrame(rows, columns=columns)
        of_rows = keys.iloc[table.pop("number")].reset_index(drop=True)
        tables[name] = pd.concat([of_rows, table], axis=1)
    return Runs(**tables)


def _make_rows(keys, tested, laws, num_neurons):
    """Makes the rows of one run, by table, and its row of `runs`."""
    *_, transform, n_seen, num_categories, seed = keys
    share = n_seen / num_categories
    levels = {"seen": laws["within"], "unseen": laws["across"]}
    counts = {"seen": n_seen, "unseen": num_categories - n_seen}
    accuracy = {
        group: np.nan
        if not counts[group]
        else 0.9
        if transform == "identity"
        else law(transform, share, seed)
        for group, law in levels.items()
    }
    accuracy["all"] = sum(
        counts[group] / num_categories * value
        for group, value in accuracy.items()
        if counts[group]
    )
    counts["all"] = num_categories
    num_images = {group: 30 * count for group, count in counts.items()}

    def accuracy_in(test, group):
        if not counts[group]:
            return np.nan
        if test == transform and test != "identity":
            return accuracy[group]
        return 0.9 if test == "identity" else laws["other"](transform, test)

    def invariance_in(test, group):
        if not counts[group]:
            return np.nan
        if test == "identity":
            return 1.0
        seen = share if test == transform else 0
        return laws["invariance"](test, seen, seed, group)

    measured = [
        (test, group, invariance_in(test, group))
        for test in tested
        for group in counts
        if test != "identity" or transform == "identity"
    ]
    spread = np.linspace(-1, 1, num_neurons)
    taken = {"seen": accuracy["seen"]}
    taken["unseen"] = laws["taken_for_seen"](share, seed)
    active = laws["active_images"](seed)
    num_active = int(num_neurons * laws["active_neurons"](seed))
    rows = {
        "accuracy": [
            (test, group, count, *2 * [accuracy_in(test, group)])
            for test in tested
            for group, count in num_images.items()
        ],
        "confusion": [
            (group, num_images[group])
            + (100 * as_seen, 100 - 100 * as_seen, 100 * accuracy[group])
            for group, as_seen in taken.items()
        ],
        "neurons": [
            (test, "fc6", group, neuron, num_images[group])
            + (int(num_images[group] * active), 1.0, level + 0.05 * place)
            + (0.08, 0.15, laws["specialisation"](test, place))
            for test, group, level in measured
            for neuron, place in enumerate(spread)
        ],
        "layers": [
            (test, layer, group, tau, num_neurons, 0)
            + (level * laws["layer_share"](depth, seed),) * 2
            + (0.0,)
            + _correct(level * laws["layer_share"](depth, seed), depth, laws)
            for test, group, level in measured
            for depth, layer in enumerate(LAYERS)
            for tau in TAUS
        ],
        "active_counts": [
            ("fc6", image, num_active + image % 2, num_neurons)
            for image in range(NUM_IMAGES)
        ],
        "ablation": [
            ("fc6", version, group, *row)
            for version in ("original", "transformed")
            for group, value in accuracy.items()
            for row in _ablate(0.9 if version == "original" else value, laws)
        ],
        "history": [(1, 1.0)],
    }
    of_run = OF_EVERY_RUN | {
        "within_accuracy": accuracy["seen"],
        "across_accuracy": accuracy["unseen"],
    }
    for group in counts:
        of_run[f"invariance_{group}"] = invariance_in(transform, group)
    return rows, of_run


def _correct(invariance, depth, laws):
    """Returns the floor of a layer and the invariance above it."""
    floor = laws["floor"](depth)
    return floor, (invariance - floor) / (1 - floor)


def _ablate(accuracy, laws):
    """Yields criterion, value, ablated, accuracy and share of the neurons."""
    yield "none", np.nan, "none", accuracy, 0.0
    for tau in TAUS:
        kept = laws["inactive_ablated"](accuracy, tau)
        yield "tau", tau, "inactive", kept, 0.85
        lost = laws["active_ablated"](accuracy, tau)
        yield "tau", tau, "active", lost, 0.15
        yield "tau", tau, "random", laws["random_ablated"](accuracy, tau), 0.15
    for percent in TOP_PERCENTS:
        kept = laws["top_ablated"](accuracy, percent)
        share = percent / 100
        yield "top_percent", percent, "inactive", kept, 1 - share
        yield "top_percent", percent, "active", accuracy - kept, share
