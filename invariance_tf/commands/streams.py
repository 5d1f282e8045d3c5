"""Output that ends no work, wherever it goes: nowhere, or to a full disk."""

import contextlib
import errno
import os
import sys


class Output:
    """Passes text on for as long as a stream takes it; the rest is dropped.

    A training of hours is not to end because its terminal was closed, or
    because `| head` has read enough.

    Args:
        stream: A text stream.

    Attributes:
        problem: The first `OSError` of the stream, or `None`.
    """

    def __init__(self, stream):
        self._stream = stream
        self.problem = None

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        """Writes text; returns its length."""
        self._attempt(self._stream.write, text)
        return len(text)

    def flush(self):
        """Hands on what is written."""
        self._attempt(self._stream.flush)

    def lost_text(self):
        """Returns whether text is missing that somebody would have read."""
        gone = (None, errno.EPIPE, errno.EIO)
        return getattr(self.problem, "errno", None) not in gone

    def _attempt(self, work, *arguments):
        if self.problem is not None:
            return
        try:
            work(*arguments)
        except OSError as error:
            self.problem = error
            # Python writes what is left in its buffer when it exits, and
            # would complain then.
            with contextlib.suppress(OSError, ValueError):
                _open_nothing(self._stream.fileno())


@contextlib.contextmanager
def lasting_streams():
    """Makes output something that cannot fail.

    Text that the terminal's encoding lacks is escaped.

    Yields:
        The standard output, an `Output`.
    """
    # Or the next file that is opened would get the number of a stream that is
    # closed, and with it the messages of TensorFlow.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _open_nothing(number)
    former = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        sys.stdout, sys.stderr = (
            Output(nothing if stream is None else stream) for stream in former
        )
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            yield sys.stdout
        finally:
            sys.stdout.flush()
            sys.stdout, sys.stderr = former


def _open_nothing(number):
    """Makes a descriptor one that takes everything and keeps nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing == number:
        # Those of Python are closed in processes that it starts.
        os.set_inheritable(number, True)
    else:
        os.dup2(nothing, number)
        os.close(nothing)
