"""Pictures of what the tutorial's reader sees, taken by the build."""

import contextlib
import functools
import io
import json
import logging
import os
import pathlib
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import findings
from rich.console import Console
from rich.text import Text

from invariance_tf.paper.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_SECONDS = 300

_logger = logging.getLogger("mkdocs.hooks.screens")


@functools.cache
def take_all(site_dir):
    """Takes the pictures: of the terminal, and if there is Chromium, of pages.

    The run of the tutorial is made once, and kept beside the site.

    Args:
        site_dir: Path of the directory of the site.

    Returns:
        Dictionary from names of files to SVG and PNG, as bytes.
    """
    directory = pathlib.Path(site_dir).parent / "tutorial"
    directory.mkdir(parents=True, exist_ok=True)
    terminal = directory / "terminal.svg"
    if not terminal.exists():
        shutil.rmtree(directory / "runs", ignore_errors=True)
        text = record_terminal(["run"], directory)
        terminal.write_text(draw_terminal(text, "invariance-tf run"), "utf-8")
    found = {terminal.name: terminal.read_bytes()}
    if CHROMIUM is None:
        _logger.info("Without Chromium, pages are not pictured.")
        return found
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "report.html"
        write_report(findings.select_tutorial(), path)
        found["report.png"] = picture_page(path.as_uri(), 1280, 800)
    with serve_tensorboard(directory / "runs") as address:
        # Its time series would be caught while they move.
        shown = "#scalars&_smoothingWeight=0&tagFilter=validation%2F"
        found["tensorboard.png"] = picture_page(address + shown, 1280, 980)
    return found


def record_terminal(arguments, directory):
    """Runs a command in a terminal of 80 columns; returns what it shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "invariance_tf", *arguments],
        cwd=directory,
        env={
            **os.environ,
            "COLUMNS": "80",
            "TERM": "xterm-256color",
        },
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    chunks = []
    # When the other end is closed, Linux says so by an error.
    with contextlib.suppress(OSError):
        while chunk := os.read(ours, 65536):
            chunks.append(chunk)
    os.close(ours)
    text = b"".join(chunks).decode()
    if process.wait():
        raise RuntimeError(f"The command of the tutorial failed:\n{text}")
    return text


def draw_terminal(text, command):
    """Draws what a command has left on a terminal.

    Args:
        text: String with the terminal's escape sequences.
        command: String, shown as it is typed.

    Returns:
        String, SVG.
    """
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        # A bar is drawn over and over again, each time on an empty line; what
        # says that it waits vanishes, from the line above.
        num_above = min(line.count("\x1b[1A\x1b[2K"), len(lines))
        del lines[len(lines) - num_above :]
        lines.append(line.rpartition("\x1b[2K")[2])
    console = Console(
        record=True, width=80, file=io.StringIO(), color_system="truecolor"
    )
    console.print(Text(f"$ {command}", "bold"))
    console.print(Text.from_ansi("\n".join(lines).strip()))
    svg = console.export_svg(title="Terminal")
    # The reader's own font.
    return re.sub(r"@font-face {.*?}", "", svg, flags=re.DOTALL)


def picture_page(address, width, height):
    """Takes a picture of the top of a page; returns a PNG file's bytes."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "page.png"
        # Chromium's own sandbox does not work for the superuser.
        sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
        subprocess.run(
            [
                *(CHROMIUM, "--headless", *sandbox, "--hide-scrollbars"),
                *(f"--window-size={width},{height}", f"--screenshot={path}"),
                # Milliseconds of the page's own clock for its scripts.
                *("--virtual-time-budget=20000", address),
            ],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
        return path.read_bytes()


@contextlib.contextmanager
def serve_tensorboard(runs_dir):
    """Yields the address of a TensorBoard that has read the runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tensorboard.main", "--load_fast=false"),
            *("--logdir", runs_dir.name, "--host", "127.0.0.1"),
            *("--port", str(port)),
        ],
        # It shows the path that it was given.
        cwd=runs_dir.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(_SECONDS):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{address}data/runs") as answer,
            ):
                if json.load(answer):
                    break
            time.sleep(1)
        yield address
    finally:
        process.kill()
        process.wait()
