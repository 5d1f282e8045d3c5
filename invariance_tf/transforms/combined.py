"""Several transformations: either of them, or one after the other."""

import keras
from keras import ops

from invariance_tf.transforms.transform import Transform


class _Combined(Transform):
    """Holds several transformations.

    Args:
        parts: List of `Transform`.
        **kwargs: Arguments of `Transform`.
    """

    family = "other"

    def __init__(self, parts, **kwargs):
        super().__init__(**kwargs)
        self.parts = list(parts)

    def check_size(self, height, width):
        for part in self.parts:
            part.check_size(height, width)

    def get_config(self):
        parts = [
            keras.saving.serialize_keras_object(each) for each in self.parts
        ]
        return {**super().get_config(), "parts": parts}

    @classmethod
    def from_config(cls, config):
        parts = map(keras.saving.deserialize_keras_object, config["parts"])
        return super().from_config({**config, "parts": [*parts]})


@keras.saving.register_keras_serializable(package="invariance_tf")
class Composed(_Combined):
    """Applies several transformations one after the other.

    Values that leave 0..255 in between are not clipped.

    Args:
        parts: List of `Transform`, the first one applied first.
        **kwargs: Arguments of `Transform`.

    Example:

    >>> from invariance_tf.transforms import get
    >>> images = keras.ops.array([[[[10.0], [20.0]], [[30.0], [40.0]]]])
    >>> turned = get("contrast_inversion+rotate180")(images)
    >>> keras.ops.convert_to_numpy(turned).ravel().tolist()
    [215.0, 225.0, 235.0, 245.0]
    """

    def transform(self, images):
        for part in self.parts:
            images = ops.cast(part.transform(images), "float32")
        return images


@keras.saving.register_keras_serializable(package="invariance_tf")
class Either(_Combined):
    """Applies to each image the one of several transformations of its number.

    Args:
        parts: List of `Transform`.
        **kwargs: Arguments of `Transform`.

    Call arguments:
        images: As for `Transform`.
        is_transformed: Integer tensor of shape `(batch,)`: 0 for an image that
            is to stay original, k for one that undergoes the k-th.

    Example:

    >>> from invariance_tf.transforms import get
    >>> images = keras.ops.array([[[[10.0], [20.0]]]] * 3)
    >>> either = get("contrast_inversion,rotate180")
    >>> either = either(images, keras.ops.array([0, 1, 2]))
    >>> keras.ops.convert_to_numpy(either)[:, 0, :, 0].tolist()
    [[10.0, 20.0], [245.0, 235.0], [20.0, 10.0]]
    """

    def call(self, images, is_transformed=None):
        dtype = None
        if is_transformed is not None:
            version = ops.convert_to_tensor(is_transformed)
            dtype = keras.backend.standardize_dtype(version.dtype)
        if dtype is None or "int" not in dtype:
            raise ValueError(
                "For either of several transformations, `is_transformed` is "
                "the number of each image's version, 0 for the original; or "
                "choose one of the transformations, which are the layer's "
                f"`parts`. Received: dtype={dtype}"
            )
        for number, part in enumerate(self.parts, 1):
            images = part(images, ops.equal(version, number))
        return ops.cast(images, self.compute_dtype)
