"""What a data set is to the rest of the package."""

import dataclasses

import numpy as np

from invariance_tf.datasets.images import fingerprint


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Holds labelled images, each one for training or for testing.

    The images of a category are adjacent, categories ascending.

    Attributes:
        name: String, the data set's name in the registry.
        images: uint8 array or read-only memory map with values from 0 to 255
            and shape `(num_images, image_size, image_size, 3)`, or
            `records.RecordImages`, which decode what is read.
        labels: int32 array of shape `(num_images,)`, indices into
            `categories`.
        is_test: Boolean array of shape `(num_images,)`.
        categories: Tuple of strings, the categories' names.
        fingerprint: Hexadecimal string. Data sets with the same fingerprint
            hold the same images, labels and split. `None` becomes that of
            `fingerprint.fingerprint`.
        skipped: Tuple of `(file, reason)` pairs: files that were found but
            cannot be used.
        files: Tuple of strings, the images' names; `None` becomes category
            and number.
        hashes: Array of `num_images` byte strings: images with the same hash
            are the same. `None` becomes that of `fingerprint.hash_images`.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray
    categories: tuple
    fingerprint: str | None = None
    skipped: tuple = ()
    files: tuple | None = None
    hashes: np.ndarray | None = None

    def __post_init__(self):
        if self.files is None:
            files = (
                f"{self.categories[label]}/{number}"
                for number, label in enumerate(self.labels)
            )
            object.__setattr__(self, "files", tuple(files))
        if self.hashes is None:
            hashes = fingerprint.hash_images(self.images)
            object.__setattr__(self, "hashes", hashes)
        if self.fingerprint is None:
            content = (self.images, self.labels, self.is_test, self.categories)
            identity = fingerprint.fingerprint(*content)
            object.__setattr__(self, "fingerprint", identity)

    @property
    def num_categories(self):
        """Number of categories."""
        return len(self.categories)

    @property
    def image_size(self):
        """Height and width of the images, in pixels."""
        return self.images.shape[1]

    def take(self, positions, is_test):
        """Returns a data set of some of the images with another division.

        Args:
            positions: Integer array of shape `(num_taken,)`, ascending.
            is_test: Boolean array of shape `(num_taken,)`.

        Returns:
            A `Dataset` without the categories of which no image is left. Its
            images are in memory, unless all are taken or they are records.
        """
        kept, labels = np.unique(self.labels[positions], return_inverse=True)
        images = self.images
        if len(positions) < len(images):
            images = take(images, positions)
        labels = labels.astype("int32")
        categories = tuple(self.categories[label] for label in kept)
        hashes = self.hashes[positions]
        return dataclasses.replace(
            self,
            images=images,
            labels=labels,
            is_test=is_test,
            categories=categories,
            fingerprint=fingerprint.fingerprint_hashes(
                hashes, labels, is_test, categories
            ),
            files=tuple(self.files[position] for position in positions),
            hashes=hashes,
        )


def take(images, positions):
    """Returns images by position: arrays in memory, records as records."""
    if hasattr(images, "take_records"):
        return images.take_records(positions)
    return images[positions]
