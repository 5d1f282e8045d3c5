"""Remembers what became of each row, whenever the program ends."""

import dataclasses
import json
import os
import pathlib
import threading

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Says what became of a row.

    Attributes:
        fate: String, one of the keys of `fates.FATES`.
        detail: String, what exactly happened.
        received_sha256: String, the hash of the file that was received.
        pixels_sha256: String, the hash of the crop's pixels, as bytes of
            shape `(size, size, 3)`. It does not depend on how PNG files are
            compressed.
    """

    fate: str
    detail: str = ""
    received_sha256: str = ""
    pixels_sha256: str = ""


class Journal:
    """Keeps outcomes in a file of JSON lines.

    What a killed program left half-written at the end is dropped. Of several
    outcomes of a row the last one counts.

    Args:
        path: Path of the file, which may not exist yet.
        size: Integer, height and width of the crops in pixels.

    Raises:
        ValueError: If the file is no journal or one of another size.
    """

    def __init__(self, path, size):
        self._path = pathlib.Path(path)
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._num_written = self._num_synced = 0
        self.outcomes = {}
        header = {"facescrub": FORMAT, "size": size}
        self._file = open(self._path, "a+b", buffering=0)
        try:
            if not self._load(header):
                self._write([header])
                self._sync()
        except BaseException:
            self._file.close()
            raise

    def append(self, outcomes):
        """Adds outcomes and waits until they are on disk.

        Several threads may do so at once; they then share the wait.

        Args:
            outcomes: Dictionary from the key of a row to its `Outcome`.
        """
        records = [
            {"row": key, **dataclasses.asdict(outcome)}
            for key, outcome in outcomes.items()
        ]
        with self._lock:
            self._write(records)
            self._num_written += 1
            number = self._num_written
        with self._sync_lock:
            if self._num_synced < number:
                newest = self._num_written
                self._sync()
                self._num_synced = newest
        self.outcomes.update(outcomes)

    def close(self):
        """Closes the file."""
        self._file.close()

    def _load(self, expected):
        """Reads what is there; returns whether there was a header."""
        content = self._path.read_bytes()
        end = content.rfind(b"\n") + 1
        self._file.truncate(end)
        header, *lines = content[:end].splitlines() or [b""]
        if not header:
            return False
        self._check(_parse(header), expected)
        for record in filter(None, map(_parse, lines)):
            key = record.pop("row")
            self.outcomes[key] = Outcome(**record)
        return True

    def _check(self, header, expected):
        if header is None or header.get("facescrub") != FORMAT:
            raise ValueError(
                f"{self._path} was not written by this version of the "
                "program. Choose another directory."
            )
        if header != expected:
            raise ValueError(
                f"{self._path.parent} has crops of {header['size']} pixels. "
                "Choose another directory; with --originals_dir the photos "
                f"need no second download. Received: size={expected['size']}"
            )

    def _write(self, records):
        lines = (json.dumps(record) + "\n" for record in records)
        self._file.write("".join(lines).encode())

    def _sync(self):
        os.fsync(self._file.fileno())


def _parse(line):
    """Returns a line's content, or `None` if a crash of the disk spoilt it."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
