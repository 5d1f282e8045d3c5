"""Holds runs against the claims of the paper: docs/claims.md says how."""

import numpy as np
import pandas as pd

from invariance_tf.paper.claims.claim import Verdict, conclude
from invariance_tf.paper.claims.effects import effect
from invariance_tf.paper.claims.statements import CLAIMS

__all__ = ["CLAIMS", "Verdict", "judge", "judge_claim", "to_table"]

_COLUMNS = (
    "claim",
    "study",
    "verdict",
    "statement",
    "effect_name",
    "effect",
    "low",
    "high",
    "unit",
    "criterion",
    "exceptions",
    "missing",
)


def judge(studies):
    """Judges every claim by every study that it is about.

    Args:
        studies: Dictionary from `"faces"`, `"imagenet"` and `"inception"` to
            a `tables.Runs`, as `studies.find_studies` returns it. Any of them
            may be missing.

    Returns:
        List of `Verdict`, in the order of the claims. A claim for which there
        is no study has one verdict, that it cannot be told.

    Example:

    >>> {verdict.verdict for verdict in judge({})}
    {'cannot be told'}
    """
    return [
        verdict for number in CLAIMS for verdict in judge_claim(number, studies)
    ]


def judge_claim(number, studies):
    """Judges one claim, by every study that it is about.

    Args:
        number: `"C1"` to `"C16"`.
        studies: As of `judge`.

    Returns:
        List of `Verdict`, at least one.

    Raises:
        ValueError: If there is no such claim.
    """
    if number not in CLAIMS:
        raise ValueError(
            f"There is no such claim. Legal numbers: {', '.join(CLAIMS)}. "
            f"Received: number={number!r}"
        )
    claim = CLAIMS[number]
    found = {
        study: claim.measure(studies, study)
        for study in claim.studies
        if study in studies
    }
    if not found:
        main = claim.studies[0]
        none = effect(
            f"the {main} study",
            "any transformation",
            np.nan,
            (np.nan, np.nan),
            num_units=0,
            claimed=(-np.inf, np.inf),
        )
        found[main] = [none]
    return [
        conclude(number, claim, study, effects)
        for study, effects in found.items()
    ]


def to_table(verdicts):
    """Makes a table of verdicts.

    Args:
        verdicts: List of `Verdict`.

    Returns:
        DataFrame with a row for each verdict: claim, study, verdict,
        statement, effect_name, effect, low, high, unit, criterion, exceptions
        and missing, the last two joined to text.
    """
    rows = [
        {
            **{name: getattr(verdict, name) for name in _COLUMNS},
            "exceptions": ", ".join(verdict.exceptions),
            "missing": "; ".join(verdict.missing),
        }
        for verdict in verdicts
    ]
    return pd.DataFrame(rows, columns=[*_COLUMNS])
