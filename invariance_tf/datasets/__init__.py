"""Data sets by name: `get(name, **options)` returns a `Dataset`."""

from invariance_tf.datasets import digits, facescrub, folder, synthfaces, tfds
from invariance_tf.datasets.dataset import Dataset, take

__all__ = ["DATASETS", "Dataset", "count_categories", "get", "take"]


def get(name, **options):
    """Loads a data set by name.

    Args:
        name: String. One of the keys of `DATASETS`; `tfds:NAME` for the set
            NAME of TensorFlow Datasets.
        **options: Arguments of the data set's function, for example
            `image_size`.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If the name or the value of an option is not legal.
        TypeError: If the data set does not have such an option.
        FileNotFoundError: If the files of the data set are missing.

    Example:

    >>> dataset = get("synthfaces", num_categories=3, num_train=4, num_test=2)
    >>> dataset.images.shape
    (18, 48, 48, 3)
    """
    kind, options = _find_kind(name, options)
    return DATASETS[kind](**options)


def count_categories(name, **options):
    """Counts the categories that a data set may have; decodes no image.

    Args:
        name: As for `get`.
        **options: As for `get`.

    Returns:
        Integer: a data set has as many categories, or fewer if images turn
        out to be unusable. `None` if this is not known before it is loaded.

    Raises:
        As `get`.
    """
    kind, options = _find_kind(name, options)
    return COUNTS[kind](**options) if kind in COUNTS else None


def _find_kind(name, options):
    """Returns a key of `DATASETS`, and the options with the builder if any."""
    kind, _, builder = name.partition(":")
    if kind not in DATASETS or (kind == "tfds") != bool(builder):
        legal = ", ".join(DATASETS).replace("tfds", "tfds:NAME")
        raise ValueError(
            f"Unknown data set. Legal names: {legal}. Received: name={name!r}"
        )
    return kind, {**options, "builder": builder} if builder else options


DATASETS = {
    "synthfaces": synthfaces.load_synthfaces,
    "digits": digits.load_digits,
    "folder": folder.load_folder,
    "facescrub": facescrub.load_facescrub,
    "tfds": tfds.load_tfds,
    "imagenet": tfds.load_imagenet,
}

# For those whose images take long to load.
COUNTS = {
    "folder": folder.count_categories,
    "facescrub": facescrub.count_categories,
    "tfds": tfds.count_categories,
    "imagenet": tfds.count_categories,
}
