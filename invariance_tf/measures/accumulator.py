"""Sums over pairs of activities, for every threshold at once."""

import functools
import itertools

import numpy as np

from invariance_tf.measures.invariance import (
    THRESHOLDS,
    activity_cutoffs,
    decisive,
)

# Pairs that are added up together: their numbers fit into the cache.
_PAIRS = 32768


class Accumulator:
    """Sums up pairs of activities of a layer, for every threshold at once.

    A pair counts for all thresholds below its level. So it is added to one
    bin only, and the sums for a threshold are those over the bins above it.
    Controls are summed up at one threshold, with a relative error below
    2^-22; all else is computed in float64. The memory is proportional to
    `num_groups x num_neurons x num_thresholds`, and does not depend on the
    number of images.

    Args:
        maxima: Float32 array of shape `(num_neurons,)`: the largest activity
            of each neuron over all images of both versions.
        tau: Float from 0 to below 1: the threshold of the controls, and of
            the pairs beside `THRESHOLDS`.
        num_groups: Integer, number of groups of images.
        rule: `"either"` or `"both"`, see `activity_levels`.
        is_signed: Whether activities may be negative, see `pair_terms`; then
            `maxima` are those of their magnitudes.
    """

    def __init__(
        self, maxima, tau=0.1, num_groups=1, rule="either", is_signed=False
    ):
        self._is_signed = is_signed
        self._decisive = decisive(rule)
        self._cutoffs = activity_cutoffs(maxima, tau)
        # Rounding may differ between passes, as that of the whole layer.
        self._limits = 1.01 * maxima + 0.01 * maxima.max(initial=0)
        maxima = np.where(maxima > 0, maxima, 1).astype("float64")
        # A ratio of two float32 numbers is k / 20, or differs by more than
        # 2^-30 of it: the last factor keeps k / 20 in the bin below.
        self._scale = 20 * (1 - 2.0**-40) / maxima
        self._thresholds = np.unique([*THRESHOLDS, tau])
        # A bin for each number of thresholds below a level.
        shape = (num_groups, len(maxima), len(self._thresholds) + 1)
        self._counts = np.zeros(shape, "uint32")
        # Sums of 1 - h, and of specialisation.
        self._changes, self._differences = np.zeros(shape), np.zeros(shape)
        self._controls = {}

    def add(
        self,
        original,
        transformed,
        group,
        controls=(),
        neurons=slice(None),
    ):
        """Adds a block of images.

        Threads may add different neurons at the same time.

        Args:
            original: Float32 array of shape `(num_images, num_neurons)`,
                activities for original images, >= 0 unless signed.
            transformed: Array of that shape, for the transformed images.
            group: Integer array of shape `(num_images,)`.
            controls: Dictionary from the names of controls to pairs: a
                float32 array of activities for transformed images, of shape
                `(num_rows, num_neurons)`, and an integer array of shape
                `(num_images,)`, the row to use instead of the image's own
                transformed version, -1 for none.
            neurons: Slice, which neurons to add.

        Returns:
            Integer array of shape `(num_images,)`: how many of these neurons
            are active for each image at `tau`.
        """
        controls = [
            (self._control(name), activity, *_by_group(partner, group))
            for name, (activity, partner) in dict(controls).items()
        ]
        num_active = np.zeros(len(group), int)
        start, end, _ = neurons.indices(len(self._cutoffs))
        width = min(max(1, _PAIRS // len(group)), end - start)
        space = None
        for first in range(start, end, width):
            some = slice(first, min(first + width, end))
            pair = original[:, some], transformed[:, some]
            if space is None or space.before.shape != pair[0].shape:
                space = _Space(group, pair[0].shape, self._counts.shape)
            num_active += self._add_pairs(space, *pair, some)
            for sums, activity, image, partner, groups in controls:
                pair = original[image, some], activity[partner, some]
                self._add_control(space, sums, *pair, some, groups)
        return num_active

    def _add_pairs(self, space, original, transformed, neurons):
        """Adds neurons to their bins; returns how many are active by image."""
        if self._is_signed:
            has_other_sign = np.signbit(original) != np.signbit(transformed)
            original, transformed = np.abs(original), np.abs(transformed)
        activity = self._decisive(original, transformed, out=space.activity)
        is_active = np.greater(
            activity, self._cutoffs[neurons], out=space.is_active
        )
        level = np.multiply(activity, self._scale[neurons], out=space.total)
        np.ceil(level, out=level)
        # The highest bin is the last of a neuron.
        if level.max() > len(THRESHOLDS) - 1:
            self._check_again(activity, neurons)
            np.minimum(level, len(THRESHOLDS) - 1, out=level)
        np.copyto(space.small_bins, level, casting="unsafe")
        # A tau between those of the grid is one more threshold.
        if len(self._thresholds) > len(THRESHOLDS):
            space.small_bins += is_active
        space.small_bins += space.offsets
        np.copyto(space.bins, space.small_bins)
        np.copyto(space.before, original)
        np.copyto(space.after, transformed)
        total = np.add(space.before, space.after, out=space.total)
        # Any sum of float32 numbers that is not 0 is larger.
        np.maximum(total, np.finfo("float64").tiny, out=total)
        difference = np.subtract(space.after, space.before, out=space.after)
        difference /= total
        self._counts[:, neurons] += space.add_up().astype("uint32")
        self._differences[:, neurons] += space.add_up(difference)
        change = np.abs(difference, out=difference)
        if self._is_signed:
            change[has_other_sign] = 1
        self._changes[:, neurons] += space.add_up(change)
        return np.count_nonzero(is_active, axis=1)

    def _check_again(self, activity, neurons):
        """Raises if activity is above the largest one, unless by rounding."""
        excess = activity - self._limits[neurons]
        if excess.max() > 0:
            raise ValueError(
                "Activity must be the same each time that images go through "
                "the network, but it is higher than before: transformation, "
                "`preprocess` and model must not draw random numbers, except "
                "by a `keras.random.SeedGenerator` of a layer. Received: "
                f"activity={activity.flat[excess.argmax()]:.6g}"
            )

    def _control(self, name):
        """Returns a control's numbers of active images and sums of h."""
        shape = (2, *self._counts.shape[:2])
        return self._controls.setdefault(name, np.zeros(shape))

    def _add_control(self, space, sums, original, transformed, neurons, groups):
        size = len(original)
        if self._is_signed:
            has_other_sign = np.signbit(original) != np.signbit(transformed)
            original, transformed = np.abs(original), np.abs(transformed)
        activity = self._decisive(
            original, transformed, out=space.activity[:size]
        )
        is_active = np.greater(
            activity, self._cutoffs[neurons], out=space.is_active[:size]
        )
        # h is 2 min(a, b) / (a + b): of positive float32 numbers it has a
        # relative error of 2^-23 at most, and so has a mean of it.
        invariance = np.minimum(original, transformed, out=activity)
        total = np.add(original, transformed, out=transformed)
        invariance /= np.maximum(total, np.finfo("float32").tiny, out=total)
        if self._is_signed:
            invariance[has_other_sign] = 0
        is_counted = original
        np.copyto(is_counted, is_active)
        invariance *= is_counted
        for group, images in enumerate(groups):
            sums[0, group, neurons] += is_counted[images].sum(axis=0)
            added = invariance[images].sum(axis=0, dtype="float64")
            sums[1, group, neurons] += 2 * added

    def results(self, groups, thresholds=THRESHOLDS):
        """Returns the measures over some groups of images together.

        Args:
            groups: List of group numbers.
            thresholds: Increasing values of `THRESHOLDS` and `tau`.

        Returns:
            Three float64 arrays of shape `(num_neurons, num_thresholds)`:
            number of active images, invariance coefficient and
            specialisation; the latter two are nan where no image is active.
        """
        # The first bin above each threshold.
        first = np.searchsorted(self._thresholds, thresholds) + 1

        def above(sums):
            by_bin = functools.reduce(np.add, (sums[group] for group in groups))
            from_bin = np.cumsum(by_bin[:, ::-1], axis=1, dtype="float64")
            # Thresholds are looked at one by one.
            return np.asfortranarray(from_bin[:, ::-1][:, first])

        count = above(self._counts)
        invariance, specialisation = map(
            above, (self._changes, self._differences)
        )
        with np.errstate(invalid="ignore"):
            for mean in (invariance, specialisation):
                np.divide(mean, count, out=mean)
        return count, np.subtract(1, invariance, out=invariance), specialisation

    def control(self, name, groups):
        """Returns a control's invariance coefficient at `tau`.

        Args:
            name: String, a key of `controls`.
            groups: List of group numbers.

        Returns:
            Float64 array of shape `(num_neurons,)`, nan where no image is
            active.
        """
        count, invariance = self._control(name)[:, groups].sum(axis=1)
        with np.errstate(invalid="ignore"):
            return invariance / count


class _Space:
    """Memory for some neurons of a block, taken once and used many times.

    Args:
        group: Integer array, the group of each image.
        shape: Pair, number of images and of neurons.
        sums_shape: Tuple, number of groups, of neurons and of bins.
    """

    def __init__(self, group, shape, sums_shape):
        num_groups, _, num_bins = sums_shape
        self._sums_shape = num_groups, shape[1], num_bins
        rows = group[:, None] * shape[1] + np.arange(shape[1])
        self.offsets = (rows * num_bins).astype("int32")
        self.small_bins = np.empty(shape, "int32")
        self.bins = np.empty(shape, np.intp)
        self.before, self.after, self.total = np.empty((3, *shape))
        self.activity = np.empty(shape, "float32")
        self.is_active = np.empty(shape, bool)

    def add_up(self, weights=None):
        """Adds up weights, or ones, by group, neuron and bin."""
        found = np.bincount(
            self.bins.ravel(),
            None if weights is None else weights.ravel(),
            minlength=np.prod(self._sums_shape),
        )
        return found.reshape(self._sums_shape)


def _by_group(partner, group):
    """Sorts the images that have a partner; returns the slice of each group."""
    image = np.argsort(group, kind="stable")
    image = image[partner[image] >= 0]
    ends = np.cumsum([0, *np.bincount(group[image])])
    slices = [slice(*pair) for pair in itertools.pairwise(ends)]
    return image, partner[image], slices
