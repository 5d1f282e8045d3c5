"""Weight decay, as a part of the loss."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="invariance_tf")
class WeightDecay(keras.regularizers.Regularizer):
    """Adds `weight_decay / 2 * sum(weights ** 2)` to the loss (Appendix B).

    The values are those of `keras.regularizers.L2(weight_decay / 2)`. Its
    gradient, found automatically, takes four arrays as large as the weights;
    `weight_decay * weights` is one. AlexNet has 146 million weights.

    Args:
        weight_decay: Float >= 0.

    Example:

    >>> float(WeightDecay(0.5)(ops.convert_to_tensor([1.0, -3.0])))
    2.5
    """

    def __init__(self, weight_decay):
        self.weight_decay = weight_decay

    def __call__(self, weights):
        @ops.custom_gradient
        def penalty(weights):
            def gradient(upstream):
                return upstream * self.weight_decay * weights

            energy = ops.sum(ops.square(weights))
            return self.weight_decay / 2 * energy, gradient

        # Its value: what is differentiated may not be a variable.
        return penalty(ops.copy(weights))

    def get_config(self):
        return {"weight_decay": self.weight_decay}
