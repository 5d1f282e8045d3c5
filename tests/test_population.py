"""Measures of layers: judged by mathematics and by other implementations."""

import dataclasses

import numpy as np
import pytest
from scipy import spatial, stats

from invariance_tf.measures import decoding, population

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 12))
Y = X + GENERATOR.normal(size=X.shape)
NOISE = GENERATOR.normal(size=X.shape)


def test_cka_is_that_of_its_definition():
    x, y = (each - each.mean(axis=0) for each in (X, Y))
    expected = np.linalg.norm(x.T @ y) ** 2
    expected /= np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    assert np.isclose(population.linear_cka(X, Y).value, expected)


def test_cka_does_not_change_with_rotation_scale_or_mean():
    rotation = stats.ortho_group.rvs(12, random_state=0)
    found = population.linear_cka(X, 3 * X @ rotation + 5)
    assert np.isclose(found.value, 1) and found.control < 0.5


def test_rsa_is_scipys_on_the_distances_of_correlation():
    expected = stats.spearmanr(
        *(spatial.distance.pdist(each, "correlation") for each in (X, Y))
    ).statistic
    found = population.rsa(X, Y)
    assert np.isclose(found.value, expected)
    assert abs(found.control) < 0.1 < found.low < found.value < found.high


@pytest.mark.parametrize("measure", [population.linear_cka, population.rsa])
def test_unrelated_responses_are_no_more_alike_than_their_control(measure):
    found = measure(X, NOISE)
    assert found.low < found.control < found.high


def test_the_interval_holds_the_value_of_the_distribution():
    """About 95 % of intervals do; far fewer would be a fault."""
    generator = np.random.default_rng(1)

    def draw(num_images):
        x = generator.normal(size=(num_images, 4))
        return x, x + generator.normal(size=x.shape)

    # |X'Y|^2 = 4, |X'X| = 2 and |Y'Y| = 4 for the covariances I, I and 2 I.
    held = [
        found.low <= 0.5 <= found.high
        for found in (population.linear_cka(*draw(100)) for _ in range(30))
    ]
    assert np.mean(held) > 0.8


def test_clusters_widen_the_interval_where_images_repeat():
    repeated = [np.repeat(each[:20], 3, axis=0) for each in (X, Y)]
    alone = population.linear_cka(*repeated)
    together = population.linear_cka(*repeated, np.repeat(np.arange(20), 3))
    assert together.high - together.low > 1.2 * (alone.high - alone.low)


def test_normalised_variance_is_the_quotient_of_two_mean_deviations():
    pairs = np.stack([X, Y])
    expected = pairs.std(axis=0, ddof=1).mean(axis=0)
    expected /= pairs.std(axis=1, ddof=1).mean(axis=0)
    found, control = population.normalized_variance(X, Y)
    np.testing.assert_allclose(found, expected)
    assert (control > found).mean() > 0.9


def test_normalised_variance_of_neurons_that_do_not_vary():
    constant, other = np.ones((5, 1)), np.zeros((5, 1))
    assert population.normalized_variance(constant, constant)[0] == 1
    assert population.normalized_variance(constant, other)[0] == np.inf


def test_goodfellows_score_of_invariant_neurons_is_one_over_the_rate():
    x = GENERATOR.normal(size=(200, 30))
    found = population.goodfellow_score(x, x, rate=0.05)
    assert np.isclose(found.value, 1 / 0.05)


def test_goodfellows_score_of_one_neuron_by_hand():
    original = np.arange(10.0)[:, None]
    transformed = original.copy()
    transformed[9] = 0  # Of the two images that excite it, one is left.
    found = population.goodfellow_score(
        original, -np.abs(transformed - 4), rate=0.2, share=1.0
    )
    # Sign -1: 0 and 1 fire; above the limit -2 are all but -1 and -0.
    assert np.isclose(found.value, 1.0 / 0.2)
    found = population.goodfellow_score(
        original, np.where(original > 8, 5.0, original), rate=0.2, share=1.0
    )
    assert np.isclose(found.value, 1.0 / 0.2)


def test_goodfellows_score_of_unrelated_firing_is_about_one():
    x, y = GENERATOR.normal(size=(2, 4000, 40))
    found = population.goodfellow_score(x, y, rate=0.1, share=1.0)
    # The better of two signs is a little above.
    assert 0.9 < found.value < 1.4
    assert found.low < found.control < found.high


def test_rectified_silence_does_not_count_as_firing():
    x = np.maximum(GENERATOR.normal(size=(100, 5)), 0)
    silent = np.zeros_like(x)
    found = population.goodfellow_score(x, silent, rate=0.05, share=1.0)
    assert found.value == 0


def test_neurons_that_fire_for_too_few_images_do_not_count():
    """No threshold lets them fire at the rate; one over it is the limit."""
    x = np.zeros((1000, 50))
    x[np.arange(50), np.arange(50)] = 1
    found = population.goodfellow_score(x, x, rate=0.01)
    assert np.isnan(found.value)
    x[:10] = 1 + GENERATOR.random((10, 50))
    found = population.goodfellow_score(x[:, :20], x[:, :20], rate=0.01)
    assert np.isclose(found.value, 1 / 0.01)


def test_ties_at_the_threshold_do_not_raise_goodfellows_score():
    x = np.arange(100.0)[:, None]
    x[85:95] = 90
    # Of the 10 that are to fire, 5 are above 90.
    found = population.goodfellow_score(x, x, rate=0.1, share=1.0)
    assert np.isclose(found.value, 1 / 0.1)


def test_a_shift_of_all_responses_can_be_decoded_and_nothing_cannot():
    found = decoding.decode_transformed(X, NOISE + 3)
    assert found.value == 1 and found.low > 0.9 and 0.3 < found.control < 0.7
    found = decoding.decode_transformed(X, NOISE)
    assert found.low < 0.5 < found.high


def test_decoding_does_not_profit_from_the_pair_of_an_image():
    """Both versions of an image are tested together."""
    same = decoding.decode_transformed(X, X)
    assert same.value <= 0.5


def test_categories_are_decoded_across_an_invariant_transformation():
    labels = np.repeat(np.arange(4), 15)
    x = NOISE + 6 * np.eye(12)[labels]
    original, transformed = decoding.decode_categories(x, x, labels)
    assert original == transformed
    assert original.value > 0.95 and original.control < 0.6
    moved = 6 * np.eye(12)[(labels + 1) % 4] + NOISE
    _, transformed = decoding.decode_categories(x, moved, labels)
    assert transformed.value < 0.05


def test_more_neurons_than_images_and_silent_ones_are_decoded_too():
    labels = np.repeat(["a", "b"], 10)
    x = GENERATOR.normal(size=(20, 400))
    x[:10] += 2
    x[:, 200:] = 0
    original, _ = decoding.decode_categories(x, x, labels)
    assert original.value == 1


@pytest.mark.parametrize(
    "measure",
    [
        population.linear_cka,
        population.rsa,
        population.median_variance,
        lambda *both: population.goodfellow_score(*both, rate=0.05),
        decoding.decode_transformed,
        lambda *both: decoding.decode_categories(
            *both, np.repeat(np.arange(4), 15)
        )[1],
    ],
)
def test_a_layer_may_be_read_from_a_disk_a_few_neurons_at_a_time(
    measure, monkeypatch, tmp_path
):
    at_once = measure(X, Y)
    monkeypatch.setattr(population, "_CHUNK", 5 * len(X))
    maps = []
    for name, values in (("x", X), ("y", Y)):
        values.tofile(tmp_path / name)
        maps.append(np.memmap(tmp_path / name, "float64", "r", 0, X.shape))
    np.testing.assert_allclose(
        dataclasses.astuple(measure(*maps)), dataclasses.astuple(at_once)
    )


def test_the_variance_of_a_layer_is_the_median_of_neurons_that_vary():
    constant = np.ones((60, 5))
    found = population.median_variance(
        *(np.concatenate([each, constant], axis=1) for each in (X, Y))
    )
    ratios, control = population.normalized_variance(X, Y)
    assert np.isclose(found.value, np.median(ratios))
    assert np.isclose(found.control, np.median(control), rtol=0.1)
    assert found.low < found.value < found.high < found.control
    assert np.isnan(population.median_variance(constant, constant).value)


@pytest.mark.parametrize(
    "measure, arguments, message",
    [
        (population.linear_cka, (X, Y[:5]), r"Received: shapes \(60, 12\)"),
        (population.rsa, (X[0], Y[0]), "must be two finite arrays"),
        (population.linear_cka, (X * np.nan, Y), "must be two finite arrays"),
        (population.linear_cka, (X, Y, [1, 2]), "`clusters` must have one"),
        (population.normalized_variance, (X, Y[:, :3]), "Received: shapes"),
        (population.goodfellow_score, (X, Y, 0.001), "from one image"),
        (decoding.decode_categories, (X, Y, [1]), "one label for each of 60"),
        (decoding.decode_categories, (X, Y, [1] * 60), "two categories"),
    ],
)
def test_a_mistake_is_answered_with_what_is_legal(measure, arguments, message):
    with pytest.raises(ValueError, match=message):
        measure(*arguments)
