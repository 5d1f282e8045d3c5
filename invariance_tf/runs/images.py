"""The images of a run: the parts they are in, and how they are recorded.

Needs neither Keras nor TensorFlow, so that finished runs are found quickly.
"""

import importlib.metadata
import os

import numpy as np

from invariance_tf.paradigm import splits

PACKAGES = (
    "invariance_tf",
    "tensorflow",
    "keras",
    "jax",
    "torch",
    "numpy",
    "pandas",
    "pillow",
    "tensorflow-datasets",
)


def divide(experiment, dataset):
    """Divides the images of an experiment.

    Args:
        experiment: A resolved `config.Experiment`.
        dataset: Its `datasets.Dataset`.

    Returns:
        The data set, without images that are not in the experiment's
        `splits`, and the parts of its images (see `splits.divide`).

    Raises:
        ValueError: If a category has no image to train or to test on.
        FileNotFoundError: If the file of splits does not exist.
    """
    if experiment.splits is not None:
        dataset, parts = splits.replay(dataset, experiment.splits)
    else:
        parts = splits.divide(
            dataset, experiment.validation_fraction, experiment.seed
        )
    if experiment.test_on == "validation":
        # A search must not see the test images.
        parts[parts == "test"] = "unused"
        parts[parts == "validation"] = "test"
    splits.check(parts, dataset, experiment.test_on == "validation")
    return dataset, parts


def describe_images(experiment, dataset, parts):
    """Describes the images of a run, as provenance.json records them.

    Args:
        experiment: A resolved `config.Experiment`.
        dataset: As `divide` returns it.
        parts: As `divide` returns them.

    Returns:
        Dictionary of plain values.
    """
    data_dir = experiment.data_dir
    return {
        "name": dataset.name,
        "data_dir": data_dir and os.path.abspath(data_dir),
        "fingerprint": dataset.fingerprint,
        "splits": splits.digest(parts, dataset),
        "num_images": len(dataset.labels),
        "num_skipped": len(dataset.skipped),
        "num_duplicates": int(np.sum(parts == splits.DUPLICATE)),
    }


def are_same(before, now):
    """Returns whether two descriptions are of the same images and parts."""
    return all(before[key] == now[key] for key in ("fingerprint", "splits"))


def find_versions(packages=PACKAGES):
    """Returns the versions of the packages that are installed, by name."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
