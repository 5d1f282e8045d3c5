"""Messages about mistakes in settings."""

import difflib
import errno
import os
import re
import typing

import yaml

from invariance_tf import foreign
from invariance_tf.settings import checks, names
from invariance_tf.settings.config import Experiment

# What to do about errors of the operating system.
_ADVICE = {
    errno.ENOSPC: "Free some space there, and run the same command again.",
    errno.EDQUOT: "Free some space there, and run the same command again.",
    errno.EROFS: "Choose a directory that can be written to.",
    errno.EACCES: "Choose a place that you may read and write.",
}
_BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def one_line(error):
    """Returns the message of an error on one line, safe to show.

    An error of the user's own code is told with the line that it came from.

    Example:

    >>> one_line(OSError(errno.ENOSPC, "No space left on device", "runs/a"))
    'No space left on device: runs/a. Free some space there, and run the same
    command again.'
    """
    text = str(error)
    if isinstance(error, OSError) and error.errno and error.strerror:
        place = "" if error.filename is None else f": {error.filename}"
        advice = _ADVICE.get(error.errno, "")
        text = f"{error.strerror}{place}. {advice}"
    elif isinstance(error, UnicodeDecodeError):
        text = (
            f"This is not text in UTF-8: byte {error.start} is "
            f"{error.object[error.start]:#x}. Save it as UTF-8."
        )
    elif isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = mark and f" (line {mark.line + 1}, column {mark.column + 1})"
        text = f"This is not YAML{place or ''}: {error.problem}."
    elif backend := name_backend(error):
        chosen = os.environ.get("KERAS_BACKEND", "not set")
        text = (
            f"This needs {backend}, which is not installed. Install it, or let "
            "Keras run on a backend that is (KERAS_BACKEND=tensorflow or jax). "
            f"Received: KERAS_BACKEND={chosen}"
        )
    line = names.find_line(error)
    if line and line not in text:
        text = f"{line}: {text}"
    return foreign.one_line(text)


def check_backend():
    """Raises if the environment asks for an unknown backend of Keras.

    Raises:
        ValueError: If so.
    """
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen and chosen not in _BACKENDS:
        raise ValueError(
            "Keras runs on tensorflow or jax here; on torch, models can be "
            "measured. Set KERAS_BACKEND to one of them. "
            f"Received: KERAS_BACKEND={chosen}"
        )


def name_backend(error):
    """Names the backend of Keras that an error misses, or returns `None`.

    Example:

    >>> name_backend(ModuleNotFoundError(name="jax.numpy"))
    'JAX'
    """
    if not isinstance(error, ModuleNotFoundError):
        return None
    return _BACKENDS.get((error.name or "").partition(".")[0])


# Messages of jsonargparse and argparse, and better ones.
_REWORDED = {
    r"argument -*(\w+): expected (?:one|at least one) argument": (
        r"`\1` needs a value. --help explains it. Received: --\1"
    ),
    r"argument (?:-\w/)?-*(\w+): ignored explicit argument '?(.*?)'?$": (
        r"`\1` is a flag and takes no value. Received: --\1=\2"
    ),
    r"ambiguous option: -*(\S+) could match (.*)": (
        r"This can be the start of \2. Write the name in full. Received: --\1"
    ),
    r"the following arguments are required: (.*)": (
        r"Arguments are missing; --help explains them. Missing: \1"
    ),
    r"Unexpected config: (.*)": (
        r"A config file has a line for each setting, with one value. "
        r"Received: \1"
    ),
    r"Key must be a string, got: (.*)\.$": (
        r"Settings have names. Received: \1"
    ),
    r"too large to convert to float": (
        r"A number has more digits than any setting needs (300)."
    ),
    r"Exceeds the limit \(\d+ digits\)": (
        r"A number has more digits than any setting needs (4,300)."
    ),
}


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
    for pattern, better in _REWORDED.items():
        found = re.search(pattern, message, re.DOTALL)
        if found:
            return found.expand(better)
    unknown = re.search(
        r"unrecognized arguments: -*([\w.]+)|Option '(\S+)' is not", message
    )
    if unknown:
        name = unknown[1] or unknown[2]
        close = difflib.get_close_matches(name, annotations, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return f"Unknown setting.{hint} --help lists all. Received: {name}"
    illegal = re.search(r'Parser key "(\w+)"', message)
    # After what each of several types says comes the value as it was given.
    received = re.search(r"Given value: (.*)", message, re.DOTALL) or re.search(
        r"Got value: (.*)", message, re.DOTALL
    )
    if illegal and received and illegal[1] in annotations:
        name = illegal[1]
        legal = checks.legal_values(annotations[name])
        return f"`{name}` must be {legal}. Received: {name}={received[1]}"
    return message
