"""Clusters of neurons by what they are invariant to."""

import numpy as np
import pytest
from scipy.cluster import hierarchy

from invariance_tf.measures import clusters
from invariance_tf.measures.clusters import cluster_neurons


def blobs(seed, centres, size=50, spread=0.05):
    generator = np.random.default_rng(seed)
    values = np.repeat(np.array(centres), size, axis=0)
    return values + generator.normal(0, spread, values.shape)


CORNERS = [[0.1, 0.1, 0.9], [0.9, 0.1, 0.1], [0.1, 0.9, 0.5], [0.9, 0.9, 0.9]]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_clusters_that_are_there_are_found(number):
    found = cluster_neurons(blobs(number, CORNERS[:number]))
    assert found.num_clusters == number
    truth = found.order // 50
    pairs = {*zip(found.labels.tolist(), truth.tolist(), strict=True)}
    assert len(pairs) == number


def test_a_continuum_has_no_clusters_though_its_neurons_are_related():
    numbers = []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        common = generator.normal(size=(200, 1))
        values = common + generator.normal(0, 0.6, (200, 3))
        found = cluster_neurons(values, seed=seed)
        numbers.append(found.num_clusters)
        shuffled = found.surrogates["shuffled"][:, 1]
        assert found.explained[1] > shuffled.max()
    assert np.sum(np.array(numbers) == 1) >= 9


def test_the_variance_between_clusters_is_that_of_their_means():
    values = np.random.default_rng(0).random((40, 3))
    found = cluster_neurons(values)
    tree = hierarchy.ward(values)
    total = ((values - values.mean(0)) ** 2).sum()
    for number, explained in enumerate(found.explained, 1):
        labels = hierarchy.fcluster(tree, number, "maxclust")
        within = sum(
            (
                (values[labels == label] - values[labels == label].mean(0)) ** 2
            ).sum()
            for label in np.unique(labels)
        )
        assert explained == pytest.approx(1 - within / total, abs=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_made_up_neurons_keep_each_transformation_and_its_relation(correlation):
    values = np.random.default_rng(0).random((2_000, 2)) ** 3
    matrix = np.array([[1, correlation], [correlation, 1]])
    generator = np.random.default_rng(1)
    made_up = next(clusters._make_up(values, matrix, generator))
    np.testing.assert_array_equal(np.sort(made_up, 0), np.sort(values, 0))
    found = clusters._correlate_ranks(made_up)[0, 1]
    assert found == pytest.approx(correlation, abs=0.07)


def test_silent_neurons_are_left_out_and_many_are_sampled():
    values = np.random.default_rng(0).random((1_000, 2))
    values[::2, 1] = np.nan
    found = cluster_neurons(values[:100])
    assert sorted(found.order) == [*range(1, 100, 2)]
    found = cluster_neurons(np.tile(values[1::2], (2, 1)))
    assert len({*found.order}) == clusters.MOST_NEURONS


@pytest.mark.slow
def test_the_same_seed_finds_the_same():
    values = np.random.default_rng(0).random((700, 3))
    first, again, other = (cluster_neurons(values, seed=s) for s in (1, 1, 2))
    assert first.rows() == again.rows()
    assert first.rows() != other.rows()


def test_equal_neurons_are_no_clusters():
    found = cluster_neurons(np.full((30, 2), 0.5))
    assert found.num_clusters == 1
    assert not found.explained.any()


@pytest.mark.parametrize(
    "values, message",
    [
        (np.ones((30, 1)), "at least two transformations"),
        (np.ones(30), "at least two transformations"),
        (np.ones((8, 2)), "more than 8 neurons"),
        (np.full((30, 2), np.nan), "Received: 0"),
    ],
)
def test_what_cannot_be_clustered_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        cluster_neurons(values)
