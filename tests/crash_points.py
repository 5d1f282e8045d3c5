"""Kills a piece of work before any of its changes to a directory.

A killed process changes nothing any more. So does work in this process once
every further change is refused: what it would tidy up on its way out stays.
"""

import contextlib
import os
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Killed(BaseException):
    """Raised instead of a change; no `except Exception` catches it."""


class _Watch:
    """Lists changes below a directory, and refuses those from one on."""

    def __init__(self, directory, first_refused):
        self.directory = os.path.realpath(directory)
        self.first_refused = first_refused
        self.is_dead, self.changes = False, []

    def notice(self, event, path, directory):
        if isinstance(path, int) or path is None:
            return
        path = os.fsdecode(path)
        if isinstance(directory, int) and directory >= 0:
            path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), path)
        path = os.path.abspath(path)
        if not path.startswith(self.directory + os.sep):
            return
        change = f"{event} {os.path.relpath(path, self.directory)}"
        if self.first_refused in (len(self.changes), change):
            self.is_dead = True
        if self.is_dead:
            raise Killed(f"before {change}")
        self.changes.append(change)


_watch = None


def _hear(event, arguments):
    """Hears of everything that Python does to files, before it does it."""
    if _watch is None:
        return
    if event == "open":
        path, _, flags = arguments
        if flags & WRITING:
            _watch.notice(event, path, None)
    elif event == "os.rename":
        _watch.notice(event, arguments[1], arguments[3])
    elif event in ("os.remove", "os.rmdir"):
        _watch.notice(event, *arguments)
    elif event == "os.mkdir":
        path, _, directory = arguments
        _watch.notice(event, path, directory)


# There is no way to remove it.
sys.addaudithook(_hear)


@contextlib.contextmanager
def changes_below(directory, first_refused=None):
    """Lists the changes that are made below a directory.

    Args:
        directory: Path.
        first_refused: The first change that is not made, its place in the list
            or the change itself; it and all others raise `Killed`, which ends
            here. `None`: no limit.

    Yields:
        List of strings, the changes so far.
    """
    global _watch
    _watch = _Watch(directory, first_refused)
    try:
        yield _watch.changes
    except Killed:
        pass
    finally:
        _watch = None
