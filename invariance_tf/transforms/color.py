"""The color family: changes within each pixel."""

import keras
from keras import ops

from invariance_tf.transforms.transform import Transform


@keras.saving.register_keras_serializable(package="invariance_tf")
class Grayscale(Transform):
    """Replaces each pixel by its luma, on all three channels.

    Y = 0.2989 R + 0.587 G + 0.114 B, TensorFlow's built-in conversion.
    """

    family = "color"

    def transform(self, images):
        luma = ops.image.rgb_to_grayscale(images, data_format="channels_last")
        return ops.repeat(luma, 3, axis=-1)


@keras.saving.register_keras_serializable(package="invariance_tf")
class HueRotation(Transform):
    """Rotates the hue of each pixel by 180 degrees in HSV space.

    Saturation and value stay. Half a turn has a closed form: each channel
    becomes max(R, G, B) + min(R, G, B) minus itself.
    """

    family = "color"

    def transform(self, images):
        brightest = ops.max(images, axis=-1, keepdims=True)
        darkest = ops.min(images, axis=-1, keepdims=True)
        return brightest + darkest - images
