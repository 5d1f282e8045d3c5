"""Data sets by name: `get(name, **options)` returns a `Dataset`."""

from invariance_tf.datasets.dataset import Dataset
from invariance_tf.datasets.digits import digits
from invariance_tf.datasets.facescrub import facescrub
from invariance_tf.datasets.folder import folder
from invariance_tf.datasets.synthfaces import synthfaces

__all__ = ["DATASETS", "Dataset", "get"]


def get(name, **options):
    """Loads a data set by name.

    Args:
        name: String. One of the keys of `DATASETS`.
        **options: Arguments of the data set's function, for example
            `image_size`.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If there is no such data set or no such option value.
        TypeError: If the data set has no such option.
        FileNotFoundError: If the files of the data set are not there.

    Example:

    >>> dataset = get("synthfaces", num_categories=3, num_train=4, num_test=2)
    >>> dataset.images.shape
    (18, 48, 48, 3)
    """
    if name not in DATASETS:
        raise ValueError(
            f"There is no such data set. Legal names: {', '.join(DATASETS)}. "
            f"Received: name={name!r}"
        )
    return DATASETS[name](**options)


DATASETS = {
    "synthfaces": synthfaces,
    "digits": digits,
    "folder": folder,
    "facescrub": facescrub,
}
