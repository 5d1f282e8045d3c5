"""Messages about mistakes in settings."""

import difflib
import re
import types
import typing

from invariance_tf.settings.config import Experiment


def one_line(error):
    """Returns the message of an error on one line."""
    return " ".join(str(error).split())


def reword(message, annotations=None):
    """Rewords a message of jsonargparse, which speaks of Python types.

    Args:
        message: String, the message of a `jsonargparse.ArgumentError`.
        annotations: Dictionary from names of settings to their types; by
            default those of an experiment.

    Returns:
        String; other messages are returned unchanged.

    Example:

    >>> reword("Option 'n_sen' is not accepted")
    'Unknown setting. Did you mean n_seen? --help lists all. Received: n_sen'
    """
    if annotations is None:
        annotations = typing.get_type_hints(Experiment)
    unknown = re.search(
        r"unrecognized arguments: -*([\w.]+)|Option '(\S+)' is not", message
    )
    if unknown:
        name = unknown[1] or unknown[2]
        close = difflib.get_close_matches(name, annotations, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return f"Unknown setting.{hint} --help lists all. Received: {name}"
    illegal = re.search(r'Parser key "(\w+)"', message)
    received = re.search(r"(?:Given|Got) value: (.*)", message)
    if illegal and received and illegal[1] in annotations:
        name = illegal[1]
        legal = _legal_values(annotations[name])
        return f"`{name}` must be {legal}. Received: {name}={received[1]}"
    return message


def _legal_values(annotation):
    """Describes a type in words."""
    parts = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(parts)
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in parts if part is not types.NoneType]
        return " or ".join(map(_legal_values, parts))
    words = {
        int: "a whole number",
        float: "a number",
        dict: "names with values",
    }
    return words.get(origin or annotation, "text")
