"""Reads the runs of a search, and writes its result."""

import contextlib
import csv
import hashlib
import itertools
import os

import yaml

from invariance_tf import drawing, files, run_files
from invariance_tf.runs.search import choice
from invariance_tf.runs.search.figure import draw_search
from invariance_tf.runs.search.grid import SEARCHED
from invariance_tf.runs.sweep.worker import FAILURE


def has_failed(run):
    """Returns whether the training of a run diverged, or did not learn.

    The latter counts if the run is to stop then. Either would end so again, and
    is not repeated while its directory exists.

    Args:
        run: A `sweep.plan.Run`.
    """
    path = os.path.join(run.run_dir, FAILURE)
    try:
        with run_files.reading(path):
            error = files.read_json(path)["error"]
    except files.DamagedFileError:
        return False
    is_stopped = run.experiment.if_not_learning == "stop"
    return error == "FloatingPointError" or (
        error == "NotLearningError" and is_stopped
    )


def read_settings(runs):
    """Reads the accuracies of finished or failed runs.

    Args:
        runs: List of `sweep.plan.Run`, the seeds of a setting side by side.

    Returns:
        List of `choice.Setting`, in the order of the runs.
    """

    def setting(run):
        return tuple(getattr(run.experiment, name) for name in SEARCHED)

    return [
        choice.Setting(*values, tuple(map(_accuracy, of_setting)))
        for values, of_setting in itertools.groupby(runs, setting)
    ]


def count_images(runs):
    """Returns the number of held-out images, or 0 if every run failed."""
    for row in _read_table(runs, "accuracy.csv"):
        if row["category_group"] == "all":
            return int(row["num_images"])
    return 0


def count_categories(runs):
    """Returns the number of categories, or 0 if every run failed."""
    return len(_read_table(runs, "categories.csv"))


def _read_table(runs, name):
    """Returns the rows of a table of the first run that did not fail."""
    for run in runs:
        finished = run_files.find_finished(run.run_dir)
        if finished is not None:
            with (
                finished.reading(name) as path,
                open(path, encoding="utf-8", newline="") as file,
            ):
                return [*csv.DictReader(file)]
    return []


def result_dir(runs):
    """Returns the directory of the result of a search.

    Its name ends in a hash over the runs: each grid has its own directory.

    Args:
        runs: List of `sweep.plan.Run`.
    """
    names = sorted(run.name for run in runs)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]
    # Data set, network and transformation, without n_seen, seed and hash.
    subject, *_ = names[0].rsplit("-", 3)
    search_dir = os.path.dirname(runs[0].experiment.runs_dir)
    return os.path.join(search_dir, f"{subject}-{digest}")


def write_result(record_dir, settings, best, title, note, command):
    """Writes the table, its picture, and the best setting as a config.

    Args:
        record_dir: Path of the directory to write to.
        settings: List of `choice.Setting`.
        best: The chosen one of them, or `None`.
        title: String, the subject of the search.
        note: String, how the settings were compared.
        command: String, the command that searched.
    """
    os.makedirs(record_dir, exist_ok=True)
    path = os.path.join(record_dir, "{}").format
    files.write_csv(path("search.csv"), choice.to_table(settings))
    figure = draw_search(settings, best, title, note)
    drawing.save(figure, path("search.png"), dpi=150)
    if best is None:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path("best.yaml"))
        return
    with files.replacing(path("best.yaml")) as temporary_path:
        with open(temporary_path, "w", encoding="utf-8") as file:
            for line in (f"{title}. {note}", f"  {command}"):
                file.write(f"# {line}\n")
            file.write(to_yaml(best))


def to_yaml(best):
    """Returns a `choice.Setting` as lines of a config."""
    chosen = {name: getattr(best, name) for name in SEARCHED}
    return yaml.safe_dump(chosen, sort_keys=False)


def _accuracy(run):
    """Returns the accuracy of a run; `None` if it failed."""
    finished = run_files.find_finished(run.run_dir)
    return finished and finished.summary["clean_accuracy"]
