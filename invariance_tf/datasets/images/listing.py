"""Finds the image files below a directory, and the category of each."""

import collections
import dataclasses
import os
import pathlib
import stat
import unicodedata

from invariance_tf import foreign

EXTENSIONS = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".tif", ".tiff", ".jp2", ".avif"),
)
SYSTEM_FOLDERS = {"__MACOSX", "lost+found"}
FACE_MARKERS = {"face", "faces", "actor_faces", "actress_faces"}
IMAGE_MARKERS = {"image", "images", "actor_images", "actress_images"}
MARKERS = FACE_MARKERS | IMAGE_MARKERS


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFile:
    """Describes an image file without opening it.

    Attributes:
        name: String, the path relative to the data set's directory, with
            slashes and in Unicode's composed form (NFC).
        path: String, the path to open.
        size: Integer, bytes; -1 where the file cannot be read.
        mtime_ns: Integer, when the content was written, in nanoseconds.
            Copies and archives keep it, and anyone can set it.
        ctime_ns: Integer, when anything about the file changed, which nobody
            can set.
    """

    name: str
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int

    def read(self):
        """Returns the file's bytes."""
        with open(self.path, "rb") as stream:
            return stream.read(self.size)


def absolute_path(path):
    """Returns an absolute path; `~` is the user's directory.

    Raises:
        ValueError: If it is neither a string nor a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            "A file or directory must be named by a string or a path. "
            f"Received: {foreign.shorten(repr(path))}"
        )
    return pathlib.Path(os.path.abspath(os.path.expanduser(path)))


def normalise(name):
    """Returns a name in Unicode's composed form, safe to store and show.

    macOS and some archives decompose accents: two spellings of "León" look
    the same but are different strings.

    Args:
        name: String.

    Returns:
        String (NFC), escaped by `foreign.escape_name`.

    Example:

    >>> len("Leo\\u0301n"), len(normalise("Leo\\u0301n"))
    (5, 4)
    """
    return foreign.escape_name(unicodedata.normalize("NFC", name))


def list_files(data_dir):
    """Lists the image files below a directory.

    Hidden files, `__MACOSX` and `lost+found` folders and files without an
    image's extension are left out. Linked directories are followed after all
    others, and no directory is read twice, so that a link can neither lead
    into a loop nor show an image in a second place.

    Args:
        data_dir: Path of a directory.

    Returns:
        List of `ImageFile`, in no particular order.

    Raises:
        PermissionError: If a directory cannot be read.
    """
    root = os.path.realpath(data_dir)
    visited = {str(parent) for parent in pathlib.Path(root).parents}
    waiting = collections.deque([("", root)])
    files = []
    while waiting:
        prefix, directory = waiting.popleft()
        real_path = os.path.realpath(directory)
        if real_path in visited:
            continue
        visited.add(real_path)
        with os.scandir(directory) as entries:
            visible = [entry for entry in entries if not _is_hidden(entry)]
        for entry in sorted(visible, key=lambda entry: entry.name):
            name = prefix + entry.name
            if not os.path.isdir(entry.path):
                if entry.name.lower().endswith(EXTENSIONS):
                    files.append(_read_status(name, entry.path))
            elif entry.is_symlink():
                waiting.append((f"{name}/", entry.path))
            else:
                waiting.appendleft((f"{name}/", entry.path))
    return files


def group_by_category(files):
    """Groups image files by category and sorts them.

    A file's category is the folder that it is in, so that `train/cat` and
    `val/cat` are one category. Folders called face, faces, image or images
    (or actor_faces, actress_faces and so on) are passed over in favour of the
    folder above, but only if all folders beside them have such names: a
    category may be called "Faces". If a category has files in a folder of
    faces, only these are used, not the full images.

    Args:
        files: Sequence of `ImageFile`.

    Returns:
        A dictionary from category to list of `ImageFile`, both sorted by
        name, and the list of files that are in no category's folder.
    """
    names = {file.name.rpartition("/")[0] for file in files}
    children = collections.defaultdict(set)
    for name in names:
        parts = name.split("/")
        for depth, part in enumerate(parts):
            children[tuple(parts[:depth])].add(part.casefold())
    homes = {name: _category(name, children) for name in names}

    categories, loose = collections.defaultdict(list), []
    for file in sorted(files, key=lambda file: (file.name, file.path)):
        category, is_face = homes[file.name.rpartition("/")[0]]
        if category:
            categories[category].append((is_face, file))
        else:
            loose.append(file)
    preferred = {}
    for category, members in sorted(categories.items()):
        best = max(is_face for is_face, _ in members)
        preferred[category] = [
            file for is_face, file in members if is_face == best
        ]
    return preferred, loose


def _category(name, children):
    """Returns a folder's category, or "", and whether it holds faces."""
    parts = name.split("/")
    category, is_face = "", False
    for depth, part in enumerate(parts):
        if not children[tuple(parts[:depth])] <= MARKERS:
            category = part
        elif part.casefold() in FACE_MARKERS:
            is_face = True
    return category, is_face


def _is_hidden(entry):
    return entry.name.startswith(".") or entry.name in SYSTEM_FOLDERS


def _read_status(name, path):
    """Returns an `ImageFile`; pipes, dead links and so on have size -1."""
    size, mtime_ns, ctime_ns = -1, 0, 0
    try:
        status = os.stat(path)
    except OSError:
        status = None
    if status and stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK):
        size = status.st_size
        mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    return ImageFile(normalise(name), path, size, mtime_ns, ctime_ns)
