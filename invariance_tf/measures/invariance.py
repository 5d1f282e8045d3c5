"""The invariance coefficient and specialisation of neurons (section 2.2).

With f(x) the activity of a neuron for an image x, divided by its largest
activity over all original and transformed images, and T the transformation:

    active images    A = {x : f(x) > tau or f(T(x)) > tau}
    invariance       I = mean over A of 1 - |f(T(x)) - f(x)| / (f(T(x)) + f(x))
    specialisation   S = mean over A of (f(T(x)) - f(x)) / (f(T(x)) + f(x))
"""

import itertools
import math

import numpy as np

# The grid of section 3.2.
THRESHOLDS = np.arange(21) / 20


def pair_terms(original, transformed, is_signed=False):
    """Computes invariance and specialisation of pairs of activities.

    Equation (1): h = 1 - |b - a| / (a + b), and (b - a) / (a + b).

    Neurons without a rectifier (GELU, SiLU, layer normalisation, attention)
    have negative activity too. With `is_signed` it counts as much as positive
    activity, but as a response of another kind:

        h = 1 - |b - a| / (|a| + |b|), and (|b| - |a|) / (|a| + |b|),

    and a neuron is active if |a| or |b| is above tau times its largest |a| or
    |b|. So h is 0 whenever the signs differ, as if the positive and the
    negative part were two neurons. For a, b >= 0 both are those of the paper.
    Unlike there, 0 need not mean that a neuron is silent: adding a constant to
    all activities of a neuron changes its coefficient.

    Args:
        original: Array of activities a for original images, >= 0 unless
            signed.
        transformed: Array of activities b for the transformed images.
        is_signed: Whether activities may be negative.

    Returns:
        Two float64 arrays: h from 0 (active in one version only, or with
        another sign) to 1 (the same in both), and the specialisation from -1
        (original only) to 1 (transformed only); 1 and 0 where both activities
        are 0.

    Example:

    >>> pair_terms(np.array([1.0, 1.0, 0.0]), np.array([1.0, 3.0, 2.0]))
    (array([1. , 0.5, 0. ]), array([0. , 0.5, 1. ]))
    >>> pair_terms(np.array([-1.0, -1.0]), np.array([-3.0, 1.0]), True)
    (array([0.5, 0. ]), array([0.5, 0. ]))
    """
    if is_signed:
        has_other_sign = original * np.sign(transformed) < 0
        invariance, specialisation = pair_terms(
            np.abs(original), np.abs(transformed)
        )
        invariance[has_other_sign] = 0
        return invariance, specialisation
    original = original.astype("float64")
    specialisation = transformed.astype("float64")
    # Any sum of float32 numbers that is not 0 is larger.
    total = np.maximum(original + specialisation, np.finfo("float64").tiny)
    specialisation -= original
    specialisation /= total
    invariance = np.abs(specialisation)
    np.subtract(1, invariance, out=invariance)
    return invariance, specialisation


def correct_for_floor(invariance, floor):
    """Corrects invariance coefficients for what unrelated images share.

    J = (I - S) / (1 - S), in the form of Cohen's kappa: 1 where the activity
    does not change, 0 where it is no more alike than for the transformed
    version of an image of another category, below 0 where it is less so.

    Args:
        invariance: Array of coefficients I.
        floor: Array of that shape: the coefficients S with T(x) replaced by T
            of an image of another category.

    Returns:
        Float64 array of that shape; nan where I or S is, or where S is 1.

    Example:

    >>> correct_for_floor(np.array([1.0, 0.55, 0.1]), np.array([0.1] * 3))
    array([1. , 0.5, 0. ])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        corrected = (invariance - floor) / (1 - np.asarray(floor, "float64"))
    return np.where(np.isfinite(corrected), corrected, np.nan)


def activity_levels(original, transformed, maxima, rule="either"):
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
        neuron is active at every tau below it.

    Raises:
        ValueError: If `rule` is unknown.
    """
    # Not 0 / 0: a neuron that is never active has the level 0.
    maxima = np.where(maxima > 0, maxima, 1).astype("float64")
    return _decisive(rule)(original, transformed) / maxima


RULES = {"either": np.maximum, "both": np.minimum}


def _decisive(rule):
    """Returns the function that chooses which activity of a pair decides."""
    if rule not in RULES:
        raise ValueError(
            f"`rule` must be {' or '.join(RULES)}. Received: rule={rule!r}"
        )
    return RULES[rule]


def activity_cutoffs(maxima, tau):
    """Computes the largest activity at which neurons are not yet active.

    A float32 activity is above it if and only if its level is above `tau`:
    the comparison needs no division and has no rounding errors.

    Args:
        maxima: Array of shape `(num_neurons,)`, see `activity_levels`.
        tau: Float from 0 to below 1.

    Returns:
        Float32 array of shape `(num_neurons,)`.

    Example:

    >>> activity_cutoffs(np.array([8.0, 0.0]), 0.25)
    array([2.  , 0.25], dtype=float32)
    """
    nearest = (tau * np.where(maxima > 0, maxima, 1)).astype("float32")
    candidates = np.stack(
        [np.nextafter(nearest, np.float32(x)) for x in (-1, np.inf)] + [nearest]
    )
    is_active = activity_levels(candidates, candidates, maxima) > tau
    return np.where(is_active, np.float32(-1), candidates).max(axis=0)


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
        self._decisive = _decisive(rule)
        self._cutoffs = activity_cutoffs(maxima, tau)
        maxima = np.where(maxima > 0, maxima, 1).astype("float64")
        # A ratio of two float32 numbers is k / 20, or differs by more than
        # 2^-30 of it: the last factor keeps k / 20 in the bin below.
        self._scale = 20 * (1 - 2.0**-40) / maxima
        self._thresholds = np.unique([*THRESHOLDS, tau])
        self._num_groups = num_groups
        # A bin for each number of thresholds below a level.
        shape = (len(self._thresholds) + 1, num_groups, len(maxima))
        self._counts = np.zeros(shape, "uint32")
        self._sums = np.zeros((2, *shape))
        self._controls = {}

    def add(self, original, transformed, group, controls=()):
        """Adds a block of images.

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

        Returns:
            Integer array of shape `(num_images,)`: how many neurons are
            active for each image at `tau`.
        """
        # So many neurons at a time that their data fit into the cache.
        width = max(1, 32768 // len(group))
        controls = [
            (self._control(name), activity, *_by_group(partner, group))
            for name, (activity, partner) in dict(controls).items()
        ]
        num_active = np.zeros(len(group), int)
        for start in range(0, len(self._cutoffs), width):
            neurons = slice(start, start + width)
            before = np.ascontiguousarray(original[:, neurons])
            after = np.ascontiguousarray(transformed[:, neurons])
            num_active += self._add_pairs(before, after, neurons, group)
            for sums, activity, image, partner, groups in controls:
                pair = before[image], activity[:, neurons][partner]
                self._add_control(sums, *pair, neurons, groups)
        return num_active

    def _add_pairs(self, original, transformed, neurons, group):
        activity = self._magnitude(original, transformed)
        is_active = activity > self._cutoffs[neurons]
        bins = np.ceil(activity * self._scale[neurons]).astype("int32")
        # A tau between those of the grid is one more threshold.
        if len(self._thresholds) > len(THRESHOLDS):
            bins += is_active
        num_bins, num_groups, _ = self._counts.shape
        shape = (num_bins, num_groups, original.shape[1])
        bins *= num_groups * shape[2]
        bins += (group[:, None] * shape[2] + np.arange(shape[2])).astype(
            "int32"
        )
        bins = bins.astype(np.intp).ravel()
        size = math.prod(shape)
        added = np.bincount(bins, minlength=size).astype("uint32")
        self._counts[:, :, neurons] += added.reshape(shape)
        terms = pair_terms(original, transformed, self._is_signed)
        for sums, term in zip(self._sums, terms, strict=True):
            added = np.bincount(bins, term.ravel(), minlength=size)
            sums[:, :, neurons] += added.reshape(shape)
        return np.count_nonzero(is_active, axis=1)

    def _magnitude(self, original, transformed):
        """Returns the activity that decides whether a neuron is active."""
        if self._is_signed:
            original, transformed = np.abs(original), np.abs(transformed)
        return self._decisive(original, transformed)

    def _control(self, name):
        """Returns a control's numbers of active images and sums of h."""
        shape = (2, self._num_groups, len(self._cutoffs))
        return self._controls.setdefault(name, np.zeros(shape))

    def _add_control(self, sums, original, transformed, neurons, groups):
        if self._is_signed:
            has_same_sign = original * np.sign(transformed) >= 0
            original, transformed = np.abs(original), np.abs(transformed)
        activity = self._decisive(original, transformed)
        is_active = (activity > self._cutoffs[neurons]).astype("float32")
        # h is 2 min(a, b) / (a + b): of positive float32 numbers it has a
        # relative error of 2^-23 at most, and so has a mean of it.
        invariance = np.minimum(original, transformed)
        total = np.add(original, transformed, out=transformed)
        invariance /= np.maximum(total, np.finfo("float32").tiny, out=total)
        invariance *= is_active
        if self._is_signed:
            invariance *= has_same_sign
        for group, images in enumerate(groups):
            sums[0, group, neurons] += is_active[images].sum(axis=0)
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
        asked = np.searchsorted(self._thresholds, thresholds)
        # The first bin above each threshold.
        first = [*(asked + 1), len(self._counts)]

        def above(sums):
            between = [
                sums[start:end, groups].sum(axis=(0, 1), dtype="float64")
                for start, end in itertools.pairwise(first)
            ]
            return np.cumsum(between[::-1], axis=0)[::-1].T

        count, *sums = above(self._counts), *map(above, self._sums)
        with np.errstate(invalid="ignore"):
            return count, *(np.divide(each, count, out=each) for each in sums)

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


def _by_group(partner, group):
    """Sorts the images that have a partner; returns the slice of each group."""
    image = np.argsort(group, kind="stable")
    image = image[partner[image] >= 0]
    ends = np.cumsum([0, *np.bincount(group[image])])
    slices = [slice(*pair) for pair in itertools.pairwise(ends)]
    return image, partner[image], slices
