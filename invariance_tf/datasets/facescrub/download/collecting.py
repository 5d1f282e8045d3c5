"""Downloads many photos at once and stores the faces in them."""

import asyncio
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib

from invariance_tf import files
from invariance_tf.datasets.facescrub.download import (
    cropping,
    fetching,
    manifest,
)
from invariance_tf.datasets.facescrub.download.fates import Failure
from invariance_tf.datasets.facescrub.download.journal import Outcome
from invariance_tf.datasets.facescrub.download.photos import Photos
from invariance_tf.datasets.images import decoding


async def collect_faces(rows, options, journal, originals, advance):
    """Downloads, crops and writes the faces of all rows.

    Args:
        rows: List of `Row`.
        options: `Options`.
        journal: `Journal`, which takes the outcomes.
        originals: `Originals`.
        advance: Function to call with the list of the outcomes of a photo.

    Raises:
        OSError: If the disk fails.
    """
    photos = Photos(rows, options.per_host)
    loop = asyncio.get_running_loop()
    # Looking up the address of a host blocks a thread.
    loop.set_default_executor(
        concurrent.futures.ThreadPoolExecutor(options.connections)
    )

    def store(members, content):
        outcomes = _store_faces(members, content, options, journal, originals)
        journal.append(outcomes)
        return [*outcomes.values()]

    async def work():
        while photo := photos.take():
            host, members = photo
            content = originals.read(members[0].sha256)
            if content is None:
                content = await download(members[0].url, host)
            # In one step: an interruption must not come in between.
            outcomes = await loop.run_in_executor(pool, store, members, content)
            photos.give_back(host)
            advance(outcomes)

    async def download(url, host):
        """Returns a file, or the failure to get it."""
        if photos.is_silent(host):
            return Failure("unreachable", "the host was silent before")
        try:
            content = await fetching.fetch_file(session, url, options.retries)
        except Failure as failure:
            content = failure
        photos.note_silence(host, getattr(content, "is_host_silent", False))
        return content

    # More than cores: half of the time goes into waiting for the disk.
    num_threads = 4 * (os.cpu_count() or 1)
    with decoding.pillow_threads(num_threads, must_finish=True) as pool:
        try:
            async with (
                fetching.open_session(options) as session,
                asyncio.TaskGroup() as group,
            ):
                for _ in range(options.connections):
                    group.create_task(work())
        except* Exception as errors:
            raise errors.exceptions[0] from None


def _store_faces(rows, content, options, journal, originals):
    """Crops and writes the faces of one photo.

    Args:
        rows: List of `Row` with the same photo.
        content: Bytes of the file, or a `Failure`.
        options: `Options`.
        journal: `Journal`.
        originals: `Originals`.

    Returns:
        Dictionary from the key of a row to its `Outcome`.
    """
    if isinstance(content, Failure):
        return _fail(rows, content)
    received = hashlib.sha256(content).hexdigest()
    is_wanted = received == rows[0].sha256 or options.allow_changed
    boxes = [row.box for row in rows if is_wanted]
    try:
        faces = cropping.crop_faces(content, boxes, options.size)
        if not is_wanted:
            raise Failure("hash mismatch", "")
    except Failure as failure:
        return _fail(rows, failure, received)
    originals.keep(received, content)
    outcomes = {}
    pairs = [*zip(rows, faces, strict=True)]
    cropped = [row for row, face in pairs if not isinstance(face, Failure)]
    journal.claim({row.file: row.key for row in cropped})
    for row, face in pairs:
        if isinstance(face, Failure):
            outcomes |= _fail([row], face, received)
        else:
            _write_crop(options.out_dir, row.file, face)
            pixels = hashlib.sha256(face.tobytes()).hexdigest()
            outcomes[row.key] = Outcome("ok", "", received, pixels)
    return outcomes


def _fail(rows, failure, received=""):
    outcome = Outcome(failure.fate, failure.detail, received)
    return dict.fromkeys((row.key for row in rows), outcome)


def _write_crop(out_dir, file, face):
    """Writes a crop, over any other of that name."""
    path = pathlib.Path(out_dir, file)
    path.parent.mkdir(exist_ok=True)
    with files.replacing(path) as temporary_path:
        face.save(temporary_path, format="PNG")
    # There is one if the row has changed in the list since.
    with contextlib.suppress(FileNotFoundError):
        os.remove(pathlib.Path(out_dir, manifest.ASIDE, file))
