"""Output that is closed or full, places that are not, early interrupts."""

import errno
import io
import os
import signal
import subprocess
import sys

import pytest

from invariance_tf.commands import cli, streams, terminal
from invariance_tf.commands.places import check_place
from invariance_tf.settings import mistakes


class Failing(io.StringIO):
    """A stream that takes a line, and fails from then on."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        if self.getvalue():
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


@terminal.command()
def talk(arguments, program):
    """Shows two lines, works, and shows a third."""
    terminal.show_line("first")
    terminal.show_line("second")
    arguments.append("worked")
    terminal.show_line("third")


@pytest.mark.parametrize(
    "number, status, message",
    [
        (errno.ENOSPC, 1, "error: The output is incomplete: No space left"),
        (errno.EPIPE, 0, ""),
        (errno.EIO, 0, ""),
    ],
)
def test_work_goes_on_without_its_output(monkeypatch, number, status, message):
    output, error = Failing(number), io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", error)
    done = []
    assert talk(done, None) == status
    assert done == ["worked"]
    assert output.getvalue() == "first\n"
    assert error.getvalue().startswith(message)
    assert error.getvalue().count("\n") == bool(message)
    assert sys.stdout is output


def test_a_command_without_streams_works(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    done = []
    assert talk(done, None) == 0
    assert done == ["worked"]


def test_text_that_an_encoding_lacks_is_escaped(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with streams.lasting_streams():
        terminal.show_line("Zoë")
    assert raw.getvalue() == b"Zo\\xeb\n"


@pytest.mark.parametrize(
    "redirection, status",
    [(">&-", 0), (">/dev/full", 1), ("<&- >&- 2>&-", 0), ("| true", 0)],
)
def test_closed_and_full_streams_end_in_no_traceback(redirection, status):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no device that is full")
    command = f"'{sys.executable}' -m invariance_tf --version {redirection}"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == bool(status)


def test_files_do_not_get_the_number_of_a_closed_stream(tmp_path):
    program = (
        "from invariance_tf.commands import streams\n"
        "with streams.lasting_streams():\n"
        f"    file = open({str(tmp_path / 'file')!r}, 'w')\n"
        "    assert file.fileno() > 2\n"
    )
    command = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-c", program], timeout=60
    )
    assert done.returncode == 0


def test_an_interrupt_during_imports_is_one_line():
    program = (
        "import os, signal\n"
        "from invariance_tf.__main__ import end_on_interrupt\n"
        "end_on_interrupt()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (130, "\nInterrupted.\n")


def test_an_interrupt_that_an_import_would_swallow_ends_it():
    program = (
        "import os, signal, sys\n"
        "from invariance_tf.commands import terminal\n"
        "@terminal.command()\n"
        "def start(arguments, program):\n"
        "    with terminal.quiet_start():\n"
        "        try: os.kill(os.getpid(), signal.SIGINT)\n"
        "        except BaseException: pass\n"
        "sys.exit(start())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 130
    assert done.stderr == "\nInterrupted. Run the same command again.\n"


@pytest.mark.parametrize(
    "error, is_shown",
    [(ImportError("no library"), True), (ValueError(), False)],
)
def test_what_the_start_says_is_shown_if_it_fails(capfd, error, is_shown):
    with pytest.raises(type(error)), terminal.quiet_start():
        os.write(2, b"chatter")
        raise error
    assert ("chatter" in capfd.readouterr().err) is is_shown


def test_the_start_needs_no_temporary_directory(monkeypatch):
    def no_place():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(terminal.tempfile, "TemporaryFile", no_place)
    handler = signal.getsignal(signal.SIGINT)
    with terminal.quiet_start():
        os.write(2, b"chatter")
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_full_disk_is_named_with_the_file_and_what_to_do():
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a.csv")
    assert mistakes.one_line(error) == (
        "No space left on device: runs/a.csv. Free some space there, and run "
        "the same command again."
    )


@pytest.mark.parametrize(
    "number, status",
    [(errno.ENOSPC, 1), (errno.EDQUOT, 1), (errno.EIO, 1), (errno.ENOENT, 2)],
)
def test_a_disk_that_is_full_is_no_mistake_in_the_settings(number, status):
    with pytest.raises(terminal.Stop) as stop, terminal.mistakes():
        raise OSError(number, os.strerror(number), "cache")
    assert stop.value.status == status


def test_places_are_checked_without_making_anything(tmp_path):
    check_place(str(tmp_path / "new" / "newer"), "out")
    check_place(str(tmp_path / "new" / "page.html"), "out", is_file=True)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "place, is_file, message",
    [
        ("file", False, "must be in a directory"),
        ("file/below", False, "must be in a directory"),
        ("file/page.html", True, "must be in a directory"),
        ("pipe", True, "something else of that name"),
        ("directory", True, "something else of that name"),
        ("dead_link/below", False, "must be in a directory"),
        ("a" * 300, False, "File name too long"),
        ("\udcff", False, "must be a path in UTF-8"),
        ("a\0b", False, "must be a path in UTF-8"),
    ],
)
def test_what_cannot_be_a_place_is_found_at_once(
    tmp_path, place, is_file, message
):
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "dead_link").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((ValueError, OSError), match=message):
        check_place(f"{tmp_path}/{place}", "out", is_file)


def test_a_place_that_is_read_only_is_found_at_once(tmp_path, monkeypatch):
    # Root may write everywhere: the system's answer is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="may not in .*Received: out="):
        check_place(str(tmp_path), "out")


@pytest.mark.parametrize("command", ["figures", "report", "collect"])
def test_output_that_cannot_be_written_is_found_before_runs_are_read(
    command, tmp_path, capsys
):
    (tmp_path / "file").touch()
    out = str(tmp_path / "file" / "out")
    assert cli.main([command, "no/such/runs", "--out", out]) == 2
    assert f"Received: out={out}" in capsys.readouterr().err
