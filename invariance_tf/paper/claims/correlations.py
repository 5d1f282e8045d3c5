"""Correlations of the invariance of networks with their accuracies (C9)."""

import numpy as np
import pandas as pd
from scipy import stats

from invariance_tf.measures.intervals import correlate
from invariance_tf.paper.claims import inference, limits, single
from invariance_tf.paper.claims.effects import POOLED, effect_from


def correlations(invariance, accuracy, kind, names):
    """Correlates over all networks, within transformations, and in each.

    Networks of one transformation are not independent: over all networks,
    whole transformations are resampled.

    Args:
        invariance: Series by transform, n_seen and seed.
        accuracy: Series by the same keys.
        kind: String, what the accuracy is of, such as `"across"`.
        names: Tuple of the transformations that the claim is about.

    Returns:
        List of `Effect`.
    """
    pairs = pd.concat([invariance, accuracy], axis=1).dropna()
    of_pair = pairs.index.get_level_values("transform")
    pairs = pairs[of_pair.isin(names)]
    of_each = dict([*pairs.groupby("transform")])
    counts = {
        name: of_it.index.unique("seed") for name, of_it in of_each.items()
    }
    seeds = pd.Series({name: len(found) for name, found in counts.items()})
    is_whole = {*names} == {*of_each} and seeds.min() > 1
    whole = {"is_whole": is_whole, "least": 0}
    name = f"correlation of invariance with {kind}-category accuracy"
    within = f"{name}, within transformations"
    level = 1 - (1 - limits.LEVEL) / max(len(names), 1)
    is_shown = shown_correlations(of_each, len(names))
    return [
        effect_from(
            name,
            POOLED,
            correlate_all(pairs),
            seeds,
            **{**whole, "least": limits.CORRELATED},
        ),
        effect_from(within, POOLED, within_correlation(pairs), seeds, **whole),
        *(
            effect_from(
                within,
                transform,
                within_correlation(of_each.get(transform, pairs[:0]), level),
                seeds.reindex([transform]),
                is_decisive=False,
                is_claimed=True,
                is_shown=transform in is_shown,
                least=0,
            )
            for transform in names
        ),
    ]


def correlate_all(pairs):
    """Correlates over all networks; whole transformations are resampled.

    Args:
        pairs: DataFrame with two columns, by transform and other keys.

    Returns:
        An `inference.Mean`.
    """
    of_pair = pairs.index.get_level_values("transform")
    found = correlate(*pairs.to_numpy().T, of_pair, level=limits.LEVEL)
    return inference.Mean(*found, of_pair.nunique())


def within_correlation(pairs, level=limits.LEVEL):
    """Correlates two measures within transformations.

    The correlation of repeated measures: of the deviations of both measures
    from their means over each transformation's networks, with
    N - n - 1 degrees of freedom for N networks and n transformations.

    Args:
        pairs: DataFrame with two columns, by transform and other keys.
        level: Float, the coverage of the interval, by Fisher's z.

    Returns:
        A `Mean` whose effect is the correlation.

    Reference:

    - [Bland and Altman, 1995](https://doi.org/10.1136/bmj.310.6977.446)
    """
    pairs = pairs.dropna()
    deviations = pairs - pairs.groupby("transform").transform("mean")
    degrees = len(pairs) - pairs.index.unique("transform").size - 1
    x, y = deviations.to_numpy("float64").T if len(pairs) else np.zeros((2, 0))
    norm = np.sqrt((x**2).sum() * (y**2).sum())
    if degrees < 2 or not norm:
        return inference.NOTHING
    r = (x * y).sum() / norm
    half = stats.norm.ppf((1 + level) / 2) / np.sqrt(degrees - 1)
    # A correlation of 1 has an infinite z, and an interval of 1 to 1.
    with np.errstate(divide="ignore"):
        z = np.arctanh(np.clip(r, -1, 1))
    return inference.Mean(
        float(r), np.tanh(z - half), np.tanh(z + half), degrees
    )


def shown_correlations(of_each, num_tests, level=limits.LEVEL):
    """Finds the transformations whose own correlation is shown to be above 0.

    One-sided tests of Fisher's z, with Holm's step-down.

    Args:
        of_each: Dictionary from transformations to DataFrames as
            `within_correlation` takes.
        num_tests: Integer, of how many tests these are.
        level: Float; the chance that any of those returned is not above 0 is
            at most (1 - level) / 2.

    Returns:
        Set of names.
    """
    p_values = pd.Series(np.nan, range(num_tests), dtype="float64")
    for position, pairs in enumerate(of_each.values()):
        found = within_correlation(pairs)
        with np.errstate(divide="ignore"):
            z = np.arctanh(found.effect)
        p_values[position] = stats.norm.sf(
            z * np.sqrt(max(found.degrees - 1, 0))
        )
    names = [*of_each]
    rejected = single.reject(p_values, (1 - level) / 2)
    return {names[position] for position in rejected}
