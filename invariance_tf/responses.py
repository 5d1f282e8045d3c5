"""Test images with their transforms, and the activity that they cause.

Everything that is measured on test images reads them through `paired_blocks`:
accuracy, invariance and ablation then see the same noise.
"""

from collections.abc import Iterable

import keras
import numpy as np

from invariance_tf import activations
from invariance_tf.model import reseed_layer

# Images that go through the network together with their transformed versions.
# Noise is drawn block by block, so this number is part of a result.
BLOCK = 64


def arrange(labels):
    """Orders images so that a block has pairs of one and of other categories.

    Two images of a category are neighbours, and the categories take turns:
    the controls of the invariance coefficient then find their partners within
    a block.

    Args:
        labels: Integer array of shape `(num_images,)`.

    Returns:
        Integer array of shape `(num_images,)`, positions in the new order.

    Example:

    >>> arrange(np.array([0, 0, 0, 0, 1, 1])).tolist()
    [0, 1, 4, 5, 2, 3]
    """
    by_label = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    rank = np.arange(len(labels)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    return by_label[np.lexsort((labels[by_label], rank // 2))]


def paired_blocks(images, transform, seed=0, order=None):
    """Reads images block by block, each block original and transformed.

    Args:
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255.
        transform: A `Transform`.
        seed: Integer >= 0. The same seed and order give the same noise.
        order: Integer array, positions to read; `None` means all in order.

    Yields:
        Tuples of positions, original and transformed images, at most `BLOCK`
        of each; the images are float32 arrays.
    """
    order = np.arange(len(images)) if order is None else order
    reseed_layer(transform, seed)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        originals = np.asarray(images[block], "float32")
        if not np.isfinite(originals).all():
            raise ValueError(
                "Images must have finite values. Received: nan or infinity "
                f"among images {block.min()} to {block.max()}"
            )
        transformed = transform(originals, np.ones(len(block), bool))
        yield block, originals, keras.ops.convert_to_numpy(transformed)


class Responses:
    """Reads the activity of neurons for original and transformed images.

    Iterating yields blocks: positions of the images, and for each layer a
    pair of float32 arrays of shape `(num_images, num_neurons)`, the activity
    for the originals and for the transformed ones. Both go through the
    network in one batch. Activities are held for later passes if they fit in
    `memory`; else the network runs anew in each pass, and one pass must end
    before the next begins.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            image input.
        layers: List of layer names; `None` means the penultimate layer.
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255, or a `tf.data.Dataset` of batches of
            such images, which is read into memory.
        labels: Integer array of shape `(num_images,)`, or `None`.
        transform: A `Transform`; `None` means the model's own.
        preprocess: Function of original and transformed images that the model
            needs in front, such as one of `keras.applications`, or `None`.
        spatial: `"all"`: each channel at each place is a neuron. `"max"`: each
            channel is, with its largest activity over places.
        rectify: Whether to set negative activity to 0 instead of refusing it.
        seed: Integer >= 0, decides the noise of noise transformations.
        memory: Integer, bytes of activities that may be held.

    Raises:
        ValueError: If a layer does not exist, has negative activity, or an
            argument is illegal.
    """

    def __init__(
        self,
        model,
        images,
        layers=None,
        *,
        labels=None,
        transform=None,
        preprocess=None,
        spatial="all",
        rectify=False,
        seed=0,
        memory=2**29,
    ):
        if spatial not in ("all", "max"):
            raise ValueError(
                f"`spatial` must be all or max. Received: spatial={spatial!r}"
            )
        if isinstance(images, Iterable) and not hasattr(images, "shape"):
            batches = (b[0] if isinstance(b, tuple) else b for b in images)
            images = np.concatenate([np.asarray(batch) for batch in batches])
        if len(images.shape) != 4 or not len(images):
            raise ValueError(
                "`images` must have the shape (num_images, height, width, 3), "
                f"with at least one image. Received: shape={images.shape}"
            )
        layers = [layers] if isinstance(layers, str) else layers
        self.layers = [
            *dict.fromkeys(layers or [activations.penultimate_layer(model)])
        ]
        self.num_images = len(images)
        # Without labels every image is a category of its own.
        self.has_labels = labels is not None
        labels = labels if self.has_labels else range(len(images))
        self.labels = np.asarray(labels)
        if self.labels.shape != (len(images),):
            raise ValueError(
                f"`labels` must have one label for each of {len(images)} "
                f"images. Received: shape={self.labels.shape}"
            )
        self._images = images
        self._network = activations.submodel(model, self.layers)
        self._transform = transform or activations.own_transform(model)
        self._preprocess = preprocess
        self._spatial = spatial
        self._rectify = rectify
        self._seed = seed
        self._memory = memory
        self._held = None
        self._maxima = None

    def __iter__(self):
        return iter(self._held) if self._held else self._read()

    def _read(self):
        blocks = paired_blocks(
            self._images, self._transform, self._seed, arrange(self.labels)
        )
        for positions, originals, transformed in blocks:
            both = np.concatenate([originals, transformed])
            if self._preprocess is not None:
                both = np.asarray(self._preprocess(both))
            outputs = self._network.predict_on_batch(both)
            yield (
                positions,
                [self._pair(name, outputs[name]) for name in self.layers],
            )

    def _pair(self, layer, output):
        """Splits the output for originals and transformed images."""
        output = np.asarray(output, "float32")
        if self._spatial == "max" and output.ndim > 2:
            output = output.max(axis=tuple(range(1, output.ndim - 1)))
        output = output.reshape(len(output), -1)
        if self._rectify:
            output = np.maximum(output, 0)
        if not output.min() >= 0:
            raise ValueError(
                f"The measures are for rectified activity, and the layer "
                f"{layer} has negative or undefined activity. Measure the "
                f"ReLU behind it, or rectify it. "
                f"Received: minimum={output.min():.3g}"
            )
        half = len(output) // 2
        return output[:half], output[half:]

    @property
    def maxima(self):
        """Largest activity of each neuron over all images, both versions.

        List of float32 arrays of shape `(num_neurons,)`, one for each layer.
        The first use reads all images.
        """
        if self._maxima is None:
            held, size, maxima = [], 0, None
            for positions, pairs in self._read():
                largest = [np.max([*map(_maximum, pair)], 0) for pair in pairs]
                maxima = [
                    np.maximum(*both)
                    for both in zip(maxima or largest, largest, strict=True)
                ]
                size += sum(array.nbytes for pair in pairs for array in pair)
                if size <= self._memory:
                    held.append((positions, pairs))
                else:
                    held.clear()
            self._held, self._maxima = held or None, maxima
        return self._maxima

    def arrays(self, index=0):
        """Returns the activity of one layer for all images, in their order.

        Args:
            index: Integer, position of the layer in `layers`.

        Returns:
            Two float32 arrays of shape `(num_images, num_neurons)`: for
            original and for transformed images.
        """
        shape = (self.num_images, len(self.maxima[index]))
        whole = np.empty(shape, "float32"), np.empty(shape, "float32")
        for positions, pairs in self:
            for of_all, of_block in zip(whole, pairs[index], strict=True):
                of_all[positions] = of_block
        return whole


def _maximum(activity):
    return activity.max(axis=0)


def partners(labels):
    """Finds for each image of a block another one, as a control.

    Args:
        labels: Integer array of shape `(num_images,)`, the block's.

    Returns:
        Dictionary from `"shuffled"` (the next image of another category) and
        `"same_category"` (the next one of the same category) to an integer
        array of shape `(num_images,)`, -1 where there is none.

    Example:

    >>> found = partners(np.array([0, 0, 1]))
    >>> found["shuffled"].tolist(), found["same_category"].tolist()
    ([2, 2, 0], [1, 0, -1])
    """
    image = np.arange(len(labels))
    # Row s holds the image s + 1 places on, from the end to the beginning.
    others = (image + image[1:, None]) % len(labels)
    is_same = labels[others] == labels
    found = {}
    for kind, is_legal in (("shuffled", ~is_same), ("same_category", is_same)):
        none = np.full((1, len(labels)), True)
        nearest = np.argmax(np.concatenate([is_legal, none]), axis=0)
        candidates = np.concatenate([others, np.full_like(none, -1, int)])
        found[kind] = candidates[nearest, image]
    return found
