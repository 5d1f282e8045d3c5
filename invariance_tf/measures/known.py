"""What was made of a layer or model, kept with it until it changes."""

import operator

import keras


class _Known:
    """Holds what was made of a layer, and what the layer was made up of."""

    def __init__(self):
        self.made, self.parts = {}, []


def made_of(layer):
    """Returns a dictionary to keep what is made of a layer or model.

    A program is traced at its first use, and would go on with the layer as it
    was then. So the dictionary is empty again after any of its layers or their
    attributes were exchanged, such as an activation function, by `quantize` or
    `enable_lora`. See `forget_others` for layers that are not Keras' own.
    """
    # In a dictionary of ours it would keep the layer alive, which its parts
    # refer to. Assignment would be Keras' tracking of attributes.
    known = vars(layer).setdefault("_invariance_tf", _Known())
    parts = _list_parts(layer)
    is_same = len(parts) == len(known.parts) and all(
        map(operator.is_, parts, known.parts)
    )
    if not is_same:
        known.made, known.parts = {}, parts
    return known.made


def forget_others(model):
    """Forgets what was made of a model with layers of the user's own code.

    What those do may depend on more than their attributes.
    """
    if any(map(_is_others, model._flatten_layers())):
        vars(model).pop("_invariance_tf", None)


def _list_parts(layer):
    """Lists the layers in a layer and what their attributes refer to."""
    parts = []
    for each in layer._flatten_layers():
        parts.append(each)
        # Keras' models are the layers in them, and `fit` changes the rest.
        if not isinstance(each, keras.Model) and not _is_others(each):
            parts += vars(each).values()
    return [part for part in parts if not isinstance(part, _Known)]


def _is_others(layer):
    """Tells whether a layer is neither Keras' own nor this package's."""
    package = type(layer).__module__.partition(".")[0]
    return package not in ("keras", "invariance_tf")
