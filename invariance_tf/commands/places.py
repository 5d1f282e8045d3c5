"""Checks where results are to go, before hours of work for them."""

import errno
import os


def check_runs(experiments, overwrite=False):
    """Raises unless the place of runs can be written, or all are there.

    Runs that are finished can be shown from where nobody may write.

    Args:
        experiments: List of resolved experiments with the same `runs_dir`.
        overwrite: Whether they are to be redone.
    """
    runs_dir = experiments[0].runs_dir
    run_dirs = (os.path.join(runs_dir, each.name()) for each in experiments)
    if overwrite or not all(map(os.path.isdir, run_dirs)):
        check_place(runs_dir, "runs_dir")


def check_place(path, option, is_file=False):
    """Raises unless a directory or a file can be written. Nothing is made.

    Args:
        path: Path, which may not exist yet.
        option: String, the option that it comes from.
        is_file: Whether it is a file instead of a directory.

    Raises:
        ValueError: If there is something else in its place.
        OSError: If it cannot be written.
    """
    received = f"Received: {option}={path}"
    if not path or "\0" in path or not _is_utf8(path):
        raise ValueError(
            f"`{option}` must be a path in UTF-8: Keras and TensorBoard write "
            f"to no other. {received}"
        )
    place = os.path.abspath(path)
    if is_file:
        if os.path.exists(place) and not os.path.isfile(place):
            raise ValueError(
                f"`{option}` must be a file; there is something else of that "
                f"name. {received}"
            )
        place = os.path.dirname(place)
    while not _exists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise ValueError(
            f"`{option}` must be in a directory; {place} is not one. {received}"
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"`{option}` must be where you may write; you may not in {place}. "
            f"{received}"
        )


def _is_utf8(path):
    """Returns whether a path has only bytes that are UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _exists(path):
    """Returns whether a path exists; an impossible one is an error."""
    try:
        os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            # A dead link is in the way of a directory.
            return os.path.islink(path)
        raise
    return True
