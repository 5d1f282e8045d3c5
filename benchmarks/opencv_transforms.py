"""The transformations of OpenCV: run by `transforms`.

Functions take and return a float image of shape `(height, width, 3)`.
"""

import os
import sys
from concurrent import futures

import cv2
import numpy as np

from benchmarks import transforms as ours

MIRRORED = {"borderType": cv2.BORDER_REFLECT_101}


def prepare(images):
    """Returns images as the functions take them."""
    return images.astype("float32")


def turn_gray(image):
    """Repeats the luma on three channels."""
    # OpenCV's own luma has weights of three digits.
    return cv2.cvtColor(
        cv2.transform(image, ours.LUMA[None]), cv2.COLOR_GRAY2RGB
    )


def flip_hue(image):
    """Rotates the hue by half a turn."""
    hue, *others = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    # The way back takes angles beyond a whole turn.
    image = cv2.merge([cv2.add(hue, 180), *others])
    return cv2.cvtColor(image, cv2.COLOR_HSV2RGB)


def blur(image):
    """Convolves with a Gaussian."""
    size = 2 * ours.RADIUS + 1
    return cv2.GaussianBlur(image, (size, size), ours.SIGMA, **MIRRORED)


def add_noise(image):
    """Adds Gaussian noise."""
    noise = cv2.randn(np.empty_like(image), (0,) * 3, (ours.STD,) * 3)
    return cv2.add(image, noise)


def add_salt_and_pepper(image):
    """Sets pixels to 0 or 255."""
    chance = cv2.randu(np.empty(image.shape[:2], "float32"), 0, 1)
    image = image.copy()
    image[chance < ours.AMOUNT / 2] = 0
    image[chance >= 1 - ours.AMOUNT / 2] = 255
    return image


def thin(image):
    """Halves the width.

    OpenCV has no antialiased bilinear filter; averages over areas are nearest
    to it.
    """
    height, width, _ = image.shape
    thin = cv2.resize(image, (width // 2, height), interpolation=cv2.INTER_AREA)
    left = (width - thin.shape[1]) // 2
    right = width - thin.shape[1] - left
    return cv2.copyMakeBorder(thin, 0, 0, left, right, cv2.BORDER_CONSTANT)


FUNCTIONS = {
    "grayscale": turn_gray,
    "hue_rotation": flip_hue,
    "blur": blur,
    "highpass": lambda x: cv2.filter2D(x, -1, ours.HIGHPASS, **MIRRORED),
    "horizontal": lambda x: cv2.sepFilter2D(
        x, -1, ours.CHANGE, ours.SUM, **MIRRORED
    ),
    "vertical": lambda x: cv2.sepFilter2D(
        x, -1, ours.SUM, ours.CHANGE, **MIRRORED
    ),
    "contrast_inversion": lambda x: 255 - x,
    "white_noise": add_noise,
    "salt_pepper": add_salt_and_pepper,
    "rotate90": lambda x: cv2.rotate(x, cv2.ROTATE_90_COUNTERCLOCKWISE),
    "rotate180": lambda x: cv2.rotate(x, cv2.ROTATE_180),
    "thinning": thin,
}


def by_image(pool, num_threads, function):
    """Returns a function of a batch that gives a list of images."""

    def work(images):
        parts = pool.map(
            lambda part: [function(image) for image in part],
            np.array_split(images, num_threads),
        )
        return sum(parts, [])

    return work


if __name__ == "__main__":
    # An image is too small for OpenCV's own threads: each has some images.
    cv2.setNumThreads(1)
    num_threads = os.cpu_count()
    with futures.ThreadPoolExecutor(num_threads) as pool:
        functions = {
            name: by_image(pool, num_threads, function)
            for name, function in FUNCTIONS.items()
        }
        ours.serve(functions, prepare, np.stack, sys.argv[1])
