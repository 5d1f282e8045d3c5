"""One run: trains, tests and measures, or measures again."""

import csv
import dataclasses
import os
import shlex
from typing import Literal

from invariance_tf.commands import terminal
from invariance_tf.commands.parsing import SETTINGS, Arguments
from invariance_tf.commands.places import check_runs
from invariance_tf.settings import names
from invariance_tf.settings.config import Experiment

_EXAMPLES = """\
examples:
  synthetic faces, half of the people seen rotated in training (about a minute):
    invariance-tf run --transform rotate90 --n_seen 20
  your own images, one directory per category:
    invariance-tf run --dataset folder --data_dir DIR --n_seen 40
  any image-classification set of TensorFlow Datasets:
    invariance-tf run --dataset tfds:cifar100 --image_size 32 --n_seen 50
  the paper's settings, with another transformation:
    invariance-tf run --config facescrub_alexnet --transform blur \\
        --transform_args.sigma 3.0 --n_seen 100 --seed 2
"""

# Stands for a setting that stays as it was.
_OWN = "the run's own"


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Trains and tests a network, and measures its neurons.

    Images are transformed in training for only some of the categories; the
    test is whether transformed images of the others are recognised too.
    Settings left at null take the value that belongs to the data set or the
    network.

    Args:
        overwrite: Start over, even if the run exists.
    """

    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class AnalysisOptions:
    """Measures the neurons of a finished run, without training.

    Args:
        run_dir: Directory of the run.
        analysis: The penultimate layer, or all layers with ReLU.
        tau: Threshold of activity, or auto.
        ablate_layer: Inner layer to ablate too, such as conv5; null: none.
        activity: signed lets negative activity count; null refuses it.
        test_strengths: Further strengths of the transformation to test.
        layer_measures: Measures of whole layers, such as linear_cka,rsa, or
            all; null: none.
        trust: Import the modules that the run's config.yaml names; only for
            runs whose author you trust.
    """

    run_dir: str
    analysis: Literal["penultimate", "layers"] = _OWN
    tau: float | Literal["auto"] = _OWN
    ablate_layer: str | None = _OWN
    activity: Literal["signed"] | None = _OWN
    test_strengths: list[float] = _OWN
    layer_measures: str | None = _OWN
    trust: bool = False


@terminal.command("Run the same command again to continue from the last epoch.")
def run_experiment(arguments, program):
    """Runs one experiment.

    Returns:
        Exit status: 0 done, 1 failed, 2 a mistake in the settings or missing
        data, 130 interrupted.
    """
    parser = Arguments(
        RunOptions,
        program,
        settings=SETTINGS,
        examples=_EXAMPLES,
    )
    with terminal.mistakes():
        options, settings = parser.parse(arguments)
        with terminal.quiet_start():
            experiment = Experiment(**settings).resolve()
        check_runs([experiment], options.overwrite)
    summary = None if options.overwrite else _find_done(experiment)
    if summary is None:
        prepared = prepare_run(experiment)
        from invariance_tf.runs.experiment import run_prepared

        with terminal.failures():
            summary = run_prepared(prepared, options.overwrite)
    if summary["was_done"]:
        closing = "This run is already finished; use --overwrite to redo it."
    else:
        seconds = sum(summary["seconds"].values())
        closing = f"Finished in {seconds:.0f} s after start-up."
    _show_summary(summary, closing)


@terminal.command("Run the same command again.")
def analyze_run(arguments, program):
    """Measures the neurons of a finished run.

    Returns:
        Exit status: 0 done, 2 a mistake, 130 interrupted.
    """
    parser = Arguments(AnalysisOptions, program, positional="run_dir")
    with terminal.mistakes():
        options, _ = parser.parse(arguments, defaults=False)
        changed = {
            name: value
            for name, value in vars(options).items()
            if value != _OWN
        }
        with terminal.quiet_start():
            from invariance_tf.runs.experiment import analyse_again
        terminal.start_logging()
        summary = analyse_again(**changed)
    _show_summary(summary, "Neurons re-measured.")


@terminal.mistakes((ValueError, TypeError, OSError, ImportError))
def _find_done(experiment):
    """Returns the summary of a run that is done, without TensorFlow."""
    from invariance_tf.runs.finished import find_done

    return find_done(experiment)


def prepare_run(experiment):
    """Loads TensorFlow and the data, and builds the network.

    This takes seconds, so that settings should be known to be right before.

    Args:
        experiment: A resolved `config.Experiment`.

    Returns:
        A `preparation.Prepared`.
    """
    with terminal.busy("Loading Keras"), terminal.quiet_start():
        from invariance_tf.runs.preparation import prepare
    terminal.start_logging()
    parts = f"the images of {experiment.title()} and {experiment.network}"
    with (
        terminal.mistakes((ValueError, TypeError, OSError, ImportError)),
        terminal.busy(f"Preparing {parts}"),
    ):
        return prepare(experiment)


def _show_summary(summary, closing):
    """Shows the result of a run, and what to do next."""
    run_dir = summary["run_dir"]
    _show_accuracies(summary)
    if "invariance_all" in summary:
        # Summaries from before have no floor.
        lines = {
            "Mean invariance of the penultimate layer, at tau "
            f"{summary['tau']:g}": "invariance",
            "Its floor, for images of other categories": "invariance_floor",
        }
        for text, name in lines.items():
            means = (
                f"{group} {terminal.format_number(summary.get(key))}"
                for group in ("seen", "unseen", "all")
                for key in [f"{name}_{group}"]
            )
            terminal.show_line(f"{text}: {', '.join(means)}")
    for warning in summary.get("health", {}).get("warnings", ()):
        terminal.show_problem(f"warning: {warning}")
    runs_dir = os.path.dirname(run_dir) or "."
    terminal.show_line(
        f"{closing}\nResults: {run_dir}\n"
        f"Next: tensorboard --logdir {shlex.quote(runs_dir)}\n"
        f"      invariance-tf report {shlex.quote(runs_dir)}\n"
        f"      invariance-tf analyze {shlex.quote(run_dir)} --analysis layers"
    )


def _show_accuracies(summary):
    """Shows the accuracies of a run with their intervals, and chance."""
    num_categories, n_seen = summary["num_categories"], summary["n_seen"]
    transform = summary["transform"]
    cells = _read_accuracies(summary["run_dir"])
    rows = [("original", f"all {num_categories}", "identity", "all")]
    tested = [transform]
    if names.is_several(transform):
        tested = names.split_transforms(transform)
    num_other = 0
    if (tested[-1], "other") in cells:
        num_other = n_seen * (len(tested) - 1)
    groups = {
        "seen": f"{n_seen} seen transformed",
        "unseen": f"{num_categories - n_seen - num_other} unseen transformed",
        "other": f"{num_other} seen with another",
    }
    rows += [
        ("transformed" if len(tested) == 1 else name, words, name, group)
        for name in tested
        for group, words in groups.items()
        if (name, group) in cells
    ]
    # Summaries from before have no other name.
    data_name = summary.get("data_name", summary["dataset"])
    terminal.show_table(
        f"{transform} on {data_name}",
        {
            "test images": "left",
            "categories": "left",
            "images": "right",
            "accuracy": "right",
            "95 % interval": "right",
        },
        ([*words, *cells[test, group]] for *words, test, group in rows),
    )
    chance = terminal.format_number(1 / num_categories)
    terminal.show_line(f"Chance: {chance}")


def _read_accuracies(run_dir):
    """Reads the table of accuracies, as cells.

    Returns:
        Dictionary from the transformation and the category group to the
        number of images, the accuracy and its interval (Wilson's).
    """
    from invariance_tf.measures.intervals import wilson

    number = terminal.format_number
    cells = {}
    path = os.path.join(run_dir, "accuracy.csv")
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            count, found = int(row["num_images"]), ("-", "")
            if count:
                accuracy = float(row["accuracy"])
                low, high = wilson(round(count * accuracy), count)
                found = number(accuracy), f"{number(low)} to {number(high)}"
            test, group = row["test_transform"], row["category_group"]
            cells[test, group] = (f"{count:,}", *found)
    return cells
