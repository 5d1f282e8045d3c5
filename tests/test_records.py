"""Images that are decoded, and cropped at random, when they are read."""

import io
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from fake_records import encode, photo, write_images
from PIL import Image
from scipy import stats

from invariance_tf import measure_invariance, transforms
from invariance_tf.datasets.images import decoding
from invariance_tf.datasets.tfds.records import (
    RecordFile,
    RecordImages,
    read_place,
)
from invariance_tf.measures import evaluation
from invariance_tf.paradigm import pipeline

# Red tells the column, green the row.
ROWS, COLUMNS = np.mgrid[:192, :256]
GRADIENT = np.stack([COLUMNS, ROWS, 0 * ROWS], axis=-1).astype("uint8")
# Side of the tested square as a share of the shorter side.
TESTED = 224 / 256


def draw(images, seeds, positions=None):
    """Returns the training crops of images for pairs of seeds."""
    positions = np.zeros(len(seeds), int) if positions is None else positions
    drawn = tf.function(images.draw)(positions, np.asarray(seeds, "int32"))
    return drawn.numpy()


def seeds(num_draws):
    return np.random.default_rng(0).integers(-(2**31), 2**31, (num_draws, 2))


# Decoding


def test_an_image_of_the_right_size_is_not_changed_by_a_bit(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), "uint8")
    contents = [encode(image) for image in pixels]
    images = write_images(tmp_path / "images", contents, 24)
    assert images.shape == (5, 24, 24, 3) and len(images) == 5
    assert np.array_equal(images[:], pixels)
    assert np.array_equal(images[np.array([3, 0])], pixels[[3, 0]])
    assert np.array_equal(images[-1], pixels[4])
    assert np.array_equal(
        images[pixels[:, 0, 0, 0] > 90].shape[1:], [24, 24, 3]
    )


@pytest.mark.parametrize("central_crop", [1.0, 0.6, TESTED])
def test_the_central_square_is_that_of_pillow(tmp_path, central_crop):
    """Pillow resizes with whole weights, TensorFlow in float32."""
    contents = [
        encode(photo(*size), **options)
        for size in [(90, 70), (70, 90), (33, 200), (12, 20)]
        for options in [{}, {"format": "JPEG", "subsampling": 0}]
    ]
    path = tmp_path / "images"
    images = write_images(path, contents, 32, central_crop=central_crop)
    for image, place in zip(images[:], images._places, strict=True):
        file = RecordFile("one", place["size"], (path,), place, True)
        expected = decoding.decode_image(file, 32, central_crop)
        assert np.abs(image.astype(int) - expected).max() <= 1


def test_a_grey_image_has_three_equal_channels(tmp_path):
    pixels = np.tile(np.arange(0, 96, 4), (24, 1))
    contents = [encode(pixels, format) for format in ("PNG", "JPEG")]
    images = write_images(tmp_path / "images", contents, 24)[:]
    for image, content in zip(images, contents, strict=True):
        expected = np.asarray(Image.open(io.BytesIO(content)))
        assert np.array_equal(image, np.stack([expected] * 3, axis=-1))


def test_images_of_several_files_are_read_from_theirs(tmp_path):
    for number in range(3):
        content = encode(np.full((16, 16), number))
        (tmp_path / str(number)).write_bytes(b"x" * number + content)
    places = write_images(tmp_path / "0", [content] * 3, 16)._places
    places["file"] = places["offset"] = [2, 0, 1]
    (tmp_path / "0").write_bytes(encode(np.full((16, 16), 0)))
    paths = [str(tmp_path / str(number)) for number in range(3)]
    images = RecordImages(paths, places, 16)
    assert images[:,][:, 0, 0, 0].tolist() == [2, 0, 1]
    taken = images.take_records(np.array([2, 0]))
    assert taken[:][:, 0, 0, 0].tolist() == [1, 2]
    assert read_place(paths, places[0]) == content


# Crops for testing


def test_a_shorter_side_of_256_leaves_the_middle_224(tmp_path):
    """The official rule: nothing is resized then, so that it is exact."""
    rows, columns = np.mgrid[:256, :301]
    pixels = np.stack([columns % 256, rows, columns // 256], axis=-1)
    images = write_images(
        tmp_path / "images",
        [encode(pixels)],
        224,
        central_crop=TESTED,
        crops="resnet",
    )
    assert np.array_equal(images[0], pixels[16:240, 38:262])


def test_tests_see_the_centre_whatever_training_does(tmp_path):
    contents = [encode(GRADIENT)]
    options = {"central_crop": TESTED, "crops": "resnet"}
    images = write_images(tmp_path / "images", contents, 168, **options)
    assert np.array_equal(images[0], GRADIENT[12:180, 44:212])
    draw(images, seeds(3))
    assert np.array_equal(images[[0, 0]], [GRADIENT[12:180, 44:212]] * 2)


def test_a_jpeg_is_the_same_decoded_in_part_or_whole(tmp_path):
    """Colours of half resolution are smoothed, save beyond what is decoded."""
    cases = [*itertools.product([0, 1, 2], range(5))]
    contents = [
        encode(photo(96, 128, seed), "JPEG", subsampling=subsampling)
        for subsampling, seed in cases
    ]
    images = write_images(tmp_path / "images", contents, 60, central_crop=0.625)
    read = zip(cases, contents, images[:], strict=True)
    for (subsampling, _), content, image in read:
        whole = np.asarray(Image.open(io.BytesIO(content)))
        expected = whole[18:78, 34:94]
        inner = slice(1, -1) if subsampling else slice(None)
        assert np.array_equal(image[:, inner], expected[:, inner])


# Crops for training


def measure_crops(images):
    """Returns left, top, width and height; a mirrored width is below 0."""
    size = images.shape[1]
    inner = np.arange(size // 4, 3 * size // 4)
    found = []
    for axis, channel in ((1, 0), (2, 1)):
        values = images[..., channel].astype(float).mean(axis=axis)
        slope, start = np.polyfit(inner, values[:, inner].T, 1)
        # Half a pixel of the crop lies before the first centre.
        found += [start - slope / 2 + 0.5, slope * size]
    left, width, top, height = found
    return np.minimum(left, left + width), top, width, height


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """600 training crops of one image, as left, top, width, height."""
    path = tmp_path_factory.mktemp("crops") / "images"
    images = write_images(path, [encode(GRADIENT)], 64, crops="resnet")
    return measure_crops(draw(images, seeds(600)))


def test_crops_have_the_official_areas_and_aspects(crops):
    _, _, width, height = crops
    width = np.abs(width)
    share = width * height / GRADIENT[..., 0].size
    # Sides are whole pixels; a tenth of the "object", here of the whole image,
    # must be in the crop.
    assert 0.1 - 0.01 < share.min() < 0.15 and 0.8 < share.max() < 1.01
    assert ((width + 1) / (height - 1) >= 0.75).all()
    assert ((width - 1) / (height + 1) <= 1.33).all()
    aspect = width / height
    assert aspect.min() < 0.85 and aspect.max() > 1.23


def test_crops_lie_anywhere_in_the_image(crops):
    left, top, width, height = crops
    right, bottom = left + np.abs(width), top + height
    assert min(left.min(), top.min()) > -1
    assert right.max() < 257 and bottom.max() < 193
    assert left.max() > 128 and top.max() > 96
    assert right.min() < 128 and bottom.min() < 96


def test_half_of_the_crops_are_mirrored_whatever_their_place(crops):
    left, _, width, _ = crops
    is_mirrored = width < 0
    assert stats.binomtest(int(is_mirrored.sum()), 600).pvalue > 1e-6
    assert stats.mannwhitneyu(left[is_mirrored], left[~is_mirrored])[1] > 1e-6


def test_a_crop_depends_on_its_seed_only(tmp_path):
    contents = [encode(GRADIENT), encode(photo(50, 60))]
    images = write_images(tmp_path / "images", contents, 32, crops="resnet")
    drawn = draw(images, [(1, 2), (1, 3), (1, 2), (2, 2)])
    assert np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[3])
    alone = draw(images, [(1, 3)])
    among = draw(images, [(5, 5), (1, 3)], np.array([1, 0]))
    assert np.array_equal(alone[0], drawn[1])
    assert np.array_equal(among[1], drawn[1])


def test_the_crops_of_a_jpeg_are_those_of_its_pixels(tmp_path):
    content = encode(photo(96, 128), "JPEG", subsampling=0)
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    contents = [content, encode(pixels)]
    images = write_images(tmp_path / "images", contents, 32, crops="resnet")
    of_jpeg = draw(images, seeds(30))
    of_png = draw(images, seeds(30), np.ones(30, int))
    assert np.array_equal(of_jpeg, of_png)


def test_without_random_crops_training_sees_what_tests_see(tmp_path):
    contents = [encode(photo(50, 60, seed)) for seed in range(3)]
    images = write_images(tmp_path / "images", contents, 32, central_crop=0.8)
    drawn = draw(images, seeds(3), np.arange(3))
    assert np.array_equal(drawn, images[:])


# In the pipeline

NUM_IMAGES = np.array([3, 30, 7, 60])
LABELS = np.repeat(np.arange(4), NUM_IMAGES)
IS_SEEN = np.array([True, False, True, False])


@pytest.fixture
def numbered(tmp_path):
    """Images that are filled with their own positions."""
    contents = [encode(np.full((16, 16), value)) for value in range(100)]
    return write_images(tmp_path / "images", contents, 16)


def take_batches(images, num_batches, **options):
    options = {"batch_size": 25, "seed": 1, **options}
    batches = pipeline.training_batches(images, LABELS, IS_SEEN, **options)
    return [*itertools.islice(batches, num_batches)]


def expect_equal(batches, others):
    for (inputs, label), (other_inputs, other_label) in zip(
        batches, others, strict=True
    ):
        assert np.array_equal(label, other_label)
        for name in inputs:
            assert np.array_equal(inputs[name], other_inputs[name])


@pytest.mark.parametrize("sampling", ["categories", "images"])
def test_streaming_draws_what_the_array_would(numbered, sampling):
    """So all that holds for arrays (tests/test_pipeline.py) holds here."""
    streamed = take_batches(numbered, 8, sampling=sampling)
    in_memory = take_batches(numbered[:], 8, sampling=sampling)
    expect_equal(streamed, in_memory)


def test_a_resumed_training_has_the_same_crops(tmp_path):
    contents = [encode(photo(20, 24, seed)) for seed in range(100)]
    images = write_images(tmp_path / "images", contents, 16, crops="resnet")
    whole = take_batches(images, 12)
    expect_equal(whole[8:], take_batches(images, 4, first_epoch=2))
    first, again = (
        np.concatenate([i["image"] for i, _ in whole[a:b]])
        for a, b in ((0, 4), (4, 8))
    )
    assert not np.array_equal(first, again)


class Watched(RecordImages):
    """Notes how many images are read at once."""

    def __getitem__(self, positions):
        self.blocks = [*getattr(self, "blocks", []), len(positions)]
        return super().__getitem__(positions)


def test_measures_read_a_block_at_a_time(numbered):
    images = Watched(numbered._paths, numbered._places, 16)
    image = keras.Input((16, 16, 3))
    flat = keras.layers.Flatten()(image)
    hidden = keras.layers.Dense(5, activation="relu", name="fc")(flat)
    model = keras.Model(image, {"logits": keras.layers.Dense(4)(hidden)})
    blur = transforms.get("blur", sigma=1.0)
    found = measure_invariance(model, images, blur, labels=LABELS)
    expected = measure_invariance(model, numbered[:], blur, labels=LABELS)
    assert found.neurons.equals(expected.neurons)
    predicted = evaluation.predict_labels(model, images, LABELS, blur, 0)
    assert len(predicted) == 100
    assert {*images.blocks} == {64, 36}
