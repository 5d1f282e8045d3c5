"""tf.data pipelines: which images, in which order, transformed or not.

Every draw is a function of the seed, the epoch and the position in the epoch
alone, so that the same seed gives the same batches on any machine and after
any resumption.
"""

import numpy as np
import tensorflow as tf


def hold_out(labels, fraction, seed):
    """Chooses images to hold out of training, the same share per category.

    Args:
        labels: Integer array of shape `(num_images,)`.
        fraction: Float from 0 to below 1. Of n images of a category
            round(fraction n) are held out, but never the last one.
        seed: Integer >= 0.

    Returns:
        Boolean array of shape `(num_images,)`, `True` where held out.

    Example:

    >>> hold_out(np.repeat([0, 1], [10, 20]), 0.1, seed=0).sum()
    np.int64(3)
    """
    is_held_out = np.zeros(len(labels), bool)
    bits = np.random.PCG64(np.random.SeedSequence([seed, 1]))
    order = np.argsort(bits.random_raw(len(labels)), kind="stable")
    for label in np.unique(labels):
        of_category = order[labels[order] == label]
        num_held_out = min(
            round(fraction * len(of_category)), len(of_category) - 1
        )
        is_held_out[of_category[:num_held_out]] = True
    return is_held_out


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
):
    """Draws training batches without end, epoch after epoch (section 2.1).

    Every presentation draws a category uniformly, then one of its images
    uniformly, then, if the category is seen transformed, whether the image
    appears transformed, with probability 1/2. An epoch has as many draws as
    there are training images; its last batch may be smaller.

    Args:
        images: uint8 array or memory map with shape
            `(num_images, height, width, 3)`.
        labels: Integer array of shape `(num_images,)`.
        is_seen: Boolean array of shape `(num_categories,)`: which categories
            are seen transformed.
        batch_size: Integer, images per batch.
        seed: Integer >= 0.
        first_epoch: Integer, the epoch to start with.
        sampling: `"categories"` as above, or `"images"`: uniformly over
            images, so that large categories appear more often.
        subset: Integer array, positions of the training images in `images`;
            `None` means all.

    Returns:
        A `tf.data.Dataset` of `({"image", "is_transformed"}, label)` batches.

    Raises:
        ValueError: If a category has no training image.
    """
    subset = np.arange(len(labels)) if subset is None else subset
    # Positions grouped by category, where each group starts, and its size.
    by_category = subset[np.argsort(labels[subset], kind="stable")]
    counts = np.bincount(labels[subset], minlength=len(is_seen))
    if not counts.all():
        raise ValueError(
            "Every category needs at least one training image. "
            f"Received: no image of category {int(np.argmin(counts))}"
        )
    starts = np.cumsum(counts) - counts

    def draw(epoch):
        size = len(subset)
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
        is_transformed = tf.gather(is_seen, label) & (chance[2] < 0.5)
        draws = tf.data.Dataset.from_tensor_slices(
            (index, is_transformed, label)
        )
        return draws.batch(batch_size)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return _with_images(epochs.flat_map(draw), images)


def _with_images(draws, images):
    """Turns batches of (index, is_transformed, label) into model inputs."""

    def look_up(index, is_transformed, label):
        # NumPy reads single images out of a memory map; a TensorFlow constant
        # would have to hold the whole data set.
        image = tf.numpy_function(
            lambda index: images[index], [index], tf.uint8, stateful=False
        )
        image = tf.ensure_shape(image, (None, *images.shape[1:]))
        return {"image": image, "is_transformed": is_transformed}, label

    return draws.map(look_up, num_parallel_calls=2).prefetch(tf.data.AUTOTUNE)
