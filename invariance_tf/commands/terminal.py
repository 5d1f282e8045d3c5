"""What the command line says, and what it keeps to itself."""

import contextlib
import logging
import os
import sys
import tempfile

from invariance_tf.settings import mistakes


def mistake(error):
    """Says in one line what is wrong; returns the exit status for that."""
    sys.stderr.write(f"error: {mistakes.one_line(error)}\n")
    return 2


def start_logging():
    """Shows what the package logs."""
    from rich.logging import RichHandler

    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(show_path=False, show_time=False)],
    )
    # TensorFlow Datasets tells of every file and folder.
    logging.getLogger("absl").setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet_start():
    """Keeps TensorFlow's start-up chatter off the terminal.

    Its first lines ignore every log level, so the error stream itself is
    caught, and shown only if the start fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
