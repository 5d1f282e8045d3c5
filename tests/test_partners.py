"""Random partners are uniform over the images of other categories."""

import numpy as np
import pytest

from invariance_tf.measures.partners import CAPACITY, RandomPartners


def draw_all(labels, group, num_groups, seed=0, block=64):
    """Draws partners block by block; returns their positions among all."""
    partners = RandomPartners(num_groups, seed)
    kept = np.full(partners.num_rows, -1)
    found = []
    for start in range(0, len(labels), block):
        images = np.arange(len(labels))[start : start + block]
        pool = np.concatenate([kept, images])
        drawn = partners.draw(labels[images], group[images])
        found.append(np.where(drawn < 0, -1, pool[drawn]))
        rows, positions = partners.keep(labels[images], group[images])
        kept[rows] = images[positions]
    return np.concatenate(found)


@pytest.fixture
def images():
    """Labels and groups of 3,000 images, the 100 categories taking turns."""
    labels = np.repeat(np.arange(100), 2)[np.arange(3000) % 200]
    return labels, (labels >= 10).astype(int)


def test_partners_are_of_the_same_group_and_another_category(images):
    labels, group = images
    found = draw_all(labels, group, 2)
    has_one = found >= 0
    assert has_one.mean() > 0.99
    assert (labels[found] != labels)[has_one].all()
    assert (group[found] == group)[has_one].all()


def test_partners_are_of_every_other_category_alike(images):
    labels, group = images
    distance = np.concatenate(
        [
            (labels[draw_all(labels, group, 2, seed)] - labels)[group == 0] % 10
            for seed in range(20)
        ]
    )
    counts = np.bincount(distance, minlength=10)
    assert counts[0] == 0
    expected = len(distance) / 9
    # Nine distances; five standard errors.
    assert (abs(counts[1:] - expected) < 5 * np.sqrt(expected)).all()


def test_partners_come_from_all_images_before(images):
    labels, group = images
    found = draw_all(labels, group, 2)
    late = (np.arange(3000) >= 2900) & (group == 1)
    # Half of all images, and so half of the partners; four standard errors.
    error = 0.5 / np.sqrt(late.sum())
    assert (found[late] < 1500).mean() == pytest.approx(0.5, abs=4 * error)


def test_the_seed_determines_the_draws(images):
    first, again, other = (draw_all(*images, 2, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


def test_a_group_of_one_category_has_no_partners():
    labels = np.array([0, 0, 1, 2])
    found = draw_all(labels, np.array([0, 0, 1, 1]), 2)
    assert found[:2].tolist() == [-1, -1] and set(found[2:]) == {2, 3}


def test_a_sample_holds_former_images_with_equal_chances():
    held = np.zeros(200)
    for seed in range(300):
        partners = RandomPartners(1, seed)
        kept = np.full(CAPACITY, -1)
        for start in range(0, 200, 50):
            block = np.arange(start, start + 50)
            rows, positions = partners.keep(block, np.zeros(50, int))
            kept[rows] = block[positions]
        held[kept] += 1
    expected = 300 * CAPACITY / 200
    assert abs(held - expected).max() < 5 * np.sqrt(expected)
