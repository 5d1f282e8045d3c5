"""Finds the images in the record files of TensorFlow Datasets."""

import collections
import hashlib
import json
import os

import numpy as np
import tensorflow as tf

from invariance_tf import foreign
from invariance_tf.datasets.images import decoding, image_cache
from invariance_tf.datasets.tfds.records import PLACE

# Part of the cache's key: raise it whenever an index can change.
VERSION = 2

# By image: `places` (see `PLACE`), `labels` into `names` (-1: unlabelled),
# `hashes` of the encoded images, `files` (their names), `splits`. `skipped`:
# pairs of file and reason.
Index = collections.namedtuple(
    "Index", "places labels names hashes files splits skipped"
)


def index_records(shards, image_key, label_key, names, cache_dir=None):
    """Lists the images of a prepared data set, with labels and hashes.

    All files are read once, and the list is kept in the cache until a file
    changes.

    Args:
        shards: Dictionary from split to a dictionary from the paths of its
            record files (TFRecord) to their numbers of records.
        image_key: String, the feature of the encoded image.
        label_key: String, the feature of the label.
        names: Tuple of the labels' names, or `None` if labels are texts.
        cache_dir: Path or `None`. See `image_cache.locate_cache`.

    Returns:
        An `Index`.

    Raises:
        ValueError: If a file is damaged.
    """
    described = [
        (
            split,
            path,
            num_records,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
        for split, of_split in shards.items()
        for path, num_records in of_split.items()
        for status in [os.stat(path)]
    ]
    key = image_cache.make_key(VERSION, image_key, label_key, names, described)

    def build(directory):
        index = _read_files(described, image_key, label_key, names)
        texts = [index.names, index.files, index.splits, index.skipped]
        np.savez(
            directory / "index.npz",
            places=index.places,
            labels=index.labels,
            hashes=index.hashes,
            texts=np.frombuffer(json.dumps(texts).encode(), "uint8"),
        )

    return image_cache.fetch_entry(
        cache_dir, f"records-{key}", _read_index, build
    )


def is_labelled(path, num_records, label_key):
    """Returns whether the first image of a record file has a label."""
    for _, record in _records(path, num_records):
        return _label(_features(record)[label_key]) != -1
    return False


def _features(record):
    return tf.train.Example.FromString(record).features.feature


def _label(feature):
    """Returns the label, a number or a text."""
    (label,) = [*feature.int64_list.value, *feature.bytes_list.value]
    return label.decode() if isinstance(label, bytes) else label


def _read_index(path):
    """Returns the index of an entry."""
    with np.load(path / "index.npz", allow_pickle=False) as arrays:
        names, files, splits, skipped = json.loads(arrays["texts"].tobytes())
        places, labels = arrays["places"], arrays["labels"]
        hashes = arrays["hashes"]
        return Index(places, labels, names, hashes, files, splits, skipped)


def _read_files(described, image_key, label_key, names):
    """Reads all files, several at a time."""

    def read(number):
        return _read_file(number, *described[number][:3], image_key, label_key)

    images, skipped = [], []
    num_files = len(described)
    with decoding.pillow_threads() as pool:
        found = pool.map(read, range(num_files))
        for of_file, unusable in decoding.track(
            found, "Reading records", num_files
        ):
            images += of_file
            skipped += unusable
    columns = zip(*images, strict=True) if images else [()] * 5
    places, labels, hashes, files, splits = columns
    # Some sets give several images one name.
    counts = collections.Counter(files)
    files = [
        f"{name}#{number}" if counts[name] > 1 else name
        for number, name in enumerate(files)
    ]
    if names is None:
        names = sorted({label for label in labels})
        number_of = {name: number for number, name in enumerate(names)}
        labels = [number_of[label] for label in labels]
    return Index(
        np.array([*places], PLACE),
        np.array(labels, "int32"),
        list(names),
        np.array(hashes, "S32"),
        list(files),
        list(splits),
        skipped,
    )


def _read_file(number, split, path, num_records, image_key, label_key):
    """Returns the images of one file, and those that cannot be used."""
    images, skipped = [], []
    records = _records(path, num_records)
    for position, (start, record) in enumerate(records):
        features = _features(record)
        content = features[image_key].bytes_list.value[0]
        name = f"{split}/{os.path.basename(path)}/{position}"
        if features["file_name"].bytes_list.value:
            own = features["file_name"].bytes_list.value[0]
            own = own.decode("utf-8", "surrogateescape")
            name = f"{split}/{foreign.escape_name(own)}"
        reason = _find_fault(content)
        if reason:
            skipped.append((name, reason))
            continue
        place = (number, start + record.index(content), len(content))
        digest = hashlib.sha256(content).hexdigest()[:32]
        images.append((place, _label(features[label_key]), digest, name, split))
    return images, skipped


def _records(path, num_records):
    """Yields the start and the bytes of each record of a TFRecord file."""
    start = num_read = 0
    try:
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            # Before it are its length and a checksum, after it another.
            yield start + 12, record
            start += 12 + len(record) + 4
            num_read += 1
    except tf.errors.DataLossError as error:
        raise ValueError(
            f"The record file {path} is damaged or cut off at byte {start} of "
            f"{os.path.getsize(path)}. Prepare the data set again."
        ) from error
    # A file that ends after a whole record is a legal one to TensorFlow.
    if num_read != num_records:
        raise ValueError(
            f"The record file {path} is damaged or cut off: it has {num_read} "
            f"records, not {num_records}. Prepare the data set again."
        )


def _find_fault(content):
    """Returns why an encoded image cannot be used, or `None`."""
    try:
        with decoding.open_image(content) as image:
            # The checksums of a PNG; no pixels can be read afterwards.
            image.verify()
        with decoding.open_image(content) as image:
            if image.mode == "CMYK":
                return "is a CMYK image"
            # What cannot be decoded would end a training. Damage to a JPEG
            # shows at an eighth of its size too.
            image.draft(None, (1, 1))
            image.load()
    except decoding.UnusableImageError as error:
        return str(error)
    return None
