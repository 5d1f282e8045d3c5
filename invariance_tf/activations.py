"""The activity of neurons: sub-models, and images with their transforms.

Everything that is measured on test images reads them through `paired_blocks`:
accuracy, invariance and ablation then see the same noise.
"""

import keras
import numpy as np

from invariance_tf.model import is_xla_faster, reseed_layer
from invariance_tf.transforms import Transform

# Images that go through the network together with their transformed versions.
# Noise is drawn block by block, so this number is part of a result.
BLOCK = 64


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
        if not isinstance(layer, keras.layers.InputLayer)
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


def submodel(model, layers):
    """Cuts a model off behind its transformation and at the layers asked for.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            input.
        layers: List of layer names.

    Returns:
        A `keras.Model` from images to a list with the output of each layer.
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
    transforming = [
        layer for layer in model.layers if isinstance(layer, Transform)
    ]
    inputs = [transforming[0].output] if transforming else model.inputs
    if len(inputs) != 1:
        raise ValueError(
            "A model must have one input, the image. Received: inputs="
            f"{[tensor.name for tensor in model.inputs]}"
        )
    outputs = [model.get_layer(name).output for name in layers]
    cut = keras.Model(inputs[0], outputs)
    cut.jit_compile = is_xla_faster()
    return cut


def arrange(labels):
    """Orders images so that a block has pairs of one and of other categories.

    Two images of a category are neighbours, and the categories take turns:
    the controls of the invariance coefficient then find their partners within
    a block.

    Args:
        labels: Integer array of shape `(num_images,)`.

    Returns:
        Integer array of shape `(num_images,)`, positions in the new order.

    Example:

    >>> arrange(np.array([0, 0, 0, 0, 1, 1])).tolist()
    [0, 1, 4, 5, 2, 3]
    """
    by_label = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    return by_label[np.lexsort((labels[by_label], rank // 2))]


def paired_blocks(images, transform, seed=0, order=None):
    """Reads images block by block, each block original and transformed.

    Args:
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255.
        transform: A `Transform`.
        seed: Integer >= 0. The same seed and order give the same noise.
        order: Integer array, positions to read; `None` means all in order.

    Yields:
        Tuples of positions, original and transformed images, at most `BLOCK`
        of each; the images are float32 arrays.
    """
    order = np.arange(len(images)) if order is None else order
    reseed_layer(transform, seed)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        originals = np.asarray(images[block], "float32")
        flags = np.ones(len(block), bool)
        transformed = transform(originals, flags)
        yield block, originals, keras.ops.convert_to_numpy(transformed)


def respond(cut, originals, transformed, spatial="all"):
    """Computes the activity of neurons for a block of images.

    Both versions go through the network in one batch.

    Args:
        cut: A model made by `submodel`.
        originals: Float array of shape `(num_images, height, width, 3)`.
        transformed: Float array of the same shape.
        spatial: `"all"`: each channel at each place is a neuron. `"max"`: each
            channel is, with its largest activity over places.

    Returns:
        List with a pair of float32 arrays of shape `(num_images, num_neurons)`
        for each layer: activity for the originals, for the transformed.
    """
    outputs = cut.predict_on_batch(np.concatenate([originals, transformed]))
    pairs = []
    for output in outputs:
        output = np.asarray(output, "float32")
        if spatial == "max" and output.ndim > 2:
            output = output.max(axis=tuple(range(1, output.ndim - 1)))
        output = output.reshape(len(output), -1)
        pairs.append((output[: len(originals)], output[len(originals) :]))
    return pairs
