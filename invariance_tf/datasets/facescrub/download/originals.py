"""Keeps the photos themselves, to crop again without a download."""

import hashlib
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
        """Returns the bytes of a file; `None` if it is missing or damaged."""
        path = self._path(sha256)
        if path is None or not path.is_file():
            return None
        content = path.read_bytes()
        is_whole = hashlib.sha256(content).hexdigest() == sha256
        return content if is_whole else None

    def keep(self, sha256, content):
        """Writes a file unless it exists and is whole."""
        path = self._path(sha256)
        if path is None:
            return
        # The same photo can come from two addresses at once.
        with self._lock:
            if self.read(sha256) is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                with files.replacing(path) as temporary_path:
                    pathlib.Path(temporary_path).write_bytes(content)

    def _path(self, sha256):
        if self._directory is None:
            return None
        return pathlib.Path(self._directory, sha256[:2], sha256)
