"""Reads and writes files: locks, atomic replacement, signs of damage."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import stat

import filelock
import yaml

from invariance_tf import foreign

# Prefix of the names of files that are being written.
_TEMPORARY = ".writing-"


class DamagedFileError(OSError):
    """Says that a file is not what was once written, and what to do.

    Args:
        path: Path of the file.
        fault: String, what is wrong with it: the rest of a sentence that
            starts with the path.
        advice: String, sentences about what to do.
    """

    def __init__(self, path, fault, advice):
        super().__init__(f"{path} {fault}. {advice}")


@contextlib.contextmanager
def reading(path, advice):
    """Takes every failure to make sense of a file for damage to it.

    Which errors a damaged file raises depends on its format, on the library
    that reads it and on the damage.

    Args:
        path: Path of the file.
        advice: String, what to do about damage.

    Raises:
        DamagedFileError: If it is not a file, or anything was raised inside.
    """
    try:
        # Reading a pipe would wait forever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DamagedFileError(path, "is not a file", advice)
        yield
    except (DamagedFileError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DamagedFileError(path, "is missing", advice) from error
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise DamagedFileError(
            path, f"cannot be read ({cause})", advice
        ) from error


def describe_file(path):
    """Returns the size of a file in bytes and its SHA-256, as a dictionary."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"size": file.tell(), "sha256": digest}


def find_fault(path, described, only_size=False):
    """Finds out whether a file is still the one that was described.

    Args:
        path: Path of the file.
        described: Dictionary, as from `describe_file`.
        only_size: Whether to compare the sizes only, which takes no time.

    Returns:
        String, what is wrong with the file, as for `DamagedFileError`; or
        `None`.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return "is not a file"
        if status.st_size != described["size"]:
            return f"has {status.st_size} bytes, not {described['size']}"
        if not only_size and describe_file(path) != described:
            return "has changed since it was written"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path, whose file replaces `path` at the end.

    Readers see the old file or the new one, never half of it, even if the
    program is killed.

    Args:
        path: Path of the file to write.

    Yields:
        Path of a temporary file in the same directory, with the same suffix.
    """
    directory, name = os.path.split(os.fspath(path))
    temporary_path = os.path.join(
        directory, f"{_TEMPORARY}{os.getpid()}-{name}"
    )
    try:
        yield temporary_path
        with open(temporary_path, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary_path, path)
    except OSError as error:
        # A full disk does not say which file it had no room for. An error
        # without a number has a message of its own, which a name would hide.
        if error.errno is not None:
            error.filename = error.filename or os.fspath(path)
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary_path)


@contextlib.contextmanager
def locked(run_dir):
    """Makes a directory and locks it against other processes.

    The lock is released when the process ends, even if it is killed.

    Args:
        run_dir: Path of the run directory.

    Raises:
        BlockingIOError: If another process holds the lock.
    """
    os.makedirs(run_dir, exist_ok=True)
    lock = filelock.FileLock(os.path.join(run_dir, ".lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise BlockingIOError(
            f"Another process is working on {run_dir}."
        ) from error
    try:
        for entry in os.scandir(run_dir):
            # Left by a process that was killed while writing.
            if entry.name.startswith(_TEMPORARY):
                os.remove(entry.path)
        yield
    finally:
        lock.release()


def clear_directory(run_dir, first=()):
    """Removes everything from a run directory except its lock.

    Args:
        run_dir: Path of the directory.
        first: Names of the files to remove before all others.
    """
    for name in (*first, *os.listdir(run_dir)):
        if name != ".lock":
            remove(os.path.join(run_dir, name))


def remove(path):
    """Removes a file or a directory, unless it does not exist."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def write_csv(path, rows):
    """Writes rows, columns or a DataFrame as a CSV file."""
    # Not at the top: the command line is to answer mistakes at once.
    import pandas as pd

    try:
        table = pd.DataFrame(rows)
    except UnicodeEncodeError:
        # Arrow's strings cannot hold what `escape_cell` is there to escape.
        table = pd.DataFrame(rows, dtype=object)
    for name in table.select_dtypes(["object", "string"]):
        table[name] = table[name].map(
            lambda cell: (
                foreign.escape_cell(cell) if isinstance(cell, str) else cell
            )
        )
    with replacing(path) as temporary_path:
        table.to_csv(temporary_path, index=False)


def write_parquet(path, table, level=1):
    """Writes a DataFrame as a Parquet file.

    Args:
        path: String.
        table: DataFrame.
        level: Integer from 1 to 22, how hard Zstandard compresses. 19 saves
            another eighth in ten times the time.
    """
    # Half the size: floats with their bytes regrouped by significance, names
    # as indices into a dictionary.
    numbers = [*table.select_dtypes("floating")]
    with replacing(path) as temporary_path:
        table.to_parquet(
            temporary_path,
            index=False,
            compression="zstd",
            compression_level=level,
            use_byte_stream_split=numbers,
            use_dictionary=[name for name in table if name not in numbers],
        )


def write_text(path, text):
    """Writes text as UTF-8."""
    with replacing(path) as temporary_path:
        with open(temporary_path, "w", encoding="utf-8") as file:
            file.write(text)


def to_json(content):
    """Returns a dictionary as JSON, with nan and infinity as null."""

    def legal(value):
        if isinstance(value, dict):
            return {key: legal(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [legal(item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value

    return json.dumps(legal(content), indent=2, allow_nan=False) + "\n"


def write_json(path, content):
    """Writes a dictionary as JSON, as `to_json` does."""
    write_text(path, to_json(content))


def read_json(path):
    """Reads a JSON file; `None` if it does not exist."""
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_yaml(path):
    """Reads a YAML file."""
    with open(path, encoding="utf-8") as file:
        return foreign.read_yaml(file.read())


def write_yaml(path, content):
    """Writes a dictionary as YAML, keeping its order."""
    with replacing(path) as temporary_path:
        with open(temporary_path, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
