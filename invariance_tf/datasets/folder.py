"""Any directory of images with one folder per category."""

import dataclasses
import os

import numpy as np
import PIL

from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.images import (
    decoding,
    image_cache,
    listing,
    selection,
    structure,
)

# The options that decide on an entry of the cache, beside the files.
DECISIVE = (
    "image_size",
    "central_crop",
    "min_images",
    "max_images",
    "num_test",
)


_LOOSE = "is not in a category's folder"


def load_folder(data_dir, **options):
    """Reads images from a directory with one folder per category.

    Colour and grey JPEG, PNG, GIF, BMP, WebP, PNM, TIFF, JPEG 2000 and AVIF
    files are read. Folders of
    the same name, such as `train/cat` and `val/cat`, are one category, and
    folders called "faces" or "images" between or below the categories are
    passed over (see `listing.group_by_category`). The central square of each
    image is resized, never squeezed.

    The first `num_test` images of each category, in the order of their paths,
    are its test images. Files that cannot be decoded are left out and listed
    in `skipped`.

    Images are decoded once and kept in the user's cache directory until a
    file, the directory's path or an option changes.

    Args:
        data_dir: Path of the directory.
        **options: Other options of `images.selection.Selection`.

    Returns:
        A `Dataset`; its images are a read-only memory map.

    Raises:
        ValueError: If an option is not legal, if fewer than two categories
            have enough usable images, if a category of `categories_file` does
            not exist, or, without such a file, if the folders are hardly
            categories (see `structure.check_structure`).
        FileNotFoundError: If the directory or the file does not exist.

    Example:

    >>> import os, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as data_dir:
    ...     for category in ["cat", "dog"]:
    ...         os.mkdir(f"{data_dir}/{category}")
    ...         for number in range(3):
    ...             path = f"{data_dir}/{category}/{number}.png"
    ...             Image.new("RGB", (30, 20)).save(path)
    ...     dataset = load_folder(data_dir, num_test=1, cache_dir=data_dir)
    ...     print(dataset.categories, dataset.images.shape)
    ('cat', 'dog') (6, 64, 64, 3)
    """
    chosen = selection.Selection(data_dir, **options)
    files_by_category, unlisted, loose = _find_categories(chosen)
    candidates = _find_candidates(files_by_category, chosen)

    def check(usable, skipped):
        _check_counts(usable, skipped + loose, chosen)

    options = {name: getattr(chosen, name) for name in DECISIVE}
    key = image_cache.make_key(
        [options, [decoding.VERSION, PIL.__version__, decoding.FORMATS]],
        # Two uncompressed images can have one size, and from archives one
        # `mtime_ns`.
        os.path.realpath(listing.absolute_path(data_dir)),
        [
            (category, file.name, file.size, file.mtime_ns, file.ctime_ns)
            for category, files in candidates.items()
            for file in files
        ],
    )
    entry = image_cache.fetch_images(
        chosen.cache_dir,
        key,
        lambda path: selection.build_entry(path, candidates, chosen, check),
    )
    entry["skipped"] += tuple(loose)
    left_out = dict.fromkeys(unlisted, selection.NOT_LISTED)
    left_out |= {
        category: chosen.too_few
        for category in files_by_category
        if category not in entry["categories"]
    }
    return Dataset.of_stored(
        name="folder", left_out=tuple(sorted(left_out.items())), **entry
    )


@dataclasses.dataclass(frozen=True)
class Images:
    """Holds images of a directory that need not be a data set.

    Attributes:
        images: uint8 array of shape `(num_images, size, size, 3)`.
        labels: Integer array of shape `(num_images,)`; `None` unless the
            directory has folders of at least two categories.
        categories: Tuple of strings, their names.
        num_found: Integer, image files in the directory.
        skipped: List of pairs of a file's name and why it is not used.
    """

    images: np.ndarray
    labels: np.ndarray | None
    categories: tuple
    num_found: int
    skipped: list


def choose_files(data_dir, max_images=None, seed=0):
    """Chooses images of a directory, with or without folders of categories.

    Args:
        data_dir: Path of the directory.
        max_images: Integer > 0, the most images: random ones, as many of each
            category as possible. `None` means all.
        seed: Integer >= 0, of the choice.

    Returns:
        Dictionary from categories to lists of `listing.ImageFile`, the only
        one "" if there are no folders of categories; the number of image
        files that there are; and pairs of the names of those beside folders
        of categories, which are not used, and the reason.

    Raises:
        ValueError: If there are no images, or an argument is not legal.
        FileNotFoundError: If the directory does not exist.
    """
    selection.check_integer("seed", seed, 0)
    if max_images is not None:
        selection.check_integer("max_images", max_images, 1)
    files = listing.list_files(listing.absolute_path(data_dir))
    files_by_category, loose = listing.group_by_category(files)
    outside = [(file.name, _LOOSE) for file in loose]
    if not files_by_category:
        files_by_category, outside = {"": loose}, []
    if not files:
        raise ValueError(
            f"There are no images ({', '.join(listing.EXTENSIONS)}) in this "
            f"directory. Received: {os.fspath(data_dir)!r}"
        )
    generator = np.random.default_rng(seed)
    # One of each category in turn, until there are enough.
    turns = sorted(
        (turn, category, index)
        for category, members in files_by_category.items()
        for turn, index in enumerate(generator.permutation(len(members)))
    )
    chosen = {}
    for _, category, index in sorted(turns[:max_images], key=lambda x: x[1:]):
        members = chosen.setdefault(category, [])
        members.append(files_by_category[category][index])
    return chosen, len(files), outside


def read_images(data_dir, image_size, max_images=None, seed=0):
    """Reads images of a directory, with or without folders of categories.

    The files that `load_folder` reads, and as it does, but without a cache.

    Args:
        data_dir: Path of the directory.
        image_size: Integer from 16 to 1024, height and width in pixels.
        max_images: As of `choose_files`.
        seed: As of `choose_files`.

    Returns:
        An `Images`.

    Raises:
        ValueError: If there are no images, or none that can be read.
        FileNotFoundError: If the directory does not exist.
    """
    selection.check_integer("image_size", image_size, 16, 1024)
    files_by_category, num_found, outside = choose_files(
        data_dir, max_images, seed
    )
    decoded = []
    usable, skipped = decoding.decode_usable(
        files_by_category,
        None,
        decoded.append,
        image_size=image_size,
        central_crop=1.0,
    )
    usable = {name: members for name, members in usable.items() if members}
    if not usable:
        raise ValueError(
            f"None of these {len(skipped)} images can be read; {skipped[0][0]} "
            f"{skipped[0][1]}. Received: {os.fspath(data_dir)!r}"
        )
    positions = [place for each in usable.values() for _, place in each]
    counts = [*map(len, usable.values())]
    has_labels = len(usable) > 1
    return Images(
        np.stack([decoded[place] for place in positions]),
        np.repeat(np.arange(len(counts)), counts) if has_labels else None,
        tuple(usable) if has_labels else (),
        num_found,
        outside + skipped,
    )


def count_categories(data_dir=None, **options):
    """Counts the categories that may have enough images; decodes none.

    Args:
        data_dir: As for `load_folder`.
        **options: As for `load_folder`.

    Returns:
        Integer. Damaged images can only lower it.

    Raises:
        ValueError: As `load_folder`.
        FileNotFoundError: As `load_folder`.
    """
    chosen = selection.Selection(data_dir, **options)
    return len(_find_candidates(_find_categories(chosen)[0], chosen))


def _find_categories(chosen):
    """Returns files by category, names left out, and loose files."""
    found, loose = _find_files(chosen)
    files_by_category = selection.restrict_categories(
        found, chosen.categories_file
    )
    _check_counts(files_by_category, loose, chosen)
    return files_by_category, found.keys() - files_by_category.keys(), loose


def _find_candidates(files_by_category, chosen):
    """Returns files by category, of those with enough of them."""
    return {
        category: files
        for category, files in files_by_category.items()
        if len(files) >= chosen.min_images
    }


def _find_files(chosen):
    """Returns files by category, and loose files with the reason."""
    data_dir = chosen.data_dir
    if not data_dir:
        raise ValueError(
            "`data_dir` must be the path of a directory with one folder per "
            f"category. Received: data_dir={data_dir!r}"
        )
    path = listing.absolute_path(data_dir)
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no directory {path}. It should hold one folder of "
            f"images per category. Received: data_dir={os.fspath(data_dir)!r}"
        )
    files = listing.list_files(path)
    files_by_category, loose = listing.group_by_category(files)
    if not chosen.categories_file:
        structure.check_structure(path, files_by_category, loose)
    return files_by_category, [(file.name, _LOOSE) for file in loose]


def _check_counts(members_by_category, skipped, chosen):
    """Raises an error if fewer than two categories have enough images."""
    counts = [len(members) for members in members_by_category.values()]
    num_enough = sum(count >= chosen.min_images for count in counts)
    if num_enough >= 2:
        return
    path = str(listing.absolute_path(chosen.data_dir))
    categories_file = chosen.categories_file
    unusable = ""
    if skipped:
        name, reason = skipped[0]
        unusable = (
            f", and {len(skipped)} files that cannot be used (the first: "
            f"{name}, {reason})"
        )
    raise ValueError(
        f"At least 2 categories with {chosen.min_images} or more usable "
        f"images are needed; {path} has {num_enough}. Looked "
        f"for one folder per category with {', '.join(listing.EXTENSIONS)} "
        f"files; found folders of {len(counts)} categories with {sum(counts)} "
        f"images, at most {max(counts, default=0)} in one{unusable}. Lower "
        "`min_images` and `num_test`, or correct `data_dir`. Received: "
        f"data_dir={path!r}, categories_file="
        f"{categories_file and os.fspath(categories_file)!r}, "
        f"min_images={chosen.min_images}, num_test={chosen.num_test}"
    )
