"""Effects: what is measured for a claim, with intervals."""

import dataclasses

import numpy as np

from invariance_tf.paper.claims import inference, single

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
ON_AVERAGE = "holds on average"

# What stands instead of a transformation, and its words.
MEAN, POOLED = "mean", "pooled"
OVER = {MEAN: "mean over transformations", POOLED: "over all networks"}

# Accuracies are fractions of numbers of images: rounding must not decide.
ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """Holds one measured effect of a claim.

    Attributes:
        effect_name: What was measured.
        transform: The transformation, `"mean"` for the mean over them,
            `"pooled"` for all networks together, or what is compared.
        effect: Float, nan where there are no runs.
        low: Float, the lower end of its interval; nan without one. Intervals
            of transformations are simultaneous.
        high: Float, the upper end.
        random_low: Float, of a mean the lower end of the interval for
            transformations drawn at random, like the seeds; nan otherwise.
        random_high: Float, its upper end.
        separate_low: Float, the lower end of the interval without pooling the
            variance of seeds over transformations; nan without one.
        separate_high: Float, its upper end.
        least: Float, the lower end of the claimed range, -inf for none.
        most: Float, the upper end of the claimed range, inf for none. On an
            end of the range the claim does not hold.
        num_seeds: Number of seeds, of a mean the fewest of a transformation.
        is_decisive: Whether it determines the claim's verdict.
        is_claimed: Whether the claim is about each transformation, and this
            is one of them; it is an exception unless it holds.
        is_shown: Whether a transformation alone is shown to be in the range,
            by `single.shown`.
        is_whole: Whether all runs are there that it takes.
    """

    effect_name: str
    transform: str
    effect: float = np.nan
    low: float = np.nan
    high: float = np.nan
    random_low: float = np.nan
    random_high: float = np.nan
    separate_low: float = np.nan
    separate_high: float = np.nan
    least: float = -np.inf
    most: float = np.inf
    num_seeds: int = 0
    is_decisive: bool = False
    is_claimed: bool = False
    is_shown: bool = False
    is_whole: bool = True

    @property
    def verdict(self):
        """`"holds"` if it is shown to be in the claimed range, or its
        interval lies inside; `"does not hold"` if its interval lies outside,
        else `"undecided"`; and that where nothing is claimed.
        """
        if not self.is_whole or np.isinf([self.least, self.most]).all():
            return UNDECIDED
        return HOLDS if self.is_shown else self._judge(self.low, self.high)

    @property
    def needs_pooling(self):
        """Whether it is decided, but not by the interval without pooling."""
        ends = self.separate_low, self.separate_high
        return (
            self.verdict != UNDECIDED
            and not np.isnan(ends).any()
            and self._judge(*ends) == UNDECIDED
        )

    def _judge(self, low, high):
        least, most = self.least + ROUNDING, self.most - ROUNDING
        if least < low and high < most:
            return HOLDS
        return FAILS if high <= least or most <= low else UNDECIDED


def effects_of(
    effect_name,
    values,
    transforms,
    *,
    baseline=None,
    each=True,
    exempt=(),
    is_decisive=True,
    **claimed,
):
    """Measures an effect on the mean over transformations, and for each.

    Args:
        effect_name: String.
        values: Series of the effect by transform and seed.
        transforms: Tuple of the transformations that the claim is about.
        baseline: As of `inference.contrast`.
        each: Whether the claim is also about each transformation.
        exempt: Tuple of those that it is not about.
        is_decisive: Whether the mean decides.
        **claimed: least and most, the ends of the claimed range.

    Returns:
        List of `Effect`: the mean first, over the transformations that there
        are; then each transformation.
    """
    names = values.index.get_level_values("transform")
    values = values[names.isin(transforms)].dropna()
    of_each = single.each_transform(values, baseline)
    is_shown = single.shown(values, baseline, **_rounded(claimed))
    counts = values.groupby("transform").size()
    mean = inference.contrast(
        values[values.index.isin([*of_each], "transform")], baseline=baseline
    )
    random = inference.mean_of_transforms(
        {name: found.effect for name, found in of_each.items()}
    )
    is_claimed = each and is_decisive
    return [
        Effect(
            effect_name=effect_name,
            transform=MEAN,
            **_interval_of(mean),
            random_low=random.low,
            random_high=random.high,
            num_seeds=int(counts.min()) if len(counts) else 0,
            is_decisive=is_decisive,
            is_whole={*transforms} == {*of_each},
            **claimed,
        ),
        *(
            Effect(
                effect_name=effect_name,
                transform=name,
                **_interval_of(of_each.get(name, inference.NOTHING)),
                num_seeds=int(counts.get(name, 0)),
                is_claimed=is_claimed and name not in exempt,
                is_shown=name in is_shown,
                **claimed,
            )
            for name in transforms
        ),
    ]


def contrast_of(effect_name, label, values, above, below=(), **options):
    """Measures the mean of some transformations, minus that of others.

    Args:
        effect_name: String.
        label: String, what is compared.
        values: Series of the effect by transform and seed; the variance of
            seeds is that of all of its transformations.
        above: Tuple of names.
        below: Tuple of names.
        **options: Further attributes of `Effect`.

    Returns:
        `Effect`, decisive unless options say otherwise.
    """
    weights = {name: 1 / len(above) for name in above}
    weights |= {name: -1 / len(below) for name in below}
    seeds = values.dropna().groupby("transform").size().reindex([*weights])
    found = inference.contrast(values, weights)
    return effect_from(effect_name, label, found, seeds, **options)


def effect_from(effect_name, label, found, seeds, **options):
    """Makes an `Effect` of an estimate.

    Args:
        effect_name: String.
        label: String, the transformation or what is compared.
        found: An `inference.Mean`.
        seeds: Series of the number of seeds by transformation.
        **options: Further attributes of `Effect`.

    Returns:
        `Effect`, decisive unless options say otherwise.
    """
    return Effect(
        effect_name=effect_name,
        transform=label,
        **_interval_of(found),
        num_seeds=int(seeds.fillna(0).min()) if len(seeds) else 0,
        **{"is_decisive": True, **options},
    )


def _interval_of(found):
    found = dataclasses.asdict(found)
    del found["degrees"]
    return found


def _rounded(claimed):
    """Moves the ends of a range inwards by what rounding may do."""
    signs = {"least": 1, "most": -1}
    return {end: claimed[end] + signs[end] * ROUNDING for end in claimed}
