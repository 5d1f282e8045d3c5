"""Images that would take too much memory or too much time."""

import contextlib
import io
import threading
import time

import numpy as np
import pytest
from facescrub_server import encode, photo
from PIL import Image

from invariance_tf.datasets.images import budget, decoding


def test_threads_together_take_no_more_than_the_budget():
    shared, held, highest = budget.Budget(100), [0], [0]
    lock = threading.Lock()

    def work(amount):
        with shared.taken(amount):
            with lock:
                held[0] += min(amount, 100)
                highest[0] = max(highest[0], held[0])
            time.sleep(0.001)
            with lock:
                held[0] -= min(amount, 100)

    amounts = np.random.default_rng(0).integers(1, 150, 60).tolist()
    with decoding.pillow_threads(8) as pool:
        assert len([*pool.map(work, amounts)]) == 60
    assert 60 < highest[0] <= 100


def test_an_error_gives_the_budget_back():
    shared = budget.Budget(10)
    for _ in range(3):
        with pytest.raises(ValueError), shared.taken(10):
            raise ValueError
    with shared.taken(10):
        pass


def test_images_wait_for_memory(monkeypatch):
    small = budget.Budget(60 * 40 * budget.BYTES_PER_PIXEL)
    monkeypatch.setattr(budget, "DECODING", small)
    content, num_open, most = encode(photo()), [0], [0]

    def decode(number):
        with decoding.open_image(content) as image:
            num_open[0] += 1
            most[0] = max(most[0], num_open[0])
            image.load()
            time.sleep(0.001)
            num_open[0] -= 1

    with decoding.pillow_threads(8) as pool:
        assert len([*pool.map(decode, range(20))]) == 20
    assert most[0] == 1


def test_this_machine_has_memory():
    assert 2**26 < budget.find_memory() < 2**50


def progressive(num_scans, side):
    """Returns a grey progressive JPEG whose last scan is repeated."""
    image = Image.new("L", (side, side), 100)
    content = encode(image, "JPEG", progressive=True)
    last = content.rindex(decoding.START_OF_SCAN)
    missing = num_scans - content.count(decoding.START_OF_SCAN)
    scan = content[last:-2]
    return content[:-2] + scan * missing + content[-2:]


def after_its_start(content, added):
    return content[:2] + added + content[2:]


def as_mpo(content):
    """Adds the header of several pictures in one file."""
    frame = Image.new("L", (8, 8))
    mpo = encode(frame, "MPO", save_all=True, append_images=[frame])
    header = mpo[mpo.index(b"\xff\xe2") :]
    content = after_its_start(
        content, header[: 2 + int.from_bytes(header[2:4])]
    )
    assert Image.open(io.BytesIO(content)).format == "MPO"
    return content


def with_false_lengths(content):
    """Adds markers without a length, as if scans were in their segments."""
    scan = decoding.START_OF_SCAN
    start, first, others = content.partition(scan)
    others = others.replace(scan, b"\xff\x02\xff\xd0\xff\xff" + scan)
    return start + first + others


def after_tables(content):
    """Adds a JPEG without an image before."""
    return decoding.START_OF_JPEG + decoding.END_OF_JPEG + content


@pytest.mark.parametrize(
    "disguise", [bytes, as_mpo, with_false_lengths, after_tables]
)
def test_a_jpeg_with_too_many_scans_is_refused_at_once(disguise):
    content = disguise(progressive(3000, 2000))
    start = time.perf_counter()
    with pytest.raises(decoding.UnusableImageError, match="has 3000 scans"):
        with decoding.open_image(content):
            pass
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("num_scans, side", [(10, 4000), (20, 4000), (500, 64)])
def test_photos_and_small_images_may_have_scans(num_scans, side):
    with decoding.open_image(progressive(num_scans, side)) as image:
        assert image.size == (side, side)


@pytest.mark.parametrize(
    "add",
    [
        lambda content, scans: content + scans,
        lambda content, scans: after_its_start(
            content, b"\xff\xe5" + (len(scans) + 2).to_bytes(2) + scans
        ),
    ],
)
def test_what_looks_like_scans_in_a_film_or_preview_is_none(add):
    content = add(progressive(10, 2000), decoding.START_OF_SCAN * 1000)
    with decoding.open_image(content) as image:
        assert image.getextrema() == (100, 100)


@pytest.mark.parametrize(
    "part", [b"\xff\xe0\0\2", b"\xff\0", b"\xff", b"\xff\xd0", b"\xff\xda"]
)
def test_nothing_keeps_the_count_of_scans_busy(part):
    """After so many segments it ends, whatever follows."""
    content = decoding.START_OF_JPEG + part * (30_000_000 // len(part))
    with contextlib.suppress(decoding.UnusableImageError):
        assert decoding._count_scans(content) <= decoding.MAX_SEGMENTS


@pytest.mark.parametrize("must_finish", [False, True])
def test_an_interrupt_waits_only_for_what_must_finish(must_finish):
    started, may_end, ended = (threading.Event() for _ in range(3))

    def work():
        started.set()
        may_end.wait(0.3)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        with decoding.pillow_threads(1, must_finish) as pool:
            pool.submit(work)
            waiting = pool.submit(work)
            started.wait()
            raise KeyboardInterrupt
    assert ended.is_set() == must_finish
    assert waiting.cancelled()
    may_end.set()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK", "1"])
@pytest.mark.parametrize("size", [(5, 3), (1100, 1000), (3, 400_000)])
def test_strips_make_the_same_image(mode, size):
    values = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3))
    image = Image.fromarray(values.astype("uint8")).convert(mode)
    np.testing.assert_array_equal(
        decoding.to_rgb(image), decoding._strip_to_rgb(image)
    )
