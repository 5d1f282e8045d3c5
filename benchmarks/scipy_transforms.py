"""The transformations of SciPy: run by `transforms`.

Functions take and return images of shape `(batch, height, width, 3)`.
"""

import sys

import numpy as np
from scipy import ndimage

from benchmarks import transforms as ours

GENERATOR = np.random.default_rng(0)


def prepare(images):
    """Returns images as the functions take them."""
    return images.astype("float32")


def turn_gray(images):
    """Repeats the luma on three channels."""
    return np.repeat((images @ ours.LUMA)[..., None], 3, axis=-1)


def flip_hue(images):
    """Rotates the hue by half a turn."""
    brightest = images.max(axis=-1, keepdims=True)
    return brightest + images.min(axis=-1, keepdims=True) - images


def blur(images):
    """Convolves with a Gaussian."""
    return ndimage.gaussian_filter(
        images, ours.SIGMA, mode="mirror", radius=ours.RADIUS, axes=(1, 2)
    )


def sharpen(images):
    """Keeps edges."""
    kernel = ours.HIGHPASS[None, :, :, None]
    return ndimage.correlate(images, kernel, mode="mirror")


def differentiate(images, axis):
    """Keeps changes along height (1) or width (2)."""
    changes = ndimage.correlate1d(images, ours.CHANGE, axis, mode="mirror")
    return ndimage.correlate1d(changes, ours.SUM, 3 - axis, mode="mirror")


def add_noise(images):
    """Adds Gaussian noise."""
    noise = GENERATOR.standard_normal(images.shape, "float32")
    return images + np.float32(ours.STD) * noise


def add_salt_and_pepper(images):
    """Sets pixels to 0 or 255."""
    chance = GENERATOR.random((*images.shape[:-1], 1), "float32")
    images = np.where(chance < ours.AMOUNT / 2, np.float32(0), images)
    return np.where(chance >= 1 - ours.AMOUNT / 2, np.float32(255), images)


def thin(images):
    """Halves the width, which must be even.

    SciPy's own zoom is not antialiased.
    """
    triangle = np.array([1, 3, 3, 1], "float32") / 8
    thin = ndimage.correlate1d(images, triangle, 2, mode="constant")[:, :, 1::2]
    # Here an eighth of the triangle lies beyond the image.
    thin[:, :, [0, -1]] *= np.float32(8 / 7)
    left = (images.shape[2] - thin.shape[2]) // 2
    right = images.shape[2] - thin.shape[2] - left
    return np.pad(thin, [(0, 0), (0, 0), (left, right), (0, 0)])


FUNCTIONS = {
    "grayscale": turn_gray,
    "hue_rotation": flip_hue,
    "blur": blur,
    "highpass": sharpen,
    "horizontal": lambda x: differentiate(x, 2),
    "vertical": lambda x: differentiate(x, 1),
    "contrast_inversion": lambda x: 255 - x,
    "white_noise": add_noise,
    "salt_pepper": add_salt_and_pepper,
    # Turned views are not yet in the order of a batch.
    "rotate90": lambda x: np.ascontiguousarray(np.rot90(x, axes=(1, 2))),
    "rotate180": lambda x: np.ascontiguousarray(x[:, ::-1, ::-1]),
    "thinning": thin,
}

if __name__ == "__main__":
    ours.serve(FUNCTIONS, prepare, np.asarray, sys.argv[1])
