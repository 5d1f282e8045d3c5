"""Measures of whole layers: the geometry of their responses.

The invariance coefficient looks at neurons one by one. Here a layer is the
matrix of its responses: `original` and `transformed` are arrays of shape
`(num_images, num_neurons)`, row i of both for image i, as
`Responses.arrays` returns them.
"""

import numpy as np
from scipy import stats

from invariance_tf.measures.estimates import NOTHING, Resamples

# So many responses are looked at together.
_CHUNK = 2**22


def linear_cka(original, transformed, clusters=None, seed=0):
    """Compares the geometry of two representations by linear CKA.

    With X and Y the responses, the mean of each neuron subtracted:

        CKA = |X'Y|^2 / (|X'X| |Y'Y|)    (Frobenius norms).

    It is 1 if one is a rotation of the other, times a factor. Neurons may
    change places: T(x) need not excite the same neurons as x. It is far above 0
    for unrelated responses if there are more neurons than images: compare it
    with the control.

    Args:
        original: Array of shape `(num_images, num_neurons)`.
        transformed: Array of shape `(num_images, num_other_neurons)`.
        clusters: Array of shape `(num_images,)`; images with the same value,
            such as those of one person, depend on each other. `None` means
            that none do.
        seed: Integer >= 0, of the control.

    Returns:
        An `Estimate`, from 0 to 1; nan if one does not respond.

    Raises:
        ValueError: If the arrays do not fit together.

    Reference:

    - [Kornblith et al., 2019](https://arxiv.org/abs/1905.00414), section 3

    Example:

    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> rotated = x[:, [1, 2, 0]] * [1, -1, 1]
    >>> round(linear_cka(x, rotated).value, 6)
    1.0
    """
    check_responses(original, transformed)
    grams = [_multiply(x) for x in (original, transformed)]

    def compare(rows, others):
        first = _centre(grams[0][np.ix_(rows, rows)])
        second = _centre(grams[1][np.ix_(others, others)])
        size = np.sqrt(_product(first, first) * _product(second, second))
        return _product(first, second) / size if size > 0 else np.nan

    resamples = Resamples(len(original), clusters, seed)
    return resamples.estimate([compare(*pair) for pair in resamples], 0, 1)


def rsa(original, transformed, clusters=None, seed=0):
    """Compares which images two representations find alike.

    The dissimilarity of two images is 1 - r, with r Pearson's correlation of
    their responses over neurons. The measure is Spearman's correlation of the
    dissimilarities of all pairs of images in one representation with those in
    the other.

    Args:
        original: Array as of `linear_cka`.
        transformed: Array as of `linear_cka`.
        clusters: Array as of `linear_cka`, or `None`.
        seed: Integer >= 0, of the control.

    Returns:
        An `Estimate`, from -1 to 1; nan if all pairs are equally alike. Images
        that excite all neurons alike, or none, are left out.

    Raises:
        ValueError: If the arrays do not fit together.

    Reference:

    - [Kriegeskorte et al., 2008](https://doi.org/10.3389/neuro.06.004.2008)
    """
    check_responses(original, transformed)
    both = (original, transformed)
    is_varied = np.all([np.ptp(x, axis=1) > 0 for x in both], axis=0)
    if is_varied.sum() < 3:
        return NOTHING
    ranks = [_rank_pairs(-_correlate(x, is_varied)) for x in both]
    if clusters is not None:
        clusters = np.asarray(clusters)[is_varied]

    def compare(rows, others):
        above = np.triu_indices(len(rows), 1)
        first = ranks[0][np.ix_(rows, rows)][above]
        second = ranks[1][np.ix_(others, others)][above]
        if np.ptp(first) == 0 or np.ptp(second) == 0:
            return np.nan
        return np.corrcoef(first, second)[0, 1]

    resamples = Resamples(len(ranks[0]), clusters, seed)
    return resamples.estimate([compare(*pair) for pair in resamples], -1, 1)


def normalized_variance(original, transformed):
    """Divides the variation over transformations by that over images.

    For each neuron, V = mean over x of std(f(x), f(T(x))) / mean over original
    and transformed images of std over x of f, with n - 1 in each variance.

    Args:
        original: Array as of `linear_cka`.
        transformed: Array of the same shape.

    Returns:
        Two float64 arrays of shape `(num_neurons,)`: V, 0 for an invariant
        neuron, and its control, near 1, with T(x) replaced by T of the next
        image. As in tmeasures, V is 1 for a neuron that never varies, and
        infinite for one that varies over transformations only.

    Raises:
        ValueError: If the arrays do not fit together.

    Reference:

    - [Quiroga et al., 2023](https://doi.org/10.1016/j.softx.2023.101501), and
      `NormalizedVarianceInvariance` of tmeasures

    Example:

    >>> x = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    >>> normalized_variance(x, x)[0].tolist()
    [0.0, 1.0]
    """
    check_responses(original, transformed, same_neurons=True)
    rows = np.arange(len(original))
    pairs = (rows, rows), (rows, np.roll(rows, 1))
    return tuple(_vary_neurons(original, transformed, pairs))


def median_variance(original, transformed, clusters=None, seed=0):
    """Computes the median of the normalised variance over a layer's neurons.

    Args:
        original: Array as of `linear_cka`.
        transformed: Array of the same shape.
        clusters: Array as of `linear_cka`, or `None`.
        seed: Integer >= 0, of the control.

    Returns:
        An `Estimate`, 0 or above: see `normalized_variance`. Neurons that
        never vary do not count; nan if none does.

    Raises:
        ValueError: If the arrays do not fit together.
    """
    check_responses(original, transformed, same_neurons=True)
    both = (original, transformed)
    is_varied = np.max([x.max(axis=0) for x in both], axis=0) > np.min(
        [x.min(axis=0) for x in both], axis=0
    )
    resamples = Resamples(len(original), clusters, seed)
    if not is_varied.any():
        return NOTHING
    ratios = _vary_neurons(original, transformed, resamples)[:, is_varied]
    return resamples.estimate(np.median(ratios, axis=1), 0, np.inf)


def _vary_neurons(original, transformed, pairs):
    """Computes the normalised variance for pairs of images.

    Args:
        original: Array of shape `(num_images, num_neurons)`.
        transformed: Array of that shape.
        pairs: Iterable of two index arrays: images, and of which images the
            transformed versions are that they are compared with.

    Returns:
        Float64 array of shape `(num_pairs, num_neurons)`.
    """

    def divide(before, after):
        over_images = (
            before.std(axis=0, ddof=1) + after.std(axis=0, ddof=1)
        ) / 2
        over_versions = np.mean(np.abs(after - before), axis=0) / np.sqrt(2)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = over_versions / over_images
        return np.where(np.isnan(ratio), 1.0, ratio)

    return _measure_neurons(divide, original, transformed, pairs)


def _measure_neurons(measure, original, transformed, pairs):
    """Measures neurons for pairs of images, a few neurons at a time."""
    return np.concatenate(
        [
            [measure(before[rows], after[others]) for rows, others in pairs]
            for before, after in columns(original, transformed)
        ],
        axis=1,
    )


def goodfellow_score(
    original, transformed, rate=0.01, share=0.2, clusters=None, seed=0
):
    """Scores a layer by its most invariant neurons, as Goodfellow et al.

    A neuron fires if its activity, or minus it, is above a threshold at which
    it fires for `rate` of the images: its global rate G. Its local rate L is
    the share of those images for which it fires after the transformation too.
    The score of a neuron is L / G, with the better of the two signs; that of
    the layer is the mean over the best `share` of its neurons. A neuron that
    is silent for so many images that it cannot fire for `rate` of them does not
    count. Where images tie at the threshold fewer fire, and G is still `rate`.

    Args:
        original: Array as of `linear_cka`.
        transformed: Array of the same shape.
        rate: Float between 0 and 1.
        share: Float above 0 to 1.
        clusters: Array as of `linear_cka`, or `None`.
        seed: Integer >= 0, of the control.

    Returns:
        An `Estimate`, from 0 to one over the rate (of a whole number of
        images). Where firing after the transformation has nothing to do with
        firing before, it is 1 only if neurons fire as often after it as
        before; if they fire more often it is higher, and so is the control.
        nan if no neuron can fire for so few images, or for so many.

    Raises:
        ValueError: If the arrays do not fit together, an argument is out of
            range, or `rate` is less than one image.

    Reference:

    - Goodfellow et al., 2009, "Measuring invariances in deep networks",
      section 3
    """
    check_responses(original, transformed, same_neurons=True)
    num_images = len(original)
    if not 1 / num_images <= rate < 1 or not 0 < share <= 1:
        raise ValueError(
            "`rate` must be from one image to below 1, and `share` above 0 to "
            f"1. Received: rate={rate}, share={share}, num_images={num_images}"
        )

    def score(before, after):
        num_rows = len(before)
        num_firing = max(1, round(rate * num_rows))
        position = num_rows - num_firing - 1
        best = np.full(before.shape[1], np.nan)
        for sign in (1, -1):
            limit = np.partition(sign * before, position, axis=0)[position]
            fires = sign * before > limit
            still = (fires & (sign * after > limit)).sum(axis=0)
            count = fires.sum(axis=0)
            is_silent = limit == (sign * before).min(axis=0)
            has_none = (count == 0) | is_silent & (count < num_firing)
            local = still / np.where(has_none, np.nan, count)
            best = np.fmax(best, local * (num_rows / num_firing))
        return best

    def pool(scores):
        best = np.sort(scores[~np.isnan(scores)])
        if not len(best):
            return np.nan
        return best[-max(1, round(share * len(best))) :].mean()

    resamples = Resamples(num_images, clusters, seed)
    scores = _measure_neurons(score, original, transformed, resamples)
    return resamples.estimate([*map(pool, scores)], 0, np.inf)


def check_responses(original, transformed, same_neurons=False):
    """Checks two arrays of responses.

    Args:
        original: Array of shape `(num_images, num_neurons)`.
        transformed: Array of that many rows.
        same_neurons: Whether the numbers of neurons must be equal too.

    Raises:
        ValueError: If they do not fit together.
    """
    both = (original, transformed)
    shapes = [np.shape(x) for x in both]
    is_legal = (
        all(len(shape) == 2 for shape in shapes)
        and shapes[0][0] == shapes[1][0] >= 3
        and (shapes[0] == shapes[1] or not same_neurons)
    )
    if not is_legal or not all(
        np.isfinite(some).all() for x in both for (some,) in columns(x)
    ):
        raise ValueError(
            "Responses must be two finite arrays of shape (num_images, "
            "num_neurons), of at least 3 images. "
            f"Received: shapes {shapes[0]} and {shapes[1]}"
        )


def columns(*responses):
    """Yields the neurons of responses a few at a time, as float64 arrays.

    So that a layer may be a memory map, larger than the memory.
    """
    num_images, num_neurons = responses[0].shape
    width = max(1, _CHUNK // num_images)
    for start in range(0, num_neurons, width):
        yield [
            np.asarray(x[:, start : start + width], "float64")
            for x in responses
        ]


def _multiply(responses):
    """Multiplies the responses to each image with those to each other one."""
    return sum(some @ some.T for (some,) in columns(responses))


def _correlate(responses, is_chosen):
    """Correlates the responses to images, over neurons."""
    num_neurons = responses.shape[1]
    mean = sum(some.sum(axis=1) for (some,) in columns(responses)) / num_neurons
    products = 0
    for (some,) in columns(responses):
        some = (some - mean[:, None])[is_chosen]
        products = products + some @ some.T
    size = np.sqrt(np.diag(products))
    return products / size / size[:, None]


def _centre(gram):
    """Subtracts each neuron's mean, from the products of responses."""
    means = gram.mean(axis=0)
    return gram - means - means[:, None] + means.mean()


def _product(first, second):
    """Multiplies and sums; without BLAS, whose threads outweigh the work."""
    return np.einsum("ij,ij->", first, second)


def _rank_pairs(matrix):
    """Ranks the pairs of images, in a symmetric matrix."""
    above = np.triu_indices(len(matrix), 1)
    ranks = np.zeros_like(matrix)
    ranks[above] = stats.rankdata(matrix[above])
    return ranks + ranks.T
