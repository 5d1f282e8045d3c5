"""How commands end, what they report, and what they keep off the terminal."""

import contextlib
import errno
import functools
import logging
import math
import os
import signal
import sys
import tempfile

from rich.console import Console
from rich.table import Table

from invariance_tf import foreign
from invariance_tf.commands import streams
from invariance_tf.settings import mistakes as wording

# No mistake of the user's: the same command may succeed later.
_OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class Stop(Exception):
    """Ends a command.

    Args:
        status: Integer, the exit status.
        message: String, one line about what is wrong.
    """

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def command(advice="Run the same command again to continue."):
    """Turns a function into a command of the command line.

    The function takes the command's arguments, a list of strings, and the
    program's name in messages, and returns the exit status; nothing means 0.
    As a command it may be called without them, never shows a traceback for an
    error that `mistakes` or `failures` expect, and returns 130 if it is
    interrupted.

    Args:
        advice: String, what an interrupted user is told.
    """

    def decorate(work):
        @functools.wraps(work)
        def run_command(arguments=None, program=None):
            with streams.lasting_streams() as output:
                try:
                    with _interruptible(), _backend():
                        status = work(arguments, program) or 0
                except Stop as stop:
                    show_problem(f"error: {stop}")
                    status = stop.status
                except KeyboardInterrupt:
                    sys.stderr.write("\n")
                    show_problem(f"Interrupted. {advice}")
                    status = 130
                except SystemExit as end:
                    # Of --help.
                    status = end.code or 0
                return check_output(output, status)

        return run_command

    return decorate


def check_output(output, status):
    """Reports output that could not be written; returns the exit status.

    Args:
        output: As of `streams.lasting_streams`.
        status: Integer, the exit status so far.
    """
    output.flush()
    loss = output.take_loss()
    if loss is None:
        return status
    reason = wording.one_line(loss)
    show_problem(f"error: The output is incomplete: {reason}")
    return status or 1


@contextlib.contextmanager
def mistakes(kinds=(ValueError, OSError)):
    """Ends the command with status 2 if the user made a mistake.

    With status 1 if a disk is full or fails.

    Args:
        kinds: Type of the errors that say so, or a tuple of types.
    """
    try:
        with _backend():
            yield
    except kinds as error:
        is_of_disk = getattr(error, "errno", None) in _OF_DISK
        raise Stop(1 if is_of_disk else 2, wording.one_line(error)) from error


@contextlib.contextmanager
def _backend():
    """Ends the command with status 2 if what Keras runs on is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if wording.name_backend(error) is None:
            raise
        raise Stop(2, wording.one_line(error)) from error


@contextlib.contextmanager
def failures():
    """Ends the command with status 1 if a training or a disk fails.

    A training that diverges, or does not learn and is to stop then, raises an
    `ArithmeticError`.
    """
    try:
        yield
    except (ArithmeticError, OSError) as error:
        raise Stop(1, wording.one_line(error)) from error


@contextlib.contextmanager
def _interruptible():
    """Raises `KeyboardInterrupt` for every signal that asks to end.

    A process inherits which signals are ignored: scripts start `command &`
    with SIGINT ignored, and it must end all the same. Only SIGHUP stays
    ignored, since that is what nohup is for.
    """

    def interrupt(number, frame):
        # Now that it has a handler: whoever takes over Ctrl-C, as asyncio does,
        # or holds it back for a moment, need not know of the others.
        signal.raise_signal(signal.SIGINT)

    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: interrupt,
    }
    # Windows has none.
    hangup = getattr(signal, "SIGHUP", None)
    if hangup and signal.getsignal(hangup) != signal.SIG_IGN:
        handlers[hangup] = interrupt
    former = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def start_logging():
    """Shows what the package logs."""
    from rich.logging import RichHandler

    handler = RichHandler(show_path=False, show_time=False)
    handler.setFormatter(_SafeFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # TensorFlow Datasets logs every file and folder.
    logging.getLogger("absl").setLevel(logging.ERROR)
    # JAX mentions every kind of device that it does not find.
    logging.getLogger("jax").setLevel(logging.WARNING)
    # Of damaged images, which the package reports by name.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


class _SafeFormatter(logging.Formatter):
    """Escapes what messages quote from outside."""

    def format(self, record):
        return _escape_lines(super().format(record))


@contextlib.contextmanager
def quiet_start(is_import=True):
    """Keeps TensorFlow's start-up chatter off the terminal.

    Its first lines ignore every log level, so the error stream itself is
    caught, and shown only if the start fails. A `ValueError`, as of settings
    that name code of the user's, says itself what is wrong.

    Args:
        is_import: Whether nothing else happens meanwhile, so that an interrupt
            can end the program on the spot. The import of TensorFlow may
            ignore a `KeyboardInterrupt`, or fall over it.
    """
    if is_import:
        with mistakes():
            wording.check_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)

    def end(number, frame):
        with contextlib.suppress(OSError):
            os.write(terminal, b"\nInterrupted. Run the same command again.\n")
        os._exit(130)

    former = signal.signal(signal.SIGINT, end) if is_import else None
    with _temporary_file() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except Exception as error:
            if is_import and not isinstance(error, ValueError):
                chatter.seek(0)
                os.write(terminal, chatter.read())
            raise
        finally:
            if is_import:
                signal.signal(signal.SIGINT, former)
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def busy(text):
    """Says what takes the time: a spinner in a terminal, else a line.

    Args:
        text: String, such as "Loading Keras".
    """
    console = _console()
    if not console.is_terminal:
        show_line(f"{text} ...")
        yield
        return
    import rich
    from rich.text import Text

    # That of the log, whose lines then stand above the spinner.
    with rich.get_console().status(Text(f"{text} ...")):
        yield


def _temporary_file():
    """Opens a temporary file; without a place for one, it keeps nothing."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def show_line(text, style=None):
    """Shows a line, or several, at once, and above a bar if there is one."""
    _console().print(_escape_lines(text), style=style, soft_wrap=True)
    sys.stdout.flush()


def show_problem(line):
    """Shows a line in the error stream, after all that was shown before."""
    sys.stdout.flush()
    sys.stderr.write(f"{foreign.one_line(line)}\n")


def show_table(title, columns, rows, **options):
    """Shows a table.

    Args:
        title: String.
        columns: Dictionary from the name of each column to how its cells are
            aligned, left or right.
        rows: Iterable of lists of cells, strings or `rich.text.Text`.
        **options: Further arguments of `rich.table.Table`.
    """
    table = Table(title=foreign.escape(title), **options)
    for name, justify in columns.items():
        table.add_column(name, justify=justify)
    for row in rows:
        table.add_row(
            *(
                _escape_lines(cell) if isinstance(cell, str) else cell
                for cell in row
            )
        )
    _console().print(table)


def _escape_lines(text):
    """Returns text without what a terminal should not get, line by line."""
    return "\n".join(map(foreign.escape, text.split("\n")))


def format_number(value):
    """Returns a number with three decimals, or - if there is none.

    Example:

    >>> format_number(0.5), format_number(None), format_number(float("nan"))
    ('0.500', '-', '-')
    """
    exists = value is not None and math.isfinite(value)
    return f"{value:.3f}" if exists else "-"


def _console():
    """Returns the output, which shows text as it is: paths have brackets."""
    return Console(highlight=False, markup=False, emoji=False)
