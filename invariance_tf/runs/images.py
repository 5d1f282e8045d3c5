"""The images of a run: the parts they are in, and how they are recorded.

Needs neither Keras nor TensorFlow, so that finished runs are found quickly.
"""

import importlib.metadata

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
    if experiment.near_copies == "drop":
        if dataset.is_streamed:
            raise ValueError(
                "Near copies are found only where images are decoded once: use "
                "--stream false. Received: near_copies=drop"
            )
        parts = splits.drop_near_copies(parts, dataset)
    if experiment.test_on == "validation":
        # A search must not see the test images.
        parts[parts == "test"] = "unused"
        parts[parts == "validation"] = "test"
    splits.check(parts, dataset, experiment.test_on == "validation")
    return dataset, parts


def original_parts(experiment, parts):
    """Returns the parts before `test_on` chose among them, for tables.

    Args:
        experiment: As for `divide`.
        parts: As `divide` returns them.
    """
    parts = parts.copy()
    if experiment.test_on == "validation":
        parts[parts == "test"] = "validation"
        parts[parts == "unused"] = "test"
    return parts


def identify_images(dataset, parts):
    """Returns what is the same if and only if a run has the same images.

    Args:
        dataset: As `divide` returns it.
        parts: As `divide` returns them.

    Returns:
        Dictionary of strings, a part of the record in provenance.json.
    """
    return {
        "fingerprint": dataset.fingerprint,
        "splits": splits.digest(parts, dataset),
    }


def are_same(record, identity):
    """Returns whether a record in provenance.json is of these images."""
    return all(record[key] == value for key, value in identity.items())


def find_versions(packages=PACKAGES):
    """Returns the versions of the packages that are installed, by name."""
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
