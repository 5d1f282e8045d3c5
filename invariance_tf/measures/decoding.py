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
    both = map(np.concatenate, columns(original, transformed))
    products = _multiply_folds(((some, [some]) for some in both), fold)
    generator = np.random.default_rng(seed)
    shares = []
    for is_shuffled in (False, True):
        is_first = np.zeros(num_images, bool)
        if is_shuffled:  # Which of the two versions is called transformed.
            is_first = generator.random(num_images) < 0.5
        targets = np.concatenate([is_first, ~is_first]).astype(int)
        predicted = _predict_folds(products, targets, fold, penalty)
        shares.append(np.mean(predicted == targets))
    low, high = wilson(round(float(shares[0]) * num_images), num_images)
    return Estimate(float(shares[0]), low, high, float(shares[1]))


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
    chunks = (
        (known, (known, other))
        for known, other in columns(original, transformed)
    )
    products = _multiply_folds(chunks, fold)
    estimates = []
    for version in (0, 1):
        correct = [
            _predict_folds(products, targets, fold, penalty, version) == targets
            for targets in (labels, shuffled)
        ]
        value, control = (float(each.mean()) for each in correct)
        low, high = wilson(int(correct[0].sum()), len(labels))
        estimates.append(Estimate(value, low, high, control))
    return tuple(estimates)


def _folds(labels, seed, num_folds=5):
    """Divides images into parts that have all labels, as far as possible."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), int)
    fold[order] = np.arange(len(labels)) % num_folds
    return fold


def _multiply_folds(chunks, fold):
    """Multiplies standardised responses, as decoders need them.

    Args:
        chunks: Iterable of pairs, for a few neurons at a time: responses that
            are learnt from, and a list of responses that are tested, all with
            a row for each image.
        fold: Integer array of shape `(num_images,)`.

    Returns:
        Dictionary from each number of a fold to the products with the images
        of all other folds: of these images themselves, and of those of the
        fold in each of the tested responses, below each other.
    """
    products, num_neurons = dict.fromkeys(np.unique(fold), 0.0), 0
    for known, tested in chunks:
        num_neurons += known.shape[1]
        for number in products:
            is_tested = fold == number
            learnt = known[~is_tested]
            mean, scale = learnt.mean(axis=0), learnt.std(axis=0)
            # A neuron that does not vary says nothing.
            scale = np.where(scale > 0, scale, np.inf)
            rows = [learnt, *(some[is_tested] for some in tested)]
            rows = (np.concatenate(rows) - mean) / scale
            products[number] = products[number] + rows @ rows[: len(learnt)].T
    return {number: each / num_neurons for number, each in products.items()}


def _predict_folds(products, targets, fold, penalty, version=0):
    """Predicts the target of each row by a decoder trained on other folds.

    Args:
        products: Dictionary of `_multiply_folds`.
        targets: Integer array of shape `(num_images,)`.
        fold: Integer array of that shape.
        penalty: Float > 0.
        version: Integer, which of the tested responses to test.
    """
    predicted = np.empty(len(targets), int)
    for number, all_rows in products.items():
        is_tested = fold == number
        learnt = targets[~is_tested]
        of_learnt = all_rows[: len(learnt)]
        first = len(learnt) + version * is_tested.sum()
        of_tested = all_rows[first : first + is_tested.sum()]
        classes = np.unique(learnt)
        wanted = np.where(learnt[:, None] == classes, 1.0, -1.0)
        offset = wanted.mean(axis=0)
        # In the dual form, as there may be more neurons than images.
        weights = np.linalg.solve(
            of_learnt + penalty * np.eye(len(learnt)), wanted - offset
        )
        scores = of_tested @ weights + offset
        predicted[is_tested] = classes[scores.argmax(axis=1)]
    return predicted
