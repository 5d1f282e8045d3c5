"""The command line of a search."""

import dataclasses
import functools
import shlex
import sys
import typing

import jsonargparse

from invariance_tf.commands import many_runs, terminal
from invariance_tf.runs.search import choice, grid
from invariance_tf.settings import mistakes, shipped
from invariance_tf.settings.config import Experiment

_DESCRIPTION = """
Trains an experiment with every combination of learning rates and weight
decays, and finds the one with the highest accuracy on original training
images that are held out. Test images are not used. What is done is left as it
is, and what was interrupted goes on.
"""

# Type, default and help of each; they take several values.
_LISTS = {
    "learning_rate": (
        float,
        [*grid.LEARNING_RATES],
        "Learning rates of the grid.",
    ),
    "weight_decay": (
        float,
        [*grid.WEIGHT_DECAYS],
        "Weight decays of the grid.",
    ),
    "seeds": (
        int,
        None,
        "Seeds of every setting, whose median counts; default: that of the "
        "experiment alone.",
    ),
}


def search(arguments, program):
    """Searches for learning rate and weight decay from the command line.

    Args:
        arguments: List of strings.
        program: String, name of the program for its messages.

    Returns:
        Exit status: 0 done, 1 a run failed or every setting diverged, 2 a
        mistake in the settings or missing data, 130 interrupted.
    """
    try:
        options = _parse(arguments, program)
        experiments = grid.list_experiments(
            {name: options[name] for name in grid.SETTINGS},
            options.learning_rate,
            options.weight_decay,
            options.seeds,
        )
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        types = {
            name: option[0]
            for name, option in (_LISTS | many_runs.OPTIONS).items()
        }
        types = {**typing.get_type_hints(Experiment), **types}
        return terminal.mistake(mistakes.reword(str(error), types))
    if options.dry_run:
        _show_grid(experiments)
    close = functools.partial(
        _close, command=f"{program} {shlex.join(arguments)}"
    )
    return many_runs.carry_out(options, experiments, _pass_over_diverged, close)


def _parse(arguments, program):
    """Returns the options; flags win over the file, and it over defaults."""
    parser = _make_parser(program)
    file = parser.parse_args(arguments).file
    parser.set_defaults(grid.read_config(file))
    return parser.parse_args(arguments)


def _make_parser(program):
    """Returns the parser of the command line."""
    parser = jsonargparse.ArgumentParser(
        prog=program, description=_DESCRIPTION, exit_on_error=False
    )
    parser.add_argument("file", help=shipped.HELP)
    for name, (type, default, text) in _LISTS.items():
        parser.add_argument(
            f"--{name}", type=type, nargs="+", default=default, help=text
        )
    many_runs.add_options(parser, many_runs.OPTIONS)
    settings = {field.name for field in dataclasses.fields(Experiment)}
    parser.add_class_arguments(Experiment, skip=settings - {*grid.SETTINGS})
    return parser


def _show_grid(experiments):
    """Says which values are combined."""
    for name in (*grid.SEARCHED, "seed"):
        values = dict.fromkeys(getattr(each, name) for each in experiments)
        write = str if name == "seed" else choice.short_number
        sys.stdout.write(f"{name}: {' '.join(map(write, values))}\n")


def _pass_over_diverged(runs):
    """Marks runs that have diverged as done."""
    from invariance_tf.runs.search import record

    return [
        dataclasses.replace(run, is_done=True)
        if record.has_diverged(run)
        else run
        for run in runs
    ]


def _close(runs, failed, command):
    """Chooses, records and shows; returns the exit status."""
    from invariance_tf.commands import search_table
    from invariance_tf.runs.search import record

    lost = [pair for pair in failed if not record.has_diverged(pair[0])]
    if lost:
        many_runs.tell(runs, lost)
        return 1
    settings = record.read_settings(runs)
    best = choice.choose_setting(settings)
    seeds = [*dict.fromkeys(run.experiment.seed for run in runs)]
    title = search_table.describe(runs[0].experiment)
    note = search_table.explain(
        settings, best, record.count_images(runs), seeds
    )
    record_dir = record.result_dir(runs)
    record.write_result(record_dir, settings, best, title, note, command)
    search_table.show(settings, best, title, note, record_dir)
    if best is None:
        sys.stdout.flush()
        sys.stderr.write(
            "error: At every setting a training diverged; lower learning "
            "rates may help.\n"
        )
        return 1
    return 0
