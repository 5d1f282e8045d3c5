"""What images were found, and which of them are used."""

import collections
import itertools
import logging

import numpy as np

from invariance_tf.paradigm import splits

# Handwritten digits of 8 x 8 pixels resemble each other without being copies,
# and generated faces are never copies.
_WITHOUT_COPIES = ("digits", "synthfaces")

_logger = logging.getLogger(__name__)


def find_near_copies(experiment, dataset, parts):
    """Finds near copies across parts, where that makes sense.

    Args:
        experiment: A resolved `config.Experiment`.
        dataset: A `datasets.Dataset`.
        parts: Array of strings, as `splits.divide` returns it.

    Returns:
        Integer array of shape `(num_pairs, 2)`; see `splits.find_near_copies`.
    """
    if experiment.dataset in _WITHOUT_COPIES or dataset.is_streamed:
        return np.empty((0, 2), int)
    return splits.find_near_copies(parts, dataset)


def count_found(dataset, parts, near_copies):
    """Counts images by part, and those that are not used.

    Args:
        dataset: A `datasets.Dataset`.
        parts: Array of strings, as `splits.divide` returns it.
        near_copies: As `find_near_copies` returns it.

    Returns:
        Dictionary of integers. `num_near_copies` are training and validation
        images that are used although they resemble one of a later part;
        `num_validation_copied` and `num_test_copied` those that they resemble.
    """
    count = collections.Counter(parts.tolist())
    copied = collections.Counter(parts[np.unique(near_copies[:, 1])].tolist())
    return {
        "num_images": len(parts),
        "num_categories": dataset.num_categories,
        **{f"num_{part}": count[part] for part in splits.PARTS},
        "num_duplicates": count[splits.DUPLICATE],
        "num_dropped_near_copies": count[splits.NEAR_COPY],
        "num_near_copies": len(np.unique(near_copies[:, 0])),
        "num_validation_copied": copied["validation"],
        "num_test_copied": copied["test"],
    }


def group_left_out(dataset):
    """Returns the categories that are left out of a data set, by reason."""
    by_reason = collections.defaultdict(list)
    for category, reason in dataset.left_out:
        by_reason[reason].append(category)
    return by_reason


def log_found(dataset, parts, near_copies):
    """Says which images were found, and warns of what is wrong with them.

    Args:
        dataset: A `datasets.Dataset`.
        parts: Array of strings, as `splits.divide` returns it.
        near_copies: As `find_near_copies` returns it.
    """
    counts = count_found(dataset, parts, near_copies)
    _logger.info(
        "Found %s images of %s categories: %s for training, %s for validation, "
        "%s for testing.",
        *(
            f"{counts[f'num_{name}']:,}"
            for name in ("images", "categories", *splits.PARTS)
        ),
    )
    for reason, names in group_left_out(dataset).items():
        _logger.info(
            "Categories left out: %s, %s (%s).",
            f"{len(names):,}",
            reason,
            _list_first(names),
        )
    if dataset.skipped:
        _logger.warning(
            "Files that cannot be used: %s (%s). skipped.csv lists them.",
            f"{len(dataset.skipped):,}",
            _list_first(f"{file} {why}" for file, why in dataset.skipped),
        )
    if len(near_copies):
        _logger.warning(
            "%s of %s test images and %s of %s validation images resemble one "
            "of an earlier part (%s), so accuracies may be too high. "
            "near_copies.csv lists them; --near_copies drop leaves them out of "
            "training.",
            *(
                f"{counts[f'num_{name}']:,}"
                for part in ("test", "validation")
                for name in (f"{part}_copied", part)
            ),
            splits.name_pairs(near_copies, dataset),
        )


def _list_first(names, most=3):
    """Joins the first names, and says whether there are more."""
    first = [*itertools.islice(names, most + 1)]
    return ", ".join(first[:most] + ["..."] * (len(first) > most))
