"""The noise family: fresh random values at every pass."""

import keras
import numpy as np
from keras import ops

from invariance_tf.transforms.transform import Transform, shape_like


class _Noise(Transform):
    """Holds the random state of a noise, which is fresh at every pass."""

    family = "noise"

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="invariance_tf")
class WhiteNoise(_Noise):
    """Adds independent Gaussian noise to every value.

    Args:
        std: Float above 0 and at most 10000. Standard deviation of the noise,
            in grey levels.
        clip: Boolean. Whether to clip the result to 0..255.
        seed: Integer or `None`. Seed of the noise.
    """

    def __init__(self, std, clip=False, **kwargs):
        super().__init__(**kwargs)
        # Beyond, nothing is left of the image, and float32 ends somewhere.
        if not 0 < std <= 10_000:
            raise ValueError(
                "`std` is a standard deviation in grey levels and must be "
                f"above 0 and at most 10000. Received: std={std}"
            )
        self.std = std
        self.clip = clip

    def transform(self, images):
        noise = keras.random.normal(
            ops.shape(images),
            stddev=self.std,
            dtype="float32",
            seed=self.seed_generator,
        )
        images = images + noise
        return ops.clip(images, 0.0, 255.0) if self.clip else images

    def get_config(self):
        return {**super().get_config(), "std": self.std, "clip": self.clip}


@keras.saving.register_keras_serializable(package="invariance_tf")
class SaltPepper(_Noise):
    """Sets a share of the pixels to 0 or 255 with equal chance.

    The others stay as they are, also beyond 0..255.

    Args:
        amount: Float in (0, 1]. Probability that a pixel is replaced.
        per_channel: Boolean. Whether the channels of a pixel are replaced
            independently instead of together.
        seed: Integer or `None`. Seed of the noise.
    """

    def __init__(self, amount=0.5, per_channel=False, **kwargs):
        super().__init__(**kwargs)
        if not 0 < amount <= 1:
            raise ValueError(
                "`amount` is the probability that a pixel is replaced and "
                f"must be in (0, 1]. Received: amount={amount}"
            )
        self.amount = amount
        self.per_channel = per_channel

    def transform(self, images):
        num_channels = images.shape[-1]
        channels = num_channels if self.per_channel else 1
        shape = (*ops.shape(images)[:-1], channels)
        chance = keras.random.uniform(
            shape, dtype="float32", seed=self.seed_generator
        )
        is_black = ops.cast(chance < self.amount / 2, "float32")
        is_white = ops.cast(chance >= 1 - self.amount / 2, "float32")
        # The new value, or -1 where a pixel stays.
        values = 256.0 * is_white + is_black - 1.0
        values = ops.reshape(values, (-1, channels))
        if not self.per_channel:
            values = ops.matmul(values, np.ones((1, num_channels), "float32"))
        # In one axis: twice as fast as in four.
        values, flat = ops.reshape(values, (-1,)), ops.reshape(images, (-1,))
        return shape_like(ops.where(values < 0, flat, values), images)

    def get_config(self):
        return {
            **super().get_config(),
            "amount": self.amount,
            "per_channel": self.per_channel,
        }
