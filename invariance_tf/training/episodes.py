"""Prototypical networks (Snell et al., 2017): training by episodes.

An episode has a few categories. The mean over the features of some of their
images, the support, is a category's prototype; the other images, the queries,
are to be nearer to the prototype of their category than to the others.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

# Most categories of an episode.
_WAYS = 8


@dataclasses.dataclass(frozen=True)
class Episode:
    """Describes the batches of a training by episodes.

    Images come category after category, the support of each first.

    Attributes:
        ways: Integer, categories of an episode.
        per_category: Integer, images of each.
        num_support: Integer, how many of these are its support.
    """

    ways: int
    per_category: int
    num_support: int

    @property
    def num_images(self):
        """Returns the number of images of an episode."""
        return self.ways * self.per_category


def make_episode(num_categories, batch_size):
    """Returns the `Episode` that fills a batch.

    Args:
        num_categories: Integer, categories to draw from.
        batch_size: Integer, the most images of an episode.

    Raises:
        ValueError: If the batch is too small.

    Example:

    >>> make_episode(num_categories=20, batch_size=32)
    Episode(ways=8, per_category=4, num_support=2)
    """
    ways = min(_WAYS, num_categories)
    per_category = batch_size // ways
    if per_category < 2:
        raise ValueError(
            f"An episode of {ways} categories needs a `batch_size` of at least "
            f"{2 * ways}. Received: batch_size={batch_size}"
        )
    return Episode(ways, per_category, per_category // 2)


def query_logits(features, episode):
    """Computes how near each query of an episode is to each prototype.

    With f the features of a query, c a prototype and d the number of features,
    a logit is `-|f - c|^2 / d`. (Snell et al. do not divide; then the first
    gradients grow with d.)

    Args:
        features: Tensor of shape `(num_images, d)`.
        episode: An `Episode`.

    Returns:
        Tensor of shape `(num_queries, ways)`, category after category.
    """
    d = features.shape[-1]
    shape = episode.ways, episode.per_category, d
    by_category = ops.reshape(ops.cast(features, "float32"), shape)
    prototypes = ops.mean(by_category[:, : episode.num_support], axis=1)
    queries = ops.reshape(by_category[:, episode.num_support :], (-1, 1, d))
    return -ops.mean(ops.square(queries - prototypes), axis=-1)


class EpisodeLoss(keras.losses.SparseCategoricalCrossentropy):
    """The cross-entropy of the queries of an episode.

    Args:
        episode: An `Episode`.

    Call arguments:
        y_true: Labels; not used, an image's place tells its category.
        y_pred: Tensor of features of shape `(num_images, d)`.
    """

    def __init__(self, episode):
        super().__init__(from_logits=True)
        self.episode = episode

    def call(self, y_true, y_pred):
        logits = query_logits(y_pred, self.episode)
        return super().call(_query_labels(self.episode), logits)


def make_metrics(episode):
    """Returns the metrics accuracy and cross_entropy of episodes."""
    labels = _query_labels(episode)

    def accuracy(_, features):
        logits = query_logits(features, episode)
        return ops.cast(ops.argmax(logits, axis=-1) == labels, "float32")

    def cross_entropy(_, features):
        logits = query_logits(features, episode)
        return keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )

    return [
        keras.metrics.MeanMetricWrapper(function, name=function.__name__)
        for function in (accuracy, cross_entropy)
    ]


def _query_labels(episode):
    """Returns the place of each query's category in the episode."""
    num_queries = episode.per_category - episode.num_support
    return np.repeat(np.arange(episode.ways), num_queries)


def features_model(model):
    """Returns the part of a model that ends in its last layer's inputs.

    Args:
        model: A model made by `model.build`.
    """
    features = keras.Model(model.inputs, model.layers[-1].input)
    features.jit_compile = model.jit_compile
    return features


def set_prototypes(head, features, labels):
    """Makes a dense layer classify by the nearest prototype.

    `|f - c|^2 = |f|^2 - (2 f c - |c|^2)`: the nearest prototype c has the
    largest `f w + b` with `w = 2 c` and `b = -|c|^2`.

    Args:
        head: A `keras.layers.Dense` with a bias.
        features: Array of shape `(num_images, d)`.
        labels: Integer array of shape `(num_images,)`, in which every category
            occurs.
    """
    num_categories = head.bias.shape[0]
    prototypes = np.stack(
        [features[labels == label].mean(0) for label in range(num_categories)]
    ).astype("float64")
    # Divided as in `query_logits`: the logits of softmax stay moderate.
    scale = 1 / features.shape[1]
    head.kernel.assign((2 * scale * prototypes.T).astype("float32"))
    head.bias.assign((-scale * (prototypes**2).sum(1)).astype("float32"))
