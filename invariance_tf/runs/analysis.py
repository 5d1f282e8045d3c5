"""Measures and writes the neurons of a trained run."""

import functools

import pandas as pd
from keras import ops

from invariance_tf import files
from invariance_tf.measures import (
    ablation,
    activations,
    measurement,
    specialists,
)
from invariance_tf.measures.responses import Responses
from invariance_tf.runs import strengths
from invariance_tf.settings import checks

# Means over the neurons of the penultimate layer in a run's summary.
SUMMARISED = {
    "invariance": "invariance_coefficient",
    "invariance_floor": "control_shuffled",
    "corrected_invariance": "corrected_invariance",
}


def analyse(prepared, log=None):
    """Measures the neurons of a trained experiment and writes tables.

    Writes `ablation.csv`, `neurons.parquet`, `layers.csv` and
    `active_counts.csv` to the run directory. If the experiment tests on all
    transformations, the invariance to each of them is measured; if it tests
    other strengths, `strengths.csv` and its figure are written.

    Args:
        prepared: A `preparation.Prepared` with the trained model.
        log: A `tensorboard.EventLog`, or `None`.

    Returns:
        Dictionary for the run's summary: tau, penultimate_layer, and means
        over the neurons of that layer: `SUMMARISED`, each over images of
        seen, unseen and all categories, such as invariance_seen.
    """
    experiment, model = prepared.experiment, prepared.model
    path = prepared.path
    images, labels = prepared.part("test")
    read = functools.partial(
        Responses,
        model,
        images,
        labels=labels,
        activity=experiment.activity,
        seed=experiment.seed,
    )
    responses = read()
    tau, rows = _ablate(prepared, responses)
    table = [{"layer": responses.layers[0], **row} for row in rows]
    if experiment.ablate_layer:
        inner = ablation.ablate_layer(
            model,
            read(experiment.ablate_layer),
            images,
            activations.transform_of(model),
            prepared.is_seen,
            experiment.seed,
        )
        table += [{"layer": experiment.ablate_layer, **row} for row in inner]
    files.write_csv(path("ablation.csv"), table)
    if experiment.analysis == "layers":
        layers = activations.rectified_layers(
            model, activity=experiment.activity
        )
        responses = read(layers)
    measured = _measure(prepared, responses, read, tau)
    files.write_parquet(path("neurons.parquet"), _join(measured, "neurons"))
    files.write_csv(path("layers.csv"), _join(measured, "layers"))
    own = measured[experiment.transform]
    files.write_csv(path("active_counts.csv"), own.active_counts)
    if experiment.test_strengths:
        strengths.measure_strengths(prepared, tau, log)
    return {
        "tau": tau,
        "penultimate_layer": activations.penultimate_layer(model),
        **_summarise(prepared, own, log),
    }


def _measure(prepared, responses, read, tau):
    """Returns the measurement of each transformation to test, by name."""
    measure = functools.partial(
        measurement.measure,
        tau=tau,
        is_seen=prepared.is_seen,
        measures=checks.read_layer_measures(prepared.experiment.layer_measures),
    )
    trained = prepared.experiment.transform
    measured = {trained: measure(responses)}
    for name, transform in prepared.test_transforms().items():
        if name != trained:
            measured[name] = measure(read(transform=transform))
    return measured


def _join(measured, table):
    """Joins a table of the measurements of several transformations."""
    tables = {
        name: getattr(measurement, table)
        for name, measurement in measured.items()
    }
    if table == "layers":
        tables = {
            name: _add_population(tables[name], measurement)
            for name, measurement in measured.items()
        }
    joined = pd.concat(tables, names=["test_transform"])
    return joined.reset_index(level=0).reset_index(drop=True)


def _add_population(layers, measurement):
    """Adds measures of whole layers, in the rows of the threshold."""
    keys = ["layer", "category_group"]
    table = measurement.population.set_index([*keys, "measure"])
    for measure in measurement.population.measure.unique():
        found = table.xs(measure, level="measure").rename(
            columns=lambda name, measure=measure: (
                measure if name == "value" else f"{measure}_{name}"
            )
        )
        found = found.reset_index().assign(tau=measurement.tau)
        layers = layers.merge(found, "left", [*keys, "tau"])
    return layers


def _ablate(prepared, responses):
    """Ablates the penultimate layer; returns tau and rows of the table."""
    experiment = prepared.experiment
    head = activations.dense_head(prepared.model)
    arguments = (
        *responses.arrays(),
        ops.convert_to_numpy(ops.copy(head.kernel)),
        ops.convert_to_numpy(ops.copy(head.bias)),
        responses.labels,
        prepared.is_seen,
    )
    rows = ablation.ablate(*arguments, seed=experiment.seed)
    tau = experiment.tau
    if tau == "auto":
        tau = ablation.choose_tau(rows)
    rows += specialists.ablate_specialists(
        *arguments, tau=tau, seed=experiment.seed
    )
    return tau, rows


def _summarise(prepared, measured, log):
    """Returns means of the penultimate layer; logs histograms."""
    penultimate = activations.penultimate_layer(prepared.model)
    of_layer = measured.neurons[measured.neurons.layer == penultimate]
    means = {}
    for group in ("seen", "unseen", "all"):
        neurons = of_layer[of_layer.category_group == group]
        for column in (
            "invariance_coefficient",
            "corrected_invariance",
            "specialisation",
        ):
            values = neurons[column].dropna().to_numpy()
            if log is not None and len(values):
                log.histogram(
                    f"{column}/{group}", values, prepared.experiment.epochs
                )
        for name, column in SUMMARISED.items():
            means[f"{name}_{group}"] = float(neurons[column].mean())
    if log is not None:
        log.scalars(
            {f"neurons/{name}": mean for name, mean in means.items()},
            step=prepared.experiment.epochs,
        )
    return means
