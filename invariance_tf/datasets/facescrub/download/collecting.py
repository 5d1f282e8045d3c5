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


async def collect(rows, options, journal, originals, advance):
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

    async def work():
        while photo := photos.take():
            host, members = photo
            content = originals.read(members[0].sha256)
            if content is None:
                content = await _download(members[0].url, host)
            outcomes = await loop.run_in_executor(
                pool, _store, members, content, options, journal, originals
            )
            photos.give_back(host)
            advance(outcomes)

    async def _download(url, host):
        """Returns a file, or the failure to get it."""
        if photos.is_silent(host):
            return Failure("unreachable", "the host was silent before")
        try:
            content = await fetching.fetch(session, url, options.retries)
        except Failure as failure:
            content = failure
        photos.note(host, getattr(content, "is_host_silent", False))
        return content

    # More than cores: half of the time goes into waiting for the disk.
    num_threads = 4 * (os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        async with fetching.open_session(options) as session:
            workers = [work() for _ in range(options.connections)]
            await _all_of(workers)


async def _all_of(coroutines):
    """Waits for all; the first error ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except* Exception as errors:
        raise errors.exceptions[0] from None


def _store(rows, content, options, journal, originals):
    """Crops the faces of one photo, writes and records them.

    Args:
        rows: List of `Row` with the same photo.
        content: Bytes of the file, or a `Failure`.
        options: `Options`.
        journal: `Journal`.
        originals: `Originals`.

    Returns:
        List of `Outcome`.
    """
    if isinstance(content, Failure):
        outcome = Outcome(content.fate, content.detail)
        outcomes = dict.fromkeys((row.key for row in rows), outcome)
    else:
        outcomes = _crop_all(rows, content, options, originals)
    journal.append(outcomes)
    return list(outcomes.values())


def _crop_all(rows, content, options, originals):
    """Returns the outcomes of rows whose photo is there, by key."""
    received = hashlib.sha256(content).hexdigest()
    try:
        image = cropping.read_image(content)
        if received != rows[0].sha256 and not options.allow_changed:
            raise Failure("hash mismatch", "")
    except Failure as failure:
        outcome = Outcome(failure.fate, failure.detail, received)
        return dict.fromkeys((row.key for row in rows), outcome)
    originals.keep(received, content)
    outcomes = {}
    for row in rows:
        try:
            face = cropping.crop(image, row.box, options.size)
        except Failure as failure:
            outcome = Outcome(failure.fate, failure.detail, received)
        else:
            _write(options.out_dir, row.file, face)
            pixels = hashlib.sha256(face.tobytes()).hexdigest()
            outcome = Outcome("ok", "", received, pixels)
        outcomes[row.key] = outcome
    return outcomes


def _write(out_dir, file, face):
    """Writes a crop in place of any other of that name."""
    path = pathlib.Path(out_dir, file)
    path.parent.mkdir(exist_ok=True)
    with files.replacing(path) as temporary_path:
        face.save(temporary_path, format="PNG")
    # Of a row that the list has changed since.
    with contextlib.suppress(FileNotFoundError):
        os.remove(pathlib.Path(out_dir, manifest.ASIDE, file))
