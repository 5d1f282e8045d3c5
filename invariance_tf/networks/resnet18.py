"""ResNet-18 as in the official TensorFlow implementation."""

import keras
from keras import layers

from invariance_tf.networks.channels import check_image_size
from invariance_tf.networks.normalization import BatchNormalization


def resnet18(images, num_categories, *, weight_decay=0.0):
    """Adds ResNet-18, version 1, with a projection shortcut in every group.

    After `conv1` and a max-pooling follow four groups of two blocks, with 64,
    128, 256 and 512 channels. The activities of a block's neurons are the
    outputs of its layers `block<group>_<block>_relu1` and, after the
    addition, `block<group>_<block>_relu`. `global_pool`, of 512 neurons, is
    the penultimate layer.

    Strided convolutions pad all four sides alike, whatever the image size.
    Convolutions have no bias; their kernels are drawn with a variance of one
    over the number of inputs.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 32 pixels a side. ImageNet has 224.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all weights but those of batch normalisation;
            the official one is 1e-4.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the images are too small.

    Reference:

    - [He et al., 2016](https://arxiv.org/abs/1512.03385)
    - `official/r1/resnet/resnet_model.py` of
      [TensorFlow's models](https://github.com/tensorflow/models)

    Example:

    >>> images = keras.Input((64, 64, 3))
    >>> resnet18(images, num_categories=10).shape
    (None, 10)
    """
    # It halves its images five times.
    check_image_size(images, "resnet18", smallest=32)
    decay = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    x = _convolution(images, 64, 7, 2, decay, "conv1")
    x = _batch_normalisation(x, "conv1_bn")
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    for group, num_filters in enumerate((64, 128, 256, 512), start=1):
        for block in (1, 2):
            strides = 2 if group > 1 and block == 1 else 1
            name = f"block{group}_{block}"
            x = _block(x, num_filters, strides, block == 1, decay, name)
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    return layers.Dense(
        num_categories,
        kernel_regularizer=decay,
        bias_regularizer=decay,
        dtype="float32",
        name="logits",
    )(x)


def _block(inputs, num_filters, strides, is_projected, decay, name):
    shortcut = inputs
    if is_projected:
        shortcut = _convolution(
            inputs, num_filters, 1, strides, decay, f"{name}_projection"
        )
        shortcut = _batch_normalisation(shortcut, f"{name}_projection_bn")
    x = _convolution(inputs, num_filters, 3, strides, decay, f"{name}_conv1")
    x = _batch_normalisation(x, f"{name}_bn1")
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, num_filters, 3, 1, decay, f"{name}_conv2")
    x = _batch_normalisation(x, f"{name}_bn2")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _convolution(x, num_filters, kernel_size, strides, decay, name):
    # With "same", the padding of a strided convolution would be lopsided, and
    # differently so for even and odd image sizes.
    if strides > 1 and kernel_size > 1:
        x = layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        num_filters,
        kernel_size,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(),
        kernel_regularizer=decay,
        name=name,
    )(x)


def _batch_normalisation(x, name):
    return BatchNormalization(momentum=0.997, epsilon=1e-5, name=name)(x)
