"""Any image-classification set of TensorFlow Datasets, ImageNet among them.

ImageNet is the `imagenet2012` of TensorFlow Datasets (Appendix B), which is
prepared once from the archives that its authors give out.
"""

import dataclasses
import hashlib
import json

import numpy as np
import PIL

from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.images import decoding, image_cache, selection
from invariance_tf.datasets.images.fingerprint import fingerprint

# Decoded images of more bytes are not kept: they are decoded when read.
MOST_BYTES = 4 * 2**30
CROPS = ("central", "resnet")


def tfds(
    builder,
    data_dir=None,
    image_size=64,
    central_crop=1.0,
    min_images=None,
    max_images=None,
    categories_file=None,
    num_test=None,
    stream=None,
    crops="central",
    cache_dir=None,
):
    """Reads an image-classification set of TensorFlow Datasets.

    A set that is not prepared yet is downloaded and prepared, if its authors
    allow it. Its part `train` is for training; for testing is its part `test`,
    else `validation`, whichever has labels first, else the first images of
    each category. Other parts are not used.

    All records are read once, to find the images, their labels and hashes.

    Args:
        builder: String, the name in TensorFlow Datasets, such as `cifar100`
            or `imagenet_resized/64x64`.
        data_dir: Path of the directory of prepared sets, or `None` for that
            of TensorFlow Datasets, `~/tensorflow_datasets`.
        image_size: Integer from 16 to 1024. Height and width of the images,
            in pixels.
        central_crop: Float in (0, 1]. See `folder`.
        min_images: Integer, or `None`. Categories with fewer images, test
            images included, are left out.
        max_images: Integer, or `None` for all. Number of images to take from
            a category, test images included.
        categories_file: Path of a text file with one category per line, or
            `None` for all. See `folder`.
        num_test: Integer > 0, or `None` for the whole test part; where the set
            has none, for 10. Number of test images of each category.
        stream: Boolean: whether to decode images whenever they are read, or
            once, to be kept on disk; `None`: stream above 4 GiB.
        crops: `"central"` or `"resnet"`. See `records.RecordImages`.
        cache_dir: Path of the directory for decoded images. See `folder`.

    Returns:
        A `Dataset`; its images are a read-only memory map, or
        `records.RecordImages`.

    Raises:
        ValueError: If there is no such set, if it is not one of images with
            labels, or if an option is not legal.
        FileNotFoundError: If archives are missing that cannot be downloaded.
        OSError: If a download fails.
    """
    # These load TensorFlow, which other data sets do not need.
    from invariance_tf.datasets.tfds import builders, record_index

    if crops not in CROPS:
        raise ValueError(
            f"`crops` must be {' or '.join(CROPS)}. Received: crops={crops!r}"
        )
    prepared = builders.prepare(builder, data_dir)
    image_key, label_key, names = builders.keys(prepared)
    shards = builders.shards(prepared, label_key)
    index = record_index.find(shards, image_key, label_key, names, cache_dir)
    has_test = len(shards) > 1
    uses_whole_test = has_test and num_test is None
    if num_test is None:
        num_test = 1 if has_test else 10
    chosen = selection.Selection(
        image_size, central_crop, min_images, max_images, num_test
    )
    parts = _choose(index, chosen, uses_whole_test, categories_file)
    num_images = sum(len(test) + len(train) for test, train in parts.values())
    if stream is None:
        stream = num_images * image_size**2 * 3 > MOST_BYTES
    if crops != "central" and not stream:
        raise ValueError(
            f"`crops` can be {crops} only where images are decoded anew each "
            f"time: use --stream true. Received: stream={stream}, crops={crops}"
        )
    paths = tuple(path for split in shards.values() for path in split)
    if stream:
        return _stream(paths, index, parts, chosen, crops)
    return _keep(paths, index, parts, chosen, cache_dir)


def imagenet(
    data_dir=None,
    image_size=224,
    central_crop=224 / 256,
    min_images=None,
    max_images=None,
    categories_file=None,
    num_test=None,
    stream=True,
    crops="resnet",
    cache_dir=None,
):
    """Reads ImageNet as TensorFlow's official ResNet does (row N8b).

    In training a random area is cropped and half of the images are mirrored;
    in testing the middle 224 of 256 pixels of the shorter side are kept.

    Args:
        data_dir: Path of the directory of prepared sets. See `tfds`.
        image_size: Integer from 16 to 1024. See `tfds`.
        central_crop: Float in (0, 1]. See `tfds`.
        min_images: Integer, or `None`. See `tfds`.
        max_images: Integer, or `None`. See `tfds`.
        categories_file: Path of a text file, or `None`. See `tfds`.
        num_test: Integer > 0, or `None`. See `tfds`.
        stream: Boolean, or `None`. See `tfds`.
        crops: `"central"` or `"resnet"`. See `tfds`.
        cache_dir: Path of the directory for the list of images. See `folder`.

    Returns:
        A `Dataset`; its images are `records.RecordImages`.

    Raises:
        FileNotFoundError: If the archives are missing.
        ValueError: If an option is not legal.
    """
    dataset = tfds(
        "imagenet2012",
        data_dir=data_dir,
        image_size=image_size,
        central_crop=central_crop,
        min_images=min_images,
        max_images=max_images,
        categories_file=categories_file,
        num_test=num_test,
        stream=stream,
        crops=crops,
        cache_dir=cache_dir,
    )
    return dataclasses.replace(dataset, name="imagenet")


def _choose(index, chosen, uses_whole_test, categories_file):
    """Returns positions of test and training images, by category."""
    is_own_test = np.array(index.splits) != "train"
    order = np.argsort(index.labels, kind="stable")
    bounds = np.searchsorted(
        index.labels[order], np.arange(len(index.names) + 1)
    )
    members = {
        name: order[bounds[label] : bounds[label + 1]]
        for label, name in enumerate(index.names)
    }
    if categories_file is not None:
        members = selection.restrict(members, categories_file)
    parts = {}
    for name, positions in members.items():
        test = positions
        if is_own_test.any():
            test = positions[is_own_test[positions]]
        if not uses_whole_test:
            test = test[: chosen.num_test]
        train = positions[~is_own_test[positions]]
        train = train[~np.isin(train, test)]
        num_images = len(test) + len(train)
        if chosen.max_images:
            train = train[: max(chosen.max_images - len(test), 0)]
        if len(test) and len(train) and num_images >= chosen.min_images:
            parts[name] = test, train
    if len(parts) < 2:
        raise ValueError(
            f"At least 2 categories with {chosen.min_images} or more images, "
            f"of which some are for testing, are needed; there are "
            f"{len(parts)}. Lower `min_images` and `num_test` or raise "
            f"`max_images`. Received: min_images={chosen.min_images}, "
            f"max_images={chosen.max_images}"
        )
    return parts


def _stream(paths, index, parts, chosen, crops):
    """Returns a data set whose images are decoded when they are read."""
    from invariance_tf.datasets.tfds.records import RecordImages

    order = np.concatenate([np.concatenate(both) for both in parts.values()])
    counts = [(len(test), len(train)) for test, train in parts.values()]
    labels = np.repeat(np.arange(len(parts)), np.sum(counts, axis=1))
    is_test = np.repeat(np.tile([True, False], len(parts)), np.ravel(counts))
    labels, categories = labels.astype("int32"), tuple(parts)
    hashes = index.hashes[order]
    return Dataset(
        name="tfds",
        images=RecordImages(
            paths,
            index.places[order],
            chosen.image_size,
            chosen.central_crop,
            crops,
        ),
        labels=labels,
        is_test=is_test,
        categories=categories,
        fingerprint=fingerprint(
            hashes.view("uint8").reshape(1, -1), labels, is_test, categories
        ),
        skipped=tuple(map(tuple, index.skipped)),
        files=tuple(index.files[position] for position in order),
        hashes=hashes,
    )


def _keep(paths, index, parts, chosen, cache_dir):
    """Returns a data set whose images are decoded once and kept."""
    from invariance_tf.datasets.tfds.records import RecordFile

    files = {
        name: [
            RecordFile(
                index.files[position],
                int(index.places["size"][position]),
                paths,
                index.places[position],
                is_test,
            )
            for positions, is_test in zip(both, (True, False), strict=True)
            for position in positions
        ]
        for name, both in parts.items()
    }
    everything = dataclasses.replace(
        chosen, min_images=2, max_images=None, num_test=1
    )

    def build(directory):
        usable, skipped = selection.decode(directory, files, everything)
        selection.store(
            directory, usable, skipped, everything, lambda file: file.is_test
        )

    content = {
        name: index.hashes[np.concatenate(both)].astype(str).tolist()
        for name, both in parts.items()
    }
    options = [chosen.image_size, chosen.central_crop]
    versions = [decoding.VERSION, PIL.__version__]
    key = hashlib.sha256(
        json.dumps([options, versions, content], default=float).encode()
    ).hexdigest()
    entry = image_cache.fetch(
        image_cache.locate(cache_dir), key, chosen.image_size, build
    )
    entry["skipped"] += tuple(map(tuple, index.skipped))
    return Dataset(name="tfds", **entry)
