"""Which images are for training, for validation and for testing."""

import csv
import hashlib
import logging

import numpy as np

from invariance_tf import foreign

PARTS = ("train", "validation", "test")

# The part of an image that equals or resembles one of a later part: it is not
# used.
DUPLICATE = "duplicate"
NEAR_COPY = "near_copy"

# Least product of the contours of near copies. On real faces and objects, what
# was compressed, brightened or shifted reaches it; two photos of one person
# reach .93, and .945 if they are of the same moment.
NEAR = 0.95

_logger = logging.getLogger(__name__)


def hold_out(labels, fraction, seed):
    """Chooses images to hold out of training, the same share of each category.

    Args:
        labels: Integer array of shape `(num_images,)`.
        fraction: Float from 0 to below 1. Of n images of a category
            round(fraction n) are held out, but never all.
        seed: Integer >= 0.

    Returns:
        Boolean array of shape `(num_images,)`, `True` where held out.

    Example:

    >>> hold_out(np.repeat([0, 1], [10, 20]), 0.1, seed=0).sum()
    np.int64(3)
    """
    is_held_out = np.zeros(len(labels), bool)
    bits = np.random.PCG64(np.random.SeedSequence([seed, 1]))
    order = np.argsort(bits.random_raw(len(labels)), kind="stable")
    # Grouped by category, each in the random order.
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    for of_category in np.split(order, np.cumsum(counts)[:-1]):
        num_held_out = min(
            round(fraction * len(of_category)), len(of_category) - 1
        )
        is_held_out[of_category[: max(num_held_out, 0)]] = True
    return is_held_out


def divide(dataset, fraction, seed):
    """Divides a data set into training, validation and test (Appendix B).

    Args:
        dataset: A `datasets.Dataset`, which says which images are for testing.
        fraction: Float from 0 to below 1, the share of the training images to
            hold out.
        seed: Integer >= 0, determines which.

    Returns:
        Array of `num_images` strings: one of `PARTS`, or `"duplicate"` for
        training images that exactly equal a validation or test image, and for
        validation images that exactly equal a test image.
    """
    parts = np.where(dataset.is_test, "test", "train").astype("U10")
    is_training = ~dataset.is_test
    parts[is_training] = np.where(
        hold_out(dataset.labels[is_training], fraction, seed),
        "validation",
        "train",
    )
    return _without_duplicates(parts, dataset)


def _without_duplicates(parts, dataset):
    """Marks training and validation images that are in a later part too."""
    parts = parts.copy()
    taken = dataset.hashes[parts == "test"]
    for part in ("validation", "train"):
        of_part = np.flatnonzero(parts == part)
        is_twice = np.isin(dataset.hashes[of_part], taken)
        taken = np.concatenate([taken, dataset.hashes[of_part]])
        parts[of_part[is_twice]] = DUPLICATE
    found = np.flatnonzero(parts == DUPLICATE)
    if len(found):
        _logger.warning(
            "Dropped %d training or validation images that exactly duplicate "
            "a validation or test image (the first: %s); splits.csv lists "
            'them as "duplicate".',
            len(found),
            dataset.files[found[0]],
        )
    return parts


def find_near_copies(parts, dataset):
    """Finds images that resemble one of a later part, of the same category.

    These are copies that were compressed, resized, brightened or shifted a
    little. Copies that are mirrored, turned or cropped are not found. Pictures
    on an even background with little else, such as digits, can resemble each
    other without being copies.

    Args:
        parts: Array of strings, as `divide` returns it.
        dataset: The `datasets.Dataset`.

    Returns:
        Integer array of shape `(num_pairs, 2)`: the positions of an image and
        of one in a later part, with the most similar one of each.
    """
    pairs = [np.empty((0, 2), int)]
    for label in range(dataset.num_categories):
        start, stop = np.searchsorted(dataset.labels, [label, label + 1])
        of_category = parts[start:stop]
        for part, later in (("train", PARTS[1:]), ("validation", PARTS[2:])):
            ours = start + np.flatnonzero(of_category == part)
            theirs = start + np.flatnonzero(np.isin(of_category, later))
            if len(ours) and len(theirs):
                pairs += _pair_similar(ours, theirs, dataset)
    return np.unique(np.concatenate(pairs), axis=0)


def _pair_similar(ours, theirs, dataset):
    """Returns pairs of near copies, in blocks that fit in memory."""
    # Shifted by a pixel, a fine texture is another.
    moved = dataset.find_contours(theirs, reach=1)
    pairs = []
    for first in range(0, len(ours), 256):
        block = ours[first : first + 256]
        contours = dataset.find_contours(block)[:, 0]
        # Of the moves the one that fits best.
        products = np.max(
            [contours @ of_move.T for of_move in moved.swapaxes(0, 1)], axis=0
        )
        is_near = products > NEAR
        of_ours = block, theirs[products.argmax(axis=1)]
        of_theirs = block[products.argmax(axis=0)], theirs
        pairs += [
            np.stack(of_ours, axis=1)[is_near.any(axis=1)],
            np.stack(of_theirs, axis=1)[is_near.any(axis=0)],
        ]
    return pairs


def drop_near_copies(parts, dataset):
    """Returns parts in which no image resembles one of a later part.

    Args:
        parts: Array of strings, as `divide` returns it.
        dataset: The `datasets.Dataset`.
    """
    pairs = find_near_copies(parts, dataset)
    if len(pairs):
        parts = parts.copy()
        parts[pairs[:, 0]] = NEAR_COPY
        _logger.warning(
            "Dropped %d training or validation images that resemble a "
            "validation or test image (%s); splits.csv lists them as "
            '"near_copy".',
            len({*pairs[:, 0]}),
            name_pairs(pairs, dataset),
        )
    return parts


def name_pairs(pairs, dataset, most=3):
    """Names the files of the first pairs of near copies, for a message."""
    named = "; ".join(
        " like ".join(dataset.files[position] for position in pair)
        for pair in pairs[:most]
    )
    return f"{named}; ..." if len(pairs) > most else named


def replay(dataset, path):
    """Divides a data set as in a file, such as another run's `splits.csv`.

    Args:
        dataset: A `datasets.Dataset`.
        path: Path of a CSV file with the columns file, category and split (one
            of `PARTS`, "duplicate" or "near_copy").

    Returns:
        A `datasets.Dataset` of the images in the file, and an array of the
        parts they are in, as `divide` returns it.

    Raises:
        ValueError: If the file is not such a table, or does not fit the data.
        FileNotFoundError: If the file does not exist.
    """
    rows = _read_rows(path)
    found = {name: position for position, name in enumerate(dataset.files)}
    missing = [name for name in rows if name not in found]
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(rows)} files in the splits are not "
            f"among the {len(found)} images of the data set (the first: "
            f"{missing[0]}). The settings that choose images (min_images, "
            "max_images, num_test ...) must include them. "
            f"Received: splits={path}"
        )
    for name, (category, _) in rows.items():
        expected = dataset.categories[dataset.labels[found[name]]]
        if category != expected:
            raise ValueError(
                f"The splits say that {name} shows {category}, but in the data "
                f"set it shows {expected}. Received: splits={path}"
            )
    positions = np.array(sorted(found[name] for name in rows))
    parts = np.array(
        [rows[dataset.files[position]][1] for position in positions], "U10"
    )
    num_left_out = len(found) - len(rows)
    if num_left_out:
        _logger.info("%d images are not in the splits.", num_left_out)
    taken = dataset.take(positions, parts == "test")
    return taken, _without_duplicates(parts, taken)


def _read_rows(path):
    """Returns the category and the part of each file by its name."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [*csv.DictReader(file)]
    except FileNotFoundError:
        raise FileNotFoundError(
            "The file of splits does not exist. It should be a CSV file with "
            f"the columns file, category and split. Received: splits={path}"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"The splits cannot be read: {error}. Received: splits={path}"
        ) from error
    found = {}
    for number, row in enumerate(rows, start=2):
        if not {"file", "category", "split"} <= row.keys():
            raise ValueError(
                "Splits need the columns file, category and split. Received: "
                f"splits={path} with {', '.join(map(str, row))}"
            )
        if row["split"] not in (*PARTS, DUPLICATE, NEAR_COPY):
            raise ValueError(
                f"The split of row {number} must be {', '.join(PARTS)}, "
                f"{DUPLICATE} or {NEAR_COPY}. Received: splits={path}, "
                f"split={row['split']}"
            )
        name, category = (
            foreign.unescape_cell(row[column] or "")
            for column in ("file", "category")
        )
        if name in found:
            raise ValueError(
                f"Row {number} repeats {name}. Received: splits={path}"
            )
        found[name] = category, row["split"]
    if not found:
        raise ValueError(f"The splits have no rows. Received: splits={path}")
    return found


def check(parts, dataset, held_out=False):
    """Raises an error if a category has no image to train or to test on.

    Args:
        parts: Array of strings, as `divide` returns it.
        dataset: The `datasets.Dataset`.
        held_out: Whether the test images are held-out training images.

    Raises:
        ValueError: If a category has no training or no test image.
    """
    testing = "testing"
    if held_out:
        testing = "testing, held out of training: raise `validation_fraction`"
    for part, purpose in (("train", "training"), ("test", testing)):
        counts = np.bincount(
            dataset.labels[parts == part], minlength=dataset.num_categories
        )
        if not counts.all():
            category = dataset.categories[int(np.argmin(counts))]
            raise ValueError(
                f"Every category needs an image for {purpose}. Copies that "
                f"were dropped do not count. Received: no image of {category}"
            )


def to_table(parts, dataset):
    """Returns the columns of `splits.csv`: file, category and split."""
    return {
        "file": dataset.files,
        "category": np.array(dataset.categories)[dataset.labels],
        "split": parts,
    }


def to_pairs_table(pairs, parts, dataset):
    """Returns the columns of `near_copies.csv`: two files and their splits."""
    files = np.array(dataset.files, object)
    of_file, of_copy = pairs.T
    return {
        "file": files[of_file],
        "split": parts[of_file],
        "similar_file": files[of_copy],
        "similar_split": parts[of_copy],
    }


def digest(parts, dataset):
    """Returns the SHA-256, in hexadecimal digits, of files and their parts."""
    found = hashlib.sha256()
    for name, part in zip(dataset.files, parts, strict=True):
        found.update(f"{name}\n{part}\n".encode())
    return found.hexdigest()
