"""Intervals by the bootstrap: those of SciPy, and what SciPy cannot do."""

import numpy as np
import pytest
import scipy.stats

from invariance_tf.measures.intervals import bootstrap, correlate, wilson

RANDOM = np.random.default_rng(7)


def interval_by_scipy(samples, statistic, **options):
    """Returns SciPy's interval, of the same draws."""
    options["random_state"] = np.random.default_rng(options.pop("seed", 0))
    return scipy.stats.bootstrap(
        samples, statistic, n_resamples=2000, method="percentile", **options
    ).confidence_interval


@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_are_scipys(statistic, level):
    values = RANDOM.gamma(2, size=25)
    expected = interval_by_scipy((values,), statistic, confidence_level=level)
    found = bootstrap(values, statistic, level=level)
    assert found == pytest.approx([*expected], rel=1e-12)


def test_intervals_of_correlations_are_scipys():
    x = RANDOM.normal(size=40)
    y = x + RANDOM.normal(size=40)

    def pearson(x, y, axis):
        return scipy.stats.pearsonr(x, y, axis=axis).statistic

    expected = interval_by_scipy((x, y), pearson, paired=True)
    correlation, *found = correlate(x, y)
    assert correlation == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found == pytest.approx([*expected], rel=1e-12)


def test_clusters_are_resampled_together():
    # Three clusters: the 27 equally likely draws can be counted.
    x = np.array([0.0, 1.0, 2.0, 4.0, 1.0, 3.0, 5.0])
    y = np.array([1.0, 0.0, 2.0, 3.0, 2.0, 5.0, 3.0])
    clusters = np.array(["a", "a", "b", "b", "c", "c", "c"])
    draws = [(i, j, k) for i in "abc" for j in "abc" for k in "abc"]
    found = []
    for draw in draws:
        rows = np.concatenate([np.flatnonzero(clusters == c) for c in draw])
        found.append(np.corrcoef(x[rows], y[rows])[0, 1])
    _, low, high = correlate(x, y, clusters, level=0.5, num_resamples=50_000)
    assert low == pytest.approx(np.quantile(found, 0.25, method="lower"))
    assert high == pytest.approx(np.quantile(found, 0.75, method="higher"))


def test_resamples_without_a_correlation_are_left_out():
    # One draw in nine is three times the same point.
    _, low, high = correlate([0, 1, 2], [0, 2, 1])
    assert (low, high) == pytest.approx((-1, 1))


@pytest.mark.parametrize("num_correct, num_images", [(0, 1), (33, 100), (7, 7)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilsons_interval_is_that_of_scipy(num_correct, num_images, level):
    test = scipy.stats.binomtest(num_correct, num_images)
    expected = test.proportion_ci(level, method="wilson")
    found = wilson(num_correct, num_images, level)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found[0] < found[1] <= 1


@pytest.mark.parametrize("num_values", [2, 3])
def test_two_or_three_values_give_their_range(num_values):
    values = [0.3, 0.1, 0.2][:num_values]
    assert bootstrap(values) == pytest.approx((0.1, 0.3))


def test_missing_values_are_left_out():
    whole = RANDOM.normal(size=9)
    assert bootstrap([*whole[:4], np.nan, *whole[4:]]) == bootstrap(whole)
    x, y = RANDOM.normal(size=(2, 9))
    assert correlate([*x, np.nan, 1], [*y, 1, np.nan]) == correlate(x, y)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan]])
def test_fewer_than_two_values_have_no_interval(values):
    assert np.isnan(bootstrap(values)).all()


def test_the_seed_decides_and_memory_does_not(monkeypatch):
    values = RANDOM.normal(size=30)
    expected = bootstrap(values, seed=3)
    assert expected != bootstrap(values, seed=4)
    monkeypatch.setattr("invariance_tf.measures.intervals._BLOCK", 300)
    assert bootstrap(values, seed=3) == expected


def test_a_constant_has_no_correlation():
    assert np.isnan(correlate([1, 2, 3], [0.1, 0.1, 0.1])).all()
    assert np.isnan(correlate([np.nan], [1.0])).all()
