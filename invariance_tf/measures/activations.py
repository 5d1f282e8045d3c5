"""Finds the layers of a model, and cuts sub-models that reach their neurons."""

import weakref

import keras

from invariance_tf.paradigm.model import is_xla_faster
from invariance_tf.transforms import Transform

# Models made by `submodel`, each of which is traced at its first use.
_SUBMODELS = weakref.WeakKeyDictionary()


def layer_names(model):
    """Lists the layers whose activity can be measured, in their order.

    Args:
        model: A Keras functional or sequential model.

    Returns:
        List of strings: the layers with a single floating-point output.

    Example:

    >>> image = keras.Input((8,))
    >>> hidden = keras.layers.Dense(4, activation="relu", name="fc6")(image)
    >>> layer_names(keras.Model(image, hidden))
    ['fc6']
    """
    return [
        layer.name
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer | Transform)
        and isinstance(layer.output, keras.KerasTensor)
        and "float" in keras.backend.standardize_dtype(layer.output.dtype)
    ]


def penultimate_layer(model):
    """Returns the name of the layer whose neurons feed the last dense layer.

    Dropout in between does not change test images and is skipped.

    Args:
        model: A Keras model that ends in a dense layer.

    Raises:
        ValueError: If the model ends in another layer.
    """
    head = dense_head(model)
    (tensor,) = keras.tree.flatten(head.input)
    layer = tensor._keras_history.operation
    while isinstance(layer, keras.layers.Dropout):
        layer = layer.input._keras_history.operation
    return layer.name


def rectified_layers(model):
    """Lists the layers that end in a ReLU, and the penultimate one.

    Args:
        model: A Keras model that ends in a dense layer.

    Returns:
        List of layer names, in the model's order.
    """
    penultimate = penultimate_layer(model)
    rectified = []
    for name in layer_names(model):
        config = model.get_layer(name).get_config()
        is_relu = isinstance(model.get_layer(name), keras.layers.ReLU)
        if is_relu or config.get("activation") == "relu" or name == penultimate:
            rectified.append(name)
    return rectified


def dense_head(model):
    """Returns the dense layer that a model ends in."""
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense):
        raise ValueError(
            "The penultimate layer is the one before a final dense layer, but "
            "this model ends in another layer: name the layer to measure. "
            f"Received: last layer={head.name} ({type(head).__name__})"
        )
    return head


def _transforms(model):
    return [layer for layer in model.layers if isinstance(layer, Transform)]


def transform_of(model):
    """Returns the transformation that a model made by `model.build` has.

    Raises:
        ValueError: If the model has none.
    """
    found = _transforms(model)
    if not found:
        raise ValueError(
            "The model does not contain a transformation: name one, such as "
            "transform='highpass'. Received: transform=None"
        )
    return found[0]


def submodel(model, layers):
    """Returns the part of a model from its transformation to some layers.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            input.
        layers: List of layer names.

    Returns:
        A `keras.Model` from images to a dictionary of each layer's output. It
        shares its layers with `model` and does not transform the images.

    Raises:
        ValueError: If a layer does not exist or the model has several inputs.
    """
    legal = layer_names(model)
    for name in layers:
        if name not in legal:
            raise ValueError(
                "The model has no layer of this name that can be measured. "
                f"Legal: {', '.join(legal)}. Received: layer={name!r}"
            )
    known = _SUBMODELS.setdefault(model, {})
    if tuple(layers) in known:
        return known[tuple(layers)]
    found = _transforms(model)
    inputs = [found[0].output] if found else model.inputs
    if len(inputs) != 1:
        raise ValueError(
            "A model must have one input, the image. Received: inputs="
            f"{[tensor.name for tensor in model.inputs]}"
        )
    outputs = {name: model.get_layer(name).output for name in layers}
    cut = keras.Model(inputs[0], outputs)
    cut.jit_compile = is_xla_faster()
    known[tuple(layers)] = cut
    return cut
