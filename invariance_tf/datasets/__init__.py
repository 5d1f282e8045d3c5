"""Data sets by name: `get(name, **options)` returns a `Dataset`."""

from invariance_tf.datasets.dataset import Dataset, take
from invariance_tf.datasets.digits import digits
from invariance_tf.datasets.facescrub import facescrub
from invariance_tf.datasets.folder import folder
from invariance_tf.datasets.synthfaces import synthfaces
from invariance_tf.datasets.tfds import imagenet, tfds

__all__ = ["DATASETS", "Dataset", "get", "take"]


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
        ValueError: If there is no such data set or no such option value.
        TypeError: If the data set has no such option.
        FileNotFoundError: If the files of the data set are not there.

    Example:

    >>> dataset = get("synthfaces", num_categories=3, num_train=4, num_test=2)
    >>> dataset.images.shape
    (18, 48, 48, 3)
    """
    kind, _, builder = name.partition(":")
    if kind not in DATASETS or (kind == "tfds") != bool(builder):
        legal = ", ".join(DATASETS).replace("tfds", "tfds:NAME")
        raise ValueError(
            f"There is no such data set. Legal names: {legal}. "
            f"Received: name={name!r}"
        )
    if builder:
        options["builder"] = builder
    return DATASETS[kind](**options)


DATASETS = {
    "synthfaces": synthfaces,
    "digits": digits,
    "folder": folder,
    "facescrub": facescrub,
    "tfds": tfds,
    "imagenet": imagenet,
}
