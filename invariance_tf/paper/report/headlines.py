"""The few numbers at the top of the report."""

import collections

from invariance_tf.paper.claims.networks import BY_SEED, at_common_n_seen
from invariance_tf.settings.families import FAMILIES

# In the order of the page: the symbol that stands beside the words, and what
# one claim and several claims do.
VERDICTS = {
    "holds": ("✓", "claim holds", "claims hold"),
    "holds on average": (
        "≈",
        "claim holds on average",
        "claims hold on average",
    ),
    "does not hold": ("✗", "claim does not hold", "claims do not hold"),
    "undecided": ("?", "claim undecided", "claims undecided"),
}

MEASURES = {
    "within": "within_accuracy",
    "across": "across_accuracy",
    "invariance": "invariance_unseen",
}


def describe_headlines(runs, studies, verdicts):
    """Counts runs and verdicts, and averages over families.

    Args:
        runs: A `tables.Runs`.
        studies: Dictionary from the name of a study to its `tables.Runs`.
        verdicts: List of `claims.Verdict`.

    Returns:
        Dictionary: num_runs, num_studies, hours (of computing), num_at_chance
        (networks at chance on original images), symbols (by
        verdict), verdicts (a list of verdict, symbol, words and number) and
        studies (a dictionary of what `average_by_family` returns).
    """
    counts = collections.Counter(verdict.verdict for verdict in verdicts)
    seconds = runs.runs.seconds.sum() if len(runs.runs) else 0
    return {
        "num_runs": len(runs.runs),
        "num_studies": len(studies),
        "hours": seconds / 3600,
        "num_at_chance": int(runs.runs.is_at_chance.sum())
        if len(runs.runs)
        else 0,
        "symbols": {name: words[0] for name, words in VERDICTS.items()},
        "verdicts": [
            (name, symbol, one if counts[name] == 1 else many, counts[name])
            for name, (symbol, one, many) in VERDICTS.items()
        ],
        "studies": {
            name: average_by_family(study) for name, study in studies.items()
        },
    }


def average_by_family(study):
    """Averages a study at its fewest and its most seen categories.

    These are numbers that at least half of its networks share, as in the
    claims. Networks that saw all or no categories transformed do not count:
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
    common = at_common_n_seen(table.set_index([*BY_SEED, "n_seen"]).seconds)
    common = common.index.get_level_values("n_seen")
    ends = sorted({common.min(), common.max()}) if len(common) else []
    of_transform = {
        name: family for family, names in FAMILIES.items() for name in names
    }
    families = table["transform"].map(of_transform).fillna("other")
    rows = [
        {
            "family": family,
            "transforms": sorted(of_family["transform"].unique()),
            "means": [
                {
                    # Missing measures are None. Transformations count
                    # equally, however many seeds they have.
                    name: at_end[column]
                    .astype(float)
                    .groupby(at_end["transform"])
                    .mean()
                    .mean()
                    for name, column in MEASURES.items()
                }
                for end in ends
                for at_end in [of_family[of_family.n_seen == end]]
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


def is_missing(value):
    """Returns whether a value is `None` or not a number."""
    return value is None or value != value
