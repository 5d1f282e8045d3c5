"""Effects: what is measured for a claim, with intervals."""

import dataclasses

import numpy as np
import pandas as pd

from invariance_tf.measures.intervals import bootstrap, correlate
from invariance_tf.paper.claims.limits import LEVEL

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"

# What stands in the place of a transformation, and its words.
MEAN, POOLED = "mean", "pooled"
OVER = {MEAN: "mean over transformations", POOLED: "over all networks"}

# Accuracies are fractions of numbers of images: no rounding decides.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Effect:
    """Holds one measured effect of a claim.

    Attributes:
        effect_name: What was measured.
        transform: The transformation, `"mean"` for the mean over them,
            `"pooled"` for all networks together, or what is compared.
        effect: Float, nan where there are no runs.
        low: Float, the lower end of the 95 % interval; nan without one.
        high: Float, the upper end.
        least: Float, the lower end of the claimed range, -inf for none.
        most: Float, the upper end of the claimed range, inf for none.
        num_units: Number of seeds, or of what is resampled.
        is_decisive: Whether the claim's verdict hangs on it.
        verdict: `"holds"` if the interval lies inside the claimed range,
            `"does not hold"` if it lies outside, else `"cannot be told"`.
    """

    effect_name: str
    transform: str
    effect: float
    low: float
    high: float
    least: float
    most: float
    num_units: int
    is_decisive: bool
    verdict: str


def effects_of(
    effect_name,
    values,
    transforms,
    *,
    least=-np.inf,
    most=np.inf,
    each=True,
):
    """Measures an effect for each transformation and on the mean over them.

    Args:
        effect_name: String.
        values: Series of the effect by transform and seed.
        transforms: Tuple of the transformations that the claim is about.
        least: Float, the effect is claimed to be above.
        most: Float, the effect is claimed to be below.
        each: Whether the claim is about each transformation, rather than
            about their mean.

    Returns:
        List of `Effect`: the mean first, over the seeds that have every
        transformation that there is; then each transformation.
    """
    by_seed = values.unstack("seed").reindex([*transforms])
    is_there = by_seed.notna().any(axis=1)
    whole = by_seed[is_there].dropna(axis=1).mean(axis=0)
    found = []
    for transform, of_seeds in [(MEAN, whole), *by_seed.iterrows()]:
        of_seeds = of_seeds.dropna().to_numpy("float64")
        found.append(
            effect(
                effect_name,
                transform,
                of_seeds.mean() if len(of_seeds) else np.nan,
                bootstrap(of_seeds, level=LEVEL),
                num_units=len(of_seeds),
                claimed=(least, most),
                is_decisive=each == (transform != MEAN),
                is_whole=transform != MEAN or is_there.all(),
            )
        )
    return found


def correlation_effects(
    effect_name, pairs, transforms, *, least=-np.inf, most=np.inf
):
    """Measures a correlation over networks, and within each transformation.

    Networks of one transformation are not independent: whole transformations
    are resampled, and within a transformation whole seeds.

    Args:
        effect_name: String.
        pairs: DataFrame with two columns, by transform, n_seen and seed.
        transforms: Tuple of the transformations that the claim is about.
        least: Float, the correlation is claimed to be above.
        most: Float, the correlation is claimed to be below.

    Returns:
        List of `Effect`, that over all networks first; it alone is decisive.
    """
    names = pairs.index.get_level_values("transform")
    parts = {name: pairs[names == name] for name in transforms}
    pooled = pd.concat(parts.values())
    is_whole = all(len(of_transform) for of_transform in parts.values())
    found = []
    for transform, networks in {POOLED: pooled, **parts}.items():
        level = "transform" if transform == POOLED else "seed"
        clusters = networks.index.get_level_values(level)
        value, *interval = correlate(
            *networks.to_numpy().T, clusters, level=LEVEL
        )
        found.append(
            effect(
                effect_name,
                transform,
                value,
                interval,
                num_units=clusters.nunique(),
                claimed=(least, most),
                is_decisive=transform == POOLED,
                is_whole=is_whole or transform != POOLED,
            )
        )
    return found


def effect(
    effect_name,
    transform,
    value,
    interval,
    *,
    num_units,
    claimed,
    is_decisive=True,
    is_whole=True,
):
    """Makes an `Effect` with the verdict that its interval allows.

    Args:
        effect_name: String.
        transform: String.
        value: Float.
        interval: Two floats.
        num_units: Integer.
        claimed: Two floats; on an end of the range the claim does not hold.
        is_decisive: Whether the claim's verdict hangs on it.
        is_whole: Whether all runs are there that it takes.
    """
    (low, high), (least, most) = interval, claimed
    verdict = OPEN
    if is_whole and num_units > 1:
        if least + _ROUNDING < low and high < most - _ROUNDING:
            verdict = HOLDS
        elif high <= least + _ROUNDING or most - _ROUNDING <= low:
            verdict = FAILS
    return Effect(
        effect_name,
        transform,
        float(value),
        float(low),
        float(high),
        float(least),
        float(most),
        num_units,
        is_decisive,
        verdict,
    )
