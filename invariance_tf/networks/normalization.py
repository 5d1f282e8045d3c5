"""Batch normalisation in as few passes over memory as the backend allows."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="invariance_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Normalises as `keras.layers.BatchNormalization` does, but faster.

    Keras composes it of sums and products, each of them a pass over all
    activities. XLA fuses them; without it, TensorFlow has one operation for
    the forward and one for the backward pass, which this layer uses when it
    trains on a single device. The variance of the moving statistics is the
    biased one, as everywhere in Keras.

    Call arguments:
        inputs: Float tensor, as `keras.layers.BatchNormalization` takes it;
            the fast form is for shape `(batch, height, width, channels)`.
        training: Boolean. Whether to normalise by the statistics of the batch
            and to update the moving ones.

    Example:

    >>> layer = BatchNormalization(epsilon=0.0)
    >>> images = ops.reshape(ops.convert_to_tensor([1.0, 3.0]), (2, 1, 1, 1))
    >>> ops.convert_to_numpy(layer(images, training=True)).ravel()
    array([-1.,  1.], dtype=float32)
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable and self._is_fused(inputs, mask)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            ops.cast(self.gamma, "float32"),
            ops.cast(self.beta, "float32"),
            epsilon=self.epsilon,
        )
        # The operation returns the unbiased variance.
        count = ops.cast(ops.size(inputs) // inputs.shape[-1], variance.dtype)
        variance *= (count - 1) / count
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(self.momentum * moving + (1 - self.momentum) * value)
        return outputs

    def _is_fused(self, inputs, mask):
        """Tells whether TensorFlow has one operation for these inputs."""
        return (
            keras.backend.backend() == "tensorflow"
            and not self.synchronized
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.center
            and self.scale
            and self.variable_dtype == "float32"
        )
