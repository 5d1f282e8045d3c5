"""Any image-classification set of TensorFlow Datasets, ImageNet among them.

ImageNet is the `imagenet2012` of TensorFlow Datasets (Appendix B), which is
prepared once from the archives that its authors give out.
"""

import dataclasses

import numpy as np
import PIL

from invariance_tf import foreign
from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.images import decoding, image_cache, selection
from invariance_tf.datasets.images.fingerprint import fingerprint_hashes

# Larger sets are not kept on disk: their images are decoded when read.
MOST_BYTES = 4 * 2**30
CROPS = ("central", "resnet")


def load_tfds(builder, num_test=None, stream=None, crops="central", **options):
    """Reads an image-classification set of TensorFlow Datasets.

    A set that is not prepared yet is downloaded and prepared, if its authors
    allow it. Its part `train` is for training; for testing is its part `test`,
    else `validation`, whichever has labels first, else the first images of
    each category. Other parts are not used.

    All records are read once, to find the images, their labels and hashes.

    Args:
        builder: String, the name in TensorFlow Datasets, such as `cifar100`
            or `imagenet_resized/64x64`.
        num_test: Integer > 0, or `None` for the whole test part, or for 10 if
            the set has no such part. Number of test images of each category.
            `max_images` must leave some for training.
        stream: Boolean: whether to decode images whenever they are read, or
            once, to be kept on disk; `None`: stream above 4 GiB.
        crops: `"central"` or `"resnet"`. See `records.RecordImages`.
        **options: Other options of `images.selection.Selection`. `data_dir`
            is the directory of prepared sets, by default that of TensorFlow
            Datasets, `~/tensorflow_datasets`.

    Returns:
        A `Dataset`; its images are a read-only memory map, or
        `records.RecordImages`.

    Raises:
        ValueError: If the set is unknown, damaged or not one of images with
            labels, or if an option is not legal.
        FileNotFoundError: If archives are missing that cannot be downloaded.
        OSError: If a download fails or a record file cannot be read.
    """
    # These load TensorFlow, which other data sets do not need.
    from invariance_tf.datasets.tfds import builders, record_index

    if crops not in CROPS:
        raise ValueError(
            f"`crops` must be {' or '.join(CROPS)}. Received: crops={crops!r}"
        )
    # Before all records are read: a mistake should be found at once.
    chosen = selection.Selection(
        num_test=1 if num_test is None else num_test, **options
    )
    prepared = builders.prepare_builder(builder, chosen.data_dir)
    image_key, label_key, names = builders.find_features(prepared)
    shards = builders.list_shards(prepared, label_key)
    index = record_index.index_records(
        shards, image_key, label_key, names, chosen.cache_dir
    )
    has_test = len(shards) > 1
    if num_test is None and not has_test:
        chosen = selection.Selection(num_test=10, **options)
    parts, left_out = _choose_images(
        index, chosen, has_test and num_test is None
    )
    num_images = sum(len(test) + len(train) for test, train in parts.values())
    if stream is None:
        stream = num_images * chosen.image_size**2 * 3 > MOST_BYTES
    if crops != "central" and not stream:
        raise ValueError(
            f"`crops` can be {crops} only if images are decoded each time they "
            f"are read: use --stream true. Received: stream={stream}, "
            f"crops={crops}"
        )
    paths = tuple(path for split in shards.values() for path in split)
    if stream:
        dataset = _stream_images(paths, index, parts, chosen, crops)
    else:
        dataset = _keep_images(paths, index, parts, chosen)
    return dataset.changed(left_out=left_out)


def count_categories(builder="imagenet2012", data_dir=None, **options):
    """Counts the labels of a set of TensorFlow Datasets; reads no records.

    Args:
        builder: As for `load_tfds`.
        data_dir: As for `load_tfds`.
        **options: As for `load_tfds`.

    Returns:
        Integer, or `None` if labels are texts.

    Raises:
        As `load_tfds`.
    """
    from invariance_tf.datasets.tfds import builders

    prepared = builders.prepare_builder(builder, data_dir)
    _, _, names = builders.find_features(prepared)
    return names and len(names)


def load_imagenet(
    image_size=224,
    central_crop=224 / 256,
    stream=True,
    crops="resnet",
    **options,
):
    """Reads ImageNet as TensorFlow's official ResNet does (row N8b).

    In training a random area is cropped and half of the images are mirrored;
    in testing the middle 224 of 256 pixels of the shorter side are kept.

    Args:
        image_size: Integer from 16 to 1024. Height and width of the images,
            in pixels.
        central_crop: Float in (0, 1]. See `images.selection.Selection`.
        stream: Boolean, or `None`. See `load_tfds`.
        crops: `"central"` or `"resnet"`. See `records.RecordImages`.
        **options: Other options of `load_tfds`.

    Returns:
        A `Dataset`; its images are `records.RecordImages`.

    Raises:
        FileNotFoundError: If the archives are missing.
        ValueError: If an option is not legal.
    """
    dataset = load_tfds(
        "imagenet2012",
        image_size=image_size,
        central_crop=central_crop,
        stream=stream,
        crops=crops,
        **options,
    )
    return dataset.changed(name="imagenet")


def _choose_images(index, chosen, uses_whole_test):
    """Returns positions of test and training images, by category.

    And, of the categories that are left out, the names and reasons.
    """
    is_own_test = np.array(index.splits) != "train"
    order = np.argsort(index.labels, kind="stable")
    bounds = np.searchsorted(
        index.labels[order], np.arange(len(index.names) + 1)
    )
    members = {
        foreign.escape_name(name): order[bounds[label] : bounds[label + 1]]
        for label, name in enumerate(index.names)
    }
    left_out = dict.fromkeys(members, selection.NOT_LISTED)
    members = selection.restrict_categories(members, chosen.categories_file)
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
        if num_images < chosen.min_images:
            left_out[name] = chosen.too_few
        elif not len(test) or not len(train):
            left_out[name] = (
                f"{len(test)} test and {len(train)} training images: both are "
                "needed"
            )
        else:
            parts[name] = test, train[: _room(name, len(test), chosen)]
    if len(parts) < 2:
        raise ValueError(
            f"At least 2 categories with {chosen.min_images} or more images, "
            f"of which some are for testing, are needed; there are "
            f"{len(parts)}. Lower `min_images` and `num_test`. "
            f"Received: min_images={chosen.min_images}"
        )
    names = sorted(left_out.keys() - parts.keys())
    return parts, tuple((name, left_out[name]) for name in names)


def _room(name, num_test, chosen):
    """Returns how many training images a category may have; `None`: all."""
    max_images = chosen.max_images
    if max_images and num_test >= max_images:
        raise ValueError(
            "`max_images` counts test images too, of which the test part has "
            f"{num_test} of the category {name}: none would be for training. "
            "Say with `num_test` how many to test on, or raise `max_images`. "
            f"Received: max_images={max_images}, num_test=None"
        )
    return max_images and max_images - num_test


def _stream_images(paths, index, parts, chosen, crops):
    """Returns a data set whose images are decoded when they are read."""
    from invariance_tf.datasets.tfds.records import RecordImages

    order = np.concatenate([np.concatenate(both) for both in parts.values()])
    counts = [(len(test), len(train)) for test, train in parts.values()]
    labels = np.repeat(np.arange(len(parts)), np.sum(counts, axis=1))
    is_test = np.repeat(np.tile([True, False], len(parts)), np.ravel(counts))
    labels, categories = labels.astype("int32"), tuple(parts)
    hashes = index.hashes[order]
    return Dataset.of_stored(
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
        fingerprint=fingerprint_hashes(hashes, labels, is_test, categories),
        skipped=tuple(map(tuple, index.skipped)),
        files=tuple(index.files[position] for position in order),
        hashes=hashes,
    )


def _keep_images(paths, index, parts, chosen):
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
    # What `_choose_images` has chosen is all to be kept.
    everything = dataclasses.replace(
        chosen, min_images=2, max_images=None, num_test=1
    )

    def build(directory):
        selection.build_entry(
            directory, files, everything, is_test=lambda file: file.is_test
        )

    key = image_cache.make_key(
        [chosen.image_size, chosen.central_crop],
        [decoding.VERSION, PIL.__version__],
        [
            (name, file.name, file.is_test, index.hashes[position].decode())
            for name, both in parts.items()
            for file, position in zip(
                files[name], np.concatenate(both), strict=True
            )
        ],
    )
    entry = image_cache.fetch_images(chosen.cache_dir, key, build)
    entry["skipped"] += tuple(map(tuple, index.skipped))
    return Dataset.of_stored(name="tfds", **entry)
