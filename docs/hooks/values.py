"""What the pages show of results, read from their tables.

No number of docs/results is written in a page: a page has
`{{ synthfaces.mean("across_accuracy", transform="blur") }}` instead.
"""

import dataclasses
import functools
import json
import pathlib
import re

import pandas as pd

from invariance_tf.drawing.style import LOOKS
from invariance_tf.paper import selection, tables
from invariance_tf.paper.claims import judge, networks, to_table
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.report.headlines import VERDICTS
from invariance_tf.paper.studies import find_studies, transforms_of

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
# The directories there that replicate the paper.
REPLICATIONS = (
    "faces",
    "synthfaces",
    "synthfaces100",
    "synthfaces_inception",
    "objects",
)


class Results:
    """Reads a directory that `collect` wrote, such as docs/results/faces.

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
        return self._read_claims("claims.csv")

    @functools.cached_property
    def first_claims(self):
        """The same by the criteria of before; see docs/claims.md."""
        return self._read_claims("claims_first_criteria.csv")

    def _read_claims(self, name):
        table = pd.read_csv(self.directory / name, dtype={"exceptions": "str"})
        # Empty text, not nan.
        return table.assign(exceptions=table.exceptions.fillna(""))

    @functools.cached_property
    def verdicts(self):
        """Dictionary from claims to `claims.Verdict`, with every effect.

        Of the first study that makes a claim, as everywhere here.
        """
        studies, _ = find_studies(self.tables)
        found = {}
        for verdict in judge(studies):
            found.setdefault(verdict.claim, verdict)
        return found

    def at_tau(self, tau):
        """Returns the same networks, judged at another threshold."""
        runs = self.tables.runs.assign(tau=tau)
        return self._judge_again(dataclasses.replace(self.tables, runs=runs))

    def of_network(self, network):
        """Returns the runs of one network of several."""
        is_chosen = self.tables.runs.network == network
        return self._judge_again(self.tables.select(is_chosen))

    def above_chance(self):
        """Returns the runs that learned to tell original images apart."""
        is_lost = self.tables.runs.is_at_chance.eq(True)
        return self._judge_again(self.tables.select(~is_lost))

    def _judge_again(self, tables_):
        """Returns results of other tables than those of the directory."""
        found = Results(self.directory)
        found.tables = tables_
        found.claims = to_table([*found.verdicts.values()])
        return found

    def tau_by_rule(self):
        """Returns the threshold that the paper's rule gives, pooled."""
        return selection.tau_by_rule(find_studies(self.tables)[0]["faces"])

    @functools.cached_property
    def files(self):
        """DataFrame with a row for each image, where they are files."""
        return pd.read_parquet(self.directory / "files.parquet")

    def images_per_category(self, split):
        """Says how many image files of a split a category has."""
        counts = self.files[self.files.split == split].groupby("category")
        counts = counts.size()
        median = f"{counts.median():g} (median)"
        return f"{counts.min()} to {counts.max()}, {median}"

    def select(self, **keys):
        """Returns the runs with given values."""
        return select_rows(self.tables.runs, keys, "no run")

    def mean(self, measure, decimals=2, **keys):
        """Formats the mean of a measure over the runs with given values.

        Every transformation counts equally, however many seeds it has.
        """
        values = self.select(**keys).groupby("transform")[measure].mean()
        if values.isna().all():
            raise LookupError(f"no run has a {measure} at {keys}")
        return f"{values.mean():.{decimals}f}"

    def in_group(self, decimals=2, **keys):
        """Formats the accuracy on transformed images of unseen categories.

        Only these can be answered. Of the networks above chance on original
        images, every transformation counting equally.
        """
        runs = self.select(is_at_chance=False, **keys)
        found = runs.run.map(self.accuracies_in_group())
        mean = found.groupby(runs["transform"]).mean().mean()
        return f"{mean:.{decimals}f}"

    def accuracies_in_group(self):
        """Returns a Series by run of the accuracy that `in_group` formats."""
        tests = selection.own_tests(self.tables.accuracy)
        tests = selection.rows(tests, category_group="unseen")
        return tests.set_index("run").accuracy_in_group

    def count_weak(self, limit):
        """Counts networks above chance that recognise few original images."""
        accuracies = self.select(is_at_chance=False).clean_accuracy
        return int((accuracies < limit).sum())

    def across(self, transform, n_seen):
        """Formats across-category accuracy, with how many are unseen."""
        keys = {"transform": transform, "n_seen": n_seen}
        mean = self.mean("across_accuracy", **keys)
        all_ = self.count_categories()
        return f"{mean} ({all_ - n_seen} of {all_} people unseen)"

    def count(self, **keys):
        """Counts the runs with given values."""
        return len(self.select(**keys))

    def count_categories(self):
        """Returns the number of categories."""
        return self.tables.runs.num_categories.max()

    def hours(self, **keys):
        """Formats the computing time of the runs with given values."""
        return f"{self.select(**keys).seconds.sum() / 3600:.1f}"

    def minutes(self, **keys):
        """Formats the computing time of the runs with given values."""
        return f"{self.select(**keys).seconds.sum() / 60:.1f}"

    def effect(self, claim, words=None, decimals=2):
        """Formats an effect of a claim, with its interval.

        Args:
            claim: String, such as C1.
            words: String in the name of the effect, to choose another than the
                first of those that decide: in this name and, after a comma, in
                the transformation or what is compared.
            decimals: Integer.
        """
        return format_effect(self._find_effect(claim, words), decimals)

    def random_interval(self, claim, words=None):
        """Formats an effect's interval for transformations drawn at random."""
        row = self._find_effect(claim, words)
        return f"{row.random_low:.2f} to {row.random_high:.2f}".replace(
            "-", "−"
        )

    def _find_effect(self, claim, words):
        if words is None:
            return select_rows(self.claims, {"claim": claim}, "no claim").iloc[
                0
            ]
        rows = self.verdicts[claim].detail
        text = rows.effect_name + ", " + rows["transform"]
        rows = rows[text.str.contains(words, regex=False)]
        if rows.empty:
            raise LookupError(f"no effect of {claim} is about {words!r}")
        # The mean over transformations comes before each of them.
        rows = rows.sort_values("is_decisive", ascending=False, kind="stable")
        return rows.iloc[0]

    def untrained(self, decimals=2, **keys):
        """Formats the accuracy on transformed images without any training.

        Args:
            decimals: Integer.
            **keys: transform, or nothing: the mean over transformations.
        """
        found = networks.untrained_accuracy(self.tables).reset_index()
        names = transforms_of("faces")
        found = find_rows(found, {"transform": names})
        found = select_rows(found, keys, "no test")
        return f"{found.accuracy.mean():.{decimals}f}"

    def degree(self, claim):
        """Says for how many transformations a claim is shown, of how many."""
        rows = select_rows(self.claims, {"claim": claim}, "no claim")
        return format_exceptions(rows.iloc[0])

    def num_verdicts(self, verdict):
        """Counts the claims with a verdict."""
        if verdict not in VERDICTS:
            raise LookupError(f"no verdict is {verdict!r}")
        return int((self.claims.verdict == verdict).sum())

    def claims_with(self, verdict):
        """Names the claims that have a verdict, of one network or another."""
        found = self.claims.claim[self.claims.verdict == verdict]
        *first, last = dict.fromkeys(found)
        return f"{', '.join(first)} and {last}" if first else last

    def accuracies(self, **keys):
        """Returns a table of the accuracies of one run, as `run` shows it."""
        (run,) = self.select(**keys).itertuples()
        all_, seen = run.num_categories, f"{run.n_seen} seen transformed"
        unseen = f"{run.num_categories - run.n_seen} unseen transformed"
        return make_table(
            ("test images", "categories", "accuracy"),
            [
                ("original", all_, f"{run.clean_accuracy:.3f}"),
                ("transformed", seen, f"{run.within_accuracy:.3f}"),
                ("transformed", unseen, f"{run.across_accuracy:.3f}"),
            ],
        )

    def figure(self, number, directory="/results"):
        """Returns a picture of a figure that links to itself, with a text."""
        text = FIGURES[number].description
        path = f"{directory}/{self.directory.name}/figures/fig{number}.png"
        return f"[![{text}]({path}){{ loading=lazy }}]({path}){{ .results }}"


def draw_link(name, text):
    """Returns a drawing of the site, for light and for dark pages."""
    return "".join(
        f"![{text}](/drawings/{name}-{scheme}.svg#only-{scheme})"
        for scheme in ("light", "dark")
    )


def run_example(page):
    """Runs the first block of Python on a page; returns its names."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    return names


def read_calibration(dataset, transform, directory=RESULTS / "calibration"):
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


def find_rows(table, keys):
    """Returns the rows with given values, or with one of several."""
    for column, value in keys.items():
        values = value if isinstance(value, list | tuple) else [value]
        table = table[table[column].isin(values)]
    return table


def select_rows(table, keys, nothing):
    """Returns the same rows; that there are none is an error."""
    table = find_rows(table, keys)
    if table.empty:
        raise LookupError(f"{nothing} at {keys}")
    return table


def format_value(value, decimals):
    """Formats a number, or a name as it is."""
    if isinstance(value, str):
        return value.replace("_", " ")
    return "–" if pd.isna(value) else f"{value:,.{decimals}f}"


def format_range(found, decimals=3):
    """Formats a mean over seeds, with the lowest and the highest."""
    mean, low, high = (
        f"{value:.{decimals}f}"
        for value in (found.mean(), found.min(), found.max())
    )
    return f"{mean} ({low} to {high})" if len(found) > 1 else mean


def format_effect(row, decimals=2):
    """Formats an effect with its interval."""
    if pd.isna(row.effect):
        return "–"
    effect, low, high = (
        # Without a negative zero.
        f"{round(value, decimals) + 0.0:.{decimals}f}"
        for value in (row.effect, row.low, row.high)
    )
    interval = "" if pd.isna(row.low) else f" ({low} to {high})"
    return f"{effect}{interval}".replace("-", "−")


def format_verdict(verdict):
    """Returns a verdict with its symbol."""
    return f'<span class="verdict">{VERDICTS[verdict][0]} {verdict}</span>'


def format_exceptions(row):
    """Says for how many transformations a claim is shown, and not for which."""
    if not row.num_claimed:
        return ""
    count = f"{row.num_shown} of {row.num_claimed}"
    if row.exceptions and row.num_shown:
        count += f"; not {format_labels(row.exceptions)}"
    return count


def format_labels(names):
    """Returns names of transformations as figures show them."""
    if {*names.split(", ")} >= {*LOOKS} - {"identity"}:
        return "any transformation"
    labels = {name: look.label for name, look in LOOKS.items()}
    words = names.replace(" - ", " minus ").replace(",", " ,").split(" ")
    return " ".join(labels.get(word, word) for word in words).replace(" ,", ",")


def make_table(titles, rows):
    """Returns a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
