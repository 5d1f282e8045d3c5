"""Data sets by name: `get(name, **options)` returns a `Dataset`."""

from invariance_tf.datasets import digits, facescrub, folder, synthfaces, tfds
from invariance_tf.datasets.dataset import Dataset, take
from invariance_tf.settings import names

__all__ = [
    "Dataset",
    "count_categories",
    "digits",
    "facescrub",
    "folder",
    "get",
    "synthfaces",
    "take",
    "tfds",
]


def get(name, **options):
    """Loads a data set by name.

    Args:
        name: String. One of the keys of `settings.defaults.DATASETS`;
            `tfds:NAME` for the set NAME of TensorFlow Datasets; or one of your
            own: the name of an entry point, or `module:function`.
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
    load = names.load("dataset", name)
    if name.startswith("tfds:"):
        options["builder"] = name.removeprefix("tfds:")
    dataset = load(**options)
    if not isinstance(dataset, Dataset):
        raise ValueError(
            "The function of a data set must return a `datasets.Dataset`. "
            f"Received: {type(dataset).__name__} of dataset={name}"
        )
    return dataset


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
    kind, _, builder = name.partition(":")
    if kind == "tfds":
        return tfds.count_categories(builder, **options)
    return _COUNTS[name](**options) if name in _COUNTS else None


# Those whose count takes less time than their images.
_COUNTS = {
    "synthfaces": synthfaces.count_categories,
    "digits": digits.count_categories,
    "folder": folder.count_categories,
    "facescrub": facescrub.count_categories,
    "imagenet": tfds.count_categories,
}
