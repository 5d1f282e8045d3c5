"""How far the work is: a bar or a table in a terminal, else plain lines."""

import collections
import math
import statistics
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from invariance_tf.commands import terminal

# Between plain lines.
LINE_SECONDS = 60.0


class Bar:
    """Shows how much is done: a bar in a terminal, else a line each minute.

    Args:
        title: String, what is counted.
        total: Integer, how many there are.
        console: A `rich.console.Console`, or `None` for the error stream.
        **options: Further arguments of `rich.progress.Progress`.
    """

    def __init__(self, title, total, console=None, **options):
        self._title, self._total, self._num_done = title, total, 0
        self._start = self._last_line = time.monotonic()
        console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            # Narrow terminals get two lines, not half of the text.
            TextColumn(
                "{task.fields[state]}", markup=False, table_column=Column()
            ),
            console=console,
            disable=not console.is_terminal,
            **options,
        )
        self._task = self._bar.add_task(title, total=total, state=f"0/{total}")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def advance(self, count, state):
        """Shows that more is done.

        Args:
            count: Integer, how many more.
            state: String, what else is known.
        """
        self._num_done += count
        self._draw(state)
        now = time.monotonic()
        if self._bar.disable and now - self._last_line > LINE_SECONDS:
            self._last_line = now
            terminal.show_problem(
                f"{self._title}: {self._num_done}/{self._total}, {state}"
            )

    def _draw(self, state):
        """Draws the bar with what is done now."""
        self._bar.update(
            self._task,
            completed=self._num_done,
            state=f"{self._num_done}/{self._total}, {state}",
            refresh=not self._bar.live.auto_refresh,
        )


class FaceBar(Bar):
    """Shows how many faces are done, at which rate, and the time left.

    Args:
        num_faces: Integer, faces to download.
        console: As of `Bar`.
    """

    def __init__(self, num_faces, console=None):
        super().__init__("Faces", num_faces, console)
        self._num_written = 0

    def advance(self, outcomes):
        """Shows that the outcomes of one photo, a list, are known."""
        from invariance_tf.datasets.facescrub.download.fates import WRITTEN

        self._num_written += sum(each.fate in WRITTEN for each in outcomes)
        num_done = self._num_done + len(outcomes)
        # Over the whole time: a link that hangs for a minute must not spoil
        # the estimate.
        rate = num_done / max(time.monotonic() - self._start, 1e-3)
        left = format_duration((self._total - num_done) / rate)
        super().advance(
            len(outcomes),
            f"{self._num_written} written, {rate:.1f} faces/s, {left} left",
        )


class RunsProgress(Bar):
    """Shows how far many runs are: a bar and a line for each in a terminal.

    Args:
        runs: List of `plan.Run`, those to do.
        num_before: Integer, runs that were done before.
        num_slots: Integer, runs at once.
        expected: Float, seconds that a run took before, or `None`.
        console: A `rich.console.Console`, or `None` for that of the program.
    """

    def __init__(self, runs, num_before, num_slots, expected, console=None):
        # Without a thread of its own: Ctrl-C would reach it, and not be held
        # back, while a process starts.
        super().__init__(
            "Runs",
            num_before + len(runs),
            console or Console(),
            auto_refresh=False,
        )
        self._num_done, self._num_slots = num_before, num_slots
        self._expected, self._seconds, self._num_failed = expected, [], 0
        # From a run's name to its line below the bar, and when it began.
        self._running = {}

    def begin(self, run):
        """Counts a run that was started."""
        line = self._bar.add_task("", total=None, state=run.name)
        self._running[run.name] = line, time.monotonic()

    def put_back(self, run, outcome):
        """Counts a run that has to be started again."""
        self._remove_line(run)
        if outcome.status == "died":
            terminal.show_line(f"{run.name}: {outcome.message}; it goes on")

    def end(self, run, outcome):
        """Counts a run that is done or has failed."""
        self._remove_line(run)
        self._num_done += 1
        if outcome.status == "failed":
            self._num_failed += 1
            text = f"failed: {outcome.error}: {outcome.message}"
        elif outcome.value["was_done"] and run.seconds is None:
            # By another sweep, while this one waited.
            text = f"done elsewhere, {_format_accuracies(outcome.value)}"
        else:
            self._seconds.append(outcome.seconds)
            accuracies = _format_accuracies(outcome.value)
            if outcome.value["was_done"]:
                accuracies += ", neurons measured again"
                seconds = outcome.seconds
            else:
                # Its own, without the start of its process.
                seconds = sum(outcome.value["seconds"].values())
            text = f"{accuracies}, {seconds:.0f} s"
        position = f"{self._num_done:{len(str(self._total))}d}"
        terminal.show_line(f"[{position}/{self._total}] {run.name}: {text}")

    def update(self):
        """Draws the bar again."""
        num_waiting = self._total - self._num_done - len(self._running)
        self._draw(
            f"{len(self._running)} running, {self._num_failed} failed, "
            f"{num_waiting} waiting, {format_duration(self.seconds_left())} "
            "left"
        )

    def seconds_left(self):
        """Returns the expected time to the end in seconds, or `None`."""
        mean = self._expected
        if self._seconds:
            mean = statistics.mean(self._seconds)
        if mean is None:
            return None
        now = time.monotonic()
        of_running = [
            max(mean - (now - begin), 0) for _, begin in self._running.values()
        ]
        num_left = self._total - self._num_done
        of_waiting = mean * (num_left - len(of_running))
        together = sum(of_running) + of_waiting
        num_at_once = min(self._num_slots, max(num_left, 1))
        # The last runs leave slots empty.
        return max(together / num_at_once, *of_running, 0)

    def _remove_line(self, run):
        """Removes the line of a run below the bar."""
        line, _ = self._running.pop(run.name)
        self._bar.remove_task(line)


def show_overview(runs, num_slots):
    """Shows how many runs are done and to do, and how long they may take.

    Args:
        runs: List of `plan.Run`.
        num_slots: Integer, runs at once; `None` if the data could not be
            checked, so that the time cannot be estimated.
    """
    of_cell = collections.defaultdict(list)
    for run in runs:
        cell = run.experiment.transform, run.experiment.n_seen
        of_cell[cell].append(run.is_done)
    columns = sorted(
        {n_seen for _, n_seen in of_cell},
        key=lambda n_seen: math.inf if n_seen == "all" else n_seen,
    )

    def count(transform, n_seen):
        is_done = of_cell.get((transform, n_seen))
        return f"{sum(is_done)}/{len(is_done)}" if is_done else ""

    terminal.show_table(
        "runs done of those in the plan, by n_seen",
        {"transform": "left", **dict.fromkeys(map(str, columns), "right")},
        (
            [transform, *(count(transform, n_seen) for n_seen in columns)]
            for transform in dict.fromkeys(name for name, _ in of_cell)
        ),
    )
    num_left = sum(not run.is_done for run in runs)
    text = f"Runs: {len(runs)}; {len(runs) - num_left} done, {num_left} to do"
    if num_slots is not None:
        seconds = _total_seconds(expected_seconds(runs), num_left, num_slots)
        time_left = format_duration(seconds)
        text += f", {num_slots} at once. Estimated time: {time_left}."
    terminal.show_line(text)


def expected_seconds(runs):
    """Returns the mean time that the runs to do will take, or `None`.

    It is that of the runs that are done, of the same data set and network.

    Args:
        runs: List of `plan.Run`, done and to do.
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


def format_duration(seconds):
    """Returns a time in seconds in words; `None` is unknown.

    Example:

    >>> format_duration(200), format_duration(8000), format_duration(None)
    ('3 min 20 s', '2 h 13 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _total_seconds(mean, num_runs, num_slots):
    """Returns how long runs of a mean time will take together, or `None`."""
    return mean and mean * num_runs / min(num_slots, max(num_runs, 1))


def _format_accuracies(summary):
    """Returns in short what a run found."""
    return ", ".join(
        f"{group} {terminal.format_number(summary[f'{group}_accuracy'])}"
        for group in ("within", "across", "clean")
    )
