"""What a layer holds: linear decoders of its responses.

`original` and `transformed` are arrays of shape `(num_images, num_neurons)`, as
`Responses.arrays` returns them.
"""

import numpy as np

from invariance_tf.measures.intervals import wilson
from invariance_tf.measures.population import Estimate, check_responses


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
    original, transformed = check_responses(
        original, transformed, same_neurons=True
    )
    num_images = len(original)
    fold = _folds(np.zeros(num_images, int), seed)
    responses = np.concatenate([original, transformed])
    generator = np.random.default_rng(seed)
    shares = []
    for is_shuffled in (False, True):
        is_first = np.zeros(num_images, bool)
        if is_shuffled:  # Which of the two versions is called transformed.
            is_first = generator.random(num_images) < 0.5
        targets = np.concatenate([is_first, ~is_first]).astype(int)
        predicted = _predict_folds(
            responses, targets, responses, np.tile(fold, 2), penalty
        )
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
    original, transformed = check_responses(
        original, transformed, same_neurons=True
    )
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
    estimates = []
    for version in (original, transformed):
        correct = [
            _predict_folds(original, targets, version, fold, penalty) == targets
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


def _predict_folds(responses, targets, tested, fold, penalty):
    """Predicts the target of each row by a decoder trained on other folds."""
    predicted = np.empty(len(targets), int)
    for number in np.unique(fold):
        is_tested = fold == number
        known = responses[~is_tested]
        mean, scale = known.mean(axis=0), known.std(axis=0)
        # A neuron that does not vary says nothing.
        scale = np.where(scale > 0, scale, np.inf) * np.sqrt(known.shape[1])
        known = (known - mean) / scale
        classes = np.unique(targets[~is_tested])
        wanted = np.where(targets[~is_tested, None] == classes, 1.0, -1.0)
        offset = wanted.mean(axis=0)
        # In the dual form, as there may be more neurons than images.
        products = known @ known.T + penalty * np.eye(len(known))
        weights = np.linalg.solve(products, wanted - offset)
        scores = (tested[is_tested] - mean) / scale @ known.T @ weights + offset
        predicted[is_tested] = classes[scores.argmax(axis=1)]
    return predicted
