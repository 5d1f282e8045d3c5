"""AlexNet as in the paper, and a small one that trains within seconds."""

import keras
import numpy as np
from keras import layers, ops

from invariance_tf.networks.channels import (
    check_dropout,
    check_image_size,
    scale_channels,
)


@keras.saving.register_keras_serializable(package="invariance_tf")
class LocalResponseNormalization(layers.Layer):
    """Divides each activity by a power of its neighbours' energy.

    The neighbours of a channel are the `2 * radius + 1` channels around it,
    itself included, at the same position:

    `output = x / (bias + alpha * sum(x_neighbours ** 2)) ** beta`

    As in TensorFlow, `alpha` is not divided by the number of neighbours. The
    defaults are those of AlexNet.

    Args:
        radius: Integer >= 0. Number of neighbours on either side.
        bias: Float > 0. Keeps the divisor away from 0.
        alpha: Float >= 0. Weight of the energy; 0 leaves a constant divisor.
        beta: Float >= 0. Exponent; 0 is the identity.

    Raises:
        ValueError: If an argument is out of its range.

    Reference:

    - [Krizhevsky et al., 2012](https://doi.org/10.1145/3065386), section 3.3

    Example:

    >>> normalise = LocalResponseNormalization(bias=4.0, alpha=0.0, beta=0.5)
    >>> float(normalise(np.ones((1, 8, 8, 3)))[0, 0, 0, 0])
    0.5
    """

    def __init__(self, radius=2, bias=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(radius, int) or radius < 0:
            raise ValueError(
                "`radius` counts the neighbours on either side and must be a "
                f"non-negative integer. Received: radius={radius!r}"
            )
        if bias <= 0:
            raise ValueError(
                "`bias` keeps the divisor away from 0 and must be positive. "
                f"Received: bias={bias}"
            )
        if alpha < 0 or beta < 0:
            raise ValueError(
                "`alpha` and `beta` must not be negative. "
                f"Received: alpha={alpha}, beta={beta}"
            )
        self.radius = radius
        self.bias = bias
        self.alpha = alpha
        self.beta = beta

    def build(self, input_shape):
        channel = np.arange(input_shape[-1])
        is_neighbour = abs(channel[:, None] - channel) <= self.radius
        self.band = (self.alpha * is_neighbour).astype("float32")

    def call(self, inputs):
        # In bfloat16 the energy would be rounded away beside the bias.
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)
        divisor = self.bias + ops.matmul(ops.square(x), self.band)
        if self.beta == 0.75:  # A general power takes about three times longer.
            root = ops.rsqrt(divisor)
            factor = root * ops.sqrt(root)
        else:
            factor = ops.power(divisor, -self.beta)
        return ops.cast(x * factor, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "radius": self.radius,
            "bias": self.bias,
            "alpha": self.alpha,
            "beta": self.beta,
        }


def alexnet(
    images,
    num_categories,
    *,
    weight_decay=0.0,
    initializer="he",
    hidden=(4096, 4096),
    width=1.0,
    dropout=0.5,
    lrn_radius=2,
    lrn_bias=2.0,
    lrn_alpha=1e-4,
    lrn_beta=0.75,
):
    """Adds AlexNet without the pooling after the first two convolutions.

    The paper's network has five convolutional layers `conv1` to `conv5`, two
    fully connected ones `fc6` and `fc7` of 4096 neurons, all with ReLU, and
    the output layer `logits`. `fc7` is the penultimate layer. The paper's
    images have 100 pixels a side; at 227 pixels `fc6` alone would hold 764
    million weights.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 19 pixels a side.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all kernels.
        initializer: String. `"he"` draws kernels from He's normal
            distribution. `"glorot"` draws them from Glorot's normal
            distribution and sets all hidden biases but that of `conv1` to
            0.1. Both are truncated at two standard deviations. `"alexnet"`,
            the literal reading of the paper, draws them from a normal
            distribution of standard deviation 0.01 and sets the biases of
            `conv2`, `conv4`, `conv5`, `fc6` and `fc7` to 1; at the paper's
            learning rate it stays at chance for very long. All other biases
            start at 0.
        hidden: Sequence of integers, the neurons of each fully connected
            hidden layer.
        width: Float > 0. Multiplies the channels of every convolution and the
            neurons of every hidden layer.
        dropout: Float in `[0, 1)`. Part of the fully connected hidden neurons
            that is dropped in training.
        lrn_radius: Integer. This argument and the next three are those of
            `LocalResponseNormalization`, after `conv1` and `conv2`.
        lrn_bias: Float. AlexNet has 2; the authors' group also uses 1.
        lrn_alpha: Float. AlexNet has 1e-4; the authors' group also uses 2e-5.
        lrn_beta: Float.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the images are too small, the initializer is unknown
            or an option is out of its range.

    Reference:

    - [Krizhevsky et al., 2012](https://doi.org/10.1145/3065386)

    Example:

    >>> images = keras.Input((32, 32, 3))
    >>> alexnet(images, num_categories=10).shape
    (None, 10)
    """
    return _stack_layers(
        images,
        num_categories,
        network="alexnet",
        filters=(96, 256, 384, 384, 256),
        first_kernel=11,
        hidden=hidden,
        width=width,
        weight_decay=weight_decay,
        initializer=initializer,
        dropout=dropout,
        lrn=(lrn_radius, lrn_bias, lrn_alpha, lrn_beta),
    )


def alexnet_small(
    images,
    num_categories,
    *,
    weight_decay=0.0,
    initializer="he",
    hidden=(256,),
    width=1.0,
    dropout=0.5,
    lrn_radius=2,
    lrn_bias=2.0,
    lrn_alpha=1e-4,
    lrn_beta=0.75,
):
    """Adds an AlexNet of few channels for images of about 48 pixels a side.

    It has 24, 48, 64, 64 and 48 channels in `conv1` to `conv5`, a first
    kernel of 7 x 7 pixels and one fully connected hidden layer, `fc6` of 256
    neurons, which is the penultimate layer. Otherwise it is `alexnet`. With
    48 pixels and 40 categories it holds 0.44 million weights.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 15 pixels a side.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. As in `alexnet`.
        initializer: String, `"he"`, `"glorot"` or `"alexnet"`. As in
            `alexnet`; with `"alexnet"` all neurons of so small a network may
            die in training.
        hidden: Sequence of integers. As in `alexnet`.
        width: Float > 0. As in `alexnet`.
        dropout: Float in `[0, 1)`. As in `alexnet`.
        lrn_radius: Integer. As in `alexnet`.
        lrn_bias: Float. As in `alexnet`.
        lrn_alpha: Float. As in `alexnet`.
        lrn_beta: Float. As in `alexnet`.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: As `alexnet`.
    """
    return _stack_layers(
        images,
        num_categories,
        network="alexnet_small",
        filters=(24, 48, 64, 64, 48),
        first_kernel=7,
        hidden=hidden,
        width=width,
        weight_decay=weight_decay,
        initializer=initializer,
        dropout=dropout,
        lrn=(lrn_radius, lrn_bias, lrn_alpha, lrn_beta),
    )


def _stack_layers(
    images,
    num_categories,
    *,
    network,
    filters,
    first_kernel,
    hidden,
    width,
    weight_decay,
    initializer,
    dropout,
    lrn,
):
    # The pooling needs 3 x 3 positions of conv1, 4 pixels apart.
    check_image_size(images, network, smallest=first_kernel + 2 * 4)
    check_dropout(dropout)
    filters = scale_channels(filters, width)

    def weights(name):
        return _weights(name, initializer, weight_decay)

    x = images
    kernel_sizes = (first_kernel, 5, 3, 3, 3)
    for number, kernel_size in enumerate(kernel_sizes, start=1):
        x = layers.Conv2D(
            filters[number - 1],
            kernel_size,
            strides=4 if number == 1 else 1,
            padding="valid" if number == 1 else "same",
            activation="relu",
            **weights(f"conv{number}"),
        )(x)
        if number <= 2:
            x = LocalResponseNormalization(*lrn, name=f"lrn{number}")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool5")(x)
    x = layers.Flatten(name="flatten")(x)
    if not hidden or any(type(n) is not int or n < 1 for n in hidden):
        raise ValueError(
            "`hidden` lists the neurons of each fully connected hidden layer, "
            f"one or more layers. Received: hidden={hidden}"
        )
    hidden = scale_channels(hidden, width)
    for number, num_neurons in enumerate(hidden, start=6):
        x = layers.Dense(
            num_neurons, activation="relu", **weights(f"fc{number}")
        )(x)
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    return layers.Dense(num_categories, dtype="float32", **weights("logits"))(x)


def _weights(name, initializer, weight_decay):
    """Returns the arguments of a layer that concern its name and weights."""
    if initializer not in INITIALIZERS:
        raise ValueError(
            f"Unknown initializer. Legal: {', '.join(INITIALIZERS)}. "
            f"Received: initializer={initializer!r}"
        )
    kernel, bias, layers_with_bias = INITIALIZERS[initializer]
    return {
        "name": name,
        "kernel_initializer": kernel(),
        "bias_initializer": keras.initializers.Constant(
            bias if name in layers_with_bias else 0.0
        ),
        "kernel_regularizer": (
            keras.regularizers.L2(weight_decay / 2) if weight_decay else None
        ),
    }


# How weights start, by name: the kernels' distribution, and the biases that
# do not start at 0. Row N4 of docs/fidelity.md has what each is based on.
INITIALIZERS = {
    "alexnet": (
        lambda: keras.initializers.RandomNormal(stddev=0.01),
        1.0,
        ("conv2", "conv4", "conv5", "fc6", "fc7"),
    ),
    "glorot": (
        keras.initializers.GlorotNormal,
        0.1,
        ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7"),
    ),
    "he": (keras.initializers.HeNormal, 0.0, ()),
}
