"""From lists to crops and a manifest, from wherever the last call stopped."""

import asyncio
import contextlib
import os
import pathlib
import time

from invariance_tf import files
from invariance_tf.datasets.facescrub.download import cropping, manifest
from invariance_tf.datasets.facescrub.download.collecting import collect
from invariance_tf.datasets.facescrub.download.fates import (
    PERMANENT,
    TEMPORARY,
    WRITTEN,
)
from invariance_tf.datasets.facescrub.download.journal import Journal
from invariance_tf.datasets.facescrub.download.originals import Originals

JOURNAL = ".journal.jsonl"
MANIFEST_SECONDS = 60.0


def check_out_dir(out_dir):
    """Checks that a directory holds nothing that this program did not write.

    Args:
        out_dir: Path of the output directory, which may not exist yet.

    Raises:
        ValueError: If there are files of others.
        NotADirectoryError: If there is a file of that name.
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

    What became of each row is in a journal, so that nothing that came out
    well is done twice, however the last call ended.

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
        cropping.quiet_decoders(),
    ):
        _remove_leftovers(out_dir)

        def write_manifest():
            decided = manifest.decide(
                rows, journal.outcomes, excluded, options.allow_changed
            )
            manifest.write(out_dir, rows, decided)
            return decided

        decided = write_manifest()
        missing = manifest.arrange(out_dir, rows, decided)
        due = _find_due(rows, decided, missing, options)
        try:
            _download(due, options, journal, write_manifest, show_progress)
        finally:
            # Also of what was done before an interruption.
            decided = write_manifest()
            manifest.arrange(out_dir, rows, decided)
    return decided


def _find_due(rows, decided, missing, options):
    """Returns the rows that are to be downloaded."""
    fates = [*TEMPORARY]
    if options.retry:
        fates += PERMANENT
    if options.allow_changed:
        # What is called so under this option was not kept when it came.
        fates.append("hash mismatch")
    return [
        row
        for row, outcome in zip(rows, decided, strict=True)
        if outcome.fate in fates
        or (outcome.fate in WRITTEN and row.file in missing)
    ]


def _download(rows, options, journal, write_manifest, show_progress):
    """Downloads rows, with a progress bar and a manifest now and then."""
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
            asyncio.run(collect(rows, options, journal, originals, advance))


def _remove_leftovers(out_dir):
    """Removes what a killed program was about to write."""
    for pattern in (".writing-*", "*/.writing-*"):
        for path in pathlib.Path(out_dir).glob(pattern):
            path.unlink()
