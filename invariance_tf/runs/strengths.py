"""Accuracies and invariance at other strengths than the trained one."""

import math

from invariance_tf import drawing, files, transforms
from invariance_tf.measures import (
    activations,
    evaluation,
    intervals,
    measurement,
)
from invariance_tf.measures.responses import Responses
from invariance_tf.settings.strengths import strength_of


def list_transforms(experiment):
    """Returns the transformation at each strength to test, by strength.

    Args:
        experiment: A resolved `config.Experiment`.

    Returns:
        Dictionary from strengths, rising, the trained one among them, to
        `Transform`s; empty without `test_strengths`.

    Raises:
        ValueError: If a strength is out of the transformation's range.
    """
    if not experiment.test_strengths:
        return {}
    name, arguments = experiment.transform, experiment.transform_args
    parameter = strength_of(name)
    tested = {*experiment.test_strengths, arguments[parameter]}
    return {
        strength: transforms.get(name, **{**arguments, parameter: strength})
        for strength in sorted(tested)
    }


def measure_strengths(prepared, tau, log=None):
    """Tests a trained experiment at each strength.

    Writes `strengths.csv` and `strengths.png` to the run directory. Images
    are transformed before they enter the network, which is compiled once for
    all strengths. Neurons are those of the penultimate layer.

    Args:
        prepared: A `preparation.Prepared` with the trained model.
        tau: Float, threshold of activity.
        log: A `tensorboard.EventLog`, or `None`.
    """
    experiment = prepared.experiment
    parameter = strength_of(experiment.transform)
    trained = experiment.transform_args[parameter]
    rows = [
        {
            "parameter": parameter,
            "strength": strength,
            "is_trained": strength == trained,
            **row,
        }
        for strength, transform in list_transforms(experiment).items()
        for row in _test_transform(prepared, transform, tau)
    ]
    path = prepared.path
    files.write_csv(path("strengths.csv"), rows)
    figure = drawing.draw_strengths(rows, experiment.transform)
    drawing.save(figure, path("strengths.png"), dpi=150)
    if log is not None:
        log.picture("strengths", path("strengths.png"), experiment.epochs)


def _test_transform(prepared, transform, tau):
    """Yields a row of the table for each category group."""
    images, labels = prepared.part("test")
    responses = Responses(
        prepared.model,
        images,
        labels=labels,
        transform=transform,
        activity=prepared.experiment.activity,
        seed=prepared.experiment.seed,
    )
    # The network's end gives the accuracy without another pass.
    kernel, bias = activations.head_weights(prepared.model)
    _, transformed = responses.arrays()
    predicted = (transformed @ kernel + bias).argmax(axis=1)
    accuracies = evaluation.group_accuracies(
        labels, predicted, prepared.is_seen
    )
    measured = measurement.measure(
        responses, tau=tau, is_seen=prepared.is_seen
    ).layers
    measured = measured[measured.tau == tau].set_index("category_group")
    for group, (num_images, accuracy) in accuracies.items():
        ends = math.nan, math.nan
        if num_images:
            ends = intervals.wilson(round(accuracy * num_images), num_images)
        yield {
            "category_group": group,
            "num_images": num_images,
            "accuracy": accuracy,
            "lower": ends[0],
            "upper": ends[1],
            **{
                name: float(measured.loc[group, name])
                for name in (
                    "mean_invariance",
                    "mean_control_shuffled",
                    "mean_corrected_invariance",
                )
            },
        }
