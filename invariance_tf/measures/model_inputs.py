"""What a model is called with: images, and perhaps other inputs."""

import contextlib
import os
import re
import zipfile

import keras
import numpy as np

from invariance_tf.measures import calls
from invariance_tf.transforms import Transform


def read_model(model, custom_objects=None):
    """Returns a model, loaded first if it is the path of one.

    Args:
        model: A `keras.Model`, or the path of a `.keras` file.
        custom_objects: Dictionary from the names of classes and functions that
            a file uses to those themselves: its author's code is trusted, also
            that of Lambda layers. `None` means that it is not.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If it is not a Keras model.
        ValueError: If the file is not of this kind or cannot be loaded.
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
    # Keras would say that it does not exist.
    if path.endswith(".keras") and not zipfile.is_zipfile(path):
        raise ValueError(
            "The file is damaged, or not what Keras saves as .keras, a ZIP "
            "archive: save the model again (a file in HDF5 must end in .h5). "
            f"Received: model={path}"
        )
    try:
        return keras.models.load_model(
            path, custom_objects, False, safe_mode=custom_objects is None
        )
    except Exception as error:
        # A damaged file can make Keras raise nearly anything.
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise ValueError(
            f"The model cannot be loaded: {reason}. If it uses code of its "
            "own, import that first, or say --trust on the command line. "
            f"Received: model={path}"
        ) from error


def transforms_in(model):
    """Lists the transformation that `model.build` gave a model, if it did.

    It takes both inputs, the images and their flags. Any other one is a layer
    of the network.
    """
    if not calls.is_graph(model) or len(model.inputs) != 2:
        return []
    inputs = {id(tensor) for tensor in model.inputs}
    return [
        node.operation
        for node in calls.graph_nodes(model)
        if isinstance(node.operation, Transform)
        and {id(tensor) for tensor in node.input_tensors} == inputs
    ]


def input_names(model):
    """Lists the names of a model's inputs, or returns `None` if unknown.

    The first tensor after a transformation counts as the only input.
    """
    if calls.is_graph(model):
        if transforms_in(model):
            return ["image"]
        return [tensor.name for tensor in model.inputs]
    shapes = _build_shapes(model)
    return [*shapes] if isinstance(shapes, dict) else None


def _build_shapes(model):
    """Returns the shapes that a subclassed model was built with, or `None`."""
    config = model.get_build_config() or {}
    return config.get("input_shape")


def ensure_built(model, image_shape, inputs):
    """Gives a model that was never called its weights."""
    shape = image_shape and (None, *image_shape)
    is_sequential = isinstance(model, keras.Sequential)
    if shape is None and is_sequential and model.layers:
        # Its first layer may be a whole model, which knows its input.
        inputs_of_first = getattr(model.layers[0], "inputs", None) or [None]
        shape = getattr(inputs_of_first[0], "shape", None)
    if model.built or shape is None:
        return
    if is_sequential:
        model.build(shape)
    if not model.built:
        zeros = keras.tree.map_structure(
            lambda tensor: np.zeros((1, *tensor.shape[1:]), tensor.dtype),
            symbols_of(model, image_shape, inputs),
        )
        with trying_out(model):
            model(zeros)


@contextlib.contextmanager
def trying_out(model):
    """Returns a context that makes one line of what goes wrong in it."""
    try:
        yield
    except Exception as error:
        # Keras writes the reason in bold, among lines of other kinds.
        reason = re.split(r"\x1b\[1m|Error encountered:\n+", str(error))[-1]
        reason = re.split(r"\x1b|\n|\. ", reason)[0]
        raise ValueError(
            "The model cannot be called with such images: it must take one "
            "tensor, or a dictionary of tensors, of which `inputs` has all but "
            f"the images. Received: model={model.name}, which ended in "
            f"{type(error).__name__}: {reason}"
        ) from error


def symbols_of(model, image_shape, inputs):
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


def integer_type(model):
    """Returns the dtype of a model's images, or `None` if none of integers."""
    tensors = model.inputs if calls.is_graph(model) else []
    found = [tensor.dtype for tensor in tensors if len(tensor.shape) == 4]
    return next((dtype for dtype in found if "int" in dtype), None)


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
