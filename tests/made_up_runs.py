"""Tables of runs that never were, by laws that a test chooses."""

import numpy as np
import pandas as pd

from invariance_tf.measures.invariance import THRESHOLDS
from invariance_tf.paper.tables import KEYS, TABLES, Runs
from invariance_tf.settings.defaults import TRANSFORMS

TRANSFORMATIONS = tuple(name for name in TRANSFORMS if name != "identity")
LAYERS = ("conv1", "conv2", "fc6")
TOP_PERCENTS = (0.5, 1, 5, 10, 20, 40)


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


def other(trained, tested):
    """Accuracy for images transformed otherwise than in training."""
    return 0.1


def made_up_runs(
    *,
    dataset="synthfaces",
    network="alexnet_small",
    transforms=TRANSFORMATIONS,
    n_seen=(1, 4, 12, 20, 28, 36),
    seeds=(0, 1),
    num_categories=40,
    num_neurons=30,
    within=within,
    across=across,
    invariance=invariance,
    other=other,
    inactive_ablated=lambda accuracy, tau: accuracy - max(0, tau - 0.1),
    active_ablated=lambda accuracy, tau: accuracy * tau,
    top_ablated=lambda accuracy, percent: accuracy * percent / 100,
    specialisation=lambda transform, spread: spread,
    taken_for_seen=lambda share, seed: 1 - share,
    layer_share=lambda depth, seed: (depth + 1) / len(LAYERS),
    active_images=lambda seed: 0.1,
    active_neurons=lambda seed: 0.1,
    with_references=True,
):
    """Makes a `tables.Runs` of a whole sweep.

    `with_references` adds the networks trained with all categories seen and
    the never-transformed one, each tested by every transformation.
    """
    laws = {
        "within": within,
        "across": across,
        "invariance": invariance,
        "other": other,
        "inactive_ablated": inactive_ablated,
        "active_ablated": active_ablated,
        "top_ablated": top_ablated,
        "specialisation": specialisation,
        "taken_for_seen": taken_for_seen,
        "layer_share": layer_share,
        "active_images": active_images,
        "active_neurons": active_neurons,
    }
    found = {name: ([], []) for name in ("runs", *TABLES)}
    plan = [
        (name, count, seed, "trained")
        for name in transforms
        for count in n_seen
        for seed in seeds
    ]
    if with_references:
        plan += [
            (t, num_categories, s, "all") for t in transforms for s in seeds
        ]
        plan += [("identity", 0, seed, "all") for seed in seeds]
    for transform, count, seed, evaluate_on in plan:
        run = f"{dataset}-{network}-{transform}-n{count}-s{seed}-00000000"
        values = (run, "00000000", dataset, network, transform, count)
        keys = dict(zip(KEYS, (*values, num_categories, seed), strict=True))
        of_run = _tables(keys, evaluate_on, laws, num_neurons)
        for name, rows in of_run.items():
            of_rows, measures = found[name]
            of_rows += [keys] * len(rows)
            measures += rows
    return Runs(
        **{
            name: pd.concat([*map(pd.DataFrame, parts)], axis=1)
            for name, parts in found.items()
        }
    )


def _tables(keys, evaluate_on, laws, num_neurons):
    transform, seed = keys["transform"], keys["seed"]
    num_categories, n_seen = keys["num_categories"], keys["n_seen"]
    share = n_seen / num_categories
    is_identity = transform == "identity"
    by_group = {
        "seen": 0.9 if is_identity else laws["within"](transform, share, seed),
        "unseen": 0.9
        if is_identity
        else laws["across"](transform, share, seed),
    }
    if n_seen == 0:
        by_group["seen"] = np.nan
    if n_seen == num_categories:
        by_group["unseen"] = np.nan
    weights = {"seen": share, "unseen": 1 - share}
    by_group["all"] = sum(
        weights[group] * value
        for group, value in by_group.items()
        if weights[group]
    )
    num_images = {"seen": 30 * n_seen, "unseen": 30 * (num_categories - n_seen)}
    num_images["all"] = 30 * num_categories
    tested = TRANSFORMATIONS if evaluate_on == "all" else ()
    tested = dict.fromkeys(["identity", transform, *tested])
    levels = {
        (test, group): np.nan
        if not num_images[group]
        else 1.0
        if test == "identity"
        else laws["invariance"](
            test, share if test == transform else 0, seed, group
        )
        for test in tested
        for group in ("seen", "unseen", "all")
    }
    measured = [t for t in tested if t != "identity" or is_identity]
    spread = np.linspace(-1, 1, num_neurons)
    as_seen = laws["taken_for_seen"](share, seed)
    tables = {
        "accuracy": [
            {
                "test_transform": test,
                "category_group": group,
                "num_images": count,
                "accuracy": np.nan
                if not count
                else 0.9
                if test == "identity"
                else by_group[group]
                if test == transform
                else laws["other"](transform, test),
            }
            for test in tested
            for group, count in num_images.items()
        ],
        "confusion": [
            {
                "category_group": group,
                "num_images": num_images[group],
                "percent_as_seen": 100
                * (by_group[group] if group == "seen" else as_seen),
                "percent_as_unseen": 100
                * (1 - by_group[group] if group == "seen" else 1 - as_seen),
                "percent_correct": 100 * by_group[group],
            }
            for group in ("seen", "unseen")
        ],
        "neurons": [
            {
                "test_transform": test,
                "layer": "fc6",
                "category_group": group,
                "neuron": neuron,
                "num_images": num_images[group],
                "num_active_images": int(
                    num_images[group] * laws["active_images"](seed)
                ),
                "max_activity": 1.0,
                "invariance_coefficient": levels[test, group]
                + 0.05 * spread[neuron],
                "control_shuffled": 0.08,
                "control_same_category": 0.15,
                "specialisation": laws["specialisation"](test, spread[neuron]),
            }
            for test in measured
            for group in num_images
            for neuron in range(num_neurons)
        ],
        "layers": [
            {
                "test_transform": test,
                "layer": layer,
                "category_group": group,
                "tau": tau,
                "num_neurons": num_neurons,
                "num_never_active": 0,
                "mean_invariance": levels[test, group]
                * laws["layer_share"](depth, seed),
                "median_invariance": levels[test, group]
                * laws["layer_share"](depth, seed),
                "mean_specialisation": 0.0,
            }
            for test in measured
            for depth, layer in enumerate(LAYERS)
            for group in num_images
            for tau in THRESHOLDS
        ],
        "active_counts": [
            {
                "layer": "fc6",
                "image": image,
                "num_active_neurons": int(
                    num_neurons * laws["active_neurons"](seed)
                )
                + image % 2,
                "num_neurons": num_neurons,
            }
            for image in range(30)
        ],
        "ablation": [*_ablation(by_group, laws)],
        "history": [{"epoch": 1, "loss": 1.0}],
    }
    tables["runs"] = [
        {
            "transform_args": "{}",
            "image_size": 48,
            "epochs": 15,
            "evaluate_on": evaluate_on,
            "within_accuracy": by_group["seen"],
            "across_accuracy": by_group["unseen"],
            "clean_accuracy": 0.9,
            "tau": 0.1,
            **{
                f"invariance_{group}": levels[transform, group]
                for group in num_images
            },
            "penultimate_layer": "fc6",
            "run_dir": f"runs/{keys['run']}",
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
    ]
    return tables


def _ablation(by_group, laws):
    for version in ("original", "transformed"):
        for group, value in by_group.items():
            accuracy = 0.9 if version == "original" else value
            rows = [("none", np.nan, "none", accuracy, 0.0)]
            for tau in THRESHOLDS:
                kept = laws["inactive_ablated"](accuracy, tau)
                lost = laws["active_ablated"](accuracy, tau)
                rows.append(("tau", tau, "inactive", kept, 0.85))
                rows.append(("tau", tau, "active", lost, 0.15))
            for percent in TOP_PERCENTS:
                kept = laws["top_ablated"](accuracy, percent)
                share = percent / 100
                rows.append(
                    ("top_percent", percent, "inactive", kept, 1 - share)
                )
                rows.append(
                    ("top_percent", percent, "active", accuracy - kept, share)
                )
            for criterion, number, ablated, result, share in rows:
                yield {
                    "layer": "fc6",
                    "criterion": criterion,
                    "value": number,
                    "ablated": ablated,
                    "image_version": version,
                    "category_group": group,
                    "accuracy": result,
                    "share_ablated": share,
                }
