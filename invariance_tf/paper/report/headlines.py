"""The few numbers at the top of the report."""

import collections

from invariance_tf.settings.families import FAMILIES

# In the order of the page: the symbol that stands beside the words, and what
# one claim and several claims do.
VERDICTS = {
    "holds": ("✓", "claim holds", "claims hold"),
    "does not hold": ("✗", "claim does not hold", "claims do not hold"),
    "cannot be told": ("?", "claim cannot be told", "claims cannot be told"),
}

MEASURES = {
    "within": "within_accuracy",
    "across": "across_accuracy",
    "invariance": "invariance_unseen",
}


def describe(runs, studies, verdicts):
    """Counts runs and verdicts, and averages over families.

    Args:
        runs: A `tables.Runs`.
        studies: Dictionary from the name of a study to its `tables.Runs`.
        verdicts: List of `claims.Verdict`.

    Returns:
        Dictionary: num_runs, num_studies, hours (of computing), symbols (by
        verdict), verdicts (a list of verdict, symbol, words and number) and
        studies (a dictionary of what `by_family` returns).
    """
    counts = collections.Counter(verdict.verdict for verdict in verdicts)
    seconds = runs.runs.seconds.sum() if len(runs.runs) else 0
    return {
        "num_runs": len(runs.runs),
        "num_studies": len(studies),
        "hours": seconds / 3600,
        "symbols": {name: words[0] for name, words in VERDICTS.items()},
        "verdicts": [
            (name, symbol, one if counts[name] == 1 else many, counts[name])
            for name, (symbol, one, many) in VERDICTS.items()
        ],
        "studies": {name: by_family(study) for name, study in studies.items()},
    }


def by_family(study):
    """Averages a study at its fewest and its most seen categories.

    Networks that saw all or no categories transformed are not among them:
    they have no unseen, or no seen, categories.

    Args:
        study: A `tables.Runs`.

    Returns:
        Dictionary: ends, a list of one or two numbers of seen categories;
        num_categories; and rows, a list of dictionaries with family,
        transforms and means: for each end a dictionary by `MEASURES`.
    """
    table = study.runs
    table = table[(table.n_seen > 0) & (table.n_seen < table.num_categories)]
    ends = (
        sorted({table.n_seen.min(), table.n_seen.max()}) if len(table) else []
    )
    families = table["transform"].map(family_of)
    rows = [
        {
            "family": family,
            "transforms": sorted(of_family["transform"].unique()),
            "means": [
                _means(of_family[of_family.n_seen == end]) for end in ends
            ],
        }
        for family in (*FAMILIES, "other")
        if len(of_family := table[families == family])
    ]
    return {
        "ends": ends,
        "num_categories": study.runs.num_categories.max(),
        "rows": rows,
    }


def family_of(transform):
    """Returns the family of a transformation; `other` where it is unknown."""
    for family, members in FAMILIES.items():
        if transform in members:
            return family
    return "other"


def is_missing(value):
    """Returns whether a value is `None` or not a number."""
    return value is None or value != value


def _means(table):
    """Averages each of the measures; runs without it do not count."""
    return {
        name: table[column].astype(float).mean()
        for name, column in MEASURES.items()
    }
