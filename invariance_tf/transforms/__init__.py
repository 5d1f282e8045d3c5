"""The twelve image transformations, and identity, as Keras layers.

Section 3 and Appendix A of the paper. Every transformation takes images with
values from 0 to 255 and is applied at run time, before standardisation. Where
the paper is silent, `docs/fidelity.md` states the choice made here.
"""

import inspect

import keras

from invariance_tf.settings import defaults, names
from invariance_tf.transforms.color import Grayscale, HueRotation
from invariance_tf.transforms.combined import Composed, Either
from invariance_tf.transforms.convolutional import (
    ContrastInversion,
    GaussianBlur,
    HighPass,
    Horizontal,
    Vertical,
)
from invariance_tf.transforms.geometric import Rotate90, Rotate180, Thinning
from invariance_tf.transforms.noise import SaltPepper, WhiteNoise
from invariance_tf.transforms.transform import OF_LAYERS, Identity, Transform
from invariance_tf.transforms.wrapping import Wrapped

__all__ = [
    "Composed",
    "ContrastInversion",
    "Either",
    "GaussianBlur",
    "Grayscale",
    "HighPass",
    "Horizontal",
    "HueRotation",
    "Identity",
    "Rotate180",
    "Rotate90",
    "SaltPepper",
    "Thinning",
    "Transform",
    "Vertical",
    "WhiteNoise",
    "Wrapped",
    "as_transform",
    "get",
]


def get(name, /, **arguments):
    """Makes a transformation by name.

    Args:
        name: String. One of the keys of `settings.defaults.TRANSFORMS`, or of
            your own: the name of an entry point, or `module:class`. Several
            with `,` between them are an `Either`, with `+` a `Composed`.
        **arguments: Arguments of the transformation, for example `sigma`, of
            which those not given have the defaults of the registry (of
            several, a dictionary for each, by name); and `name`, `dtype` and
            `data_format` of the layer.

    Returns:
        A `Transform`.

    Raises:
        ValueError: If the name or an argument is unknown, or an argument is
            missing or out of range.

    Example:

    >>> get("blur").sigma, get("blur", sigma=1.5).sigma
    (3.0, 1.5)
    """
    entry = names.find("transform", name)
    if len(names.split_transforms(name)) > 1:
        return _combine(name, arguments)
    made = names.load("transform", name)
    _register(made, name)
    if not isinstance(made, type):
        of_layer = {key: arguments.pop(key) for key in {*arguments} & OF_LAYERS}
        made = as_transform(made, **of_layer)
        if arguments:
            raise ValueError(
                f"The transform {name} takes no arguments. "
                f"Received: transform_args={arguments}"
            )
        return made
    if not issubclass(made, Transform):
        raise ValueError(
            "A transformation is a subclass of `Transform`, a function or a "
            f"Keras layer. Received: transform={name}"
        )
    legal = [*made.arguments()]
    arguments = {
        key: _as_whole(value, entry.options.get(key, 0.0))
        for key, value in arguments.items()
    }
    defaults_of = {
        key: value
        for key, value in entry.options.items()
        if value is not names.REQUIRED
    }
    try:
        if not {*arguments} <= {*legal, "seed", *OF_LAYERS}:
            raise TypeError("unknown argument")
        return made(**{**defaults_of, **arguments})
    except TypeError as error:
        raise ValueError(
            f"The transform {name} takes {', '.join(legal) or 'no arguments'}: "
            f"{error}. Received: transform_args={arguments}"
        ) from error


def _as_whole(value, default):
    """Returns a number as an integer if it is whole and its default no float.

    Settings have floats, of which Python's `range` takes none.
    """
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole and type(default) is not float else value


def _combine(name, arguments):
    """Makes several transformations, and one of them."""
    parts = names.split_transforms(name)
    given = {key: arguments[key] for key in {*arguments} - OF_LAYERS}
    if not {*given} <= {*parts}:
        raise ValueError(
            f"The transform {name} takes the arguments of {', '.join(parts)}, "
            f"a dictionary for each. Received: transform_args={given}"
        )
    of_layer = {key: arguments[key] for key in {*arguments} & OF_LAYERS}
    data_format = of_layer.get("data_format")
    combined = Either if names.is_several(name) else Composed
    return combined(
        [
            get(part, data_format=data_format, **given.get(part, {}))
            for part in parts
        ],
        **of_layer,
    )


def _register(made, name):
    """Lets Keras save and load what a user's name stands for."""
    if name in defaults.TRANSFORMS or not hasattr(made, "__name__"):
        return
    if made.__name__ == "<lambda>":
        return  # Keras saves it as code, and does not load that.
    if keras.saving.get_registered_name(made) == made.__name__:
        package, _, _ = str(name).partition(":")
        keras.saving.register_keras_serializable(package=package)(made)


def as_transform(transform, **arguments):
    """Turns what stands for a transformation into one.

    Args:
        transform: A `Transform`; a name, see `get`; a function from images to
            images; or any Keras layer, see `Wrapped`.
        **arguments: `name`, `dtype` or `data_format` of the layer, unless it
            is a `Transform` already.

    Returns:
        A `Transform`.

    Raises:
        ValueError: If it is none of them.

    Example:

    >>> import numpy as np
    >>> mirror = as_transform(lambda images: images[:, :, ::-1])
    >>> images = mirror(np.array([[[[1.0], [2.0]]]]))
    >>> keras.ops.convert_to_numpy(images).ravel().tolist()
    [2.0, 1.0]
    """
    if isinstance(transform, Transform):
        return transform
    if isinstance(transform, str):
        return get(transform, **arguments)
    if inspect.isclass(transform) or not callable(transform):
        raise ValueError(
            "`transform` must be a name, a function from images to images, or "
            f"a Keras layer. Received: transform={transform!r}"
        )
    return Wrapped(transform, **arguments)
