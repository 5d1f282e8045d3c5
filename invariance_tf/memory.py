"""How much memory there is."""

import contextlib
import os
import pathlib


def find_memory():
    """Returns the memory of this machine, or container, in bytes."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        # Not on Windows.
        found = 2**32
    with contextlib.suppress(OSError, ValueError):
        limit = pathlib.Path("/sys/fs/cgroup/memory.max").read_text("ascii")
        found = min(found, int(limit))
    return found
