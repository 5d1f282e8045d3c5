"""Decodes untrusted image files into small square images."""

import collections
import concurrent.futures
import contextlib
import importlib.util
import io
import itertools
import os
import re
import warnings

import numpy as np
import rich.console
import rich.progress
from PIL import Image

from invariance_tf import foreign
from invariance_tf.datasets.images import budget

# Part of the cache's key: raise it whenever a decoded value can change.
VERSION = 2
# Pillow's names of the formats of the web, and of those that folders have. It
# reads AVIF since 11.3, unless it was built without.
WEB_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
HAS_AVIF = importlib.util.find_spec("PIL._avif") is not None
FORMATS = (*WEB_FORMATS, "PPM", "TIFF", "JPEG2000", *["AVIF"] * HAS_AVIF)
MAX_BYTES = 100_000_000
MAX_PIXELS = 50_000_000
# Of a progressive JPEG, whose scans each cover all of the image: about 10 scans
# are usual, but 900 kB can have thousands, and keep Pillow busy for a minute.
# At these limits no JPEG keeps it busy for more than 6 seconds. (A plain PNM,
# whose numbers are text, can for half a minute.)
MAX_SCANNED_PIXELS = 1_000_000_000
MAX_SEGMENTS = 100_000
START_OF_JPEG = b"\xff\xd8"
START_OF_SCAN = b"\xff\xda"
END_OF_JPEG = b"\xff\xd9"
# The markers that a length follows, and that of the end. libjpeg passes over
# the others, which stand in what is compressed too, or refuses them.
_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
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
    """Says in one line why a file cannot be used."""


class TooManyPixelsError(UnusableImageError):
    """Says that an image is too large to be decoded."""


@contextlib.contextmanager
def open_image(content, formats=WEB_FORMATS):
    """Opens an untrusted image and turns every error into a reason.

    Only Pillow's decoders of some formats see the content, and the number of
    pixels is read from the header and checked before anything is decoded.
    Errors within the block count too, as most damage shows up late. The block
    waits until there is memory for the image beside those of other threads.

    Args:
        content: Bytes of the whole file.
        formats: Sequence of Pillow's names of the legal formats.

    Yields:
        A `PIL.Image.Image` of any mode. Of an animation it is the first frame.

    Raises:
        UnusableImageError: If the content is not a sound image, or
            `TooManyPixelsError` if it is too large.
    """
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise TooManyPixelsError(
                    f"has {width}x{height} pixels, more than {MAX_PIXELS:,}"
                )
            # Some of them Pillow calls MPO.
            if content.startswith(START_OF_JPEG):
                _check_scans(content, width * height)
            _check_kind_of_values(image)
            num_bytes = width * height * budget.BYTES_PER_PIXEL
            if image.format == "JPEG2000":
                # Its decoder holds every value in 4 bytes of its own.
                num_bytes *= 2
            with budget.DECODING.taken(num_bytes):
                yield image
    except (UnusableImageError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise TooManyPixelsError(
            f"has more than {MAX_PIXELS:,} pixels"
        ) from None
    except Image.UnidentifiedImageError:
        raise UnusableImageError(_say_unknown(content, formats)) from None
    except Exception as error:
        # A damaged file can make Pillow raise nearly anything.
        reason = foreign.shorten(foreign.one_line(str(error)))
        reason = reason or type(error).__name__
        raise UnusableImageError(f"cannot be decoded: {reason}") from error


def _check_scans(content, num_pixels):
    """Raises if a JPEG would take far longer than any photo."""
    num_scans = _count_scans(content)
    if num_scans > 20 and num_scans * num_pixels > MAX_SCANNED_PIXELS:
        raise UnusableImageError(
            f"has {num_scans} scans of {num_pixels:,} pixels, more than any "
            "photo needs"
        )


def _count_scans(content):
    """Counts the scans of a JPEG, but not of previews in its metadata.

    Nor what comes after its end: phones append a film to a photo.
    """
    num_scans, start = 0, len(START_OF_JPEG)
    for _ in range(MAX_SEGMENTS):
        found = _SEGMENT.search(content, start)
        marker = found and found[0]
        # Tables may come first, as a JPEG without scans.
        if marker is None or (marker == END_OF_JPEG and num_scans):
            return num_scans
        num_scans += marker == START_OF_SCAN
        start = found.end()
        if marker != END_OF_JPEG:
            start += max(2, int.from_bytes(content[start : start + 2]))
    raise UnusableImageError(f"has more than {MAX_SEGMENTS:,} segments")


def _check_kind_of_values(image):
    """Raises if it is not known which value is white, or transparent.

    A PNG may call one value transparent. Of 8 bits Pillow finds it, of others
    it may not, as it scales the values only.

    Of 16 bits it is the largest one, to which Pillow scales PNM and JPEG 2000.
    A TIFF may have 12 or 32 bits, signs, fractions, or black as the largest.
    """
    is_usual = image.mode != "F"
    if image.format == "TIFF" and image.mode.startswith("I"):
        bits, kind, white_is_zero = 258, 339, 262
        is_usual = (
            image.tag_v2.get(bits) == (16,)
            and image.tag_v2.get(kind, (1,)) == (1,)
            and image.tag_v2.get(white_is_zero) == 1
        )
    if not is_usual:
        raise UnusableImageError(
            "has values other than 8 or 16 bits, from black to white: convert "
            "it"
        )
    has_key = isinstance(image.info.get("transparency"), int | tuple)
    if image.format == "PNG" and image.mode != "P" and has_key:
        # Such as L;4, but RGB and L.
        if any(";" in str(tile[3]) for tile in image.tile):
            raise UnusableImageError(
                "has a transparent value that is not of 8 bits: convert it"
            )


def _say_unknown(content, formats):
    """Returns why Pillow does not know the format of an image."""
    if content[4:11] == b"ftypavi" and not HAS_AVIF:
        return "is an AVIF image, which Pillow reads from version 11.3 on"
    names = {"WEBP": "WebP", "PPM": "PNM", "JPEG2000": "JPEG 2000"}
    *others, last = (names.get(name, name) for name in formats)
    return f"is not a readable {', '.join(others)} or {last} image"


def decode_image(file, image_size, central_crop):
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
        UnusableImageError: If the file is not an image, or too large a one.
        OSError: If the disk fails.
    """
    if file.size < 0:
        raise UnusableImageError("cannot be read")
    if file.size == 0:
        raise UnusableImageError("is empty")
    if file.size > MAX_BYTES:
        raise UnusableImageError(f"has more than {MAX_BYTES:,} bytes")
    with open_image(file.read(), FORMATS) as image:
        image.load()
        square = _central_square(_upright(image), central_crop)
        size = (image_size, image_size)
        resized = to_rgb(square).resize(size, Image.Resampling.BILINEAR)
        return np.asarray(resized)


def decode_usable(files_by_category, needed, store_image, **options):
    """Decodes the first usable images of each category, in parallel.

    Args:
        files_by_category: Dictionary from category to list of `ImageFile`.
        needed: Integer or `None`. Number of usable images at which a category
            is complete; an unusable file is replaced by the category's next.
        store_image: Function that stores one image. It is called once for
            each usable image, from this thread.
        **options: Arguments of `decode_image`.

    Returns:
        A dictionary from category to list of pairs `(file, position)`, in the
        order of the files, where `position` counts the stored images; and a
        list of pairs `(name, reason)` of unusable files.
    """
    waiting = {name: iter(files) for name, files in files_by_category.items()}
    usable = {name: [] for name in files_by_category}
    skipped = []
    positions = itertools.count()
    with pillow_threads() as pool:
        while batch := _next_files(waiting, usable, needed):
            results = _decode_in_order(pool, batch, options)
            for category, file, result in track(
                results, "Decoding images", len(batch)
            ):
                if isinstance(result, UnusableImageError):
                    skipped.append((file.name, str(result)))
                else:
                    store_image(result)
                    usable[category].append((file, next(positions)))
    return usable, sorted(skipped)


def _next_files(waiting, usable, needed):
    """Returns the files that may complete each category."""
    batch = []
    for category, files in waiting.items():
        missing = None if needed is None else needed - len(usable[category])
        for file in itertools.islice(files, missing):
            batch.append((category, file))
    return batch


def _decode_in_order(pool, batch, options):
    """Yields category, file, and image or error of each file of a batch."""

    def attempt(category, file):
        try:
            return category, file, decode_image(file, **options)
        except UnusableImageError as error:
            return category, file, error

    # Not `pool.map`: it would hold all images in memory if the disk is slow.
    running = collections.deque()
    for member in batch:
        running.append(pool.submit(attempt, *member))
        if len(running) >= 4 * (os.cpu_count() or 1):
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


@contextlib.contextmanager
def pillow_threads(num_threads=None, must_finish=False):
    """Gives a pool of threads that can use Pillow, by default one per core.

    Pillow's warnings are hidden meanwhile: they would not name the file.

    Args:
        num_threads: Integer, or `None`.
        must_finish: Whether an interruption waits for what is being done.
    """
    # Pillow's plugins must not be loaded by several threads at once.
    Image.init()
    # Warning filters belong to the process: a thread cannot set its own.
    pool = concurrent.futures.ThreadPoolExecutor(num_threads or os.cpu_count())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            yield pool
        except BaseException:
            # Nothing can interrupt a thread that decodes.
            pool.shutdown(wait=must_finish, cancel_futures=True)
            raise
        pool.shutdown()


def track(steps, title, num_steps):
    """Yields steps and shows a progress bar, but only in a terminal."""
    console = rich.console.Console(stderr=True)
    return rich.progress.track(
        steps,
        title,
        num_steps,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


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
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    converted = Image.new("RGB", image.size)
    # In strips of a million pixels, as some forms in between are large.
    height = max(1, 2**20 // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        strip = image.crop((0, top, image.width, bottom))
        converted.paste(_strip_to_rgb(strip), (0, top))
    return converted


def _strip_to_rgb(image):
    """Returns a strip in three channels of 8 bits."""
    if image.mode.startswith("I"):
        # Pillow's own conversion clips values of 16 bits at 255.
        values = np.rint(np.asarray(image) / 257).clip(0, 255)
        return Image.fromarray(values.astype("uint8")).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
