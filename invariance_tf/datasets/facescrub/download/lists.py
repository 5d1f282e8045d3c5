"""FaceScrub's lists: one row for each face, with the address of its photo."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import re
import urllib.parse

from invariance_tf.datasets.facescrub import SOURCE
from invariance_tf.datasets.images.listing import normalise

HEADER = ("name", "image_id", "face_id", "url", "bbox", "sha256")
NUMBER = "[0-9]{1,12}"
MAX_NAME_BYTES = 100
MAX_URL_LENGTH = 2000


@dataclasses.dataclass(frozen=True)
class Row:
    """Describes one row of a list.

    Attributes:
        list_name: String, the list's file name without its directory.
        line: Integer, the row's line in the list, from 1.
        fields: Tuple of strings, the columns as they are in the list.
        problem: String, why the row cannot be used; empty if it can. If not,
            the following are empty.
        identity: String (NFC), the person's name as a folder.
        image_id: Integer. Faces of one photo share it.
        face_id: Integer.
        url: String, the address of the photo.
        box: Tuple of integers `(x1, y1, x2, y2)`, the face in pixels of the
            photo, without the column x2 and the row y2.
        sha256: String, the hash of the photo's file.
    """

    list_name: str
    line: int
    fields: tuple
    problem: str = ""
    identity: str = ""
    image_id: int = 0
    face_id: int = 0
    url: str = ""
    box: tuple = ()
    sha256: str = ""

    @property
    def file(self):
        """Path of the crop in the output directory, with a slash."""
        name = f"{self.identity}_{self.image_id}_{self.face_id}.png"
        return f"{self.identity}/{name}"

    @property
    def place(self):
        """The list and the line, for people to read."""
        return f"{self.list_name} line {self.line}"

    @functools.cached_property
    def key(self):
        """What the journal calls the row; other content has another key."""
        text = "\t".join(map(str, (self.file, self.url, self.box, self.sha256)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_lists(paths):
    """Reads lists. A row that cannot be used says why.

    Args:
        paths: Sequence of paths of lists: text with tabs, whose first line
            is `HEADER`.

    Returns:
        List of `Row` in the order of the lists.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a file is not such a list or if no list has a row.
    """
    rows = [row for path in paths for row in _read_list(path)]
    if not rows:
        raise ValueError(
            "The lists have only a header, no rows. "
            f"Received: lists={list(map(os.fspath, paths))}"
        )
    return rows


def read_excluded(paths):
    """Reads the `face_id` of faces to leave out, one on each line.

    Args:
        paths: Sequence of paths of text files. Empty lines and lines that
            begin with # are ignored.

    Returns:
        Set of integers.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a line is not a whole number.
    """
    excluded = set()
    for path in paths:
        for line, text in _lines(path):
            text = text.strip()
            if not text or text.startswith("#"):
                continue
            if not re.fullmatch(NUMBER, text):
                raise ValueError(
                    f"{path} line {line}: a list of faces to leave out has "
                    f"one face_id on each line. Received: {text[:80]!r}"
                )
            excluded.add(int(text))
    return excluded


def _read_list(path):
    """Yields the rows of one list."""
    lines = _lines(path)
    _, header = next(lines)
    if tuple(header.strip().split("\t")) != HEADER:
        raise ValueError(
            f"{path} line 1: a list of FaceScrub begins with the line "
            f"{' '.join(HEADER)}, with tabs between. "
            f"Received: {header[:80]!r}"
        )
    for line, text in lines:
        if text.strip():
            yield _read_row(os.path.basename(path), line, text)


def _lines(path):
    """Yields the number and the text of each line."""
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"There is no file {path}. Request FaceScrub's lists from its "
            f"authors ({SOURCE})."
        )
    content = pathlib.Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf")
    for line, text in enumerate(content.split(b"\n"), 1):
        try:
            yield line, text.decode().rstrip("\r")
        except UnicodeDecodeError:
            # Names with accents, from an editor of the 1990s.
            yield line, text.decode("latin-1").rstrip("\r")


def _read_row(list_name, line, text):
    """Returns a row, whether good or bad."""
    fields = tuple(text.split("\t"))
    row = Row(list_name, line, fields)
    try:
        if len(fields) != len(HEADER):
            raise ValueError(
                f"A row has {len(HEADER)} columns with tabs between. "
                f"Received: {len(fields)} columns"
            )
        name, image_id, face_id, url, box, sha256 = map(str.strip, fields)
        return dataclasses.replace(
            row,
            identity=_read_name(name),
            image_id=_read_number("image_id", image_id),
            face_id=_read_number("face_id", face_id),
            url=_read_url(url),
            box=_read_box(box),
            sha256=_read_hash(sha256),
        )
    except ValueError as error:
        return dataclasses.replace(row, problem=str(error))


def _read_name(text):
    """Returns a person's name as a folder that can only be below another."""
    name = re.sub(r"\s+", "_", normalise(text))
    is_short = len(name.encode()) <= MAX_NAME_BYTES
    if re.fullmatch(r"[^\W\d_][\w.,'’-]*", name) and is_short:
        return name
    raise _mistake(
        "name",
        "begin with a letter and have only letters, digits, spaces and "
        f"_.,'- in at most {MAX_NAME_BYTES} bytes",
        text,
    )


def _read_number(column, text):
    if re.fullmatch(NUMBER, text):
        return int(text)
    raise _mistake(column, "be a whole number of at most 12 digits", text)


def _read_url(text):
    """Returns an address, if it is one of the web."""
    try:
        parts = urllib.parse.urlsplit(text)
        is_legal = parts.scheme in ("http", "https") and parts.hostname
        # Reading an illegal port raises an error.
        is_legal = is_legal and parts.port != 0 and text.isprintable()
    except ValueError:
        is_legal = False
    if is_legal and len(text) <= MAX_URL_LENGTH:
        return text
    raise _mistake(
        "url",
        "be an address that begins with http:// or https://, of at most "
        f"{MAX_URL_LENGTH} characters",
        text,
    )


def _read_box(text):
    """Returns the corners of a box that is not empty."""
    corners = re.fullmatch(",".join([r" *([0-9]{1,6}) *"] * 4), text)
    if corners:
        x1, y1, x2, y2 = map(int, corners.groups())
        if x1 < x2 and y1 < y2:
            return x1, y1, x2, y2
    rule = "be four integers x1,y1,x2,y2 with 0 <= x1 < x2 and 0 <= y1 < y2"
    raise _mistake("bbox", rule, text)


def _read_hash(text):
    if re.fullmatch("[0-9a-fA-F]{64}", text):
        return text.lower()
    raise _mistake("sha256", "be 64 hexadecimal digits", text)


def _mistake(column, rule, text):
    return ValueError(
        f"`{column}` must {rule}. Received: {column}={text[:80]!r}"
    )
