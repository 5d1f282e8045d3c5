"""What the pages show of results, read from their tables.

No number of docs/results is written in a page: a page has
`{{ synthfaces.mean("across_accuracy", transform="blur") }}` in its place.
"""

import functools
import json
import pathlib

import pandas as pd

from invariance_tf.drawing.style import LOOKS
from invariance_tf.paper import tables
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.report.headlines import VERDICTS

ROOT = pathlib.Path(__file__).parents[2]
CALIBRATIONS = ROOT / "docs" / "results" / "calibration"


class Results:
    """Reads a directory that `collect` wrote, such as docs/results/lfw.

    Args:
        directory: Path of the directory.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    @functools.cached_property
    def tables(self):
        """The tables of all runs, a `tables.Runs`."""
        return tables.load_runs(self.directory)

    @functools.cached_property
    def claims(self):
        """DataFrame with a row for each claim and study."""
        table = pd.read_csv(
            self.directory / "claims.csv", dtype={"exceptions": "str"}
        )
        # Empty text, not nan.
        return table.assign(exceptions=table.exceptions.fillna(""))

    def mean(self, measure, decimals=2, **keys):
        """Writes the mean of a measure over the runs with given values."""
        runs = _select(self.tables.runs, keys)
        values = runs[measure].dropna()
        if not len(values):
            raise LookupError(f"no run has a {measure} at {keys}")
        return f"{values.mean():.{decimals}f}"

    def count(self, **keys):
        """Counts the runs with given values."""
        return len(_select(self.tables.runs, keys))

    def count_categories(self):
        """Returns the number of categories."""
        return self.tables.runs.num_categories.max()

    def hours(self):
        """Writes the computing time of all runs, in hours."""
        return f"{self.tables.runs.seconds.sum() / 3600:.1f}"

    def minutes(self, **keys):
        """Writes the computing time of the runs with given values."""
        runs = _select(self.tables.runs, keys)
        return f"{runs.seconds.sum() / 60:.1f}"

    def effect(self, claim):
        """Writes the effect of a claim, with its interval."""
        return write_effect(_select(self.claims, {"claim": claim}).iloc[0])

    def num_verdicts(self, verdict):
        """Counts the claims with a verdict."""
        return int((self.claims.verdict == verdict).sum())

    def accuracies(self, **keys):
        """Writes a table of the accuracies of one run, as `run` shows it."""
        (run,) = _select(self.tables.runs, keys).itertuples()
        unseen = run.num_categories - run.n_seen
        return write_table(
            ("test images", "categories", "accuracy"),
            [
                (images, categories, f"{value:.3f}")
                for images, categories, value in (
                    ("original", run.num_categories, run.clean_accuracy),
                    (
                        "transformed",
                        f"{run.n_seen} seen transformed",
                        run.within_accuracy,
                    ),
                    (
                        "transformed",
                        f"{unseen} unseen transformed",
                        run.across_accuracy,
                    ),
                )
            ],
        )

    def claims_table(self):
        """Writes a table of all claims: effect, interval and verdict."""
        return write_table(
            ("claim", "effect", "obtained", "verdict", "not for"),
            [
                (
                    row.claim,
                    row.effect_name,
                    write_effect(row),
                    write_verdict(row.verdict),
                    write_labels(row.exceptions),
                )
                for row in self.claims.itertuples()
            ],
        )

    def figure(self, number, directory="/results"):
        """Writes a picture of a figure that links to itself, with a text."""
        entry = FIGURES[number]
        path = f"{directory}/{self.directory.name}/figures/fig{number}.png"
        return (
            f"[![{entry.description}]({path}){{ loading=lazy }}]({path})"
            "{ .results }"
        )


def calibration(dataset, transform, directory=CALIBRATIONS):
    """Reads where a transformation becomes too strong for a network.

    Args:
        dataset: String, the data set's name in the names of directories.
        transform: String, name of the transformation.
        directory: Path of the records that `calibrate` wrote.

    Returns:
        Dictionary of the record, and DataFrame of the accuracy by strength.
    """
    (path,) = pathlib.Path(directory).glob(f"{dataset}-*-{transform}")
    record = json.loads((path / "calibration.json").read_text("utf-8"))
    return record, pd.read_csv(path / "calibration.csv")


def _select(table, keys):
    """Returns the rows with given values, or with one of several."""
    for column, value in keys.items():
        values = value if isinstance(value, list | tuple) else [value]
        table = table[table[column].isin(values)]
    return table


def write_effect(row):
    """Writes an effect with its interval."""
    if pd.isna(row.effect):
        return "–"
    interval = "" if pd.isna(row.low) else f" ({row.low:.2f} to {row.high:.2f})"
    return f"{row.effect:.2f}{interval}".replace("-", "−")


def write_verdict(verdict):
    """Writes a verdict with its symbol."""
    return f'<span class="verdict">{VERDICTS[verdict][0]} {verdict}</span>'


def write_labels(names):
    """Writes names of transformations as figures do."""
    if {*names.split(", ")} >= {*LOOKS} - {"identity"}:
        return "any transformation"
    labels = {name: look.label for name, look in LOOKS.items()}
    words = names.replace(" - ", " minus ").replace(",", " ,").split(" ")
    return " ".join(labels.get(word, word) for word in words).replace(" ,", ",")


def write_table(titles, rows):
    """Writes a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
