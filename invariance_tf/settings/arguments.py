"""The kinds of the arguments of transformations and networks."""

import numbers
import sys

# The kinds of defaults that say what an argument must be.
KINDS = (dict, str, list, tuple, numbers.Real)


def check_argument(value, default, name, received):
    """Raises if an argument is of another kind than its default.

    Args:
        value: What the user chose.
        default: The default.
        name: String, what the message calls the argument.
        received: String, the end of the message.

    Raises:
        ValueError: If so, or if a number is not finite.

    Example:

    >>> check_argument("yes", True, "`clip` of white_noise", "clip=yes")
    Traceback (most recent call last):
    ...
    ValueError: `clip` of white_noise must be true or false. Received: clip=yes
    """
    kind, words = kind_of_argument(default)
    is_alike = isinstance(value, kind) and (
        isinstance(value, bool) == (kind is bool)
    )
    if is_alike and kind is numbers.Real and not _is_finite(value):
        is_alike, words = False, "a finite number"
    if not is_alike:
        raise ValueError(f"{name} must be {words}. Received: {received}")


def _is_finite(number):
    # math.isfinite raises an error for a whole number of 400 digits.
    return abs(number) <= sys.float_info.max


def kind_of_argument(default):
    """Returns the type of an argument like its default, and its words.

    Example:

    >>> kind_of_argument((2, 4, 2))
    ((<class 'list'>, <class 'tuple'>), 'a list such as [2, 4, 2]')
    """
    if isinstance(default, dict):
        return dict, "its arguments by name"
    if isinstance(default, bool):
        return bool, "true or false"
    if isinstance(default, str):
        return str, "text"
    if isinstance(default, list | tuple):
        return (list, tuple), f"a list such as {[*default]}"
    return numbers.Real, "a number"
