"""What became of each row: as a table, and as files in their places."""

import dataclasses
import os

from invariance_tf import files
from invariance_tf.datasets.facescrub.download.fates import WRITTEN
from invariance_tf.datasets.facescrub.download.journal import Outcome
from invariance_tf.datasets.facescrub.download.lists import HEADER

FILE_NAME = "manifest.csv"
# Crops that no longer count, such as duplicates; hidden from data sets.
ASIDE = ".set_aside"


def decide_outcomes(
    rows, outcomes, writers, excluded=frozenset(), allow_changed=False
):
    """Says what became of each row under the options of this call.

    If an identity has the same face or the same pixels twice, the first in
    the order of the lists counts, whichever came in first.

    Args:
        rows: List of `Row`.
        outcomes: Dictionary from the key of a row to its `Outcome`.
        writers: Dictionary from files to the keys of the rows that they were
            written for last.
        excluded: Set of integers, the `face_id` of faces to leave out.
        allow_changed: Boolean. Count images whose hash is not the list's.

    Returns:
        List of `Outcome`, one for each row.
    """
    faces, pixels = {}, {}

    def decide_one(row):
        if row.problem:
            return Outcome("bad row", row.problem)
        # Some file systems ignore case.
        identity = row.identity.casefold()
        first = faces.setdefault((identity, row.face_id), row)
        if first is not row:
            return Outcome("duplicate", f"the face of {first.place}")
        if row.face_id in excluded:
            return Outcome("excluded")
        outcome = outcomes.get(row.key, Outcome("pending"))
        if outcome.fate != "ok":
            return outcome
        # The row was another one in between, whose crop has the same name.
        if writers.get(row.file, row.key) != row.key:
            return Outcome("pending")
        if outcome.received_sha256 != row.sha256:
            fate = "changed" if allow_changed else "hash mismatch"
            outcome = dataclasses.replace(outcome, fate=fate)
            if not allow_changed:
                return outcome
        first = pixels.setdefault((identity, outcome.pixels_sha256), row)
        if first is row:
            return outcome
        detail = f"the pixels of {first.place}"
        return dataclasses.replace(outcome, fate="duplicate", detail=detail)

    return [decide_one(row) for row in rows]


def move_crops(out_dir, rows, decided):
    """Sets aside the crops that do not count, and brings back those that do.

    Nothing is deleted: a link that worked once may be dead by now.

    Args:
        out_dir: Path of the output directory.
        rows: List of `Row`.
        decided: List of `Outcome`, as returned by `decide_outcomes`.

    Returns:
        Set of strings, the rows' files that are neither in their places nor
        set aside.
    """
    wanted = written_files(rows, decided)
    missing = set()
    for file in {row.file for row in rows if not row.problem}:
        path = os.path.join(out_dir, file)
        aside_path = os.path.join(out_dir, ASIDE, file)
        if file not in wanted:
            exists = _move(path, aside_path) or os.path.exists(aside_path)
        else:
            exists = os.path.exists(path) or _move(aside_path, path)
        if not exists:
            missing.add(file)
    return missing


def written_files(rows, decided):
    """Returns the set of files that count."""
    return {
        row.file
        for row, outcome in zip(rows, decided, strict=True)
        if outcome.fate in WRITTEN
    }


def write_manifest(out_dir, rows, decided):
    """Writes the table, one line for each row in the order of the lists.

    Args:
        out_dir: Path of the output directory.
        rows: List of `Row`.
        decided: List of `Outcome`, as returned by `decide_outcomes`.
    """
    lines = [
        _to_columns(row, outcome)
        for row, outcome in zip(rows, decided, strict=True)
    ]
    files.write_csv(os.path.join(out_dir, FILE_NAME), lines)


def _to_columns(row, outcome):
    """Returns a line of the table as a dictionary."""
    # A bad row may have more fields or fewer.
    fields = (*row.fields, *[""] * len(HEADER))[: len(HEADER)]
    return {
        "list": row.list_name,
        "line": row.line,
        **dict(zip(HEADER, fields, strict=True)),
        **dataclasses.asdict(outcome),
        "file": row.file if outcome.fate in WRITTEN else "",
    }


def _move(source, target):
    """Moves a file; returns whether it existed."""
    if not os.path.exists(source):
        return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.replace(source, target)
    return True
