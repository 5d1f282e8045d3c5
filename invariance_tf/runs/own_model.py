"""Reads a model of the user's, and finds out which images it takes."""

import difflib
import json
import zipfile

import keras
import numpy as np
from keras import ops

from invariance_tf import files, transforms
from invariance_tf.measures import activations, calls, model_inputs
from invariance_tf.paradigm import model as models
from invariance_tf.settings import names as settings_names

# Packages whose classes Keras finds, or that cannot be imported.
_KNOWN = ("builtins", "keras", "invariance_tf", "__main__")


@models.keras_defaults()
def read_network(name, weights=None, image_size=None, trust=False):
    """Reads a model from a file, or makes one of `keras.applications`.

    Args:
        name: String, the path of a `.keras` file or the name of a network.
        weights: String, the path of the weights of a network, or `"imagenet"`,
            which Keras downloads; `None` for a file.
        image_size: Integer, height and width of the images of a network;
            `None` means its own.
        trust: Whether the modules that a file names may be imported.

    Returns:
        A `keras.Model`, and the function of `keras.applications` that
        preprocesses its images, `None` for a file.

    Raises:
        ValueError: If the name is unknown or the weights do not fit.
    """
    if weights is None:
        own = _import_objects(name) if trust else None
        return model_inputs.read_model(name, own), None
    known = [each for each in dir(keras.applications) if each[0].isupper()]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ValueError(
            f"Unknown model.{hint} It must be a .keras file or one of "
            f"keras.applications: {', '.join(known)}. Received: model={name}"
        )
    make = getattr(keras.applications, name)
    options = {"weights": weights}
    if image_size is not None:
        options["input_shape"] = (image_size, image_size, 3)
    try:
        model = make(**options)
    except Exception as error:
        # Of a download, of a file or of Keras' own checks.
        raise ValueError(
            f"{name} cannot be made with these weights: {error}. Received: "
            f"weights={weights}, image_size={image_size}"
        ) from error
    return model, read_preprocessing(make.__module__.rpartition(".")[2])


def _import_objects(path):
    """Imports the classes and functions that a model's file names."""
    if not zipfile.is_zipfile(path):
        return {}
    with files.reading(path, "Save the model again."):
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    found = {}
    for node in _list_nodes(config):
        place = node.get("module")
        if not isinstance(place, str) or place.partition(".")[0] in _KNOWN:
            continue
        module = settings_names.import_module(place)
        # Functions have their name instead of a configuration.
        for name in (node.get("class_name"), node.get("config")):
            if isinstance(name, str) and hasattr(module, name):
                found[name] = getattr(module, name)
    return found


def _list_nodes(content):
    """Yields all dictionaries inside of JSON."""
    if isinstance(content, dict):
        yield content
    if isinstance(content, dict | list):
        inner = content.values() if isinstance(content, dict) else content
        for each in inner:
            yield from _list_nodes(each)


def read_preprocessing(name):
    """Returns what a model does with images from 0 to 255 beforehand.

    Args:
        name: String. A module of `keras.applications`, such as resnet50, whose
            `preprocess_input` it is; or a range, such as `0..1`.

    Returns:
        Function from images to images, or `None` where nothing is done.

    Raises:
        ValueError: If it is neither.

    Example:

    >>> read_preprocessing("-1..1")(np.array([0.0, 255.0])).tolist()
    [-1.0, 1.0]
    """
    low, is_range, high = name.partition("..")
    if is_range:
        try:
            low, high = float(low), float(high)
        except ValueError:
            low = high = np.nan
        # Both ends and all between them are finite, of float32 too.
        if 0 < high - low <= float(np.finfo("float32").max):
            return lambda images: low + images * ((high - low) / 255)
    module = getattr(keras.applications, name, None)
    if not hasattr(module, "preprocess_input"):
        legal = [
            each
            for each in dir(keras.applications)
            if hasattr(getattr(keras.applications, each), "preprocess_input")
        ]
        raise ValueError(
            "`preprocess` must be a range such as 0..1 or -1..1, or one of "
            f"keras.applications: {', '.join(legal)}. Received: "
            f"preprocess={name}"
        )
    return module.preprocess_input


def find_size(model, image_size=None):
    """Returns the size of the square images that a model takes.

    Args:
        model: A `keras.Model`.
        image_size: Integer, where the model leaves it open, or `None`.

    Returns:
        Two integers: height and width, and the number of channels.

    Raises:
        ValueError: If it is unknown, or differs from the model's.
    """
    inputs = model.inputs if calls.is_graph(model) else []
    shapes = [tensor.shape for tensor in inputs if len(tensor.shape) == 4]
    _, *size, channels = shapes[0] if len(shapes) == 1 else [None] * 4
    received = f"Received: image_size={image_size}"
    if size[0] != size[1]:
        raise ValueError(
            f"The model takes images of {size[0]} x {size[1]} pixels, but a "
            "directory is read as squares: use measure_invariance in Python. "
            f"{received}"
        )
    if size[0] is None and image_size is None:
        raise ValueError(
            f"The model takes images of any size: give `image_size`. {received}"
        )
    if image_size is not None and size[0] not in (None, image_size):
        raise ValueError(
            f"The model takes images of {size[0]} pixels a side. {received}"
        )
    return size[0] or image_size, channels or 3


@models.keras_defaults()
def choose_layers(model, layers, size, is_any):
    """Returns the names of the layers to measure.

    Args:
        model: A `keras.Model`.
        layers: List of names; empty means the penultimate one, and all means
            those that can be measured.
        size: Tuple of height, width and channels.
        is_any: Whether layers that do not end in a rectifier can be measured.
    """
    if layers == ["all"]:
        if is_any:
            return activations.layer_names(model, size)
        layers = activations.rectified_layers(model, size)
        if not layers:
            raise ValueError(
                "No layer of the model ends in a ReLU: choose what is done "
                "with negative activity, --activity rectified or signed. "
                "Received: layers=all"
            )
        return layers
    return layers or [activations.penultimate_layer(model, size)]


@models.keras_defaults()
def to_grey(images):
    """Returns images with one channel, of uint8 images in colour."""
    grey = transforms.get("grayscale")(images.astype("float32"))
    return np.rint(ops.convert_to_numpy(grey)[..., :1]).astype("uint8")
