"""How far a sweep is: a live table in a terminal, plain lines elsewhere."""

import collections
import math
import sys
import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text


class Progress:
    """Shows how far a sweep is.

    Args:
        runs: List of `plan.Run`, those to do.
        num_done: Integer, runs that were done before.
        num_slots: Integer, runs at once.
        expected: Float, seconds that a run took before, or `None`.
        console: A `rich.console.Console`, or `None` for that of the program.
    """

    def __init__(self, runs, num_done, num_slots, expected, console=None):
        self._num_before, self._num_slots = num_done, num_slots
        self._num_total = num_done + len(runs)
        self._expected = expected
        self._seconds = []
        self._num_failed = 0
        # From a run's name to the time of its start.
        self._running = {}
        self._last = collections.deque(maxlen=8)
        self._console = console or Console()
        self._live = None

    def __enter__(self):
        if self._console.is_terminal:
            # Without a thread of its own, which would draw half a change.
            self._live = Live(
                console=self._console,
                get_renderable=self._draw,
                auto_refresh=False,
            ).__enter__()
        return self

    def __exit__(self, *error):
        if self._live is not None:
            self._live.__exit__(*error)

    def begin(self, run):
        """Notes that a run was started."""
        self._running[run.name] = time.monotonic()

    def put_back(self, run, outcome):
        """Notes that a run has to be started again."""
        self._running.pop(run.name)
        if outcome.status == "died":
            self._say(f"{run.name}: {outcome.message}; it goes on")

    def end(self, run, outcome):
        """Notes that a run is done or has failed."""
        self._running.pop(run.name)
        if outcome.status == "failed":
            self._num_failed += 1
            text = f"failed: {outcome.error}: {outcome.message}"
        elif outcome.value["was_done"] and run.seconds is None:
            # By another sweep, while this one waited.
            self._num_before += 1
            text = f"done elsewhere, {_describe(outcome.value)}"
        else:
            self._seconds.append(outcome.seconds)
            text = f"{_describe(outcome.value)}, {outcome.seconds:.0f} s"
        position = f"{self.num_ended:{len(str(self._num_total))}d}"
        self._say(f"[{position}/{self._num_total}] {run.name}: {text}")

    def update(self):
        """Draws the live table anew."""
        if self._live is not None:
            self._live.refresh()

    @property
    def num_ended(self):
        """Number of runs that are done or have failed."""
        return self._num_before + len(self._seconds) + self._num_failed

    def seconds_left(self):
        """Returns the expected time to the end in seconds, or `None`."""
        mean = self._expected
        if self._seconds:
            mean = sum(self._seconds) / len(self._seconds)
        num_left = self._num_total - self.num_ended
        return mean and mean * num_left / min(self._num_slots, max(num_left, 1))

    def _say(self, line):
        """Shows a line for good, or until newer ones come."""
        if self._live is not None:
            self._last.append(line)
            self.update()
        else:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def _draw(self):
        """Returns the live table."""
        counts = Table()
        for name in ("done", "running", "failed", "left", "time left"):
            counts.add_column(name, justify="right")
        num_left = self._num_total - self.num_ended
        left = self.seconds_left()
        counts.add_row(
            str(self.num_ended - self._num_failed),
            str(len(self._running)),
            str(self._num_failed),
            str(num_left - len(self._running)),
            duration(left),
        )
        now = time.monotonic()
        running = (
            Text(f"{name}: running, {now - start:.0f} s", style="dim")
            for name, start in self._running.items()
        )
        return Group(counts, *map(Text, self._last), *running)


def duration(seconds):
    """Puts a time in seconds into words.

    Example:

    >>> duration(200), duration(8000), duration(None)
    ('3 min 20 s', '2 h 13 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _describe(summary):
    """Says in short what a run found."""
    return ", ".join(
        f"{group} {_number(summary[f'{group}_accuracy'])}"
        for group in ("within", "across", "clean")
    )


def _number(value):
    """Shows a number, or that it does not exist."""
    exists = value is not None and math.isfinite(value)
    return f"{value:.3f}" if exists else "-"
