"""The contenders of `benchmarks.transforms` do the same work."""

import io
import math

import keras
import numpy as np
import pytest

from invariance_tf import transforms

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="times TensorFlow"
)
NOISE = {"white_noise", "salt_pepper"}


@pytest.fixture
def benchmark(module):
    return module("transforms")


@pytest.fixture(scope="module")
def images():
    shape = (6, 16, 16, 3)
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def transform(name, images):
    """Transforms every image by the layer."""
    layer = transforms.get(name)
    return np.asarray(layer(images, np.ones(len(images), bool)))


def answers(benchmark, lines, monkeypatch, capsys, *arguments):
    """Returns what a contender answers to lines."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(lines)))
    benchmark.serve(*arguments)
    ready, *values = capsys.readouterr().out.split()
    assert ready == "ready"
    return [float(value) for value in values]


def test_flags_are_spread_evenly_and_begin_with_the_first_image(benchmark):
    for share, num_flagged in ((0.5, 64), (0.1, 13), (1.0, 128)):
        flags = benchmark.draw_flags(share)
        assert flags[0]
        assert flags.sum() == num_flagged
        # Every tenth of the batch has its share.
        parts = [part.mean() for part in np.array_split(flags, 10)]
        assert parts == pytest.approx([share] * 10, abs=0.1)


@pytest.mark.parametrize("way", ["ours", "ours gather"])
def test_ours_transforms_flagged_images_only(benchmark, images, way):
    flags = np.arange(len(images)) % 3 == 0
    functions = benchmark.our_functions(way, flags)
    assert functions.keys() == {*benchmark.NAMES}
    # One of each family.
    for name in ("grayscale", "highpass", "rotate90", "white_noise"):
        result = np.asarray(functions[name](images))
        assert (result[~flags] == images[~flags]).all(), name
        if name in NOISE:
            assert (result[flags] != images[flags]).any(), name
        else:
            expected = transform(name, images)[flags]
            assert result[flags] == pytest.approx(expected, abs=1e-3), name


def test_a_contender_tells_its_largest_difference_then_its_seconds(
    benchmark, images, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(benchmark, "LEAST_SECONDS", 0)
    np.save(tmp_path / "images.npy", images)
    expected = 255 - images.astype("float32")
    expected[3, 2, 1, 0] += 7
    np.save(tmp_path / "expected.npy", expected)
    functions = {"contrast_inversion": lambda x: 255 - x}
    arguments = functions, lambda x: x.astype("float32"), np.asarray, tmp_path
    lines = ["contrast_inversion\n", "go\n", "blur\n"]
    difference, seconds, missing = answers(
        benchmark, lines, monkeypatch, capsys, *arguments
    )
    assert difference == 7
    assert seconds > 0
    assert math.isnan(missing)
    [difference] = answers(
        *(benchmark, lines[:1], monkeypatch, capsys, *arguments),
        np.arange(len(images)) != 3,
    )
    assert difference == 0


def test_the_table_has_ratios_to_ours_and_no_one_who_cannot(
    benchmark, tmp_path
):
    seconds = {"ours all": 0.5, "opencv": 1.0, "kornia": math.nan}

    def contender(way):
        difference = math.nan if way == "kornia" else 0.25
        return lambda line="go": seconds[way] if line == "go" else difference

    contenders = {way: contender(way) for way in seconds}
    ours, other = benchmark.compare(
        contenders, tmp_path, "thinning", 8, flagged=0.5, repeats=3
    )
    assert ours["images_per_second"] == 2 * benchmark.BATCH
    assert other == {
        "transform": "thinning",
        "image_size": 8,
        "flagged": 1.0,
        "contender": "opencv",
        "images_per_second": benchmark.BATCH,
        "ours_all_to_this": 2.0,
        "largest_difference": "0.25",
        "repeats": 3,
    }
    noisy = benchmark.compare(
        contenders, tmp_path, "white_noise", 8, flagged=0.5, repeats=1
    )
    assert [row["largest_difference"] for row in noisy] == ["", ""]
