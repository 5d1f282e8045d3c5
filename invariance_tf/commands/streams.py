"""Output that ends no work, wherever it goes: nowhere, or to a full disk."""

import contextlib
import errno
import os
import sys


class Output:
    """Passes text on for as long as a stream takes it; the rest is dropped.

    A training of hours is not to end because `| head` has read enough, or
    because the terminal was closed from which `nohup` started it.

    Args:
        stream: A text stream.

    """

    def __init__(self, stream):
        self._stream = stream
        self._problem = None
        self._is_reported = False

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        """Writes text; returns its length."""
        self._attempt(self._stream.write, text)
        return len(text)

    def flush(self):
        """Hands on what is written."""
        self._attempt(self._stream.flush)

    def take_loss(self):
        """Returns why text is missing that somebody would have read.

        Returns:
            An `OSError`, once; `None` if nothing is missing, or if there is
            nobody left to read it.
        """
        gone = (None, errno.EPIPE, errno.EIO)
        if self._is_reported or getattr(self._problem, "errno", None) in gone:
            return None
        self._is_reported = True
        return self._problem

    def _attempt(self, work, *arguments):
        if self._problem is not None:
            return
        try:
            work(*arguments)
        except OSError as error:
            self._problem = error
            # Python writes what is left in its buffer when it exits, and
            # would complain then.
            with contextlib.suppress(OSError, ValueError):
                _open_nothing(self._stream.fileno())


@contextlib.contextmanager
def lasting_streams():
    """Makes output something that cannot fail; once is enough.

    Text that the terminal's encoding lacks is escaped.

    Yields:
        The standard output, an `Output`.
    """
    if isinstance(sys.stdout, Output):
        yield sys.stdout
        return
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
