"""Finds data sets, networks and transformations by name.

A name is one of the package's own (`blur`), one that an installed package
offers as an entry point of the group `invariance_tf.transforms`, `.networks` or
`.datasets`, or a dotted one, `my_lab.transforms:Swirl`.

A dotted name imports its module, which runs it. It is therefore taken from the
user only: from the command line, from Python, or from a file of settings that
they wrote, never from a run directory (see `check_origin`).
"""

import difflib
import functools
import importlib
import importlib.metadata
import inspect
import os
import re
import sys
import traceback

from invariance_tf.settings import defaults

REGISTRIES = {
    "transform": defaults.TRANSFORMS,
    "network": defaults.NETWORKS,
    "dataset": defaults.DATASETS,
}

# Of an argument without a default.
REQUIRED = inspect.Parameter.empty

_DOTTED = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")

# Packages of others that were imported because the user named them.
_imported = set()


def find(kind, name):
    """Returns what a name stands for.

    Args:
        kind: String, `"transform"`, `"network"` or `"dataset"`.
        name: String, the name. For a set of TensorFlow Datasets, `tfds:NAME`;
            for several transformations, see `split_transforms`.

    Returns:
        A `defaults.Entry`. For the names of other packages, whose code is
        imported, the options are the arguments of the class or function (of
        a network those that are floats); one without a default has the value
        `REQUIRED`. The options of several transformations are those of each,
        by name.

    Raises:
        ValueError: If the name is unknown or its code cannot be imported.

    Example:

    >>> find("transform", "blur").options
    {'sigma': 3.0}
    """
    known = _own_key(kind, name)
    if known in REGISTRIES[kind]:
        return REGISTRIES[kind][known]
    if kind == "transform" and len(parts := split_transforms(name)) > 1:
        options = {part: find(kind, part).options for part in parts}
        return defaults.Entry("", options)
    thing = load(kind, name)
    return defaults.Entry(str(name), *_describe(kind, name, thing))


def split_transforms(name):
    """Splits a name into those of several transformations.

    Args:
        name: String. Names with `,` between them are transformations each of
            which an image can undergo; with `+`, one after the other, all of
            which it undergoes: `blur,highpass+rotate90`.

    Returns:
        List of names: those between `,`, or if there is only one, those
        between `+`. A single transformation is a list of one.

    Raises:
        ValueError: If a name is missing, or given twice.

    Example:

    >>> split_transforms("blur,highpass+rotate90")
    ['blur', 'highpass+rotate90']
    >>> split_transforms("highpass+rotate90"), split_transforms("blur")
    (['highpass', 'rotate90'], ['blur'])
    """
    parts = str(name).split("," if is_several(name) else "+")
    parts = [part.strip() for part in parts]
    if len(parts) > 1 and (not all(parts) or len({*parts}) < len(parts)):
        raise ValueError(
            "Several transformations are names with `,` (either of them) or "
            "`+` (one after the other) between them, each once. "
            f"Received: transform={name}"
        )
    return parts


def is_several(name):
    """Returns whether an image can undergo either of several transformations.

    Args:
        name: String, as for `split_transforms`.
    """
    return "," in str(name)


def load(kind, name):
    """Imports the class or function that a name stands for.

    Args:
        kind: String, `"transform"`, `"network"` or `"dataset"`.
        name: String, the name.

    Raises:
        ValueError: If the name is unknown or its code cannot be imported.
    """
    registry = REGISTRIES[kind]
    known = _own_key(kind, name)
    if known in registry:
        return _import(kind, known, registry[known].place)
    if is_dotted(kind, name):
        return _import(kind, name, name)
    points = [point for point in _entry_points(kind) if point.name == name]
    if len({point.value for point in points}) > 1:
        values = " and ".join(sorted({point.value for point in points}))
        raise ValueError(
            f"Two packages offer this {kind}: use the full name, {values}. "
            f"Received: {kind}={name}"
        )
    if points:
        return _import(kind, name, points[0].value)
    legal = [*registry, *(point.name for point in _entry_points(kind))]
    legal = ["tfds:NAME" if each == "tfds" else each for each in legal]
    close = difflib.get_close_matches(str(name), legal, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"Unknown {kind}.{hint} Legal: {', '.join(legal)}, or your own, such "
        f"as my_module:my_{kind}. Received: {kind}={name}"
    )


def is_dotted(kind, name):
    """Returns whether a name is a module and an attribute: `module:name`."""
    is_dotted = _DOTTED.fullmatch(str(name)) is not None
    return is_dotted and not _is_record(kind, name)


def _is_record(kind, name):
    """Returns whether it is a set of TensorFlow Datasets: `tfds:NAME`."""
    return kind == "dataset" and re.match("tfds:.", str(name)) is not None


def _own_key(kind, name):
    """Returns the key in the registry of a name, which may not be in it."""
    if _is_record(kind, name):
        return "tfds"
    return None if (kind, name) == ("dataset", "tfds") else name


def check_origin(settings, origin, remedy):
    """Raises if settings that the user may not have written name modules.

    Args:
        settings: Dictionary of settings.
        origin: String, where they were read.
        remedy: String, what to do if they are the user's.

    Raises:
        ValueError: If so.
    """
    own = [
        f"{kind}={settings[kind]}"
        for kind in REGISTRIES
        if any(
            is_dotted(kind, part.strip())
            for part in re.split("[,+]", str(settings.get(kind)))
        )
    ]
    if own:
        raise ValueError(
            f"{origin} names code of its author's, which would be run. If it "
            f"is yours, {remedy}. Received: {', '.join(own)}"
        )


def _entry_points(kind):
    return importlib.metadata.entry_points(group=f"invariance_tf.{kind}s")


def _import(kind, name, place):
    """Imports `module:attribute`; a fault of a user's is told in one line."""
    module, _, attribute = place.partition(":")
    try:
        return functools.reduce(
            getattr, attribute.split("."), import_module(module)
        )
    except Exception as error:
        if name in REGISTRIES[kind]:
            raise
        raise ValueError(
            f"`{place}` cannot be imported: {type(error).__name__}: {error}. "
            "It must be in the current directory or installed. "
            f"Received: {kind}={name}"
        ) from error


def import_module(name):
    """Imports a module that may be in the current directory.

    Args:
        name: String, such as `my_lab.transforms`.
    """
    package = name.partition(".")[0]
    # Of Python's own, in which others' mistakes end too, no line helps.
    if package not in ("invariance_tf", *sys.stdlib_module_names):
        _imported.add(package)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        here = os.getcwd()
        if error.name != package or here in sys.path:
            raise
    # Last, and only for a module that was named: programs have only the
    # directory that they are in on the path.
    sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        sys.path.remove(here)
        raise


def find_line(error):
    """Finds the line of code that the user named from which an error came.

    Args:
        error: An exception, whose causes are looked through too.

    Returns:
        String, such as "my_lab.networks, line 12", or `None`.
    """
    found, looked_at = None, set()
    # One raised again from itself is its own cause.
    while error is not None and id(error) not in looked_at:
        looked_at.add(id(error))
        for frame, number in traceback.walk_tb(error.__traceback__):
            module = str(frame.f_globals.get("__name__"))
            if module.partition(".")[0] in _imported:
                found = f"{module}, line {number}"
        error = error.__cause__
    return found


def _describe(kind, name, thing):
    """Returns the options and other defaults of something of the user's."""
    if kind == "network":
        floats = {
            parameter.name: parameter.default
            for parameter in _parameters(kind, name, thing).values()
            if type(parameter.default) is float
        }
        return floats, defaults.NETWORKS["alexnet_small"].experiment
    if kind == "transform":
        own = getattr(thing, "arguments", None)
        return ({} if own is None else own()), {}
    every_option = {
        option
        for entry in defaults.DATASETS.values()
        for option in entry.options
    }
    options = {}
    for parameter in _parameters(kind, name, thing).values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in every_option:
            options[parameter.name] = parameter.default
        elif parameter.default is REQUIRED:
            raise ValueError(
                f"A data set's arguments are settings: "
                f"{', '.join(sorted(every_option))}; others need a default. "
                f"Received: dataset={name} with {parameter.name}"
            )
    if options.get("image_size", REQUIRED) in (REQUIRED, None):
        raise ValueError(
            "A data set is a function with the argument `image_size`, which "
            f"has a default. Received: dataset={name}"
        )
    return options, {"network": "alexnet_small"}


def _parameters(kind, name, thing):
    """Returns the parameters of a function, by name."""
    try:
        return inspect.signature(thing).parameters
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"This is not a function in Python. Received: {kind}={name}"
        ) from error
