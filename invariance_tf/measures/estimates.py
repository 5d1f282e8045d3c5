"""Estimates of measures of layers: value, interval and control."""

import dataclasses

import numpy as np
from scipy import stats

# Parts of the images that are left out in turn, for intervals.
_BLOCKS = 20

# Times that pairs are shuffled, for controls.
_SHUFFLES = 10


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Holds a measure of a layer.

    Attributes:
        value: Float, the measure.
        low: Float, the lower end of its 95 % interval.
        high: Float, the upper end.
        control: Float, the same measure where there is nothing to find: each
            image is paired with the transformed version of another one, or
            the targets of a decoder are shuffled.
    """

    value: float
    low: float
    high: float
    control: float


NOTHING = Estimate(*[np.nan] * 4)


class Resamples:
    """Yields pairs of images to compare, for a value, control and interval.

    Images drawn twice, as by a bootstrap, would be alike without any reason:
    the interval is that of a block jackknife. Each pair is two index arrays:
    images, and of which images the transformed versions are that they are
    compared with.

    Args:
        num_images: Integer.
        clusters: Array as of `linear_cka`, or `None`.
        seed: Integer >= 0.
    """

    def __init__(self, num_images, clusters, seed):
        rows = np.arange(num_images)
        generator = np.random.default_rng(seed)
        shuffled = [generator.permutation(rows) for _ in range(_SHUFFLES)]
        units = rows if clusters is None else np.asarray(clusters)
        if units.shape != rows.shape:
            raise ValueError(
                f"`clusters` must have one value for each of {num_images} "
                f"images. Received: shape={units.shape}"
            )
        _, units = np.unique(units, return_inverse=True)
        block = generator.permutation(units.max() + 1)[units] % _BLOCKS
        left = [rows[block != each] for each in np.unique(block)]
        # With fewer images there is no interval.
        left = left if min(map(len, left)) >= 3 else []
        self._pairs = [(rows, rows), *((rows, other) for other in shuffled)]
        self._pairs += [(kept, kept) for kept in left]

    def __iter__(self):
        return iter(self._pairs)

    def estimate(self, values, lowest, highest):
        """Returns the `Estimate` from the values of all pairs.

        Args:
            values: Sequence of floats, one for each pair.
            lowest: Float, the least value that the measure can have.
            highest: Float, the largest one.
        """
        value, *others = map(float, values)
        control = float(np.mean(others[:_SHUFFLES]))
        without = np.array(others[_SHUFFLES:])
        num_blocks = len(without)
        if not num_blocks:
            return Estimate(value, np.nan, np.nan, control)
        spread = (
            (num_blocks - 1)
            / num_blocks
            * np.sum((without - without.mean()) ** 2)
        )
        margin = stats.t.ppf(0.975, num_blocks - 1) * np.sqrt(spread)
        low, high = np.clip([value - margin, value + margin], lowest, highest)
        return Estimate(value, float(low), float(high), control)
