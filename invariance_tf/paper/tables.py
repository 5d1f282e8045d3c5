"""Many runs as tidy tables: one row per measurement, with the run's keys."""

import dataclasses
import hashlib
import json
import math
import os

import pandas as pd

from invariance_tf import files, foreign, run_files
from invariance_tf.paper import columns, selection
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

# A directory with one of these is that of a run.
_MARKS = ("config.yaml", run_files.SUMMARY)

# Measures of a run's summary.
_MEASURES = (
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


@dataclasses.dataclass(frozen=True, eq=False)
class Runs:
    """Holds the tables of many runs.

    Each row of each table starts with `KEYS`: run (name of its directory),
    study, dataset, network, transform, n_seen, num_categories and seed. Runs
    of one study differ only in transformation, n_seen, seeds and in what was
    measured; runs of different studies must not be averaged.

    Attributes:
        runs: DataFrame with a row for each run: the keys, setup (equal where
            only the paradigm, the network and what may differ in a study do),
            recipe (equal where only the numbers of categories, images and
            epochs of equally named data and what may differ in a study do),
            data_name (what the data set is called), transform_args and
            network_args (as JSON),
            image_size, epochs, evaluate_on, paradigm, seen_sets, precision,
            num_parameters (of the network, as Keras counts them),
            within_accuracy, across_accuracy, clean_accuracy, tau, means over
            neurons (invariance, invariance_floor and corrected_invariance,
            each with _seen, _unseen and _all), is_at_chance (on original
            images), penultimate_layer, run_dir, and of its provenance seconds,
            git_commit, git_is_modified, python, tensorflow, keras, numpy,
            backend, processor, num_cpus, fingerprint, num_images and
            num_skipped.
        accuracy: DataFrame: test_transform, category_group, num_images,
            accuracy, accuracy_in_group (see `evaluation.predict_in_groups`).
        accuracy_by_category: DataFrame: test_transform, category,
            category_group, num_images, num_correct.
        confusion: DataFrame: category_group, num_images, percent_as_seen,
            percent_as_unseen, percent_correct.
        neurons: DataFrame of the penultimate layer's neurons:
            test_transform, layer, category_group, neuron and the measures of
            `measurement.Measurement.neurons`.
        layers: DataFrame: test_transform, layer, category_group, tau and the
            measures of `measurement.Measurement.layers`.
        active_counts: DataFrame: layer, image, num_active_neurons,
            num_neurons, for the penultimate layer.
        ablation: DataFrame: what `ablation.ablate` returns, by layer.
        history: DataFrame: epoch, loss and accuracies during training.
        strengths: DataFrame of runs that tested several: parameter, strength,
            is_trained, category_group, num_images, accuracy, lower, upper,
            mean_invariance, mean_control_shuffled, mean_corrected_invariance.
        clusters: DataFrame of runs that tested several transformations: layer,
            num_neurons, num_clusters, is_chosen, explained, and shuffled and
            correlated, each with _mean and _std.
        unfinished: List of run directories that are not complete.
        refused: Dictionary from the directories of damaged runs to what is
            wrong, and what to do.
    """

    runs: pd.DataFrame
    accuracy: pd.DataFrame
    accuracy_by_category: pd.DataFrame
    confusion: pd.DataFrame
    neurons: pd.DataFrame
    layers: pd.DataFrame
    active_counts: pd.DataFrame
    ablation: pd.DataFrame
    history: pd.DataFrame
    strengths: pd.DataFrame = dataclasses.field(
        default_factory=lambda: _join([])
    )
    clusters: pd.DataFrame = dataclasses.field(
        default_factory=lambda: _join([])
    )
    unfinished: list = dataclasses.field(default_factory=list)
    refused: dict = dataclasses.field(default_factory=dict)

    def select(self, is_selected):
        """Returns the tables of some of the runs.

        Args:
            is_selected: Boolean Series or array with an entry for each row of
                `runs`.
        """
        names = set(self.runs.run[is_selected])
        return dataclasses.replace(
            self,
            **{
                name: table[table.run.isin(names)].reset_index(drop=True)
                for name, table in self.tables().items()
            },
        )

    def tables(self):
        """Returns the DataFrames by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("unfinished", "refused")
        }


def load_runs(directory):
    """Reads the finished runs below a directory, or saved tables.

    Args:
        directory: Directory of run directories, or of what `save_runs` wrote.

    Returns:
        A `Runs`. Runs that are not finished are in `unfinished`, damaged ones
        in `refused`. Every file that is read is compared with its hash.

    Raises:
        FileNotFoundError: If the directory does not exist.
        DamagedFileError: If saved tables cannot be read.

    Example:

    >>> import tempfile
    >>> len(load_runs(tempfile.mkdtemp()).runs)
    0
    """
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            "The directory of runs does not exist; `run` and `sweep` make it. "
            f"Received: {directory}"
        )
    if os.path.exists(os.path.join(directory, "runs.parquet")):
        return _load_saved(directory)
    tables = {name: [] for name in ("runs", *TABLES)}
    unfinished, refused = [], {}
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        try:
            if not entry.is_dir() or not {*_MARKS} & {*os.listdir(entry.path)}:
                continue
            finished = run_files.find_finished(entry.path)
            if finished is None:
                unfinished.append(entry.path)
                continue
            of_run = _load_run(finished)
        except OSError as error:
            refused[entry.path] = str(error)
            continue
        for name, table in of_run.items():
            tables[name].append(table)
    joined = {name: _join(found) for name, found in tables.items()}
    return Runs(**joined, unfinished=unfinished, refused=refused)


def save_runs(runs, directory):
    """Writes the tables, for `load_runs` to read without the run directories.

    Args:
        runs: A `Runs`.
        directory: Directory to write to. Measures are kept in float32; those
            of single neurons to 12 significant bits (a relative error of at
            most 1 in 4096), and only of the tests that claims and figures are
            about: by transformations that the network saw, and by any where
            it saw none.
    """
    os.makedirs(directory, exist_ok=True)
    # Without this one there are no tables: it goes first and comes last, so
    # that tables of different runs are never read together.
    files.remove(os.path.join(directory, "runs.parquet"))
    for name, table in reversed(runs.tables().items()):
        if name == "runs":
            # Paths of this machine mean nothing elsewhere.
            table = table.assign(run_dir=table.run)
        else:
            wide = table.select_dtypes("float64").columns.difference(
                ["tau", "value"]  # thresholds, to be found again
            )
            table = table.astype(dict.fromkeys(wide, "float32"))
        if name == "neurons":
            table = columns.shorten(selection.own_or_untrained(table))
        files.write_parquet(os.path.join(directory, f"{name}.parquet"), table)


def _load_saved(directory):
    """Reads what `save_runs` wrote, also before a table was added."""
    tables = {}
    for name in ("runs", *TABLES):
        path = os.path.join(directory, f"{name}.parquet")
        tables[name] = _join([])
        if os.path.lexists(path):
            with files.reading(path, "Collect the tables again."):
                tables[name] = columns.read_parquet(path)
                columns.check_columns(tables[name])
                if name == "runs":
                    for row in tables[name].to_dict("records"):
                        columns.check_keys(row)
    runs = tables["runs"]
    missing = {name: math.nan for name in (*_MEASURES, "num_parameters")}
    missing |= {"is_at_chance": False, "paradigm": "joint"}
    missing |= {"seen_sets": "same", "precision": "float32"}
    missing |= {"network_args": "{}"}
    missing |= {name: runs["study"] for name in ("setup", "recipe")}
    missing["data_name"] = runs["dataset"]
    for name in missing.keys() - {*runs}:
        runs[name] = missing[name]
    return Runs(**tables)


def _join(tables):
    """Joins the tables of all runs; without runs there are only the keys."""
    if not tables:
        return pd.DataFrame(columns=[*KEYS])
    return pd.concat(tables, ignore_index=True)


def _load_run(finished):
    """Reads the tables of one finished run, by name."""
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
        "precision": settings.get("precision", "float32"),
    }


def _make_row(finished, summary):
    """Returns the columns of `Runs.runs` that come from a summary.json."""
    return {
        # Missing where the neurons were not measured; null stands for nan.
        **{
            name: math.nan if summary.get(name) is None else summary[name]
            for name in _MEASURES
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
