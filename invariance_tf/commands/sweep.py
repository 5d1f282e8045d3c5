"""Runs the experiments of a sweep file."""

import dataclasses

from invariance_tf.commands import many_runs, progress, terminal
from invariance_tf.commands.parsing import Arguments
from invariance_tf.commands.places import check_runs
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import shipped


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(many_runs.Options):
    """Runs all experiments of a sweep file.

    Finished runs are kept, interrupted ones continue, and a run that fails does
    not stop the others.

    Args:
        file: Sweep file, or the name of one that comes with the package, such
            as quick.
        index: Do only the run with this number in the plan, from 0, as a task
            of a job array.
        runs_dir: Used instead of that of the file.
        data_dir: Used instead of that of the file.
    """

    file: str
    index: int | None = None
    runs_dir: str | None = None
    data_dir: str | None = None


@terminal.command()
def run_sweep(arguments, program):
    """Runs the experiments of a sweep file.

    Returns:
        Exit status: 0 done, 1 a run failed, 2 a mistake in the settings or
        missing data, 130 interrupted.
    """
    parser = Arguments(Options, program, positional="file")
    with terminal.mistakes():
        options, _ = parser.parse(arguments)
        experiments = plan.read_sweep(
            shipped.find_config(options.file, is_sweep=True),
            runs_dir=options.runs_dir,
            data_dir=options.data_dir,
        )
        _check_alike(experiments)
        if not options.dry_run:
            check_runs(experiments)
    with many_runs.started_engine(options) as engine:
        runs = many_runs.survey_runs(experiments, engine, options)
        with terminal.mistakes():
            runs = _select(runs, options.index)
        if options.dry_run:
            progress.show_overview(runs, engine.num_slots)
            return 0
        failed = many_runs.do_runs(runs, engine)
    many_runs.show_failed(runs, failed)
    runs_dir = runs[0].experiment.runs_dir
    terminal.show_line(
        f"Next: invariance-tf figures {runs_dir}\n"
        f"      invariance-tf report {runs_dir}"
    )
    return 1 if failed else 0


def _check_alike(experiments):
    """Raises if some runs are to be deterministic and others are not.

    Runs share processes, and one that has become deterministic remains so.
    """
    values = {experiment.deterministic for experiment in experiments}
    if len(values) > 1:
        raise ValueError(
            "All runs of a sweep must have the same value of `deterministic`; "
            "make two sweep files. Received: deterministic=[False, True]"
        )


def _select(runs, index):
    """Returns the run with a number in the plan, or all of them."""
    if index is None:
        return runs
    if not 0 <= index < len(runs):
        raise ValueError(
            f"`index` counts the {len(runs)} runs of the plan, from 0 to "
            f"{len(runs) - 1}. Received: index={index}"
        )
    return [runs[index]]
