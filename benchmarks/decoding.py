"""Shows how many images per second are decoded for training.

`python -m benchmarks decoding` reads JPEGs of ImageNet's usual size, 500 by
375 pixels and about 105 kB, crops them at random and resizes them to 224
pixels, as streamed sets are read (`pipeline`), and draws batches of 100 pixels
from images in memory (`in_memory`); next to them the bare training steps of
ResNet-18 and AlexNet on batches as large.
"""

import io
import os
import statistics
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from benchmarks import contest

BATCH = 32
NUM_PHOTOS = 128
IN_MEMORY = 50 * BATCH


def make_photo(generator, width=500, height=375):
    """Makes up an image of noise of all sizes, as photographs have it."""
    image = np.zeros((height, width, 3))
    for octave in range(8):
        shape = (height >> octave) + 2, (width >> octave) + 2, 3
        noise = generator.normal(size=shape)
        # Photographs are more grey than coloured.
        noise = noise.mean(axis=-1, keepdims=True) + 0.5 * noise
        for channel, values in enumerate(np.moveaxis(noise, -1, 0)):
            plane = Image.fromarray(values.astype("float32"))
            plane = plane.resize((width, height), Image.Resampling.BICUBIC)
            image[..., channel] += 2 ** (octave / 2) * np.asarray(plane)
    image = 120 + 60 * image / image.std()
    image += generator.normal(0, 20, image.shape)
    return image.clip(0, 255).astype("uint8")


def write_images(directory, num_images):
    """Writes JPEGs and where they lie; returns their bytes on average.

    There are `NUM_PHOTOS` of them, each read several times.
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
    return np.mean(sizes)


def open_images(directory):
    """Returns the images as the package reads them from records."""
    from invariance_tf.datasets.tfds.records import PLACE, RecordImages

    found = np.load(os.path.join(directory, "places.npy"))
    places = np.zeros(len(found), PLACE)
    places["offset"], places["size"] = found.T
    paths = (os.path.join(directory, "images"),)
    return RecordImages(paths, places, 224, crops="resnet")


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


def main():
    """Prints and writes a table."""
    parser = contest.make_parser(__doc__, repeats=5, num_served=2)
    parser.add_argument("--num_images", type=int, default=2048)
    arguments = parser.parse_args()
    if arguments.serve:
        way, directory = arguments.serve
        images, _, _ = contest.make_batch(IN_MEMORY, 100, 1)
        if way == "pipeline":
            images = open_images(directory)
        contest.serve(read_batches(images))
        return
    here = [sys.executable, "-m", "benchmarks.decoding", "--serve"]
    step = [sys.executable, "-m", "benchmarks.training_step", "--serve"]
    with tempfile.TemporaryDirectory() as directory:
        size = write_images(directory, arguments.num_images)
        sys.stdout.write(f"JPEGs of {size / 1e3:.0f} kB on average\n")
        commands = {
            "pipeline": [*here, "pipeline", directory],
            "resnet18_224": [*step, "resnet18_224", "float32"],
            "in_memory": [*here, "in_memory", directory],
            "alexnet": [*step, "alexnet", "float32"],
        }
        seconds = contest.compete(commands, arguments.repeats)
    num_images = {"pipeline": arguments.num_images, "in_memory": IN_MEMORY}
    rows = [
        {
            "contender": name,
            "images_per_second": round(
                num_images.get(name, BATCH) / statistics.median(measured), 1
            ),
            "repeats": len(measured),
        }
        for name, measured in seconds.items()
    ]
    contest.report_rows(
        rows, "{contender}: {images_per_second} images/s", arguments.out
    )


if __name__ == "__main__":
    main()
