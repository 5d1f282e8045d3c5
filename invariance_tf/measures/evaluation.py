"""Accuracies by category group and image version, and the confusion."""

import math

import numpy as np

from invariance_tf.measures import activations
from invariance_tf.measures.responses import paired_blocks, reading_order

# Accuracy on transformed images of seen and of unseen categories, and on
# original images of all.
ACCURACIES = ("within_accuracy", "across_accuracy", "clean_accuracy")


def classifier(model):
    """Returns the model without its transformation layer.

    Args:
        model: A model made by `model.build`.

    Returns:
        A `keras.Model` from images, transformed or not, to logits. It shares
        its layers with `model`.
    """
    return activations.submodel(model, [activations.dense_head(model).name])


def predict_labels(network, images, labels, transform, seed=0):
    """Predicts the category of every image, transformed.

    Args:
        network: A model made by `classifier`.
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255.
        labels: Integer array of shape `(num_images,)`: determines the reading
            order, and with it the noise.
        transform: A `Transform`; `Identity` for original images.
        seed: Integer >= 0, decides the noise of noise transformations.

    Returns:
        Integer array of shape `(num_images,)`.
    """
    predicted = np.empty(len(images), int)
    for positions, logits in _read_logits(
        network, images, labels, transform, seed
    ):
        predicted[positions] = logits.argmax(axis=-1)
    return predicted


def predict_in_groups(network, images, labels, groups, transform, seed=0):
    """Predicts categories twice: among all, and among those of the group.

    A transformed image of an unseen category can be mistaken for a category
    that was seen transformed (Fig. 6). Among the unseen categories only, it
    cannot.

    Args:
        network: As for `predict_labels`, as all but `groups`.
        images: See there.
        labels: See there.
        groups: Array of shape `(num_categories,)`, the group of each category,
            such as whether it is seen.
        transform: See there.
        seed: See there.

    Returns:
        Two integer arrays of shape `(num_images,)`: the predicted category,
        and the one predicted if only the categories of the image's own group
        can be answered.
    """
    predicted = np.empty((2, len(images)), int)
    is_same_group = groups == groups[:, None]
    for positions, logits in _read_logits(
        network, images, labels, transform, seed
    ):
        can_be = is_same_group[labels[positions]]
        among = np.where(can_be, logits, -np.inf)
        predicted[:, positions] = logits.argmax(-1), among.argmax(-1)
    return predicted


def _read_logits(network, images, labels, transform, seed):
    """Yields positions of transformed images and their logits."""
    blocks = paired_blocks(images, transform, seed, reading_order(labels))
    for positions, _, transformed in blocks:
        (logits,) = network.predict_on_batch(transformed).values()
        yield positions, np.asarray(logits)


def group_accuracies(labels, predicted, is_seen, is_other=None):
    """Computes the accuracy over seen, unseen and all categories.

    On transformed images the accuracy over seen categories is the
    within-category accuracy, that over unseen categories the across-category
    accuracy (section 2.1).

    Args:
        labels: Integer array of shape `(num_images,)`.
        predicted: Integer array of shape `(num_images,)`.
        is_seen: Boolean array of shape `(num_categories,)`.
        is_other: Boolean array of that shape: categories that are seen with
            another transformation only, and are no unseen ones. `None` means
            none.

    Returns:
        Dictionary from `"seen"`, `"unseen"` and `"all"`, and `"other"` if there
        are such, to a pair: number of images and accuracy from 0 to 1, nan for
        a group without images.

    Example:

    >>> group_accuracies(
    ...     np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([True, True])
    ... )
    {'seen': (3, 0.666...), 'unseen': (0, nan), 'all': (3, 0.666...)}
    """
    is_correct = predicted == labels
    groups = {
        name: is_correct[is_in_group[labels]]
        for name, is_in_group in split_categories(is_seen, is_other).items()
    }
    groups["all"] = is_correct
    return {
        group: (
            len(correct),
            float(correct.mean()) if len(correct) else math.nan,
        )
        for group, correct in groups.items()
    }


def split_categories(is_seen, is_other=None):
    """Splits the categories into groups.

    Args:
        is_seen: As for `group_accuracies`.
        is_other: As for `group_accuracies`.

    Returns:
        Dictionary from `"seen"`, `"unseen"`, and `"other"` if there are such,
        to boolean arrays of shape `(num_categories,)`.
    """
    if is_other is None or not is_other.any():
        return {"seen": is_seen, "unseen": ~is_seen}
    is_unseen = ~is_seen & ~is_other
    return {"seen": is_seen, "unseen": is_unseen, "other": is_other}


def group_confusion(labels, predicted, is_seen):
    """Computes how images of a category group are classified (Fig. 6).

    Args:
        labels: Integer array of shape `(num_images,)`.
        predicted: Integer array of shape `(num_images,)`.
        is_seen: Boolean array of shape `(num_categories,)`.

    Returns:
        List of dictionaries, one for each category group (seen, unseen):
        number of images, and the percentages of them that are classified as a
        seen category, as an unseen category, and correctly; nan for a group
        without images.

    Example:

    >>> rows = group_confusion(
    ...     np.array([0, 1]), np.array([0, 0]), np.array([True, False])
    ... )
    >>> rows[1]["percent_as_seen"], rows[1]["percent_correct"]
    (100.0, 0.0)
    """
    answers = {
        "percent_as_seen": is_seen[predicted],
        "percent_as_unseen": ~is_seen[predicted],
        "percent_correct": predicted == labels,
    }
    rows = []
    for group, in_group in (("seen", is_seen), ("unseen", ~is_seen)):
        of_group = in_group[labels]
        num_images = int(of_group.sum())
        row = {"category_group": group, "num_images": num_images}
        for name, is_answer in answers.items():
            count = int(is_answer[of_group].sum())
            row[name] = 100 * count / num_images if num_images else math.nan
        rows.append(row)
    return rows


def confusion_matrix(labels, predicted, num_categories):
    """Counts the images of each category (row) by predicted category.

    Example:

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    array([[1, 0],
           [1, 1]])
    """
    pairs = labels * num_categories + predicted
    counts = np.bincount(pairs, minlength=num_categories**2)
    return counts.reshape(num_categories, num_categories)


def summarise_accuracies(
    labels, predicted_original, predicted_transformed, is_seen, is_other=None
):
    """Returns the accuracies of `ACCURACIES`, from 0 to 1 or nan, by name."""
    groups = is_seen, is_other
    original = group_accuracies(labels, predicted_original, *groups)
    transformed = group_accuracies(labels, predicted_transformed, *groups)
    return {
        "within_accuracy": transformed["seen"][1],
        "across_accuracy": transformed["unseen"][1],
        "clean_accuracy": original["all"][1],
    }
