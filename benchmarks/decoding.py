"""Compares what is read for training with Pillow's and PyTorch's reading.

`python -m benchmarks.decoding` reads JPEGs of ImageNet's usual size, 500 by
375 pixels and about 105 kB, crops them at random and resizes them to 224
pixels: as streamed sets are (`pipeline`), the same with cropping after all is
decoded (`crop_last`), with Pillow in threads, and in PyTorch's `DataLoader`
with Pillow in its processes. `--torch_python` is a Python with torch, NumPy
and Pillow, in an environment of its own.

Then it draws batches of 100 pixels from images in memory (`in_memory`), beside
AlexNet's bare training step on such a batch (`alexnet`).

Pillow's windows are drawn beforehand. Its bilinear filter is antialiased, ours
for these crops is not, as in TensorFlow's official ResNet. `Image.draft`,
which decodes fewer pixels of strongly reduced images, is not used.
"""

import argparse
import concurrent.futures
import io
import itertools
import os
import statistics
import sys
import tempfile
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from benchmarks import contest

IMAGE_SIZE = 224
BATCH = 32
NUM_PHOTOS = 128
IN_MEMORY = 50 * BATCH
STREAMED = ("pipeline", "crop_last", "pillow")


def make_photo(generator, width=500, height=375):
    """Makes up an image of noise of all sizes, as photographs have it."""
    image = np.zeros((height, width, 3))
    for octave in range(8):
        shape = (height >> octave) + 2, (width >> octave) + 2, 3
        noise = generator.normal(size=shape)
        # Photographs are more grey than coloured.
        noise = noise.mean(axis=-1, keepdims=True) + 0.5 * noise
        noise = np.stack(
            [
                Image.fromarray(channel).resize((width, height), Image.BICUBIC)
                for channel in np.moveaxis(noise.astype("float32"), -1, 0)
            ],
            axis=-1,
        )
        image += 2 ** (octave / 2) * noise
    image = (
        120 + 60 * image / image.std() + generator.normal(0, 20, image.shape)
    )
    return image.clip(0, 255).astype("uint8")


def make_images(directory, num_images):
    """Writes JPEGs, where they lie and the windows to crop.

    There are `NUM_PHOTOS` of them, each read several times.

    Returns:
        Float, their bytes on average.
    """
    generator = np.random.default_rng(0)
    sizes = []
    with open(os.path.join(directory, "images"), "wb") as file:
        for _ in range(NUM_PHOTOS):
            stream = io.BytesIO()
            photo = Image.fromarray(make_photo(generator))
            photo.save(stream, "JPEG", quality=90)
            sizes.append(file.write(stream.getvalue()))
    places = np.transpose([np.cumsum(sizes) - sizes, sizes])
    places = places[np.arange(num_images) % NUM_PHOTOS]
    np.save(os.path.join(directory, "places.npy"), places)
    np.save(os.path.join(directory, "windows.npy"), draw_windows(num_images))
    return np.mean(sizes)


def draw_windows(num_images):
    """Draws left, top, right and bottom as the pipeline does."""
    from invariance_tf.datasets.tfds.records import RecordImages

    images = RecordImages((), np.zeros(0), IMAGE_SIZE, crops="resnet")
    windows = []
    for seed in range(num_images):
        top, left, height, width = images._window([375, 500, 3], (seed, 0))
        windows.append((left, top, left + width, top + height))
    return np.array(windows)


def open_images(directory):
    """Returns the images as the package reads them from records."""
    from invariance_tf.datasets.tfds.records import PLACE, RecordImages

    found = np.load(os.path.join(directory, "places.npy"))
    places = np.zeros(len(found), PLACE)
    places["offset"], places["size"] = found.T
    paths = (os.path.join(directory, "images"),)
    return RecordImages(paths, places, IMAGE_SIZE, crops="resnet")


def read_batches(images):
    """Returns a function that draws an epoch of training images."""
    from invariance_tf.paradigm import pipeline

    labels = np.arange(len(images)) % 10
    batches = pipeline.training_batches(
        images, labels, np.zeros(10, bool), batch_size=BATCH, seed=0
    ).take(-(-len(images) // BATCH))

    def work():
        for _ in batches:
            pass

    return work


def read_cropping_last(images):
    """Returns the same function with cropping of whole decoded images."""
    import tensorflow as tf

    def decode_whole(content, window, **options):
        top, left, height, width = tf.unstack(window)
        image = tf.image.decode_jpeg(content, **options)
        return image[top : top + height, left : left + width]

    # The batches are traced at once.
    with mock.patch.object(tf.image, "decode_and_crop_jpeg", decode_whole):
        return read_batches(images)


def read_with_pillow(directory):
    """Returns a function that reads all images in threads."""
    photos = Photos(directory)
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

    def work():
        images = pool.map(photos.__getitem__, range(len(photos)))
        while batch := [*itertools.islice(images, BATCH)]:
            np.stack(batch)

    return work


class Photos:
    """Reads the images with Pillow, by position."""

    def __init__(self, directory):
        self._path = os.path.join(directory, "images")
        self._places = np.load(os.path.join(directory, "places.npy"))
        self._windows = np.load(os.path.join(directory, "windows.npy"))

    def __len__(self):
        return len(self._places)

    def __getitem__(self, number):
        offset, size = self._places[number]
        with open(self._path, "rb") as file:
            file.seek(offset)
            image = Image.open(io.BytesIO(file.read(size))).convert("RGB")
        image = image.resize(
            (IMAGE_SIZE, IMAGE_SIZE),
            Image.Resampling.BILINEAR,
            box=tuple(self._windows[number]),
        )
        if number % 2:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.array(image)


def read_from_memory():
    """Returns a function that draws images of an array."""
    generator = np.random.default_rng(0)
    shape = (IN_MEMORY, 100, 100, 3)
    return read_batches(generator.integers(0, 256, shape, "uint8"))


def make_work(way, directory):
    """Returns what a contender does."""
    return {
        "pipeline": lambda: read_batches(open_images(directory)),
        "crop_last": lambda: read_cropping_last(open_images(directory)),
        "pillow": lambda: read_with_pillow(directory),
        "in_memory": read_from_memory,
    }[way]()


def compare(commands, num_images, reference, repeats):
    """Returns a row of the table for each contender that can run here."""
    seconds = {
        name: [value / num_images[name] for value in values]
        for name, values in contest.compete(commands, repeats).items()
    }
    for name in [name for name, values in seconds.items() if not values]:
        sys.stdout.write(f"{name} cannot run here and is left out.\n")
        del seconds[name]
    return [
        {
            "contender": name,
            "images_per_second": round(1 / statistics.median(values), 1),
            "reference": reference,
            "reference_to_this": round(
                contest.ratio(seconds, reference, name), 3
            ),
            "repeats": repeats,
        }
        for name, values in seconds.items()
    ]


def main():
    """Prints and writes two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_images", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--torch_python", default=sys.executable, help="a Python with PyTorch"
    )
    parser.add_argument("--out", help="CSV file to append to")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        contest.serve(make_work(*arguments.serve))
        return
    program = [sys.executable, "-m"]
    serve = [*program, "benchmarks.decoding", "--serve"]
    step = [*program, "benchmarks.training_step", "--serve"]
    with tempfile.TemporaryDirectory() as directory:
        size = make_images(directory, arguments.num_images)
        sys.stdout.write(f"JPEGs of {size / 1e3:.0f} kB on average\n")
        commands = {way: [*serve, way, directory] for way in STREAMED}
        commands["torch"] = [
            *(arguments.torch_python, "-m", "benchmarks.torch_decoding"),
            directory,
        ]
        num_images = dict.fromkeys(commands, arguments.num_images)
        rows = compare(commands, num_images, "pipeline", arguments.repeats)
    commands = {
        "in_memory": [*serve, "in_memory", ""],
        "alexnet": [*step, "alexnet", "float32"],
    }
    num_images = {"in_memory": IN_MEMORY, "alexnet": BATCH}
    rows += compare(commands, num_images, "in_memory", arguments.repeats)
    for row in rows:
        sys.stdout.write(
            "{contender}: {images_per_second} images/s; {reference} is "
            "{reference_to_this} x as fast\n".format(**row)
        )
    contest.write(arguments.out, rows, arguments.torch_python)


if __name__ == "__main__":
    main()
