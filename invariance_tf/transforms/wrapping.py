"""Functions and Keras layers as transformations."""

import inspect

import keras
from keras import ops

from invariance_tf.transforms.transform import Transform


@keras.saving.register_keras_serializable(package="invariance_tf")
class Wrapped(Transform):
    """Transforms by a function or by a Keras layer.

    A layer is called with `training=True` if it knows that argument: Keras'
    random layers do nothing otherwise, in `predict` too. For another call, wrap
    it in a function.

    A function must give the same result for the same images. What draws at
    random must be a layer that holds its `keras.random.SeedGenerator`, as
    Keras' random layers do: no seed of a run reaches other draws.

    Args:
        function: Function from images to images of the same shape, values
            from 0 to 255, or a `keras.layers.Layer`. The images are float32
            and have the format of `data_format`.
        **kwargs: Arguments of `Transform`.

    Raises:
        ValueError: If the images change their shape, if the layer has weights
            that a training would change, or if it expects another format.

    Example:

    >>> import numpy as np
    >>> flip = Wrapped(keras.layers.RandomFlip("horizontal", seed=0))
    >>> tuple(flip(np.zeros((2, 8, 8, 3))).shape)
    (2, 8, 8, 3)
    """

    family = "other"

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function
        expected = getattr(function, "data_format", None)
        if expected not in (None, self.data_format):
            raise ValueError(
                f"The layer must expect {self.data_format}: make it with that "
                f"`data_format`. Received: data_format={expected!r} of "
                f"{function}"
            )
        is_layer = isinstance(function, keras.layers.Layer)
        call = function.call if is_layer else None
        self._options = {}
        if is_layer and "training" in inspect.signature(call).parameters:
            self._options = {"training": True}

    def transform(self, images):
        is_first = self.data_format == "channels_first"
        if is_first:
            images = ops.transpose(images, (0, 3, 1, 2))
        result = ops.convert_to_tensor(self.function(images, **self._options))
        self._check_result(images, result)
        return ops.transpose(result, (0, 2, 3, 1)) if is_first else result

    def _check_result(self, images, result):
        before, after = tuple(images.shape), tuple(result.shape)
        sizes = zip(before, after, strict=False)
        if len(before) != len(after) or any(
            None not in pair and pair[0] != pair[1] for pair in sizes
        ):
            raise ValueError(
                "A transformation must not change the shape of images. "
                f"Received: {self.function} made {after} of {before}"
            )
        if getattr(self.function, "trainable_weights", None):
            raise ValueError(
                "A transformation must not be trained: set `trainable = False` "
                f"on the layer. Received: {self.function}"
            )

    def get_config(self):
        function = self.function
        name = getattr(function, "__name__", None)
        if name and keras.saving.get_registered_name(function) == name:
            raise ValueError(
                "A function can be saved only if it has a name, unlike lambda, "
                "and is registered: decorate it with "
                "keras.saving.register_keras_serializable. "
                f"Received: {function}"
            )
        serialized = keras.saving.serialize_keras_object(function)
        return {**super().get_config(), "function": serialized}

    @classmethod
    def from_config(cls, config):
        function = keras.saving.deserialize_keras_object(config["function"])
        return super().from_config({**config, "function": function})
