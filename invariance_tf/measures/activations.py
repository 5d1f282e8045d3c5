"""Finds the layers of a model, and cuts sub-models that reach their neurons."""

import difflib

import keras
import numpy as np
from keras import ops

from invariance_tf.measures import calls, known, model_inputs
from invariance_tf.paradigm.model import is_xla_faster

# Layers that leave test images' activity as it is.
_TRAINING_ONLY = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
)

# Layers and operations of Keras' that are an activation function, as their
# class is named. Keras does not say where most of the operations are.
_ACTIVATIONS = {name.replace("_", "") for name in dir(keras.activations)}
_ACTIVATIONS |= {"exp", "prelu"}


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
    >>> twice = keras.Model(image, shared(shared(image)), name="inner")
    >>> layer_names(keras.Sequential([twice], name="outer"))
    ['inner/shared:1', 'inner/shared:2', 'inner']
    """
    return [call.name for call in _list_calls(model, image_shape)[0]]


def penultimate_layer(model, image_shape=None, inputs=None):
    """Returns the name of the layer whose neurons feed the last dense layer.

    Dropout or noise in between does not change test images and is skipped; so
    is an activation after the dense layer, such as softmax.

    Args:
        model: A `keras.Model` that ends in a dense layer.
        image_shape: As for `layer_names`.
        inputs: As for `submodel`.

    Raises:
        ValueError: If the model ends in another layer or has several outputs.
    """
    found, own = _list_calls(model, image_shape, inputs)
    feeding = _find_feeding(found, own)
    if feeding:
        return feeding.name
    last = own.sources[0] if len(own.sources) == 1 else None
    ending = f"{len(own.sources)} outputs"
    if last:
        ending = f"last layer={last.name} ({type(last.operation).__name__})"
    raise ValueError(
        "The penultimate layer is the one before a final dense layer, but this "
        "model does not end in one, or it is not known which layer feeds it: "
        "name the layer to measure. Legal: "
        f"{_shorten([call.name for call in found])}. Received: {ending}"
    )


def _find_feeding(found, own):
    """Returns the call that feeds the last dense layer, if there is one."""
    last = own.sources[0] if len(own.sources) == 1 else None
    head = last
    while head and (
        isinstance(head.operation, keras.layers.Activation)
        or _is_activation(head.operation)
    ):
        head = head.sources[0]
    if head and isinstance(head.operation, keras.layers.Dense):
        feeding = head.sources[0]
        while feeding and isinstance(feeding.operation, _TRAINING_ONLY):
            feeding = feeding.sources[0]
        return feeding if feeding in found else None
    return None


def rectified_layers(model, image_shape=None, activity=None):
    """Lists the layers that end in a ReLU, and the one before a dense end.

    Args:
        model: A `keras.Model`.
        image_shape: As for `layer_names`.
        activity: As for `responses.Responses`; unless it is `None`, layers
            that end in any activation function, or are one, count, such as
            GELU.

    Returns:
        List of layer names, in the model's order. ReLU6 and any other
        activation that is 0 for all negative numbers counts.
    """
    found, own = _list_calls(model, image_shape)
    feeding = _find_feeding(found, own)
    return [
        call.name
        for call in found
        if call is feeding or _is_rectifying(call, activity is not None)
    ]


def _is_of_keras(kind):
    """Tells whether a class is Keras' own."""
    return kind.__module__.partition(".")[0] == "keras"


def _is_activation(operation):
    """Tells whether a layer or operation is an activation function."""
    return any(
        _is_of_keras(kind) and kind.__name__.lower() in _ACTIVATIONS
        for kind in type(operation).__mro__
    )


def _is_rectifying(call, is_any):
    """Tells whether a call of Keras' ends in a rectifier, or in any."""
    operation, parent = call.operation, call.parent and call.parent.operation
    if is_any and _is_activation(operation):
        # The softmax inside attention is no layer of the model's.
        is_inner = parent is not None and _is_of_keras(type(parent))
        return not is_inner or isinstance(parent, keras.Model)
    name, is_own = type(operation).__name__, _is_of_keras(type(operation))
    if isinstance(operation, keras.layers.ReLU) or is_own and name == "ReLU":
        return operation.negative_slope == 0 and operation.threshold >= 0
    if name in ("Relu", "Relu6"):
        return True
    activation = getattr(operation, "activation", None)
    if not is_own or not callable(activation):
        return False
    values = np.linspace(-8, 8, 33, dtype="float32")
    found = ops.convert_to_numpy(activation(ops.convert_to_tensor(values)))
    if is_any:
        return not np.allclose(found, values)
    return bool((found[values <= 0] == 0).all() and found.max() > 0)


def dense_head(model):
    """Returns the dense layer that a model made by `model.build` ends in."""
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense):
        raise ValueError(
            "A network must end in a dense layer, which the penultimate layer "
            "feeds: let it return the output of a keras.layers.Dense. "
            f"Received: last layer={head.name} ({type(head).__name__})"
        )
    return head


def head_weights(model):
    """Returns kernel and bias of `dense_head` as arrays; no bias is 0."""
    head = dense_head(model)
    kernel = ops.convert_to_numpy(ops.copy(head.kernel))
    if head.bias is None:
        return kernel, np.zeros(kernel.shape[-1], kernel.dtype)
    return kernel, ops.convert_to_numpy(ops.copy(head.bias))


def transform_of(model):
    """Returns the transformation that a model made by `model.build` has.

    Raises:
        ValueError: If the model has none.
    """
    found = model_inputs.transforms_in(model)
    if not found:
        raise ValueError(
            "The model does not contain a transformation: name one, such as "
            "transform='highpass'. Received: transform=None"
        )
    return found[0]


def _is_graph(model):
    """Tells whether Keras knows the outer calls, and there is one input."""
    return calls.is_graph(model) and len(model_inputs.input_names(model)) == 1


def _is_flat(model):
    """Tells whether Keras knows all calls, and there is but one input."""
    return _is_graph(model) and calls.is_flat(model)


def _body(model):
    """Returns the part of a model that begins after its transformation."""
    found = model_inputs.transforms_in(model)
    if not found:
        return model
    made = known.made_of(model)
    if "body" not in made:
        made["body"] = keras.Model(found[0].output, model.outputs)
    return made["body"]


def _list_calls(model, image_shape, inputs=None):
    """Lists the model's calls without its transformation, see `calls`."""
    model_inputs.ensure_built(model, image_shape, inputs)
    key = "calls", *(image_shape or ())
    if key not in known.made_of(model):
        body, values = model, None
        is_flat = _is_flat(model)
        if not is_flat:
            body = _body(model)
            values = model_inputs.symbols_of(body, image_shape, inputs)
        with model_inputs.trying_out(model):
            found, own = calls.list_calls(body, values)
        if is_flat:
            transform = model_inputs.transforms_in(model)
            found = [x for x in found if x.operation not in transform]
        # Asked again: a model that was not built yet has changed.
        known.made_of(model)[key] = found, own
    return known.made_of(model)[key]


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
    names = model_inputs.input_names(model)
    if inputs or names and len(names) > 1:
        model_inputs.image_input(model, inputs or {})
    found, _ = _list_calls(model, image_shape, inputs)
    outputs = {call.name: call.output for call in found}
    for name in layers:
        if name not in outputs:
            raise ValueError(_unknown_layer(name, [*outputs]))
    made = known.made_of(model)
    key = "cut", *layers
    if key not in made:
        own = calls.graph_outputs(model) if _is_graph(model) else {}
        if {*layers} <= {*own}:
            start = model_inputs.transforms_in(model)
            cut = keras.Model(
                start[0].output if start else model.inputs[0],
                {name: own[name] for name in layers},
            )
        else:
            cut = calls.Probe(_body(model), layers)
        cut.jit_compile = is_xla_faster()
        made[key] = cut
    return made[key]


def output_shapes(model, layers, image_shape, inputs=None):
    """Returns the shapes of what `submodel` returns for images of a size."""
    if _is_flat(model):
        cut = submodel(model, layers)
        shapes = cut.compute_output_shape((None, *image_shape))
        return [shapes[name] for name in layers]
    found, _ = _list_calls(model, image_shape, inputs)
    shapes = {call.name: call.output.shape for call in found}
    return [shapes[name] for name in layers]


def check_channels(network, spatial, shapes):
    """Raises a `ValueError` if channels may not be the last axis.

    Args:
        network: A model made by `submodel`.
        spatial: String, see `measurement.measure_invariance`.
        shapes: Those that `output_shapes` returns.
    """
    if spatial == "all" or max(map(len, shapes)) < 3:
        return
    for layer in network._flatten_layers():
        has_axis = isinstance(
            layer,
            keras.layers.BatchNormalization | keras.layers.GroupNormalization,
        )
        ndim = getattr(layer.input_spec, "ndim", None) or 0
        if getattr(layer, "data_format", None) == "channels_first" or (
            has_axis and layer.axis == 1 and ndim > 2
        ):
            raise ValueError(
                "`spatial` can be max only if channels are the last axis, but "
                "the model has layers with channels first: choose "
                'spatial="all" (--spatial all). Received: '
                f"spatial={spatial!r}, layer={layer.name}"
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
