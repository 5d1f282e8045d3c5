"""Measures a model of the user's under several transformations, in tables."""

import difflib
import json
import os
import zipfile

import keras
import numpy as np
import pandas as pd
from keras import ops
from scipy import stats

from invariance_tf import drawing, files, transforms
from invariance_tf.drawing import measurement as pictures
from invariance_tf.drawing import style
from invariance_tf.measures import (
    activations,
    calls,
    measurement,
    model_inputs,
)
from invariance_tf.settings import names as settings_names

# The means over the neurons of a layer, each with its control.
_OF_NEURONS = {
    "invariance_coefficient": "control_shuffled",
    "corrected_invariance": None,
    "specialisation": None,
}
# Packages whose classes Keras finds, or that cannot be imported.
_KNOWN = ("builtins", "keras", "invariance_tf", "__main__")
NEURONS, LAYERS = "neurons.parquet", "layers.csv"
FIGURES = ("neurons.png", "layers.png")


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
        if low < high:
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


def to_grey(images):
    """Returns images with one channel, of uint8 images in colour."""
    grey = transforms.get("grayscale")(images.astype("float32"))
    return np.rint(ops.convert_to_numpy(grey)[..., :1]).astype("uint8")


def measure_conditions(model, images, labels, conditions, report, **options):
    """Measures a model under each of several transformations.

    Args:
        model: A `keras.Model`.
        images: uint8 array of shape `(num_images, height, width, channels)`.
        labels: Integer array of shape `(num_images,)`, or `None`.
        conditions: List of `conditions.Condition`.
        report: Function of a condition, of the number of images that were read
            last, and of the `Measurement` when it is there (else `None`).
        **options: Other arguments of `measurement.measure_invariance`.

    Returns:
        Two DataFrames: neurons, as `Measurement.neurons`, and layers, with a
        row for each condition, layer and measure: num_neurons,
        num_never_active, measure, value, control, low and high. The interval
        of a mean over neurons is over neurons, that of a measure of the whole
        layer over images. Both begin with condition, transform and strength.

    Raises:
        ValueError: If a strength or an option is out of range.
    """
    layers = [
        transforms.get(each.transform, **each.arguments) for each in conditions
    ]
    neurons, of_layers = [], []
    for condition, transform in zip(conditions, layers, strict=True):
        found = measurement.measure_invariance(
            model,
            images,
            transform,
            labels=labels,
            verbose=lambda count, at=condition: report(at, count, None),
            **options,
        )
        report(condition, 0, found)
        columns = {
            "condition": _describe_condition(condition),
            "transform": condition.transform,
            "strength": condition.strength,
        }
        for tables, table in (
            (neurons, found.neurons),
            (of_layers, _describe_layers(found)),
        ):
            tables.append(pd.DataFrame({**columns, **dict(table.items())}))
    return tuple(
        pd.concat(tables, ignore_index=True) for tables in (neurons, of_layers)
    )


def _describe_condition(condition):
    """Returns a transformation and its strength in words."""
    words = style.look_of(condition.transform).label
    if condition.argument is None:
        return words
    return f"{words}, {condition.argument} {condition.strength:g}"


def _describe_layers(found):
    """Returns the measures of each layer, a row for each."""
    rows = []
    for layer, neurons in found.neurons.groupby("layer", sort=False):
        columns = {
            "layer": layer,
            "num_neurons": len(neurons),
            "num_never_active": int((neurons.num_active_images == 0).sum()),
        }
        for measure, control in _OF_NEURONS.items():
            values = neurons[measure].dropna().to_numpy("float64")
            mean = values.mean() if len(values) else np.nan
            margin = np.nan
            if len(values) > 1:
                quantile = stats.t.ppf(0.975, len(values) - 1)
                margin = quantile * stats.sem(values)
            row = {
                "measure": measure,
                "value": mean,
                "control": neurons[control].mean() if control else np.nan,
                "low": mean - margin,
                "high": mean + margin,
            }
            rows.append({**columns, **row})
        population = found.population[found.population.layer == layer]
        of_layer = population[["measure", "value", "control", "low", "high"]]
        rows += [{**columns, **row} for row in of_layer.to_dict("records")]
    return pd.DataFrame(rows)


def draw_figures(neurons, layers):
    """Draws the measures of all conditions.

    Args:
        neurons: DataFrame of `measure_conditions`.
        layers: DataFrame of `measure_conditions`.

    Returns:
        Dictionary from names of files to matplotlib figures.
    """
    shown = layers[layers.measure != "specialisation"].copy()
    strengths = shown.groupby("transform").strength
    # Without a strength there is only one.
    order = strengths.rank("dense").fillna(1)
    shown["rank"] = 0.3 + 0.7 * order / strengths.transform("nunique").clip(1)
    shown["rank"] = shown["rank"].clip(upper=1)
    drawn = pictures.draw_neurons(neurons), pictures.draw_layers(shown)
    return dict(zip(FIGURES, drawn, strict=True))


def write_tables(directory, neurons, layers, figures):
    """Writes the tables and the figures of a measurement to a directory.

    Args:
        directory: Path of an existing directory.
        neurons: DataFrame of `measure_conditions`.
        layers: DataFrame of `measure_conditions`.
        figures: Dictionary of `draw_figures`.
    """
    table = neurons.drop(columns=["condition", "category_group"])
    files.write_parquet(os.path.join(directory, NEURONS), table)
    table = layers.drop(columns="condition")
    files.write_csv(os.path.join(directory, LAYERS), table)
    for name, figure in figures.items():
        drawing.save(figure, os.path.join(directory, name), dpi=200)
