"""Writes what a calibration found to the directory of runs."""

import os

from invariance_tf import drawing, files
from invariance_tf.settings import calibrated


def write(record_dir, calibration, origin, figure):
    """Writes the curve, its picture, and what was found.

    Args:
        record_dir: Path as of `directory`.
        calibration: A `rule.Calibration`.
        origin: Dictionary of what it was made from: dataset, network,
            image_size, options, run, fingerprint.
        figure: A matplotlib `Figure`.
    """

    def path(name):
        return os.path.join(record_dir, name)

    os.makedirs(record_dir, exist_ok=True)
    files.write_csv(path("calibration.csv"), calibration.table())
    drawing.save(figure, path("calibration.png"), dpi=150)
    # Last: where it is, the others are.
    files.write_json(
        path("calibration.json"),
        {
            **origin,
            "options": calibrated.identity(
                origin["dataset"], origin["options"]
            ),
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
