"""What a search found, in the terminal."""

import os

from rich.console import Console
from rich.table import Table
from rich.text import Text

from invariance_tf.runs.search import choice, record


def describe(experiment):
    """Says in short what a search is for.

    Args:
        experiment: The resolved `config.Experiment` of any of its runs.
    """
    return (
        f"{experiment.transform} on {experiment.dataset}, "
        f"{experiment.network}, n_seen {experiment.n_seen}"
    )


def explain(settings, best, num_images, seeds):
    """Says how settings were judged, and how sure an accuracy is.

    Args:
        settings: List of `choice.Setting`.
        best: The chosen one of them, or `None`.
        num_images: Integer, held-out images.
        seeds: List of integers.

    Returns:
        String, sentences.
    """
    over = f"seed {seeds[0]}"
    if len(seeds) > 1:
        over = f"median over seeds {', '.join(map(str, seeds))}"
    text = f"Accuracy on original training images that are held out, {over}."
    if best is not None:
        error = choice.standard_error(best.median, num_images)
        text += (
            f" Of {num_images} images the best setting gets "
            f"{100 * best.median:.1f} % right (standard error of a single "
            f"network: {100 * error:.1f} %)."
        )
    if any(setting.num_diverged for setting in settings):
        text += " A setting at which a training diverged is never chosen."
    return text


def show(settings, best, title, note, record_dir):
    """Shows the grid, what to paste, and where it is written.

    Args:
        settings: List of `choice.Setting`, in ascending order.
        best: The chosen one of them, or `None`.
        title: String, what was searched for.
        note: String, how the settings were judged.
        record_dir: Path of the record.
    """
    # Paths may have brackets.
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(_make_table(settings, best, title))
    console.print(note, soft_wrap=True)
    if best is not None:
        for sentence in choice.find_edges(settings, best):
            console.print(sentence, style="bold", soft_wrap=True)
        console.print("For a config:")
        console.print(record.to_yaml(best), end="", soft_wrap=True)
    console.print(f"Results: {record_dir}{os.sep}", soft_wrap=True)


def _make_table(settings, best, title):
    """Returns a table with a row for each learning rate."""
    table = Table(title=title, caption="* the best", show_lines=True)
    if best is None:
        table.caption = None
    table.add_column("learning rate \\ weight decay")
    rows = {}
    for setting in settings:
        row = rows.setdefault(setting.learning_rate, {})
        is_best = setting == best
        row[setting.weight_decay] = Text(
            f"{'* ' * is_best}{_describe(setting)}", "bold" * is_best
        )
    for decay in next(iter(rows.values())):
        table.add_column(choice.short_number(decay), justify="right")
    for rate, row in rows.items():
        table.add_row(choice.short_number(rate), *row.values())
    return table


def _describe(setting):
    """Returns the text of a setting's cell."""
    num_seeds, num_diverged = len(setting.accuracies), setting.num_diverged
    if num_diverged:
        part = f"\n{num_diverged} of {num_seeds}"
        return f"diverged{part if num_diverged < num_seeds else ''}"
    text = f"{setting.median:.3f}"
    if num_seeds > 1:
        text += f"\n{min(setting.measured):.3f}-{max(setting.measured):.3f}"
    return text
