"""The command line that prepares FaceScrub."""

import signal
import sys
from typing import Literal

import jsonargparse

from invariance_tf.commands import terminal
from invariance_tf.settings import mistakes

_DESCRIPTION = """
Downloads the photos of FaceScrub's lists, checks them, and writes one image
for each face, with a manifest of what became of each row. Interrupted, the
same command goes on.
"""
NUM_WARNINGS = 5

# For messages about values of another type.
_TYPES = {
    "dataset": Literal["facescrub"],
    "size": int,
    "connections": int,
    "per_host": int,
    "retries": int,
    "timeout": float,
}


def prepare(arguments, program):
    """Prepares a data set from the command line.

    Args:
        arguments: List of strings.
        program: String, name of the program for its messages.

    Returns:
        Exit status: 0 done, whatever became of single rows; 1 failed, or not
        one image; 2 a mistake; 130 interrupted.
    """
    try:
        settings = _make_parser(program).parse_args(arguments).as_dict()
        # Not before the settings are known to be legal: this takes a second.
        from invariance_tf.commands import prepare_closing, prepare_progress
        from invariance_tf.datasets.facescrub.download import lists, preparing
        from invariance_tf.datasets.facescrub.download.options import Options

        settings.pop("dataset")
        rows = lists.read_lists(settings.pop("lists"))
        excluded = lists.read_excluded(settings.pop("exclude"))
        options = Options(out_dir=settings.pop("out"), **settings)
        preparing.check_out_dir(options.out_dir)
    except (jsonargparse.ArgumentError, ValueError, OSError) as error:
        return terminal.mistake(mistakes.reword(str(error), _TYPES))
    _warn(rows)
    former = signal.signal(
        signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)
    )
    try:
        decided = preparing.prepare_faces(
            rows, options, prepare_progress.FaceProgress, excluded
        )
        return prepare_closing.close(rows, decided, options)
    except ValueError as error:
        return terminal.mistake(error)
    except OSError as error:
        sys.stderr.write(f"error: {mistakes.one_line(error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command goes on.\n")
        return 130
    finally:
        signal.signal(signal.SIGTERM, former)


def _make_parser(program):
    """Returns the parser of the command line."""
    parser = jsonargparse.ArgumentParser(
        prog=program, description=_DESCRIPTION, exit_on_error=False
    )
    add = parser.add_argument
    add("dataset", type=_TYPES["dataset"], help="The data set to prepare.")
    add(
        "--lists",
        nargs="+",
        required=True,
        help="FaceScrub's lists, all at once.",
    )
    add("--out", required=True, help="Directory to write to.")
    add("--size", type=int, default=100, help="Pixels of a side of the crops.")
    add(
        "--exclude",
        nargs="+",
        default=[],
        help="Text files with one face_id per line, of faces to leave out.",
    )
    add(
        "--allow_changed",
        action="store_true",
        help="Keep images whose sha256 is not that of the list.",
    )
    add(
        "--retry",
        action="store_true",
        help="Try dead links and other lasting failures again.",
    )
    add(
        "--originals_dir",
        type=str | None,
        help="Directory to keep the photos in, and to take them from before "
        "any download; null: they are not kept.",
    )
    add("--connections", type=int, default=32, help="Downloads at once.")
    add("--per_host", type=int, default=2, help="Those from one host.")
    add("--retries", type=int, default=2, help="Further attempts each.")
    add("--timeout", type=float, default=60.0, help="Seconds per attempt.")
    add(
        "--allow_private",
        action="store_true",
        help="Download from private addresses too, for tests.",
    )
    return parser


def _warn(rows):
    """Tells of rows that cannot be used."""
    bad = [row for row in rows if row.problem]
    for row in bad[:NUM_WARNINGS]:
        sys.stderr.write(f"bad row: {row.place}: {row.problem}\n")
    if len(bad) > NUM_WARNINGS:
        sys.stderr.write(
            f"bad row: {len(bad) - NUM_WARNINGS} more; the manifest has all.\n"
        )
