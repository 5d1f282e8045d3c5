"""Identifies images and data sets by their content."""

import hashlib
import json

import numpy as np


def fingerprint(images, labels, is_test, categories):
    """Hashes everything that a network can learn from a data set.

    Where the images come from, how their files are called and when they were
    changed leave no trace in the result.

    Args:
        images: uint8 array of shape `(num_images, height, width, 3)`. A
            memory map is read image by image.
        labels: Integer array of shape `(num_images,)`.
        is_test: Boolean array of shape `(num_images,)`.
        categories: Sequence of strings.

    Returns:
        String of 64 hexadecimal digits (SHA-256).

    Example:

    >>> images = np.zeros((2, 4, 4, 3), "uint8")
    >>> first = fingerprint(images, [0, 1], [True, False], ("cat", "dog"))
    >>> second = fingerprint(images, [0, 1], [True, True], ("cat", "dog"))
    >>> len(first), first == second
    (64, False)
    """
    header = [list(images.shape), list(categories)]
    digest = hashlib.sha256(json.dumps(header).encode())
    digest.update(np.asarray(labels, "<i4").tobytes())
    digest.update(np.asarray(is_test, "?").tobytes())
    for image in images:
        digest.update(_bytes_of(image))
    return digest.hexdigest()


def _bytes_of(image):
    """Returns an image's bytes, none of which a conversion has changed."""
    if image.dtype != "uint8":
        raise TypeError(
            "A fingerprint is one of uint8 images: others would have to be "
            f"rounded first. Received: dtype={image.dtype}"
        )
    return np.ascontiguousarray(image)


def fingerprint_hashes(hashes, labels, is_test, categories):
    """Hashes a data set of which only the images' hashes are at hand.

    Args:
        hashes: Array of `num_images` byte strings, as from `hash_images`.
        labels: As for `fingerprint`.
        is_test: As for `fingerprint`.
        categories: As for `fingerprint`.

    Returns:
        String of 64 hexadecimal digits (SHA-256). It differs from that of
        `fingerprint` for the same images.
    """
    rows = hashes.view("uint8").reshape(1, -1)
    return fingerprint(rows, labels, is_test, categories)


def hash_images(images):
    """Hashes each image by itself, to find those that occur twice.

    Args:
        images: uint8 array of shape `(num_images, height, width, 3)`. A
            memory map is read image by image.

    Returns:
        Array of `num_images` byte strings, the first 32 hexadecimal digits of
        SHA-256.

    Example:

    >>> hashes = hash_images(np.zeros((2, 4, 4, 3), "uint8"))
    >>> len(hashes[0]), bool(hashes[0] == hashes[1])
    (32, True)
    """
    return np.array(
        [hashlib.sha256(_bytes_of(image)).hexdigest() for image in images],
        "S32",
    )
