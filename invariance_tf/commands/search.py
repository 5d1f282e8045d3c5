"""Finds learning rate and weight decay by a grid."""

import dataclasses
import os
import shlex

from rich.text import Text

from invariance_tf.commands import many_runs, progress, terminal
from invariance_tf.commands.parsing import Arguments
from invariance_tf.commands.places import check_place
from invariance_tf.runs.search import choice, grid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(many_runs.Options):
    """Finds learning rate and weight decay by a grid.

    Trains an experiment with every combination of them, and finds the one with
    the highest accuracy on original training images that are held out. Test
    images are not used. Finished runs are kept, and interrupted ones continue.

    Args:
        file: YAML file with settings, or the name of one that comes with the
            package, such as synthfaces.
        learning_rate: Learning rates of the grid.
        weight_decay: Weight decays of the grid.
        seeds: Seeds of every setting, whose median counts; none means only
            that of the experiment.
    """

    file: str
    learning_rate: list[float] = grid.LEARNING_RATES
    weight_decay: list[float] = grid.WEIGHT_DECAYS
    seeds: list[int] = ()


@terminal.command()
def search_settings(arguments, program):
    """Searches for learning rate and weight decay.

    Returns:
        Exit status: 0 done, 1 a run could not be done, or at every setting a
        training failed or is at chance, 2 a mistake in the settings or missing
        data, 130 interrupted.
    """
    with terminal.mistakes():
        options, settings = _parse(arguments, program)
        with terminal.quiet_start():
            experiments = grid.list_experiments(
                settings,
                options.learning_rate,
                options.weight_decay,
                options.seeds or None,
            )
        if not options.dry_run:
            check_place(experiments[0].runs_dir, "runs_dir")
    if options.dry_run:
        _show_grid(experiments)
    from invariance_tf.runs.search import record

    with many_runs.started_engine(options) as engine:
        runs = many_runs.survey_runs(experiments, engine, options)
        # What has failed so would do so again.
        runs = [
            dataclasses.replace(
                run, is_done=run.is_done or record.has_failed(run)
            )
            for run in runs
        ]
        if options.dry_run:
            progress.show_overview(runs, engine.num_slots)
            return 0
        failed = many_runs.do_runs(runs, engine)
    lost = [pair for pair in failed if not record.has_failed(pair[0])]
    if lost:
        many_runs.show_failed(runs, lost)
        return 1
    return _choose(runs, f"{program} {shlex.join(arguments)}")


def _parse(arguments, program):
    """Returns options and settings: flags win over the file."""
    parser = Arguments(
        Options, program, positional="file", settings=grid.SETTINGS
    )
    options, _ = parser.parse(arguments)
    parser.parser.set_defaults(grid.read_config(options.file))
    return parser.parse(arguments)


def _show_grid(experiments):
    """Shows which values are combined."""
    for name in (*grid.SEARCHED, "seed"):
        values = dict.fromkeys(getattr(each, name) for each in experiments)
        write = str if name == "seed" else choice.short_number
        terminal.show_line(f"{name}: {' '.join(map(write, values))}")


def _choose(runs, command):
    """Chooses a setting, records and shows it; returns the exit status."""
    from invariance_tf.runs import health
    from invariance_tf.runs.search import record

    settings = record.read_settings(runs)
    best, problem = choice.choose_setting(settings), None
    num_images = record.count_images(runs)
    num_categories = record.count_categories(runs)
    if best is None:
        problem = (
            "At every setting a training diverged, or did not learn. "
            "Try other learning rates."
        )
    elif health.is_at_chance(best.median, num_images, num_categories):
        problem = (
            "At every setting the network is at chance: the highest accuracy "
            f"is {best.median:.3f} (chance {1 / num_categories:.3f}, "
            f"{num_images} images). Try more --epochs, or other learning rates."
        )
        best = None
    seeds = [*dict.fromkeys(run.experiment.seed for run in runs)]
    experiment = runs[0].experiment
    title = (
        f"{experiment.transform} on {experiment.title()}, "
        f"{experiment.network}, n_seen {experiment.n_seen}"
    )
    note = _explain(settings, best, num_images, seeds)
    record_dir = record.result_dir(runs)
    record.write_result(record_dir, settings, best, title, note, command)
    _show_search(settings, best, title, note, record_dir)
    if problem:
        terminal.show_problem(f"error: {problem}")
    return 1 if problem else 0


def _explain(settings, best, num_images, seeds):
    """Returns sentences: how settings were judged, and how sure that is."""
    over = f"seed {seeds[0]}"
    if len(seeds) > 1:
        over = f"median over seeds {', '.join(map(str, seeds))}"
    text = f"Accuracy on original training images that are held out, {over}."
    if best is not None:
        error = choice.standard_error(best.median, num_images)
        text += (
            f" Of {num_images} images the best setting gets "
            f"{100 * best.median:.1f} % right (standard error of a single "
            f"network: {100 * error:.1f} %)."
        )
    if any(setting.num_failed for setting in settings):
        text += (
            " A setting at which a training diverged, or did not learn and was "
            "to stop then, is never chosen."
        )
    return text


def _show_search(settings, best, title, note, record_dir):
    """Shows the grid, what to paste, and where it is written."""
    from invariance_tf.runs.search import record

    rows = {}
    for setting in settings:
        cells = rows.setdefault(choice.short_number(setting.learning_rate), {})
        cells[choice.short_number(setting.weight_decay)] = (
            Text(f"* {_format_setting(setting)}", "bold")
            if setting == best
            else _format_setting(setting)
        )
    decays = next(iter(rows.values()))
    terminal.show_table(
        title,
        {
            "learning rate \\ weight decay": "left",
            **dict.fromkeys(decays, "right"),
        },
        ([rate, *cells.values()] for rate, cells in rows.items()),
        caption=None if best is None else "* the best",
        show_lines=True,
    )
    terminal.show_line(note)
    if best is not None:
        for sentence in choice.find_edges(settings, best):
            terminal.show_line(sentence, style="bold")
        terminal.show_line(f"For a config:\n{record.to_yaml(best).rstrip()}")
    terminal.show_line(f"Results: {record_dir}{os.sep}")


def _format_setting(setting):
    """Returns the text of a setting's cell."""
    num_seeds, num_failed = len(setting.accuracies), setting.num_failed
    if num_failed:
        part = f"\n{num_failed} of {num_seeds}"
        return f"failed{part if num_failed < num_seeds else ''}"
    text = f"{setting.median:.3f}"
    if num_seeds > 1:
        text += f"\n{min(setting.measured):.3f}-{max(setting.measured):.3f}"
    return text
