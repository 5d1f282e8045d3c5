"""Decodes image files of doubtful origin into small square images."""

import collections
import concurrent.futures
import contextlib
import io
import itertools
import os
import sys
import time
import warnings

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

# Part of the cache's key: to be raised whenever a decoded value can change.
VERSION = 1
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
MAX_BYTES = 100_000_000
MAX_PIXELS = 50_000_000
ORIENTATION_TAG = 0x0112
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnusableImageError(ValueError):
    """Tells in one line why a file cannot be used."""


def decode(file, image_size, central_crop):
    """Decodes the central square of an image file.

    The orientation of the camera (EXIF) is applied, transparent pixels are
    laid on white, 16 bits per value are scaled to 8, and of an animation the
    first frame is taken. The square is resized with an antialiased bilinear
    filter.

    Args:
        file: `ImageFile` or `records.RecordFile`.
        image_size: Integer > 0. Height and width of the result, in pixels.
        central_crop: Float in (0, 1]. Side of the square as a share of the
            image's shorter side.

    Returns:
        uint8 array with values from 0 to 255 and shape
        `(image_size, image_size, 3)`.

    Raises:
        UnusableImageError: If the file holds no image, or too large a one.
        OSError: If the disk fails.
    """
    content = _read(file)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnusableImageError(
                    f"has {width}x{height} pixels, more than {MAX_PIXELS:,}"
                )
            image.load()
            square = _central_square(_upright(image), central_crop)
        size = (image_size, image_size)
        resized = to_rgb(square).resize(size, Image.Resampling.BILINEAR)
        return np.asarray(resized)
    except (UnusableImageError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise UnusableImageError(
            f"has more than {MAX_PIXELS:,} pixels"
        ) from None
    except Image.UnidentifiedImageError:
        raise UnusableImageError(
            "is no readable JPEG, PNG, GIF, BMP or WebP image"
        ) from None
    except Exception as error:
        # A damaged file can make Pillow raise nearly anything.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnusableImageError(f"cannot be decoded: {reason}") from error


def decode_usable(files_by_category, needed, write, **options):
    """Decodes the first usable images of each category, in parallel.

    Args:
        files_by_category: Dictionary from category to list of `ImageFile`.
        needed: Integer or `None`. Number of usable images at which a category
            is complete; an unusable file is replaced by the category's next.
        write: Function that stores one image. It is called once for each
            usable image, from this thread.
        **options: Arguments of `decode`.

    Returns:
        A dictionary from category to list of pairs `(file, position)`, in the
        order of the files, where `position` counts the calls of `write`; and
        a list of pairs `(name, reason)` of unusable files.
    """
    waiting = {name: iter(files) for name, files in files_by_category.items()}
    usable = {name: [] for name in files_by_category}
    skipped = []
    position, total = 0, 0
    with (
        silent_pillow(),
        workers() as pool,
        progress("Decoding images") as advance,
    ):
        while batch := _next_files(waiting, usable, needed):
            total += len(batch)
            results = _decode_all(pool, [file for _, file in batch], options)
            for (category, file), result in zip(batch, results, strict=True):
                if isinstance(result, UnusableImageError):
                    skipped.append((file.name, str(result)))
                else:
                    write(result)
                    usable[category].append((file, position))
                    position += 1
                advance(total)
    return usable, sorted(skipped)


def _next_files(waiting, usable, needed):
    """Returns the files that may complete each category."""
    batch = []
    for category, files in waiting.items():
        missing = None if needed is None else needed - len(usable[category])
        for file in itertools.islice(files, missing):
            batch.append((category, file))
    return batch


def _decode_all(pool, files, options):
    """Yields the image of each file, or the error, in order.

    Only a few images are under way at a time, so that memory stays flat.
    """

    def attempt(file):
        try:
            return decode(file, **options)
        except UnusableImageError as error:
            return error

    running = collections.deque()
    for file in files:
        running.append(pool.submit(attempt, file))
        if len(running) >= 4 * (os.cpu_count() or 1):
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def workers():
    """Returns as many threads as there are cores."""
    # Pillow's plugins must not be loaded by several threads at once.
    Image.init()
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count())


@contextlib.contextmanager
def silent_pillow():
    """Hides Pillow's warnings: they would not name the file."""
    # Warning filters belong to the process, so this cannot be done by each
    # worker for itself.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextlib.contextmanager
def progress(title):
    """Shows a progress bar: gives a function to call after each step.

    The bar appears after a second, and only in a terminal.

    Args:
        title: String, what is going on.

    Yields:
        Function of the total number of steps, as far as it is known.
    """
    bar = Progress(
        console=Console(stderr=True),
        transient=True,
        disable=sys.stderr is None or not sys.stderr.isatty(),
    )
    task = bar.add_task(title)
    start = time.monotonic()

    def advance(total):
        bar.update(task, total=total, advance=1)
        if time.monotonic() - start > 1:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()


def _read(file):
    """Returns a file's bytes."""
    if file.size < 0:
        raise UnusableImageError("cannot be read")
    if file.size == 0:
        raise UnusableImageError("is empty")
    if file.size > MAX_BYTES:
        raise UnusableImageError(f"has more than {MAX_BYTES:,} bytes")
    return file.read()


def _upright(image):
    """Returns the image as its EXIF orientation says that it is seen."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG)
    except Exception:
        # Damaged EXIF data says nothing about the pixels.
        return image
    if orientation in TRANSPOSITIONS:
        return image.transpose(TRANSPOSITIONS[orientation])
    return image


def _central_square(image, central_crop):
    """Returns the square in the middle."""
    width, height = image.size
    side = max(1, round(central_crop * min(width, height)))
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def to_rgb(image):
    """Returns the image in three channels of 8 bits."""
    if image.mode.startswith("I"):
        # Pillow's own conversion clips values of 16 bits at 255.
        values = np.rint(np.asarray(image) / 257).clip(0, 255)
        return Image.fromarray(values.astype("uint8")).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
