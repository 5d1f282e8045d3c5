"""Sets of TensorFlow Datasets with made-up images."""

import io
import os
import tarfile

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from invariance_tf.datasets.tfds.records import PLACE, RecordImages


def encode(pixels, format="PNG", **options):
    """Returns an array as an encoded image."""
    stream = io.BytesIO()
    mode = options.pop("mode", None)
    image = Image.fromarray(np.asarray(pixels, "uint8"))
    image.convert(mode or image.mode).save(stream, format, **options)
    return stream.getvalue()


def photo(height, width, seed=0):
    """Makes up an image with smooth areas and edges."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (8, 10, 3), "uint8")
    smooth = Image.fromarray(small).resize((width, height), Image.BICUBIC)
    pixels = np.array(smooth)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (250, 5, 90)
    return pixels


def write_images(path, contents, image_size, **options):
    """Writes encoded images one after the other; returns `RecordImages`."""
    sizes = np.array([len(content) for content in contents])
    places = np.zeros(len(contents), PLACE)
    places["offset"], places["size"] = np.cumsum(sizes) - sizes, sizes
    path.write_bytes(b"".join(contents))
    return RecordImages((str(path),), places, image_size, **options)


def prepare(data_dir, parts, names=None, num_shards=1, **info):
    """Prepares the set `made_up`, which is found by its files alone.

    Args:
        data_dir: Path, as given to `datasets.get`.
        parts: Dictionary from split to list of pairs of encoded image and
            label.
        names: List of the labels' names, or `None` where labels are texts.
        num_shards: Integer, record files per split.
        **info: Other arguments of `tfds.core.DatasetInfo`.
    """
    text = tfds.features.Text()
    label = tfds.features.ClassLabel(names=names) if names else text
    features = {"image": tfds.features.Image(), "label": label}
    info = {"supervised_keys": ("image", "label"), **info}

    with tfds.core.registered.skip_registration():

        class MadeUp(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                return tfds.core.DatasetInfo(
                    builder=self,
                    features=tfds.features.FeaturesDict(features),
                    **info,
                )

            def _split_generators(self, manager):
                return {part: self._generate_examples(part) for part in parts}

            def _generate_examples(self, part):
                for number, (content, label) in enumerate(parts[part]):
                    image = io.BytesIO(content)
                    yield number, {"image": image, "label": label}

    MadeUp(data_dir=data_dir).download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=num_shards)
    )


def write_imagenet(data_dir, num_validation=8, num_train=4):
    """Writes archives like ImageNet's, with images of their usual size.

    Args:
        data_dir: Path, as given to `datasets.get`.
        num_validation: Integer, number of the validation images.
        num_train: Integer, training images of each of their categories.

    Returns:
        List of the categories (WordNet's identifiers).
    """
    manual_dir = data_dir / "downloads" / "manual"
    manual_dir.mkdir(parents=True)
    listing = os.path.join(
        os.path.dirname(tfds.__file__),
        "datasets/imagenet2012/validation_labels.txt",
    )
    with open(listing) as file:
        categories = sorted(set(file.read().split()[:num_validation]))
    validation = {
        f"ILSVRC2012_val_{number + 1:08d}.JPEG": jpeg(number)
        for number in range(num_validation)
    }
    train = {
        f"{category}.tar": archive(
            {
                f"{category}_{number}.JPEG": jpeg(1000 * (label + 1) + number)
                for number in range(num_train)
            }
        )
        for label, category in enumerate(categories)
    }
    for part, contents in (("val", validation), ("train", train)):
        path = manual_dir / f"ILSVRC2012_img_{part}.tar"
        path.write_bytes(archive(contents))
    return categories


def jpeg(seed):
    """Makes up a JPEG of about 500 by 375 pixels, one in four upright."""
    generator = np.random.default_rng(seed)
    size = generator.integers(333, 400), generator.integers(480, 520)
    return encode(photo(*(size if seed % 4 else size[::-1]), seed), "JPEG")


def archive(contents):
    """Returns a tar file as bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
