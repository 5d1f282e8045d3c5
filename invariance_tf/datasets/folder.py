"""Any directory of images with one folder per category."""

import dataclasses
import os
import pathlib

import PIL

from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.images import (
    decoding,
    image_cache,
    listing,
    selection,
)


def folder(
    data_dir,
    image_size=64,
    central_crop=1.0,
    min_images=None,
    max_images=None,
    categories_file=None,
    num_test=10,
    cache_dir=None,
):
    """Reads images from a directory with one folder per category.

    Colour and grey JPEG, PNG, GIF, BMP and WebP files are read. Folders of
    the same name, such as `train/cat` and `val/cat`, are one category, and
    folders called "faces" or "images" between or below the categories are
    passed over (see `listing.group_by_category`). The central square of each
    image is resized, never squeezed.

    The first `num_test` images of each category, in the order of their paths,
    are its test images. Files that cannot be decoded are left out and listed
    in `skipped`.

    Images are decoded once and kept in the user's cache directory until a
    file or an option changes.

    Args:
        data_dir: Path of the directory.
        image_size: Integer from 16 to 1024. Height and width of the images,
            in pixels.
        central_crop: Float in (0, 1]. Side of the central square as a share
            of the image's shorter side.
        min_images: Integer > `num_test`, or `None` for `num_test + 1`.
            Categories with fewer usable images are left out.
        max_images: Integer > `num_test`, or `None` for all. Number of usable
            images to take from a category, first in order, test images
            included.
        categories_file: Path of a text file with the names of the categories
            to use, one per line, or `None` for all. Empty lines and lines
            that begin with # are ignored.
        num_test: Integer > 0. Number of test images of each category.
        cache_dir: Path of the directory for decoded images, or `None` for the
            environment variable `INVARIANCE_TF_CACHE`, else
            `~/.cache/invariance_tf`.

    Returns:
        A `Dataset`; its images are a read-only memory map.

    Raises:
        ValueError: If an option is not legal, if fewer than two categories
            have enough usable images, or if a category of `categories_file`
            does not exist.
        FileNotFoundError: If there is no such directory or file.

    Example:

    >>> import os, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as data_dir:
    ...     for category in ["cat", "dog"]:
    ...         os.mkdir(f"{data_dir}/{category}")
    ...         for number in range(3):
    ...             path = f"{data_dir}/{category}/{number}.png"
    ...             Image.new("RGB", (30, 20)).save(path)
    ...     dataset = folder(data_dir, num_test=1, cache_dir=data_dir)
    ...     print(dataset.categories, dataset.images.shape)
    ('cat', 'dog') (6, 64, 64, 3)
    """
    chosen = selection.Selection(
        image_size, central_crop, min_images, max_images, num_test
    )
    files_by_category, loose = _find(data_dir)
    if categories_file is not None:
        files_by_category = selection.restrict(
            files_by_category, categories_file
        )
    received = {
        "data_dir": str(_absolute(data_dir)),
        "categories_file": categories_file and os.fspath(categories_file),
        "min_images": chosen.min_images,
        "num_test": chosen.num_test,
    }
    _check_counts(files_by_category, loose, received)
    candidates = {
        category: files
        for category, files in files_by_category.items()
        if len(files) >= chosen.min_images
    }

    def build(directory):
        usable, skipped = selection.decode(directory, candidates, chosen)
        _check_counts(usable, skipped + loose, received)
        selection.store(directory, usable, skipped, chosen)

    versions = [decoding.VERSION, PIL.__version__]
    key = image_cache.make_key(
        candidates, [dataclasses.asdict(chosen), versions]
    )
    entry = image_cache.fetch(
        image_cache.locate(cache_dir), key, image_size, build
    )
    entry["skipped"] += tuple(loose)
    return Dataset(name="folder", **entry)


def _find(data_dir):
    """Returns files by category, and loose files with the reason."""
    if not data_dir:
        raise ValueError(
            "`data_dir` must be the path of a directory with one folder per "
            f"category. Received: data_dir={data_dir!r}"
        )
    path = _absolute(data_dir)
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no directory {path}. It should hold one folder of "
            f"images per category. Received: data_dir={os.fspath(data_dir)!r}"
        )
    files = listing.list_files(path)
    files_by_category, loose = listing.group_by_category(files)
    reason = "is in no category's folder"
    return files_by_category, [(file.name, reason) for file in loose]


def _check_counts(members_by_category, skipped, received):
    """Raises an error if fewer than two categories have enough images."""
    counts = [len(members) for members in members_by_category.values()]
    num_enough = sum(count >= received["min_images"] for count in counts)
    if num_enough >= 2:
        return
    unusable = ""
    if skipped:
        name, reason = skipped[0]
        unusable = (
            f", and {len(skipped)} files that cannot be used (the first: "
            f"{name}, {reason})"
        )
    raise ValueError(
        f"At least 2 categories with {received['min_images']} or more usable "
        f"images are needed; {received['data_dir']} has {num_enough}. Looked "
        f"for one folder per category with {', '.join(listing.EXTENSIONS)} "
        f"files; found folders of {len(counts)} categories with {sum(counts)} "
        f"images, at most {max(counts, default=0)} in one{unusable}. Lower "
        "`min_images` and `num_test`, or correct `data_dir`. Received: "
        + ", ".join(f"{name}={value!r}" for name, value in received.items())
    )


def _absolute(path):
    return pathlib.Path(os.path.abspath(os.path.expanduser(path)))
