"""What a data set is to the rest of the package."""

import dataclasses
import functools

import numpy as np

from invariance_tf import arrays
from invariance_tf.datasets.images import fingerprint, resemblance


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Holds labelled images, each one for training or for testing.

    The images of a category are adjacent, categories ascending. The arrays
    are read-only.

    Attributes:
        name: String, the data set's name in the registry.
        images: uint8 array or memory map with values from 0 to 255 and shape
            `(num_images, image_size, image_size, 3)`, or
            `records.RecordImages`, which decode what is read. Other arrays and
            tensors are converted if all their values are whole numbers.
        labels: int32 array of shape `(num_images,)`, indices into
            `categories`. Names of categories, as text or bytes, and one-hot
            rows are converted.
        is_test: Boolean array of shape `(num_images,)`.
        categories: Tuple of strings, the categories' names.
        skipped: Tuple of `(file, reason)` pairs: files that were found but
            cannot be used.
        files: Tuple of strings, the images' names; `None` becomes category
            and number.
        left_out: Tuple of `(category, reason)` pairs: categories that were
            found but are not used.

    Raises:
        TypeError: If an array is of the wrong kind.
        ValueError: If shapes, values, labels or lengths do not fit.

    Example:

    >>> images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3))
    >>> labels, is_test = ["cat", "cat", "dog", "dog"], [True, False] * 2
    >>> pets = Dataset("pets", images, labels, is_test, ("cat", "dog"))
    >>> pets.images.dtype, pets.labels, pets.files[2]
    (dtype('uint8'), array([0, 0, 1, 1], dtype=int32), 'dog/2')
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    is_test: np.ndarray
    categories: tuple
    skipped: tuple = ()
    files: tuple | None = None
    left_out: tuple = ()

    def __post_init__(self):
        categories = _check_categories(self.categories)
        images = _read_images(self.images)
        labels = _read_labels(self.labels, len(images), categories)
        is_test = np.asarray(self.is_test)
        if is_test.dtype != "bool" or is_test.shape != labels.shape:
            raise ValueError(
                "`is_test` must be a boolean for each of "
                f"{len(images)} images. Received: dtype={is_test.dtype}, "
                f"shape={is_test.shape}"
            )
        files = self.files
        if files is None:
            files = (
                f"{categories[label]}/{number}"
                for number, label in enumerate(labels)
            )
        files = tuple(files)
        if len(files) != len(images):
            raise ValueError(
                f"`files` must have a name for each of {len(images)} images. "
                f"Received: {len(files)} names"
            )
        for field, value in {
            "images": _read_only(images),
            "labels": _read_only(labels.astype("int32", copy=False)),
            "is_test": _read_only(is_test),
            "categories": categories,
            "files": files,
        }.items():
            object.__setattr__(self, field, value)

    @classmethod
    def of_stored(cls, fingerprint, hashes, **content):
        """Makes a data set whose images were hashed when they were stored.

        For loaders of what is on disk, which would otherwise be read whole.

        Args:
            fingerprint: See the property.
            hashes: See the property.
            **content: The other arguments.
        """
        dataset = cls(**content)
        dataset.__dict__.update(fingerprint=fingerprint, hashes=hashes)
        return dataset

    @functools.cached_property
    def fingerprint(self):
        """Hexadecimal string: a hash of all images, labels and the split.

        Data sets with the same fingerprint hold the same images, labels and
        split. See `fingerprint.fingerprint`.
        """
        return fingerprint.fingerprint(
            self.images, self.labels, self.is_test, self.categories
        )

    @functools.cached_property
    def hashes(self):
        """Array of `num_images` byte strings: equal ones, equal images.

        See `fingerprint.hash_images`.
        """
        return fingerprint.hash_images(self.images)

    @property
    def is_streamed(self):
        """Whether images are decoded each time they are read."""
        return hasattr(self.images, "take_records")

    def find_contours(self, positions, reach=0):
        """Returns what near copies have in common.

        Args:
            positions: Integer array, which images.
            reach: See `resemblance.find_contours`.
        """
        # Blocks that fit the processor's cache, and large images in memory.
        num_bytes = np.prod(self.images.shape[1:])
        step = int(np.clip(2**24 // num_bytes, 1, 256))
        blocks = np.split(positions, range(step, len(positions), step))
        return np.concatenate(
            [
                resemblance.find_contours(self.images[block], reach)
                for block in blocks
            ]
        )

    def changed(self, **texts):
        """Returns the data set with another name, or other notes on it."""
        return self.of_stored(
            self.fingerprint, self.hashes, **_content(self, **texts)
        )

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
        identity = fingerprint.fingerprint_hashes(
            hashes, labels, is_test, categories
        )
        changes = {
            "images": images,
            "labels": labels,
            "is_test": is_test,
            "categories": categories,
            "files": tuple(self.files[position] for position in positions),
        }
        return self.of_stored(identity, hashes, **_content(self, **changes))


def take(images, positions):
    """Returns images by position: arrays in memory, records as records."""
    if hasattr(images, "take_records"):
        return images.take_records(positions)
    return images[positions]


def _content(dataset, **changes):
    """Returns the arguments of a data set, some of them changed."""
    names = [field.name for field in dataclasses.fields(dataset)]
    return {name: getattr(dataset, name) for name in names} | changes


def _read_images(images):
    """Returns uint8 images; converts those that lose nothing by it."""
    images = arrays.as_array(images)
    arrays.check_shape(images.shape)
    if images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise ValueError(
            "The images of a data set must be square, with 3 channels: crop "
            "them, or repeat a grey channel with np.repeat(images, 3, axis=-1)."
            f" Received: shape={tuple(images.shape)}"
        )
    arrays.check_values(images)
    if images.dtype == "uint8":
        return images
    if np.array_equal(images, np.trunc(images)):
        return images.astype("uint8")
    raise TypeError(
        "The images of a data set must be whole numbers from 0 to 255: pass "
        'np.rint(images).astype("uint8"). Received: '
        f"dtype={images.dtype}, with fractions"
    )


def _read_labels(labels, num_images, categories):
    """Returns labels as indices into `categories`."""
    labels = arrays.read_labels(labels, num_images, categories)
    if labels.max() >= len(categories):
        raise ValueError(
            f"`labels` must be below {len(categories)}, the number of "
            f"categories. Received: label={labels.max()}"
        )
    if (np.diff(labels) < 0).any():
        raise ValueError(
            "The images of a category must be adjacent, categories ascending: "
            'sort everything by np.argsort(labels, kind="stable"). Received: '
            f"labels={labels[:5].tolist()}..."
        )
    return labels


def _check_categories(categories):
    categories = tuple(categories)
    is_named = all(isinstance(name, str) for name in categories)
    if not is_named or len({*categories}) < len(categories):
        raise ValueError(
            "`categories` must be strings, each once. Received: "
            f"categories={categories[:5]}"
        )
    return categories


def _read_only(values):
    """Returns a view that cannot change what other users of it see."""
    if isinstance(values, np.ndarray):
        values = values.view()
        values.flags.writeable = False
    return values
