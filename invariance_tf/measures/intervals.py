"""Intervals of statistics by the percentile bootstrap.

With 2 or 3 values, the 95 % interval of their mean reaches from the smallest
to the largest of them. It contains the true mean less often than in 95 % of
cases: in 1/2 and 3/4 of them, if errors are symmetric.
"""

import math
import statistics

import numpy as np

# About so many values are drawn at once, which bounds the memory.
_BLOCK = 2**22


def bootstrap(
    values, statistic=np.mean, *, num_resamples=2000, level=0.95, seed=0
):
    """Computes the interval of a statistic by the percentile bootstrap.

    Units (such as seeds) are drawn with replacement, as many as there are,
    and the interval leaves out the same share of the resampled statistics on
    both sides.

    Args:
        values: Array of shape `(num_units,)`, or `(num_units, ...)` if a
            unit has several values that stay together. Units with a nan are
            left out.
        statistic: Function of an array and of `axis`, the axis of units.
        num_resamples: Integer >= 1.
        level: Float between 0 and 1.
        seed: Integer >= 0.

    Returns:
        Two floats, the ends of the interval; nan for fewer than 2 units.
        Resamples without a statistic (nan) do not count.

    Example:

    >>> bootstrap([0.25, 0.75])
    (0.25, 0.75)
    >>> bootstrap([0.25, np.nan])
    (nan, nan)
    """
    values = np.asarray(values, "float64")
    is_missing = np.isnan(values).any(axis=tuple(range(1, values.ndim)))
    values = values[~is_missing]
    num_units = len(values)
    if num_units < 2:
        return np.nan, np.nan
    generator = np.random.default_rng(seed)
    size = max(1, _BLOCK // values.size)
    # `scipy.stats.bootstrap` draws the same resamples, but its interval is
    # nan if the statistic of a single one is, such as the correlation with a
    # constant, and it takes four times as long for a few seeds.
    resampled = [
        statistic(
            values[
                generator.integers(
                    num_units, size=(min(size, num_resamples - done), num_units)
                )
            ],
            axis=1,
        )
        for done in range(0, num_resamples, size)
    ]
    resampled = np.concatenate(resampled)
    resampled = resampled[~np.isnan(resampled)]
    if not len(resampled):
        return np.nan, np.nan
    tails = (1 - level) / 2, (1 + level) / 2
    low, high = np.quantile(resampled, tails)
    return float(low), float(high)


def correlate(x, y, clusters=None, **options):
    """Computes Pearson's correlation of two variables, with its interval.

    Args:
        x: Array of shape `(num_points,)`.
        y: Array of that shape. Points with a nan are left out.
        clusters: Array of that shape: points with the same value depend on
            each other and are resampled together. `None` means that every
            point is a unit.
        **options: Arguments of `bootstrap`: num_resamples, level and seed.

    Returns:
        Three floats: the correlation and the ends of its interval; nan if a
        variable is constant, and for the interval of fewer than 2 units.

    Example:

    >>> correlate([0, 1, 2, 3], [1, 3, 5, 7], ["a", "a", "b", "b"])
    (1.0, 1.0, 1.0)
    """
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    clusters = np.arange(len(x)) if clusters is None else np.asarray(clusters)
    is_complete = ~np.isnan(x) & ~np.isnan(y)
    if not is_complete.any():
        return np.nan, np.nan, np.nan
    x, y, clusters = x[is_complete], y[is_complete], clusters[is_complete]
    # The sums of squares would lose digits to a common offset.
    x, y = x - x.mean(), y - y.mean()
    names, numbers = np.unique(clusters, return_inverse=True)
    # Clusters of any size can be resampled as rows of six sums.
    sums = np.stack(
        [
            np.bincount(numbers, terms, len(names))
            for terms in (np.ones(len(x)), x, y, x * x, y * y, x * y)
        ],
        axis=-1,
    )
    interval = bootstrap(sums, _correlation_of_sums, **options)
    return float(_correlation_of_sums(sums, axis=0)), *interval


def _correlation_of_sums(sums, axis):
    """Computes the correlation from sums over clusters of points.

    The last axis of `sums` holds the number of points and the sums of x, y,
    x², y² and xy. The correlation is nan where x or y is constant.
    """
    n, x, y, xx, yy, xy = np.moveaxis(sums.sum(axis=axis), -1, 0)
    spread = np.stack([xx - x * x / n, yy - y * y / n])
    # Rounding leaves a little of a spread that is 0.
    is_constant = (spread <= 1e-12 * np.stack([xx, yy])).any(axis=0)
    product = np.where(is_constant, np.nan, spread.prod(axis=0))
    return np.clip((xy - x * y / n) / np.sqrt(product), -1, 1)


def wilson(num_correct, num_images, level=0.95):
    """Computes Wilson's score interval of a share of correct answers.

    With p = num_correct / n, n = num_images and the quantile z of the normal
    distribution, its ends are
    (p + z^2 / 2n ± z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).

    Args:
        num_correct: Integer from 0 to `num_images`.
        num_images: Integer >= 1.
        level: Float between 0 and 1.

    Returns:
        Two floats from 0 to 1.

    Example:

    >>> [round(end, 3) for end in wilson(5, 10)]
    [0.237, 0.763]
    """
    # Not SciPy's: importing its statistics takes longer than all the rest of
    # showing a finished run.
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    n, p = num_images, num_correct / num_images
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)
