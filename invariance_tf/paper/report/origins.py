"""Where the runs come from, and how they differ from the paper's."""

import csv
import json
import re

from invariance_tf import files, run_files
from invariance_tf.paper import studies
from invariance_tf.settings.defaults import NETWORKS, TRANSFORMS
from invariance_tf.settings.names import REGISTRIES

# Columns of `Runs.runs` and what they are called.
SOURCES = {
    "git_commit": "commit of this package",
    "python": "Python",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "numpy": "NumPy",
    "backend": "backend of Keras",
    "processor": "processor",
    "num_cpus": "processor cores",
}

# What is not part of the paper, with the row of docs/fidelity.md; {} is the
# data set that the paper has.
STAND_INS = {
    "synthfaces": (
        "Synthetic faces stand in for {}: invented people, drawn by this "
        "package (row A17)."
    ),
    "digits": (
        "Small pictures of digits, ten categories, stand in for {} (row A18)."
    ),
    "folder": "A directory of the user's own images stands in for {}.",
    "alexnet_small": (
        "A small AlexNet of this package stands in for AlexNet (row A10)."
    ),
    "inception": "The recipe for Inception is this package's own (row N9).",
}

NUM_TRIALS = 3  # of the paper, for every point of its figures.


def describe_origins(runs):
    """Describes programs, machines, seeds and data, and the deviations.

    Args:
        runs: A `tables.Runs`.

    Returns:
        Dictionary: sources (a list of name, value and number of runs), seeds
        (likewise), datasets (a list of dictionaries) and deviations (a list
        of sentences).
    """
    table = runs.runs
    if not len(table):
        return {"sources": [], "seeds": [], "datasets": [], "deviations": []}
    return {
        "sources": [
            (name, value, count)
            for column, name in SOURCES.items()
            for value, count in _count_sources(table, column).items()
        ],
        "seeds": sorted(table.seed.value_counts().items()),
        "datasets": _describe_datasets(table),
        "deviations": [*_list_deviations(table)],
    }


def _count_sources(table, column):
    """Counts the runs by a source, the commonest first."""
    values = table[column].astype(object)
    values = values.where(values.notna(), "unknown").astype(str)
    if column == "git_commit":
        is_modified = table.git_is_modified.astype(bool)
        values = values.mask(is_modified, values + ", with changes")
    return values.value_counts()


def _describe_datasets(table):
    """Describes each data set: its identity, its size and what was skipped."""
    keys = ["data_name", "fingerprint", "num_categories"]
    found = []
    for names, of_dataset in table.groupby(keys):
        first = of_dataset.iloc[0]
        found.append(
            {
                **dict(zip(keys, names, strict=True)),
                "image_sizes": sorted(of_dataset.image_size.unique()),
                "num_images": first.num_images,
                "num_skipped": first.num_skipped,
                "num_runs": len(of_dataset),
                "skipped": _read_skipped(first.run_dir),
            }
        )
    return found


def _read_skipped(run_dir):
    """Reads which files of the data set could not be used, and why."""
    try:
        finished = run_files.find_finished(run_dir)
        # There is none where the tables were collected elsewhere.
        if finished is None or not finished.has("skipped.csv"):
            return []
        with (
            finished.reading("skipped.csv") as path,
            open(path, encoding="utf-8", newline="") as file,
        ):
            rows = [*csv.DictReader(file)]
            return [(row["file"], row["reason"]) for row in rows]
    except files.DamagedFileError as error:
        return [("unknown", str(error))]


def _list_deviations(table):
    """Yields a sentence for each difference from the paper's runs."""
    yield from _list_stand_ins(table)
    transforms = {*_split(",".join(table["transform"]))}
    for kind, registry in REGISTRIES.items():
        names = transforms if kind == "transform" else {*table[kind]}
        for name in sorted(names - {*registry}):
            if not name.startswith("tfds:"):
                yield f"The {kind} {name} is not part of this package."
    is_point = (table.n_seen > 0) & (table.n_seen < table.num_categories)
    points = table[is_point]
    keys = ["study", "transform", "transform_args", "n_seen"]
    trials = {*points.groupby(keys).seed.nunique().agg(["min", "max"])}
    if len(points) and min(trials) != NUM_TRIALS:
        yield (
            f"Trials of each point: {_join(trials, ' to ')}; in the paper "
            f"{NUM_TRIALS} (row P6)."
        )
    for (dataset, total), found in points.groupby(
        ["data_name", "num_categories"]
    ):
        yield (
            f"On {dataset}, {_join(found.n_seen)} of {total} categories were "
            "seen transformed; the paper has 388 identities of FaceScrub and "
            "1000 categories of ImageNet (row P6)."
        )
    missing = {*TRANSFORMS} - {"identity", *transforms}
    if missing:
        yield f"No runs with: {_join(missing)}."
    for network, found in table.groupby("network"):
        if network not in NETWORKS:
            continue
        planned = NETWORKS[network].experiment["epochs"]
        if {*found.epochs} != {planned}:
            yield (
                f"{network} was trained for {_join(found.epochs)} epochs "
                f"instead of {planned}."
            )
    strengths = _list_strengths(table)
    if strengths:
        yield (
            "Strengths hold for one data set and image size only (row A5): "
            f"{', '.join(strengths)}."
        )
    if table.git_is_modified.any():
        count = int(table.git_is_modified.sum())
        yield f"Code of {count} runs had uncommitted changes."


def _list_stand_ins(table):
    """Yields a sentence for each thing that stands in for the paper's."""
    is_imagenet = table.network.isin(studies.NETWORKS["imagenet"])
    of_paper = is_imagenet.map({True: "ImageNet", False: "FaceScrub"})
    for column in ("dataset", "network"):
        for name in table[column].unique():
            if name in STAND_INS:
                instead = _join(of_paper[table[column] == name], " and ")
                yield STAND_INS[name].format(instead)


def _join(values, separator=", "):
    """Joins the values once each, in order."""
    return separator.join(map(str, sorted({*values})))


def _split(transforms):
    """Returns the single transformations of a name of several."""
    return re.findall("[^,+]+", transforms)


def _list_strengths(table):
    """Lists the arguments of transformations that are numbers, once each."""
    chosen = table[["transform", "transform_args"]].drop_duplicates()
    found = {
        strength
        for name, text in chosen.itertuples(index=False)
        for strength in _strengths_in(name, json.loads(text))
    }
    return sorted(found)


def _strengths_in(name, values):
    """Yields the arguments of a transformation that are numbers."""
    for key, value in values.items():
        if isinstance(value, dict):
            # Of several transformations each has its own.
            is_part = {*_split(key)} < {*_split(name)}
            yield from _strengths_in(key if is_part else f"{name} {key}", value)
        elif not isinstance(value, str | bool | None):
            yield f"{name} {key} {value}"
