"""What a layer holds: linear decoders of its responses.

`original` and `transformed` are arrays of shape `(num_images, num_neurons)`, as
`Responses.arrays` returns them.
"""

import numpy as np

from invariance_tf.measures.estimates import Estimate
from invariance_tf.measures.intervals import wilson
from invariance_tf.measures.population import check_responses, columns


def decode_transformed(original, transformed, penalty=0.1, seed=0):
    """Decodes from the responses of a layer whether an image is transformed.

    A linear decoder (ridge regression) is trained on the responses to four
    fifths of the images, and tested on both versions of the others.

    Args:
        original: Array of shape `(num_images, num_neurons)`.
        transformed: Array of the same shape.
        penalty: Float > 0, of the ridge regression, relative to the product of
            an image's responses with themselves, which is 1 on average.
        seed: Integer >= 0, of the division and the control.

    Returns:
        An `Estimate` of the accuracy: about .5 if the layer does not tell, 1
        if it does. Its interval is Wilson's for as many images as there are,
        of which both versions count as one.

    Raises:
        ValueError: If the arrays do not fit together.
    """
    check_responses(original, transformed, same_neurons=True)
    num_images = len(original)
    fold = np.tile(_folds(np.zeros(num_images, int), seed), 2)

    def read():
        for pair in columns(original, transformed):
            both = np.concatenate(pair)
            yield both, [both]

    # For the control, which of the two versions is called transformed.
    is_swapped = np.random.default_rng(seed).random(num_images) < 0.5
    targets = [
        np.concatenate([is_first, ~is_first]).astype(int)
        for is_first in (np.zeros(num_images, bool), is_swapped)
    ]
    value, control = (
        float(np.mean(predicted == target))
        for predicted, target in zip(
            _predict(read, fold, targets, penalty), targets, strict=True
        )
    )
    low, high = wilson(round(value * num_images), num_images)
    return Estimate(value, low, high, control)


def decode_categories(original, transformed, labels, penalty=0.1, seed=0):
    """Decodes categories from original and from transformed images.

    A linear decoder (ridge regression, one against the others) is trained on
    the responses to four fifths of the original images and tested on the
    others, as they are and transformed. Call it for the images of seen and of
    unseen categories to compare them.

    Args:
        original: Array of shape `(num_images, num_neurons)`.
        transformed: Array of the same shape.
        labels: Array of shape `(num_images,)`, at least two images each.
        penalty: Float > 0, as of `decode_transformed`.
        seed: Integer >= 0, of the division and the control.

    Returns:
        Two `Estimate` of the accuracy, for original and for transformed
        images, with Wilson's intervals.

    Raises:
        ValueError: If the arrays do not fit together, or there is one category
            or one of a single image.
    """
    check_responses(original, transformed, same_neurons=True)
    labels = np.asarray(labels)
    if labels.shape != (len(original),):
        raise ValueError(
            f"`labels` must have one label for each of {len(original)} images. "
            f"Received: shape={labels.shape}"
        )
    names, labels = np.unique(labels, return_inverse=True)
    if len(names) < 2 or np.bincount(labels).min() < 2:
        raise ValueError(
            "At least two categories of at least two images are needed. "
            f"Received: {len(names)} categories, with as few as "
            f"{np.bincount(labels).min()} images"
        )
    fold = _folds(labels, seed)
    shuffled = np.random.default_rng(seed).permutation(labels)

    def read():
        for known, other in columns(original, transformed):
            yield known, [known, other]

    targets = labels, shuffled
    correct = [
        predicted == target
        for predicted, target in zip(
            _predict(read, fold, targets, penalty), targets, strict=True
        )
    ]
    estimates = []
    for version in (0, 1):
        num_correct, num_shuffled = (each[version].sum() for each in correct)
        low, high = wilson(int(num_correct), len(labels))
        estimates.append(
            Estimate(
                float(num_correct / len(labels)),
                low,
                high,
                float(num_shuffled / len(labels)),
            )
        )
    return tuple(estimates)


def _folds(labels, seed, num_folds=5):
    """Divides images into parts that have all labels, as far as possible."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), int)
    fold[order] = np.arange(len(labels)) % num_folds
    return fold


def _predict(read, fold, targets, penalty):
    """Predicts targets of images by decoders trained on the other folds.

    One fold after the other, as products of images are large.

    Args:
        read: Function that returns an iterable of pairs, for a few neurons at
            a time: responses that are learnt from, and a list of responses that
            are tested, all with a row for each image.
        fold: Integer array of shape `(num_images,)`.
        targets: List of integer arrays of that shape.
        penalty: Float > 0.

    Returns:
        List with an integer array for each of the targets, of shape
        `(num_tested, num_images)`.
    """
    predicted = None
    for number in np.unique(fold):
        is_tested = fold == number
        of_learnt, of_tested = _multiply(read(), is_tested)
        if predicted is None:
            shape = len(of_tested), len(fold)
            predicted = [np.empty(shape, int) for _ in targets]
        # In the dual form, as there may be more neurons than images.
        of_learnt[np.diag_indices_from(of_learnt)] += penalty
        for target, found in zip(targets, predicted, strict=True):
            learnt = target[~is_tested]
            classes = np.unique(learnt)
            wanted = np.where(learnt[:, None] == classes, 1.0, -1.0)
            offset = wanted.mean(axis=0)
            weights = np.linalg.solve(of_learnt, wanted - offset)
            for version, products in enumerate(of_tested):
                scores = products @ weights + offset
                found[version, is_tested] = classes[scores.argmax(axis=1)]
    return predicted


def _multiply(chunks, is_tested):
    """Multiplies standardised responses, as decoders need them.

    Args:
        chunks: Iterable, as `read` of `_predict` returns it.
        is_tested: Boolean array of shape `(num_images,)`.

    Returns:
        Array of the products of the images that are learnt from with each
        other, and a list of arrays: of the tested images with these.
    """
    products, num_neurons = 0.0, 0
    for known, tested in chunks:
        num_neurons += known.shape[1]
        learnt = known[~is_tested]
        mean, scale = learnt.mean(axis=0), learnt.std(axis=0)
        # A neuron that does not vary says nothing.
        scale = np.where(scale > 0, scale, np.inf)
        rows = [learnt, *(some[is_tested] for some in tested)]
        rows = (np.concatenate(rows) - mean) / scale
        products += rows @ rows[: len(learnt)].T
    products /= num_neurons
    num_learnt = np.count_nonzero(~is_tested)
    of_tested = products[num_learnt:]
    return products[:num_learnt], np.split(of_tested, len(tested))
