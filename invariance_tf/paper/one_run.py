"""The tables of one finished run, each row with the run's keys."""

import hashlib
import json
import math
import os

import pandas as pd

from invariance_tf import files, foreign, run_files
from invariance_tf.paper import columns
from invariance_tf.paper.parameters import count_parameters
from invariance_tf.settings.config import drop_original_behaviour, title_of

# What every row of every table starts with.
KEYS = (
    "run",
    "study",
    "dataset",
    "network",
    "transform",
    "n_seen",
    "num_categories",
    "seed",
)

TABLES = {
    "accuracy": "accuracy.csv",
    "accuracy_by_category": "accuracy_by_category.csv",
    "confusion": "confusion.csv",
    "neurons": "neurons.parquet",
    "layers": "layers.csv",
    "active_counts": "active_counts.csv",
    "ablation": "ablation.csv",
    "strengths": "strengths.csv",
    "clusters": "clusters.csv",
    "history": "history.csv",
}

# Settings in which the runs of one study may differ. The data set's
# fingerprint stands for its directory.
_VARIED = (
    "transform",
    "transform_args",
    "n_seen",
    "seed",
    "category_seed",
    "evaluate_on",
    "analysis",
    "tau",
    "ablate_layer",
    "activity",
    "test_strengths",
    "layer_measures",
    "data_dir",
    "data_name",
    "runs_dir",
    "if_not_learning",
)

# And those in which the runs of one set-up may differ beside these: the paper's
# open questions compare them.
_COMPARED = ("paradigm", "seen_sets", "network", "network_args")

# And those in which the runs of one recipe may differ beside the first: how
# much data there are, and how often they are seen.
_SIZES = ("num_categories", "num_train", "num_test", "max_images", "epochs")

# Measures of a run's summary.
MEASURES = (
    "within_accuracy",
    "across_accuracy",
    "clean_accuracy",
    "tau",
    *(
        f"{name}_{group}"
        for name in ("invariance", "invariance_floor", "corrected_invariance")
        for group in ("seen", "unseen", "all")
    ),
)


def read_run(finished):
    """Reads the tables of one finished run.

    Args:
        finished: A `run_files.FinishedRun`.

    Returns:
        Dictionary from the names of `tables.Runs` to DataFrames, without those
        that the run has not.

    Raises:
        DamagedFileError: If a file is not what the run has written.
    """
    with finished.reading("provenance.json") as path:
        origin = _read_origin(path)
    with finished.reading("config.yaml") as path:
        settings = foreign.escape_all(files.read_yaml(path))
        fingerprint = origin["fingerprint"]
        study = _hash_settings(settings, fingerprint, _VARIED)
        setup = _hash_settings(settings, fingerprint, _VARIED + _COMPARED)
        # Where the images were, as an absolute path.
        chosen = _choose_settings(settings, origin.pop("data_dir"))
        data_name = chosen["data_name"]
        recipe = _hash_settings(settings, data_name, _VARIED + _SIZES)
    path = os.path.join(finished.run_dir, run_files.SUMMARY)
    with run_files.reading(path):
        summary = foreign.escape_all(finished.summary)
        name = os.path.basename(os.path.normpath(finished.run_dir))
        keys = {
            "run": foreign.escape_name(name),
            "study": study,
            **{name: summary[name] for name in KEYS[2:]},
        }
        row = keys | {"setup": setup, "recipe": recipe} | chosen
        row |= _make_row(finished, summary) | origin
        columns.check_keys(row)
        # Not as Arrow's string: a path can have bytes that are not UTF-8.
        run_dir = pd.Series([finished.run_dir], dtype=object)
        tables = {"runs": pd.DataFrame([row]).assign(run_dir=run_dir)}
        columns.check_columns(tables["runs"])
    for name, file in TABLES.items():
        if finished.has(file):
            with finished.reading(file) as path:
                layer = finished.summary.get("penultimate_layer")
                tables[name] = columns.read_table(path, layer)
                for position, (key, value) in enumerate(keys.items()):
                    tables[name].insert(position, key, value)
    return tables


def _choose_settings(settings, data_dir):
    """Returns the columns of `Runs.runs` that come from a config.yaml."""
    chosen = drop_original_behaviour(settings)
    category_seed = settings.get("category_seed")
    return {
        "data_name": title_of(
            settings["dataset"], data_dir, settings.get("data_name")
        ),
        "transform_args": json.dumps(chosen["transform_args"]),
        "network_args": json.dumps(settings.get("network_args", {})),
        **{
            name: settings[name]
            for name in ("image_size", "epochs", "evaluate_on")
        },
        "paradigm": settings.get("paradigm", "joint"),
        "seen_sets": settings.get("seen_sets", "same"),
        "category_seed": (
            settings["seed"] if category_seed is None else category_seed
        ),
        "precision": settings.get("precision", "float32"),
    }


def _make_row(finished, summary):
    """Returns the columns of `Runs.runs` that come from a summary.json."""
    return {
        # Missing where the neurons were not measured; null stands for nan.
        **{
            name: math.nan if summary.get(name) is None else summary[name]
            for name in MEASURES
        },
        "is_at_chance": summary.get("health", {}).get("is_at_chance", False),
        "num_parameters": count_parameters(finished),
        "penultimate_layer": summary.get("penultimate_layer"),
        "seconds": finished.seconds,
    }


def _read_origin(path):
    """Returns the columns of `Runs.runs` that come from a provenance.json."""
    origin = foreign.escape_all(files.read_json(path))
    versions = ("python", "tensorflow", "keras", "numpy")
    return {
        "git_commit": origin["git_commit"],
        "git_is_modified": origin["git_is_modified"],
        **{name: origin["versions"].get(name) for name in versions},
        "backend": origin["backend"],
        "processor": origin["hardware"]["processor"],
        "num_cpus": origin["hardware"]["num_cpus"],
        "data_dir": origin["data"].get("data_dir"),
        "fingerprint": origin["data"]["fingerprint"],
        "num_images": origin["data"]["num_images"],
        "num_skipped": origin["data"]["num_skipped"],
    }


def _hash_settings(settings, fingerprint, varied):
    """Hashes what runs have in common, except for some settings."""
    common = {
        name: value
        for name, value in drop_original_behaviour(settings).items()
        if name not in varied
    }
    text = json.dumps([common, fingerprint], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
