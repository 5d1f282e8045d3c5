"""Test images, original and transformed, and the activity that they cause.

Everything that is measured on test images reads them through `paired_blocks`:
accuracy, invariance and ablation then see the same noise.
"""

import functools
import itertools
import math

import numpy as np
from keras import ops

from invariance_tf import arrays
from invariance_tf.measures import (
    activations,
    arguments,
    known,
    model_inputs,
    passes,
)
from invariance_tf.transforms import as_transform

# Images that go through the network together with their transformed versions.
# Noise is drawn block by block, so this number is part of a result.
BLOCK = 64

# What can be done with negative activity.
ACTIVITIES = (None, "rectified", "signed")


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
    # Numbers of people may be large: as many counts would not fit.
    _, labels = np.unique(labels, return_inverse=True)
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
        seed: Integer >= 0. The same seed and order give the same noise. The
            transformation's own random state is as before afterwards.
        order: Integer array, positions to read; `None` means all in order.

    Yields:
        Tuples of positions, original and transformed images, at most `BLOCK`
        of each; the images are float32 arrays.
    """
    order = np.arange(len(images)) if order is None else order
    transform = as_transform(transform, data_format="channels_last")
    seeded = passes.Seeded(transform, seed)
    run = passes.make_program(transform)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        originals = np.asarray(images[block], "float32")
        if not np.isfinite(originals).all():
            raise ValueError(
                "Images must have finite values. Received: nan or infinity "
                f"among images {block.min()} to {block.max()}"
            )
        with seeded:
            transformed = ops.convert_to_numpy(run(originals))
        yield block, originals, transformed


def check_repeats(transform, make):
    """Raises a `ValueError` unless images become the same again.

    Args:
        transform: A `Transform`.
        make: Function without arguments that applies it to some images, and
            `preprocess` if there is one.
    """
    once, again = make(), make()
    scale = np.nan_to_num(np.abs(once)).max()
    if not np.allclose(once, again, 1e-4, 1e-4 * scale, equal_nan=True):
        raise ValueError(
            "`transform` and `preprocess` must make the same of an image each "
            "time. A transformation may be random if it is a layer and draws "
            "by a `keras.random.SeedGenerator`, its attribute, as Keras' "
            "random layers do. Received: "
            f"transform={passes.describe_transform(transform)}, differences "
            f"up to {np.abs(once - again).max():.3g}"
        )


class Responses:
    """Reads the activity of neurons for original and transformed images.

    Iterating yields blocks: positions of the images, and for each layer a
    pair of float32 arrays of shape `(num_images, num_neurons)`, the activity
    for the originals and for the transformed ones. Both go through the
    network in one batch. Activities are kept for later passes if they fit in
    `memory`; otherwise the network runs again in each pass, and one pass must
    end before the next begins.

    The arguments are those of `measurement.measure_invariance`, except for
    `is_seen`, `tau`, `rule` and `measures`. By default no bar is shown.

    Raises:
        FileNotFoundError: If there is no such model.
        TypeError: If the model or the images are of the wrong kind.
        ValueError: If a layer does not exist, has negative or infinite
            activity, an argument is illegal, or images become others each
            time.
    """

    def __init__(
        self,
        model,
        images,
        layers=None,
        *,
        labels=None,
        transform=None,
        value_range=None,
        preprocess=None,
        inputs=None,
        num_images=None,
        spatial="all",
        activity=None,
        seed=0,
        memory=2**29,
        batch_size=None,
        verbose=0,
    ):
        arguments.check_choice("spatial", spatial, ("all", "max"))
        arguments.check_choice("activity", activity, ACTIVITIES)
        if not callable(verbose):
            arguments.check_choice("verbose", verbose, (0, 1, "auto"))
        arguments.check_integers(seed, memory, batch_size)
        arguments.check_preprocess(preprocess)
        arguments.check_inputs(inputs)
        layers = arguments.read_layers(layers)
        model = model_inputs.read_model(model)
        images, labels = arrays.read_images(
            images, labels, num_images=num_images, value_range=value_range
        )
        if transform is None:
            transform = activations.transform_of(model)
        self._transform = as_transform(transform, data_format="channels_last")
        self._transform.check_size(*images.shape[1:3])
        self.num_images = len(images)
        # Without labels every image is a category of its own.
        self.has_labels = labels is not None
        self.labels = labels if self.has_labels else np.arange(len(images))
        self._images = images
        self._rescaling = passes.Rescaling(
            value_range, preprocess, model_inputs.integer_type(model)
        )
        self._spatial = spatial
        self._activity = activity
        self.seed = int(seed)
        self._memory = memory
        self._batch_size = batch_size
        self._verbose = verbose
        self._kept = self._maxima = None
        self._find_layers(model, layers, inputs)

    def _find_layers(self, model, layers, inputs):
        """Checks the layers and inputs, and cuts the network to them."""
        known.forget_others(model)
        size = self._rescaling.size_for_model(self._images)
        model_inputs.check_size(model, size)
        inputs = {
            name: None if values is None else arrays.as_array(values)
            for name, values in (inputs or {}).items()
        }
        for name, values in inputs.items():
            rows = 0 if values is None or not values.ndim else len(values)
            if values is not None and rows != self.num_images:
                raise ValueError(
                    f"`inputs` must have a row for each of {self.num_images} "
                    f"images. Received: {rows} rows of {name}"
                )
        self.layers = layers or [
            activations.penultimate_layer(model, size, inputs)
        ]
        self._network = activations.submodel(model, self.layers, size, inputs)
        self._image_input = None
        if inputs:
            self._image_input = model_inputs.image_input(model, inputs)
        self._inputs = {
            name: values
            for name, values in inputs.items()
            if name != self._image_input
        }
        self._shapes = activations.output_shapes(
            model, self.layers, size, inputs
        )
        activations.check_channels(self._network, self._spatial, self._shapes)

    @property
    def block_size(self):
        """The most images of a block."""
        return BLOCK

    def __iter__(self):
        return iter(self._kept) if self._kept else self._pairs()

    def _pairs(self):
        for positions, batches in self._read(self._network):
            yield (
                positions,
                [
                    self._pair(layer, [outputs[layer] for outputs in batches])
                    for layer in self.layers
                ],
            )

    def _blocks(self):
        """Yields positions of images, and both versions for the network."""
        order = reading_order(self.labels)
        for positions, *pair in paired_blocks(
            self._rescaling.for_transform(self._images),
            self._transform,
            self.seed,
            order,
        ):
            yield positions, self._rescaling.for_model(np.concatenate(pair))

    def _read(self, network):
        count_images = passes.make_progress(self.num_images, self._verbose)
        # A layer may draw at random without a training too.
        seeded = passes.Seeded(network, self.seed, 0, 1)
        for positions, both in self._blocks():
            if self._image_input is not None:
                both = {self._image_input: both}
                both |= {
                    name: np.concatenate([values[positions]] * 2)
                    for name, values in self._inputs.items()
                }
            with seeded:
                found = passes.run_network(network, both, self._batch_size)
            yield positions, found
            count_images(len(positions))

    def _pair(self, layer, parts):
        """Splits the output for originals and transformed images."""
        parts = [arrays.as_array(part) for part in parts]
        output = parts[0] if len(parts) == 1 else np.concatenate(parts)
        output = output.astype("float32", copy=False)
        self._check_sign(layer, output.min())
        if self._spatial == "max":
            places = tuple(range(1, output.ndim - 1))
            largest = output.max(axis=places)
            if self._activity == "signed":
                least = output.min(axis=places)
                largest = np.where(-least > largest, least, largest)
            output = largest
        output = output.reshape(len(output), -1)
        if self._activity == "rectified":
            output = np.maximum(output, 0)
        return np.split(output, 2)

    def _check_sign(self, layer, minimum):
        _check_finite(layer, minimum)
        if minimum < 0 and self._activity is None:
            raise ValueError(
                "The measures are for rectified activity, but the layer "
                f"{layer} has negative activity. Measure the ReLU after it, or "
                'choose `activity`: "rectified" or "signed". '
                f"Received: minimum={minimum:.3g}"
            )

    @property
    def settings(self):
        """Dictionary of strings and numbers: how activity is read."""
        return {
            "transform": passes.describe_transform(self._transform),
            "activity": self._activity,
            "spatial": self._spatial,
            "seed": self.seed,
        }

    @property
    def is_signed(self):
        """Whether negative activity counts as activity."""
        return self._activity == "signed"

    @property
    def is_kept(self):
        """Whether activities are in memory, which the first pass decides."""
        return self._kept is not None

    @property
    def maxima(self):
        """Largest activity of each neuron over all images, both versions.

        List of float32 arrays of shape `(num_neurons,)`, one for each layer.
        The first use reads all images.
        """
        if self._maxima is None:
            if not passes.is_own(self._transform) or not self._rescaling.is_own:
                check_repeats(self._transform, lambda: next(self._blocks())[1])
            largest = self._read_largest()
            if self._size() <= self._memory:
                self._kept = [*self._pairs()]
                largest = (
                    [self._largest(*pair) for pair in pairs]
                    for _, pairs in self._kept
                )
            maxima = functools.reduce(
                lambda *both: [*map(np.maximum, *both)], largest
            )
            for layer, of_layer in zip(self.layers, maxima, strict=True):
                _check_finite(layer, of_layer.max())
            self._maxima = maxima
        return self._maxima

    def _largest(self, original, transformed):
        """Returns the largest activity of each neuron in a block."""
        if self.is_signed:
            original, transformed = np.abs(original), np.abs(transformed)
        return np.maximum(original, transformed).max(axis=0)

    def _size(self):
        """Returns the bytes that the activities of all images need."""
        first = -1 if self._spatial == "max" else 1
        neurons = (math.prod(shape[first:]) for shape in self._shapes)
        return 2 * 4 * self.num_images * sum(neurons)

    def _read_largest(self):
        """Yields the largest activities of each block, layer by layer."""
        network = passes.make_extremes(self._network, self.is_signed)
        for outputs in itertools.chain.from_iterable(
            batches for _, batches in self._read(network)
        ):
            largest = []
            for layer in self.layers:
                least = np.asarray(outputs[layer]["least"], "float32")
                self._check_sign(layer, least.min())
                found = np.asarray(outputs[layer]["largest"], "float32")
                if self.is_signed:
                    found = np.maximum(found, -least)
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


def _check_finite(layer, extreme):
    if not np.isfinite(extreme):
        raise ValueError(
            f"Activity must be finite, but the layer {layer} has other: choose "
            "other `layers`, or check the values that the model gets "
            f"(`preprocess`). Received: {extreme}"
        )
