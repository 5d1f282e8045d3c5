"""Prepares a data set from what its authors publish: FaceScrub."""

import collections
import dataclasses
import shlex
from typing import Literal

from invariance_tf.commands import terminal
from invariance_tf.commands.parsing import Arguments
from invariance_tf.commands.places import check_place
from invariance_tf.commands.progress import FaceBar
from invariance_tf.settings import defaults

NUM_WARNINGS = 5
# What an experiment on FaceScrub uses by default, and the fewest images of an
# identity that it can use: its test images and one to train with.
_DEFAULTS = defaults.DATASETS["facescrub"].options
FEWEST_IMAGES = _DEFAULTS["num_test"] + 1


@dataclasses.dataclass(frozen=True)
class Options:
    """Downloads the faces of FaceScrub.

    Downloads the photos of FaceScrub's lists, checks them, and writes one
    image for each face, with a manifest of what became of each row. If it is
    interrupted, run the same command again to continue.

    Args:
        dataset: The data set to prepare: facescrub.
        lists: FaceScrub's lists, all at once.
        out: Directory to write to.
        size: Height and width of the crops in pixels.
        exclude: Text files with one face_id per line, of faces to leave out.
        allow_changed: Keep images whose sha256 differs from that of the list.
        retry: Try dead links and other lasting failures again.
        originals_dir: Directory to keep the photos in, and to take them from
            before any download; null: they are not kept.
        connections: Simultaneous downloads.
        per_host: Simultaneous downloads per host.
        retries: Retries per download.
        timeout: Seconds per attempt.
        allow_private: Download from private addresses too, for tests.
    """

    dataset: Literal["facescrub"]
    lists: list[str]
    out: str
    size: int = _DEFAULTS["image_size"]
    exclude: list[str] = ()
    allow_changed: bool = False
    retry: bool = False
    originals_dir: str | None = None
    connections: int = 32
    per_host: int = 2
    retries: int = 2
    timeout: float = 60.0
    allow_private: bool = False


@terminal.command()
def prepare_dataset(arguments, program):
    """Prepares a data set.

    Returns:
        Exit status: 0 done, whatever became of single rows; 1 failed, or not
        one image; 2 a mistake; 130 interrupted.
    """
    parser = Arguments(Options, program, positional="dataset")
    with terminal.mistakes():
        given, _ = parser.parse(arguments)
        # Not before the settings are known to be legal: this takes a second.
        from invariance_tf.datasets.facescrub.download import (
            lists,
            options,
            preparing,
        )

        rows = lists.read_lists(given.lists)
        excluded = lists.read_excluded(given.exclude)
        others = {
            name: value
            for name, value in vars(given).items()
            if name not in ("dataset", "lists", "out", "exclude")
        }
        options = options.Options(out_dir=given.out, **others)
        preparing.check_out_dir(options.out_dir)
        check_place(options.out_dir, "out")
        if options.originals_dir is not None:
            check_place(options.originals_dir, "originals_dir")
    _show_bad_rows(rows)
    with terminal.failures(), terminal.mistakes(ValueError):
        decided = preparing.prepare_faces(rows, options, FaceBar, excluded)
        return _show_outcomes(rows, decided, options)


def _show_bad_rows(rows):
    """Warns of rows that cannot be used."""
    bad = [row for row in rows if row.problem]
    for row in bad[:NUM_WARNINGS]:
        terminal.show_problem(f"bad row: {row.place}: {row.problem}")
    if len(bad) > NUM_WARNINGS:
        terminal.show_problem(
            f"bad row: {len(bad) - NUM_WARNINGS} more; the manifest lists all."
        )


def _show_outcomes(rows, decided, options):
    """Shows what became of the rows, and which command comes next.

    Args:
        rows: List of `Row`.
        decided: List of `Outcome`, one for each row.
        options: `Options`.

    Returns:
        Exit status: 0, or 1 if there are no images.
    """
    from invariance_tf.datasets.facescrub.download.fates import FATES, WRITTEN

    counts = collections.Counter(outcome.fate for outcome in decided)
    terminal.show_table(
        f"What became of {len(decided)} rows",
        {"rows": "right", "fate": "left", "meaning": "left"},
        (
            [str(counts[fate]), fate, meaning]
            for fate, meaning in FATES.items()
            if counts[fate]
        ),
    )
    _show_strays(rows, decided, options.out_dir)
    images = collections.Counter(
        row.identity
        for row, outcome in zip(rows, decided, strict=True)
        if outcome.fate in WRITTEN
    )
    if not images:
        terminal.show_line("No images were downloaded. Is this machine online?")
        return 1
    _show_next(images, options)
    return 0


def _show_strays(rows, decided, out_dir):
    """Warns of images that a training would use besides those of the lists."""
    from invariance_tf.datasets.facescrub.download import manifest
    from invariance_tf.datasets.images import listing

    names = {file.name for file in listing.list_files(out_dir)}
    strays = sorted(names - manifest.written_files(rows, decided))
    if strays:
        terminal.show_problem(
            f"warning: {len(strays)} images belong to no row of these lists "
            f"(the first: {strays[0]}), but would be used too. Give all lists "
            "at once, or remove the images."
        )


def _show_next(images, options):
    """Shows how many identities can be used, and the command for that."""
    counts = sorted(images.values(), reverse=True)
    min_images = _DEFAULTS["min_images"]
    num_enough = sum(count >= min_images for count in counts)
    terminal.show_line(
        f"{num_enough} of {len(counts)} identities have at least "
        f"{min_images} images.\nManifest: {options.out_dir}/manifest.csv"
    )
    if num_enough < 2:
        min_images = min(counts[:2])
    if len(counts) < 2 or min_images < FEWEST_IMAGES:
        terminal.show_line(
            f"Two identities with at least {FEWEST_IMAGES} images are needed "
            "for an experiment."
        )
        return
    num_used = sum(count >= min_images for count in counts)
    extra = f" --n_seen {num_used // 2}"
    if min_images != _DEFAULTS["min_images"]:
        extra += f" --min_images {min_images}"
    if options.size != _DEFAULTS["image_size"]:
        extra += f" --image_size {options.size}"
    terminal.show_line(
        "Next: invariance-tf run --dataset facescrub --data_dir "
        f"{shlex.quote(options.out_dir)} --transform blur{extra}"
    )
