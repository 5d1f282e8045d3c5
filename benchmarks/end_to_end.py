"""Shows where the time of a whole run goes, and what its start costs.

`python -m benchmarks.end_to_end` does the default experiment as
run_experiment.py does, each time in a process of its own, and shows the wall
time by part: start-up (Python and imports, until the settings are read and all
is loaded), data (making or loading it, splits, duplicates, hashes), tracing
(building models and pipelines, and what first calls of compiled functions take
longer than later ones), training, evaluation (validation too), analysis,
writing (tables, pictures, checkpoints, event files, provenance), the rest, and
the exit. A moment counts for the innermost part. Other options are those of
run_experiment.py: `--network alexnet --image_size 100 --epochs 2`. For Linux.

In turn with it, another process imports TensorFlow, builds the same network
with the high-pass filter, and trains on one batch. The last rows compare the
times from the start of the process to the end of the first training step,
without the making of the data, and those of the parts in ours.
"""

import argparse
import collections
import contextlib
import importlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import contest, stopwatch

# What is watched, by part.
WATCHED = {
    "data": ("preparation.check", "splits.digest"),
    "tracing": (
        "model.build",
        "pipeline.training_batches",
        "training.compile_model",
        "activations.submodel",
        "responses._extremes",
    ),
    "training": ("experiment.train",),
    "evaluation": (
        "accuracies.measure_accuracies",
        "evaluation.predict_labels",
    ),
    "analysis": ("analysis.analyse",),
    "writing": (
        "experiment._write_settings",
        "figures.draw_confusion",
        "provenance.write_provenance",
        "training._save_checkpoint",
        "tensorboard.EventLog.__init__",
        "tensorboard.EventLog.scalars",
        "tensorboard.EventLog.histogram",
        "tensorboard.EventLog.picture",
        "tensorboard.EventLog.close",
    ),
}
PARTS = ("start-up", *WATCHED, "rest", "exit")


def watch_all(clock):
    """Watches what belongs to a part."""
    from invariance_tf import files

    for part, paths in WATCHED.items():
        for path in paths:
            stopwatch.watch(clock, path, part)
    # Whatever is written.
    stopwatch.watch_block(clock, files, "replacing", "writing")


def work(start, options):
    """Runs an experiment; returns what its parts took."""
    clock, made = stopwatch.Stopwatch(start, "start-up"), {}
    from invariance_tf.commands import terminal
    from invariance_tf.commands.run import run_experiment

    begin = terminal.start_logging

    def begin_watched():
        begin()
        watch_all(clock)
        made.update(stopwatch.watch_calls(clock))
        clock.change("rest")

    # Called as soon as all is loaded.
    terminal.start_logging = begin_watched
    status = run_experiment(options)
    if status:
        sys.exit(status)
    clock.note()
    end = time.monotonic()
    for function in (*made["train"], *made["predict"]):
        for part, seconds in function.tracing():
            clock.seconds[part] -= seconds
            clock.seconds["tracing"] += seconds
    trained, *_ = made["train"]
    # All steps of the first call but one.
    others = trained.usual * (1 - 1 / trained.num_steps)
    until = collections.Counter(trained.before)
    first_step = trained.end - start - others - until.pop("data")
    until["tracing"] += until.pop("training") - others
    return {
        "end": end,
        "seconds": clock.seconds,
        "first_step": first_step,
        "until_first_step": until,
    }


def work_bare(start, network, *numbers):
    """Imports TensorFlow and trains on a batch; returns what that took."""
    importlib.import_module("tensorflow")
    importlib.import_module("keras")
    imported = time.monotonic() - start
    from benchmarks import training_step

    training_step.make_step(network, *map(int, numbers), "float32")()
    return {"import": imported, "first_step": time.monotonic() - start}


def serve(kind, options):
    """Does the work of one process and writes what it took."""
    start = float(options.pop(0))
    # What a run shows goes elsewhere.
    with contextlib.redirect_stdout(io.StringIO()):
        if kind == "run":
            found = work(start, options)
        else:
            found = work_bare(start, *options)
    json.dump(found, sys.stdout)


def do_afresh(kind, options):
    """Works in a process of its own; returns its answer, start and end."""
    command = [sys.executable, "-m", "benchmarks.end_to_end", "--serve", kind]
    start = time.monotonic()
    done = subprocess.run(
        [*command, str(start), *options], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout), start, time.monotonic()


def do_both(options):
    """Does a run and the bare start.

    Returns:
        The run's settings and the seconds of its parts; the seconds until the
        end of the first step, the run's, by part, and the bare one's.
    """
    from invariance_tf import files

    with tempfile.TemporaryDirectory() as runs_dir:
        own = [*options, f"--runs_dir={runs_dir}"]
        found, start, end = do_afresh("run", own)
        (run_dir,) = (entry.path for entry in os.scandir(runs_dir))
        settings = files.read_yaml(os.path.join(run_dir, "config.yaml"))
        summary = files.read_json(os.path.join(run_dir, "summary.json"))
    parts = {**found["seconds"], "exit": end - found["end"]}
    if abs(sum(parts.values()) - (end - start)) > 0.01 * (end - start):
        sys.exit(f"The parts are not {end - start} s together: {parts}")
    image_size = settings["image_size"]
    work = (
        settings["network"],
        image_size,
        summary["num_categories"],
        settings["batch_size"],
    )
    bare, *_ = do_afresh("bare", [*map(str, work)])
    first_step = {
        "first step": found["first_step"],
        **{f"first step: {x}": y for x, y in found["until_first_step"].items()},
        "bare first step: import": bare["import"],
        "bare first step": bare["first_step"],
    }
    return f"{work[0]}, {image_size} px", parts, first_step


def to_rows(work, repeats):
    """Returns the rows of the table.

    Args:
        work: String.
        repeats: List of pairs of dictionaries of seconds: of the parts, and
            until the first step.
    """
    rows = []

    def add(part, seconds, wholes):
        shares = [x / y for x, y in zip(seconds, wholes, strict=True)]
        rows.append(
            {
                "work": work,
                "part": part,
                "seconds": round(statistics.median(seconds), 3),
                "share": round(statistics.median(shares), 4),
                "repeats": len(repeats),
            }
        )

    walls = [sum(parts.values()) for parts, _ in repeats]
    for part in PARTS:
        add(part, [parts.get(part, 0.0) for parts, _ in repeats], walls)
    add("whole", walls, walls)
    bare = [found["bare first step"] for _, found in repeats]
    for part in repeats[0][1]:
        add(part, [found[part] for _, found in repeats], bare)
    more = [
        found["first step"] - found["bare first step"] for _, found in repeats
    ]
    add("first step: more than bare", more, bare)
    return rows


def main():
    """Prints and writes a table."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", help="CSV file to append to")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments, options = parser.parse_known_args()
    if arguments.serve:
        serve(arguments.serve, options)
        return
    repeats = []
    for _ in range(arguments.repeats):
        work, *seconds = do_both(options)
        repeats.append(seconds)
    rows = to_rows(work, repeats)
    sys.stdout.write(f"{work}; shares of the whole, of the bare first step\n")
    for row in rows:
        sys.stdout.write(
            "{part:32}{seconds:9.2f} s{share:8.1%}\n".format(**row)
        )
    contest.write(arguments.out, rows)


if __name__ == "__main__":
    main()
