"""Whether neurons form clusters by what they are invariant to.

The paper asks how invariance develops if there are several transformations,
and whether neurons would form clusters (section 4).
"""

import dataclasses

import numpy as np
from scipy import stats
from scipy.cluster import hierarchy

# A tree of more neurons takes long, and a figure cannot show them.
MOST_NEURONS = 500
MOST_CLUSTERS = 8

_NUM_SURROGATES = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """Holds what `cluster_neurons` found.

    Attributes:
        order: Integer array, the rows that were used, in the order of the
            tree's leaves.
        labels: Integer array, the cluster of each neuron of `order`, from 0.
        explained: Float array of shape `(MOST_CLUSTERS,)`: the share of the
            variance that is between 1, 2, ... clusters.
        surrogates: Dictionary from `"shuffled"` and `"correlated"` to float
            arrays of shape `(num_surrogates, MOST_CLUSTERS)`: the same of
            neurons that were made up.
    """

    order: np.ndarray
    labels: np.ndarray
    explained: np.ndarray
    surrogates: dict

    @property
    def num_clusters(self):
        """The number of clusters; 1 means that there are none."""
        return int(self.labels.max()) + 1

    def rows(self):
        """Returns a dictionary for each number of clusters, for a table."""
        return [
            {
                "num_neurons": len(self.order),
                "num_clusters": number + 1,
                "is_chosen": number + 1 == self.num_clusters,
                "explained": float(self.explained[number]),
                **{
                    f"{name}_{word}": float(of_many(values[:, number]))
                    for name, values in self.surrogates.items()
                    for word, of_many in (("mean", np.mean), ("std", np.std))
                },
            }
            for number in range(MOST_CLUSTERS)
        ]


def cluster_neurons(values, seed=0):
    r"""Clusters neurons by their invariance to several transformations.

    Ward's tree joins the neurons whose coefficients are near. With $k$
    clusters the share of the variance that is between them is

    $$ 1 - W_k / W_1, \quad W_k = \sum_{c=1}^k \sum_{i \in c}
    \lVert v_i - \bar v_c \rVert^2. $$

    Any neurons can be divided, so it is compared with that of neurons that are
    made up. *Shuffled*: each transformation has the same coefficients, given to
    random neurons; more clustered than these are neurons whose invariance to
    one transformation tells something of that to another. *Correlated*: the
    ranks of the coefficients also correlate as they do (by a Gaussian copula);
    more clustered than these are neurons that form groups, rather than a
    continuum from less to more invariant ones.

    The number of clusters is chosen by the gap statistic (Tibshirani et al.,
    2001) against correlated neurons: the first $k$ whose gap, the mean of
    $\log W_k$ of those minus that of the neurons, is at most two standard
    deviations below that of $k + 1$. So 1 means that no clusters are seen. A
    continuum with sharp ends is still taken for two clusters at times.

    Args:
        values: Float array of shape `(num_neurons, num_transforms)`, such as
            invariance coefficients. Neurons with nan, which some
            transformation leaves silent, are left out; of more than
            `MOST_NEURONS` a random sample is used.
        seed: Integer >= 0, determines sample and made-up neurons.

    Returns:
        A `Clusters`.

    Raises:
        ValueError: If there are fewer than two transformations, or fewer than
            `MOST_CLUSTERS + 1` neurons.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> centres = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5]])
    >>> values = np.repeat(centres, 40, axis=0) + rng.normal(0, 0.03, (120, 2))
    >>> found = cluster_neurons(values)
    >>> found.num_clusters
    3
    """
    values = np.asarray(values, "float64")
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(
            "Neurons are clustered by their invariance to at least two "
            "transformations: an array (num_neurons, num_transforms). "
            f"Received: shape={values.shape}"
        )
    generator = np.random.default_rng([seed, 4])
    neurons = np.flatnonzero(np.isfinite(values).all(axis=1))
    if len(neurons) <= MOST_CLUSTERS:
        raise ValueError(
            f"Clusters need more than {MOST_CLUSTERS} neurons that are active "
            f"under every transformation. Received: {len(neurons)}"
        )
    if len(neurons) > MOST_NEURONS:
        neurons = np.sort(
            generator.choice(neurons, MOST_NEURONS, replace=False)
        )
    values = values[neurons]
    tree = hierarchy.ward(values)
    explained = _explain(tree)
    surrogates = {}
    correlations = {
        "shuffled": np.eye(values.shape[1]),
        "correlated": _correlate_ranks(values),
    }
    for name, correlation in correlations.items():
        surrogates[name] = np.array(
            [
                _explain(hierarchy.ward(made_up))
                for made_up in _make_up(values, correlation, generator)
            ]
        )
    num_clusters = _choose_number(explained, surrogates["correlated"])
    leaves = hierarchy.leaves_list(tree)
    labels = hierarchy.cut_tree(tree, num_clusters)[leaves, 0]
    return Clusters(neurons[leaves], labels, explained, surrogates)


def _choose_number(explained, made_up):
    """Chooses the number of clusters by the gap statistic."""
    # Of equal neurons nothing is left.
    of_neurons, of_made_up = (
        np.log(np.maximum(1 - each, 1e-12)) for each in (explained, made_up)
    )
    gap = of_made_up.mean(axis=0) - of_neurons
    spread = of_made_up.std(axis=0) * np.sqrt(1 + 1 / len(made_up))
    is_enough = gap[:-1] >= gap[1:] - 2 * spread[1:]
    return 1 + int(np.argmax([*is_enough, True]))


def _explain(tree):
    """Returns the share of variance between 1 to `MOST_CLUSTERS` clusters."""
    # Each join of Ward's tree adds half of its squared height to the variance
    # within; the last one leaves one cluster.
    within = np.cumsum(tree[:, 2] ** 2 / 2)[::-1]
    if within[0] == 0:
        return np.zeros(MOST_CLUSTERS)  # All neurons are equal.
    return 1 - within[:MOST_CLUSTERS] / within[0]


def _correlate_ranks(values):
    """Returns the correlations of the normal scores of each column."""
    ranks = stats.rankdata(values, axis=0)
    scores = stats.norm.ppf(ranks / (len(values) + 1))
    is_varied = scores.std(axis=0) > 0
    correlation = np.eye(values.shape[1])
    varied = np.ix_(is_varied, is_varied)
    if is_varied.any():
        correlation[varied] = np.corrcoef(scores[:, is_varied], rowvar=False)
    return correlation


def _make_up(values, correlation, generator):
    """Yields made-up neurons: the values of each column in another order."""
    ordered = np.sort(values, axis=0)
    for _ in range(_NUM_SURROGATES):
        scores = generator.multivariate_normal(
            np.zeros(len(correlation)), correlation, len(values), method="eigh"
        )
        order = scores.argsort(axis=0).argsort(axis=0)
        yield np.take_along_axis(ordered, order, axis=0)
