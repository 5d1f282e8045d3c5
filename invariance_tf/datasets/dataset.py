"""What every data set is to the rest of the package."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Holds labelled images, each one for training or for testing.

    The images of a category are adjacent, categories ascending, in the order
    of their files.

    Attributes:
        name: String, the data set's name in the registry.
        images: uint8 array or read-only memory map with values from 0 to 255
            and shape `(num_images, image_size, image_size, 3)`.
        labels: int32 array of shape `(num_images,)`, indices into
            `categories`.
        is_test: Boolean array of shape `(num_images,)`.
        categories: Tuple of strings, the categories' names.
        fingerprint: Hexadecimal string. Data sets with the same fingerprint
            hold the same images, labels and split.
        skipped: Tuple of `(file, reason)` pairs: files that were found but
            cannot be used.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray
    categories: tuple
    fingerprint: str
    skipped: tuple = ()

    @property
    def num_categories(self):
        """Number of categories."""
        return len(self.categories)

    @property
    def image_size(self):
        """Height and width of the images, in pixels."""
        return self.images.shape[1]
