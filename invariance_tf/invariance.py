"""The invariance coefficient and specialisation of neurons (section 2.2).

With f(x) the activity of a neuron for an image x, divided by its largest
activity over all original and transformed images, and T the transformation:

    active images    A = {x : f(x) > tau or f(T(x)) > tau}
    invariance       I = mean over A of 1 - |f(T(x)) - f(x)| / (f(T(x)) + f(x))
    specialisation   S = mean over A of (f(T(x)) - f(x)) / (f(T(x)) + f(x))
"""

import numpy as np

# The grid of section 3.2.
THRESHOLDS = np.arange(21) / 20


def pair_terms(original, transformed):
    """Computes invariance and specialisation of pairs of activities.

    Equation (1): h = 1 - |b - a| / (a + b), which is 2 min(a, b) / (a + b),
    and (b - a) / (a + b).

    Args:
        original: Array of activities a >= 0 for original images.
        transformed: Array of activities b >= 0 for the transformed images.

    Returns:
        Two float64 arrays: h from 0 (active in one version only) to 1 (the
        same in both), and the specialisation from -1 (original only) to 1
        (transformed only); nan where both activities are 0.

    Example:

    >>> pair_terms(np.array([1.0, 1.0, 0.0]), np.array([1.0, 3.0, 2.0]))
    (array([1. , 0.5, 0. ]), array([0. , 0.5, 1. ]))
    """
    original = original.astype("float64")
    transformed = transformed.astype("float64")
    total = original + transformed
    with np.errstate(invalid="ignore"):
        return (
            2 * np.minimum(original, transformed) / total,
            (transformed - original) / total,
        )


def levels(original, transformed, maxima, rule="either"):
    """Computes the threshold below which neurons are active for images.

    Args:
        original: Array of shape `(num_images, num_neurons)`, activities >= 0.
        transformed: Array of that shape.
        maxima: Array of shape `(num_neurons,)`: the largest activity of each
            neuron over all images of both versions.
        rule: `"either"`: a neuron is active for an image if its activity for
            the original or the transformed image is above the threshold, as
            in the paper. `"both"`: if both are.

    Returns:
        Float64 array of shape `(num_images, num_neurons)`, from 0 to 1: the
        neuron is active for every tau below.

    Raises:
        ValueError: If `rule` is unknown.
    """
    if rule not in RULES:
        raise ValueError(
            f"`rule` must be {' or '.join(RULES)}. Received: rule={rule!r}"
        )
    # A neuron that is never active is above no threshold.
    maxima = np.where(maxima > 0, maxima, 1).astype("float64")
    return RULES[rule](original, transformed) / maxima


RULES = {"either": np.maximum, "both": np.minimum}


class Accumulator:
    """Sums up pairs of activities for every threshold at once, in float64.

    A pair of activities counts for all thresholds below its level, so each is
    added to one bin, and the sums for a threshold are those over its bins.
    Memory is `num_groups x num_neurons x (num_thresholds + 1)`, however many
    images there are.

    Args:
        maxima: Array of shape `(num_neurons,)`: the largest activity of each
            neuron over all images of both versions.
        thresholds: Increasing array of values from 0 to 1.
        num_groups: Integer, number of groups of images.
        rule: `"either"`: a neuron is active for an image if its activity for
            the original or the transformed image is above the threshold, as
            in the paper. `"both"`: if both are.
    """

    def __init__(
        self, maxima, thresholds=THRESHOLDS, num_groups=1, rule="either"
    ):
        self._maxima = maxima
        self._rule = rule
        self._thresholds = np.asarray(thresholds, "float64")
        shape = (num_groups, len(maxima), len(self._thresholds) + 1)
        self._counts = np.zeros(shape)
        self._invariance = np.zeros(shape)
        self._specialisation = np.zeros(shape)

    def add(self, original, transformed, group):
        """Adds a block of images.

        Args:
            original: Array of shape `(num_images, num_neurons)`, activities
                >= 0 for original images.
            transformed: Array of that shape, for the transformed images.
            group: Integer array of shape `(num_images,)`.
        """
        # Columns at a time, so that the work stays in the processor's cache.
        num_columns = max(1, 32768 // len(original))
        for number in np.unique(group):
            rows = group == number
            for start in range(0, original.shape[1], num_columns):
                columns = slice(start, start + num_columns)
                self._add(
                    original[rows, columns],
                    transformed[rows, columns],
                    number,
                    columns,
                )

    def _add(self, original, transformed, group, columns):
        level = levels(original, transformed, self._maxima[columns], self._rule)
        row, column = np.nonzero(level > self._thresholds[0])
        level = level[row, column]
        num_bins = len(self._thresholds) + 1
        # The number of thresholds below the level.
        bins = column * num_bins + np.searchsorted(self._thresholds, level)
        shape = self._counts[group, columns].shape
        size = shape[0] * num_bins
        terms = pair_terms(original[row, column], transformed[row, column])
        for sums, weights in (
            (self._counts, None),
            (self._invariance, terms[0]),
            (self._specialisation, terms[1]),
        ):
            added = np.bincount(bins, weights, minlength=size)
            sums[group, columns] += added.reshape(shape)

    def results(self, groups):
        """Returns the measures over some groups of images together.

        Args:
            groups: List of group numbers.

        Returns:
            Three float64 arrays of shape `(num_neurons, num_thresholds)`:
            number of active images, invariance coefficient and
            specialisation; the latter two are nan where no image is active.
        """
        count, invariance, specialisation = (
            np.cumsum(sums[groups].sum(axis=0)[:, ::-1], axis=1)[:, -2::-1]
            for sums in (self._counts, self._invariance, self._specialisation)
        )
        with np.errstate(invalid="ignore"):
            return count, invariance / count, specialisation / count
