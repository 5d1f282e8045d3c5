"""Untrusted files become small images of one face, or a reason."""

import struct
import zlib

import numpy as np
import pytest
from facescrub_server import encode, photo
from PIL import Image

from invariance_tf.datasets.facescrub.download import cropping
from invariance_tf.datasets.facescrub.download.fates import Failure
from invariance_tf.datasets.images import decoding

BOX = (10, 5, 30, 25)


def crop(content, box=BOX, size=20):
    with decoding.pillow_threads():
        (face,) = cropping.crop_faces(content, [box], size)
    assert (face.mode, face.size, face.info) == ("RGB", (size, size), {})
    return np.asarray(face).astype(int)


def reason(content, box=BOX):
    with decoding.pillow_threads():
        try:
            (failure,) = cropping.crop_faces(content, [box], 20)
        except Failure as error:
            failure = error
    assert "\n" not in failure.detail
    return failure.fate, failure.detail


def png(width, height, num_rows=None):
    """Returns a PNG of black pixels, as its definition says."""

    def chunk(name, content):
        length = struct.pack(">I", len(content))
        check = struct.pack(">I", zlib.crc32(name + content))
        return length + name + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + width)
    num_rows = height if num_rows is None else num_rows
    pixels = b"".join(packer.compress(row) for _ in range(num_rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels + packer.flush())
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_a_box_of_the_right_size_is_cut_out_untouched(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    expected = np.asarray(photo())[5:25, 10:30]
    found = crop(encode(photo(), kind, **options))
    np.testing.assert_array_equal(found, expected)


def test_a_face_of_one_colour_keeps_it_at_any_size():
    image = Image.new("RGB", (300, 300), "black")
    image.paste((10, 200, 30), BOX)
    for size in [16, 33, 100]:
        assert (crop(encode(image), size=size) == (10, 200, 30)).all()


def test_nothing_outside_of_the_box_bleeds_in():
    image = Image.new("RGB", (60, 40), "red")
    image.paste("blue", BOX)
    assert (crop(encode(image), size=7) == (0, 0, 255)).all()


def test_halving_takes_neighbours_together():
    stripes = np.zeros((40, 60, 3), "uint8")
    stripes[:, ::2] = 200
    face = crop(encode(Image.fromarray(stripes)), size=10)
    # The inner half of the triangle of four taps weighs 3 to 1.
    assert (abs(face[:, 1:-1] - 100) <= 1).all()


def test_the_orientation_of_the_camera_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encode(photo(), "JPEG")
    rotated = encode(photo(), "JPEG", exif=exif)
    assert plain != rotated
    np.testing.assert_array_equal(crop(plain), crop(rotated))


def test_16_bits_are_scaled_not_clipped():
    values = np.full((40, 60), 32896, "uint16")
    assert (crop(encode(Image.fromarray(values))) == 128).all()


def test_transparent_pixels_are_laid_on_white():
    image = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    assert (crop(encode(image)) == 255).all()


def test_what_the_photo_carries_besides_pixels_is_left_behind():
    content = encode(photo(), "PNG", icc_profile=b"profile", dpi=(3, 3))
    (face,) = cropping.crop_faces(content, [BOX], 20)
    assert encode(face) == encode(Image.fromarray(np.asarray(face)))


@pytest.mark.parametrize("box", [(0, 0, 61, 40), (0, 0, 60, 41)])
def test_a_box_that_is_not_wholly_inside_is_refused(box):
    expected = ("box outside", "the image has 60x40 pixels")
    assert reason(encode(photo()), box) == expected
    assert crop(encode(photo()), (0, 0, 60, 40)).shape == (20, 20, 3)


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch):
    bomb = png(10_000, 10_000)
    assert len(bomb) < 120_000

    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", load)
    assert reason(bomb) == (
        "too large",
        "has 10000x10000 pixels, more than 50,000,000",
    )
    # Pillow itself refuses twice its own limit, at sight of the header.
    assert reason(png(10_000, 20_000, num_rows=0)) == (
        "too large",
        "has more than 50,000,000 pixels",
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><title>Not found</title>",
        b"GIF89a",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 40\n",
        encode(photo(), "TIFF"),
        encode(photo(), "PPM"),
        encode(photo(), "JPEG")[:800],
        encode(photo(), "PNG")[:800],
        encode(photo(), "PNG")[:40] + b"\x00" * 400,
    ],
)
def test_what_is_not_a_whole_image_of_the_five_formats_is_refused(content):
    fate, detail = reason(content)
    assert fate == "not an image"
    assert detail.startswith(("is not a readable JPEG", "cannot be decoded: "))
