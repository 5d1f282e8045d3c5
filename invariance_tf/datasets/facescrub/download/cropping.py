"""Turns a downloaded file into a small image of one face."""

import contextlib
import io

from PIL import Image

from invariance_tf.datasets.facescrub.download.fates import Failure
from invariance_tf.datasets.images import decoding

# Files may come from anyone: only these decoders of Pillow see them.
FORMATS = decoding.FORMATS
MAX_PIXELS = decoding.MAX_PIXELS


@contextlib.contextmanager
def quiet_decoders():
    """Readies Pillow for threads, and hides its warnings meanwhile."""
    # Plugins must not be loaded by several threads at once.
    Image.init()
    with decoding.silent_pillow():
        yield


def read_image(content):
    """Decodes a file; of an animation the first frame.

    The number of pixels is read from the header and checked before anything
    is decoded. The orientation of the camera (EXIF) is not applied: the boxes
    of FaceScrub refer to the pixels as they are stored.

    Args:
        content: Bytes of the whole file.

    Returns:
        A `PIL.Image.Image` of any mode.

    Raises:
        Failure: If the file holds no image, or one of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Failure(
                    "too large",
                    f"has {width}x{height} pixels, more than {MAX_PIXELS:,}",
                )
            image.load()
            return image.copy()
    except (Failure, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise Failure(
            "too large", f"has more than {MAX_PIXELS:,} pixels"
        ) from None
    except Image.UnidentifiedImageError:
        raise Failure(
            "not an image", "is no readable JPEG, PNG, GIF, BMP or WebP image"
        ) from None
    except Exception as error:
        # A damaged file can make Pillow raise nearly anything.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise Failure("not an image", f"cannot be decoded: {reason}") from error


def crop(image, box, size):
    """Cuts a face out of an image and resizes it.

    Transparent pixels are laid on white and 16 bits per value are scaled to
    8. The filter is bilinear with antialiasing, as where data sets are read.
    A box that is no square is squeezed into one; those of FaceScrub are
    squares.

    Args:
        image: `PIL.Image.Image` of any mode.
        box: Tuple of integers `(x1, y1, x2, y2)`, in pixels of the image as
            it is stored, without the column x2 and the row y2.
        size: Integer > 0. Height and width of the result, in pixels.

    Returns:
        A `PIL.Image.Image` of mode RGB, which carries nothing but pixels.

    Raises:
        Failure: If the box is not wholly inside the image.
    """
    if box[2] > image.width or box[3] > image.height:
        raise Failure(
            "box outside", f"the image has {image.width}x{image.height} pixels"
        )
    face = decoding.to_rgb(image.crop(box))
    face = face.resize((size, size), Image.Resampling.BILINEAR)
    # Else PNG files would carry colour profiles of the photo.
    face.info.clear()
    return face
