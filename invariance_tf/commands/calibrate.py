"""Finds how strong a transformation should be."""

import dataclasses
import os

from invariance_tf.commands import terminal
from invariance_tf.commands.parsing import SETTINGS, Arguments
from invariance_tf.commands.places import check_place
from invariance_tf.commands.progress import Bar
from invariance_tf.commands.run import prepare_run
from invariance_tf.runs.calibration import rule
from invariance_tf.settings import calibrated
from invariance_tf.settings.config import Experiment


@dataclasses.dataclass(frozen=True)
class Options:
    """Finds how strong a transformation should be.

    Raises its strength in steps until a network that was trained on original
    images only falls below a threshold of accuracy on transformed test images,
    and records the curve. The transformation is blur (the default),
    white_noise or salt_pepper. The network is trained first if there is none
    in runs_dir. The settings transform_args, test_strengths, n_seen, seen_sets
    and paradigm, and those of neurons, are ignored. Exit status 3 means that
    no strength was chosen.

    Args:
        parameter: Argument of the transformation that is its strength; null:
            its only one.
        step: The strength is raised by this; null: 0.5 for blur (pixels), 25
            for white_noise (grey levels), 0.05 for salt_pepper (share of the
            pixels).
        below: Threshold, above 0 to 1: the first strength with a top-1 accuracy
            on transformed test images below it is chosen; the paper has 0.10
            for FaceScrub and 0.15 for ImageNet.
        overwrite: Train the network again, even if it exists.
    """

    parameter: str | None = None
    step: float | None = None
    below: float = 0.1
    overwrite: bool = False


@terminal.command()
def calibrate_transform(arguments, program):
    """Calibrates the strength of a transformation.

    Returns:
        Exit status: 0 done, 1 the training failed, 2 a mistake in the
        settings or missing data, 3 no strength was chosen, 130 interrupted.
    """
    parser = Arguments(Options, program, settings=SETTINGS)
    # An experiment's own default, highpass, has no strength.
    parser.parser.set_defaults(transform="blur")
    with terminal.mistakes():
        options, settings = parser.parse(arguments)
        overwrite, transform = options.overwrite, settings["transform"]
        with terminal.quiet_start():
            parameter = calibrated.parameter_of(transform, options.parameter)
            experiment = _on_originals(Experiment(**settings))
        step = parameter.step if options.step is None else options.step
        check_place(experiment.runs_dir, "runs_dir")
        strengths = rule.strengths(
            transform, step, experiment.image_size, options.below
        )
    prepared = prepare_run(experiment)
    from invariance_tf.runs.calibration.procedure import calibrate_network

    rules = {
        "parameter": options.parameter,
        "step": step,
        "below": options.below,
    }
    bar = Bar(f"Strengths of {transform}", len(strengths))
    with terminal.failures(), bar:
        calibration, record_dir = calibrate_network(
            prepared,
            transform,
            rules,
            overwrite,
            lambda strength, accuracy: bar.advance(
                1, f"accuracy {accuracy:.3f} at {strength:g}"
            ),
        )
    _show_calibration(calibration, experiment.title(), record_dir)
    return 3 if calibration.chosen is None else 0


def _on_originals(experiment):
    """Returns the resolved experiment whose network a calibration tests.

    It has the same data and network, is trained on original images only, and
    measures no neurons.
    """
    return dataclasses.replace(
        experiment,
        transform="identity",
        transform_args=None,
        n_seen=0,
        paradigm="joint",
        seen_sets="same",
        test_strengths=(),
        analysis="none",
        ablate_layer=None,
        layer_measures=None,
    ).resolve()


def _show_calibration(calibration, dataset, record_dir):
    """Shows the curve, what follows from it, and where it is recorded."""
    columns = calibration.table()
    names = "strength", "accuracy", "lower", "upper"
    terminal.show_table(
        f"{calibration.transform} on {dataset}",
        dict.fromkeys(
            (calibration.parameter, "accuracy", "95 % interval"), "right"
        ),
        (
            [f"{strength:g}", f"{accuracy:.3f}", f"{lower:.3f} to {upper:.3f}"]
            for strength, accuracy, lower, upper in zip(
                *(columns[name] for name in names), strict=True
            )
        ),
    )
    terminal.show_line(f"Test images: {calibration.num_images}")
    if calibration.chosen is None:
        terminal.show_problem(f"No strength: {calibration.reason}")
    else:
        terminal.show_line(
            f"{calibration.reason} For a config:\n"
            f"transform: {calibration.transform}\n"
            "transform_args: "
            f"{{{calibration.parameter}: {calibration.chosen}}}\n"
            "or, with the same runs_dir, transform_args: calibrated"
        )
    picture = os.path.join(record_dir, "calibration.png")
    terminal.show_line(f"Picture: {picture}")
