"""Partners of images, for the controls of the invariance coefficient."""

import numpy as np

# Former images that each group keeps.
CAPACITY = 32


class RandomPartners:
    """Draws for each image a partner of its group, of another category.

    Images come in blocks, and the activities of all of them need not fit in
    memory. So each group keeps a uniform sample of its former images (Vitter's
    algorithm R), each of which stands for as many as it was chosen from: a
    partner is drawn uniformly from all images so far, the block's included.
    Whoever holds the activities keeps a row for each place of the
    sample: `num_rows` in all, to which the block's images are appended.

    Args:
        num_groups: Integer, number of groups of images.
        seed: Integer >= 0, determines the draws.

    Reference:

    - [Vitter, 1985](https://doi.org/10.1145/3147.3165)

    Example:

    >>> partners = RandomPartners(num_groups=1)
    >>> labels, group = np.array([0, 0, 1]), np.array([0, 0, 0])
    >>> (partners.draw(labels, group) - partners.num_rows).tolist()
    [2, 2, 1]
    """

    def __init__(self, num_groups, seed=0):
        self.num_rows = num_groups * CAPACITY
        # Apart from the draws of noise, which the bare seed determines.
        self._generator = np.random.default_rng([seed, 1])
        self._group = np.repeat(np.arange(num_groups), CAPACITY)
        self._label = np.full(self.num_rows, -1)
        self._num_seen = np.zeros(num_groups, int)

    def draw(self, labels, group):
        """Draws a partner for each image of a block.

        Args:
            labels: Integer array >= 0 of shape `(num_images,)`.
            group: Integer array of that shape.

        Returns:
            Integer array of that shape: below `num_rows` a row of the sample,
            else `num_rows` plus a position in the block; -1 where the group
            has no image of another category yet.
        """
        pool_label = np.concatenate([self._label, labels])
        pool_group = np.concatenate([self._group, group])
        is_legal = (
            (pool_group == group[:, None])
            & (pool_label != labels[:, None])
            & (pool_label >= 0)
        )
        # The largest of u ** (1 / weight) is drawn in proportion to weights.
        order = self._generator.random(is_legal.shape) ** (
            1 / self._weight(group)
        )
        order = np.where(is_legal, order, -1.0)
        return np.where(is_legal.any(axis=1), order.argmax(axis=1), -1)

    def _weight(self, group):
        """Returns how many images each row of the pool stands for."""
        weight = np.maximum(self._num_seen / CAPACITY, 1)
        return np.concatenate([weight[self._group], np.ones(len(group))])

    def keep(self, labels, group):
        """Takes a block's images into the samples.

        Args:
            labels: Integer array >= 0 of shape `(num_images,)`.
            group: Integer array of that shape.

        Returns:
            Two integer arrays: rows of the sample, each once, and the
            positions in the block of the images that are in them now.
        """
        taken = {}
        for position, of_group in enumerate(group):
            place = self._num_seen[of_group]
            if place >= CAPACITY:
                place = self._generator.integers(place + 1)
            self._num_seen[of_group] += 1
            if place < CAPACITY:
                taken[of_group * CAPACITY + place] = position
        rows = np.array([*taken], int)
        positions = np.array([*taken.values()], int)
        self._label[rows] = labels[positions]
        return rows, positions


def next_of_category(labels):
    """Finds for each image of a block the next one of its category.

    Args:
        labels: Integer array of shape `(num_images,)`, the block's.

    Returns:
        Integer array of shape `(num_images,)`, positions; after the last image
        of a category comes its first. -1 for an image without another.

    Example:

    >>> next_of_category(np.array([0, 0, 1])).tolist()
    [1, 0, -1]
    """
    by_label = np.argsort(labels, kind="stable")
    found = np.full(len(labels), -1)
    for of_label in np.split(
        by_label, np.flatnonzero(np.diff(labels[by_label])) + 1
    ):
        if len(of_label) > 1:
            found[of_label] = np.roll(of_label, -1)
    return found
