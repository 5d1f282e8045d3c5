"""GoogLeNet, the first Inception network, with batch normalisation."""

import keras
from keras import layers

from invariance_tf.networks.channels import check_dropout, check_image_size
from invariance_tf.networks.normalization import BatchNormalization


def inception(images, num_categories, *, weight_decay=0.0, dropout=0.4):
    """Adds GoogLeNet with batch normalisation and without auxiliary outputs.

    Every convolution is followed by batch normalisation, with Keras' momentum
    of 0.99, and ReLU; this replaces the local response normalisation. The
    layers `inception_3a` to `inception_5b` hold the activities of the nine
    modules' neurons, and `<convolution>_relu` those of any convolution, such
    as `conv1_relu`. `global_pool`, of 1024 neurons, is the penultimate layer.

    Convolutions have no bias; their kernels are drawn from He's normal
    distribution, truncated at two standard deviations.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 32 pixels a side.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all kernels.
        dropout: Float in `[0, 1)`. Part of the penultimate neurons that is
            dropped in training.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the images are too small or `dropout` is out of range.

    Reference:

    - [Szegedy et al., 2015](https://arxiv.org/abs/1409.4842), table 1

    Example:

    >>> images = keras.Input((64, 64, 3))
    >>> inception(images, num_categories=10).shape
    (None, 10)
    """
    # It halves its images five times.
    check_image_size(images, "inception", smallest=32)
    check_dropout(dropout)
    decay = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    x = _convolution(images, 64, 7, decay, "conv1", strides=2)
    x = _halve(x, "pool1")
    x = _convolution(x, 64, 1, decay, "conv2_reduce")
    x = _convolution(x, 192, 3, decay, "conv2")
    x = _halve(x, "pool2")
    for name, num_filters in MODULES.items():
        x = _module(x, num_filters, decay, f"inception_{name}")
        if name in ("3b", "4e"):
            x = _halve(x, f"pool{name[0]}")
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(
        num_categories,
        kernel_regularizer=decay,
        dtype="float32",
        name="logits",
    )(x)


def _module(inputs, num_filters, decay, name):
    one, reduce_three, three, reduce_five, five, projection = num_filters

    def convolution(x, num_filters, kernel_size, suffix):
        return _convolution(
            x, num_filters, kernel_size, decay, f"{name}_{suffix}"
        )

    branches = [convolution(inputs, one, 1, "1x1")]
    x = convolution(inputs, reduce_three, 1, "3x3_reduce")
    branches.append(convolution(x, three, 3, "3x3"))
    x = convolution(inputs, reduce_five, 1, "5x5_reduce")
    branches.append(convolution(x, five, 5, "5x5"))
    x = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(
        inputs
    )
    branches.append(convolution(x, projection, 1, "pool_projection"))
    return layers.Concatenate(name=name)(branches)


def _convolution(x, num_filters, kernel_size, decay, name, strides=1):
    x = layers.Conv2D(
        num_filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(),
        kernel_regularizer=decay,
        name=name,
    )(x)
    x = BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _halve(x, name):
    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


# Channels of the 1x1 convolutions, of the reduction before the 3x3 ones, of
# these, of the reduction before the 5x5 ones, of these, and of the projection
# after the pooling: the rows of table 1.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
