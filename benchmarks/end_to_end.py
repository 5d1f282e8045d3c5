"""Shows where the time of a whole run goes, and what its start costs.

`python -m benchmarks end_to_end` runs the default experiment, as the command
`run` does it, in a process of its own, and reads the rest from what the run
wrote: the seconds of its stages (data, model, training with its validation,
evaluation, analysis) from summary.json; start-up (Python, imports, settings)
until config.yaml is there; exit after summary.json; the rest (tables, pictures,
model, provenance) is what is left. Other options are those of
run_experiment.py: `--network alexnet --image_size 100 --epochs 2`.

In turn with it, a bare process imports TensorFlow, builds the same network with
the high-pass filter, and trains on one batch in memory. The last rows of the
table compare the times from the start of the process to the first training
step, without the making of the data. `--rate_out` is a second CSV file:
training images per second from the ends of epochs, in the bare process, in a
run without validation, and in the run.
"""

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import contest

STAGES = ("data", "model", "training", "evaluation", "analysis")
# Of settings, what the bare process is told.
NAMES = ("network", "image_size", "num_categories", "batch_size")
NUM_STEPS = 20


def do_run(options):
    """Runs an experiment in a process of its own.

    Returns:
        The seconds of its parts, those until the first step but for the data,
        its training images per second, and its `config.Experiment`'s settings
        with the number of categories.
    """
    from invariance_tf import files

    with tempfile.TemporaryDirectory() as runs_dir:
        command = [sys.executable, "-m", "invariance_tf", "run", *options]
        start = time.time()
        done = subprocess.run(
            [*command, f"--runs_dir={runs_dir}"],
            capture_output=True,
            text=True,
        )
        end = time.time()
        if done.returncode:
            sys.exit(done.stderr)
        (run_dir,) = (entry.path for entry in os.scandir(runs_dir))
        settings = files.read_yaml(os.path.join(run_dir, "config.yaml"))
        summary = files.read_json(os.path.join(run_dir, "summary.json"))
        begun, finished = (
            os.path.getmtime(os.path.join(run_dir, name))
            for name in ("config.yaml", "summary.json")
        )
        epochs = read_epochs(os.path.join(run_dir, "tensorboard"))
        num_images = count_training_images(run_dir)
    seconds = {stage: summary["seconds"].get(stage, 0.0) for stage in STAGES}
    start_up = begun - start - seconds["data"] - seconds["model"]
    parts = {"start-up": start_up, **seconds, "exit": end - finished}
    parts["rest"] = end - start - sum(parts.values())
    # The first epoch traces; the others are as usual.
    usual = (epochs[-1] - epochs[0]) / (len(epochs) - 1)
    first_step = epochs[0] - usual - start - seconds["data"]
    settings["num_categories"] = summary["num_categories"]
    return parts, first_step, num_images / usual, settings


def read_epochs(log_dir):
    """Returns when epochs ended, from the event file."""
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(log_dir).Reload()
    return [event.wall_time for event in events.Scalars("training/loss")]


def count_training_images(run_dir):
    """Returns how many images the run was trained on."""
    import pandas as pd

    table = pd.read_csv(os.path.join(run_dir, "categories.csv"))
    return int(table.num_train.sum())


def serve_bare(start, network, *numbers):
    """Trains on a batch in memory; writes what start and step took."""
    with contextlib.redirect_stdout(sys.stderr):
        for name in ("tensorflow", "keras"):
            importlib.import_module(name)
        found = {"import": time.time() - float(start)}
        from benchmarks import training_step

        work = (network, *map(int, numbers))
        training_step.make_step(*work, "float32")
        found["first_step"] = time.time() - float(start)
        step = training_step.make_step(*work, "float32", NUM_STEPS)
        contest.time_calls(step)
        found["rate"] = work[-1] * NUM_STEPS / contest.time_calls(step, 3)
    json.dump(found, sys.stdout)


def summarise(repeats, whole, names=("part", "seconds", "share")):
    """Returns a row for each part, with medians over repeats.

    Args:
        repeats: List of dictionaries from parts to numbers.
        whole: String, the part that shares are of.
        names: The columns.
    """
    rows = []
    for part in repeats[0]:
        median = statistics.median(each[part] for each in repeats)
        share = statistics.median(each[part] / each[whole] for each in repeats)
        values = (part, round(median, 3), round(share, 4))
        row = dict(zip(names, values, strict=True))
        rows.append({**row, "repeats": len(repeats)})
    return rows


def main():
    """Prints and writes both tables."""
    parser = contest.make_parser(__doc__, repeats=3, num_served=5)
    parser.add_argument("--rate_out", help="CSV file of the rates")
    arguments, options = parser.parse_known_args()
    if arguments.serve:
        serve_bare(*arguments.serve)
        return
    parts, starts, rates = [], [], []
    for _ in range(arguments.repeats):
        found, first_step, rate, settings = do_run(options)
        without = do_run([*options, "--validation_fraction=0"])
        bare = contest.ask_process(
            "end_to_end", "--serve", time.time(), *map(settings.get, NAMES)
        )
        parts.append({**found, "whole": sum(found.values())})
        starts.append(
            {
                "first step": first_step,
                "bare first step: import": bare["import"],
                "bare first step": bare["first_step"],
                "first step: more than bare": first_step - bare["first_step"],
            }
        )
        rates.append(
            {
                "bare": bare["rate"],
                "run without validation": without[2],
                "run": rate,
            }
        )
    work = f"{settings['network']}, {settings['image_size']} px"
    rows = summarise(parts, "whole") + summarise(starts, "bare first step")
    contest.report_rows(
        [{"work": work, **row} for row in rows],
        "{part:32}{seconds:9.2f} s{share:8.1%}",
        arguments.out,
    )
    names = ("way", "images_per_second", "rate_to_bare")
    contest.report_rows(
        summarise(rates, "bare", names),
        "{way}: {images_per_second} images/s, {rate_to_bare} of the bare step",
        arguments.rate_out,
    )


if __name__ == "__main__":
    main()
