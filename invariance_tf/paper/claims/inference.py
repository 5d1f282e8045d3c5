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
the interval is that of the k block means, with k - 1 degrees of freedom. Where
some transformations lack a seed, it does not count, unless fewer than two are
left: then there is an effect of all seeds, without an interval.
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
        separate_low: Float, lower end of the interval without pooling; -inf
            where a transformation has one seed, nan where seeds are shared.
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
        baseline: Series by transform and seed to subtract, of other networks,
            such as those that saw no transformed image; `None` means 0. Its
            variance is added, with degrees of freedom by Welch and
            Satterthwaite.
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
        is_asked = baseline.index.isin(weights.index, "transform")
        of_baseline = _sum_up(baseline[is_asked].dropna(), weights)
        effect -= of_baseline[0]
        pooled, separate = (
            _welch(error, of_baseline[1:]) for error in (pooled, separate)
        )
    found = with_interval(effect, np.sqrt(pooled[0]), pooled[1], level)
    square, degrees = separate
    if not degrees:
        return found
    alone = with_interval(effect, np.sqrt(square), degrees, level)
    return dataclasses.replace(
        found, separate_low=alone.low, separate_high=alone.high
    )


def _sum_up(values, weights):
    """Returns a weighted sum, its squared error and degrees of freedom."""
    of_transform = values.groupby("transform")
    effect = weights @ of_transform.mean().reindex(weights.index)
    if selection.is_shared(_seeds_in(values)):
        # Seeds that every transformation has.
        table = values.unstack("transform").reindex(columns=weights.index)
        blocks = table.dropna() @ weights
        if len(blocks) < 2:
            return effect, np.nan, 0
        # Of the same seeds as its error.
        return blocks.mean(), blocks.var() / len(blocks), len(blocks) - 1
    variance, degrees = pooled_variance(values)
    shares = (weights**2 / of_transform.size().reindex(weights.index)).sum()
    return effect, variance * shares, degrees


def _seeds_in(values):
    return values.index.get_level_values("seed")


def _sum_separately(values, weights):
    """Returns the squared error and degrees of freedom without pooling."""
    if selection.is_shared(_seeds_in(values)):
        return np.nan, 0
    of_transform = values.groupby("transform")
    counts = of_transform.size()[weights.index]
    if counts.min() < 2:
        # Its variance can be anything.
        return np.inf, 1
    squares = weights**2 * of_transform.var() / counts
    return _welch(*((squares[name], counts[name] - 1) for name in counts.index))


def _welch(*parts):
    """Adds squared errors; returns the sum and its degrees of freedom."""
    total = sum(square for square, _ in parts)
    if not all(degrees for _, degrees in parts):
        return np.nan, 0
    if np.isinf(total):
        return total, 1
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


def ratio(above, below, baseline=None, level=LEVEL):
    """Estimates the ratio of two mean effects of the same networks.

    With a and b the means of both, without those of the baseline, the ratio is
    R = a / b. The standard error is by the delta method: that of the mean of
    (a - R b) / mean(b).

    Args:
        above: Series of the effect a by transform and seed.
        below: Series of the effect b by the same keys.
        baseline: Series by transform and seed to subtract from both, as of
            `contrast`.
        level: Float, the interval's coverage.

    Returns:
        A `Mean`; nan where the mean of b is not positive.
    """
    both = pd.concat([above, below], axis=1, keys=["a", "b"]).dropna()
    a, b = (contrast(both[name], None, baseline).effect for name in ("a", "b"))
    if not b > 0:
        return NOTHING
    rest = both.a - a / b * both.b
    if baseline is not None:
        baseline = (1 - a / b) / b * baseline
    return contrast(rest / b, None, baseline, level).shift(a / b)


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
    return with_interval(means.mean(), error, degrees, level)


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


def with_interval(effect, error, degrees, level):
    """Makes a `Mean` with the interval of a t distribution."""
    half = np.nan
    if degrees:
        half = stats.t.ppf((1 + level) / 2, degrees) * error
    return Mean(
        float(effect), float(effect - half), float(effect + half), degrees
    )
