"""From an experiment on original images to the record of a calibration."""

import os

import keras
import numpy as np

from invariance_tf.measures import evaluation
from invariance_tf.runs.calibration import figure, record, strengths
from invariance_tf.runs.experiment import execute
from invariance_tf.settings import calibrated

NUM_EXAMPLES = 3


def calibrate_network(
    prepared, transform, options, overwrite=False, watch=None
):
    """Calibrates on the network of an experiment, which is trained if need be.

    Args:
        prepared: A `Prepared` of an experiment on original images.
        transform: String, name of a transformation with a strength.
        options: Dictionary of arguments of `strengths.calibrate`: parameter,
            step, below.
        overwrite: Whether to train again, even if there is a network.
        watch: Function of each strength and its accuracy, or `None`.

    Returns:
        A `rule.Calibration`, and the directory that it is recorded in.

    Raises:
        FloatingPointError: If the training diverged.
        OSError: If a file cannot be written, or another process works on the
            run.
    """
    execute(prepared, overwrite)
    experiment = prepared.experiment
    images, labels = prepared.part("test")
    model = keras.models.load_model(
        os.path.join(prepared.run_dir, "model.keras")
    )
    calibration = strengths.calibrate(
        evaluation.classifier(model),
        images,
        labels,
        transform,
        seed=experiment.seed,
        watch=watch,
        **options,
    )
    origin = {
        "dataset": experiment.dataset,
        "network": experiment.network,
        "image_size": experiment.image_size,
    }
    record_dir = calibrated.directory(
        experiment.runs_dir, **origin, transform=transform
    )
    origin["options"] = experiment.dataset_options()
    origin["run"] = os.path.basename(prepared.run_dir)
    origin["fingerprint"] = prepared.dataset.fingerprint
    picture = _draw(calibration, images, labels, experiment)
    record.write(record_dir, calibration, origin, picture)
    return calibration, record_dir


def _draw(calibration, images, labels, experiment):
    """Draws the curve with test images of a few categories."""
    _, firsts = np.unique(labels, return_index=True)
    num_shown = min(NUM_EXAMPLES, len(firsts))
    positions = firsts[np.arange(num_shown) * len(firsts) // num_shown]
    steps = figure.steps_to_show(len(calibration.strengths))
    examples = strengths.examples(
        np.asarray(images[positions]),
        calibration.transform,
        calibration.parameter,
        [calibration.strengths[step] for step in steps],
        calibration.seed,
    )
    look = f"{calibration.transform} on {experiment.dataset}"
    title = f"{look}, {experiment.image_size} pixels, {experiment.network}"
    return figure.draw_calibration(calibration, examples, title)
