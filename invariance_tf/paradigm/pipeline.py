"""Training batches: which images, in which order, transformed or not.

Every draw is a function of only the seed, the epoch and the position in the
epoch. So the same seed gives the same batches on any machine, with any backend,
whenever a training is resumed.

TensorFlow is imported only where it is needed: Keras on JAX trains without it.
"""

import functools
import importlib.util

import keras
import numpy as np

from invariance_tf.paradigm import chance


def training_batches(
    images,
    labels,
    is_seen,
    *,
    batch_size,
    seed,
    first_epoch=0,
    sampling="categories",
    subset=None,
    categories=None,
):
    """Draws training batches endlessly, epoch after epoch (section 2.1).

    Every presentation draws a category uniformly, then one of its images
    uniformly, then, if the category is seen transformed, whether the image
    appears transformed, with probability 1/2. An epoch has as many draws as
    there are training images; its last batch may be smaller.

    Args:
        images: uint8 array or memory map with shape
            `(num_images, height, width, 3)`, or `datasets.RecordImages`,
            which are decoded and randomly cropped when they are drawn.
        labels: Integer array of shape `(num_images,)`.
        is_seen: Boolean array of shape `(num_categories,)`: which categories
            are seen transformed. For several transformations, of shape
            `(num_transforms, num_categories)`: half of the images of a category
            that is seen with any are transformed, by any of those.
        batch_size: Integer, images per batch.
        seed: Integer >= 0.
        first_epoch: Integer, the epoch to start with.
        sampling: `"categories"` as above, or `"images"`: uniformly over
            images, so that large categories appear more often.
        subset: Integer array, positions of the training images in `images`;
            `None` means all.
        categories: Boolean array of shape `(num_categories,)`: those to draw
            from; `None` means all.

    Returns:
        A `tf.data.Dataset` of `({"image", "is_transformed"}, label)` batches;
        where TensorFlow is not installed, a `keras.utils.PyDataset` of equal
        ones. For several transformations, `is_transformed` is the number of
        the image's version, 0 for the original.

    Raises:
        ValueError: If a category has no training image.
    """
    subset = np.arange(len(labels)) if subset is None else subset
    if categories is None:
        categories = np.ones(is_seen.shape[-1], bool)
    by_category, starts, counts = _group(subset, labels, categories)

    size = len(by_category)

    def draw(epoch):
        # In float64: the 2^23 numbers of float32 would make a million images
        # unequally likely.
        chances = chance.uniform((seed, epoch), (3, size))
        if sampling == "images":
            position = (chances[0] * size).astype("int64")
        else:
            category = (chances[0] * len(counts)).astype("int64")
            position = (chances[1] * counts[category]).astype("int64")
            position += starts[category]
        return by_category[position], chances[2]

    return _batches(
        draw, images, labels, is_seen, (seed, first_epoch), size, batch_size
    )


def episode_batches(
    images,
    labels,
    is_seen,
    episode,
    *,
    num_episodes,
    seed,
    first_epoch=0,
    subset=None,
):
    """Draws episodes of seen categories endlessly, epoch after epoch.

    Every episode draws distinct categories, and for each of them images that
    are distinct where there are enough. The support is never transformed; each
    query is, with probability 1/2.

    Args:
        images: As for `training_batches`.
        labels: As for `training_batches`.
        is_seen: As for `training_batches`; the categories to draw from are
            those that are seen transformed.
        episode: An `episodes.Episode`.
        num_episodes: Integer, episodes of an epoch.
        seed: Integer >= 0.
        first_epoch: Integer, the epoch to start with.
        subset: As for `training_batches`.

    Returns:
        Batches as of `training_batches`, each of them an episode.
    """
    subset = np.arange(len(labels)) if subset is None else subset
    is_drawn = is_seen.reshape(-1, is_seen.shape[-1]).any(axis=0)
    by_category, starts, counts = _group(subset, labels, is_drawn)
    rank = np.repeat(np.arange(len(counts)), counts).astype(float)
    ways, per_category = episode.ways, episode.per_category
    size = num_episodes * episode.num_images

    def draw(epoch):
        def chances(number, *shape):
            return chance.uniform(chance.fold((seed, epoch), number), shape)

        # Shuffled within each category: neighbours are a random draw of it.
        order = np.argsort(rank + chances(2, len(rank)))
        # The first of each episode's random order of all categories.
        categories = np.argsort(chances(3, num_episodes, len(counts)), axis=1)
        category = categories[:, :ways].reshape(-1, 1)
        among = counts[category]
        first = (chances(4, len(category), 1) * among).astype("int64")
        place = np.arange(per_category)
        position = starts[category] + (first + place) % among
        index = by_category[order[position]].ravel()
        is_query = np.broadcast_to(place >= episode.num_support, position.shape)
        # Support: with a chance of 1 no image is transformed.
        return index, np.where(is_query.ravel(), chances(5, size), 1)

    return _batches(
        draw,
        images,
        labels,
        is_seen,
        (seed, first_epoch),
        size,
        episode.num_images,
    )


def _draw_versions(is_seen, label, chances):
    """Draws which images are transformed, or which version of each is drawn.

    Args:
        is_seen: As for `training_batches`.
        label: Integer array of shape `(num_images,)`.
        chances: Float array of that shape, uniform from 0 to below 1.

    Returns:
        Boolean array of that shape, or integers for several transformations.
    """
    if is_seen.ndim == 1:
        return is_seen[label] & (chances < 0.5)
    # For each category the numbers of its transformations, and then 0.
    numbers = np.zeros(is_seen.shape[::-1], "int32")
    count = is_seen.sum(axis=0)
    for category, of_category in enumerate(is_seen.T):
        numbers[category, : count[category]] = 1 + np.flatnonzero(of_category)
    numbers = np.pad(numbers, ((0, 0), (0, len(is_seen) + 1)))
    place = (2 * count[label] * chances).astype("int64")
    return numbers[label, place]


def _group(subset, labels, categories):
    """Groups images by category.

    Args:
        subset: Integer array, positions of images.
        labels: Integer array, the category of every image.
        categories: Boolean array, those to keep.

    Returns:
        Integer array of positions, category after category; and for each
        category that is kept where it starts there, and its size.

    Raises:
        ValueError: If a category that is kept has no image.
    """
    kept = np.flatnonzero(categories)
    subset = subset[categories[labels[subset]]]
    counts = np.bincount(labels[subset], minlength=len(categories))[kept]
    if not counts.all():
        raise ValueError(
            "Every category needs at least one training image. "
            f"Received: no image of category {kept[np.argmin(counts)]}"
        )
    order = np.argsort(labels[subset], kind="stable")
    return subset[order], np.cumsum(counts) - counts, counts


def _batches(draw, images, labels, is_seen, start, size, batch_size):
    """Turns draws into batches without end.

    Args:
        draw: Function from an epoch to the positions of its images, and a
            chance for each of them (see `_draw_versions`).
        images: As for `training_batches`.
        labels: As for `training_batches`.
        is_seen: As for `training_batches`.
        start: Tuple of the seed and the first epoch.
        size: Integer, images of an epoch.
        batch_size: Integer, images per batch.

    Returns:
        What `training_batches` returns.
    """
    seed, first_epoch = start

    def draw_epoch(epoch):
        index, chances = draw(epoch)
        label = labels[index].astype("int32")
        is_transformed = _draw_versions(is_seen, label, chances)
        # Seeds of random crops, independent of all other draws.
        key = chance.fold((seed, epoch), 1)
        return index, chance.integers(key, (size, 2)), is_transformed, label

    if importlib.util.find_spec("tensorflow") is None:
        return _Batches(draw_epoch, images, first_epoch, size, batch_size)
    import tensorflow as tf

    dtypes = tf.int64, tf.int32, tf.bool, tf.int32
    if is_seen.ndim > 1:
        dtypes = tf.int64, tf.int32, tf.int32, tf.int32
    shapes = (size,), (size, 2), (size,), (size,)

    def draw_tensors(epoch):
        draws = tf.numpy_function(draw_epoch, [epoch], dtypes, stateful=False)
        draws = tuple(map(tf.ensure_shape, draws, shapes))
        return tf.data.Dataset.from_tensor_slices(draws).batch(batch_size)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return _with_images(epochs.flat_map(draw_tensors), images)


def _with_images(draws, images):
    """Turns batches of (index, seed, flag, label) into model inputs."""
    import tensorflow as tf

    def look_up(index, crop_seed, is_transformed, label):
        image = _read_images(images, index, crop_seed)
        image = tf.ensure_shape(image, (None, *images.shape[1:]))
        return {"image": image, "is_transformed": is_transformed}, label

    is_decoded = not hasattr(images, "draw")
    if not is_decoded:
        batches = draws.map(look_up, num_parallel_calls=tf.data.AUTOTUNE)
        return batches.prefetch(tf.data.AUTOTUNE)
    # There is nothing to tune, and the end of a training would wait for the
    # thread that tunes: seconds, on a busy machine half a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = draws.map(look_up, num_parallel_calls=2).prefetch(2)
    return batches.with_options(options)


def _read_images(images, index, crop_seed):
    """Returns a batch of images."""
    import tensorflow as tf

    if hasattr(images, "draw"):
        return images.draw(index, crop_seed)
    # NumPy reads single images of a memory map; a TensorFlow constant would
    # hold the whole data set in memory.
    return tf.numpy_function(
        lambda index: images[index], [index], tf.uint8, stateful=False
    )


class _Batches(keras.utils.PyDataset):
    """The batches of images in memory, where TensorFlow is not installed."""

    def __init__(self, draw_epoch, images, first_epoch, size, batch_size):
        super().__init__()
        self._draw_epoch = functools.lru_cache(1)(draw_epoch)
        self._images = images
        self._first_epoch = first_epoch
        self._size, self._batch_size = size, batch_size

    # Keras knows by it that there is no end.
    num_batches = None

    def __getitem__(self, index):
        epoch, batch = divmod(index, -(-self._size // self._batch_size))
        draws = self._draw_epoch(self._first_epoch + epoch)
        chosen = slice(batch * self._batch_size, (batch + 1) * self._batch_size)
        index, _, is_transformed, label = (each[chosen] for each in draws)
        inputs = {"image": self._images[index]}
        return {**inputs, "is_transformed": is_transformed}, label


def make_deterministic():
    """Makes every later TensorFlow operation of the process deterministic.

    All draws are functions of the seed anyway. This also fixes the order in
    which threads and GPUs add numbers up, so that repeated runs on one machine
    are bit-identical with the same versions and number of threads. An
    operation without a deterministic form raises an error.

    The numbers differ from those of other runs in the last digits, because
    TensorFlow uses another formula for the cross-entropy. It cannot be undone:
    later runs of the process are deterministic too. Keras' other backends are
    not affected.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
