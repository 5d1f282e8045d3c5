"""What a claim is, and how effects become a verdict."""

import collections.abc
import dataclasses

import pandas as pd

from invariance_tf.paper.claims.effects import FAILS, HOLDS, OPEN, OVER


@dataclasses.dataclass(frozen=True)
class Claim:
    """Holds a claim of the paper and how it is judged.

    Attributes:
        statement: The claim in our own words.
        place: Where the paper makes it.
        criterion: The rule by which the verdict is made.
        unit: What the interval is resampled over.
        needs: The runs that it takes, in words.
        studies: Names of the studies that it is about, the main one first.
        measure: Function from the dictionary of studies and one of their
            names to a list of `Effect`.
    """

    statement: str
    place: str
    criterion: str
    unit: str
    needs: str
    studies: tuple
    measure: collections.abc.Callable


@dataclasses.dataclass(frozen=True, eq=False)
class Verdict:
    """Holds what a study says about a claim.

    Attributes:
        claim: `"C1"` to `"C16"`.
        statement: The claim in our own words.
        criterion: The rule by which the verdict is made.
        study: `"faces"`, `"imagenet"` or `"inception"`.
        effect: Float, the main effect; nan where there are no runs.
        effect_name: What it is.
        low: Float, the lower end of its 95 % interval; nan without one.
        high: Float, the upper end.
        unit: What the interval is resampled over.
        verdict: `"holds"`, `"does not hold"` or `"cannot be told"`.
        exceptions: List of the transformations for which it does not hold.
        missing: List of strings: what it would take to tell more.
        detail: DataFrame with a row for each `Effect`.
    """

    claim: str
    statement: str
    criterion: str
    study: str
    effect: float
    effect_name: str
    low: float
    high: float
    unit: str
    verdict: str
    exceptions: list
    missing: list
    detail: pd.DataFrame


def conclude(number, claim, study, found):
    """Makes the verdict on a claim from its effects.

    It does not hold if one decisive effect does not, and holds if all do.
    """
    decisive = [one for one in found if one.is_decisive]
    verdicts = {one.verdict for one in decisive}
    verdict = HOLDS if verdicts == {HOLDS} else OPEN
    if FAILS in verdicts:
        verdict = FAILS
    main = found[0]
    return Verdict(
        claim=number,
        statement=claim.statement,
        criterion=claim.criterion,
        study=study,
        effect=main.effect,
        effect_name=", ".join(
            [main.effect_name, OVER.get(main.transform, main.transform)]
        ),
        low=main.low,
        high=main.high,
        unit=claim.unit,
        verdict=verdict,
        exceptions=_unique(
            one.transform
            for one in found
            if one.verdict == FAILS and one.transform not in OVER
        ),
        missing=[] if verdict == HOLDS else _missing(claim, found),
        detail=pd.DataFrame(map(dataclasses.asdict, found)),
    )


def _missing(claim, found):
    """Says what it would take to tell more."""
    texts = []
    for name in _unique(one.effect_name for one in found):
        of_name = [one for one in found if one.effect_name == name]
        single = [one for one in of_name if one.transform not in OVER]
        groups = {
            "no runs that tell it": [
                one for one in single if not one.num_units
            ],
            "fewer than 2 seeds": [one for one in single if one.num_units == 1],
            "more seeds, as the interval includes the limit": [
                one for one in of_name if _includes_limit(one)
            ],
        }
        for text, group in groups.items():
            transforms = ", ".join(one.transform for one in group)
            if len(group) == len(single) > 1:
                transforms = "any transformation"
            if group:
                texts.append(f"{name}: {text}, for {transforms}")
    is_incomplete = any(one.num_units < 2 for one in found)
    return [*texts, f"it takes {claim.needs}"] if is_incomplete else texts


def _includes_limit(one):
    """Tells whether the width of the interval leaves a decisive one open."""
    is_wide = (
        one.low <= one.least <= one.high or one.low <= one.most <= one.high
    )
    return is_wide and one.is_decisive and one.verdict == OPEN


def _unique(values):
    """Returns the values once each, in order."""
    return [*dict.fromkeys(values)]
