import numpy as np
import pytest
import scipy.stats

from invariance_tf.measures.intervals import bootstrap, correlate

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_agree_with_scipy(statistic, level):
    values = RANDOM.gamma(2, size=25)
    expected = scipy.stats.bootstrap(
        (values,),
        statistic,
        n_resamples=20_000,
        confidence_level=level,
        method="percentile",
        random_state=1,
    ).confidence_interval
    found = bootstrap(values, statistic, num_resamples=20_000, level=level)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_intervals_of_correlations_agree_with_scipy():
    x = RANDOM.normal(size=40)
    y = x + RANDOM.normal(size=40)
    expected = scipy.stats.bootstrap(
        (x, y),
        lambda x, y: scipy.stats.pearsonr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=4000,
        method="percentile",
        random_state=1,
    ).confidence_interval
    correlation, *found = correlate(x, y, num_resamples=20_000)
    assert correlation == pytest.approx(np.corrcoef(x, y)[0, 1])
    np.testing.assert_allclose(found, expected, atol=0.02)


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
