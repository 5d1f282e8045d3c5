"""Verdicts on differences that a question asks about.

A difference is estimated for each transformation and seed, of networks of the
same seed, and its mean over transformations with its t interval by
`inference`. Holm's step-down over all differences of a question decides which
of them are shown to be higher or lower than 0; the others are undecided.
Intervals are those of each difference alone.
"""

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats

from invariance_tf.paper.claims import inference, single
from invariance_tf.paper.claims.effects import ROUNDING
from invariance_tf.paper.claims.limits import LEVEL

HIGHER, LOWER, UNDECIDED = "higher", "lower", "undecided"

# Beyond, more seeds are no answer.
MOST_SEEDS = 1000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Holds a difference, or a slope, and whether it is shown.

    Attributes:
        words: String, what is compared.
        found: `inference.Mean`, over transformations; nan without runs.
        verdict: `"higher"` or `"lower"` than 0, or `"undecided"`.
        num_seeds: Integer, the fewest seeds of a transformation.
        num_transforms: Integer.
        higher: Tuple of the transformations that show it alone, by Holm's
            step-down over them.
        lower: Tuple of those that show the opposite.
        seeds_needed: Number of seeds that would show it at the first of
            Holm's steps, the strictest, if the effect and its spread were
            those found; nan if unknown, inf if more than `MOST_SEEDS`.
    """

    words: str
    found: inference.Mean
    verdict: str
    num_seeds: int
    num_transforms: int
    higher: tuple
    lower: tuple
    seeds_needed: float


def judge_differences(differences, level=LEVEL):
    """Judges all differences that a question asks about.

    Args:
        differences: Dictionary from what is compared to a Series by transform
            and seed.
        level: Float, the coverage of each interval; 1 - level is the chance
            that any difference is taken for higher or lower by chance.

    Returns:
        List of `Comparison`.

    Example:

    >>> keys = [("blur", 0), ("blur", 1), ("blur", 2)]
    >>> keys = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    >>> (one,) = judge_differences({"a - b": pd.Series([0.4, 0.5, 0.6], keys)})
    >>> one.verdict, one.higher, round(one.found.low, 2)
    ('higher', ('blur',), 0.25)
    """
    differences = {name: one.dropna() for name, one in differences.items()}
    found = {
        name: inference.contrast(values, level=level)
        for name, values in differences.items()
    }
    p_values = pd.Series(
        {name: p_value(one, level) for name, one in found.items()},
        dtype="float64",
    )
    is_shown = single.reject(p_values, 1 - level)
    return [
        _compare(
            name,
            values,
            found[name],
            name in is_shown,
            level,
            num_tests=len(differences),
        )
        for name, values in differences.items()
    ]


def p_value(found, level=LEVEL):
    """Returns the two-sided p value of an effect of 0; nan without interval.

    Args:
        found: An `inference.Mean`.
        level: Float, the coverage of its interval.
    """
    if not found.degrees:
        return np.nan
    quantile = stats.t.ppf((1 + level) / 2, found.degrees)
    error = max((found.high - found.low) / 2 / quantile, ROUNDING)
    return float(2 * stats.t.sf(abs(found.effect) / error, found.degrees))


def _compare(words, values, found, is_shown, level, num_tests):
    """Makes the `Comparison` of one difference."""
    counts = values.groupby("transform").size()
    verdict = UNDECIDED
    if is_shown:
        verdict = HIGHER if found.effect > 0 else LOWER
    num_seeds = int(counts.min()) if len(counts) else 0
    return Comparison(
        words,
        found,
        verdict,
        num_seeds,
        len(counts),
        tuple(sorted(single.shown(values, least=ROUNDING, level=level))),
        tuple(sorted(single.shown(values, most=-ROUNDING, level=level))),
        _count_seeds_needed(found, num_seeds, level, num_tests),
    )


def _count_seeds_needed(found, num_seeds, level, num_tests):
    """Finds how many seeds would show an effect at Holm's first step."""
    if not found.degrees or num_seeds < 2:
        return np.nan
    counts = np.arange(2, MOST_SEEDS + 1)
    # Both the variance and its degrees of freedom grow with the seeds.
    degrees = found.degrees / (num_seeds - 1) * (counts - 1)
    quantile = stats.t.ppf((1 + level) / 2, found.degrees)
    spread = (found.high - found.low) / 2 / quantile * np.sqrt(num_seeds)
    strict = 1 - (1 - level) / num_tests
    half = stats.t.ppf((1 + strict) / 2, degrees) * spread / np.sqrt(counts)
    is_enough = half < abs(found.effect)
    return float(counts[is_enough][0]) if is_enough.any() else np.inf
