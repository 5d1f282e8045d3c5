"""What a calibration shows in a terminal."""

import os
import sys

from rich import progress
from rich.console import Console
from rich.table import Table


class Progress:
    """Shows how far a calibration is: a bar in a terminal, else nothing.

    Args:
        transform: String, name of the transformation.
        num_strengths: Integer, strengths that may be tried.
        console: A `rich.console.Console`, or `None` for the error stream.
    """

    def __init__(self, transform, num_strengths, console=None):
        console = console or Console(stderr=True)
        self._bar = progress.Progress(
            progress.TextColumn(f"Strengths of {transform}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[state]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=num_strengths, state="")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def advance(self, strength, accuracy):
        """Notes the accuracy at a strength."""
        state = f"accuracy {accuracy:.3f} at {strength:g}"
        self._bar.update(self._task, advance=1, state=state)


def show(calibration, dataset, record_dir):
    """Shows the curve, what follows from it, and where it is recorded.

    Args:
        calibration: A `rule.Calibration`.
        dataset: String, name of the data set.
        record_dir: Path of the record.
    """
    console = Console()
    table = Table(title=f"{calibration.transform} on {dataset}")
    for title in (calibration.parameter, "accuracy", "95 % interval"):
        table.add_column(title, justify="right")
    columns = calibration.table()
    for strength, accuracy, lower, upper in zip(
        *(columns[x] for x in ("strength", "accuracy", "lower", "upper")),
        strict=True,
    ):
        table.add_row(
            f"{strength:g}", f"{accuracy:.3f}", f"{lower:.3f} to {upper:.3f}"
        )
    console.print(table)
    console.print(f"Test images: {calibration.num_images}")
    if calibration.chosen is None:
        sys.stdout.flush()
        sys.stderr.write(f"No strength: {calibration.reason}\n")
    else:
        console.print(calibration.reason, "For a config:", soft_wrap=True)
        console.print(
            f"transform: {calibration.transform}\n"
            f"transform_args: "
            f"{{{calibration.parameter}: {calibration.chosen}}}\n"
            "or, with the same runs_dir, transform_args: calibrated",
            highlight=False,
        )
    path = os.path.join(record_dir, "calibration.png")
    console.print(f"Picture: {path}", soft_wrap=True, highlight=False)
