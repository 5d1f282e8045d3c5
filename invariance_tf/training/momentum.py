"""Stochastic gradient descent with momentum, in as few passes as possible."""

import keras


@keras.saving.register_keras_serializable(package="invariance_tf")
class MomentumSGD(keras.optimizers.SGD):
    """Updates weights as `keras.optimizers.SGD` does, but faster.

    With learning rate l, velocity v and gradient g of the weights w:
    `v = momentum * v - l * g`, then `w = w + v`.

    Keras composes it of products and sums, each of them a pass over arrays as
    large as the network. XLA fuses them; without it, TensorFlow has one
    operation for all.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        momentum: Float from 0 to below 1.
    """

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow" or not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        velocity = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
        )
