"""Trains a network, calibrates on it, and records the calibration."""

import os

import keras
import numpy as np

from invariance_tf import drawing, files, run_files
from invariance_tf.measures import evaluation
from invariance_tf.paradigm import model as models
from invariance_tf.runs.calibration import strengths
from invariance_tf.runs.calibration.figure import (
    draw_calibration,
    steps_to_show,
)
from invariance_tf.runs.experiment import run_prepared
from invariance_tf.settings import calibrated

NUM_EXAMPLES = 3


@models.keras_defaults()
def calibrate_network(
    prepared, transform, options, overwrite=False, watch=None
):
    """Calibrates on the network of an experiment, training it if necessary.

    Writes `calibration.csv`, `calibration.png` and `calibration.json` to the
    directory of the calibration.

    Args:
        prepared: A `Prepared` of an experiment on original images.
        transform: String, name of a transformation with a strength.
        options: Dictionary of arguments of `strengths.calibrate`: parameter,
            step, below.
        overwrite: Whether to train again, even if the network exists.
        watch: Function of each strength and its accuracy, or `None`.

    Returns:
        A `rule.Calibration` and the directory that it is written to.

    Raises:
        FloatingPointError: If the training diverged.
        OSError: If a file cannot be written, or another process is working on
            the run.
    """
    run_prepared(prepared, overwrite)
    experiment = prepared.experiment
    images, labels = prepared.part("test")
    finished = run_files.find_finished(prepared.run_dir)
    with finished.reading("model.keras") as path:
        model = keras.models.load_model(path)
    calibration = strengths.calibrate(
        evaluation.classifier(model),
        images,
        labels,
        transform,
        seed=experiment.seed,
        watch=watch,
        **options,
    )
    figure = _draw_calibration(calibration, images, labels, experiment)
    return calibration, _write_calibration(prepared, calibration, figure)


def _write_calibration(prepared, calibration, figure):
    """Writes the curve, its picture and the result; returns the directory."""
    experiment = prepared.experiment
    subject = {
        "dataset": experiment.dataset,
        "network": experiment.network,
        "image_size": experiment.image_size,
    }
    record_dir = calibrated.calibration_dir(
        experiment.runs_dir, **subject, transform=calibration.transform
    )
    os.makedirs(record_dir, exist_ok=True)
    path = os.path.join(record_dir, "calibration.{}").format
    files.write_csv(path("csv"), calibration.table())
    drawing.save(figure, path("png"), dpi=150)
    # Last: a calibration with this file is complete.
    files.write_json(
        path("json"),
        {
            **subject,
            "options": calibrated.image_options(
                experiment.dataset, experiment.dataset_options()
            ),
            "network_args": experiment.network_args,
            "run": os.path.basename(prepared.run_dir),
            "fingerprint": prepared.dataset.fingerprint,
            "transform": calibration.transform,
            "parameter": calibration.parameter,
            "step": calibration.step,
            "below": calibration.below,
            "strength": calibration.chosen,
            "reason": calibration.reason,
            "num_images": calibration.num_images,
            "num_categories": calibration.num_categories,
            "seed": calibration.seed,
        },
    )
    return record_dir


def _draw_calibration(calibration, images, labels, experiment):
    """Draws the curve with test images of a few categories."""
    _, firsts = np.unique(labels, return_index=True)
    num_shown = min(NUM_EXAMPLES, len(firsts))
    positions = firsts[np.arange(num_shown) * len(firsts) // num_shown]
    steps = steps_to_show(len(calibration.strengths))
    examples = strengths.examples(
        np.asarray(images[positions]),
        calibration.transform,
        calibration.parameter,
        [calibration.strengths[step] for step in steps],
        calibration.seed,
    )
    title = (
        f"{calibration.transform} on {experiment.title()}, "
        f"{experiment.image_size} pixels, {experiment.network}"
    )
    return draw_calibration(calibration, examples, title)
