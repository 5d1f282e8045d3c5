"""Describes images so that near copies of a photo resemble each other."""

import numpy as np

# With more means a copy that was compressed or moved differs too much; with
# fewer, two photos of a face are alike.
GRID = 12
_LUMINANCE = np.array([0.299, 0.587, 0.114], "float32")


def find_contours(images, reach=0):
    """Computes the contours of each image, as a vector of length 1.

    An image is reduced to `GRID` x `GRID` grey means; the differences of
    neighbours, down and across, are divided by their norm. The product of two
    such vectors is 1 for images that differ only in brightness and contrast,
    and about 0 for unrelated ones. This is the difference hash before its
    values are reduced to signs, which alone cannot tell two photos of one
    person apart.

    Args:
        images: uint8 array of shape `(num_images, image_size, image_size, 3)`.
        reach: Integer >= 0. How many pixels to move the image, each way.

    Returns:
        float32 array of shape `(num_images, num_moves, num_differences)`, where
        `num_moves` is `(2 * reach + 1) ** 2`. Images of a single colour have
        no contours, but zeros.

    Example:

    >>> images = np.random.default_rng(0).integers(0, 128, (2, 32, 32, 3))
    >>> images = np.concatenate([images, images + 99]).astype("uint8")
    >>> contours = find_contours(images)[:, 0]
    >>> (contours @ contours.T > 0.99).astype(int)[0]
    array([1, 0, 1, 0])
    """
    size, num_moves = images.shape[1], 2 * reach + 1
    means = np.concatenate(
        [_weigh_pixels(size, move) for move in range(-reach, reach + 1)]
    )
    # Grey, and the means along rows, in one product of matrices.
    grey_means = np.kron(means, _LUMINANCE).T
    rows = images.reshape(-1, size * 3).astype("float32") @ grey_means
    grid = means @ rows.reshape(-1, size, len(means))
    # Image, move down, row, move across, column.
    grid = grid.reshape(-1, num_moves, GRID, num_moves, GRID)
    vectors = np.concatenate(
        [
            np.moveaxis(np.diff(grid, axis=axis), 3, 2).reshape(
                len(grid), num_moves**2, -1
            )
            for axis in (2, 4)
        ],
        axis=2,
    )
    norms = np.linalg.norm(vectors, axis=2, keepdims=True)
    # Below 1 grey level, all that differs is rounding.
    return np.where(norms < 1, 0, vectors / norms.clip(1))


def _weigh_pixels(image_size, move):
    """Returns the share of each pixel in each mean, along one side."""
    edges = np.linspace(0, image_size, GRID + 1) + move
    pixels = np.arange(image_size)
    shares = np.minimum(edges[1:, None], pixels + 1) - np.maximum(
        edges[:-1, None], pixels
    )
    shares = shares.clip(0)
    return (shares / shares.sum(axis=1, keepdims=True)).astype("float32")
