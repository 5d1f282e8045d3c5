"""What is known of a sweep's runs: done, to do, and the time that it takes."""

import collections
import math
import statistics

from rich.console import Console
from rich.table import Table

from invariance_tf.commands.progress import duration


def expected_seconds(runs):
    """Returns the mean time that the runs to do will take, or `None`.

    It is that of the runs that are done, of the same data set and network.
    """

    def kind(run):
        return run.experiment.dataset, run.experiment.network

    known = collections.defaultdict(list)
    for run in runs:
        if run.seconds is not None:
            known[kind(run)].append(run.seconds)
    left = [run for run in runs if not run.is_done]
    if not all(kind(run) in known for run in left):
        return None
    means = [statistics.mean(known[kind(run)]) for run in left]
    return statistics.mean(means) if means else 0.0


def show(runs, num_slots):
    """Shows how many runs are done and to do, and how long they may take.

    Args:
        runs: List of `plan.Run`.
        num_slots: Integer, runs at once; `None` if nothing is known of the
            data, so that nothing can be said of what is done.
    """
    counts = collections.defaultdict(collections.Counter)
    for run in runs:
        counts[run.experiment.transform][run.experiment.n_seen] += 1
    is_done = collections.defaultdict(collections.Counter)
    for run in runs:
        is_done[run.experiment.transform][run.experiment.n_seen] += run.is_done
    columns = sorted(
        {run.experiment.n_seen for run in runs},
        key=lambda n_seen: math.inf if n_seen == "all" else n_seen,
    )
    table = Table(title="runs done of those in the plan, by n_seen")
    table.add_column("transform")
    for n_seen in columns:
        table.add_column(str(n_seen), justify="right")
    for transform, of_transform in counts.items():
        table.add_row(
            transform,
            *(
                f"{is_done[transform][n_seen]}/{of_transform[n_seen]}"
                if of_transform[n_seen]
                else ""
                for n_seen in columns
            ),
        )
    console = Console()
    console.print(table)
    num_left = sum(not run.is_done for run in runs)
    text = f"Runs: {len(runs)}; {len(runs) - num_left} done, {num_left} to do"
    if num_slots is not None:
        mean = expected_seconds(runs)
        time = mean and mean * num_left / min(num_slots, max(num_left, 1))
        text += f", {num_slots} at once. Estimated time: {duration(time)}."
    console.print(text, soft_wrap=True)
