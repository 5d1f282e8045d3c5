"""Keeps decoded images on disk, so that a second start decodes nothing.

An entry is a directory, named by the hash of what it depends on, with
`images.npy` and `index.json`. It is built elsewhere and renamed when it is
complete, so an entry that exists was finished. The whole cache may be deleted
at any time.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import platform
import secrets
import shutil
import time

import numpy as np

from invariance_tf.datasets.images.fingerprint import fingerprint, hash_images

BUILDING = ".building"
WEEK = 7 * 24 * 60 * 60


def locate(cache_dir=None):
    """Creates the cache's directory where it is not there yet.

    Args:
        cache_dir: Path or `None`, which stands for the environment variable
            `INVARIANCE_TF_CACHE`, else for `invariance_tf` in
            `XDG_CACHE_HOME`, else for `~/.cache/invariance_tf`.

    Returns:
        Absolute path of the directory.

    Raises:
        OSError: If it cannot be created.
    """
    user_cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    chosen = (
        cache_dir
        or os.environ.get("INVARIANCE_TF_CACHE")
        or os.path.join(user_cache, "invariance_tf")
    )
    path = pathlib.Path(os.path.abspath(os.path.expanduser(chosen)))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"Decoded images cannot be stored in {path}: {error.strerror}. "
            "Choose another directory with `cache_dir` or the environment "
            f"variable INVARIANCE_TF_CACHE. Received: cache_dir={cache_dir}"
        ) from error
    return path


def make_key(files_by_category, options):
    """Hashes what decoded images depend on.

    Args:
        files_by_category: Dictionary from category to list of `ImageFile`.
        options: Dictionary of JSON values.

    Returns:
        String of 64 hexadecimal digits (SHA-256).
    """
    listing = [
        (category, file.name, file.size, file.mtime_ns)
        for category, files in files_by_category.items()
        for file in files
    ]
    content = json.dumps([options, listing], sort_keys=True, default=float)
    return hashlib.sha256(content.encode()).hexdigest()


def fetch(cache_dir, key, image_size, build):
    """Reads an entry of decoded images; builds it first where there is none.

    Args:
        cache_dir: Path of an existing directory.
        key: String, the entry's name.
        image_size: Integer. Height and width of the images, in pixels.
        build: Function that fills the directory it is given with an entry. It
            is called when there is no entry or a damaged one. An exception in
            it leaves nothing behind.

    Returns:
        Dictionary with the arguments of `Dataset`, save its name; the images
        are a read-only memory map.
    """
    return fetch_entry(
        cache_dir, key, lambda path: _read(path, image_size), build
    )


def fetch_entry(cache_dir, key, read, build):
    """Reads an entry of any kind; builds it first where there is none.

    Args:
        cache_dir: Path of an existing directory.
        key: String, the entry's name.
        read: Function from an entry's path to its content, or `None` where
            there is no sound entry.
        build: Function, as for `fetch`.

    Returns:
        What `read` returns.
    """
    path = pathlib.Path(cache_dir, key)
    existed = path.exists()
    entry = read(path)
    if entry is not None:
        return entry
    _remove_abandoned(cache_dir)
    if existed:
        with _temporary(cache_dir) as discarded:
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, discarded / "damaged")
    with _temporary(cache_dir) as building:
        build(building)
        try:
            os.rename(building, path)
        except OSError:
            # Another process was faster: its entry is as good as ours.
            if not path.is_dir():
                raise
    entry = read(path)
    if entry is None:
        raise OSError(f"The images just stored in {path} cannot be read back.")
    return entry


def write(directory, images, order, index):
    """Writes the two files of an entry.

    Args:
        directory: Path of an existing directory.
        images: uint8 array of shape `(num_decoded, image_size, image_size, 3)`.
        order: Sequence of integers: which of `images` to store, and in which
            order.
        index: Dictionary with `labels`, `is_test` and `files`, lists with one
            element for each image stored, `categories` and `skipped`.
    """
    images_path = pathlib.Path(directory, "images.npy")
    header = {
        "descr": "|u1",
        "fortran_order": False,
        "shape": (len(order), *images.shape[1:]),
    }
    with _synchronised(images_path) as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for position in order:
            stream.write(images[position].tobytes())
    stored = np.load(images_path, mmap_mode="r", allow_pickle=False)
    index["fingerprint"] = fingerprint(
        stored, index["labels"], index["is_test"], index["categories"]
    )
    index["hashes"] = hash_images(stored).astype(str).tolist()
    with _synchronised(pathlib.Path(directory, "index.json")) as stream:
        stream.write(json.dumps(index).encode())


def _read(path, image_size):
    """Returns the arguments of `Dataset`, or `None` without a sound entry."""
    try:
        index = json.loads((path / "index.json").read_bytes())
        images = np.load(path / "images.npy", mmap_mode="r", allow_pickle=False)
        entry = {
            "images": images,
            "labels": np.array(index["labels"], "int32"),
            "is_test": np.array(index["is_test"], "bool"),
            "categories": tuple(index["categories"]),
            "fingerprint": index["fingerprint"],
            "skipped": tuple((file, why) for file, why in index["skipped"]),
            "files": tuple(index["files"]),
            "hashes": np.array(index["hashes"], "S32"),
        }
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    num_images = len(entry["files"])
    shape = (num_images, image_size, image_size, 3)
    is_sound = (
        images.dtype == "uint8"
        and images.shape == shape
        and len(entry["labels"]) == len(entry["is_test"]) == num_images
        and len(entry["hashes"]) == num_images
    )
    return entry if is_sound else None


@contextlib.contextmanager
def _synchronised(path):
    """Opens a file for writing; it is on the disk when the block ends."""
    with open(path, "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def _temporary(cache_dir):
    """Gives a directory beside the entries and removes what is left of it."""
    # Not by `tempfile`: its directories are closed to others, and an entry
    # can be shared by several users.
    owner = f"{BUILDING}-{platform.node()}-{os.getpid()}"
    path = pathlib.Path(cache_dir, f"{owner}-{secrets.token_hex(4)}")
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _remove_abandoned(cache_dir):
    """Removes temporary directories whose process was killed."""
    for path in pathlib.Path(cache_dir).glob(f"{BUILDING}-*"):
        with contextlib.suppress(FileNotFoundError):
            is_old = time.time() - path.stat().st_mtime > WEEK
            if is_old or not _may_be_alive(path.name):
                shutil.rmtree(path, ignore_errors=True)


def _may_be_alive(name):
    """Tells whether a temporary directory's process may still run."""
    owner, _, process = name.rpartition("-")[0].rpartition("-")
    is_ours = owner == f"{BUILDING}-{platform.node()}" and process.isdecimal()
    # Nothing is known of other machines; Windows has no signal 0.
    if not is_ours or os.name == "nt":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
