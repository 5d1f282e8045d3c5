"""Runs the experiments of a sweep file."""

import dataclasses
import json
import math
import os
import shlex

from invariance_tf.commands import many_runs, progress, terminal
from invariance_tf.commands.parsing import Arguments
from invariance_tf.commands.places import check_runs
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import checks, defaults, names, shipped


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
        tables: Directory of tables from collect, such as those of another
            machine: runs in them are skipped, unless they lack some of the
            measures.
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
        path = shipped.find_config(options.file, is_sweep=True)
        with terminal.quiet_start():
            experiments = plan.read_sweep(
                path, runs_dir=options.runs_dir, data_dir=options.data_dir
            )
        _check_alike(experiments)
        collected = _load_collected(options.tables)
        if not options.dry_run:
            check_runs(experiments)
    _warn_of_mixed_strengths(experiments)
    with many_runs.started_engine(options) as engine:
        runs = many_runs.survey_runs(experiments, engine, options)
        with terminal.mistakes():
            runs = _select(_mark_collected(runs, collected), options.index)
        if options.dry_run:
            progress.show_overview(runs, engine.num_slots)
            return 0
        failed = many_runs.do_runs(runs, engine)
    many_runs.show_failed(runs, failed)
    # Where all runs are in the tables, nothing has made the other.
    places = shlex.join(
        place
        for place in (options.tables, runs[0].experiment.runs_dir)
        if place and os.path.isdir(place)
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


def _warn_of_mixed_strengths(experiments):
    """Warns if networks that will be compared have different strengths."""
    for name, pair in sorted(plan.find_mixed_strengths(experiments).items()):
        trained, tested = map(json.dumps, pair)
        terminal.show_problem(
            f"warning: {name} is trained with {trained}, but other networks "
            f"(evaluate_on: all) are tested with {tested}: figures and claims "
            "would compare the two. To test as trained, add to base: "
            f"test_args: {{{name}: {trained}}}"
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
    fingerprints = dict(
        zip(collected.runs.run, collected.runs.fingerprint, strict=True)
    )

    def is_collected(run):
        return (
            run.name in fingerprints
            and fingerprints[run.name] == run.fingerprint
            and _has_measures(collected, run)
        )

    return [
        dataclasses.replace(run, is_done=run.is_done or is_collected(run))
        for run in runs
    ]


def _has_measures(collected, run):
    """Returns whether tables show that they have all measures of a run.

    Decides as `finished.is_analysed`, but by the measures: the tables do not
    have all settings. What they cannot show counts as missing.

    Args:
        collected: A `tables.Runs` that has the run.
        run: A `plan.Run`.
    """
    wanted = run.experiment
    if wanted.analysis == "none":
        return True

    def read(table, *columns):
        # A table that no run has is there with its keys only.
        return table[table.run == run.name].reindex(columns=columns)

    measures = checks.read_layer_measures(wanted.layer_measures)
    if measures == ["all"]:
        measures = [*defaults.LAYER_MEASURES]
    layers = read(collected.layers, "layer", *measures)
    tested = read(collected.strengths, "strength").strength
    # Tables do not tell whether `signed` was chosen. It matters only where a
    # layer has negative activity, which null would have refused.
    usual = names.find("network", wanted.network).experiment.get("activity")
    return (
        wanted.tau in {*read(collected.runs, "tau").tau}
        and wanted.activity in (None, usual)
        and layers.layer.nunique() >= _NUM_LAYERS[wanted.analysis]
        and all(layers[measure].notna().any() for measure in measures)
        and wanted.ablate_layer
        in (None, *read(collected.ablation, "layer").layer)
        and all(
            # Saved as float32.
            any(math.isclose(strength, each, rel_tol=1e-6) for each in tested)
            for strength in wanted.test_strengths
        )
    )
