"""The twelve image transformations, and identity, as Keras layers.

Section 3 and Appendix A of the paper. Every transformation takes images with
values from 0 to 255 and is applied at run time, before standardisation. Where
the paper is silent, `docs/fidelity.md` states the choice made here.
"""

import inspect

from invariance_tf.transforms.color import Grayscale, HueRotation
from invariance_tf.transforms.convolutional import (
    ContrastInversion,
    GaussianBlur,
    HighPass,
    Horizontal,
    Vertical,
)
from invariance_tf.transforms.geometric import Rotate90, Rotate180, Thinning
from invariance_tf.transforms.noise import SaltPepper, WhiteNoise
from invariance_tf.transforms.transform import Identity, Transform

__all__ = ["TRANSFORMS", "Transform", "argument_names", "get"]


def get(name, /, **arguments):
    """Makes a transformation by name.

    Args:
        name: String. One of the keys of `TRANSFORMS`.
        **arguments: Arguments of the transformation, for example `sigma`.

    Returns:
        A `Transform`.

    Raises:
        ValueError: If the name or an argument is unknown, or an argument is
            missing or out of range.

    Example:

    >>> get("blur", sigma=3.0).sigma
    3.0
    """
    if name not in TRANSFORMS:
        raise ValueError(
            f"Unknown transform. Legal: {', '.join(TRANSFORMS)}. "
            f"Received: transform={name!r}"
        )
    legal = argument_names(name)
    try:
        if not {*arguments} <= {*legal, "name", "dtype"}:
            raise TypeError("unknown argument")
        return TRANSFORMS[name](**arguments)
    except TypeError as error:
        raise ValueError(
            f"The transform {name} takes {', '.join(legal) or 'no arguments'}: "
            f"{error}. Received: transform_args={arguments}"
        ) from error


def argument_names(name):
    """Returns the names of the arguments of a transformation."""
    names = []
    for layer in TRANSFORMS[name].__mro__:
        if layer is Transform:
            return names
        parameters = inspect.signature(layer.__init__).parameters
        names += [key for key in parameters if key not in ("self", "kwargs")]


TRANSFORMS = {
    "identity": Identity,
    "grayscale": Grayscale,
    "hue_rotation": HueRotation,
    "blur": GaussianBlur,
    "highpass": HighPass,
    "horizontal": Horizontal,
    "vertical": Vertical,
    "contrast_inversion": ContrastInversion,
    "white_noise": WhiteNoise,
    "salt_pepper": SaltPepper,
    "rotate90": Rotate90,
    "rotate180": Rotate180,
    "thinning": Thinning,
}
