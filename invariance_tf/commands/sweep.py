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
        tables: Directory of tables from collect: the runs that they have, of
            another machine say, are not done again.
        runs_dir: Used instead of that of the file.
        data_dir: Used instead of that of the file.
    """

    file: str
    index: int | None = None
    tables: str | None = None
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
        collected = _load_collected(options.tables)
        if not options.dry_run:
            check_runs(experiments)
    with many_runs.started_engine(options) as engine:
        runs = many_runs.survey_runs(experiments, engine, options)
        with terminal.mistakes():
            runs = _select(_mark_collected(runs, collected), options.index)
        if options.dry_run:
            progress.show_overview(runs, engine.num_slots)
            return 0
        failed = many_runs.do_runs(runs, engine)
    many_runs.show_failed(runs, failed)
    places = " ".join(
        filter(None, [options.tables, runs[0].experiment.runs_dir])
    )
    terminal.show_line(
        f"Next: invariance-tf figures {places}\n"
        f"      invariance-tf report {places}"
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


# How many layers of a run must have been measured, for each `analysis`.
_NUM_LAYERS = {"none": 0, "penultimate": 1, "layers": 2}


def _load_collected(tables):
    """Reads tables from collect, if there are to be some."""
    if tables is None:
        return None
    from invariance_tf.paper.tables import load_runs

    collected = load_runs(tables)
    if not len(collected.runs):
        raise ValueError(
            "`tables` must be a directory that collect wrote. "
            f"Received: tables={tables}"
        )
    return collected


def _mark_collected(runs, collected):
    """Returns the runs; those are done that tables have, with all measures."""
    if collected is None:
        return runs
    known = collected.runs.set_index("run")
    # Where no neurons were measured, there are only the keys.
    layers = collected.layers.reindex(columns=["run", "layer"])
    num_layers = layers.groupby("run")["layer"].nunique()

    def is_collected(run):
        if run.name not in known.index:
            return False
        found, wanted = known.loc[run.name], run.experiment
        return (
            found.fingerprint == run.fingerprint
            and num_layers.get(run.name, 0) >= _NUM_LAYERS[wanted.analysis]
            and (wanted.analysis == "none" or wanted.tau in ("auto", found.tau))
        )

    return [
        dataclasses.replace(run, is_done=run.is_done or is_collected(run))
        for run in runs
    ]
