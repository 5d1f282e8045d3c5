"""Prepares sets of TensorFlow Datasets and reads what they hold."""

import difflib
import os
import re

import tensorflow as tf
import tensorflow_datasets as tfds

from invariance_tf import foreign
from invariance_tf.datasets.images.listing import absolute_path
from invariance_tf.datasets.tfds import record_index

TEST_SPLITS = ("test", "validation")
# What TensorFlow Datasets raises may be pages long.
LONGEST_CAUSE = 600


def prepare_builder(name, data_dir=None):
    """Returns the builder of a prepared set; prepares it if necessary.

    Args:
        name: String, the name in TensorFlow Datasets.
        data_dir: Path of the directory of prepared sets, or `None`.

    Raises:
        ValueError: If the set is unknown or cannot be opened.
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
    except (ImportError, OSError):
        raise
    # Of an unknown version or a damaged file, errors of many kinds.
    except Exception as error:
        raise ValueError(
            "This set of TensorFlow Datasets cannot be opened: "
            f"{_tell(error)}. Check its name, configuration and version; if "
            "a file of it is damaged, prepare the data set again. "
            f"Received: dataset=tfds:{name}"
        ) from error
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
    except (ImportError, MemoryError):
        raise
    # A server, a page in place of an archive and the code of the set can raise
    # errors of any kind.
    except Exception as error:
        missing = AssertionError, FileNotFoundError, tf.errors.NotFoundError
        if how and isinstance(error, missing):
            raise FileNotFoundError(
                f"The archives of {name} must be downloaded by hand from the "
                f"authors. {how} Here manual_dir is {manual_dir}. "
                f"Received: dataset={name}"
            ) from error
        raise OSError(
            f"{name} could not be downloaded and prepared: {_tell(error)}. "
            f"Try again later, or copy a prepared set to {root}. "
            f"Received: dataset={name}"
        ) from error


def _tell(error):
    """Returns the kind of an error and what it says."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return foreign.shorten(text.rstrip(".: "), LONGEST_CAUSE)


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
        is one with labels, to a dictionary from the paths to the numbers of
        records.

    Raises:
        ValueError: If the set lacks a training part or is not TFRecord files,
            or if a file is damaged.
        OSError: If a file is missing or cannot be read.
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
    found = {"train": _list_files(builder, "train")}
    for name in TEST_SPLITS:
        records = _list_files(builder, name) if name in splits else {}
        if records and record_index.is_labelled(
            *next(iter(records.items())), label_key
        ):
            return {**found, name: records}
    return found


def _list_files(builder, part):
    """Returns a dictionary from the files of a part to numbers of records."""
    split = builder.info.splits[part]
    paths = [str(path) for path in split.filepaths]
    for path in paths:
        try:
            open(path, "rb").close()
        except OSError as error:
            raise OSError(
                f"The record file {path} cannot be read ({error.strerror}). "
                "Prepare the data set again. "
                f"Received: dataset=tfds:{builder.name}"
            ) from error
    return dict(zip(paths, split.shard_lengths, strict=True))
