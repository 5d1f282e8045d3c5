"""Calibrated strengths in the directory of runs.

Reading imports the standard library only: settings are resolved before
TensorFlow is loaded.
"""

import json
import os
import shlex


def directory(runs_dir, dataset, network, image_size, transform):
    """Returns the directory of a calibration; a later one replaces it.

    Example:

    >>> path = directory("runs", "synthfaces", "alexnet_small", 48, "blur")
    >>> os.path.basename(path)
    'synthfaces-alexnet_small-48-blur'
    """
    name = f"{dataset}-{network}-{image_size}-{transform}"
    name = name.replace(":", "_").replace("/", "_")
    return os.path.join(runs_dir, "calibration", name)


def recorded(runs_dir, dataset, network, image_size, transform, options=None):
    """Reads the strength that was calibrated, as arguments of a transformation.

    Args:
        runs_dir: Directory of the run directories.
        dataset: String, name of the data set.
        network: String, name of the network.
        image_size: Integer, height and width of the images in pixels.
        transform: String, name of the transformation.
        options: Dictionary of the data set's options, as
            `Experiment.dataset_options` returns it, which must be those of
            the calibration; `None` means that they need not.

    Returns:
        Dictionary from the name of the strength to its value.

    Raises:
        FileNotFoundError: If there is no calibration.
        ValueError: If it ended without a strength, is of other options of the
            data set, or cannot be read.
    """
    key = (dataset, network, image_size, transform)
    path = os.path.join(directory(runs_dir, *key), "calibration.json")
    make = _make_command(runs_dir, *key, (options or {}).get("data_dir"))
    make = f"{make} Received: transform_args=calibrated"
    of_what = f"{transform} for {dataset} at {image_size} pixels with {network}"
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        parameter, strength = found["parameter"], found["strength"]
        of_options, reason = found["options"], found["reason"]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The strength of {of_what} is not calibrated yet. Make it: {make}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The calibration {path} cannot be read. Make it again: {make}"
        ) from error
    for name, value in identity(dataset, options or {}).items():
        if name in of_options and of_options[name] != value:
            raise ValueError(
                f"The strength of {of_what} was calibrated with {name}="
                f"{of_options[name]}, not {value}. Make it again: {make}"
            )
    if strength is None:
        raise ValueError(
            f"The calibration of {of_what} ended without a strength. {reason} "
            f"Give `transform_args` a value, or try another --below: {make}"
        )
    return {parameter: strength}


def identity(dataset, options):
    """Returns the options that decide which images there are."""
    kept = {key: value for key, value in options.items() if key != "stream"}
    # Elsewhere it is a place, here it is all that names the data set.
    data_dir = kept.pop("data_dir", None)
    if dataset == "folder" and data_dir is not None:
        kept["data_dir"] = os.path.abspath(data_dir)
    return kept


def _make_command(runs_dir, dataset, network, image_size, transform, data_dir):
    """Returns the command that makes a calibration."""
    where = f"--data_dir {shlex.quote(str(data_dir))} " if data_dir else ""
    return (
        f"python -m invariance_tf calibrate --dataset {dataset} {where}"
        f"--network {network} --image_size {image_size} "
        f"--transform {transform} --runs_dir {shlex.quote(str(runs_dir))}"
    )
