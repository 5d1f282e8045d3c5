"""Which categories are seen transformed."""

import numpy as np
import pytest

from invariance_tf.paradigm.categories import seen_categories


@pytest.mark.parametrize("seed", range(5))
def test_a_larger_set_contains_every_smaller_one(seed):
    sets = [seen_categories(30, n_seen, seed) for n_seen in range(31)]
    assert [is_seen.sum() for is_seen in sets] == list(range(31))
    for smaller, larger in zip(sets, sets[1:], strict=False):
        assert larger[smaller].all()


def test_every_category_is_seen_about_equally_often_over_seeds():
    counts = sum(seen_categories(20, 5, seed) for seed in range(400))
    # Each count is binomial(400, 1/4); 5 standard deviations are 43.
    assert np.abs(counts - 100).max() < 43


def test_the_same_seed_draws_the_same_set():
    first, second, other = (seen_categories(50, 25, s) for s in (7, 7, 8))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n_seen", [-1, 11, 2.5, 3.0, "all"])
def test_a_set_beyond_the_categories_is_refused(n_seen):
    with pytest.raises(ValueError, match=f"from 0 to 10.*n_seen={n_seen}"):
        seen_categories(10, n_seen, seed=0)
