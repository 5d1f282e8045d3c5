"""Many runs as tidy tables: one row per measurement, with the run's keys."""

import contextlib
import dataclasses
import math
import os

import pandas as pd

from invariance_tf import files, run_files
from invariance_tf.measures.invariance import correct_for_floor
from invariance_tf.paper import columns, selection
from invariance_tf.paper.one_run import KEYS, MEASURES, TABLES, read_run

# A directory with one of these is that of a run.
_MARKS = ("config.yaml", run_files.SUMMARY)

# Without this one there are no saved tables.
_FIRST = "runs.parquet"

# Follows from the coefficient and its floor.
_CORRECTED = "corrected_invariance"

# Single neurons that are published of a network that saw some categories
# transformed: figures draw how these are distributed, and claims ask for means.
_NUM_NEURONS = 256


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


def load_runs(directory, *more):
    """Reads the finished runs below directories, or saved tables.

    Args:
        directory: Directory of run directories, or of what `save_runs` wrote.
        *more: Further ones, such as the rest of a study that another machine
            has done. A run that several have is taken from the first.

    Returns:
        A `Runs`. Runs that are not finished are in `unfinished`, damaged ones
        in `refused`. Every file that is read is compared with its hash.

    Raises:
        FileNotFoundError: If a directory does not exist.
        DamagedFileError: If saved tables cannot be read, or not be of runs.
        ValueError: If directories have runs of one name on different images,
            or one has both run directories and saved tables.

    Example:

    >>> import tempfile
    >>> len(load_runs(tempfile.mkdtemp()).runs)
    0
    """
    runs = _load_directory(directory)
    for each in more:
        runs = _add_runs(runs, _load_directory(each))
    return runs


def _load_directory(directory):
    """Reads what is below one directory, or saved there."""
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            "The directory of runs does not exist; `run` and `sweep` make it. "
            f"Received: {directory}"
        )
    run_dirs, refused = _find_run_dirs(directory)
    if os.path.exists(os.path.join(directory, _FIRST)):
        if run_dirs:
            raise ValueError(
                f"The directory has tables from collect ({_FIRST}) and runs "
                f"that these may lack, such as {run_dirs[0]}: move the tables "
                f"to another directory. Received: {directory}"
            )
        return _load_saved(directory)
    tables = {name: [] for name in ("runs", *TABLES)}
    unfinished = []
    for run_dir in run_dirs:
        try:
            finished = run_files.find_finished(run_dir)
            if finished is None:
                unfinished.append(run_dir)
                continue
            of_run = read_run(finished)
        except OSError as error:
            refused[run_dir] = str(error)
            continue
        for name, table in of_run.items():
            tables[name].append(table)
    joined = {name: _join(found) for name, found in tables.items()}
    return Runs(**joined, unfinished=unfinished, refused=refused)


def _find_run_dirs(directory):
    """Returns the run directories in a directory, and what cannot be read.

    Returns:
        Sorted list of paths, and a dictionary as `Runs.refused`.
    """
    found, refused = [], {}
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        try:
            if entry.is_dir() and {*_MARKS} & {*os.listdir(entry.path)}:
                found.append(entry.path)
        except OSError as error:
            refused[entry.path] = str(error)
    return found, refused


def _add_runs(runs, more):
    """Adds those runs that are not there yet."""
    studies = dict(zip(runs.runs.run, runs.runs.study, strict=True))
    for row in more.runs.itertuples():
        if studies.get(row.run, row.study) != row.study:
            raise ValueError(
                "Runs of one name must have the same settings and images to "
                f"be read together. Received: {row.run} of two studies"
            )
    new = more.select(~more.runs.run.isin(studies.keys())).tables()
    joined = {
        name: _join([table, new[name]]) for name, table in runs.tables().items()
    }
    names = {*joined["runs"].run}
    return Runs(
        **joined,
        unfinished=[
            path
            for path in runs.unfinished + more.unfinished
            if os.path.basename(path) not in names
        ],
        refused=runs.refused | more.refused,
    )


def check_target(runs, directory):
    """Raises if runs would be lost by saving others to a directory.

    Args:
        runs: The `Runs` to save.
        directory: Directory to write to, which may not exist yet.

    Raises:
        ValueError: If it has run directories, or tables of other runs.
        DamagedFileError: If there is no telling which runs its tables have.
    """
    if not os.path.isdir(directory):
        return
    is_run_dir = {*_MARKS} & {*os.listdir(directory)}
    if is_run_dir or _find_run_dirs(directory)[0]:
        raise ValueError(
            "`out` must be a directory without runs: nobody would read these "
            f"beside tables. Choose another one. Received: out={directory}"
        )
    path = os.path.join(directory, _FIRST)
    if not os.path.lexists(path):
        return
    keys = ["run", "study"]
    with files.reading(path, "Remove it, or choose another `out`."):
        former = {*columns.read_parquet(path)[keys].itertuples(index=False)}
    lost = former - {*runs.runs[keys].itertuples(index=False)}
    if lost:
        example = min(str(each.run) for each in lost)
        raise ValueError(
            f"`out` has tables of {len(lost)} other runs, such as {example}, "
            "which would be lost: name it as an input too, or choose another "
            f"`out`. Received: out={directory}"
        )


def save_runs(runs, directory):
    """Writes the tables, for `load_runs` to read without the run directories.

    Args:
        runs: A `Runs`.
        directory: Directory to write to. Measures are kept in float32, of
            layers and ablation to 14 significant bits (a relative error of at
            most 1 in 2**14), of single neurons to 10; and no more than claims
            and figures are about. Of neurons: the tests by transformations
            that the network saw, or by any where it saw none; of a network
            that saw some of the categories transformed, 256 evenly spaced
            ones at most; without max_activity, and without
            corrected_invariance, which is computed again when they are read.
            Of active neurons per image: networks that saw all categories
            transformed.
    """
    os.makedirs(directory, exist_ok=True)
    # It goes first and comes last, so that tables of different runs are never
    # read together. All are written before it goes: if the disk is full the
    # old ones remain.
    first = os.path.join(directory, _FIRST)
    paths, empty = {}, []
    tables = {
        name: _to_publish(name, table) for name, table in runs.tables().items()
    }
    for name, table in tables.items():
        path = os.path.join(directory, f"{name}.parquet")
        if name == "runs" or len(table):
            paths[name] = path
        else:
            empty.append(path)
    with contextlib.ExitStack() as replaced_from_the_last:
        for name, path in paths.items():
            files.write_parquet(
                replaced_from_the_last.enter_context(files.replacing(path)),
                tables[name],
                level=19,
            )
        for path in (first, *empty):
            files.remove(path)


def _to_publish(name, table):
    """Returns a table as `save_runs` writes it."""
    if name == "runs":
        # Paths of this machine mean nothing elsewhere.
        return table.assign(run_dir=table.run)
    if not len(table):
        return table
    wide = table.select_dtypes("float64").columns.difference(
        ["tau", "value"]  # thresholds, to be found again
    )
    table = table.astype(dict.fromkeys(wide, "float32"))
    if name == "neurons":
        table = _thin_out(selection.own_or_untrained(table))
        left_out = [_CORRECTED, "max_activity"]
        table = table.drop(columns=left_out, errors="ignore")
        return columns.shorten(table, num_bits=10)
    if name in ("layers", "ablation"):
        return columns.shorten(table, num_bits=14)
    return selection.all_seen(table) if name == "active_counts" else table


def _thin_out(neurons):
    """Keeps each n-th neuron of networks that saw some of the categories."""
    kinds = ["run", "test_transform", "layer", "category_group"]
    places = neurons.groupby(kinds, sort=False)
    step = -(-places.run.transform("size") // _NUM_NEURONS)
    saw_some = neurons.n_seen.between(1, neurons.num_categories - 1)
    return neurons[~saw_some | (places.cumcount() % step == 0)]


def _load_saved(directory):
    """Reads what `save_runs` wrote, also before a table was added."""
    tables = {}
    for name in ("runs", *TABLES):
        path = os.path.join(directory, f"{name}.parquet")
        tables[name] = _join([])
        if os.path.lexists(path):
            with files.reading(path, "Collect the tables again."):
                tables[name] = columns.read_parquet(path)
                columns.check_present(tables[name], KEYS)
                columns.check_columns(tables[name])
                if name == "runs":
                    columns.check_rows(tables[name])
                else:
                    known = tables["runs"].run
                    columns.check_measured(name, tables[name], known)
    runs = tables["runs"]
    missing = {name: math.nan for name in (*MEASURES, "num_parameters")}
    missing |= {"is_at_chance": False, "paradigm": "joint"}
    missing |= {"seen_sets": "same", "precision": "float32"}
    missing |= {"network_args": "{}"}
    missing |= {name: runs["study"] for name in ("setup", "recipe")}
    missing["data_name"] = runs["dataset"]
    missing["category_seed"] = runs["seed"]
    missing["run_dir"] = runs["run"]
    neurons = tables["neurons"]
    if "control_shuffled" in neurons and _CORRECTED not in neurons:
        place = neurons.columns.get_loc("invariance_coefficient")
        corrected = correct_for_floor(
            neurons.invariance_coefficient, neurons.control_shuffled
        )
        neurons.insert(place, _CORRECTED, corrected)
    for name in missing.keys() - {*runs}:
        runs[name] = missing[name]
    runs["run_dir"] = [
        path if isinstance(path, str) else run
        for run, path in zip(runs["run"], runs.run_dir, strict=True)
    ]
    return Runs(**tables)


def _join(tables):
    """Joins the tables of all runs; without runs there are only the keys."""
    # An empty table has no types of its own.
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=[*KEYS])
    return pd.concat(tables, ignore_index=True)
