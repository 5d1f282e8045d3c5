"""Prepares sets of TensorFlow Datasets and reads what they hold."""

import difflib
import os
import re

import tensorflow as tf
import tensorflow_datasets as tfds

from invariance_tf.datasets.images.listing import absolute_path
from invariance_tf.datasets.tfds import record_index

TEST_SPLITS = ("test", "validation")


def prepare_builder(name, data_dir=None):
    """Returns the builder of a prepared set; prepares it if necessary.

    Args:
        name: String, the name in TensorFlow Datasets.
        data_dir: Path of the directory of prepared sets, or `None`.

    Raises:
        ValueError: If the set is unknown.
        FileNotFoundError: If archives are missing that cannot be downloaded.
        OSError: If a download fails.
    """
    data_dir = data_dir and str(absolute_path(data_dir))
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        close = difflib.get_close_matches(name, tfds.list_builders(), n=1)
        hint = f" Did you mean tfds:{close[0]}?" if close else ""
        raise ValueError(
            f"Unknown set of TensorFlow Datasets.{hint} All names: "
            "https://www.tensorflow.org/datasets/catalog/overview. "
            f"Received: dataset=tfds:{name}"
        ) from None
    if not builder.is_prepared():
        _download(builder, name)
    return builder


def _download(builder, name):
    """Downloads and prepares a set."""
    root = str(builder.data_dir).removesuffix(builder.info.full_name)
    manual_dir = os.path.join(root, "downloads", "manual")
    how = " ".join((builder.MANUAL_DOWNLOAD_INSTRUCTIONS or "").split())
    try:
        # With only one of ImageNet's archives, only its part would be prepared.
        for archive in re.findall(r"ILSVRC2012_\w+\.tar", how):
            os.stat(os.path.join(manual_dir, archive))
        builder.download_and_prepare()
    except (
        AssertionError,
        FileNotFoundError,
        tf.errors.NotFoundError,
    ) as error:
        if not how:
            raise
        raise FileNotFoundError(
            f"The archives of {name} must be downloaded by hand from the "
            f"authors. {how} Here manual_dir is {manual_dir}. "
            f"Received: dataset={name}"
        ) from error
    except OSError as error:
        raise OSError(
            f"{name} could not be downloaded: {' '.join(str(error).split())}. "
            f"Received: dataset={name}"
        ) from error


def find_features(builder):
    """Finds the features of the image and the label.

    Args:
        builder: A builder of TensorFlow Datasets.

    Returns:
        Name of the feature of the image, name of that of the label, and a list
        of the labels' names, or `None` if labels are texts.

    Raises:
        ValueError: If the set is not one of images with one label each.
    """
    features = builder.info.features
    candidates = builder.info.supervised_keys or features
    kinds = {key: features[key] for key in candidates}
    images = [
        key
        for key, feature in kinds.items()
        if isinstance(feature, tfds.features.Image)
    ]
    labels = [
        key
        for key, feature in kinds.items()
        if isinstance(feature, tfds.features.ClassLabel | tfds.features.Text)
    ]
    if len(images) != 1 or len(labels) != 1:
        raise ValueError(
            "This set of TensorFlow Datasets is not one of images with one "
            f"label each; its features are {', '.join(features)}. "
            f"Received: dataset=tfds:{builder.name}"
        )
    names = getattr(features[labels[0]], "names", None)
    return images[0], labels[0], names


def list_shards(builder, label_key):
    """Lists the record files of the training part and of the test part.

    Args:
        builder: The builder of a prepared set.
        label_key: String, the feature of the label.

    Returns:
        Dictionary from `"train"`, and from the name of the test part if there
        is one with labels, to a list of paths.

    Raises:
        ValueError: If the set lacks a training part or is not TFRecord files.
    """
    splits = builder.info.splits
    kind = builder.info.file_format.value
    if kind != "tfrecord" or "train" not in splits:
        raise ValueError(
            "The set must have a part `train` and be prepared as TFRecord "
            "files (`tfds convert_format` converts others). Received: "
            f"dataset=tfds:{builder.name}, file format {kind}, parts "
            f"{', '.join(splits)}"
        )
    found = {"train": [*map(str, splits["train"].filepaths)]}
    for name in TEST_SPLITS:
        paths = [*map(str, splits[name].filepaths if name in splits else [])]
        if paths and record_index.is_labelled(paths[0], label_key):
            return {**found, name: paths}
    return found
