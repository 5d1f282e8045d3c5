"""How long runs will take, by those that are done and by their epochs."""

import collections
import csv
import math
import os
import statistics
import time

# Settings on which the time of a run depends most, besides those of its images.
_COSTLY = (
    "dataset",
    "network",
    "network_args",
    "paradigm",
    "epochs",
    "batch_size",
    "precision",
    "evaluate_on",
    "test_strengths",
    "analysis",
    "layer_measures",
)


class RunTimes:
    """Knows how long runs took.

    Args:
        runs: Iterable of `plan.Run`; those that are done were done before.
    """

    def __init__(self, runs=()):
        # Those of now go first: other programs may slow the machine down.
        self._now = collections.defaultdict(list)
        self._before = collections.defaultdict(list)
        for run in runs:
            if run.seconds is not None:
                for kind in _kinds(run):
                    self._before[kind].append(run.seconds)

    def add(self, run, seconds):
        """Notes how long a run took just now."""
        for kind in _kinds(run):
            self._now[kind].append(seconds)

    def expected(self, run):
        """Returns the mean time of the runs most like one, or `None`."""
        for kind in _kinds(run):
            for known in (self._now, self._before):
                if kind in known:
                    return statistics.mean(known[kind])
        return None


def _kinds(run):
    """Returns what runs have in common that take equally long, then as long."""
    experiment = run.experiment
    costly = {name: getattr(experiment, name) for name in _COSTLY}
    return (
        repr((costly, experiment.dataset_options())),
        repr((experiment.dataset, experiment.network)),
    )


class Epochs:
    """Reads how far a running run is from the table of its epochs.

    Args:
        run_dir: Path of the run directory.
        total: Integer, epochs of the training.
    """

    def __init__(self, run_dir, total):
        self.total, self.num_done = total, 0
        self._path = os.path.join(run_dir, "history.csv")
        self._begin = self._last_change = time.monotonic()
        self._per_epoch = 0.0
        self.read()
        # Of a run that goes on, these were before.
        self._num_before = self.num_done

    def read(self):
        """Reads the table again, which is replaced after each epoch."""
        try:
            with open(self._path, encoding="utf-8", newline="") as file:
                rows = [*csv.DictReader(file)]
            mean = statistics.mean(float(row["seconds"]) for row in rows)
        except (OSError, ValueError, KeyError, TypeError):
            # It is there after the first epoch; the run itself will complain.
            return
        if len(rows) != self.num_done and math.isfinite(mean):
            self.num_done, self._per_epoch = len(rows), mean
            self._last_change = time.monotonic()

    def stage(self):
        """Returns in words what the run does."""
        if self.num_done == self._num_before == 0:
            return "starting"
        if self.num_done < self.total:
            return f"epoch {self.num_done + 1}/{self.total}"
        return "measuring"

    def seconds(self):
        """Returns the time that the whole run takes, by its epochs."""
        return self._elapsed() + self._of_training()

    def seconds_left(self, mean):
        """Returns the expected time to the end of the run, or `None`.

        Args:
            mean: Float, seconds that other runs took, or `None`.
        """
        if mean is None:
            return self._of_training() if self.num_done else None
        # Later than expected: only the epochs that are left are known.
        return max(mean - self._elapsed(), self._of_training(), 0)

    def _elapsed(self):
        """Returns the time so far, with that of epochs done before."""
        before = self._num_before * self._per_epoch
        return time.monotonic() - self._begin + before

    def _of_training(self):
        """Returns the time that the training still takes."""
        left = (self.total - self.num_done) * self._per_epoch
        return max(left - (time.monotonic() - self._last_change), 0)
