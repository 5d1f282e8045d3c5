"""Intervals of an effect over the paper's transformations and random seeds.

The twelve transformations are the population that the paper speaks of, and
seeds are random. With e the effect of transformation t and seed s, k_t seeds
of transformation t and n transformations, the mean effect is

    m = mean over t of (mean over s of e_ts)

Where every transformation has seeds of its own, the variance of seeds is
pooled over transformations:

    v = sum over t, s of (e_ts - mean_t)^2 / d,    d = sum over t of (k_t - 1)
    m +- t_d sqrt(v sum over t of 1 / k_t) / n

That takes seeds to vary alike for every transformation. Beside it stands the
interval from each transformation's own variance v_t, which does not:

    m +- t_f sqrt(sum over t of v_t / k_t) / n

with f by Welch and Satterthwaite, and wide where seeds are few.

Seeds that all transformations share also share the categories that are seen;
effects of one seed then rise and fall together. Whole seeds are blocks, and
the interval is that of the k block means, with k - 1 degrees of freedom.
"""

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats

from invariance_tf.paper import selection
from invariance_tf.paper.claims.limits import LEVEL


@dataclasses.dataclass(frozen=True)
class Mean:
    """Holds a mean effect and its interval.

    Attributes:
        effect: Float; nan without values.
        low: Float, lower end of the interval; nan without one.
        high: Float, upper end.
        degrees: Number, degrees of freedom of the variance of seeds; 0 where
            there is no interval.
        separate_low: Float, lower end of the interval without pooling; nan
            where seeds are shared, or one alone.
        separate_high: Float, its upper end.
    """

    effect: float
    low: float
    high: float
    degrees: float
    separate_low: float = np.nan
    separate_high: float = np.nan

    def shift(self, to, scale=1):
        """Moves the effect, and the ends of the intervals around it."""
        moved = {
            name: to + (getattr(self, name) - self.effect) * scale
            for name in ("low", "high", "separate_low", "separate_high")
        }
        return dataclasses.replace(self, effect=to, **moved)


NOTHING = Mean(np.nan, np.nan, np.nan, 0)


def contrast(values, weights=None, baseline=None, level=LEVEL):
    """Estimates a weighted sum of the effects of transformations.

    Seeds are random; see the module for their variance, in which weights w_t
    take the place of 1 / n.

    Args:
        values: Series of the effect by transform and seed.
        weights: Dictionary from transformations to weights; `None` means the
            mean over the transformations that there are.
        baseline: Series by transform and seed to subtract, of networks whose
            seeds all transformations share, such as those that saw no
            transformed image; `None` means 0. Its variance is added, with
            degrees of freedom by Welch and Satterthwaite.
        level: Float, the interval's coverage.

    Returns:
        A `Mean`; nan where a transformation has no value.

    Example:

    >>> import pandas as pd
    >>> keys = [("blur", 0), ("blur", 1), ("thinning", 2), ("thinning", 3)]
    >>> keys = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    >>> values = pd.Series([0.1, 0.3, 0.5, 0.7], keys)
    >>> round(contrast(values).effect, 3), contrast(values).degrees
    (0.4, 2)
    >>> round(contrast(values, {"thinning": 1, "blur": -1}).effect, 3)
    0.4
    """
    values = values.dropna()
    names = values.index.unique("transform")
    if weights is None:
        weights = dict.fromkeys(names, 1 / max(len(names), 1))
    weights = pd.Series(weights, dtype="float64")
    if not len(weights) or not weights.index.isin(names).all():
        return NOTHING
    effect, *pooled = _sum_up(values, weights)
    separate = _sum_separately(values, weights)
    if baseline is not None:
        of_baseline = _sum_up(baseline.dropna(), weights, shared=True)
        effect -= of_baseline[0]
        pooled, separate = (
            _welch(error, of_baseline[1:]) for error in (pooled, separate)
        )
    found = _with_interval(effect, np.sqrt(pooled[0]), pooled[1], level)
    square, degrees = separate
    if not degrees:
        return found
    alone = _with_interval(effect, np.sqrt(square), degrees, level)
    return dataclasses.replace(
        found, separate_low=alone.low, separate_high=alone.high
    )


def _sum_up(values, weights, shared=None):
    """Returns a weighted sum, its squared error and degrees of freedom."""
    if shared is None:
        shared = selection.is_shared(_seeds_in(values))
    if shared:
        # Seeds that every transformation has.
        table = values.unstack("transform").reindex(columns=weights.index)
        blocks = table.dropna() @ weights
        degrees = max(len(blocks) - 1, 0)
        square = blocks.var() / len(blocks) if degrees else np.nan
        return blocks.mean(), square, degrees
    of_transform = values.groupby("transform")
    variance, degrees = pooled_variance(values)
    shares = (weights**2 / of_transform.size().reindex(weights.index)).sum()
    effect = weights @ of_transform.mean().reindex(weights.index)
    return effect, variance * shares, degrees


def _seeds_in(values):
    return values.index.get_level_values("seed")


def _sum_separately(values, weights):
    """Returns the squared error and degrees of freedom without pooling."""
    if selection.is_shared(_seeds_in(values)):
        return np.nan, 0
    of_transform = values.groupby("transform")
    squares = weights**2 * of_transform.var() / of_transform.size()
    degrees = of_transform.size() - 1
    return _welch(*((squares[name], degrees[name]) for name in weights.index))


def _welch(*parts):
    """Adds squared errors; returns the sum and its degrees of freedom."""
    total = sum(square for square, _ in parts)
    if not all(degrees for _, degrees in parts):
        return np.nan, 0
    spread = sum(square**2 / degrees for square, degrees in parts)
    if not spread:
        return total, min(degrees for _, degrees in parts)
    return total, total**2 / spread


def log_ratio(values, above, below, level=LEVEL):
    """Estimates the binary logarithm of a ratio of two mean effects.

    The standard error is that of the difference of logarithms, by the delta
    method.

    Args:
        values: Series of the effect by transform and seed.
        above: List of transformations whose mean is divided.
        below: List of those by whose mean it is divided.
        level: Float, the interval's coverage.

    Returns:
        A `Mean`, 0 for equal means and 1 for twice as much; nan where a mean
        is not positive.
    """
    means = [
        contrast(values, dict.fromkeys(names, 1 / len(names))).effect
        for names in (above, below)
    ]
    if not all(mean > 0 for mean in means):
        return NOTHING
    slope = {name: 1 / len(above) / means[0] for name in above}
    slope |= {name: -1 / len(below) / means[1] for name in below}
    # In units of the natural logarithm, around 1 - 1.
    error = contrast(values, slope, level=level)
    return error.shift(np.log2(means[0] / means[1]), scale=1 / np.log(2))


def ratio(above, below, level=LEVEL):
    """Estimates the ratio of two mean effects of the same networks.

    The standard error is by the delta method: that of the mean of
    (a - R b) / mean(b), R being the ratio.

    Args:
        above: Series of the effect a by transform and seed.
        below: Series of the effect b by the same keys.
        level: Float, the interval's coverage.

    Returns:
        A `Mean`; nan where the mean of b is not positive.
    """
    both = pd.concat([above, below], axis=1, keys=["a", "b"]).dropna()
    a, b = (contrast(both[name]).effect for name in ("a", "b"))
    if not b > 0:
        return NOTHING
    error = contrast((both.a - a / b * both.b) / b, level=level)
    return error.shift(a / b)


def mean_of_transforms(effects, level=LEVEL):
    """Estimates the mean effect where transformations are random too.

    It is what another twelve transformations might show: the interval of the
    mean of n effects, with n - 1 degrees of freedom.

    Args:
        effects: Dictionary from transformations to floats, or array.
        level: Float, the interval's coverage.

    Returns:
        A `Mean`.
    """
    means = pd.Series(effects, dtype="float64")
    degrees = max(len(means) - 1, 0)
    error = np.sqrt(means.var() / len(means)) if degrees else np.nan
    return _with_interval(means.mean(), error, degrees, level)


def pooled_variance(values):
    """Pools the variance between seeds over transformations.

    Args:
        values: Series of an effect by transform and seed.

    Returns:
        Variance v and degrees of freedom d (see the module); nan and 0 where
        no transformation has two seeds.
    """
    of_transform = values.groupby("transform")
    degrees = len(values) - of_transform.ngroups
    squares = ((values - of_transform.transform("mean")) ** 2).sum()
    return (squares / degrees, degrees) if degrees else (np.nan, 0)


def each_transform(values, baseline=None, level=LEVEL):
    """Estimates the effect of each transformation, all at once.

    Variances are pooled. The intervals are simultaneous: all of them hold the
    true effects with the given probability (Bonferroni).

    Args:
        values: Series of the effect by transform and seed.
        baseline: As of `contrast`.
        level: Float, the probability that all intervals hold.

    Returns:
        Dictionary from transformations to `Mean`.
    """
    means, errors, degrees = _of_each(values, baseline)
    level = 1 - (1 - level) / max(len(means), 1)
    return {
        name: _with_interval(means[name], errors[name], degrees, level)
        for name in means.index
    }


def shown(values, baseline=None, least=-np.inf, most=np.inf, level=LEVEL):
    """Finds the transformations whose own effect is shown to be in a range.

    One-sided t tests against each end of the range, with pooled variance, and
    Holm's step-down over the transformations: the chance that any of those
    returned is not in the range is at most (1 - level) / 2.

    Args:
        values: Series of the effect by transform and seed.
        baseline: As of `contrast`.
        least: Float, lower end of the range.
        most: Float, upper end.
        level: Float.

    Returns:
        Set of names.

    Reference:

    - [Holm, 1979](https://www.jstor.org/stable/4615733)
    """
    means, errors, degrees = _of_each(values, baseline)
    if not degrees:
        return set()
    errors = errors.clip(lower=np.finfo(float).tiny)
    # Both ends must be rejected: the larger p value decides.
    distance = np.minimum(means - least, most - means)
    p_values = pd.Series(stats.t.sf(distance / errors, degrees), means.index)
    return reject(p_values, (1 - level) / 2)


def reject(p_values, alpha):
    """Returns the hypotheses that Holm's step-down rejects.

    Args:
        p_values: Series by hypothesis; nan is never rejected, but counts.
        alpha: Float, the chance that any of those returned is true.

    Returns:
        Set of the index's values.

    Example:

    >>> import pandas as pd
    >>> sorted(reject(pd.Series({"a": 0.01, "b": 0.03, "c": 0.04}), 0.05))
    ['a']
    """
    ranked = p_values.sort_values()
    limits = alpha / np.arange(len(ranked), 0, -1)
    return {*ranked.index[(ranked <= limits).cummin()]}


def _of_each(values, baseline):
    """Returns means, their standard errors by transform, and degrees."""
    values = values.dropna()
    of_transform = values.groupby("transform", sort=False)
    means = of_transform.mean()
    variance, degrees = pooled_variance(values)
    squares = variance / of_transform.size()
    if baseline is not None:
        # Of a network that saw none there are tests by other transformations.
        is_asked = baseline.index.isin(means.index, "transform")
        baseline = baseline[is_asked].dropna()
        of_baseline = baseline.groupby("transform")
        # A transformation without a baseline has no effect.
        means = (means - of_baseline.mean()).reindex(means.index).dropna()
        squares = squares[means.index]
        extra, of_extra = pooled_variance(baseline)
        extra = (extra / of_baseline.size())[means.index]
        parts = (squares.mean(), degrees), (extra.mean(), of_extra)
        squares, degrees = squares + extra, _welch(*parts)[1]
    return means, np.sqrt(squares), degrees


def slopes(values, shares, by="n_seen"):
    """Fits a line to an effect by the share of categories seen transformed.

    Every number of seen categories counts, not the first and the last only.

    Args:
        values: Series by transform, n_seen and seed.
        shares: Function from n_seen to the share of all categories.
        by: String, the name of another level than n_seen.

    Returns:
        Series by transform and seed: the least-squares slope, the rise from
        no category to all; without those that have one number of seen
        categories.

    Example:

    >>> import pandas as pd
    >>> keys = pd.MultiIndex.from_product(
    ...     [["blur"], [10, 20, 40], [0]], names=["transform", "n_seen", "seed"]
    ... )
    >>> found = slopes(pd.Series([0.1, 0.2, 0.4], keys), lambda n: n / 40)
    >>> round(float(found["blur", 0]), 3)
    0.4
    """

    def fit(group):
        x = shares(group.index.get_level_values(by).to_numpy())
        x = x - x.mean()
        spread = (x**2).sum()
        return (x * group).sum() / spread if spread else np.nan

    by_seed = values.dropna().groupby(["transform", "seed"])
    return by_seed.apply(fit).dropna().astype("float64")


def _with_interval(effect, error, degrees, level):
    """Returns a `Mean` with the interval of a t distribution."""
    half = np.nan
    if degrees:
        half = stats.t.ppf((1 + level) / 2, degrees) * error
    return Mean(
        float(effect), float(effect - half), float(effect + half), degrees
    )
