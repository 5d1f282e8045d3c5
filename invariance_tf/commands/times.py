"""How long runs will take, by those that are done."""

import collections
import statistics

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
