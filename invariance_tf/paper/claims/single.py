"""Tests of single transformations.

With k_t seeds, the variance v_t of a transformation's effect between seeds has
d_t = k_t - 1 degrees of freedom, too few for a test of it alone. Where every
transformation has seeds of its own, the others say what to expect: variances
are taken to scatter around v_0 as if each had d_0 degrees of freedom. Both are
estimated from the mean and the variance of all log v_t (empirical Bayes), and
a transformation's variance is moderated by them:

    (d_0 v_0 + d_t v_t) / (d_0 + d_t)

with d_0 + d_t degrees of freedom, at most the sum of all d_t. Variances that
are alike have d_0 = inf and are pooled; the less alike they are, the more each
transformation is judged by its own.

Seeds that transformations share make their variances alike, too, which says
nothing: each transformation then has its own.

Reference:

- [Smyth, 2004](https://doi.org/10.2202/1544-6115.1027)
"""

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from invariance_tf.paper import selection
from invariance_tf.paper.claims import inference
from invariance_tf.paper.claims.limits import LEVEL


def each_transform(values, baseline=None, level=LEVEL):
    """Estimates the effect of each transformation, all at once.

    The intervals are simultaneous: all of them hold the true effects with the
    given probability (Bonferroni).

    Args:
        values: Series of the effect by transform and seed.
        baseline: As of `inference.contrast`.
        level: Float, the probability that all intervals hold.

    Returns:
        Dictionary from transformations to `inference.Mean`; without an
        interval where a transformation has one seed.
    """
    found = _estimate(values, baseline)
    level = 1 - (1 - level) / max(len(found), 1)
    return {
        name: inference.with_interval(mean, error, degrees, level)
        for name, mean, error, degrees in found.itertuples()
    }


def shown(values, baseline=None, least=-np.inf, most=np.inf, level=LEVEL):
    """Finds the transformations whose own effect is shown to be in a range.

    One-sided t tests against each end of the range, and Holm's step-down over
    the transformations: the chance that any of those returned is not in the
    range is about (1 - level) / 2, and up to twice that where variances differ
    tenfold and more.

    Args:
        values: Series of the effect by transform and seed.
        baseline: As of `inference.contrast`.
        least: Float, lower end of the range.
        most: Float, upper end.
        level: Float.

    Returns:
        Set of names.

    Example:

    >>> keys = [("blur", 0), ("blur", 1), ("thinning", 2), ("thinning", 3)]
    >>> keys = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    >>> shown(pd.Series([0.8, 0.9, 0.1, -0.1], keys), least=0)
    {'blur'}

    Reference:

    - [Holm, 1979](https://www.jstor.org/stable/4615733)
    """
    found = _estimate(values, baseline)
    errors = found.error.clip(lower=np.finfo(float).tiny)
    # Both ends must be rejected: the larger p value decides.
    distance = np.minimum(found["mean"] - least, most - found["mean"])
    p_values = stats.t.sf(distance / errors, found.degrees)
    return reject(pd.Series(p_values, found.index), (1 - level) / 2)


def reject(p_values, alpha):
    """Returns the hypotheses that Holm's step-down rejects.

    Args:
        p_values: Series by hypothesis; nan is never rejected, but counts.
        alpha: Float, the chance that any of those returned is true.

    Returns:
        Set of the index's values.

    Example:

    >>> sorted(reject(pd.Series({"a": 0.01, "b": 0.03, "c": 0.04}), 0.05))
    ['a']
    """
    ranked = p_values.sort_values()
    limits = alpha / np.arange(len(ranked), 0, -1)
    return {*ranked.index[(ranked <= limits).cummin()]}


def _estimate(values, baseline):
    """Returns the mean, error and degrees of freedom of each transformation."""
    found = _summarize(values)
    if baseline is not None:
        subtracted = _summarize(baseline)
        # Of a network that saw none there are tests by other transformations,
        # and a transformation without a baseline has no effect.
        found, subtracted = found.align(subtracted, join="inner", axis=0)
        squares = found.square, subtracted.square
        total = sum(squares)
        # By Welch and Satterthwaite.
        spread = squares[0] ** 2 / found.degrees
        spread += squares[1] ** 2 / subtracted.degrees
        found = pd.DataFrame(
            {
                "mean": found["mean"] - subtracted["mean"],
                "square": total,
                "degrees": (total**2 / spread).where(spread > 0, found.degrees),
            }
        )
    return found.assign(square=np.sqrt(found.square)).rename(
        columns={"square": "error"}
    )


def _summarize(values):
    """Returns means, their squared errors and degrees of freedom."""
    values = values.dropna()
    of_transform = values.groupby("transform", sort=False)
    counts = of_transform.size()
    variances, degrees = of_transform.var(), counts - 1
    if not selection.is_shared(values.index.get_level_values("seed")):
        variances, degrees = moderate(variances, degrees)
    return pd.DataFrame(
        {
            "mean": of_transform.mean(),
            "square": variances / counts,
            "degrees": degrees,
        }
    )


def moderate(variances, degrees):
    """Moderates variances by each other: see the module.

    Args:
        variances: Series of v_t; nan where there are no degrees of freedom.
        degrees: Series of d_t.

    Returns:
        Tuple of the moderated variances and their degrees of freedom, as
        Series; what is nan stays nan.

    Example:

    >>> variances, degrees = pd.Series([1.0, 1.0, 1.0]), pd.Series([2, 2, 2])
    >>> moderate(variances, degrees)[1].tolist()  # pooled
    [6.0, 6.0, 6.0]
    """
    known = degrees[degrees > 0]
    if not len(known):
        return variances, degrees
    v = variances[known.index]
    v_0, d_0 = (v @ known) / known.sum(), np.inf
    if len(v) > 1 and v.median() > 0:
        # A variance of 0 has no logarithm.
        v = v.clip(lower=1e-6 * v.median())
        half = known / 2
        logs = np.log(v) - special.digamma(half) + np.log(half)
        excess = logs.var() - special.polygamma(1, half).mean()
        if excess > 0:
            half_0 = _inverse_trigamma(excess)
            d_0 = 2 * half_0
            v_0 = np.exp(logs.mean() + special.digamma(half_0)) / half_0
    share = 1 / (1 + degrees / d_0)
    total = (d_0 + degrees).clip(upper=known.sum()).where(degrees > 0)
    return share * v_0 + (1 - share) * variances, total


def _inverse_trigamma(value):
    """Solves trigamma(x) = value for x > 0."""
    # As 1 / x < trigamma(x) < 1 / x + 1 / x ** 2.
    ends = 1 / value, 1 / value + 1
    return optimize.brentq(lambda x: special.polygamma(1, x) - value, *ends)
