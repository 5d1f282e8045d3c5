"""Test images, original and transformed, and the activity that they cause.

Everything that is measured on test images reads them through `paired_blocks`:
accuracy, invariance and ablation then see the same noise.
"""

import functools
import math
import weakref
from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from invariance_tf.measures import activations
from invariance_tf.paradigm.model import reseed_layer
from invariance_tf.transforms import as_transform

# Images that go through the network together with their transformed versions.
# Noise is drawn block by block, so this number is part of a result.
BLOCK = 64

# Models made by `_extremes`, each traced once.
_EXTREMES = weakref.WeakKeyDictionary()


def reading_order(labels):
    """Orders images so that a block has pairs of one and of other categories.

    Two images of a category are neighbours, and the categories take turns:
    the controls of the invariance coefficient then find their partners within
    a block.

    Args:
        labels: Integer array of shape `(num_images,)`.

    Returns:
        Integer array of shape `(num_images,)`, positions in the new order.

    Example:

    >>> reading_order(np.array([0, 0, 0, 0, 1, 1])).tolist()
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
        transform: What `transforms.as_transform` takes, such as a `Transform`.
        seed: Integer >= 0. The same seed and order give the same noise.
        order: Integer array, positions to read; `None` means all in order.

    Yields:
        Tuples of positions, original and transformed images, at most `BLOCK`
        of each; the images are float32 arrays.
    """
    order = np.arange(len(images)) if order is None else order
    transform = as_transform(transform)
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
        yield block, originals, ops.convert_to_numpy(transformed)


class Responses:
    """Reads the activity of neurons for original and transformed images.

    Iterating yields blocks: positions of the images, and for each layer a
    pair of float32 arrays of shape `(num_images, num_neurons)`, the activity
    for the originals and for the transformed ones. Both go through the
    network in one batch. Activities are kept for later passes if they fit in
    `memory`; otherwise the network runs again in each pass, and one pass must
    end before the next begins.

    Args:
        model: A model made by `model.build`, or any Keras model with one
            image input.
        layers: List of layer names; `None` means the penultimate layer.
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255, or a `tf.data.Dataset` of batches of
            such images, which is read into memory.
        labels: Integer array of shape `(num_images,)`, or `None`.
        transform: What `transforms.as_transform` takes: a `Transform`, a name
            such as `"blur"`, a function from images to images, or any Keras
            layer. `None` means the model's own.
        preprocess: Function applied to original and to transformed images
            before the model, such as one of `keras.applications`, or `None`.
        spatial: `"all"`: each channel at each position is a neuron. `"max"`:
            each channel is, with its largest activity over positions.
        rectify: Whether to set negative activity to 0 instead of refusing it.
        seed: Integer >= 0, decides the noise of noise transformations.
        memory: Integer, bytes of activities that may be kept.

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
        layers = layers or [activations.penultimate_layer(model)]
        self.layers = [*dict.fromkeys(layers)]
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
        if transform is None:
            transform = activations.transform_of(model)
        self._transform = as_transform(transform)
        self._preprocess = preprocess
        self._spatial = spatial
        self._rectify = rectify
        self.seed = seed
        self._memory = memory
        self._kept = self._maxima = None

    @property
    def block_size(self):
        """The most images of a block."""
        return BLOCK

    def __iter__(self):
        return iter(self._kept) if self._kept else self._pairs()

    def _pairs(self):
        for positions, outputs in self._read(self._network):
            yield positions, [self._pair(x, outputs[x]) for x in self.layers]

    def _read(self, network):
        order = reading_order(self.labels)
        for positions, *pair in paired_blocks(
            self._images, self._transform, self.seed, order
        ):
            both = np.concatenate(pair)
            if self._preprocess is not None:
                both = np.asarray(self._preprocess(both))
            yield positions, _run_network(network, both)

    def _pair(self, layer, output):
        """Splits the output for originals and transformed images."""
        output = np.asarray(output).astype("float32", copy=False)
        self._check_sign(layer, output.min())
        if self._spatial == "max":
            output = output.max(axis=tuple(range(1, output.ndim - 1)))
        output = output.reshape(len(output), -1)
        return np.split(np.maximum(output, 0) if self._rectify else output, 2)

    def _check_sign(self, layer, minimum):
        if np.isnan(minimum) or minimum < 0 and not self._rectify:
            raise ValueError(
                "The measures are for rectified activity, but the layer "
                f"{layer} has negative or undefined activity. Measure the ReLU "
                f"after it, or set `rectify`. Received: minimum={minimum:.3g}"
            )

    @property
    def maxima(self):
        """Largest activity of each neuron over all images, both versions.

        List of float32 arrays of shape `(num_neurons,)`, one for each layer.
        The first use reads all images.
        """
        if self._maxima is None:
            largest = self._read_largest()
            if self._size() <= self._memory:
                self._kept = [*self._pairs()]
                largest = (
                    [np.maximum(*pair).max(axis=0) for pair in pairs]
                    for _, pairs in self._kept
                )
            self._maxima = functools.reduce(
                lambda *both: [*map(np.maximum, *both)], largest
            )
        return self._maxima

    def _size(self):
        """Returns the bytes that the activities of all images need."""
        shapes = self._network.compute_output_shape(self._images.shape)
        first = -1 if self._spatial == "max" else 1
        neurons = (math.prod(shape[first:]) for shape in shapes.values())
        return 2 * 4 * self.num_images * sum(neurons)

    def _read_largest(self):
        """Yields the largest activities of each block, layer by layer."""
        for _, outputs in self._read(_extremes(self._network)):
            largest = []
            for layer in self.layers:
                self._check_sign(layer, np.min(outputs[layer]["least"]))
                found = np.asarray(outputs[layer]["largest"], "float32")
                if self._spatial == "max":
                    found = found.max(axis=tuple(range(found.ndim - 1)))
                largest.append(np.maximum(found.ravel(), 0))
            yield largest

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


def _extremes(network):
    """Returns a model of each layer's extremes, computed on the device."""
    if network not in _EXTREMES:
        outputs = {
            layer: {"largest": ops.max(output, 0), "least": ops.min(output)}
            for layer, output in network.output.items()
        }
        _EXTREMES[network] = keras.Model(network.inputs, outputs)
        _EXTREMES[network].jit_compile = network.jit_compile
    return _EXTREMES[network]


def _run_network(network, images):
    """Runs the network on a batch; returns its outputs, without a copy."""
    if keras.backend.backend() != "tensorflow":
        return network.predict_on_batch(images)
    # `predict_on_batch` would copy the activities.
    network.make_predict_function()
    return network.predict_function([(images,)])


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
