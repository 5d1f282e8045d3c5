"""A small ConvNeXt."""

import functools

import keras
from keras import layers

from invariance_tf.networks.channels import check_image_size, scale_channels


def convnext_small(
    images, num_categories, *, weight_decay=0.0, depths=(2, 2, 2), width=1.0
):
    """Adds a small ConvNeXt of three stages.

    A stem cuts the images into patches of 4 x 4 pixels, and each further
    stage begins by halving the images. A block adds to its input: a depthwise
    convolution of 7 x 7, layer normalisation, and a perceptron at each
    position with GELU that is four times as wide, `stage<n>_block<m>_mlp1`.
    The pooled activity is normalised: `norm`, the penultimate layer, whose
    activity is positive and negative. The channels, 32, 64 and 128, are ours;
    with 40 categories it holds 0.42 million weights.

    Layer scale and stochastic depth are left out: they are for deep networks.
    Kernels are drawn from a normal distribution of standard deviation 0.02,
    truncated at two standard deviations.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised, with at least 16 pixels a side.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all kernels.
        depths: Sequence of integers, the number of blocks of each stage.
        width: Float > 0. Multiplies the channels of every layer.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If the images are too small or an option is out of its
            range.

    Reference:

    - [Liu et al., 2022](https://arxiv.org/abs/2201.03545)

    Example:

    >>> images = keras.Input((32, 32, 3))
    >>> convnext_small(images, num_categories=10).shape
    (None, 10)
    """
    if not depths or any(type(n) is not int or n < 1 for n in depths):
        raise ValueError(
            "`depths` lists the blocks of each stage, at least 1 each. "
            f"Received: depths={depths}"
        )
    check_image_size(images, "convnext_small", smallest=2 ** (len(depths) + 1))
    channels = scale_channels([32 * 2**n for n in range(len(depths))], width)
    options = functools.partial(_kernel, weight_decay)
    x = layers.Conv2D(channels[0], 4, 4, name="stem", **options())(images)
    x = _normalise(x, "stem_norm")
    stages = enumerate(zip(channels, depths, strict=True), start=1)
    for stage, (num_channels, depth) in stages:
        if stage > 1:
            name = f"stage{stage}_half"
            x = _normalise(x, f"{name}_norm")
            x = layers.Conv2D(num_channels, 2, 2, name=name, **options())(x)
        for number in range(1, depth + 1):
            x = _block(x, f"stage{stage}_block{number}", options)
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    x = _normalise(x, "norm")
    return layers.Dense(
        num_categories, dtype="float32", name="logits", **options()
    )(x)


def _kernel(weight_decay, kind="kernel"):
    """Returns the options of a layer, whose random numbers are its own."""
    return {
        f"{kind}_initializer": keras.initializers.TruncatedNormal(stddev=0.02),
        f"{kind}_regularizer": (
            keras.regularizers.L2(weight_decay / 2) if weight_decay else None
        ),
    }


def _block(inputs, name, options):
    num_channels = inputs.shape[-1]
    x = layers.DepthwiseConv2D(
        7,
        padding="same",
        name=f"{name}_depthwise",
        **options("depthwise"),
    )(inputs)
    x = _normalise(x, f"{name}_norm")
    x = layers.Dense(
        4 * num_channels, activation="gelu", name=f"{name}_mlp1", **options()
    )(x)
    x = layers.Dense(num_channels, name=f"{name}_mlp2", **options())(x)
    return layers.Add(name=f"{name}_add")([inputs, x])


def _normalise(x, name):
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)
