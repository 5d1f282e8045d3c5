"""What is said when FaceScrub is prepared."""

import collections
import shlex
import sys

from rich.console import Console
from rich.table import Table

from invariance_tf.datasets.facescrub.download import manifest
from invariance_tf.datasets.facescrub.download.fates import FATES, WRITTEN
from invariance_tf.datasets.images import listing

# What `--dataset facescrub` asks of an identity by default, and the least
# that it takes: ten test images and one to train with; its image size.
MIN_IMAGES = 100
FEWEST_IMAGES = 11
IMAGE_SIZE = 100


def close(rows, decided, options):
    """Shows what became of the rows, and the command to go on with.

    Args:
        rows: List of `Row`.
        decided: List of `Outcome`, one for each row.
        options: `Options`.

    Returns:
        Exit status: 0, or 1 if there is not one image.
    """
    _show_fates(decided)
    images = collections.Counter(
        row.identity
        for row, outcome in zip(rows, decided, strict=True)
        if outcome.fate in WRITTEN
    )
    _tell_strays(rows, decided, options.out_dir)
    if not images:
        sys.stdout.write("There is not one image. Is this machine online?\n")
        return 1
    _tell_next(images, options)
    return 0


def _show_fates(decided):
    """Shows how many rows have each fate."""
    counts = collections.Counter(outcome.fate for outcome in decided)
    table = Table(title=f"What became of {len(decided)} rows")
    table.add_column("rows", justify="right")
    table.add_column("fate")
    table.add_column("meaning")
    for fate, meaning in FATES.items():
        if counts[fate]:
            table.add_row(str(counts[fate]), fate, meaning)
    Console().print(table)


def _tell_strays(rows, decided, out_dir):
    """Warns of images that a training would use beside those of the lists."""
    names = {file.name for file in listing.list_files(out_dir)}
    strays = sorted(names - manifest.written_files(rows, decided))
    if strays:
        sys.stderr.write(
            f"warning: {len(strays)} images are of no row of these lists "
            f"(the first: {strays[0]}), but would be used too. Give all lists "
            "at once, or remove the images.\n"
        )


def _tell_next(images, options):
    """Shows how many identities can be used, and the command for that."""
    counts = sorted(images.values(), reverse=True)
    num_enough = sum(count >= MIN_IMAGES for count in counts)
    path = shlex.quote(options.out_dir)
    sys.stdout.write(
        f"{num_enough} of {len(counts)} identities have at least "
        f"{MIN_IMAGES} images.\nManifest: {options.out_dir}/manifest.csv\n"
    )
    min_images = MIN_IMAGES if num_enough >= 2 else min(counts[:2])
    if len(counts) < 2 or min_images < FEWEST_IMAGES:
        sys.stdout.write(
            f"Two identities with at least {FEWEST_IMAGES} images are needed "
            "for an experiment.\n"
        )
        return
    num_used = sum(count >= min_images for count in counts)
    extra = f" --n_seen {num_used // 2}"
    if min_images != MIN_IMAGES:
        extra += f" --min_images {min_images}"
    if options.size != IMAGE_SIZE:
        extra += f" --image_size {options.size}"
    sys.stdout.write(
        f"Next: python run_experiment.py --dataset facescrub "
        f"--data_dir {path} --transform blur{extra}\n"
    )
