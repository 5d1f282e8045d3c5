"""Chooses the images of a data set: how many, which for testing, what size."""

import dataclasses
import numbers
import os
import pathlib

import numpy as np

from invariance_tf.datasets.images import decoding, image_cache, listing

# Why a category is left out.
NOT_LISTED = "not in `categories_file`"


@dataclasses.dataclass(frozen=True)
class Selection:
    """Says which images to read from where, and in which size.

    These are the options of every data set that is made of files. A data set
    with other defaults names them in its own function.

    Attributes:
        data_dir: Path of the directory, or `None` for the data set's own.
        image_size: Integer from 16 to 1024. Height and width of the images,
            in pixels.
        central_crop: Float in (0, 1]. Side of the central square as a share
            of the image's shorter side.
        min_images: Integer > `num_test`. Categories with fewer usable images,
            test images included, are left out. `None` becomes `num_test + 1`.
        max_images: Integer > `num_test`, or `None` for all. Number of usable
            images to take from a category, first in order, test images
            included.
        categories_file: Path of a text file with the names of the categories
            to use, one per line, or `None` for all. Empty lines and lines
            that begin with # are ignored.
        num_test: Integer > 0. Number of test images of each category, the
            first in order.
        cache_dir: Path of the directory for decoded images, or `None`. See
            `image_cache.locate_cache`.

    Raises:
        ValueError: If a value is not legal.
    """

    data_dir: str | None = None
    image_size: int = 64
    central_crop: float = 1.0
    min_images: int | None = None
    max_images: int | None = None
    categories_file: str | None = None
    num_test: int = 10
    cache_dir: str | None = None

    def __post_init__(self):
        check_integer("image_size", self.image_size, 16, 1024)
        check_integer("num_test", self.num_test, 1)
        if self.min_images is None:
            object.__setattr__(self, "min_images", self.num_test + 1)
        reason = " (above `num_test`: test images are not for training)"
        for name in ["min_images", "max_images"]:
            value = getattr(self, name)
            if value is not None:
                check_integer(name, value, self.num_test + 1, reason=reason)
        is_number = isinstance(self.central_crop, numbers.Real)
        if not is_number or not 0 < self.central_crop <= 1:
            raise ValueError(
                "`central_crop` is a number, a share of the shorter side: "
                "above 0, at most 1. "
                f"Received: central_crop={self.central_crop!r}"
            )

    @property
    def too_few(self):
        """String, why a category is left out that is not `NOT_LISTED`."""
        return f"fewer than {self.min_images} usable images"


def check_integer(name, value, lowest, highest=None, reason=""):
    """Raises an error unless a value is an integer within its limits.

    Args:
        name: String, the argument's name.
        value: Any object.
        lowest: Integer, the lowest legal value.
        highest: Integer, the highest legal value, or `None`.
        reason: String to put after the limits.

    Raises:
        ValueError: If the value is not legal.
    """
    is_legal = isinstance(value, numbers.Integral) and value >= lowest
    if not is_legal or (highest is not None and value > highest):
        limits = f"of {lowest} or more"
        if highest is not None:
            limits = f"from {lowest} to {highest}"
        raise ValueError(
            f"`{name}` must be an integer {limits}{reason}. "
            f"Received: {name}={value!r}"
        )


def restrict_categories(files_by_category, categories_file):
    """Returns only the categories that a text file names.

    Args:
        files_by_category: Dictionary from category to its files.
        categories_file: Path, or `None` for all. See `Selection`.

    Raises:
        ValueError: If the file names no category, or an unknown one.
        FileNotFoundError: If the file does not exist.
    """
    if categories_file is None:
        return files_by_category
    path = listing.absolute_path(categories_file)
    received = f"Received: categories_file={os.fspath(categories_file)!r}"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}. It should hold one category per line. "
            f"{received}"
        )
    text = path.read_text("utf-8-sig", errors="surrogateescape")
    lines = [line.strip() for line in text.splitlines()]
    # Names can be copied from a folder, or from a table of a run.
    wanted = {
        line if line in files_by_category else listing.normalise(line)
        for line in lines
        if line and not line.startswith("#")
    }
    if not wanted:
        raise ValueError(
            f"There is no category in {path}. Write one per line. {received}"
        )
    missing = sorted(wanted - files_by_category.keys())
    if missing:
        raise ValueError(
            f"{len(missing)} of the {len(wanted)} categories in {path} have "
            f"no images: {', '.join(missing)}. Correct the names or remove "
            f"the lines. {received}"
        )
    return {
        name: files
        for name, files in files_by_category.items()
        if name in wanted
    }


def build_entry(
    directory, files_by_category, selection, check=None, is_test=None
):
    """Decodes the images of a selection into an entry of the image cache.

    Args:
        directory: Path of an existing directory, to be filled.
        files_by_category: Dictionary from category to list of `ImageFile`.
        selection: `Selection`.
        check: Function of the usable images by category and the list of pairs
            `(name, reason)` of unusable files, which raises an error if the
            images do not suffice; or `None`.
        is_test: Function that says whether a file is for testing, or `None`
            for the first `num_test` of each category.
    """
    # Only decoding shows whether a category has `min_images` usable ones, even
    # if fewer of them are wanted.
    needed = selection.max_images and max(
        selection.min_images, selection.max_images
    )
    size = selection.image_size
    # In the order of decoding, which is not that of the data set.
    raw_path = pathlib.Path(directory, "decoded.raw")
    with open(raw_path, "wb") as stream:
        usable, skipped = decoding.decode_usable(
            files_by_category,
            needed,
            lambda image: stream.write(image.tobytes()),
            image_size=size,
            central_crop=selection.central_crop,
        )
    if check:
        check(usable, skipped)
    chosen = {
        category: members[: selection.max_images]
        for category, members in usable.items()
        if len(members) >= selection.min_images
    }
    index = {"categories": list(chosen), "skipped": skipped}
    index.update(labels=[], is_test=[], files=[])
    order = []
    for label, members in enumerate(chosen.values()):
        for number, (file, position) in enumerate(members):
            is_first = number < selection.num_test
            index["labels"].append(label)
            index["is_test"].append(is_test(file) if is_test else is_first)
            index["files"].append(file.name)
            order.append(position)
    images = np.memmap(raw_path, "uint8", "r").reshape(-1, size, size, 3)
    image_cache.write_entry(directory, images, order, index)
    # Windows removes no file that is still mapped.
    del images
    raw_path.unlink()
