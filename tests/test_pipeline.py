"""The paradigm of section 2.1, as statistics of the real pipeline."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest
from scipy import stats

from invariance_tf.paradigm import pipeline

NUM_IMAGES = np.array([3, 30, 7, 60])
LABELS = np.repeat(np.arange(4), NUM_IMAGES)
IS_SEEN = np.array([True, False, True, False])
# Each image is filled with its own position.
IMAGES = np.tile(
    np.arange(100, dtype="uint8")[:, None, None, None], (1, 2, 2, 3)
)


def draw(num_draws, batch_size=100, seed=1, **options):
    """Returns positions, flags and labels of the first training draws."""
    batches = pipeline.training_batches(
        IMAGES, LABELS, IS_SEEN, batch_size=batch_size, seed=seed, **options
    )
    batches = itertools.islice(batches, num_draws // batch_size)
    position, flag, label = [], [], []
    for inputs, labels in batches:
        position.append(inputs["image"].numpy()[:, 0, 0, 0])
        flag.append(inputs["is_transformed"].numpy())
        label.append(labels.numpy())
    return map(np.concatenate, (position, flag, label))


@pytest.fixture(scope="module")
def drawn():
    return [*draw(20_000)]


def is_plausible(count, num_draws, rate):
    """Tells whether a binomial count is within exact bounds of 1e-6."""
    return stats.binomtest(int(count), num_draws, rate).pvalue > 1e-6


def test_categories_are_drawn_uniformly_however_many_images_they_have(drawn):
    _, _, label = drawn
    for category in range(4):
        assert is_plausible((label == category).sum(), 20_000, 1 / 4)


def test_images_of_a_category_are_drawn_uniformly(drawn):
    position, _, label = drawn
    for category, num_images in enumerate(NUM_IMAGES):
        of_category = position[label == category]
        for image in np.flatnonzero(LABELS == category):
            count = (of_category == image).sum()
            assert is_plausible(count, len(of_category), 1 / num_images)


def test_an_image_comes_with_its_label(drawn):
    position, _, label = drawn
    assert np.array_equal(LABELS[position], label)


def test_unseen_categories_are_never_transformed_in_10000_draws(drawn):
    _, flag, label = drawn
    assert (~IS_SEEN[label]).sum() > 9_000
    assert not flag[~IS_SEEN[label]].any()


def test_images_of_seen_categories_are_transformed_half_of_the_time(drawn):
    position, flag, label = drawn
    seen = IS_SEEN[label]
    assert is_plausible(flag[seen].sum(), int(seen.sum()), 1 / 2)
    # Also each single image, and also depending on the draw before.
    for image in np.unique(position[seen]):
        of_image = flag[position == image]
        assert is_plausible(of_image.sum(), len(of_image), 1 / 2)
    equal = (flag[seen][1:] == flag[seen][:-1]).sum()
    assert is_plausible(equal, int(seen.sum()) - 1, 1 / 2)


def test_sampling_images_draws_every_image_equally_often():
    position, _, _ = draw(20_000, sampling="images")
    for image in range(100):
        assert is_plausible((position == image).sum(), 20_000, 1 / 100)


def test_an_epoch_has_as_many_draws_as_there_are_training_images():
    batches = pipeline.training_batches(
        IMAGES, LABELS, IS_SEEN, batch_size=32, seed=0
    )
    sizes = [len(label) for _, label in itertools.islice(batches, 8)]
    assert sizes == [32, 32, 32, 4, 32, 32, 32, 4]


def test_only_the_subset_is_drawn():
    subset = np.array([0, 2, 5, 35, 99])
    position, _, _ = draw(500, subset=subset)
    assert set(position) == set(subset)


def test_the_same_seed_gives_the_same_batches_and_another_one_does_not():
    first, again, other = (
        np.concatenate([*draw(500, seed=seed)]) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_later_first_epoch_continues_where_the_earlier_ones_end():
    whole = [values[200:400] for values in draw(400)]
    resumed = [*draw(200, first_epoch=2)]
    for expected, received in zip(whole, resumed, strict=True):
        assert np.array_equal(expected, received)


def test_the_draws_do_not_depend_on_the_batch_size():
    small = [*draw(100, batch_size=25)]
    large = [*draw(100, batch_size=100)]
    for expected, received in zip(small, large, strict=True):
        assert np.array_equal(expected, received)


def test_epochs_differ():
    position, _, _ = draw(200)
    assert not np.array_equal(position[:100], position[100:])


@pytest.mark.parametrize("options", [{}, {"sampling": "images"}])
def test_without_tensorflow_the_batches_are_the_same(options, monkeypatch):
    # Of the last batch of the first epoch, and of the first of the next one.
    expected = [values[64:132] for values in draw(160, 32, **options)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    batches = pipeline.training_batches(
        IMAGES, LABELS, IS_SEEN, batch_size=32, seed=1, **options
    )
    assert isinstance(batches, keras.utils.PyDataset)
    received = [batches[number] for number in (2, 3, 4)]
    for values, names in zip(
        expected, ("image", "is_transformed", None), strict=True
    ):
        found = np.concatenate(
            [inputs[names] if names else label for inputs, label in received]
        )
        if names == "image":
            found = found[:, 0, 0, 0]
        assert np.array_equal(values, found)


def test_a_category_without_training_images_is_refused():
    with pytest.raises(ValueError, match="no image of category 1"):
        pipeline.training_batches(
            IMAGES,
            LABELS,
            IS_SEEN,
            batch_size=4,
            seed=0,
            subset=np.flatnonzero(LABELS != 1),
        )


def test_images_are_read_from_a_memory_map(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    batches = pipeline.training_batches(
        images, LABELS, IS_SEEN, batch_size=25, seed=1
    )
    inputs, _ = next(iter(batches))
    expected, _, _ = draw(25, batch_size=25)
    assert np.array_equal(inputs["image"].numpy()[:, 0, 0, 0], expected)
