"""Measures and writes the neurons of a trained run."""

import functools

import numpy as np
import pandas as pd

from invariance_tf import datasets, drawing, files
from invariance_tf.measures import (
    ablation,
    activations,
    clusters,
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
    responses = {
        name: read(transform=transform)
        for name, transform in prepared.trained_transforms().items()
    }
    tau, table = _ablate(prepared, responses, images)
    files.write_csv(path("ablation.csv"), table)
    if experiment.analysis == "layers":
        layers = activations.rectified_layers(
            model, activity=experiment.activity
        )
        for name, transform in prepared.trained_transforms().items():
            responses[name] = read(layers, transform=transform)
    for name, transform in prepared.test_transforms().items():
        if name not in responses:
            responses[name] = read(transform=transform)
    measured = _measure(prepared, responses, tau)
    files.write_parquet(path("neurons.parquet"), _join(measured, "neurons"))
    files.write_csv(path("layers.csv"), _join(measured, "layers"))
    own = {name: measured[name] for name in prepared.seen_with}
    files.write_csv(path("active_counts.csv"), _join(own, "active_counts"))
    if len(measured) > 1:
        _cluster(prepared, _join(measured, "neurons"), log)
    if experiment.test_strengths:
        strengths.measure_strengths(prepared, tau, log)
    return {
        "tau": tau,
        "penultimate_layer": activations.penultimate_layer(model),
        **_summarise(prepared, _join(own, "neurons"), log),
    }


def _measure(prepared, responses, tau):
    """Returns the measurement of each transformation to test, by name.

    Of `responses` each is dropped when it has been measured, as it may hold
    much of the memory.
    """
    measures = checks.read_layer_measures(prepared.experiment.layer_measures)
    measured = {}
    for name in [*responses]:
        is_seen, is_other = prepared.groups(name)
        measured[name] = measurement.measure(
            responses.pop(name),
            tau=tau,
            is_seen=is_seen,
            is_other=is_other,
            measures=measures,
        )
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


def _ablate(prepared, responses, images):
    """Ablates neurons, for each of the transformations that are trained.

    Images of categories that are seen with another one only are left out.

    Args:
        prepared: A `Prepared`.
        responses: Dictionary from transformations to the `Responses` of the
            penultimate layer.
        images: The test images.

    Returns:
        Tuple of tau and of the rows of the table.
    """
    experiment = prepared.experiment
    seed, tau = experiment.seed, experiment.tau
    weights = activations.head_weights(prepared.model)
    arguments, rows = {}, {}
    for name, of_test in responses.items():
        is_seen, is_other = prepared.groups(name)
        kept = np.flatnonzero(~is_other[of_test.labels])
        arguments[name] = (
            *(activity[kept] for activity in of_test.arrays()),
            *weights,
            of_test.labels[kept],
            is_seen,
        )
        rows[name] = ablation.ablate(*arguments[name], seed=seed)
    if tau == "auto":
        tau = min(map(ablation.choose_tau, rows.values()))
    table = []
    for name, of_test in responses.items():
        rows[name] += specialists.ablate_specialists(
            *arguments[name], tau=tau, seed=seed
        )
        of_layers = {of_test.layers[0]: rows[name]}
        if experiment.ablate_layer:
            of_layers[experiment.ablate_layer] = _ablate_inner(
                prepared, name, images
            )
        table += [
            {"test_transform": name, "layer": layer, **row}
            for layer, of_layer in of_layers.items()
            for row in of_layer
        ]
    return tau, table


def _ablate_inner(prepared, name, images):
    """Ablates neurons of an inner layer; returns rows of the table."""
    experiment = prepared.experiment
    _, labels = prepared.part("test")
    is_seen, is_other = prepared.groups(name)
    kept = np.flatnonzero(~is_other[labels])
    images = datasets.take(images, kept)
    transform = prepared.trained_transforms()[name]
    responses = Responses(
        prepared.model,
        images,
        experiment.ablate_layer,
        labels=labels[kept],
        transform=transform,
        activity=experiment.activity,
        seed=experiment.seed,
    )
    return ablation.ablate_layer(
        prepared.model, responses, images, transform, is_seen, experiment.seed
    )


def _cluster(prepared, neurons, log):
    """Clusters neurons by what they are invariant to; table and figure."""
    neurons = neurons[
        (neurons.category_group == "all")
        & (neurons.test_transform != "identity")
    ]
    tested = [*neurons.test_transform.unique()]
    rows, drawn = [], {}
    for layer, of_layer in neurons.groupby("layer", sort=False):
        table = of_layer.pivot(
            index="neuron",
            columns="test_transform",
            values="invariance_coefficient",
        )
        if {*table} != {*tested}:
            continue  # Other than the penultimate layer, of the trained only.
        values = table[tested].to_numpy()
        if np.isfinite(values).all(axis=1).sum() <= clusters.MOST_CLUSTERS:
            continue
        found = clusters.cluster_neurons(values, prepared.experiment.seed)
        rows += [{"layer": layer, **row} for row in found.rows()]
        drawn[layer] = values, found
    if not drawn:
        return
    path = prepared.path
    files.write_csv(path("clusters.csv"), rows)
    figure = drawing.draw_clusters(drawn, tested)
    drawing.save(figure, path("clusters.png"), dpi=150)
    if log is not None:
        log.picture(
            "clusters", path("clusters.png"), prepared.experiment.epochs
        )


def _summarise(prepared, neurons, log):
    """Returns means of the penultimate layer; logs histograms."""
    penultimate = activations.penultimate_layer(prepared.model)
    of_layer = neurons[neurons.layer == penultimate]
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
