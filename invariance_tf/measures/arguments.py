"""Checks arguments before any image is read."""

import numbers


def check_choice(name, value, legal):
    """Raises a `ValueError` if an argument is none of its legal values."""
    if not any(value is one or value == one for one in legal):
        raise ValueError(
            f"`{name}` must be {', '.join(map(str, legal[:-1]))} or "
            f"{legal[-1]}. Received: {name}={value!r}"
        )


def check_integers(seed, memory, batch_size):
    """Raises a `ValueError` unless these are integers in their range."""
    _check_integer("seed", seed, 0)
    _check_integer("memory", memory, 0)
    if batch_size is not None:
        _check_integer("batch_size", batch_size, 1)


def _check_integer(name, value, least):
    is_integer = isinstance(value, numbers.Integral)
    if not is_integer or isinstance(value, bool) or value < least:
        kind = {0: "an integer >= 0", 1: "a positive integer"}[least]
        raise ValueError(f"`{name}` must be {kind}. Received: {name}={value!r}")


def read_tau(tau):
    """Returns a threshold as a float; 0.1 + 0.2 is 0.3, as in `THRESHOLDS`.

    Raises:
        ValueError: If it is none.
    """
    is_number = isinstance(tau, numbers.Real) and not isinstance(tau, bool)
    if not is_number or not 0 <= tau < 1 - 1e-6:
        raise ValueError(
            f"`tau` must be a number from 0 to below 1. Received: tau={tau!r}"
        )
    nearest = round(float(tau) * 20) / 20
    return nearest if abs(tau - nearest) < 1e-6 else float(tau)


def check_preprocess(preprocess):
    """Raises a `TypeError` unless it is a function or `None`."""
    if preprocess is not None and not callable(preprocess):
        raise TypeError(
            "`preprocess` must be a function from images to images, or None. "
            f"Received: preprocess={preprocess!r}"
        )


def read_layers(layers):
    """Returns names of layers as a list, or `None`.

    Raises:
        TypeError: If they are not names.
        ValueError: If there are none.
    """
    if layers is None:
        return None
    names = [layers] if isinstance(layers, str) else layers
    is_list = isinstance(names, list | tuple)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise TypeError(
            "`layers` must be a layer's name or a list of names, see "
            f"activations.layer_names(model). Received: layers={layers!r}"
        )
    if not names:
        raise ValueError(
            "`layers` must name at least one layer. Received: layers=[]"
        )
    return [*dict.fromkeys(names)]


def check_inputs(inputs):
    """Raises a `TypeError` unless it is a dictionary or `None`."""
    if inputs is not None and not isinstance(inputs, dict):
        raise TypeError(
            "`inputs` must be a dictionary from names of inputs to arrays. "
            f"Received: inputs of type {type(inputs).__name__}"
        )
