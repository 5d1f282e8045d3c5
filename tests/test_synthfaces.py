"""Synthetic faces: their random numbers, their shapes and their pixels."""

import hashlib
import os

import numpy as np
import pytest

from invariance_tf.datasets import synthfaces
from invariance_tf.datasets.synthfaces import load_synthfaces, shapes, traits


@pytest.fixture(scope="module")
def crowd():
    """Twenty people with ten test and ten training images."""
    return load_synthfaces(num_categories=20, num_train=10, num_test=10)


@pytest.fixture
def grid():
    """Coordinates of 400x400 pixels from -1 to 1, and a pixel's side."""
    axis = (np.arange(400, dtype="float32") + 0.5) / 200 - 1
    x = np.broadcast_to(axis, (1, 400, 400))
    return x, x.transpose(0, 2, 1), np.full((1, 1, 1), 1 / 200, "float32")


def standardise(images):
    """Returns one row per image, with mean 0 and standard deviation 1."""
    rows = images.astype("float64").reshape(len(images), -1)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / rows.std(axis=1, keepdims=True)


def derive_faces(num_images):
    """Returns the numbers of as many random people, an image of each."""
    generator = np.random.default_rng(0)
    return traits.derive_faces(
        generator.random((num_images, len(traits.IDENTITY))),
        generator.standard_normal((num_images, len(traits.NUISANCES))),
        generator.random((num_images, len(traits.SCENE), 3)),
    )


def test_the_pixels_are_the_same_on_every_machine():
    dataset = load_synthfaces(32, num_categories=12, num_train=2, num_test=1)
    digest = hashlib.sha256(dataset.images.tobytes()).hexdigest()
    assert digest == (
        "181af623ebd1a65750d331213ff892f25b74cf13fb5a73f7115dbeb8dd9a1383"
    )


def test_each_person_has_test_images_first(crowd):
    assert crowd.name == "synthfaces"
    assert crowd.images.shape == (400, 48, 48, 3)
    assert crowd.images.dtype == np.uint8
    assert crowd.labels.dtype == np.int32
    assert crowd.is_test.dtype == bool
    labels = [label for label in range(20) for _ in range(20)]
    np.testing.assert_array_equal(crowd.labels, labels)
    np.testing.assert_array_equal(
        crowd.is_test, ([True] * 10 + [False] * 10) * 20
    )
    assert crowd.categories[:2] == ("face_000", "face_001")
    assert crowd.categories[-1] == "face_019"


def test_no_two_images_are_equal(crowd):
    assert len(np.unique(crowd.images.reshape(400, -1), axis=0)) == 400


def test_a_persons_images_do_not_depend_on_how_many_there_are(crowd):
    fewer = load_synthfaces(num_categories=3, num_train=4, num_test=2)
    for label in range(3):
        for is_test, count in [(True, 2), (False, 4)]:
            chosen = (fewer.labels == label) & (fewer.is_test == is_test)
            same = (crowd.labels == label) & (crowd.is_test == is_test)
            np.testing.assert_array_equal(
                fewer.images[chosen], crowd.images[same][:count]
            )


def test_a_face_is_the_same_in_every_size():
    options = {"num_categories": 8, "num_train": 1, "num_test": 1}
    small = standardise(load_synthfaces(36, **options).images)
    large = load_synthfaces(180, **options).images.astype("float64")
    large = large.reshape(16, 36, 5, 36, 5, 3).mean(axis=(2, 4))
    correlation = small @ standardise(large).T / small.shape[1]
    assert (np.diag(correlation) > 0.97).all()
    assert (correlation - np.eye(16)).max() < 0.97


@pytest.mark.parametrize("image_size", [32, 33, 101, 224])
def test_images_have_any_size(image_size):
    dataset = load_synthfaces(
        image_size, num_categories=2, num_train=1, num_test=1
    )
    assert dataset.image_size == image_size
    assert (dataset.images.std(axis=(1, 2)) > 10).all()


def test_seeds_give_other_people():
    options = {"num_categories": 2, "num_train": 1, "num_test": 1}
    first, same, other = (
        load_synthfaces(data_seed=data_seed, **options)
        for data_seed in [3, 3, 4]
    )
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert not (first.images == other.images).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize("num_threads", [1, 7])
def test_pixels_do_not_depend_on_threads(crowd, monkeypatch, num_threads):
    monkeypatch.setattr(os, "cpu_count", lambda: num_threads)
    again = load_synthfaces(num_categories=20, num_train=10, num_test=10)
    np.testing.assert_array_equal(again.images, crowd.images)


def test_pixels_do_not_depend_on_what_is_drawn_at_once(crowd, monkeypatch):
    monkeypatch.setattr(synthfaces, "CHUNK_PIXELS", 1)
    alone = load_synthfaces(num_categories=20, num_train=10, num_test=10)
    np.testing.assert_array_equal(alone.images, crowd.images)


def test_no_part_of_a_face_is_cut_off(crowd, monkeypatch):
    monkeypatch.setattr(shapes.View, "crop", lambda view, *_: view)
    whole = load_synthfaces(num_categories=20, num_train=10, num_test=10)
    np.testing.assert_array_equal(whole.images, crowd.images)


def test_people_are_recognised_without_colour(crowd):
    rows = standardise(crowd.images.mean(axis=-1))
    num_correct = 0
    for index, row in enumerate(rows):
        others = np.arange(400) != index
        means = [
            rows[others & (crowd.labels == label)].mean(axis=0)
            for label in range(20)
        ]
        distances = np.square(means - row).sum(axis=1)
        num_correct += int(distances.argmin() == crowd.labels[index])
    # One in 20 by chance.
    assert num_correct > 400 / 4


@pytest.mark.parametrize(
    ("name", "value", "limits"),
    [
        ("image_size", 31, "from 32 to 224"),
        ("image_size", 225, "from 32 to 224"),
        ("image_size", 48.0, "from 32 to 224"),
        ("num_categories", 0, "from 1 to 1000"),
        ("num_categories", 1001, "from 1 to 1000"),
        ("num_train", 0, "of 1 or more"),
        ("num_test", 0, "of 1 or more"),
        ("data_seed", -1, "from 0 to 4294967295"),
        ("data_seed", 2**32, "from 0 to 4294967295"),
    ],
)
def test_illegal_arguments_are_named_with_their_limits(name, value, limits):
    message = f"`{name}` must be an integer {limits}. Received: {name}={value}"
    with pytest.raises(ValueError, match=message):
        load_synthfaces(**{name: value})


def test_noise_has_its_standard_deviation_in_every_channel():
    noise = synthfaces._noise(synthfaces._generator(0), (3, 224, 224))
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean(axis=(1, 2)), 0, atol=0.1)
    np.testing.assert_allclose(
        noise.std(axis=(1, 2)), synthfaces.NOISE, rtol=0.01
    )
    correlation = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())
    assert abs(correlation[0, 1]) < 0.02


def test_deviations_are_standardised_and_bounded():
    generator = synthfaces._generator(0)
    values = np.stack([synthfaces._deviations(generator) for _ in range(5000)])
    np.testing.assert_allclose(values.mean(), 0, atol=0.02)
    np.testing.assert_allclose(values.std(), 1, rtol=0.02)
    assert np.abs(values).max() <= 2 * np.sqrt(3) + 1e-6


def test_poses_are_rotations():
    face = derive_faces(100)
    length = np.square(face.cosine) + np.square(face.sine)
    np.testing.assert_allclose(length, 1, rtol=1e-6)
    assert (face.cosine > 0).all()


def test_only_men_have_beards_and_nobody_is_bald_with_long_hair():
    face = derive_faces(1000)
    is_man = face.is_man > 0
    assert not ((face.beard > 0) & ~is_man).any()
    assert not ((face.moustache > 0) & ~is_man).any()
    is_bald = face.hairline < -1
    assert is_bald.any()
    assert not (is_bald & (face.long_hair > 0)).any()


def test_hair_leaves_both_eyes_free():
    face = derive_faces(1000)
    for side in [-1, 1]:
        x = side * face.eye_x - face.parting
        line = face.fringe_slope * x + face.fringe_curve * x * x
        line += face.fringe_part * np.abs(x) + face.hairline
        assert (line < face.eye_y).all()


def test_colours_are_mixed_between_neighbours_and_drawn_to_the_average():
    palette = (100, 100, 100), [(0, 0, 0), (100, 0, 0), (100, 200, 0)]
    position = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    expected = [
        [0, 0, 0],
        [50, 0, 0],
        [100, 0, 0],
        [100, 100, 0],
        [100, 200, 0],
    ]
    full = traits._mix(palette, position, spread=1.0)
    np.testing.assert_allclose(full, expected)
    third = traits._mix(palette, position, spread=1 / 3)
    np.testing.assert_allclose(third - 100, (full - 100) / 3)


def area(distance, unit):
    """Returns the painted area of a shape, in square units."""
    pixels = np.zeros((1, 3, *distance.shape[1:]), "float32")
    shapes.View(pixels, None, None, unit).paint(distance, 1.0)
    return pixels[:, 0].sum() * unit.item() ** 2


def test_ellipses_and_bars_are_painted_with_their_area(grid):
    x, y, unit = grid
    for half_width, half_height in [(0.5, 0.5), (0.6, 0.3)]:
        distance = shapes.ellipse(x - 0.1, y, half_width, half_height)
        expected = np.pi * half_width * half_height
        np.testing.assert_allclose(area(distance, unit), expected, rtol=2e-3)
    distance = shapes.bar(x, y + 0.2, 0.4, 0.3, 0.1)
    expected = 0.8 * 0.6 - (4 - np.pi) * 0.1**2
    np.testing.assert_allclose(area(distance, unit), expected, rtol=2e-3)


def test_a_square_head_fills_its_box_and_a_round_one_an_ellipse(grid):
    x, y, unit = grid
    face = derive_faces(1)
    face.jaw = 0.0
    box = (2 * face.width * (face.crown + face.chin)).item()
    for square, share in [(0.0, np.pi / 4), (1.0, 1.0)]:
        face.square = square
        distance = shapes.head(x, y, face)
        np.testing.assert_allclose(area(distance, unit), share * box, rtol=1e-2)


def test_unions_and_intersections_differ_from_sharp_ones_near_edges_only(grid):
    x, y, _ = grid
    first = shapes.ellipse(x, y, 0.5, 0.5)
    second = x - 0.2
    united = shapes.unite(first, second, 0.1)
    common = shapes.intersect(first, second, 0.1)
    is_far = np.abs(first - second) > 0.1
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    np.testing.assert_allclose(united[is_far], lower[is_far], atol=1e-6)
    np.testing.assert_allclose(common[is_far], upper[is_far], atol=1e-6)
    assert (united <= lower + 1e-6).all() and (united >= lower - 0.026).all()
    assert (common >= upper - 1e-6).all() and (common <= upper + 0.026).all()


def test_paint_blends_by_opacity_and_leaves_the_outside_alone(grid):
    x, y, unit = grid
    pixels = np.full((1, 3, 400, 400), 100, "float32")
    colour = np.array([0, 100, 200], "float32").reshape(1, 3, 1, 1)
    distance = shapes.ellipse(x, y, 0.5, 0.5)
    opacity = np.full((1, 1, 1), 0.25, "float32")
    shapes.View(pixels, x, y, unit).paint(distance, colour, opacity)
    np.testing.assert_allclose(pixels[0, :, 200, 200], [75, 100, 125])
    assert (pixels[:, :, distance[0] > unit.item()] == 100).all()


def test_a_crop_holds_the_rectangle_and_little_more(grid):
    x, y, unit = grid
    pixels = np.zeros((1, 3, 400, 400), "float32")
    view = shapes.View(pixels, x, y, unit)
    near = view.crop(0.25, -0.5, 0.1, 0.2)
    for values, middle, half in [(near.x, 0.25, 0.1), (near.y, -0.5, 0.2)]:
        assert half < values.max() - middle < half + 2 * unit
        assert half < middle - values.min() < half + 2 * unit
    near.pixels += 1
    assert pixels[0, 0].sum() == near.x.size
    assert view.crop(9.0, 0.0, 0.1, 0.1).x.size == 0
