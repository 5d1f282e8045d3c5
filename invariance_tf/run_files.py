"""The files of a run: whether they are whole, and replacing some at once.

A run is finished when it has a `summary.json`. That is written last, and lists
the other files with their sizes and hashes. Runs from before there was such a
list are read as they are.
"""

import contextlib
import dataclasses
import hashlib
import os

from invariance_tf import files

# The version of the files of a run; others are refused.
SCHEMA = 2

SUMMARY = "summary.json"
# One for each phase of a training.
CHECKPOINTS = ("checkpoint.npz", "checkpoint_2.npz")

# What measuring the neurons writes; it can be repeated.
MEASURES = (
    "ablation.csv",
    "active_counts.csv",
    "clusters.csv",
    "clusters.png",
    "layers.csv",
    "neurons.parquet",
    "strengths.csv",
    "strengths.png",
)

# The files that a summary lists, where they exist. Nothing but TensorBoard
# reads its event files.
LISTED = (
    "accuracy.csv",
    "accuracy_by_category.csv",
    "categories.csv",
    "config.yaml",
    "confusion.csv",
    "confusion.png",
    "confusion_matrix.csv",
    "examples.png",
    "history.csv",
    "model.keras",
    "near_copies.csv",
    "provenance.json",
    "skipped.csv",
    "splits.csv",
    *MEASURES,
)

# Where files wait to replace those of a finished run.
_STAGED = ".staged"

_ADVICE = (
    "Restore it, or redo the run: use `run --overwrite` or delete its "
    "directory."
)
_ADVICE_ON_MEASURES = (
    "Measure the neurons again with `analyze`, or redo the run with "
    "`run --overwrite`."
)


def reading(path):
    """As `files.reading`, for a file of a run, finished or not."""
    return files.reading(path, _advise(os.path.basename(path)))


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """Finds the files of a finished run, and notices damage to them.

    Attributes:
        run_dir: Path of the run directory.
        summary: Dictionary, the content of its `summary.json`.
        seconds: Float, how long the run took.
    """

    run_dir: str
    summary: dict
    seconds: float

    def has(self, name):
        """Returns whether a file belongs to the run."""
        if "files" in self.summary:
            return name in self.summary["files"]
        return os.path.lexists(os.path.join(self.run_dir, name))

    def check(self, only_sizes=False):
        """Raises if any file of the run is damaged.

        Args:
            only_sizes: Whether to compare only sizes. Hashes take a second for
                each gigabyte, too long for the models of a whole sweep.

        Raises:
            DamagedFileError: If a file is damaged.
        """
        for name in self.summary.get("files", ()):
            self.find(name, only_sizes)

    def find(self, name, only_size=False):
        """Returns the path of a file that is whole.

        Args:
            name: Name of a file of the run.
            only_size: Whether to compare only its size.

        Raises:
            DamagedFileError: If it is damaged.
        """
        path = os.path.join(self.run_dir, name)
        if "files" not in self.summary:
            return path
        if not self.has(name):
            raise files.DamagedFileError(path, "is missing", _advise(name))
        described = self.summary["files"][name]
        # Whoever replaces it may have been killed before the last step, or
        # take it at this moment.
        for place in (path, os.path.join(self.run_dir, _STAGED, name), path):
            fault = files.find_fault(place, described, only_size)
            if fault is None:
                return place
        raise files.DamagedFileError(path, fault, _advise(name))

    @contextlib.contextmanager
    def reading(self, name):
        """Yields the path of a file to read inside.

        Args:
            name: Name of a file of the run.

        Raises:
            DamagedFileError: If it is damaged, or anything was raised inside.
        """
        path = self.find(name)
        with reading(path):
            yield path

    @contextlib.contextmanager
    def replacing_files(self):
        """Replaces some files of the run, all of them or none.

        New files are written to a directory of their own. Writing the summary
        that lists them replaces them all at once: from then on they are the
        run's, and a reader finds them there until they have been moved.

        Yields:
            Path of the directory for the new files; and a function of the new
            summary that replaces, and returns the summary with its list.
        """
        settle(self.run_dir)
        staged = os.path.join(self.run_dir, _STAGED)
        os.mkdir(staged)
        try:
            yield staged, lambda summary: write_summary(self.run_dir, summary)
        finally:
            settle(self.run_dir)


def find_finished(run_dir):
    """Reads the summary of a run.

    Args:
        run_dir: Path of a directory.

    Returns:
        A `FinishedRun`, or `None` if the run is not finished.

    Raises:
        DamagedFileError: If its summary is damaged.
    """
    path = os.path.join(run_dir, SUMMARY)
    if not os.path.lexists(path):
        return None
    with reading(path):
        summary = files.read_json(path)
        seal = summary.pop("sha256", None)
        schema, is_listed = summary["schema"], "files" in summary
        for described in summary.get("files", {}).values():
            described["size"], described["sha256"]
        seconds = sum(summary["seconds"].values())
    if schema != SCHEMA:
        fault = f"has the schema {schema}, and this version reads {SCHEMA}"
        raise files.DamagedFileError(path, fault, _ADVICE)
    if is_listed and seal != _seal(summary):
        fault = "has changed since it was written"
        raise files.DamagedFileError(path, fault, _ADVICE)
    return FinishedRun(os.fspath(run_dir), summary, seconds)


def write_summary(run_dir, summary):
    """Finishes a run, or replaces its summary.

    Args:
        run_dir: Path of the run directory.
        summary: Dictionary. Files that it lists already keep their sizes and
            hashes, unless others wait to replace them.

    Returns:
        Dictionary, the summary with the list of files.
    """
    described = dict(summary.get("files", {}))
    for name in LISTED:
        staged = os.path.join(run_dir, _STAGED, name)
        path = os.path.join(run_dir, name)
        if os.path.exists(staged):
            described[name] = files.describe_file(staged)
        elif "files" not in summary and os.path.exists(path):
            described[name] = files.describe_file(path)
    summary = {**summary, "schema": SCHEMA, "files": described}
    files.write_json(
        os.path.join(run_dir, SUMMARY), {**summary, "sha256": _seal(summary)}
    )
    return summary


def is_settled(run_dir):
    """Returns whether `settle` has nothing to do for a finished run."""
    return not any(
        os.path.lexists(os.path.join(run_dir, name))
        for name in (*CHECKPOINTS, _STAGED)
    )


def settle(run_dir):
    """Completes what a killed process left, and finds out if the run is done.

    Whoever calls it must hold the lock of the run.

    Args:
        run_dir: Path of the run directory.

    Returns:
        As of `find_finished`.

    Raises:
        DamagedFileError: If the run's summary is damaged.
    """
    finished = find_finished(run_dir)
    staged = os.path.join(run_dir, _STAGED)
    if finished is not None:
        for name in CHECKPOINTS:
            files.remove(os.path.join(run_dir, name))
        described = finished.summary.get("files", {})
        for name in os.listdir(staged) if os.path.isdir(staged) else ():
            path = os.path.join(staged, name)
            # The others were never made part of the run.
            if name in described and not files.find_fault(
                path, described[name]
            ):
                os.replace(path, os.path.join(run_dir, name))
    files.remove(staged)
    return finished


def clear_run(run_dir):
    """Removes everything but the lock.

    First goes what makes a run finished or resumed, so that a process killed
    meanwhile leaves a run that starts from the beginning.
    """
    files.clear_directory(run_dir, first=(SUMMARY, *CHECKPOINTS))


def _seal(summary):
    """Hashes a summary, as it is written and as it is read."""
    return hashlib.sha256(files.to_json(summary).encode()).hexdigest()


def _advise(name):
    """Returns what to do about a damaged file."""
    return _ADVICE_ON_MEASURES if name in MEASURES else _ADVICE
