"""The command line of a calibration."""

import dataclasses
import signal
import sys
import typing

import jsonargparse

from invariance_tf.commands import terminal
from invariance_tf.runs.calibration import rule
from invariance_tf.settings import mistakes, shipped
from invariance_tf.settings.config import Experiment

_DESCRIPTION = """
Raises the strength of a transformation in steps until a network that was
trained on original images only falls below a threshold of accuracy on
transformed test images, and records the curve. The network is trained first
if there is none in runs_dir; transform_args, n_seen and the settings of the
analysis are passed over.
"""

# Type, default and help of each.
_OPTIONS = {
    "parameter": (
        str | None,
        None,
        "Argument of the transformation that is its strength; null: the one "
        "there is.",
    ),
    "step": (
        float | None,
        None,
        "The strength is raised by this; null: 0.5 for blur (pixels), 25 for "
        "white_noise (grey levels), 0.05 for salt_pepper (share of the "
        "pixels).",
    ),
    "below": (
        float,
        0.1,
        "Top-1 accuracy on transformed test images to fall below, above 0 to "
        "1; the paper has 0.10 for FaceScrub and 0.15 for ImageNet.",
    ),
}


def calibrate(arguments, program):
    """Calibrates the strength of a transformation from the command line.

    Args:
        arguments: List of strings.
        program: String, name of the program for its messages.

    Returns:
        Exit status: 0 done, 1 the training failed, 2 a mistake in the
        settings or missing data, 3 no strength reaches the threshold, 130
        interrupted.
    """
    try:
        settings = _make_parser(program).parse_args(arguments).as_dict()
        settings.pop("config")
        overwrite = settings.pop("overwrite")
        options = {name: settings.pop(name) for name in _OPTIONS}
        transform = settings["transform"]
        parameter = rule.parameter_of(transform, options["parameter"])
        if options["step"] is None:
            options["step"] = parameter.step
        experiment = on_originals(Experiment(**settings))
        step, below = options["step"], options["below"]
        rule.strengths(transform, step, experiment.image_size, below)
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        types = {name: option[0] for name, option in _OPTIONS.items()}
        types |= typing.get_type_hints(Experiment)
        return terminal.mistake(mistakes.reword(str(error), types))
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _calibrate(experiment, transform, options, overwrite)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command goes on.\n")
        return 130
    finally:
        signal.signal(signal.SIGTERM, former)


def on_originals(experiment):
    """Returns the experiment whose network a calibration is made on.

    Args:
        experiment: A `config.Experiment` with any transformation.

    Returns:
        A resolved `config.Experiment`: the same data and network, trained on
        original images only, without measures of neurons.
    """
    return dataclasses.replace(
        experiment,
        transform="identity",
        transform_args=None,
        n_seen=0,
        analysis="none",
        ablate_layer=None,
    ).resolve()


def _make_parser(program):
    """Returns the parser of the command line."""
    parser = jsonargparse.ArgumentParser(
        prog=program, description=_DESCRIPTION, exit_on_error=False
    )
    parser.add_argument(
        "--config", action=shipped.ConfigFile, help=shipped.HELP
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="Train the network anew although it is there.",
    )
    for name, (type, default, text) in _OPTIONS.items():
        parser.add_argument(f"--{name}", type=type, default=default, help=text)
    parser.add_class_arguments(Experiment)
    return parser


def _calibrate(experiment, transform, options, overwrite):
    """Trains, calibrates, records and shows; returns the exit status."""
    # Not before the settings are known to be right: this loads TensorFlow.
    with terminal.quiet_start():
        from invariance_tf.commands import calibrate_table
        from invariance_tf.runs.calibration import procedure
        from invariance_tf.runs.preparation import prepare
    terminal.start_logging()
    try:
        prepared = prepare(experiment)
    except (ValueError, TypeError, OSError, ImportError) as error:
        return terminal.mistake(error)
    try:
        num_strengths = len(
            rule.strengths(transform, options["step"], experiment.image_size)
        )
        with calibrate_table.Progress(transform, num_strengths) as progress:
            calibration, record_dir = procedure.calibrate_network(
                prepared, transform, options, overwrite, progress.advance
            )
    except (FloatingPointError, OSError) as error:
        sys.stderr.write(f"error: {mistakes.one_line(error)}\n")
        return 1
    calibrate_table.show(calibration, prepared.experiment.dataset, record_dir)
    return 3 if calibration.chosen is None else 0
