"""Keeps decoded images on disk, so that a second start decodes nothing.

An entry is a directory, named by the hash of what it depends on, with
`images.npy` and `index.json`. It is built elsewhere and renamed when it is
complete, so an entry that exists was finished. `seal.json` holds the hashes of
its files: an entry that was damaged since is built again. The whole cache may
be deleted at any time.
"""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
import shutil

import filelock
import numpy as np
import platformdirs

from invariance_tf import files
from invariance_tf.datasets.images.fingerprint import fingerprint, hash_images
from invariance_tf.datasets.images.listing import absolute_path

BUILDING = ".building-"
SEAL = "seal.json"

_logger = logging.getLogger(__name__)


def locate_cache(cache_dir=None):
    """Creates the cache's directory unless it exists.

    Args:
        cache_dir: Path, or `None` for the environment variable
            `INVARIANCE_TF_CACHE`, else for `invariance_tf` where the system
            keeps caches: on Linux `XDG_CACHE_HOME`, else `~/.cache`.

    Returns:
        Absolute path of the directory.

    Raises:
        OSError: If it cannot be created.
    """
    path = absolute_path(
        cache_dir
        or os.environ.get("INVARIANCE_TF_CACHE")
        or platformdirs.user_cache_dir("invariance_tf", appauthor=False)
    )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"Decoded images cannot be stored in {path}: {error.strerror}. "
            "Choose another directory with `cache_dir` or the environment "
            f"variable INVARIANCE_TF_CACHE. Received: cache_dir={cache_dir}"
        ) from error
    return path


def make_key(*content):
    """Hashes what an entry depends on.

    Args:
        *content: JSON values.

    Returns:
        String of 64 hexadecimal digits (SHA-256).
    """
    text = json.dumps(content, sort_keys=True, default=float)
    return hashlib.sha256(text.encode()).hexdigest()


def fetch_images(cache_dir, key, build):
    """Reads an entry of decoded images; builds it first if there is none.

    Args:
        cache_dir: Path or `None`. See `locate_cache`.
        key: String, the entry's name.
        build: Function that fills the directory it is given with an entry. It
            is called if there is no entry or a damaged one. An exception in
            it leaves nothing behind.

    Returns:
        Dictionary with the arguments of `Dataset`, save its name; the images
        are a read-only memory map.
    """
    return fetch_entry(cache_dir, key, _read_images, build)


def fetch_entry(cache_dir, key, read, build):
    """Reads an entry of any kind; builds it first if there is none.

    Args:
        cache_dir: Path or `None`. See `locate_cache`.
        key: String, the entry's name.
        read: Function from the path of a whole entry to its content.
        build: Function, as for `fetch_images`.

    Returns:
        What `read` returns.
    """
    cache_dir = locate_cache(cache_dir)
    path = cache_dir / key
    if _find_fault(path):
        _remove_abandoned(cache_dir)
        # Whoever wants the same images meanwhile waits for them here.
        with _locked(cache_dir, key):
            fault = _find_fault(path)
            if fault:
                if os.path.lexists(path):
                    _logger.warning("A cache entry is built again: %s.", fault)
                files.remove(path)
                _build(cache_dir, key, build)
    return read(path)


def write_entry(directory, images, order, index):
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
    with files.replacing(images_path) as path, open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for position in order:
            stream.write(images[position].tobytes())
    stored = np.load(images_path, mmap_mode="r", allow_pickle=False)
    index["fingerprint"] = fingerprint(
        stored, index["labels"], index["is_test"], index["categories"]
    )
    index["hashes"] = hash_images(stored).astype(str).tolist()
    files.write_json(pathlib.Path(directory, "index.json"), index)


def _read_images(path):
    """Returns the arguments of `Dataset`."""
    index = json.loads((path / "index.json").read_bytes())
    return {
        "images": np.load(
            path / "images.npy", mmap_mode="r", allow_pickle=False
        ),
        "labels": np.array(index["labels"], "int32"),
        "is_test": np.array(index["is_test"], "bool"),
        "categories": tuple(index["categories"]),
        "fingerprint": index["fingerprint"],
        "skipped": tuple((file, why) for file, why in index["skipped"]),
        "files": tuple(index["files"]),
        "hashes": np.array(index["hashes"], "S32"),
    }


def _seal(directory, key):
    """Records which files an entry has, with their hashes.

    Beside the hashes stands the status of the files on this disk. While it is
    the same nobody has written to them, and gigabytes need not be hashed at
    every start.
    """
    names = sorted(os.listdir(directory))
    # Before the hashes: what is written meanwhile changes the status.
    status = {name: _status(directory / name) for name in names}
    described = {name: files.describe_file(directory / name) for name in names}
    seal = {"key": key, "files": described, "status": status}
    files.write_json(directory / SEAL, seal)


def _find_fault(path):
    """Returns what is wrong with an entry, in words, or `None`."""
    seal_path = path / SEAL
    try:
        with files.reading(seal_path, advice=""):
            seal = files.read_json(seal_path)
            described, status = seal["files"], seal["status"]
            is_own = seal["key"] == path.name
    except files.DamagedFileError as error:
        return str(error).rstrip(". ")
    if not is_own:
        return f"{path} is an entry of other images"
    now = {name: _status(path / name) for name in described}
    if now == status:
        return None
    for name in described:
        fault = files.find_fault(path / name, described[name])
        if fault:
            return f"{path / name} {fault}"
    # It was moved, or comes from another disk. Where this cannot be written
    # down, the hashes are compared at every start.
    with contextlib.suppress(OSError):
        files.write_json(seal_path, {**seal, "status": now})
    return None


def _status(path):
    """Returns what changes with every write to a file; `None` without it."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    # The time of change cannot be set, unlike that of modification.
    return [
        *(status.st_size, status.st_mtime_ns, status.st_ctime_ns),
        status.st_ino,
    ]


def _build(cache_dir, key, build):
    """Builds an entry and puts it in its place once it is complete."""
    # Not by `tempfile`: its directories are closed to others, and an entry
    # can be shared by several users.
    directory = cache_dir / f"{BUILDING}{key}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    try:
        build(directory)
        _seal(directory, key)
        os.rename(directory, cache_dir / key)
    except OSError as error:
        # A full disk does not say where.
        if error.errno and error.filename is None:
            error.filename = os.fspath(cache_dir)
        raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_abandoned(cache_dir):
    """Removes what was being built by processes that were killed."""
    for path in cache_dir.glob(f"{BUILDING}*"):
        lock = _locked(cache_dir, path.name.removeprefix(BUILDING), timeout=0)
        # What is locked is being built; a lock ends with its process.
        with contextlib.suppress(filelock.Timeout), lock:
            shutil.rmtree(path, ignore_errors=True)


def _locked(cache_dir, key, timeout=-1):
    # Open to all: a cache can be shared by several users.
    return filelock.FileLock(
        cache_dir / f".lock-{key}", timeout=timeout, mode=0o666
    )
