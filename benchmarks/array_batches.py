"""Training batches out of arrays in memory, where there is no TensorFlow."""

import keras
import numpy as np

from invariance_tf import networks, transforms
from invariance_tf.paradigm import categories
from invariance_tf.paradigm import model as models


def draw(labels, is_seen, num_draws, generator):
    """Draws training images by the law of `pipeline.training_batches`.

    A category uniformly, then one of its images uniformly, then, if the
    category is seen transformed, whether the image appears transformed, with
    probability 1/2. The numbers are others than TensorFlow's.

    Args:
        labels: Integer array of shape `(num_images,)`; every category has an
            image.
        is_seen: Boolean array of shape `(num_categories,)`.
        num_draws: Integer.
        generator: A `numpy.random.Generator`.

    Returns:
        Integer array of shape `(num_draws,)`, positions of images, and boolean
        array of that shape, whether they are transformed.
    """
    by_category = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=len(is_seen))
    category = generator.integers(len(counts), size=num_draws)
    among = generator.integers(counts[category])
    positions = by_category[(np.cumsum(counts) - counts)[category] + among]
    coin = generator.random(num_draws) < 0.5
    return positions, is_seen[category] & coin


class Batches(keras.utils.PyDataset):
    """Holds batches for Keras' `fit`, used like those of `tf.data`."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index % len(self.batches)]

    def as_numpy_iterator(self):
        """Yields the batches."""
        return iter(self.batches)

    def repeat(self):
        """Returns the batches, which Keras repeats by itself."""
        return self


def prepare(settings, steps):
    """Makes a network and batches of noise, by the default data set's sizes.

    What an image shows changes nothing in the time that a step takes.

    Args:
        settings: A `config.Experiment` on synthfaces.
        steps: Integer, number of batches.

    Returns:
        The untrained model, the resolved settings, and the `Batches`.
    """
    settings = settings.resolve()
    keras.utils.set_random_seed(settings.seed)
    model = models.build(
        networks.get(settings.network),
        transforms.get(settings.transform, **settings.transform_args),
        settings.image_size,
        settings.num_categories,
        weight_decay=settings.weight_decay,
    )
    is_seen = categories.seen_categories(
        settings.num_categories, settings.n_seen, settings.seed
    )
    generator = np.random.default_rng(settings.seed)
    labels = np.arange(settings.num_categories).repeat(settings.num_train)
    size = settings.image_size
    images = generator.integers(0, 256, (len(labels), size, size, 3), "uint8")
    shape = (steps, settings.batch_size)
    positions, flags = draw(labels, is_seen, np.prod(shape), generator)
    batches = [
        (
            {"image": images[index], "is_transformed": flag},
            labels[index].astype("int32"),
        )
        for index, flag in zip(
            positions.reshape(shape), flags.reshape(shape), strict=True
        )
    ]
    return model, settings, Batches(batches)
