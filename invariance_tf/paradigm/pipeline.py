"""Training batches: which images, in which order, transformed or not.

Every draw is a function of only the seed, the epoch and the position in the
epoch. So the same seed gives the same batches on any machine, whenever a
training is resumed.
"""

import numpy as np
import tensorflow as tf


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
        A `tf.data.Dataset` of `({"image", "is_transformed"}, label)` batches.
        For several transformations, `is_transformed` is the number of the
        image's version, 0 for the original.

    Raises:
        ValueError: If a category has no training image.
    """
    subset = np.arange(len(labels)) if subset is None else subset
    if categories is None:
        categories = np.ones(is_seen.shape[-1], bool)
    by_category, starts, counts = _group(subset, labels, categories)

    def draw(epoch):
        size = len(by_category)
        # The 2^23 numbers of float32 would make a million images unequally
        # likely.
        chance = tf.random.stateless_uniform(
            (3, size), tf.stack([seed, epoch]), dtype=tf.float64
        )
        if sampling == "images":
            position = tf.cast(chance[0] * size, tf.int64)
        else:
            category = tf.cast(chance[0] * len(counts), tf.int64)
            among = tf.cast(tf.gather(counts, category), tf.float64)
            position = tf.cast(chance[1] * among, tf.int64)
            position += tf.gather(starts, category)
        index = tf.gather(by_category, position)
        label = tf.gather(tf.cast(labels, tf.int32), index)
        is_transformed = _draw_versions(is_seen, label, chance[2])
        draws = tf.data.Dataset.from_tensor_slices(
            (index, _crop_seeds(size, [seed, epoch]), is_transformed, label)
        )
        return draws.batch(batch_size)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return _with_images(epochs.flat_map(draw), images)


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
        A `tf.data.Dataset` as of `training_batches`, each batch an episode.
    """
    subset = np.arange(len(labels)) if subset is None else subset
    is_drawn = is_seen.reshape(-1, is_seen.shape[-1]).any(axis=0)
    by_category, starts, counts = _group(subset, labels, is_drawn)
    rank = np.repeat(np.arange(len(counts)), counts).astype(float)
    ways, per_category = episode.ways, episode.per_category
    size = num_episodes * episode.num_images

    def draw(epoch):
        def chance(number, shape):
            key = tf.random.experimental.stateless_fold_in(
                tf.stack([seed, epoch]), number
            )
            return tf.random.stateless_uniform(shape, key, dtype=tf.float64)

        # Shuffled within each category: neighbours are a random draw of it.
        order = tf.argsort(rank + chance(2, rank.shape))
        # The first of each episode's random order of all categories.
        categories = tf.argsort(chance(3, (num_episodes, len(counts))), axis=1)
        category = tf.reshape(categories[:, :ways], (-1, 1))
        among = tf.gather(counts, category)
        first = chance(4, (num_episodes * ways, 1))
        first = tf.cast(first * tf.cast(among, tf.float64), tf.int64)
        place = tf.range(per_category, dtype=tf.int64)
        position = tf.gather(starts, category) + (first + place) % among
        index = tf.gather(by_category, tf.gather(order, position))
        is_query = tf.broadcast_to(place >= episode.num_support, index.shape)
        index = tf.reshape(index, (size,))
        label = tf.gather(tf.cast(labels, tf.int32), index)
        # Support: with a chance of 1 no image is transformed.
        chances = tf.where(tf.reshape(is_query, (size,)), chance(5, (size,)), 1)
        is_transformed = _draw_versions(is_seen, label, chances)
        draws = tf.data.Dataset.from_tensor_slices(
            (index, _crop_seeds(size, [seed, epoch]), is_transformed, label)
        )
        return draws.batch(episode.num_images)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return _with_images(epochs.flat_map(draw), images)


def _draw_versions(is_seen, label, chance):
    """Draws which images are transformed, or which version of each is drawn.

    Args:
        is_seen: As for `training_batches`.
        label: Integer tensor of shape `(num_images,)`.
        chance: Float tensor of that shape, uniform from 0 to below 1.

    Returns:
        Boolean tensor of that shape, or integers for several transformations.
    """
    if is_seen.ndim == 1:
        return tf.gather(is_seen, label) & (chance < 0.5)
    # For each category the numbers of its transformations, and then 0.
    numbers = np.zeros(is_seen.shape[::-1], "int32")
    count = is_seen.sum(axis=0)
    for category, of_category in enumerate(is_seen.T):
        numbers[category, : count[category]] = 1 + np.flatnonzero(of_category)
    numbers = np.pad(numbers, ((0, 0), (0, len(is_seen) + 1)))
    among = tf.cast(tf.gather(count, label), chance.dtype)
    place = tf.cast(2 * among * chance, tf.int32)
    return tf.gather(tf.gather(numbers, label), place, batch_dims=1)


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


def _crop_seeds(size, key):
    """Draws the seeds of random crops, independent of all other draws."""
    key = tf.random.experimental.stateless_fold_in(tf.stack(key), 1)
    return tf.random.stateless_uniform(
        (size, 2), key, minval=None, maxval=None, dtype=tf.int32
    )


def _with_images(draws, images):
    """Turns batches of (index, seed, flag, label) into model inputs."""

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
    if hasattr(images, "draw"):
        return images.draw(index, crop_seed)
    # NumPy reads single images of a memory map; a TensorFlow constant would
    # hold the whole data set in memory.
    return tf.numpy_function(
        lambda index: images[index], [index], tf.uint8, stateful=False
    )


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
    tf.config.experimental.enable_op_determinism()
