"""Which strengths are calibrated, and those in the directory of runs."""

import dataclasses
import json
import os
import shlex

from invariance_tf.settings import names


@dataclasses.dataclass(frozen=True)
class Parameter:
    """Describes the strength of a transformation.

    Attributes:
        name: String, name of the transformation's argument.
        step: Float, by which it is raised by default.
    """

    name: str
    step: float


# The steps are the paper's, except for salt and pepper: it gives the strength
# without a step.
PARAMETERS = {
    "blur": Parameter("sigma", 0.5),
    "white_noise": Parameter("std", 25.0),
    "salt_pepper": Parameter("amount", 0.05),
}


class Strength(float):
    """A strength that was read, until the images are known (see `settle`).

    Attributes:
        record: Dictionary, the content of its calibration.json.
    """

    record = None


def settle(arguments, **subject):
    """Compares calibrated strengths with what they are to be used for.

    Args:
        arguments: Dictionary, the arguments of a transformation as a resolved
            experiment has them.
        **subject: What a record must say, unless it is from before and does
            not: `fingerprint`, that of the images, and `network_args`.

    Returns:
        Dictionary, the arguments with plain numbers.

    Raises:
        ValueError: If a strength was calibrated for something else.
    """
    plain = dict(arguments)
    for parameter, strength in arguments.items():
        if not isinstance(strength, Strength):
            continue
        plain[parameter] = float(strength)
        for name, value in subject.items():
            found = strength.record.get(name, value)
            if found == value:
                continue
            other = "other images, or for another test split"
            if name != "fingerprint":
                other = f"{name}={found}, not {value}"
            raise ValueError(
                f"The calibrated {parameter} {strength:g} is for {other}. "
                "Repeat invariance-tf calibrate with these settings, or give "
                "the strength itself. Received: transform_args=calibrated"
            )
    return plain


def parameter_of(transform, name=None):
    """Returns the `Parameter` that is the strength of a transformation.

    Args:
        transform: String, name of the transformation.
        name: String, name of its argument; `None` accepts any.

    Raises:
        ValueError: If the transformation has no strength of that name.
    """
    if transform not in PARAMETERS:
        legal = ", ".join(
            f"{each} ({parameter.name})"
            for each, parameter in PARAMETERS.items()
        )
        raise ValueError(
            "Transformations that can be calibrated, and their strengths: "
            f"{legal}. Received: transform={transform}"
        )
    parameter = PARAMETERS[transform]
    if name not in (None, parameter.name):
        raise ValueError(
            f"The strength of {transform} is `{parameter.name}`. "
            f"Received: parameter={name}"
        )
    return parameter


def calibration_dir(runs_dir, dataset, network, image_size, transform):
    """Returns the directory of a calibration; repeating it overwrites.

    Example:

    >>> key = ("synthfaces", "alexnet_small", 48, "blur")
    >>> os.path.basename(calibration_dir("runs", *key))
    'synthfaces-alexnet_small-48-blur'
    """
    name = f"{dataset}-{network}-{image_size}-{transform}"
    name = name.replace(":", "_").replace("/", "_")
    return os.path.join(runs_dir, "calibration", name)


def read_strength(
    runs_dir, dataset, network, image_size, transform, options=None
):
    """Reads a calibrated strength, as an argument of the transformation.

    Args:
        runs_dir: Directory of the run directories.
        dataset: String, name of the data set.
        network: String, name of the network.
        image_size: Integer, height and width of the images in pixels.
        transform: String, name of the transformation.
        options: Dictionary of the data set's options (see
            `Experiment.dataset_options`) that the calibration must have been
            made with; `None` accepts any.

    Returns:
        Dictionary from the name of the strength to its value, a `Strength`.

    Raises:
        FileNotFoundError: If the strength has not been calibrated.
        ValueError: If the calibration found no strength, was made with other
            options of the data set, or cannot be read.
    """
    if len(names.split_transforms(transform)) > 1:
        raise ValueError(
            "Calibrated strengths are for one transformation: give those of "
            "several as `transform_args`. Received: transform_args=calibrated, "
            f"transform={transform}"
        )
    parameter_of(transform)
    key = (dataset, network, image_size, transform)
    path = os.path.join(calibration_dir(runs_dir, *key), "calibration.json")
    options = options or {}
    command = _calibrate_command(runs_dir, *key, options)
    command = f"{command} Received: transform_args=calibrated"
    of_what = f"{transform} for {dataset} at {image_size} pixels with {network}"
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        parameter, strength = found["parameter"], found["strength"]
        of_options, reason = found["options"], found["reason"]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The strength of {of_what} has not been calibrated. Run: {command}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The calibration {path} cannot be read. Repeat it: {command}"
        ) from error
    for name, value in image_options(dataset, options).items():
        if name in of_options and of_options[name] != value:
            raise ValueError(
                f"The strength of {of_what} was calibrated with {name}="
                f"{of_options[name]}, not {value}. Repeat it: {command}"
            )
    if strength is None:
        if found.get("network_args"):
            of_what += f" and network_args={found['network_args']}"
        raise ValueError(
            f"The calibration of {of_what} found no strength. {reason} "
            f"Set `transform_args`, or try another --below: {command}"
        )
    strength = Strength(strength)
    strength.record = found
    return {parameter: strength}


def image_options(dataset, options):
    """Returns the options that determine the images of a data set."""
    kept = {key: value for key, value in options.items() if key != "stream"}
    # A folder has no other name. Elsewhere the data may have been moved.
    data_dir = kept.pop("data_dir", None)
    if dataset == "folder" and data_dir is not None:
        kept["data_dir"] = os.path.abspath(data_dir)
    return kept


def _calibrate_command(
    runs_dir, dataset, network, image_size, transform, options
):
    """Returns the command of a calibration with options of the data set."""
    kept = image_options(dataset, options)
    if options.get("data_dir"):
        kept["data_dir"] = options["data_dir"]
    defaults = {
        **names.find("dataset", dataset).options,
        "image_size": image_size,
        "data_dir": None,
    }
    chosen = "".join(
        f"--{name} {shlex.quote(str(value))} "
        for name, value in kept.items()
        if value != defaults.get(name)
    )
    return (
        f"invariance-tf calibrate --dataset {dataset} {chosen}"
        f"--network {network} --image_size {image_size} "
        f"--transform {transform} --runs_dir {shlex.quote(str(runs_dir))}"
    )
