"""Synthetic faces: a data set of any size that needs no download."""

import concurrent.futures
import functools
import os

import numpy as np

from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.images.selection import check_integer
from invariance_tf.datasets.synthfaces import drawing, traits

# What random numbers are for; the third part of their key.
IDENTITY, TEST, TRAINING = range(3)
# So many are drawn at once: few enough for the processor's cache, enough for
# Python's overhead not to matter.
CHUNK_PIXELS = 100_000
# Standard deviation of the sensor's noise; 255 is white.
NOISE = 6.0


def load_synthfaces(
    image_size=48, num_categories=40, num_train=60, num_test=30, data_seed=0
):
    """Draws colour faces of invented people.

    A person differs from others in about 65 numbers, from the width of the
    jaw to the slant of the brows, less in colours. Each image has its own
    pose, expression, light, background, clothes and noise.

    The same arguments give the same pixels on every machine. Person k and
    that person's n-th test or training image do not depend on how many people
    or images are generated, nor, but for the noise, on their size.

    Args:
        image_size: Integer from 32 to 224. Height and width of the images, in
            pixels.
        num_categories: Integer from 1 to 1000. Number of people.
        num_train: Integer > 0. Number of training images of each person.
        num_test: Integer > 0. Number of test images of each person.
        data_seed: Integer from 0 to 4294967295. Other seeds give other
            people.

    Returns:
        A `Dataset` with the categories "face_000", "face_001" and so on.

    Raises:
        ValueError: If an argument is not legal.

    Example:

    >>> dataset = load_synthfaces(num_categories=2, num_train=3, num_test=1)
    >>> dataset.images.shape
    (8, 48, 48, 3)
    >>> dataset.is_test[:4]
    array([ True, False, False, False])
    """
    check_integer("image_size", image_size, 32, 224)
    check_integer("num_categories", num_categories, 1, 1000)
    check_integer("num_train", num_train, 1)
    check_integer("num_test", num_test, 1)
    check_integer("data_seed", data_seed, 0, 2**32 - 1)
    return _draw(image_size, num_categories, num_train, num_test, data_seed)


def count_categories(num_categories=40, **options):
    """Returns the number of people of `load_synthfaces(**options)`."""
    check_integer("num_categories", num_categories, 1, 1000)
    return num_categories


# The experiments of a process share them: nothing but the arguments
# determines the pixels, and no one can change them.
@functools.lru_cache(maxsize=2)
def _draw(image_size, num_categories, num_train, num_test, data_seed):
    """Returns the data set of checked arguments."""
    members = [(TEST, index) for index in range(num_test)]
    members += [(TRAINING, index) for index in range(num_train)]
    keys = [
        (data_seed, category, *member)
        for category in range(num_categories)
        for member in members
    ]
    images = _draw_images(keys, image_size)
    labels = np.repeat(np.arange(num_categories, dtype="int32"), len(members))
    is_test = np.tile(np.arange(len(members)) < num_test, num_categories)
    return Dataset(
        name="synthfaces",
        images=images,
        labels=labels,
        is_test=is_test,
        categories=tuple(
            f"face_{label:03d}" for label in range(num_categories)
        ),
    )


def _draw_images(keys, image_size):
    """Returns the images of keys `(data_seed, category, purpose, index)`."""
    images = np.empty((len(keys), image_size, image_size, 3), "uint8")
    size = max(1, CHUNK_PIXELS // image_size**2)
    starts = range(0, len(keys), size)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = pool.map(
            lambda start: _draw_chunk(keys[start : start + size], image_size),
            starts,
        )
        for start, chunk in zip(starts, chunks, strict=True):
            images[start : start + size] = chunk
    return images


def _draw_chunk(keys, image_size):
    """Returns a uint8 array with one image for each key."""
    generators = [_generator(*key) for key in keys]
    people = {
        person: _generator(*person, IDENTITY, 0).random(len(traits.IDENTITY))
        for person in {key[:2] for key in keys}
    }
    num_scene = len(traits.SCENE)
    face = traits.derive_faces(
        np.stack([people[key[:2]] for key in keys]),
        np.stack([_deviations(generator) for generator in generators]),
        np.stack(
            [generator.random((num_scene, 3)) for generator in generators]
        ),
    )
    pixels = drawing.draw_faces(face, image_size)
    for image, generator in zip(pixels, generators, strict=True):
        image += _noise(generator, image.shape)
    pixels += 0.5
    np.clip(pixels, 0.0, 255.0, out=pixels)
    return np.moveaxis(pixels.astype("uint8"), 1, -1)


def _generator(*key):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _deviations(generator):
    """Draws nearly normal numbers of mean 0 and standard deviation 1.

    They are sums of four uniform numbers: normal ones would take logarithms
    and exponentials, which differ between machines.
    """
    first, second, third, fourth = generator.random((4, len(traits.NUISANCES)))
    return (first + second + third + fourth - 2.0) * 1.7320508


def _noise(generator, shape):
    """Draws the sensor's noise: sums of four uniform bytes."""
    num_values = shape[0] * shape[1] * shape[2]
    words = generator.bit_generator.random_raw(2 * -(-num_values // 4))
    # Bytes are added in pairs within each word, then words in pairs.
    mask = np.uint64(0x00FF00FF00FF00FF)
    pairs = (words & mask) + ((words >> np.uint64(8)) & mask)
    sums = pairs[::2] + pairs[1::2]
    sums = sums.astype("<u8", copy=False).view("<u2")[:num_values]
    # A uniform byte has the mean 127.5 and the variance 65535 / 12.
    noise = sums.astype("float32") - 510.0
    noise *= NOISE / 147.8
    return noise.reshape(shape)
