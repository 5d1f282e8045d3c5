"""The command `prepare facescrub`, killed and interrupted too."""

import csv
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from facescrub_server import Server, encode, photo, row, write_list

from invariance_tf.commands import progress
from invariance_tf.commands.prepare import prepare_dataset
from invariance_tf.datasets import get
from invariance_tf.datasets.facescrub.download.journal import Outcome

PROGRAM = (
    "import sys; from invariance_tf.commands.prepare import prepare_dataset; "
    "sys.exit(prepare_dataset(sys.argv[1:], 'prepare'))"
)
NAMES = ["Ann Lee", "León Ümit"]


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command; returns its status, output and errors."""

    def run(*arguments, out="out"):
        fixed = ["facescrub", "--allow_private", "--timeout", "5"]
        fixed += ["--out", tmp_path / out]
        arguments = [*map(str, [*fixed, *arguments])]
        status = prepare_dataset(arguments, "prepare")
        return status, *capsys.readouterr()

    return run


def write_lists(tmp_path, server, num_faces=12, delay=0.0):
    """Serves faces of two people; returns a list for each of them."""

    def answer(content):
        def respond(handler):
            time.sleep(delay)
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        return respond

    paths = []
    for index, name in enumerate(NAMES):
        lines = []
        for number in range(index * num_faces, (index + 1) * num_faces):
            content = encode(photo(number))
            url = server.do(f"/{number}", answer(content))
            lines.append(row(number, url, content, name))
        paths.append(write_list(tmp_path / f"list{index}.txt", lines))
    return paths


def contents(out):
    """Returns the bytes of every file that is not hidden, by name."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in [*out.glob("[!.]*/[!.]*"), *out.glob("manifest.csv")]
    }


def test_lists_become_a_data_set(run, server, tmp_path):
    paths = write_lists(tmp_path, server)
    status, output, errors = run("--lists", *paths)
    assert (status, errors) == (0, "")
    assert "24 │ ok" in output
    assert "0 of 2 identities have at least 100 images" in output
    command_line = output.split("Next: ")[1].split()
    assert command_line[:6] == [
        *["invariance-tf", "run", "--dataset", "facescrub"],
        *["--data_dir", str(tmp_path / "out")],
    ]
    assert command_line[-4:] == ["--n_seen", "1", "--min_images", "12"]
    options = {"min_images": 12, "cache_dir": tmp_path / "cache"}
    dataset = get("facescrub", data_dir=tmp_path / "out", **options)
    assert dataset.categories == ("Ann_Lee", "León_Ümit")
    assert (dataset.images.shape, dataset.skipped) == ((24, 100, 100, 3), ())
    with open(tmp_path / "out" / "manifest.csv", encoding="utf-8") as file:
        files = {line["file"] for line in csv.DictReader(file)}
    assert files == contents(tmp_path / "out").keys() - {"manifest.csv"}


def test_the_data_set_is_not_disturbed_by_what_is_hidden(run, server, tmp_path):
    paths = write_lists(tmp_path, server)
    noise = tmp_path / "noise.txt"
    noise.write_text("0\n12\n")
    kept = tmp_path / "out" / "photos"
    run("--lists", *paths, "--originals_dir", kept)
    assert len([*kept.glob("*/*")]) == 24
    status, output, _ = run("--lists", *paths, "--exclude", noise)
    assert (status, "2 │ excluded" in output) == (0, True)
    options = {"min_images": 11, "cache_dir": tmp_path / "cache"}
    dataset = get("facescrub", data_dir=tmp_path / "out", **options)
    assert (len(dataset.images), dataset.skipped) == (22, ())


def test_bad_rows_are_shown_and_left_out(run, server, tmp_path):
    (path, _) = write_lists(tmp_path, server, 2)
    lines = path.read_text("utf-8").splitlines()
    write_list(path, [*lines[1:], *["../x\t1"] * 7])
    status, output, errors = run("--lists", path)
    assert (status, "7 │ bad row" in output) == (0, True)
    assert errors.count("bad row: list0.txt line ") == 5
    assert "list0.txt line 4: A row has 6 columns" in errors
    assert "bad row: 2 more; the manifest lists all." in errors


def test_without_any_image_the_command_fails(run, server, tmp_path):
    url = server.serve("/a", status=404)
    path = write_list(tmp_path / "list.txt", [row(1, url)])
    status, output, _ = run("--lists", path)
    assert (status, "No images were downloaded." in output) == (1, True)


def test_images_of_no_list_are_pointed_out(run, server, tmp_path):
    paths = write_lists(tmp_path, server, 2)
    run("--lists", *paths)
    status, _, errors = run("--lists", paths[0])
    assert (status, errors.count("\n")) == (0, 1)
    assert "warning: 2 images belong to no row of these lists" in errors
    assert "León_Ümit/León_Ümit_2_2.png" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lists", "nowhere.txt"], "nowhere.txt"),
        (["--lists", "{list}", "--size", "9"], "Received: size=9"),
        (["--lists", "{list}", "--timeout", "0"], "Received: timeout=0.0"),
        (["--lists", "{list}", "--per_host", "0"], "Received: per_host=0"),
        (["--lists", "{list}", "--exclude", "{list}"], "line 1: a list of"),
        (["--lists", "{wrong}"], "{wrong} line 1: a list of FaceScrub"),
        (["--lists", "{list}", "--speed", "9"], "Unknown setting"),
        ([], "lists"),
    ],
)
def test_mistakes_are_one_line_and_status_2(run, tmp_path, arguments, message):
    paths = {
        "list": write_list(tmp_path / "list.txt", [row(1, "http://a")]),
        "wrong": tmp_path / "wrong.txt",
    }
    paths["wrong"].write_text("name,url\n")
    arguments = [each.format(**paths) for each in arguments]
    status, output, errors = run(*arguments)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert message.format(**paths) in errors
    assert not (tmp_path / "out").exists()


def test_a_directory_of_others_is_not_written_to(run, tmp_path):
    path = write_list(tmp_path / "list.txt", [row(1, "http://a")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    status, _, errors = run("--lists", path)
    assert (status, "must be a directory that is new" in errors) == (2, True)
    status, _, errors = run("--lists", path, out="out/mine.txt")
    assert (status, "mine.txt" in errors) == (2, True)


def test_another_size_needs_another_directory(run, server, tmp_path):
    paths = write_lists(tmp_path, server, 1)
    run("--lists", *paths)
    status, _, errors = run("--lists", *paths, "--size", "64")
    assert (status, "Received: size=64" in errors) == (2, True)


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    monkeypatch, capsys
):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with progress.FaceBar(4) as shown:
        shown.advance([Outcome("ok"), Outcome("dead link")])
    errors = capsys.readouterr().err
    assert errors.startswith("Faces: 2/4, 1 written, ")
    assert "faces/s" in errors and errors.endswith(" left\n")


def start(paths, out, ignored=""):
    """Starts the command; a shell hands down signals that it ignores."""
    arguments = ["facescrub", "--lists", *map(str, paths), "--out", str(out)]
    arguments += ["--allow_private", "--connections", "4", "--per_host", "4"]
    ignore = ["sh", "-c", 'trap "" $0; exec "$@"', ignored] if ignored else []
    return subprocess.Popen(
        [*ignore, sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def num_crops(out):
    return len([*pathlib.Path(out).glob("[!.]*/[!.]*.png")])


def wait_for_crops(out, number):
    """Waits until a number of crops are written."""
    for _ in range(12_000):
        if num_crops(out) >= number:
            return
        time.sleep(0.01)
    raise AssertionError("nothing happens")


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, ignored",
    [
        (signal.SIGINT, ""),
        # As `command &` in a script starts it.
        (signal.SIGINT, "INT"),
        (signal.SIGTERM, "INT"),
        (signal.SIGHUP, "INT"),
    ],
)
def test_an_interruption_leaves_a_manifest_and_status_130(
    server, tmp_path, number, ignored
):
    paths = write_lists(tmp_path, server, delay=0.1)
    process = start(paths, tmp_path / "out", ignored)
    wait_for_crops(tmp_path / "out", 3)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors == (
        "\nInterrupted. Run the same command again to continue.\n"
    )
    manifest = (tmp_path / "out" / "manifest.csv").read_text("utf-8")
    num_written = len([*(tmp_path / "out").glob("*/*.png")])
    assert 3 <= num_written < 24
    assert manifest.count(",ok,") == num_written
    assert manifest.count(",pending,") == 24 - num_written


@pytest.mark.slow
def test_killed_anywhere_the_same_command_ends_in_the_same_files(
    server, tmp_path
):
    num_kills, num_faces = 6, 40
    paths = write_lists(tmp_path, server, num_faces, delay=0.02)
    finish(start(paths, tmp_path / "whole"))
    expected = contents(tmp_path / "whole")
    assert len(expected) == 2 * num_faces + 1
    server.num_requests.clear()

    out = tmp_path / "killed"
    generator = random.Random(0)
    num_outcomes, kept = 0, set()
    for _ in range(num_kills):
        process = start(paths, out)
        num_outcomes += generator.randrange(0, 2 * num_faces // num_kills)
        wait_for_crops(out, num_outcomes)
        time.sleep(generator.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        for name, content in contents(out).items():
            assert content == expected[name] or name == "manifest.csv"
        assert kept <= contents(out).keys()
        kept = contents(out).keys()
        num_outcomes = num_crops(out)
    finish(start(paths, out))
    assert contents(out) == expected
    assert not [*out.rglob(".writing-*")]
    # Nothing is lost: at most the photos under way at a kill come twice.
    assert sum(server.num_requests.values()) <= 2 * num_faces + 4 * num_kills
