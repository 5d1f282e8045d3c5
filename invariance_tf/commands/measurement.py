"""The directory of a measurement: whether it is done, and what is in it."""

import csv
import json
import os

from rich.text import Text

from invariance_tf import files
from invariance_tf.commands import terminal

RECORD, PAGE = "measurement.json", "report.html"
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
    """
    names = os.listdir(options.out) if os.path.isdir(options.out) else []
    names = [name for name in names if name != ".lock"]
    record = files.read_json(os.path.join(options.out, RECORD))
    if names and record is None:
        raise ValueError(
            "The directory is not empty and has no measurement: choose another "
            f"one. Received: out={options.out}"
        )
    if not names or not record["is_finished"] or options.overwrite:
        return False
    if record["settings"] != settings:
        changed = [
            name
            for name in settings
            if record["settings"].get(name) != settings[name]
        ]
        raise ValueError(
            f"The directory has a measurement with other {', '.join(changed)}: "
            "choose another one, or replace it with --overwrite. "
            f"Received: out={options.out}"
        )
    return True


def show_measurement(out, was_done):
    """Shows the mean invariance of each layer, and where everything is.

    Args:
        out: Path of the directory of a measurement.
        was_done: Whether it was there before.
    """
    with open(os.path.join(out, "layers.csv"), encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    by_key = {}
    for row in rows:
        key = row["transform"], row["strength"], row["layer"]
        by_key.setdefault(key, {})[row["measure"]] = row
    layers = [*dict.fromkeys(layer for _, _, layer in by_key)]
    title = "Mean invariance of neurons"
    # Of a whole network only the last layer, the one that decides.
    is_short = len(layers) == 1 or len(by_key) > _MOST_ROWS
    if is_short:
        title += f", {layers[-1]}"
        if len(layers) > 1:
            title += f" (the last of {len(layers)} layers)"
        by_key = {key: by_key[key] for key in by_key if key[2] == layers[-1]}
    columns = ["transform", "strength", "layer", "neurons", "floor"]
    columns += ["corrected", "invariance"]
    table = [
        [*key, *_format_means(measures)] for key, measures in by_key.items()
    ]
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
    _show_closing(out, was_done)


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


def _show_closing(out, was_done):
    """Shows what was read and written."""
    images = files.read_json(os.path.join(out, RECORD))["images"]
    counts = f"{images['num_images']:,} of {images['num_found']:,} images"
    if images["skipped"]:
        name, reason = images["skipped"][0]
        terminal.show_problem(
            f"warning: {len(images['skipped'])} images were left out, such as "
            f"{name}: {reason}"
        )
    closing = f"Measured on {counts}."
    if was_done:
        closing = (
            "This measurement is already finished; use --overwrite to redo it."
        )
    terminal.show_line(f"{closing}\nPage: {os.path.join(out, PAGE)}")
    terminal.show_line(f"Tables and figures: {out}")
