"""Finds the layers of a model, and cuts sub-models that reach their neurons."""

import difflib
import os
import weakref

import keras
import numpy as np
from keras import ops

from invariance_tf.measures import calls
from invariance_tf.paradigm.model import is_xla_faster
from invariance_tf.transforms import Transform

# Models made by `submodel`, each of which is traced at its first use, and what
# `list_calls` found.
_SUBMODELS = weakref.WeakKeyDictionary()
_CALLS = weakref.WeakKeyDictionary()


def read_model(model):
    """Returns a model, loaded first if it is the path of one.

    Args:
        model: A `keras.Model`, or the path of a `.keras` file.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If it is not a Keras model.
        ValueError: If the file is not of this kind.
    """
    if isinstance(model, keras.Model):
        return model
    if not isinstance(model, str | os.PathLike):
        raise TypeError(
            "A model must be a `keras.Model` (of Keras 3), or the path of a "
            f".keras file. Received: model={type(model).__module__}."
            f"{type(model).__name__}"
        )
    path = os.fspath(model)
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no model {path}.")
    if os.path.isdir(path):
        raise ValueError(
            "A directory is a SavedModel, which has no layers that Keras could "
            "measure: load it with the program that made it and save it with "
            f'model.save("model.keras"). Received: model={path}'
        )
    if not path.endswith((".keras", ".h5", ".hdf5")):
        raise ValueError(
            f"The file of a model must end in .keras. Received: model={path}"
        )
    return keras.models.load_model(path, compile=False)


def layer_names(model, image_shape=None):
    """Lists the layers whose activity can be measured, in their order.

    Args:
        model: A `keras.Model`.
        image_shape: Tuple `(height, width, channels)`; needed only for
            subclassed models and nested ones of any image size.

    Returns:
        List of strings: the layers and operations with a single
        floating-point output for each image. Those inside nested models,
        subclassed ones and layers come with their path, `backbone/conv1`.
        Those called several times come with a number, `shared:2`.

    Example:

    >>> image = keras.Input((8,))
    >>> hidden = keras.layers.Dense(4, activation="relu", name="fc6")(image)
    >>> layer_names(keras.Model(image, hidden))
    ['fc6']
    >>> shared = keras.layers.Dense(8, name="shared")
    >>> twice = keras.Model(image, shared(shared(image)))
    >>> layer_names(keras.Sequential([twice], name="outer"))
    ['functional_1/shared:1', 'functional_1/shared:2', 'functional_1']
    """
    return [call.name for call in _list_calls(model, image_shape)[0]]


def penultimate_layer(model, image_shape=None, inputs=None):
    """Returns the name of the layer whose neurons feed the last dense layer.

    Dropout in between does not change test images and is skipped; so is an
    activation after the dense layer, such as softmax.

    Args:
        model: A `keras.Model` that ends in a dense layer.
        image_shape: As for `layer_names`.
        inputs: As for `submodel`.

    Raises:
        ValueError: If the model ends in another layer or has several outputs.
    """
    found, own = _list_calls(model, image_shape, inputs)
    last = own.sources[0] if len(own.sources) == 1 else None
    head = _skip(last, keras.layers.Activation | keras.layers.Softmax)
    if head and isinstance(head.operation, keras.layers.Dense):
        feeding = _skip(head.sources[0], keras.layers.Dropout)
        if feeding in found:
            return feeding.name
    ending = (
        f"{last.name} ({type(last.operation).__name__})" if last else "none"
    )
    raise ValueError(
        "The penultimate layer is the one before a final dense layer, but this "
        "model does not end in one: name the layer to measure. Legal: "
        f"{_shorten([call.name for call in found])}. Received: last "
        f"layer={ending}"
    )


def _skip(call, kinds):
    """Returns the first call, going back, that is not of certain layers."""
    while call and isinstance(call.operation, kinds):
        call = call.sources[0]
    return call


def rectified_layers(model, image_shape=None):
    """Lists the layers that end in a ReLU, and the penultimate one.

    Args:
        model: A `keras.Model` that ends in a dense layer.
        image_shape: As for `layer_names`.

    Returns:
        List of layer names, in the model's order. ReLU6 and any other
        activation that is 0 for all negative numbers counts.
    """
    penultimate = penultimate_layer(model, image_shape)
    return [
        call.name
        for call in _list_calls(model, image_shape)[0]
        if call.name == penultimate or _is_rectifying(call.operation)
    ]


def _is_rectifying(operation):
    """Tells whether an operation of Keras ends in a rectifier."""
    if isinstance(operation, keras.layers.ReLU):
        return operation.negative_slope == 0 and operation.threshold >= 0
    if type(operation).__name__ in ("Relu", "Relu6"):
        return True
    activation = getattr(operation, "activation", None)
    is_own = type(operation).__module__.partition(".")[0] == "keras"
    if not is_own or not callable(activation):
        return False
    values = np.linspace(-8, 8, 33, dtype="float32")
    found = ops.convert_to_numpy(activation(ops.convert_to_tensor(values)))
    return bool((found[values <= 0] == 0).all() and found.max() > 0)


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
    if not calls.is_graph(model):
        return []
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
            "transforms.get('highpass'). Received: transform=None"
        )
    return found[0]


def input_names(model):
    """Lists the names of a model's inputs, or returns `None` if unknown.

    The first tensor after a transformation counts as the only input.
    """
    if calls.is_graph(model):
        if _transforms(model):
            return ["image"]
        return [tensor.name for tensor in model.inputs]
    shapes = _build_shapes(model)
    return [*shapes] if isinstance(shapes, dict) else None


def _build_shapes(model):
    """Returns the shapes that a subclassed model was built with, or `None`."""
    config = model.get_build_config() or {}
    return config.get("input_shape")


def _is_flat(model):
    """Tells whether Keras knows all calls, and there is but one input."""
    is_single = calls.is_graph(model) and len(input_names(model)) == 1
    return is_single and calls.is_flat(model)


def _body(model):
    """Returns the part of a model that begins after its transformation."""
    found = _transforms(model)
    if not found:
        return model
    bodies = _SUBMODELS.setdefault(model, {})
    key = "body", _identity(model)
    if key not in bodies:
        bodies[key] = keras.Model(found[0].output, model.outputs)
    return bodies[key]


def _identity(model):
    """Returns what changes if a model's layers are exchanged."""
    return tuple(id(layer) for layer in model._flatten_layers())


def _ensure_built(model, image_shape, inputs):
    """Gives a model that was never called its weights."""
    if model.built or image_shape is None:
        return
    if isinstance(model, keras.Sequential):
        model.build((None, *image_shape))
    if not model.built:
        model(
            keras.tree.map_structure(
                lambda tensor: np.zeros((1, *tensor.shape[1:]), tensor.dtype),
                _symbols(model, image_shape, inputs),
            )
        )


def _list_calls(model, image_shape, inputs=None):
    """Lists the model's calls without its transformation, see `calls`."""
    _ensure_built(model, image_shape, inputs)
    if _is_flat(model):
        found, own = calls.list_calls(model)
        return [
            call for call in found if not isinstance(call.operation, Transform)
        ], own
    body = _body(model)
    known = _CALLS.setdefault(model, {})
    key = image_shape, _identity(model)
    if key not in known:
        known.clear()
        values = _symbols(body, image_shape, inputs)
        known[key] = calls.list_calls(body, values)
        # A model that was not built yet has new layers now.
        known[image_shape, _identity(model)] = known[key]
    return known[key]


def _symbols(model, image_shape, inputs):
    """Returns what a model is called with, as Keras' symbols.

    Args:
        model: A `keras.Model`.
        image_shape: Tuple `(height, width, channels)`, or `None`.
        inputs: Dictionary of the other inputs' arrays, or `None`.
    """
    if calls.is_graph(model):
        symbols = {
            tensor.name: keras.KerasTensor(
                _fill_in(tensor.shape, image_shape), tensor.dtype
            )
            for tensor in model.inputs
        }
        return symbols if len(symbols) > 1 else symbols.popitem()[1]
    if inputs:
        image = image_input(model, inputs)
        return {
            name: keras.KerasTensor(
                (
                    None,
                    *(image_shape if name == image else inputs[name].shape[1:]),
                ),
                "float32" if name == image else inputs[name].dtype.name,
            )
            for name in {**inputs, image: None}
        }
    shapes = (None, *image_shape) if image_shape else _build_shapes(model)
    if shapes is None:
        raise ValueError(
            "The layers of a model that has not been called are not known: "
            "call it once, or say `image_shape`. Received: "
            f"model={model.name}, image_shape=None"
        )
    if isinstance(shapes, dict):
        return {
            name: keras.KerasTensor(_fill_in(shape, image_shape))
            for name, shape in shapes.items()
        }
    return keras.KerasTensor(_fill_in(shapes, image_shape))


def _fill_in(shape, image_shape):
    """Fills in the size of an image where a shape leaves it open."""
    if image_shape is None or len(shape) != 4:
        return shape
    known = zip(shape[1:], image_shape, strict=True)
    return (shape[0], *(size or other for size, other in known))


def image_input(model, inputs):
    """Returns the name of the input that is left for the images.

    Args:
        model: A `keras.Model`.
        inputs: Dictionary from the names of the other inputs to their values;
            in a subclassed model the images' may be there with `None`.

    Raises:
        ValueError: If not just one is left.
    """
    names = input_names(model)
    if names is None:
        left = [name for name, value in inputs.items() if value is None]
    else:
        left = [name for name in names if inputs.get(name) is None]
    unknown = {*inputs} - {*(names or inputs)}
    if len(left) != 1 or unknown:
        expected = "unknown" if names is None else ", ".join(names)
        raise ValueError(
            "The model has several inputs: give all but the images as "
            "inputs={name: array}, with a row for each image, and in a "
            "subclassed model also the name of the images, as name: None. The "
            f"model's inputs: {expected}. Received: inputs={[*inputs]}"
        )
    return left[0]


def submodel(model, layers, image_shape=None, inputs=None):
    """Returns the part of a model from its transformation to some layers.

    Args:
        model: A `keras.Model`.
        layers: List of layer names, see `layer_names`.
        image_shape: As for `layer_names`.
        inputs: Dictionary from the names of the other inputs, if any, to
            arrays with a row for each image.

    Returns:
        A `keras.Model` from images to a dictionary of each layer's output, or
        from a dictionary of images and the other inputs. It shares its layers
        with `model` and does not transform the images.

    Raises:
        ValueError: If a layer does not exist or inputs are missing.
    """
    names = input_names(model)
    if inputs or names and len(names) > 1:
        image_input(model, inputs or {})
    found, _ = _list_calls(model, image_shape, inputs)
    outputs = {call.name: call.output for call in found}
    for name in layers:
        if name not in outputs:
            raise ValueError(_unknown_layer(name, [*outputs]))
    known = _SUBMODELS.setdefault(model, {})
    key = tuple(layers), _identity(model)
    if key not in known:
        if _is_flat(model):
            start = _transforms(model)
            cut = keras.Model(
                start[0].output if start else model.inputs[0],
                {name: outputs[name] for name in layers},
            )
        else:
            cut = calls.Probe(_body(model), layers)
        cut.jit_compile = is_xla_faster()
        known[key] = cut
    return known[key]


def output_shapes(model, layers, image_shape, inputs=None):
    """Returns the shapes of what `submodel` returns for images of a size."""
    if _is_flat(model):
        cut = submodel(model, layers)
        shapes = cut.compute_output_shape((None, *image_shape))
        return [shapes[name] for name in layers]
    found, _ = _list_calls(model, image_shape, inputs)
    shapes = {call.name: call.output.shape for call in found}
    return [shapes[name] for name in layers]


def check_size(model, size):
    """Raises a `ValueError` if a model cannot take images of this size.

    Args:
        model: A `keras.Model`.
        size: Tuple `(height, width, channels)`.
    """
    if not calls.is_graph(model):
        return
    tensors = [tensor for tensor in model.inputs if len(tensor.shape) == 4]
    if len(tensors) != 1:
        return
    batch, *expected = tensors[0].shape
    if batch is not None:
        raise ValueError(
            "The model takes batches of one size only: make it again without "
            f"`batch_size`. Received: batch size={batch}"
        )
    pairs = zip(expected, size, strict=False)
    if len(size) != 3 or any(one not in (None, two) for one, two in pairs):
        raise ValueError(
            "The model takes images of shape "
            f"{tuple(expected)}: resize them, or use `preprocess`. Received: "
            f"shape={size}"
        )


def _unknown_layer(name, legal):
    """Returns the message for a layer that does not exist."""
    calls_of_it = sorted(each for each in legal if each.startswith(f"{name}:"))
    if calls_of_it:
        return (
            "The layer is called several times: name the call. Legal: "
            f"{', '.join(calls_of_it)}. Received: layer={name!r}"
        )
    inside = [each for each in legal if each.endswith(f"/{name}")]
    close = inside or difflib.get_close_matches(name, legal, n=5)
    return (
        "The model has no layer of this name that can be measured. Legal: "
        f"{_shorten(legal, close)}. Received: layer={name!r}"
    )


def _shorten(names, first=()):
    """Lists names, of many only the likely ones."""
    if len(names) <= 20:
        return ", ".join(names)
    shown = ", ".join((first or names[-8:])[:8])
    return f"{shown} and others (all: activations.layer_names(model))"
