"""Keeps the photos themselves, to crop again without a download."""

import os
import pathlib
import threading

from invariance_tf import files


class Originals:
    """Keeps files under the names of their hashes.

    Args:
        directory: Path of the directory, or `None` to keep nothing.
    """

    def __init__(self, directory):
        self._directory = directory and os.path.abspath(directory)
        self._lock = threading.Lock()

    def read(self, sha256):
        """Returns the bytes of a file, or `None` if it is missing."""
        path = self._path(sha256)
        if path is None or not path.is_file():
            return None
        return path.read_bytes()

    def keep(self, sha256, content):
        """Writes a file unless it exists."""
        path = self._path(sha256)
        if path is None:
            return
        # The same photo can come from two addresses at once.
        with self._lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with files.replacing(path) as temporary_path:
                    pathlib.Path(temporary_path).write_bytes(content)

    def _path(self, sha256):
        if self._directory is None:
            return None
        return pathlib.Path(self._directory, sha256[:2], sha256)
