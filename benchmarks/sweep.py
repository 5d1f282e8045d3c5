"""Measures what a sweep costs besides training, testing and analysis.

`python -m benchmarks sweep` does a sweep of 50 tiny runs in one process. It
shows the resident memory of that process after each tenth run and after the
fifth, and the time of a run that is not spent on training, testing and
analysis. For Linux.
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
import time

from benchmarks import contest
from invariance_tf.runs.sweep import plan, schedule
from invariance_tf.runs.sweep.local import LocalEngine
from invariance_tf.settings.config import Experiment


class Watch:
    """Notes memory and time at the end of each run, instead of a display."""

    def __init__(self):
        self.memory = []
        self.overhead = []
        self.last = time.perf_counter()

    def begin(self, run):
        """Does nothing."""

    def update(self):
        """Does nothing."""

    def end(self, run, outcome):
        """Notes the memory of the process and the time of its run."""
        if outcome.status != "done":
            sys.exit(f"{run.name} failed: {outcome.message}")
        (process,) = multiprocessing.active_children()
        self.memory.append(resident_memory(process.pid))
        now = time.perf_counter()
        seconds = outcome.value["seconds"]
        work = sum(
            seconds[stage] for stage in ("training", "evaluation", "analysis")
        )
        self.overhead.append(now - self.last - work)
        self.last = now
        number = len(self.memory)
        if number == 5 or number % 10 == 0:
            sys.stdout.write(
                f"run {number}: {self.memory[-1] / 2**20:.0f} MiB, "
                f"{work:.2f} s of work, {self.overhead[-1]:.2f} s besides\n"
            )
            sys.stdout.flush()


def resident_memory(process_id):
    """Returns the resident memory of a process in bytes."""
    with open(f"/proc/{process_id}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    """Prints memory and time, and a summary."""
    parser = contest.make_parser(__doc__, repeats=1)
    parser.add_argument("--num_runs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs_dir:
        runs = [
            plan.Run(
                Experiment(
                    num_categories=4,
                    num_train=10,
                    num_test=3,
                    image_size=32,
                    n_seen=2,
                    epochs=1,
                    transform=("highpass", "blur", "rotate90")[seed % 3],
                    seed=seed,
                    runs_dir=runs_dir,
                ).resolve()
            )
            for seed in range(arguments.num_runs)
        ]
        engine, watch = LocalEngine(1, arguments.threads), Watch()
        try:
            schedule.finish_runs(runs, engine, watch)
        finally:
            engine.stop()
    row = {
        "num_runs": len(runs),
        "memory_of_last_to_fifth": round(watch.memory[-1] / watch.memory[4], 3),
        "overhead_seconds": round(statistics.median(watch.overhead[1:]), 3),
        "first_overhead_seconds": round(watch.overhead[0], 2),
    }
    line = (
        "memory of the last run / the fifth: {memory_of_last_to_fifth}; "
        "overhead of a run: {overhead_seconds} s (median), of the first, "
        "with TensorFlow's start: {first_overhead_seconds} s"
    )
    contest.report_rows([row], line, arguments.out)


if __name__ == "__main__":
    main()
