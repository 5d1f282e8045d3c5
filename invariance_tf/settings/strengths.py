"""The arguments of transformations, and which of them is the strength."""

import numbers

from invariance_tf.settings import defaults, names
from invariance_tf.settings.arguments import check_argument, kind_of_argument


def transform_args(dataset, transform, chosen=None, setting="transform_args"):
    """Returns the arguments of a transformation on a data set.

    Args:
        dataset: String, name of the data set.
        transform: String, name of the transformation.
        chosen: Dictionary of the arguments that the user chose, or `None`;
            of several transformations, by their names.
        setting: String, what messages call `chosen`.

    Returns:
        Dictionary with every argument of the transformation; of several, with
        the dictionary of each, by name.

    Raises:
        ValueError: If `chosen` names an unknown argument or lacks one.

    Example:

    >>> transform_args("facescrub", "blur")
    {'sigma': 3.0}
    >>> transform_args("digits", "blur,thinning", {"blur": {"sigma": 1}})
    {'blur': {'sigma': 1.0}, 'thinning': {'factor': 2.0}}
    """
    legal = names.find("transform", transform).options
    parts = names.split_transforms(transform)
    if len(parts) > 1 and chosen:
        chosen = _nest(chosen, parts)
    for name in chosen or {}:
        if name not in legal:
            takes = legal if len(parts) == 1 else _list_flags(legal, setting)
            raise ValueError(
                f"The transform {transform} takes "
                f"{', '.join(takes) or 'no arguments'}. "
                f"Received: {setting}={chosen}"
            )
        check_argument(
            chosen[name],
            legal[name],
            f"`{name}` of the transform {transform}",
            f"{setting}={chosen}",
        )
    if len(parts) > 1:
        return {
            part: transform_args(
                dataset, part, (chosen or {}).get(part), setting
            )
            for part in parts
        }
    arguments = {
        **legal,
        **defaults.STRENGTHS.get(dataset, {}).get(transform, {}),
        **(chosen or {}),
    }
    missing = [
        key for key, value in arguments.items() if value is names.REQUIRED
    ]
    if missing:
        raise ValueError(
            f"The transform {transform} needs a value of {', '.join(missing)}, "
            f"such as --transform_args.{missing[0]} VALUE. "
            f"Received: {setting}={chosen}"
        )
    # 3 and 3.0 are the same strength and must give the same run name.
    return {
        name: float(value) if type(value) is int else value
        for name, value in arguments.items()
    }


def read_test_args(chosen):
    """Returns arguments of several transformations, checked.

    Args:
        chosen: Dictionary from names of the package's transformations to
            dictionaries of some of their arguments, or with keys such as
            `blur.sigma`.

    Raises:
        ValueError: If a name or an argument is unknown, or has a value of the
            wrong kind.

    Example:

    >>> read_test_args({"blur.sigma": 2, "white_noise": {"std": 50}})
    {'blur': {'sigma': 2.0}, 'white_noise': {'std': 50.0}}
    """
    nested = _nest(chosen, defaults.TRANSFORMS)
    for name, arguments in nested.items():
        if name not in defaults.TRANSFORMS or not isinstance(arguments, dict):
            raise ValueError(
                "`test_args` has the arguments of transformations by their "
                "names, such as {blur: {sigma: 3.0}}. "
                f"Received: test_args={chosen}"
            )
    return {
        name: {
            key: value
            for key, value in transform_args(
                None, name, arguments, "test_args"
            ).items()
            if key in arguments
        }
        for name, arguments in nested.items()
    }


def _list_flags(legal, setting):
    """Lists the arguments of several transformations as the shell has them."""
    return [
        f"--{setting}.{part}.{name}"
        for part, options in legal.items()
        for name in options
    ]


def _nest(chosen, parts):
    """Turns keys such as `blur.sigma`, of the shell, into dictionaries."""
    nested = {}
    for key, value in chosen.items():
        part, _, name = key.rpartition(".")
        if part in parts:
            nested[part] = {**nested.get(part, {}), name: value}
        else:
            nested[key] = value
    return nested


def strength_of(transform):
    """Returns the argument that is the strength of a transformation.

    It is the first that is a number.

    Args:
        transform: String, name of the transformation.

    Raises:
        ValueError: If it has none.

    Example:

    >>> strength_of("blur"), strength_of("rotate90")
    ('sigma', 'angle')
    """
    for name, default in names.find("transform", transform).options.items():
        if kind_of_argument(default)[0] is numbers.Real:
            return name
    raise ValueError(
        "Only a transformation with a number among its arguments has a "
        f"strength. Received: transform={transform}"
    )
