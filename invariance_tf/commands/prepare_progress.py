"""How far the downloads are: a bar in a terminal, plain lines elsewhere."""

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from invariance_tf.commands.progress import duration
from invariance_tf.datasets.facescrub.download.fates import WRITTEN

LINE_SECONDS = 60.0


class FaceProgress:
    """Shows how many faces are done, at which rate, and the time left.

    Args:
        num_rows: Integer, faces to download.
        console: A `rich.console.Console`, or `None` for the error stream.
    """

    def __init__(self, num_rows, console=None):
        self._num_rows, self._num_done, self._num_written = num_rows, 0, 0
        self._start = self._last_line = time.monotonic()
        console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("Faces"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            # A link that hangs for a minute must not spoil the estimate.
            speed_estimate_period=300.0,
        )
        self._task = self._bar.add_task("", total=num_rows, state="")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def advance(self, outcomes):
        """Notes the outcomes of one photo."""
        self._num_done += len(outcomes)
        self._num_written += sum(each.fate in WRITTEN for each in outcomes)
        now = time.monotonic()
        rate = self._num_done / max(now - self._start, 1e-3)
        state = f"{self._num_written} written, {rate:.1f} faces/s"
        self._bar.update(self._task, advance=len(outcomes), state=state)
        if self._bar.disable and now - self._last_line > LINE_SECONDS:
            self._last_line = now
            left = duration((self._num_rows - self._num_done) / rate)
            sys.stderr.write(
                f"{self._num_done}/{self._num_rows} faces, {state}, "
                f"{left} left\n"
            )
