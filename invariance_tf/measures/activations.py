"""Layers and their neurons: which there are, and sub-models that reach them."""

import weakref

import keras

from invariance_tf.paradigm.model import is_xla_faster
from invariance_tf.transforms import Transform

# Models made by `submodel`: a new one would be traced anew at its first use.
_SUBMODELS = weakref.WeakKeyDictionary()


def layer_names(model):
    """Lists the layers whose activity can be measured, in their order.

    Args:
        model: A Keras functional or sequential model.

    Returns:
        List of strings: layers with one output of floating-point numbers.

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

    Dropout in between does nothing to test images and is passed over.

    Args:
        model: A Keras model that ends in a dense layer.

    Raises:
        ValueError: If it does not.
    """
    head = dense_head(model)
    (tensor,) = keras.tree.flatten(head.input)
    layer = tensor._keras_history.operation
    while isinstance(layer, keras.layers.Dropout):
        layer = layer.input._keras_history.operation
    return layer.name


def rectified_layers(model):
    """Lists the layers of neurons with ReLU activity, and the penultimate.

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
            "The penultimate layer is the one before a last dense layer, and "
            "this model ends in another kind; name the layer to measure. "
            f"Received: last layer={head.name} ({type(head).__name__})"
        )
    return head


def _transforms(model):
    return [layer for layer in model.layers if isinstance(layer, Transform)]


def own_transform(model):
    """Returns the transformation that a model made by `model.build` holds.

    Raises:
        ValueError: If the model holds none.
    """
    own = _transforms(model)
    if not own:
        raise ValueError(
            "The model holds no transformation of its own: name one, such as "
            "transforms.get('highpass'). Received: transform=None"
        )
    return own[0]


def submodel(model, layers):
    """Cuts a model off behind its transformation and at the layers asked for.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            input.
        layers: List of layer names.

    Returns:
        A `keras.Model` from images to a dictionary of each layer's output.
        The images of a model made by `model.build` are no longer transformed.
        It shares its layers with `model`.

    Raises:
        ValueError: If a layer does not exist or the model has several inputs.
    """
    legal = layer_names(model)
    for name in layers:
        if name not in legal:
            raise ValueError(
                f"The model has no such layer to measure. Legal: "
                f"{', '.join(legal)}. Received: layer={name!r}"
            )
    known = _SUBMODELS.setdefault(model, {})
    if tuple(layers) in known:
        return known[tuple(layers)]
    own = _transforms(model)
    inputs = [own[0].output] if own else model.inputs
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
