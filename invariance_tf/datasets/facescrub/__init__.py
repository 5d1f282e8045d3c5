"""FaceScrub: faces of actors and actresses, the paper's main data set.

The images cannot be passed on. The list of their addresses is requested from
its authors, Ng and Winkler ("A data-driven approach to cleaning large face
datasets", ICIP 2014): http://vintage.winklerbros.net/facescrub.html. Of its
530 identities the paper uses 388 (Appendix B), probably those with at least
100 images that could still be downloaded: hence the default `min_images=100`.
As addresses die, today's downloads have fewer; a list of identities can be
fixed with `categories_file`.
"""

import dataclasses
import os

from invariance_tf.datasets.folder import folder

SOURCE = "http://vintage.winklerbros.net/facescrub.html"


def facescrub(
    data_dir=None,
    image_size=100,
    central_crop=1.0,
    min_images=100,
    max_images=None,
    categories_file=None,
    num_test=10,
    cache_dir=None,
):
    """Reads FaceScrub's face crops from a prepared directory.

    Each of these arrangements is read: `actors/faces/Name/*.jpg` and
    `actresses/faces/Name/*.jpg`, `actor_faces/Name/*` and
    `actress_faces/Name/*`, `download/Name/face/*.jpg`,
    `facescrub_aligned/Name/*.png`, `Name/*.jpg`. Where an identity has crops
    of faces beside full images, only the crops are used.

    Args:
        data_dir: Path of the directory, or `None` for `data/facescrub` in the
            working directory.
        image_size: Integer from 16 to 1024. Height and width of the images,
            in pixels.
        central_crop: Float in (0, 1]. See `folder`.
        min_images: Integer > `num_test`. Identities with fewer usable images
            are left out.
        max_images: Integer > `num_test`, or `None` for all. See `folder`.
        categories_file: Path of a text file with one identity per line, or
            `None` for all. See `folder`.
        num_test: Integer > 0. Number of test images of each identity.
        cache_dir: Path of the directory for decoded images. See `folder`.

    Returns:
        A `Dataset`; its images are a read-only memory map.

    Raises:
        ValueError: As `folder`.
        FileNotFoundError: If there is no such directory or file.

    Example:

    >>> facescrub("data/nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: FaceScrub faces are missing: there is no directory ...
    """
    path = os.path.abspath(
        os.path.expanduser(data_dir or os.path.join("data", "facescrub"))
    )
    if not os.path.isdir(path):
        raise FileNotFoundError(
            f"FaceScrub faces are missing: there is no directory {path}. "
            "Request the lists from its authors, Ng & Winkler "
            f"({SOURCE}), and download the faces with `python -m invariance_tf "
            "prepare facescrub`, or give any prepared folder with --data_dir. "
            f"Received: data_dir={data_dir and os.fspath(data_dir)!r}"
        )
    dataset = folder(
        path,
        image_size=image_size,
        central_crop=central_crop,
        min_images=min_images,
        max_images=max_images,
        categories_file=categories_file,
        num_test=num_test,
        cache_dir=cache_dir,
    )
    return dataclasses.replace(dataset, name="facescrub")
