"""The color family: changes within each pixel."""

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms.transform import Transform, shape_like


@keras.saving.register_keras_serializable(package="invariance_tf")
class Grayscale(Transform):
    """Replaces each pixel by its luma, on all three channels.

    Y = 0.2989 R + 0.587 G + 0.114 B, TensorFlow's built-in conversion. Images
    of one channel stay as they are.
    """

    family = "color"
    luma = (0.2989, 0.587, 0.114)

    def transform(self, images):
        if images.shape[-1] == 1:
            return images
        # One matrix product makes all three channels.
        weights = np.repeat(np.array(self.luma, "float32")[:, None], 3, axis=1)
        pixels = ops.matmul(ops.reshape(images, (-1, 3)), weights)
        return shape_like(pixels, images)


@keras.saving.register_keras_serializable(package="invariance_tf")
class HueRotation(Transform):
    """Rotates the hue of each pixel by 180 degrees in HSV space.

    Saturation and value stay. Half a turn has a closed form: each channel
    becomes max(R, G, B) + min(R, G, B) minus itself. Images of one channel
    stay as they are: grey has no hue.
    """

    family = "color"

    def transform(self, images):
        # Three planes are compared faster than the values of each pixel.
        channels = ops.reshape(images, (-1, images.shape[-1]))
        channels = ops.transpose(channels)
        brightest = ops.max(channels, axis=0)
        darkest = ops.min(channels, axis=0)
        pixels = ops.transpose(brightest + darkest - channels)
        return shape_like(pixels, images)
