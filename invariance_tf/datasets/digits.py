"""Handwritten digits: small real images that need no download.

They come with scikit-learn, a copy of the test part of the UCI repository's
"Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).
"""

import numpy as np
from PIL import Image

from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.images.selection import check_integer


def load_digits(image_size=32, num_test=50):
    """Loads the 1,797 handwritten digits of scikit-learn.

    The 8x8 grey images are enlarged with a bilinear filter: repeated pixels
    would put edges between the blocks, which no digit has, yet are what a
    high-pass filter shows first. Values from 0 to 16 are scaled to 0..255.

    Args:
        image_size: Integer from 16 to 224. Height and width of the images, in
            pixels.
        num_test: Integer from 1 to 173. Number of test images of each digit,
            the first in scikit-learn's order. The rarest digit has 174.

    Returns:
        A `Dataset` with ten categories, "0" to "9", and three equal channels.

    Raises:
        ValueError: If an argument is not legal.
        ImportError: If scikit-learn is not installed.

    Example:

    >>> dataset = load_digits(image_size=16)
    >>> dataset.images.shape, int(dataset.is_test.sum())
    ((1797, 16, 16, 3), 500)
    """
    try:
        import sklearn.datasets
    except ImportError as error:
        raise ImportError(
            "The data set `digits` comes with scikit-learn, which is not "
            "installed: pip install scikit-learn"
        ) from error
    check_integer("image_size", image_size, 16, 224)
    source = sklearn.datasets.load_digits()
    counts = np.bincount(source.target)
    check_integer("num_test", num_test, 1, int(counts.min()) - 1)
    order = np.argsort(source.target, kind="stable")
    labels = source.target[order].astype("int32")
    first = np.cumsum(counts) - counts
    is_test = np.arange(len(labels)) - first[labels] < num_test
    images = np.stack(
        [_enlarge(image, image_size) for image in source.images[order]]
    )
    return Dataset(
        name="digits",
        images=images,
        labels=labels,
        is_test=is_test,
        categories=tuple(str(name) for name in source.target_names),
    )


def count_categories(**options):
    """Returns the number of digits of `load_digits(**options)`."""
    return 10


def _enlarge(image, image_size):
    """Returns a uint8 array of shape `(image_size, image_size, 3)`."""
    grey = Image.fromarray((image * (255 / 16)).astype("float32"))
    size = (image_size, image_size)
    resized = np.asarray(grey.resize(size, Image.Resampling.BILINEAR))
    values = np.rint(resized).clip(0, 255).astype("uint8")
    return np.repeat(values[..., np.newaxis], 3, axis=-1)
