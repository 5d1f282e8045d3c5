"""A small vision transformer."""

import keras
from keras import layers

from invariance_tf.networks.channels import (
    check_counts,
    check_dropout,
    check_image_size,
    scale_channels,
)


@keras.saving.register_keras_serializable(package="invariance_tf")
class PositionEmbedding(layers.Layer):
    """Adds a learned vector to each token, one for every position.

    They are drawn from a normal distribution of standard deviation 0.02.

    Call arguments:
        tokens: Float tensor of shape `(batch, num_tokens, channels)`.

    Reference:

    - [Dosovitskiy et al., 2021](https://arxiv.org/abs/2010.11929)

    Example:

    >>> import numpy as np
    >>> embed = PositionEmbedding()
    >>> tuple(embed(np.zeros((2, 64, 96))).shape)
    (2, 64, 96)
    """

    def build(self, tokens_shape):
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=tuple(tokens_shape[1:]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, tokens):
        return tokens + self.embeddings

    def compute_output_shape(self, tokens_shape):
        return tokens_shape


def vit_small(
    images,
    num_categories,
    *,
    weight_decay=0.0,
    patch=4,
    depth=6,
    width=1.0,
    dropout=0.0,
):
    """Adds a small vision transformer, with normalisation before each part.

    Square patches become tokens of 96 channels with learned positions. Each
    block adds to them self-attention of three heads of 32 channels and then
    a perceptron with GELU that is four times as wide, both of the normalised
    tokens. Instead of a class token, the last tokens are normalised and
    averaged, as Beyer et al. do: `global_pool`, the penultimate layer, whose
    activity is positive and negative. `block<number>_mlp1` holds the
    perceptrons' neurons. The sizes are ours; with 48 pixels and 40 categories
    it holds 0.69 million weights.

    Kernels are drawn from Glorot's uniform distribution, Keras' default and
    that of the original.

    Args:
        images: Floating-point tensor of shape `(batch, size, size, 3)`,
            standardised; `size` is two or more times `patch`.
        num_categories: Integer. Number of logits.
        weight_decay: Float >= 0. The loss gains `weight_decay / 2` times the
            sum of squares of all kernels.
        patch: Integer. Side of a patch in pixels.
        depth: Integer. Number of blocks.
        width: Float > 0. Multiplies the channels of every layer.
        dropout: Float in `[0, 1)`. Part of what each block adds that is
            dropped in training.

    Returns:
        A float32 tensor of logits of shape `(batch, num_categories)`.

    Raises:
        ValueError: If patches do not fill the images or an option is out of
            its range.

    Reference:

    - [Dosovitskiy et al., 2021](https://arxiv.org/abs/2010.11929)
    - [Beyer et al., 2022](https://arxiv.org/abs/2205.01580)

    Example:

    >>> images = keras.Input((32, 32, 3))
    >>> vit_small(images, num_categories=10).shape
    (None, 10)
    """
    check_counts(patch=patch, depth=depth)
    check_dropout(dropout)
    check_image_size(images, "vit_small", smallest=2 * patch)
    height, image_width = images.shape[1:3]
    if height % patch or image_width % patch:
        raise ValueError(
            "Patches must fill the images: `patch` must divide the image size, "
            f"{height}. Received: patch={patch}"
        )
    num_heads, (head_size,) = 3, scale_channels((32,), width)
    num_channels = num_heads * head_size
    decay = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    x = layers.Conv2D(
        num_channels, patch, patch, kernel_regularizer=decay, name="patches"
    )(images)
    x = layers.Reshape((-1, num_channels), name="tokens")(x)
    x = PositionEmbedding(name="positions")(x)
    for number in range(1, depth + 1):
        x = _block(x, num_heads, dropout, decay, f"block{number}")
    x = _normalise(x, "norm")
    x = layers.GlobalAveragePooling1D(name="global_pool")(x)
    return layers.Dense(
        num_categories, kernel_regularizer=decay, dtype="float32", name="logits"
    )(x)


def _block(tokens, num_heads, dropout, decay, name):
    num_channels = tokens.shape[-1]
    x = _normalise(tokens, f"{name}_norm1")
    x = layers.MultiHeadAttention(
        num_heads,
        num_channels // num_heads,
        kernel_regularizer=decay,
        name=f"{name}_attention",
    )(x, x)
    x = layers.Dropout(dropout, name=f"{name}_dropout1")(x)
    tokens = layers.Add(name=f"{name}_add1")([tokens, x])
    x = _normalise(tokens, f"{name}_norm2")
    x = layers.Dense(
        4 * num_channels,
        activation="gelu",
        kernel_regularizer=decay,
        name=f"{name}_mlp1",
    )(x)
    x = layers.Dense(
        num_channels, kernel_regularizer=decay, name=f"{name}_mlp2"
    )(x)
    x = layers.Dropout(dropout, name=f"{name}_dropout2")(x)
    return layers.Add(name=f"{name}_add2")([tokens, x])


def _normalise(x, name):
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)
