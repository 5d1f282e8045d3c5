"""FaceScrub: faces of actors and actresses, the paper's main data set.

The images may not be redistributed. The list of their addresses is requested
from its authors, Ng and Winkler ("A data-driven approach to cleaning large
face datasets", ICIP 2014): http://vintage.winklerbros.net/facescrub.html. Of
its 530 identities the paper uses 388 (Appendix B), probably those with at
least 100 images that could still be downloaded: hence the default
`min_images=100`. As links die, today's downloads have fewer; a list of
identities can be fixed with `categories_file`.
"""

import os

from invariance_tf.datasets import folder
from invariance_tf.datasets.images.listing import absolute_path

SOURCE = "http://vintage.winklerbros.net/facescrub.html"


def load_facescrub(data_dir=None, image_size=100, min_images=100, **options):
    """Reads FaceScrub's face crops from a prepared directory.

    Each of these arrangements is read: `actors/faces/Name/*.jpg` and
    `actresses/faces/Name/*.jpg`, `actor_faces/Name/*` and
    `actress_faces/Name/*`, `download/Name/face/*.jpg`,
    `facescrub_aligned/Name/*.png`, `Name/*.jpg`. If an identity has crops of
    faces beside full images, only the crops are used.

    Args:
        data_dir: Path of the directory, or `None` for `data/facescrub` in the
            working directory.
        image_size: Integer from 16 to 1024. Height and width of the images,
            in pixels.
        min_images: Integer > `num_test`. Identities with fewer usable images
            are left out.
        **options: Other options of `images.selection.Selection`.

    Returns:
        A `Dataset`; its images are a read-only memory map.

    Raises:
        ValueError: As `load_folder`.
        FileNotFoundError: If the directory or a file does not exist.

    Example:

    >>> load_facescrub("data/nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: FaceScrub faces are missing: there is no directory ...
    """
    dataset = folder.load_folder(
        _find_faces(data_dir),
        image_size=image_size,
        min_images=min_images,
        **options,
    )
    return dataset.changed(name="facescrub")


def count_categories(data_dir=None, min_images=100, **options):
    """Counts the identities that may have enough images; decodes none.

    Args:
        data_dir: As for `load_facescrub`.
        min_images: As for `load_facescrub`.
        **options: As for `load_facescrub`.

    Returns:
        Integer.

    Raises:
        ValueError: As `load_facescrub`.
        FileNotFoundError: As `load_facescrub`.
    """
    path = _find_faces(data_dir)
    return folder.count_categories(path, min_images=min_images, **options)


def _find_faces(data_dir):
    """Returns the path of the directory with the faces."""
    path = absolute_path(data_dir or os.path.join("data", "facescrub"))
    if not path.is_dir():
        raise FileNotFoundError(
            f"FaceScrub faces are missing: there is no directory {path}. "
            "Request the lists from its authors, Ng & Winkler "
            f"({SOURCE}), and download the faces with `invariance-tf "
            "prepare facescrub`, or give any prepared folder with --data_dir. "
            f"Received: data_dir={data_dir and os.fspath(data_dir)!r}"
        )
    return path
