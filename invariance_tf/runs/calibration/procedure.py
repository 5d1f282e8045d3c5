"""From an experiment on original images to the record of a calibration."""

import os

import keras
import numpy as np

from invariance_tf.measures import evaluation
from invariance_tf import drawing
from invariance_tf.runs.calibration import record
from invariance_tf.runs.calibration import rule
from invariance_tf.commands import calibrate_table
from invariance_tf.runs.calibration import strengths
from invariance_tf.runs.experiment import execute

NUM_EXAMPLES = 3


def carry_out(prepared, transform, options, overwrite=False):
    """Calibrates on the network of an experiment, which is trained if need be.

    Args:
        prepared: A `Prepared` of an experiment on original images.
        transform: String, name of a transformation with a strength.
        options: Dictionary of arguments of `strengths.calibrate`: parameter,
            step, below.
        overwrite: Whether to train anew although there is a network.

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
    candidates = rule.strengths(
        transform, options["step"], experiment.image_size
    )
    with calibrate_table.Progress(transform, len(candidates)) as progress:
        calibration = strengths.calibrate(
            evaluation.classifier(model),
            images,
            labels,
            transform,
            seed=experiment.seed,
            watch=progress.advance,
            **options,
        )
    origin = {
        "dataset": experiment.dataset,
        "network": experiment.network,
        "image_size": experiment.image_size,
    }
    record_dir = record.directory(
        experiment.runs_dir, **origin, transform=transform
    )
    origin["options"] = experiment.dataset_options()
    origin["run"] = os.path.basename(prepared.run_dir)
    origin["fingerprint"] = prepared.dataset.fingerprint
    figure = _draw(calibration, images, labels, experiment)
    record.write(record_dir, calibration, origin, figure)
    return calibration, record_dir


def _draw(calibration, images, labels, experiment):
    """Draws the curve with test images of a few categories."""
    _, firsts = np.unique(labels, return_index=True)
    num_shown = min(NUM_EXAMPLES, len(firsts))
    positions = firsts[np.arange(num_shown) * len(firsts) // num_shown]
    steps = drawing.steps_to_show(len(calibration.strengths))
    examples = strengths.examples(
        np.asarray(images[positions]),
        calibration.transform,
        calibration.parameter,
        [calibration.strengths[step] for step in steps],
        calibration.seed,
    )
    look = f"{calibration.transform} on {experiment.dataset}"
    title = f"{look}, {experiment.image_size} pixels, {experiment.network}"
    return drawing.draw_calibration(calibration, examples, title)
