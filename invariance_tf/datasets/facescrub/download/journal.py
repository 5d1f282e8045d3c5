"""Remembers what became of each row, whenever the program ends."""

import contextlib
import dataclasses
import pathlib
import sqlite3
import threading

from invariance_tf import foreign

SETUP = """
-- Nobody else has this file open: without shared memory it also works on a
-- network file system. A transaction that has ended is on the disk.
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS crops (size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    row TEXT PRIMARY KEY,
    fate TEXT NOT NULL,
    detail TEXT NOT NULL,
    received_sha256 TEXT NOT NULL,
    pixels_sha256 TEXT NOT NULL
);
-- The row that a file was written for last. Of a journal of earlier versions,
-- not all files are here.
CREATE TABLE IF NOT EXISTS writers (file TEXT PRIMARY KEY, row TEXT NOT NULL);
"""


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
    """Keeps outcomes in an SQLite file; of several of a row, the last one.

    `outcomes` is a dictionary from the key of a row to its `Outcome`, and
    `writers` one from a file to the key of the row that it was written for.

    Args:
        path: Path of the file, which may not exist yet.
        size: Integer, height and width of the crops in pixels.

    Raises:
        ValueError: If the file is not a journal or is one of another size.
        OSError: If the disk fails.
    """

    def __init__(self, path, size):
        self._path = pathlib.Path(path)
        self._lock = threading.Lock()
        with _sqlite_errors(self._path):
            self._database = sqlite3.connect(path, check_same_thread=False)
        # Journals of earlier versions can hold bytes that are not UTF-8.
        self._database.text_factory = lambda text: foreign.escape(
            text.decode("utf-8", "surrogateescape")
        )
        try:
            with self._transaction():
                self._database.executescript(SETUP)
                self._check_size(size)
                rows = self._database.execute("SELECT * FROM outcomes")
                self.outcomes = {row: Outcome(*rest) for row, *rest in rows}
                rows = self._database.execute("SELECT * FROM writers")
                self.writers = dict(rows)
        except BaseException:
            self._database.close()
            raise

    def claim(self, writers):
        """Notes for which rows files are about to be written.

        From then on, the outcome of another row with one of these files is
        not trusted, even if the program is killed before they are written.

        Args:
            writers: Dictionary from files to the keys of rows.
        """
        if writers.items() <= self.writers.items():
            return
        with self._transaction():
            self._database.executemany(
                "REPLACE INTO writers VALUES (?, ?)", writers.items()
            )
        self.writers.update(writers)

    def append(self, outcomes):
        """Adds outcomes and waits until they are on disk.

        Several threads may do so at once.

        Args:
            outcomes: Dictionary from the key of a row to its `Outcome`.
        """
        records = [
            (key, *dataclasses.astuple(outcome))
            for key, outcome in outcomes.items()
        ]
        with self._transaction():
            self._database.executemany(
                "REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?)", records
            )
        self.outcomes.update(outcomes)

    def close(self):
        """Closes the file."""
        self._database.close()

    def _check_size(self, size):
        """Notes the size of the crops, or compares it with an earlier one."""
        former = self._database.execute("SELECT size FROM crops").fetchone()
        if former is None:
            self._database.execute("INSERT INTO crops VALUES (?)", (size,))
        elif former != (size,):
            raise ValueError(
                f"{self._path.parent} has crops of {former[0]} pixels. "
                "Choose another directory; with --originals_dir the photos "
                f"need no second download. Received: size={size}"
            )

    @contextlib.contextmanager
    def _transaction(self):
        """Writes all that happens in the block to the disk, or nothing."""
        with _sqlite_errors(self._path), self._lock, self._database:
            yield


@contextlib.contextmanager
def _sqlite_errors(path):
    """Raises SQLite's errors as those that the command line expects."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(
            f"{path} is not a journal of this program ({error}). Choose "
            "another directory."
        ) from error
