"""Transformations with their strengths, as people type them."""

import dataclasses
import math
import numbers

from invariance_tf.settings import defaults, names


@dataclasses.dataclass(frozen=True)
class Condition:
    """Holds a transformation and its strength.

    Attributes:
        transform: String, its name.
        argument: String, the argument that is its strength, or `None`.
        strength: Float; nan if it has none.
    """

    transform: str
    argument: str | None = None
    strength: float = math.nan

    @property
    def arguments(self):
        """Dictionary of the arguments of the transformation."""
        return {self.argument: self.strength} if self.argument else {}

    def __str__(self):
        name = self.transform.rpartition(":")[2]
        # rotate90 says it already.
        if self.argument is None or name.endswith(f"{self.strength:g}"):
            return name
        return f"{name}, {self.argument} {self.strength:g}"


def read_conditions(texts):
    """Reads transformations, each with the strengths that follow it.

    Args:
        texts: List of strings: names, with commas or spaces between them, or
            all. Strengths follow a colon: `blur:1,2,4`.

    Returns:
        List of `Condition`, each once. Without strengths a transformation has
        its default one.

    Raises:
        ValueError: If a name is unknown, or has no strength where one is
            given, or needs one.

    Example:

    >>> [str(each) for each in read_conditions(["blur:1,2,rotate90"])]
    ['blur, sigma 1', 'blur, sigma 2', 'rotate90']
    """
    found = []
    for text in ",".join(texts).split(","):
        text = text.strip()
        strength = _read_number(text)
        if strength is not None and found:
            found[-1][1].append(strength)
        elif text == "all":
            every = (name for name in defaults.TRANSFORMS if name != "identity")
            found += [(name, []) for name in every]
        elif text:
            name, _, last = text.rpartition(":")
            strength = _read_number(last)
            if not name or strength is None:
                found.append((text, []))
            else:
                found.append((name, [strength]))
    if not found:
        raise ValueError(
            "`transform` must name at least one transformation, or be all. "
            f"Received: transform={' '.join(texts)}"
        )
    conditions = [each for pair in found for each in _list_conditions(*pair)]
    # Two of nan are not the same to a dictionary.
    return [*{str(each): each for each in conditions}.values()]


def _list_conditions(name, strengths):
    """Returns a transformation at each of its strengths."""
    options = names.find("transform", name).options
    legal = [
        key
        for key, default in options.items()
        if default is names.REQUIRED
        or isinstance(default, numbers.Real)
        and not isinstance(default, bool)
    ]
    if len(legal) != 1:
        if strengths:
            count = "no strength" if not legal else "several strengths"
            raise ValueError(
                f"The transform {name} has {count}: give its name only. "
                f"Received: transform={name}:{strengths[0]:g}"
            )
        return [Condition(name)]
    if not strengths and options[legal[0]] is names.REQUIRED:
        raise ValueError(
            f"The transform {name} needs a value of {legal[0]}, such as "
            f"{name}:1. Received: transform={name}"
        )
    strengths = strengths or [float(options[legal[0]])]
    return [Condition(name, legal[0], strength) for strength in strengths]


def _read_number(text):
    """Returns a number, or `None` if it is not one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
