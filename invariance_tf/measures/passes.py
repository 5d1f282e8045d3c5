"""How images go through a network: in which range, how many at a time."""

import inspect
import logging
import operator
import sys

import keras
import numpy as np
from keras import ops

from invariance_tf import arrays
from invariance_tf.measures import known
from invariance_tf.paradigm.model import is_xla_faster, reseed_layer
from invariance_tf.transforms.combined import Composed, Either
from invariance_tf.transforms.transform import OF_LAYERS
from invariance_tf.transforms.wrapping import Wrapped


def _is_worth_a_word(record):
    """Returns whether a warning of TensorFlow's is more than a false alarm.

    It counts how often `predict` is traced over all models together: here
    every network and transformation is, for whole blocks and for the last one.
    """
    message = record.getMessage()
    return not ("make_predict_function" in message and "retracing" in message)


logging.getLogger("tensorflow").addFilter(_is_worth_a_word)


class Rescaling:
    """Brings images into the range of transformations, and back.

    Args:
        value_range: Pair of numbers, the lowest and the highest value of the
            images that the model takes; `None` means 0 and 255.
        preprocess: Function applied to images in that range before the model,
            or `None`.
        integers: String, the dtype of the integers that the model takes, if it
            does. A conversion would cut off fractions and turn what is beyond
            the dtype into anything.

    Raises:
        ValueError: If the model's integers do not reach over the range of the
            images, and nothing brings these into theirs.
    """

    def __init__(self, value_range=None, preprocess=None, integers=None):
        self._limits = None
        if integers is not None:
            self._limits = value_range or (0, 255)
            info = np.iinfo(integers)
            if preprocess is not None:
                self._limits = info.min, info.max
            elif not info.min <= self._limits[0] < self._limits[1] <= info.max:
                low, high = self._limits
                raise ValueError(
                    f"The model takes {integers}, {info.min} to {info.max}: "
                    "use `preprocess` to bring images into that range, or "
                    "declare the `value_range` that it was trained with. "
                    f"Received: values from {low:g} to {high:g}"
                )
        self._low, high = value_range or (0, 255)
        self._step = (high - self._low) / 255
        self._preprocess = preprocess

    @property
    def is_own(self):
        """Whether it is this package's own code alone."""
        return self._preprocess is None

    def for_transform(self, images):
        """Returns images whose values become 0 to 255 when they are read."""
        if (self._low, self._step) == (0, 1):
            return images
        return _Scaled(
            images,
            lambda some: (
                (some.astype("float32") - np.float32(self._low))
                / np.float32(self._step)
            ),
        )

    def size_for_model(self, images):
        """Returns height, width and channels of what `for_model` returns."""
        if self._preprocess is None:
            return tuple(images.shape[1:])
        # Twice the first image, as a block is an even number.
        example = self.for_transform(images)[np.array([0, 0])]
        return tuple(self.for_model(example).shape[1:])

    def for_model(self, images):
        """Returns images from 0 to 255, transformed or not, as for a model."""
        images = images.astype("float32", copy=False)
        if (self._low, self._step) != (0, 1):
            images = images * np.float32(self._step) + np.float32(self._low)
        if self._preprocess is not None:
            images = arrays.as_array(self._preprocess(images))
        if self._limits is not None:
            images = np.clip(np.rint(images), *self._limits)
        return images


class _Scaled:
    """Images whose values are changed when they are read."""

    def __init__(self, images, scale):
        self._images = images
        self._scale = scale

    def __len__(self):
        return len(self._images)

    def __getitem__(self, positions):
        return self._scale(self._images[positions])


class Seeded:
    """Gives a layer, in each of several contexts, a random state of its own.

    It goes on from one context to the next. Outside of them the layer has the
    random state that it had before, and so has a training that goes on.

    Args:
        layer: A Keras layer or model.
        *key: Integers >= 0, as for `reseed_layer`.
    """

    def __init__(self, layer, *key):
        weights = {id(weight) for weight in layer.weights}
        self._states = [x for x in layer.variables if id(x) not in weights]
        self._others = self._read()
        reseed_layer(layer, *key)
        self._exchange()

    def __enter__(self):
        self._exchange()

    def __exit__(self, *_):
        self._exchange()

    def _read(self):
        # Copies, which do not change with the variables.
        return [np.array(ops.convert_to_numpy(each)) for each in self._states]

    def _exchange(self):
        now = self._read()
        for state, value in zip(self._states, self._others, strict=True):
            state.assign(value)
        self._others = now


class _Program(keras.Model):
    """Applies a layer to images, in one program."""

    def __init__(self, layer):
        # Whatever Keras' global policy is: images are not to be rounded.
        super().__init__(name="program", dtype="float32", autocast=False)
        self.layer = layer
        self.jit_compile = is_xla_faster()

    def build(self, shape):
        self.built = True

    def call(self, images):
        return self.layer(images)


def make_program(transform):
    """Returns a function of images: a transformation, traced if it can be.

    Operation by operation it would take up to four times as long.
    """
    if not is_own(transform):
        # A user's code may need arrays, not what stands for them.
        return transform
    made = known.made_of(transform)
    if "program" not in made:
        made["program"] = _Program(transform)
    return lambda images: run_network(made["program"], images)[0]


def is_own(transform):
    """Returns whether all of a transformation is this package's own code."""
    if isinstance(transform, Composed | Either):
        return all(map(is_own, transform.parts))
    place = type(transform).__module__
    is_wrapped = isinstance(transform, Wrapped)
    return place.startswith("invariance_tf.") and not is_wrapped


def describe_transform(transform):
    """Returns a transformation as it would be written, `Blur(sigma=3.0)`."""
    wrapped = getattr(transform, "function", None)
    if wrapped is not None:
        return getattr(wrapped, "__name__", type(wrapped).__name__)
    name = type(transform).__name__
    if isinstance(transform, Composed | Either):
        parts = ", ".join(map(describe_transform, transform.parts))
        return f"{name}([{parts}])"
    written = []
    for each in inspect.signature(type(transform).__init__).parameters.values():
        value = getattr(transform, each.name, None)
        # Measurements that were saved have no default texts in their settings.
        is_text = isinstance(value, str) and each.name not in OF_LAYERS
        if is_text and value != each.default:
            written.append(f"{each.name}={str(value)!r}")
        elif isinstance(value, int | float):
            written.append(f"{each.name}={value}")
    return f"{name}({', '.join(written)})" if written else name


class _Extremes(keras.Model):
    """Computes each layer's extremes over a batch, on the device.

    Args:
        network: A model made by `activations.submodel`.
        is_signed: Whether the least activity of each neuron is needed, and
            not only that of all.
    """

    def __init__(self, network, is_signed):
        super().__init__(name="extremes", dtype="float32", autocast=False)
        self.network = network
        self._axis = 0 if is_signed else None

    def build(self, shape):
        self.built = True

    def call(self, images):
        return {
            layer: {
                "largest": ops.max(output, 0),
                "least": ops.min(output, self._axis),
            }
            for layer, output in self.network(images, training=False).items()
        }


def make_extremes(network, is_signed):
    """Returns a model of the extremes of a network, made once."""
    # As attribute of the network they live as long as it.
    known = vars(network).setdefault("_extremes", {})
    if is_signed not in known:
        known[is_signed] = _Extremes(network, is_signed)
        known[is_signed].jit_compile = network.jit_compile
    return known[is_signed]


def run_network(network, images, batch_size=None):
    """Runs a network on a block of images.

    Args:
        network: A `keras.Model`.
        images: What it is called with: an array, or a dictionary of them.
        batch_size: Integer, the most images to run together; `None`: all.

    Returns:
        List of the outputs of each batch, without a copy.
    """
    num_images = len(keras.tree.flatten(images)[0])
    size = batch_size or num_images
    batches = (
        keras.tree.map_structure(
            operator.itemgetter(slice(start, start + size)), images
        )
        for start in range(0, num_images, size)
    )
    return [_run_batch(network, batch) for batch in batches]


def _run_batch(network, images):
    if keras.backend.backend() != "tensorflow":
        return network.predict_on_batch(images)
    # `predict_on_batch` would copy the activities.
    network.make_predict_function()
    return network.predict_function([(images,)])


def make_progress(num_images, verbose):
    """Returns a function that counts the images of a pass that are read.

    Args:
        num_images: Integer.
        verbose: 0, 1 or `"auto"`, for Keras' progress bar, in terminals and
            notebooks only; or a function, which is returned.
    """
    if callable(verbose):
        return verbose
    if verbose == "auto":
        verbose = sys.stdout.isatty() or "ipykernel" in sys.modules
    bar = keras.utils.Progbar(
        num_images, verbose=int(verbose), unit_name="image"
    )
    return bar.add
