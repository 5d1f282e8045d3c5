"""Mistakes in settings, in the user's terms."""

import difflib
import re
import types
import typing

from invariance_tf.settings.config import Experiment


def one_line(error):
    """Puts the message of an error on one line."""
    return " ".join(str(error).split())


def reword(message, annotations=None):
    """Says in the user's terms what jsonargparse says in those of Python.

    Args:
        message: String, the message of a `jsonargparse.ArgumentError`.
        annotations: Dictionary from settings to their types; `None` means
            those of an experiment.

    Returns:
        String. A message that is not known is returned as it is.

    Example:

    >>> reword("Option 'n_sen' is not accepted")[:47]
    'There is no such setting. Did you mean n_seen? '
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
        return (
            f"There is no such setting.{hint} --help lists them all. "
            f"Received: {name}"
        )
    illegal = re.search(r'Parser key "(\w+)"', message)
    received = re.search(r"(?:Given|Got) value: (.*)", message)
    if illegal and received and illegal[1] in annotations:
        name = illegal[1]
        legal = _describe(annotations[name])
        return f"`{name}` must be {legal}. Received: {name}={received[1]}"
    return message


def _describe(annotation):
    """Puts a type annotation into words."""
    parts = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(parts)
    if origin in (typing.Union, types.UnionType):
        parts = [part for part in parts if part is not types.NoneType]
        return " or ".join(map(_describe, parts))
    words = {
        int: "a whole number",
        float: "a number",
        dict: "names with values",
    }
    return words.get(origin or annotation, "text")
