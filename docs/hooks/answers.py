"""What studies in docs/results found about the paper's open questions."""

import functools
import pathlib

import pandas as pd
import values

from invariance_tf.drawing import style
from invariance_tf.paper.claims import inference
from invariance_tf.paper.figures.missing import sweep_command
from invariance_tf.paper.questions.catalogue import QUESTIONS, judge_question
from invariance_tf.paper.questions.chosen import by_seed
from invariance_tf.paper.questions.verdicts import MOST_SEEDS


class Answer:
    """Says what a study in docs/results found about an open question.

    Args:
        name: String, a key of `QUESTIONS`.
        directory: Path that has a directory for each study; `None` means
            docs/results.
    """

    def __init__(self, name, directory=None):
        self.name, self.entry = name, QUESTIONS[name]
        directory = pathlib.Path(directory or values.RESULTS)
        self.results = values.Results(directory / self.entry.sweep)

    @functools.cached_property
    def comparisons(self):
        """List of `Comparison`; empty if nothing was computed yet."""
        if not (self.results.directory / "runs.parquet").exists():
            return []
        return judge_question(self.name, self.results.tables)

    def result(self, words):
        """Says one difference, its interval and the verdict."""
        if not self.comparisons:
            return "not computed yet"
        found = {one.words: one for one in self.comparisons}
        if words not in found:
            raise LookupError(f"{self.name} does not compare {words!r}")
        effect = values.format_effect(found[words].found, decimals=3)
        return f"{effect}, {found[words].verdict}"

    def select(self, **keys):
        """Returns what was measured, in rows with given values."""
        table = self.entry.select(self.results.tables)
        return values.select_rows(table, keys, "nothing was measured")

    def mean(self, measure, decimals=2, **keys):
        """Formats the mean of a measure over rows with given values."""
        mean = self.select(**keys)[measure].mean()
        return f"{mean:.{decimals}f}".replace("-", "−")

    def seeds(self, measure, decimals=2, **keys):
        """Formats the mean of a measure over seeds, with its range."""
        return values.format_range(self.select(**keys)[measure], decimals)

    def difference(self, measure, minus, decimals=3, **keys):
        """Says by how much rows with given values differ from others.

        There is no verdict: a page names what was seen in the results.

        Args:
            measure: String, name of a column.
            minus: Dictionary, the values that the others have instead.
            decimals: Integer.
            **keys: Values of columns.
        """
        one, other = (
            by_seed(self.select(**selected), measure)
            for selected in (keys, keys | minus)
        )
        return values.format_effect(inference.contrast(one - other), decimals)

    def gain(self, **keys):
        """Says by how much ablation raises accuracy, of rows with values."""
        raised = -by_seed(self.select(**keys), "lost")
        return values.format_effect(inference.contrast(raised), 3)

    def summary(self):
        """Returns the figure and a table of all differences."""
        if not self.comparisons:
            command = sweep_command(self.entry.sweep)
            return f"Not computed yet. `{command}` makes the runs."
        runs = self.entry.select(self.results.tables).drop_duplicates("run")
        shown = self.results.tables.runs[
            self.results.tables.runs.run.isin(runs.run)
        ]
        rows = [
            (
                one.words,
                values.format_effect(one.found, decimals=3),
                one.verdict,
                "; ".join(
                    f"{verdict}: {_join_labels(names)}"
                    for verdict, names in (
                        ("higher", one.higher),
                        ("lower", one.lower),
                    )
                    if names
                ),
                _format_seeds(one),
            )
            for one in self.comparisons
        ]
        titles = ("difference", "mean (95 % interval)", "verdict")
        titles += ("shown alone", "seeds to decide")
        hours = shown.seconds.sum() / 3600
        drawn = values.draw_link(
            f"question-{self.name}", self.entry.description
        )
        return "\n\n".join(
            (
                drawn,
                values.make_table(titles, rows),
                f"{len(shown)} runs, {hours:.1f} hours of computing.",
            )
        )


def _join_labels(names):
    return ", ".join(style.look_of(name).label for name in names)


def _format_seeds(comparison):
    """Says how many seeds might decide what is undecided."""
    if comparison.verdict != "undecided" or pd.isna(comparison.seeds_needed):
        return ""
    if comparison.seeds_needed > MOST_SEEDS:
        return f"more than {MOST_SEEDS}"
    return f"{comparison.seeds_needed:.0f}"
