"""From lists to crops and a manifest; continues where the last call stopped."""

import asyncio
import contextlib
import os
import pathlib
import time

from invariance_tf import files
from invariance_tf.datasets.facescrub.download import manifest
from invariance_tf.datasets.facescrub.download.collecting import collect_faces
from invariance_tf.datasets.facescrub.download.fates import (
    PERMANENT,
    TEMPORARY,
    WRITTEN,
)
from invariance_tf.datasets.facescrub.download.journal import Journal
from invariance_tf.datasets.facescrub.download.originals import Originals

JOURNAL = ".journal.sqlite"
MANIFEST_SECONDS = 60.0


def check_out_dir(out_dir):
    """Checks that a directory holds only what this program wrote.

    Args:
        out_dir: Path of the output directory, which may not exist yet.

    Raises:
        ValueError: If there are other files.
        NotADirectoryError: If the path is a file.
    """
    path = pathlib.Path(out_dir)
    if not path.exists() or (path / JOURNAL).exists():
        return
    if any(not entry.name.startswith(".") for entry in path.iterdir()):
        raise ValueError(
            "`out` must be a directory that is new, empty, or from an "
            f"earlier call of this command. Received: out={out_dir}"
        )


def prepare_faces(rows, options, show_progress, excluded=frozenset()):
    """Downloads what is missing and writes crops and the manifest.

    A journal records what became of each row, so that nothing that succeeded
    is done twice, however the last call ended.

    Args:
        rows: List of `Row`.
        options: `Options`.
        show_progress: Function from the number of faces to download to a
            context manager whose method `advance` takes lists of `Outcome`.
        excluded: Set of integers, the `face_id` of faces to leave out.

    Returns:
        List of `Outcome`, one for each row.

    Raises:
        ValueError: If the directory has crops of another size.
        BlockingIOError: If another process writes to the directory.
        OSError: If the disk fails.
    """
    out_dir = options.out_dir
    with (
        files.locked(out_dir),
        contextlib.closing(
            Journal(os.path.join(out_dir, JOURNAL), options.size)
        ) as journal,
    ):
        _remove_leftovers(out_dir)

        def write_manifest():
            decided = manifest.decide_outcomes(
                rows,
                journal.outcomes,
                journal.writers,
                excluded,
                options.allow_changed,
            )
            manifest.write_manifest(out_dir, rows, decided)
            return decided

        decided = write_manifest()
        missing = manifest.move_crops(out_dir, rows, decided)
        due = _find_due(rows, decided, missing, options)
        try:
            _download(due, options, journal, write_manifest, show_progress)
        finally:
            # Including what was done before an interruption.
            decided = write_manifest()
            manifest.move_crops(out_dir, rows, decided)
    return decided


def _find_due(rows, decided, missing, options):
    """Returns the rows that are to be downloaded."""
    fates = [*TEMPORARY, *WRITTEN]
    if options.retry:
        fates += PERMANENT
    if options.allow_changed:
        fates.append("hash mismatch")
    # A crop that is there must not be risked for a link that may be dead: also
    # one that was kept with `allow_changed`, which is a mismatch without it.
    return [
        row
        for row, outcome in zip(rows, decided, strict=True)
        if outcome.fate in fates
        and (not outcome.pixels_sha256 or row.file in missing)
    ]


def _download(rows, options, journal, write_manifest, show_progress):
    """Downloads rows, with a progress bar and a manifest every minute."""
    last = time.monotonic()

    def advance(outcomes):
        nonlocal last
        progress.advance(outcomes)
        if time.monotonic() - last > MANIFEST_SECONDS:
            write_manifest()
            last = time.monotonic()

    originals = Originals(options.originals_dir)
    if rows:
        with show_progress(len(rows)) as progress:
            asyncio.run(
                collect_faces(rows, options, journal, originals, advance)
            )


def _remove_leftovers(out_dir):
    """Removes crops that a killed program left half-written."""
    for path in pathlib.Path(out_dir).glob("*/.writing-*"):
        path.unlink()
