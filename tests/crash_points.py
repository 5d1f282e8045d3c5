"""Every state in which a killed process can leave a directory.

What a process has written stays when it is killed. So the directory is copied
before each change to it: the copies are what kills would have left.
"""

import contextlib
import os
import pathlib
import shutil
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Watch:
    """Copies a directory before each change to it, if it has new content."""

    def __init__(self, directory, copies):
        self.directory, self.copies = pathlib.Path(directory), copies
        self.content, self.states = None, []

    def notice(self, event, path, directory=-1):
        """Hears that a path is about to be changed.

        Args:
            event: String, what is about to happen.
            path: The path, or the number of an open file.
            directory: Number of the open directory that the path is below.
        """
        if isinstance(path, int):
            return
        path = os.fsdecode(path)
        if directory is not None and directory >= 0:
            path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), path)
        path = pathlib.Path(os.path.abspath(path))
        if self.directory not in path.parents or not self.directory.exists():
            return
        copy = self.copies / str(len(self.states))
        content = read_files(self.directory)
        if content == self.content:
            # The later one has more of what is written under other names.
            _, copy = self.states.pop()
            shutil.rmtree(copy)
        shutil.copytree(self.directory, copy, symlinks=True)
        change = f"{event} {path.relative_to(self.directory)}"
        self.content = content
        self.states.append((change, copy))


def read_files(directory):
    """Returns the content of files by name, but of locks and temporary ones."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
        and path.name != ".lock"
        and not path.name.startswith(".writing-")
    }


_watch = None


def _hear(event, arguments):
    """Hears of everything that Python does to files, before it does it."""
    global _watch
    if _watch is None:
        return
    # Copying is not watched.
    watch, _watch = _watch, None
    try:
        if event == "open":
            path, _, flags = arguments
            if flags & WRITING:
                watch.notice(event, path)
        elif event == "os.rename":
            watch.notice(event, arguments[1], arguments[3])
        elif event in ("os.remove", "os.rmdir"):
            watch.notice(event, *arguments)
        elif event == "os.mkdir":
            watch.notice(event, arguments[0], arguments[2])
    finally:
        _watch = watch


# There is no way to remove it.
sys.addaudithook(_hear)


@contextlib.contextmanager
def states_of(directory, copies):
    """Copies each state of a directory that a kill could leave.

    Args:
        directory: Path of the directory, which need not exist yet.
        copies: Path of an empty directory.

    Yields:
        List, filled meanwhile, of pairs: the change before which the process
        would have been killed, and the path of a copy.
    """
    global _watch
    _watch = _Watch(directory, copies)
    try:
        yield _watch.states
    finally:
        _watch = None
