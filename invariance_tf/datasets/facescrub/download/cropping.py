"""Turns a downloaded file into a small image of one face."""

from PIL import Image

from invariance_tf.datasets.facescrub.download.fates import Failure
from invariance_tf.datasets.images import decoding


def crop_faces(content, boxes, size):
    """Decodes a file, of an animation the first frame, and cuts out faces.

    The orientation of the camera (EXIF) is not applied: the boxes of
    FaceScrub refer to the pixels as they are stored.

    Args:
        content: Bytes of the whole file.
        boxes: List of boxes, see `crop_face`.
        size: Integer > 0. See `crop_face`.

    Returns:
        List with the result of `crop_face` for each box, or its `Failure`.

    Raises:
        Failure: If the file is not an image, or has too many pixels.
    """
    faces = []
    try:
        with decoding.open_image(content) as image:
            image.load()
            for box in boxes:
                try:
                    faces.append(crop_face(image, box, size))
                except Failure as failure:
                    faces.append(failure)
    except decoding.TooManyPixelsError as error:
        raise Failure("too large", str(error)) from error
    except decoding.UnusableImageError as error:
        raise Failure("not an image", str(error)) from error
    return faces


def crop_face(image, box, size):
    """Cuts a face out of an image and resizes it.

    Transparent pixels are laid on white and 16 bits per value are scaled to
    8. The filter is bilinear with antialiasing, as when data sets are read.
    A box that is not a square is squeezed into one; those of FaceScrub are
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
    # Otherwise PNG files would carry colour profiles of the photo.
    face.info.clear()
    return face
