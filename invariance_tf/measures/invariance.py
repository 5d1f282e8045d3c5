"""The invariance coefficient and specialisation of neurons (section 2.2).

With f(x) the activity of a neuron for an image x, divided by its largest
activity over all original and transformed images, and T the transformation:

    active images    A = {x : f(x) > tau or f(T(x)) > tau}
    invariance       I = mean over A of 1 - |f(T(x)) - f(x)| / (f(T(x)) + f(x))
    specialisation   s = mean over A of (f(T(x)) - f(x)) / (f(T(x)) + f(x))
"""

import numpy as np

# The grid of section 3.2.
THRESHOLDS = np.arange(21) / 20

RULES = {"either": np.maximum, "both": np.minimum}


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
    return decisive(rule)(original, transformed) / maxima


def decisive(rule):
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
