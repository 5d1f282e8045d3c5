"""How far the work is: a bar or a table in a terminal, else plain lines."""

import collections
import math
import os
import statistics
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from invariance_tf.commands import terminal
from invariance_tf.commands.times import Epochs, RunTimes

# Between plain lines.
LINE_SECONDS = 60.0


class Bar:
    """Shows how much is done: a bar in a terminal, else a line each minute.

    Args:
        title: String, what is counted.
        total: Integer, how many there are.
        console: A `rich.console.Console`, or `None` for the error stream.
        width: Integer, columns of the bar.
        **options: Further arguments of `rich.progress.Progress`.
    """

    def __init__(self, title, total, console=None, width=20, **options):
        self._title, self._total, self._num_done = title, total, 0
        self._start = self._last_line = time.monotonic()
        console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=width),
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
        self._draw(self._num_done, state)

    def _draw(self, completed, state, details=""):
        """Draws the bar; without one, shows a line with details at times."""
        state = f"{self._num_done}/{self._total}, {state}"
        self._bar.update(
            self._task,
            completed=completed,
            state=state,
            refresh=not self._bar.live.auto_refresh,
        )
        now = time.monotonic()
        if self._bar.disable and now - self._last_line > LINE_SECONDS:
            self._last_line = now
            terminal.show_problem(f"{self._title}: {state}{details}")


class FaceBar(Bar):
    """Shows how many faces are done, at which rate, and the time left.

    Args:
        num_faces: Integer, faces to download.
    """

    def __init__(self, num_faces):
        super().__init__("Faces", num_faces)
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
    """Shows how far many runs are: in a terminal, a bar for all and for each.

    How far a run is, its table of epochs says, wherever its process is.

    Args:
        runs: List of `plan.Run`, those to do.
        num_before: Integer, runs that were done before.
        num_slots: Integer, runs at once.
        times: A `times.RunTimes`, of runs that were done before.
        console: A `rich.console.Console`, or `None` for that of the program.
    """

    def __init__(self, runs, num_before, num_slots, times, console=None):
        # Without a thread of its own: Ctrl-C would reach it, and not be held
        # back, while a process starts.
        super().__init__(
            "Runs",
            num_before + len(runs),
            console or Console(),
            # Leaves room for the names of runs in 80 columns.
            width=10,
            auto_refresh=False,
        )
        self._num_done, self._num_slots = num_before, num_slots
        self._times, self._num_failed = times, 0
        names = [run.name for run in runs]
        common, *_ = os.path.commonprefix(names).rpartition("-")
        self._common = f"{common}-" if len(runs) > 1 else ""
        # Runs by name, those that run with the lines below the bar, and their
        # epochs.
        self._waiting, self._running = {run.name: run for run in runs}, {}

    def begin(self, run):
        """Counts a run that was started."""
        epochs = run.experiment.epochs
        line = self._bar.add_task("", total=epochs, state="")
        del self._waiting[run.name]
        self._running[run.name] = run, line, Epochs(run.run_dir, epochs)

    def put_back(self, run, outcome):
        """Counts a run that has to be started again."""
        self._remove_line(run)
        self._waiting[run.name] = run
        if outcome.status == "died":
            terminal.show_line(f"{run.name}: {outcome.message}; it goes on")

    def end(self, run, outcome):
        """Counts a run that is done or has failed."""
        self._remove_line(run)
        self._num_done += 1
        style = None
        if outcome.status == "failed":
            self._num_failed += 1
            style = "red"
            text = f"failed: {outcome.error}: {outcome.message}"
        elif outcome.value["was_done"] and run.seconds is None:
            # By another sweep, while this one waited.
            text = f"done elsewhere, {_format_accuracies(outcome.value)}"
        else:
            accuracies = _format_accuracies(outcome.value)
            if outcome.value["was_done"]:
                accuracies += ", neurons measured again"
                seconds = outcome.seconds
            else:
                # Its own, without the start of its process.
                seconds = sum(outcome.value["seconds"].values())
            # A run that went on was begun before this sweep.
            self._times.add(run, max(outcome.seconds, seconds))
            text = f"{accuracies}, {seconds:.0f} s"
        position = f"{self._num_done:{len(str(self._total))}d}"
        terminal.show_line(
            f"[{position}/{self._total}] {run.name}: {text}", style
        )

    def update(self):
        """Draws the bars again."""
        share, stages = self._num_done, []
        for name, (run, line, epochs) in self._running.items():
            epochs.read()
            share += epochs.num_done / (epochs.total + 1)
            stages.append(epochs.stage())
            left = epochs.seconds_left(self._times.expected(run))
            # Nothing is known of a run that is late.
            left = f", {format_duration(left)} left" if left else ""
            short = name.removeprefix(self._common)
            self._bar.update(
                line,
                completed=epochs.num_done,
                state=f"{stages[-1]}{left}  {short}",
            )
        counts = {
            "running": len(self._running),
            "failed": self._num_failed,
            "waiting": len(self._waiting),
        }
        words = [f"{count} {what}" for what, count in counts.items() if count]
        left = f"{format_duration(self.seconds_left())} left"
        details = f" ({'; '.join(stages)})" if stages else ""
        self._draw(share, ", ".join([*words, left]), details)

    def seconds_left(self):
        """Returns the expected time to the end in seconds, or `None`."""
        running = [(run, epochs) for run, _, epochs in self._running.values()]
        runs = [run for run, _ in running] + [*self._waiting.values()]
        # What no finished run is like, the first epochs of others tell.
        begun = RunTimes()
        for run, epochs in running:
            if epochs.num_done:
                begun.add(run, epochs.seconds())
        expected = {}
        for run in runs:
            seconds = self._times.expected(run)
            if seconds is None:
                seconds = begun.expected(run)
            expected[run.name] = seconds
        known = [each for each in expected.values() if each is not None]
        if not known:
            return None
        usual = statistics.mean(known)
        left = {
            name: usual if seconds is None else seconds
            for name, seconds in expected.items()
        }
        for run, epochs in running:
            seconds = epochs.seconds_left(self._times.expected(run))
            if seconds is not None:
                left[run.name] = seconds
        together = sum(left.values()) / min(self._num_slots, len(runs))
        # The last runs leave slots empty.
        return max(together, *(left[run.name] for run, _ in running), 0)

    def _remove_line(self, run):
        """Removes the line of a run below the bar."""
        _, line, _ = self._running.pop(run.name)
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
        times = RunTimes(runs)
        left = [times.expected(run) for run in runs if not run.is_done]
        seconds = None
        if None not in left:
            seconds = sum(left) / min(num_slots, max(num_left, 1))
        time_left = format_duration(seconds)
        text += f", {num_slots} at once. Estimated time: {time_left}."
    terminal.show_line(text)


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


def _format_accuracies(summary):
    """Returns in short what a run found."""
    return ", ".join(
        f"{group} {terminal.format_number(summary[f'{group}_accuracy'])}"
        for group in ("within", "across", "clean")
    )
