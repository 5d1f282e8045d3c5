"""Real faces in one file, for a machine without TensorFlow; see `gpu`.

The file holds labels, is_test, categories, and of the images the differences
between neighbours, which compress to half of what the images do.
"""

import numpy as np


def prepare(data_dir, path, max_images):
    """Writes the faces of the 158 people with at least 10 images as .npz.

    As `configs/lfw.yaml` but for 100 pixels, and 4 test images of each, so
    that nobody with 10 images is left out. Needs TensorFlow.

    Args:
        data_dir: Path of a directory with one folder per person.
        path: Path of the file.
        max_images: Integer, the most to take of a person.
    """
    from invariance_tf import datasets
    from invariance_tf.paradigm import splits

    dataset = datasets.get(
        "folder",
        data_dir=data_dir,
        image_size=100,
        central_crop=0.5,
        min_images=10,
        max_images=max_images,
        num_test=4,
    )
    parts = splits.divide(dataset, 0.0, seed=0)
    kept = np.flatnonzero(parts != splits.DUPLICATE)
    np.savez_compressed(
        path,
        differences=subtract_neighbours(dataset.images[kept]),
        labels=dataset.labels[kept],
        is_test=parts[kept] == "test",
        categories=np.array(dataset.categories),
    )


def load(path):
    """Returns arrays by name: images, labels, is_test and categories."""
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    if "images" not in data:
        data["images"] = add_neighbours(data.pop("differences"))
    return data


def subtract_neighbours(images):
    """Replaces uint8 values by differences, modulo 256.

    Of red and blue from green, then of each row and of each column from the
    one before.
    """
    differences = images.copy()
    differences[..., ::2] -= images[..., 1:2]
    for axis in (1, 2):
        differences = np.diff(differences, axis=axis, prepend=np.uint8(0))
    return differences


def add_neighbours(differences):
    """Undoes `subtract_neighbours`."""
    images = differences
    for axis in (2, 1):
        images = np.cumsum(images, axis=axis, dtype="uint8")
    images[..., ::2] += images[..., 1:2]
    return images
