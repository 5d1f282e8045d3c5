"""Measures a model under several transformations: tables and figures."""

import os

import numpy as np
import pandas as pd
from scipy import stats

from invariance_tf import drawing, files, transforms
from invariance_tf.drawing import measurement as pictures
from invariance_tf.drawing import style
from invariance_tf.measures import measurement
from invariance_tf.paradigm import model as models

# The means over the neurons of a layer, each with its control.
_OF_NEURONS = {
    "invariance_coefficient": "control_shuffled",
    "corrected_invariance": None,
    "specialisation": None,
}
NEURONS, LAYERS = "neurons.parquet", "layers.csv"
FIGURES = ("neurons.png", "layers.png")


@models.keras_defaults()
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
    # The strongest, or only one, has 1.
    below = strengths.transform("nunique") - strengths.rank("dense")
    others = (strengths.transform("nunique") - 1).clip(lower=1)
    shown["rank"] = (1 - 0.65 * below / others).fillna(1)
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
