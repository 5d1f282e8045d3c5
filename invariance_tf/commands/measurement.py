"""The directory of a measurement: whether it is done, and what is in it."""

import contextlib
import csv
import json
import os

from rich.text import Text

from invariance_tf import files
from invariance_tf.commands import terminal

RECORD, PAGE = "measurement.json", "report.html"
_ADVICE = "Use --overwrite to redo it."
# What a measurement does not depend on.
_FREE = ("batch_size", "out", "overwrite", "download", "trust")
# Rows of the table that is shown.
_MOST_ROWS = 24


def describe_settings(options, chosen):
    """Returns all that determines the numbers, as the record has it.

    Args:
        options: A `measure.Options`.
        chosen: List of `conditions.Condition`.
    """
    from invariance_tf.datasets import folder
    from invariance_tf.datasets.images import image_cache

    settings = {
        name: value
        for name, value in vars(options).items()
        if name not in _FREE
    }
    settings["transform"] = [
        [each.transform, each.arguments] for each in chosen
    ]
    of_model = options.weights or options.model
    if os.path.isfile(of_model):
        settings["sha256"] = files.describe_file(of_model)["sha256"]
    found, *_ = folder.choose_files(
        options.images, options.max_images, options.seed
    )
    settings["image_files"] = image_cache.make_key(
        [
            (category, file.name, file.size, file.mtime_ns)
            for category, members in found.items()
            for file in members
        ]
    )
    return json.loads(files.to_json(settings))


def is_done(options, settings):
    """Returns whether the directory has this measurement.

    Args:
        options: A `measure.Options`.
        settings: Dictionary of `describe_settings`.

    Raises:
        ValueError: If it has something else.
        DamagedFileError: If what it has cannot be read.
    """
    names = os.listdir(options.out) if os.path.isdir(options.out) else []
    names = [name for name in names if name != ".lock"]
    if names and RECORD not in names:
        raise ValueError(
            "The directory is not empty and has no measurement: choose another "
            f"one. Received: out={options.out}"
        )
    if not names or options.overwrite:
        return False
    path = os.path.join(options.out, RECORD)
    with files.reading(path, _ADVICE):
        record = files.read_json(path)
        is_finished, found = record["is_finished"], dict(record["settings"])
    if not is_finished:
        return False
    if found != settings:
        changed = [
            name for name in settings if found.get(name) != settings[name]
        ]
        raise ValueError(
            f"The directory has a measurement with other {', '.join(changed)}: "
            "choose another one, or replace it with --overwrite. "
            f"Received: out={options.out}"
        )
    return True


@contextlib.contextmanager
def claimed(out):
    """Locks the directory, and removes it again if nothing is written.

    Args:
        out: Path of the directory.

    Raises:
        BlockingIOError: If another process holds the lock.
    """
    is_new = not os.path.isdir(out)
    with files.locked(out):
        try:
            yield
        finally:
            # Windows keeps a lock that is held.
            with contextlib.suppress(OSError):
                if is_new and os.listdir(out) == [".lock"]:
                    files.remove(out)


def show_measurement(out, was_done):
    """Shows the mean invariance of each layer, and where everything is.

    Args:
        out: Path of the directory of a measurement.
        was_done: Whether it was there before.

    Raises:
        DamagedFileError: If a file of it is damaged.
    """
    path = os.path.join(out, "layers.csv")
    with files.reading(path, _ADVICE):
        means = _read_means(path)
    path = os.path.join(out, RECORD)
    with files.reading(path, _ADVICE):
        images = files.read_json(path)["images"]
        counts = f"{images['num_images']:,} of {images['num_found']:,} images"
        skipped = [f"{name}: {reason}" for name, reason in images["skipped"]]
    layers = [*dict.fromkeys(layer for _, _, layer in means)]
    title = "Mean invariance of neurons"
    # Of a whole network only the last layer, the one that decides.
    is_short = len(layers) == 1 or len(means) > _MOST_ROWS
    if is_short:
        title += f", {layers[-1]}"
        if len(layers) > 1:
            title += f" (the last of {len(layers)} layers)"
        means = {key: means[key] for key in means if key[2] == layers[-1]}
    columns = ["transform", "strength", "layer", "neurons", "floor"]
    columns += ["corrected", "invariance"]
    table = [[*key, *cells] for key, cells in means.items()]
    if is_short:
        columns.remove("layer")
        table = [[*row[:2], *row[3:]] for row in table]
    else:
        # Long names go on in the next line.
        for row in table:
            row[2] = Text(row[2], overflow="fold")
    words = ("transform", "layer")
    sides = {name: "left" if name in words else "right" for name in columns}
    terminal.show_table(title, sides, table)
    if skipped:
        terminal.show_problem(
            f"warning: {len(skipped)} images were left out, such as "
            f"{skipped[0]}"
        )
    closing = f"Measured on {counts}."
    if was_done:
        closing = (
            "This measurement is already finished; use --overwrite to redo it."
        )
    terminal.show_line(f"{closing}\nPage: {os.path.join(out, PAGE)}")
    terminal.show_line(f"Tables and figures: {out}")


def _read_means(path):
    """Reads a layers.csv.

    Returns:
        Dictionary from transformation, strength and layer to the cells of
        `_format_means`.
    """
    by_key = {}
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["transform"], row["strength"], row["layer"]
            by_key.setdefault(key, {})[row["measure"]] = row
    if not by_key:
        raise ValueError("it has no rows")
    return {key: _format_means(measures) for key, measures in by_key.items()}


def _format_means(measures):
    """Returns the cells of a layer: neurons, floor and both invariances."""
    invariance = measures["invariance_coefficient"]
    means = (
        invariance["control"],
        measures["corrected_invariance"]["value"],
        invariance["value"],
    )
    return [
        f"{int(invariance['num_neurons']):,}",
        *(terminal.format_number(float(mean or "nan")) for mean in means),
    ]
