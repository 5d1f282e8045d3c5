"""Reads and writes files: locked directories, atomic replacement."""

import contextlib
import json
import math
import os
import shutil

import filelock
import yaml

from invariance_tf import foreign

# The version of the files of a run directory. Tables of a later version than
# this are refused (see `paper.tables`).
SCHEMA = 2

# Prefix of the names of files that are being written.
_TEMPORARY = ".writing-"


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
        # A full disk does not say which file it had no room for.
        if error.errno and error.filename is None:
            error.filename = os.fspath(path)
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


def clear_directory(run_dir):
    """Removes everything from a run directory except its lock."""
    for entry in os.scandir(run_dir):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != ".lock":
            os.remove(entry.path)


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


def write_parquet(path, table):
    """Writes a DataFrame as a Parquet file."""
    # Half the size: floats with their bytes regrouped by significance, names
    # as indices into a dictionary.
    numbers = [*table.select_dtypes("floating")]
    with replacing(path) as temporary_path:
        table.to_parquet(
            temporary_path,
            index=False,
            compression="zstd",
            use_byte_stream_split=numbers,
            use_dictionary=[name for name in table if name not in numbers],
        )


def write_json(path, content):
    """Writes a dictionary as JSON, with nan and infinity as null."""

    def legal(value):
        if isinstance(value, dict):
            return {key: legal(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [legal(item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value

    with replacing(path) as temporary_path:
        with open(temporary_path, "w", encoding="utf-8") as file:
            json.dump(legal(content), file, indent=2, allow_nan=False)
            file.write("\n")


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
