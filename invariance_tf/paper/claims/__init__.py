"""Judges runs by the claims of the paper: docs/claims.md says how."""

import dataclasses

import pandas as pd

from invariance_tf.paper.claims.claim import Verdict, conclude_verdict
from invariance_tf.paper.claims.effects import Effect
from invariance_tf.paper.claims.statements import CLAIMS
from invariance_tf.paper.selection import count_at_chance, trained
from invariance_tf.paper.studies import transforms_of

__all__ = [
    "CLAIMS",
    "Verdict",
    "judge",
    "judge_claim",
    "render_markdown",
    "to_table",
]


def judge(studies):
    """Judges every claim by every study that it is about.

    Args:
        studies: Dictionary from `"faces"`, `"imagenet"` and `"inception"` to
            a `tables.Runs`, as `studies.find_studies` returns it. Any of them
            may be missing.

    Returns:
        List of `Verdict`, in the order of the claims. A claim for which there
        is no study has one verdict, undecided.

    Example:

    >>> {verdict.verdict for verdict in judge({})}
    {'undecided'}
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
        ValueError: If the claim is unknown.
    """
    if number not in CLAIMS:
        raise ValueError(
            f"Unknown claim. Claims: {', '.join(CLAIMS)}. "
            f"Received: number={number!r}"
        )
    claim = CLAIMS[number]
    studies = {
        name: _of_the_paper(study, name) for name, study in studies.items()
    }
    studies = {
        name: study for name, study in studies.items() if len(study.runs)
    }
    found = {
        study: claim.measure(studies, study)
        for study in claim.studies
        if study in studies
    }
    if not found:
        main = claim.studies[0]
        found[main] = [
            Effect(
                effect_name=f"the {main} study",
                transform="any transformation",
                is_decisive=True,
            )
        ]
    verdicts = [
        conclude_verdict(number, claim, study, effects)
        for study, effects in found.items()
    ]
    for verdict in verdicts:
        verdict.missing.extend(_mark_at_chance(verdict, claim, studies))
    return verdicts


def _of_the_paper(study, name):
    """Leaves out networks trained with other transformations than its."""
    found = trained(study.runs)
    others = found.run[~found["transform"].isin(transforms_of(name))]
    return study.select(~study.runs.run.isin(others))


def _mark_at_chance(verdict, claim, studies):
    """Says in a list how many networks have not learned, and what they do."""
    if verdict.study not in studies:
        return []
    asked = {
        name: studies[name]
        for name in (verdict.study, *claim.beside)
        if name in studies
    }
    count = sum(map(count_at_chance, asked.values()))
    if not count:
        return []
    text = f"networks at chance on original images: {count}"
    learned = {
        name: study.select(~study.runs.is_at_chance.eq(True))
        for name, study in asked.items()
    }
    if not all(len(study.runs) for study in learned.values()):
        return [text]
    found = claim.measure({**studies, **learned}, verdict.study)
    without = conclude_verdict(verdict.claim, claim, verdict.study, found)
    if without.verdict != verdict.verdict:
        text += f" (without them: {without.verdict})"
    return [text]


def to_table(verdicts):
    """Makes a table of verdicts.

    Args:
        verdicts: List of `Verdict`.

    Returns:
        DataFrame with a row for each verdict and the columns of `Verdict`
        without detail; lists are joined to text.
    """
    columns = [field.name for field in dataclasses.fields(Verdict)]
    columns.remove("detail")
    rows = [
        {
            **{name: getattr(verdict, name) for name in columns},
            "exceptions": ", ".join(verdict.exceptions),
            "missing": "; ".join(verdict.missing),
            "needs_pooling": ", ".join(verdict.needs_pooling),
        }
        for verdict in verdicts
    ]
    return pd.DataFrame(rows, columns=columns)


def render_markdown():
    """Returns the table of all claims and criteria for docs/claims.md."""
    rows = [("claim", "statement", "the paper", "criterion", "studies")]
    rows += [
        (
            number,
            claim.statement,
            f"{claim.place}: {claim.words}",
            claim.criterion,
            ", ".join(claim.studies),
        )
        for number, claim in CLAIMS.items()
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return "\n".join(lines)
