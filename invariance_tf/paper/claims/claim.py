"""What a claim is, and how effects become a verdict."""

import collections.abc
import dataclasses
from math import isnan

import pandas as pd

from invariance_tf.paper.claims.effects import (
    FAILS,
    HOLDS,
    ON_AVERAGE,
    OVER,
    UNDECIDED,
)
from invariance_tf.settings.families import FAMILIES


@dataclasses.dataclass(frozen=True)
class Claim:
    """Holds a claim of the paper and how it is judged.

    Attributes:
        statement: The claim in our own words.
        place: Where the paper makes it.
        words: What the paper says, in its words.
        criterion: The rule by which the verdict is made.
        needs: The runs that it takes, in words.
        measure: Function from the dictionary of studies and one of their
            names to a list of `Effect`.
        studies: Names of the studies that it is about, the main one first.
        beside: Names of those that their networks are compared with.
    """

    statement: str
    place: str
    words: str
    criterion: str
    needs: str
    measure: collections.abc.Callable
    studies: tuple = ("faces", "imagenet", "inception")
    beside: tuple = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Verdict:
    """Holds what a study says about a claim.

    Attributes:
        claim: `"C1"` to `"C16"`.
        study: `"faces"`, `"imagenet"` or `"inception"`.
        verdict: `"holds"`, `"holds on average"`, `"does not hold"` or
            `"undecided"`.
        statement: The claim in our own words.
        effect_name: What the main effect is.
        effect: Float, the main effect; nan where there are no runs.
        low: Float, the lower end of its 95 % interval; nan without one.
        high: Float, the upper end.
        random_low: Float, the lower end of the interval for transformations
            drawn at random; nan without one.
        random_high: Float, its upper end.
        num_shown: Number of transformations for which the claim is shown by
            each alone.
        num_claimed: Number of those that it is about one by one; 0 if it is
            about their mean only.
        words: What the paper says.
        criterion: The rule by which the verdict is made.
        exceptions: List of the others of `num_claimed`.
        missing: List of strings: which runs could decide it.
        needs_pooling: List of the decisive effects, by what they are over,
            that are undecided by each transformation's own variance of seeds.
        detail: DataFrame with a row for each `Effect`, and its verdict.
    """

    claim: str
    study: str
    verdict: str
    statement: str
    effect_name: str
    effect: float
    low: float
    high: float
    random_low: float
    random_high: float
    num_shown: int
    num_claimed: int
    words: str
    criterion: str
    exceptions: list
    missing: list
    needs_pooling: list
    detail: pd.DataFrame


def conclude_verdict(number, claim, study, found):
    """Concludes the verdict on a claim from its effects.

    The claim does not hold if one decisive effect does not, and holds if all
    do: on average only, if it is about each transformation and not shown for
    one alone.
    """
    claimed = _unique(one.transform for one in found if one.is_claimed)
    exceptions = _unique(
        one.transform
        for one in found
        if one.is_claimed and one.verdict != HOLDS
    )
    verdicts = {one.verdict for one in found if one.is_decisive}
    if FAILS in verdicts:
        verdict = FAILS
    elif verdicts != {HOLDS}:
        verdict = UNDECIDED
    else:
        verdict = ON_AVERAGE if exceptions else HOLDS
    main = found[0]
    return Verdict(
        claim=number,
        study=study,
        verdict=verdict,
        statement=claim.statement,
        effect_name=", ".join(
            [main.effect_name, OVER.get(main.transform, main.transform)]
        ),
        effect=main.effect,
        low=main.low,
        high=main.high,
        random_low=main.random_low,
        random_high=main.random_high,
        num_shown=len(claimed) - len(exceptions),
        num_claimed=len(claimed),
        words=claim.words,
        criterion=claim.criterion,
        exceptions=exceptions,
        missing=_list_missing(claim, found) if verdict == UNDECIDED else [],
        needs_pooling=_unique(
            OVER.get(one.transform, one.transform)
            for one in found
            if one.is_decisive and one.needs_pooling
        ),
        detail=pd.DataFrame(
            {**dataclasses.asdict(one), "verdict": one.verdict} for one in found
        ),
    )


def _list_missing(claim, found):
    """Lists the runs that could decide a claim."""
    texts = []
    names = {name for family in FAMILIES.values() for name in family}
    decisive = [one for one in found if one.is_decisive]
    for name in _unique(one.effect_name for one in decisive):
        of_name = [one for one in found if one.effect_name == name]
        single = [one for one in of_name if one.transform not in OVER]
        groups = {
            "runs missing": [one for one in single if not one.num_seeds],
            "fewer than 2 seeds": [one for one in single if one.num_seeds == 1],
            "more seeds needed, as the interval includes the limit": [
                one for one in of_name if _includes_limit(one)
            ],
            "no interval from these seeds or values": [
                one
                for one in of_name
                if one.is_decisive and one.num_seeds > 1 and isnan(one.low)
            ],
        }
        for text, group in groups.items():
            transforms = ", ".join(
                OVER.get(one.transform, one.transform) for one in group
            )
            # Not of differences between them.
            if len(group) == len(single) > 1 and names.issuperset(
                one.transform for one in single
            ):
                transforms = "any transformation"
            if group:
                texts.append(f"{name}: {text}, for {transforms}")
    is_incomplete = any(
        one.num_seeds < 2 or not one.is_whole for one in decisive
    )
    return [*texts, f"needed: {claim.needs}"] if is_incomplete else texts


def _includes_limit(one):
    """Returns whether a decisive effect is undecided for its wide interval."""
    is_wide = (
        one.low <= one.least <= one.high or one.low <= one.most <= one.high
    )
    return is_wide and one.is_decisive and one.verdict == UNDECIDED


def _unique(values):
    """Returns the values once each, in order."""
    return [*dict.fromkeys(values)]
