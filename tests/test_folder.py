"""Any directory of images: decoding, options, the cache of decoded images."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import threading
import unicodedata
import zlib

import filelock
import numpy as np
import pytest
from PIL import Image

from invariance_tf import Experiment, datasets, files
from invariance_tf.datasets.folder import load_folder
from invariance_tf.datasets.images import decoding, image_cache
from invariance_tf.runs import preparation

LFW = pathlib.Path(__file__).parents[2] / "shared" / "data" / "lfw"


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def grey(value, size=(16, 16)):
    return Image.new("L", size, value)


@pytest.fixture
def data_dir(tmp_path):
    """Two categories of five images; each value says which image it is."""
    for label, category in enumerate(["cat", "dog"]):
        for number in range(5):
            path = tmp_path / "data" / category / f"{number}.png"
            save(path, grey(100 * label + number))
    return tmp_path / "data"


@pytest.fixture
def load(tmp_path, data_dir):
    def load(**options):
        options = {
            "image_size": 16,
            "num_test": 1,
            "cache_dir": tmp_path / "cache",
            **options,
        }
        return load_folder(data_dir, **options)

    return load


def visible(cache_dir):
    """Returns the cache's entries, finished or not, without its locks."""
    return [
        path
        for path in cache_dir.iterdir()
        if not path.name.startswith(".lock-")
    ]


def values(dataset):
    return dataset.images[:, 0, 0, 0].tolist()


def decoded(load, data_dir, image, extension="png", **options):
    """Returns what is read when an image takes the first cat's place."""
    (data_dir / "cat" / "0.png").unlink()
    with open(data_dir / "cat" / f"0.{extension}", "wb") as stream:
        image.save(stream, **{"format": "PNG", **options})
    dataset = load()
    assert dataset.skipped == ()
    return dataset.images[0]


# Decoding


ANIMATED = {"save_all": True, "append_images": [grey(0, (40, 30))]}


@pytest.mark.parametrize(
    ("extension", "mode", "options"),
    [
        ("jpg", "RGB", {"format": "JPEG"}),
        ("JPEG", "CMYK", {"format": "JPEG"}),
        ("jpg", "RGB", {"format": "MPO", **ANIMATED}),
        ("png", "RGB", {"format": "PNG"}),
        ("png", "P", {"format": "PNG"}),
        ("jpg", "RGBA", {"format": "PNG"}),
        ("png", "RGB", {"format": "PNG", **ANIMATED}),
        ("gif", "P", {"format": "GIF", **ANIMATED}),
        ("bmp", "RGB", {"format": "BMP"}),
        ("webp", "RGB", {"format": "WEBP", "lossless": True}),
        ("webp", "RGB", {"format": "WEBP", **ANIMATED}),
        ("jfif", "RGB", {"format": "JPEG"}),
        ("ppm", "RGB", {"format": "PPM"}),
        ("pnm", "RGB", {"format": "PPM"}),
        ("tif", "RGB", {"format": "TIFF"}),
        ("tiff", "CMYK", {"format": "TIFF", "compression": "tiff_lzw"}),
        ("jp2", "RGB", {"format": "JPEG2000"}),
        pytest.param(
            *("avif", "RGB", {"format": "AVIF", "quality": 100}),
            marks=pytest.mark.skipif(
                not decoding.HAS_AVIF, reason="Pillow reads no AVIF"
            ),
        ),
    ],
)
def test_every_format_gives_the_colour(
    load, data_dir, extension, mode, options
):
    # Of the colours of Pillow's default palette.
    colour = [204, 102, 51]
    image = Image.new("RGB", (40, 30), tuple(colour)).convert(mode)
    pixels = decoded(load, data_dir, image, extension, **options)
    np.testing.assert_allclose(pixels.astype(int) - colour, 0, atol=4)


WIDE = np.array([[0, 257, 32896, 65535]], "uint16").repeat(4, 1).repeat(16, 0)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG2000", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(load, data_dir, format):
    image = Image.fromarray(WIDE)
    row = decoded(load, data_dir, image, format=format)[0, ::4]
    np.testing.assert_array_equal(
        row, np.repeat([[0], [1], [128], [255]], 3, 1)
    )


@pytest.mark.parametrize(
    ("header", "row"),
    [
        # As text, in bits, and with another white than 255.
        (b"P2 16 16 3 " + b"0 1 2 3 " * 64, [0, 85, 170, 255] * 4),
        (b"P4 16 16 " + b"\xaa\xaa" * 16, [0, 255] * 8),
        (b"P5 16 16 5 " + bytes([0, 1, 2, 5]) * 64, [0, 51, 102, 255] * 4),
        (b"P5 16 16 1023 " + b"\0\0\3\xff" * 128, [0, 255] * 8),
    ],
)
def test_every_kind_of_pnm_is_read(load, data_dir, header, row):
    (data_dir / "cat" / "0.png").unlink()
    (data_dir / "cat" / "0.pgm").write_bytes(header)
    assert load().images[0, 0, :, 0].tolist() == row


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (WIDE.astype("float32"), {}),
        (WIDE.astype("int32"), {}),
        # White is 0, which Pillow does not turn round at 16 bits.
        (WIDE, {"tiffinfo": {262: 0}}),
    ],
)
def test_a_tiff_whose_white_is_not_known_is_skipped(
    load, data_dir, values, options
):
    path = data_dir / "cat" / "5.tif"
    save(path, Image.fromarray(values), **options)
    ((_, reason),) = load().skipped
    assert reason.startswith("has values other than 8 or 16 bits")


def test_avif_is_named_where_pillow_cannot_read_it(load, data_dir, monkeypatch):
    monkeypatch.setattr(decoding, "HAS_AVIF", False)
    monkeypatch.setattr(decoding, "FORMATS", decoding.WEB_FORMATS)
    (data_dir / "cat" / "5.avif").write_bytes(b"\0\0\0\x20ftypavif" + bytes(20))
    ((_, reason),) = load().skipped
    assert reason == "is an AVIF image, which Pillow reads from version 11.3 on"


def test_the_faces_of_att_are_forty_people(tmp_path):
    """As they come: 40 folders of 10 grey images, 92 x 112 pixels."""
    generator = np.random.default_rng(0)
    for person in range(1, 41):
        for number in range(1, 11):
            values = generator.integers(0, 256, (112, 92), "uint8")
            path = tmp_path / "att_faces" / f"s{person}" / f"{number}.pgm"
            save(path, Image.fromarray(values))
    dataset = load_folder(
        tmp_path / "att_faces", num_test=3, cache_dir=tmp_path, image_size=16
    )
    assert dataset.num_categories == 40
    assert len(dataset.images) == 400
    assert dataset.is_test.sum() == 120
    assert dataset.skipped == dataset.left_out == ()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(load, data_dir, mode):
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.paste((80, 80, 80, 255), (0, 0, 16, 8))
    pixels = decoded(load, data_dir, image.convert(mode))
    assert (pixels[:8] == 80).all()
    assert (pixels[8:] == 255).all()


def make_png(size, kind, rows, *further):
    """Returns a PNG of bits and type of colour, with chunks before its rows."""
    header = struct.pack(">II", size, size) + bytes([*kind, 0, 0, 0])
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in [
        (b"IHDR", header),
        *further,
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]:
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


def one_value_png(bits, value):
    """Returns a PNG of one grey value, which is transparent."""
    row = "".join(16 * [f"{value:0{bits}b}"])
    row = int(row, 2).to_bytes(2 * bits)
    key = b"tRNS", struct.pack(">H", value)
    return make_png(16, (bits, 0), 16 * (b"\0" + row), key)


@pytest.mark.parametrize("bits, transparent", [(1, 0), (8, 5)])
def test_a_transparent_value_is_white(load, data_dir, bits, transparent):
    (data_dir / "cat" / "0.png").write_bytes(one_value_png(bits, transparent))
    dataset = load()
    assert dataset.skipped == ()
    assert (dataset.images[0] == 255).all()


@pytest.mark.parametrize("bits, transparent", [(2, 1), (4, 5), (16, 4)])
def test_a_transparent_value_that_pillow_misses_is_refused(
    load, data_dir, bits, transparent
):
    (data_dir / "cat" / "0.png").write_bytes(one_value_png(bits, transparent))
    ((name, reason),) = load().skipped
    assert name == "cat/0.png"
    assert reason == "has a transparent value that is not of 8 bits: convert it"


def test_sixteen_bits_of_colour_with_a_transparent_value_are_refused():
    color = struct.pack(">HHH", 300, 1, 2)
    content = make_png(1, (16, 2), b"\0" + color, (b"tRNS", color))
    with (
        pytest.raises(decoding.UnusableImageError, match="not of 8 bits"),
        decoding.open_image(content),
    ):
        pass


@pytest.mark.parametrize(
    ("orientation", "as_seen"),
    [
        (1, lambda stored: stored),
        (2, lambda stored: stored[:, ::-1]),
        (3, lambda stored: stored[::-1, ::-1]),
        (4, lambda stored: stored[::-1]),
        (5, lambda stored: stored.T),
        (6, lambda stored: np.rot90(stored, -1)),
        (7, lambda stored: stored[::-1, ::-1].T),
        (8, lambda stored: np.rot90(stored)),
        (9, lambda stored: stored),
    ],
)
def test_the_orientation_of_the_camera_is_applied(
    load, data_dir, orientation, as_seen
):
    stored = np.random.default_rng(0).integers(0, 256, (16, 16), "uint8")
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decoded(load, data_dir, Image.fromarray(stored), exif=exif)
    np.testing.assert_array_equal(pixels[..., 0], as_seen(stored))


@pytest.mark.parametrize("size", [(60, 40), (40, 61)])
@pytest.mark.parametrize("central_crop", [1.0, 0.5])
def test_the_central_square_is_cut_out_not_squeezed(
    load, data_dir, size, central_crop
):
    side = round(central_crop * 40)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    image = grey(0, size)
    image.paste(255, (left, top, left + side, top + side))
    save(data_dir / "cat" / "0.png", image)
    dataset = load(central_crop=central_crop)
    assert (dataset.images[0] == 255).all()


def test_fine_patterns_average_out(load, data_dir):
    checkerboard = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = Image.fromarray(checkerboard.astype("uint8"))
    save(data_dir / "cat" / "0.png", image)
    inner = load().images[0, 1:-1, 1:-1].astype(float)
    np.testing.assert_allclose(inner, 127.5, atol=1)


# Files that cannot be used


def bomb():
    return make_png(60_000, (8, 2), bytes(100_000))


def large_bitmap():
    """50 megapixels and one row, too few for a warning of Pillow's."""
    header = struct.pack("<IiiHHIIiiII", 40, 10_000, 5_001, 1, 24, *[0] * 6)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def truncated_jpeg(tmp_path):
    save(tmp_path / "whole.jpg", Image.effect_noise((200, 200), 90))
    content = (tmp_path / "whole.jpg").read_bytes()
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (truncated_jpeg, "truncated"),
        (lambda _: b"<html>404 Not Found</html>", "not a readable JPEG, PNG"),
        (lambda _: b"", "is empty"),
        (lambda _: bomb(), "more than 50,000,000 pixels"),
        (lambda _: large_bitmap(), "10000x5001 pixels"),
    ],
)
def test_unusable_files_are_skipped_and_listed(
    load, data_dir, tmp_path, make, reason
):
    (data_dir / "cat" / "1.jpg").write_bytes(make(tmp_path))
    dataset = load()
    assert len(dataset.images) == 10
    [(name, listed_reason)] = dataset.skipped
    assert name == "cat/1.jpg"
    assert reason in listed_reason
    assert len(listed_reason.splitlines()) == 1


def test_dead_links_pipes_and_huge_files_are_skipped(load, data_dir):
    (data_dir / "cat" / "link.png").symlink_to("nowhere.png")
    with open(data_dir / "cat" / "huge.png", "wb") as stream:
        stream.truncate(100_000_001)
    os.mkfifo(data_dir / "cat" / "pipe.png")
    assert load().skipped == (
        ("cat/huge.png", "has more than 100,000,000 bytes"),
        ("cat/link.png", "cannot be read"),
        ("cat/pipe.png", "cannot be read"),
    )


def test_no_damage_to_a_file_raises_anything_else(data_dir, tmp_path):
    generator = np.random.default_rng(0)
    image = Image.effect_noise((24, 24), 90).convert("RGB")
    for format in decoding.FORMATS:
        save(tmp_path / "whole", image, format=format)
        whole = np.fromfile(tmp_path / "whole", "uint8")
        for number in range(60):
            damaged = whole.copy()
            where = generator.integers(0, min(len(whole), 300), 5)
            damaged[where] = generator.integers(0, 256, 5)
            path = data_dir / "cat" / f"{format}{number}.png"
            damaged[: generator.integers(1, len(whole) + 1)].tofile(path)
    dataset = load_folder(data_dir, cache_dir=tmp_path, num_test=1)
    num_damaged = 60 * len(decoding.FORMATS)
    assert len(dataset.images) + len(dataset.skipped) == 10 + num_damaged


# Options


def test_the_first_images_in_order_are_for_testing(load):
    dataset = load(num_test=2)
    assert values(dataset) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]
    assert dataset.is_test.tolist() == [True, True, False, False, False] * 2
    assert dataset.labels.dtype == np.int32
    assert dataset.name == "folder"


def test_an_unusable_file_is_replaced_by_the_next(load, data_dir):
    (data_dir / "cat" / "0.png").write_bytes(b"")
    (data_dir / "cat" / "3.png").write_bytes(b"")
    dataset = load(max_images=3)
    assert values(dataset) == [1, 2, 4, 100, 101, 102]
    assert dataset.is_test.tolist() == [True, False, False] * 2


@pytest.mark.parametrize("max_images", [None, 2])
def test_only_usable_images_count_for_min_images(load, data_dir, max_images):
    for number in range(5):
        save(data_dir / "cow" / f"{number}.png", grey(number))
    (data_dir / "cow" / "4.png").write_bytes(b"")
    dataset = load(min_images=5, max_images=max_images)
    assert dataset.categories == ("cat", "dog")
    assert len(dataset.images) == 2 * (max_images or 5)
    assert dataset.left_out == (("cow", "fewer than 5 usable images"),)


def test_a_file_of_categories_restricts_them(load, data_dir, tmp_path):
    path = tmp_path / "categories.txt"
    for number in range(2):
        save(data_dir / "León" / f"{number}.png", grey(7))
    name = unicodedata.normalize("NFD", "León")
    path.write_text(f"\ufeff# two\n\n {name} \ncat\n", encoding="utf-8")
    dataset = load(categories_file=path)
    assert dataset.categories == ("León", "cat")
    assert dataset.left_out == (("dog", "not in `categories_file`"),)
    path.write_text("cat\nunicorn\nyeti\n")
    message = f"2 of the 3 .* {path} .*: unicorn, yeti. .* Received: categories"
    with pytest.raises(ValueError, match=message):
        load(categories_file=path)
    path.write_text("# none\n")
    with pytest.raises(ValueError, match="no category in .*one per line"):
        load(categories_file=path)
    with pytest.raises(FileNotFoundError, match=f"no file {tmp_path}/other"):
        load(categories_file=tmp_path / "other")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 15}, "from 16 to 1024. Received: image_size=15"),
        ({"image_size": "64"}, "Received: image_size='64'"),
        ({"num_test": 0}, "of 1 or more. Received: num_test=0"),
        ({"num_test": 3, "min_images": 3}, "of 4 or more .*min_images=3"),
        ({"num_test": 3, "max_images": 3}, "of 4 or more .*max_images=3"),
        ({"central_crop": 0}, "above 0.*Received: central_crop=0"),
        ({"central_crop": float("nan")}, "Received: central_crop=nan"),
        ({"central_crop": "half"}, "a number.*Received: central_crop='half'"),
        ({"categories_file": 5}, "by a string or a path. Received: 5"),
        ({"cache_dir": b"cache"}, "by a string or a path. Received: b'cache'"),
    ],
)
def test_illegal_options_are_named(load, options, message):
    with pytest.raises(ValueError, match=message):
        load(**options)


def test_too_few_images_are_explained(load, data_dir):
    with pytest.raises(ValueError) as caught:
        load(num_test=5)
    for part in [
        "At least 2 categories with 6 or more usable images",
        f"{data_dir} has 0",
        ".jpg, .jpeg, .jfif, .png, .gif, .bmp, .webp, .pgm",
        "found folders of 2 categories with 10 images, at most 5 in one",
        "Lower `min_images` and `num_test`",
        "categories_file=None, min_images=6, num_test=5",
    ]:
        assert part in str(caught.value)
    for number in range(5):
        (data_dir / "cat" / f"{number}.png").write_bytes(b"<html>")
    with pytest.raises(
        ValueError, match="has 1.*, and 5 files that cannot be used"
    ):
        load()


def test_a_missing_directory_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = f"no directory {tmp_path}/nowhere.*Received: data_dir='nowhere'"
    with pytest.raises(FileNotFoundError, match=message):
        load_folder("nowhere")
    with pytest.raises(ValueError, match="Received: data_dir=None"):
        load_folder(None)
    for name in ("folder", "facescrub"):
        with pytest.raises(ValueError, match="a string or a path. Received: 5"):
            datasets.get(name, data_dir=5)


# The cache


def count_decoding(monkeypatch):
    names = []
    decode = decoding.decode_image

    def counted(file, *arguments, **options):
        names.append(file.name)
        return decode(file, *arguments, **options)

    monkeypatch.setattr(decoding, "decode_image", counted)
    return names


def test_images_are_decoded_once(load, data_dir, monkeypatch):
    (data_dir / "dog" / "4.png").write_bytes(b"")
    names = count_decoding(monkeypatch)
    first = load()
    assert len(names) == 10
    second = load()
    assert len(names) == 10
    assert isinstance(second.images, np.memmap)
    assert not second.images.flags.writeable
    np.testing.assert_array_equal(first.images, second.images)
    assert first.labels.tolist() == second.labels.tolist()
    assert first.is_test.tolist() == second.is_test.tolist()
    assert first.categories == second.categories
    assert first.skipped == second.skipped == (("dog/4.png", "is empty"),)
    assert first.fingerprint == second.fingerprint


def test_a_changed_file_or_option_is_decoded_again(load, data_dir, monkeypatch):
    names = count_decoding(monkeypatch)
    load()
    save(data_dir / "cat" / "0.png", grey(77))
    os.utime(data_dir / "cat" / "0.png", ns=(1, 1))
    assert values(load())[0] == 77
    assert len(names) == 20
    load(central_crop=0.5)
    assert len(names) == 30


def test_equal_sizes_and_times_do_not_make_equal_images(load, tmp_path):
    """As archives unpack uncompressed images, or copies keep their times."""
    for folder, value in (("A", 50), ("B", 90), ("A", 70)):
        for name in ("cat/0", "cat/1", "dog/0", "dog/1"):
            path = tmp_path / folder / f"{name}.bmp"
            save(path, grey(value))
            os.utime(path, (0, 0))
        found = load_folder(
            tmp_path / folder, num_test=1, cache_dir=tmp_path, image_size=16
        )
        assert values(found) == [value] * 4


def test_the_cache_is_where_the_environment_says(load, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("INVARIANCE_TF_CACHE", raising=False)
    load(cache_dir=None)
    assert len(visible(tmp_path / "xdg" / "invariance_tf")) == 1
    monkeypatch.setenv("INVARIANCE_TF_CACHE", str(tmp_path / "own"))
    load(cache_dir=None)
    assert len(visible(tmp_path / "own")) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="INVARIANCE_TF_CACHE. Received: cache"):
        load(cache_dir=tmp_path / "file")


def test_the_fingerprint_depends_on_pixels_not_on_files(load, data_dir):
    first = load()
    for path in sorted(data_dir.glob("*/*.png")):
        path.rename(path.with_name("x" + path.name))
    assert load().fingerprint == first.fingerprint
    assert load(num_test=2).fingerprint != first.fingerprint
    save(data_dir / "cat" / "x0.png", grey(78))
    assert load().fingerprint != first.fingerprint


def overwrite(path, start, content):
    """Changes bytes of a file, and sets its times back."""
    times = path.stat()
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def shift_labels(entry):
    index = json.loads((entry / "index.json").read_text())
    labels = index["labels"]
    index["labels"] = [*labels[1:], labels[0]]
    (entry / "index.json").write_text(json.dumps(index))


def swap_images(entry):
    """Two images change places: every pixel is still there."""
    images = np.load(entry / "images.npy", mmap_mode="r+")
    images[[0, 9]] = images[[9, 0]]
    images.flush()


def put_other_entry(entry):
    """An entry of other images, whole in itself."""
    other = entry.with_name("other")
    shutil.copytree(entry, other)
    seal = json.loads((other / "seal.json").read_text())
    (other / "seal.json").write_text(json.dumps({**seal, "key": "other"}))
    shutil.rmtree(entry)
    other.rename(entry)


def replace_by_file(entry):
    shutil.rmtree(entry)
    entry.write_text("")


DAMAGE = {
    "pixels": lambda entry: overwrite(entry / "images.npy", 500, b"\xff" * 9),
    "zeroed half": lambda entry: overwrite(
        entry / "images.npy", 4000, bytes(3808)
    ),
    "swapped images": swap_images,
    "shifted labels": shift_labels,
    "another entry": put_other_entry,
    "a file": replace_by_file,
    "cut off": lambda entry: os.truncate(entry / "images.npy", 1000),
    "no images": lambda entry: (entry / "images.npy").unlink(),
    "no index": lambda entry: (entry / "index.json").unlink(),
    "no seal": lambda entry: (entry / "seal.json").unlink(),
    "garbage for a seal": lambda entry: (entry / "seal.json").write_text("[]"),
    "garbage for an index": lambda entry: (entry / "index.json").write_text(
        "{"
    ),
    "empty images": lambda entry: (entry / "images.npy").write_text(""),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_built_again(load, tmp_path, caplog, damage):
    expected = load()
    pixels, labels = np.array(expected.images), expected.labels
    [entry] = visible(tmp_path / "cache")
    assert not caplog.records
    DAMAGE[damage](entry)
    again = load()
    np.testing.assert_array_equal(again.images, pixels)
    np.testing.assert_array_equal(again.labels, labels)
    assert visible(tmp_path / "cache") == [entry]
    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith("A cache entry is built again: ")
    assert str(entry) in line


def test_an_entry_that_was_moved_is_hashed_once(load, tmp_path, monkeypatch):
    hashed = []
    describe = files.describe_file

    def counted(path):
        hashed.append(os.path.basename(path))
        return describe(path)

    monkeypatch.setattr(files, "describe_file", counted)
    load()
    # When it was built.
    assert hashed == ["images.npy", "index.json"]
    load()
    assert len(hashed) == 2
    shutil.copytree(tmp_path / "cache", tmp_path / "moved")
    for _ in range(2):
        load(cache_dir=tmp_path / "moved")
        assert len(hashed) == 4


def test_a_failing_disk_leaves_nothing_behind(load, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(decoding, "decode_image", fail)
    with pytest.raises(OSError, match="Input/output error"):
        load()
    assert visible(tmp_path / "cache") == []


def test_who_comes_second_waits_and_uses_the_entry_of_the_first(tmp_path):
    builds = []
    is_building, may_end = threading.Event(), threading.Event()

    def build(directory):
        builds.append(directory)
        is_building.set()
        assert may_end.wait(60)
        images = np.full((2, 16, 16, 3), 7, "uint8")
        index = {"labels": [0, 1], "is_test": [True, False]}
        index.update(files=["a", "b"], categories=["a", "b"], skipped=[])
        image_cache.write_entry(directory, images, [0, 1], index)

    def fetch():
        return image_cache.fetch_images(tmp_path, "key", build)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(fetch)
        assert is_building.wait(60)
        second = pool.submit(fetch)
        assert not concurrent.futures.wait([second], timeout=0.3).done
        may_end.set()
        for entry in (first.result(), second.result()):
            assert (entry["images"] == 7).all()
    assert len(builds) == 1
    assert visible(tmp_path) == [tmp_path / "key"]


def test_what_is_being_built_is_not_taken_for_abandoned(tmp_path):
    (tmp_path / ".building-dead").mkdir()
    (tmp_path / ".building-alive").mkdir()
    with filelock.FileLock(tmp_path / ".lock-alive"):
        image_cache.fetch_entry(
            tmp_path, "key", lambda path: None, lambda path: None
        )
    found = [path.name for path in tmp_path.glob(".building-*")]
    assert found == [".building-alive"]


INTERRUPTED = """
import sys, time
from invariance_tf import files
from invariance_tf.datasets.folder import load_folder
from invariance_tf.datasets.images import decoding
decode, names = decoding.decode_image, []

def wait(file, *arguments, **options):
    names.append(file.name)
    if len(names) == 8:
        print("decoding", flush=True)
    if len(names) >= 8:
        time.sleep(600)
    return decode(file, *arguments, **options)

decoding.decode_image = wait
load_folder(sys.argv[1], image_size=16, num_test=1, cache_dir=sys.argv[2])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_a_killed_process_leaves_nothing_that_is_used(load, data_dir, tmp_path):
    cache_dir = tmp_path / "cache"
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, data_dir, cache_dir],
        cwd=pathlib.Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "decoding\n"
        process.send_signal(signal.SIGKILL)
    [left] = visible(cache_dir)
    assert left.name.startswith(".building")
    assert values(load()) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]
    [entry] = visible(cache_dir)
    assert not entry.name.startswith(".building")


@pytest.mark.skipif(not LFW.is_dir(), reason="needs Labeled Faces in the Wild")
def test_real_faces_are_read(tmp_path):
    options = {"min_images": 15, "max_images": 30, "cache_dir": tmp_path}
    dataset = load_folder(LFW, central_crop=0.5, **options)
    counts = np.array([len(list(path.iterdir())) for path in LFW.iterdir()])
    counts = counts[counts >= 15].clip(max=30)
    assert dataset.num_categories == len(counts) == 96
    assert dataset.images.shape == (counts.sum(), 64, 64, 3)
    assert dataset.is_test.sum() == 960
    assert dataset.skipped == ()
    assert 20 < dataset.images.std(axis=(1, 2, 3)).min()


def test_categories_are_counted_without_decoding(monkeypatch, data_dir):
    monkeypatch.setattr(decoding, "decode_image", None)
    options = {"data_dir": data_dir, "num_test": 1}
    assert datasets.count_categories("folder", **options) == 2
    faces = {**options, "min_images": 5}
    assert datasets.count_categories("facescrub", **faces) == 2
    assert datasets.count_categories("digits") == 10


def test_more_seen_categories_than_there_are_is_found_before_decoding(
    monkeypatch, data_dir
):
    monkeypatch.setattr(decoding, "decode_image", None)
    settings = {"dataset": "folder", "data_dir": str(data_dir), "num_test": 1}
    with pytest.raises(ValueError, match="from 0 to 2, .*Received: n_seen=3"):
        preparation.check(Experiment(**settings, n_seen=3))
