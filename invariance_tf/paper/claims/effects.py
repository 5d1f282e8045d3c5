"""Effects: what is measured for a claim, with intervals."""

import dataclasses

import numpy as np
import pandas as pd

from invariance_tf.measures.intervals import bootstrap, correlate
from invariance_tf.paper.claims.limits import LEVEL

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"

# What stands instead of a transformation, and its words.
MEAN, POOLED = "mean", "pooled"
OVER = {MEAN: "mean over transformations", POOLED: "over all networks"}

# Accuracies are fractions of numbers of images: rounding must not decide.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
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
        most: Float, the upper end of the claimed range, inf for none. On an
            end of the range the claim does not hold.
        num_units: Number of seeds, or of what is resampled.
        is_decisive: Whether it determines the claim's verdict.
        is_whole: Whether all runs are there that it takes.
    """

    effect_name: str
    transform: str
    effect: float = np.nan
    low: float = np.nan
    high: float = np.nan
    least: float = -np.inf
    most: float = np.inf
    num_units: int = 0
    is_decisive: bool = True
    is_whole: bool = True

    @property
    def verdict(self):
        """`"holds"` if the interval lies inside the claimed range, `"does
        not hold"` if it lies outside, else `"undecided"`.
        """
        if self.is_whole and self.num_units > 1:
            least, most = self.least + _ROUNDING, self.most - _ROUNDING
            if least < self.low and self.high < most:
                return HOLDS
            if self.high <= least or most <= self.low:
                return FAILS
        return UNDECIDED


def effects_of(effect_name, values, transforms, *, each=True, **claimed):
    """Measures an effect for each transformation and on the mean over them.

    Args:
        effect_name: String.
        values: Series of the effect by transform and seed.
        transforms: Tuple of the transformations that the claim is about.
        each: Whether the claim is about each transformation, rather than
            about their mean.
        **claimed: least and most, the ends of the claimed range.

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
        low, high = bootstrap(of_seeds, level=LEVEL)
        found.append(
            Effect(
                effect_name=effect_name,
                transform=transform,
                effect=of_seeds.mean() if len(of_seeds) else np.nan,
                low=low,
                high=high,
                num_units=len(of_seeds),
                is_decisive=each == (transform != MEAN),
                is_whole=transform != MEAN or bool(is_there.all()),
                **claimed,
            )
        )
    return found


def correlation_effects(effect_name, pairs, transforms, **claimed):
    """Measures a correlation over networks, and within each transformation.

    Networks of one transformation are not independent: whole transformations
    are resampled, and within a transformation whole seeds.

    Args:
        effect_name: String.
        pairs: DataFrame with two columns, by transform, n_seen and seed.
        transforms: Tuple of the transformations that the claim is about.
        **claimed: least and most, the ends of the claimed range.

    Returns:
        List of `Effect`, that over all networks first; it alone is decisive.
    """
    names = pairs.index.get_level_values("transform")
    parts = {name: pairs[names == name] for name in transforms}
    pooled = pd.concat(parts.values())
    is_whole = all(len(of_transform) for of_transform in parts.values())
    found = []
    for transform, networks in {POOLED: pooled, **parts}.items():
        is_pooled = transform == POOLED
        level = "transform" if is_pooled else "seed"
        clusters = networks.index.get_level_values(level)
        effect, low, high = correlate(
            *networks.to_numpy().T, clusters, level=LEVEL
        )
        found.append(
            Effect(
                effect_name=effect_name,
                transform=transform,
                effect=effect,
                low=low,
                high=high,
                num_units=clusters.nunique(),
                is_decisive=is_pooled,
                is_whole=is_whole or not is_pooled,
                **claimed,
            )
        )
    return found
