"""Evil text through every door: it comes out safe, and ends nothing."""

import csv
import html
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import sqlite3
import unicodedata

import numpy as np
import pytest
import yaml
from conftest import list_files_again
from facescrub_server import Server, encode, photo, row, write_list
from matplotlib.figure import Figure
from PIL import Image
from test_report import Page

from invariance_tf import drawing, files, foreign, load_runs, run_files
from invariance_tf.commands import cli, parsing
from invariance_tf.commands.run import RunOptions
from invariance_tf.datasets.facescrub.download import lists, preparing
from invariance_tf.datasets.facescrub.download.options import Options
from invariance_tf.datasets.folder import load_folder
from invariance_tf.drawing import lines, style
from invariance_tf.paper.figures import by_number
from invariance_tf.paradigm import splits

EVIL = (
    "$\\frac$",
    "[/red]",
    "[link=http://a.b]x",
    "=1+1",
    "'=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "two\nlines",
    "back\rwards",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\udcff",
    "\udcfe",
    "\\xff",
    "\\x5cxff",
    "\u202egnp.exe",
    "a\u2028b",
    "\x85",
    "NA",
    "007",
    "{0} %s %n",
    "<script>&amp;",
    "<script>alert(1)</script>",
    '"onmouseover=alert(1) x="',
    "../x",
    "_hidden",
    "nul\0",
    "\ud800",
    ":warning:",
    "日本語",
    "long" * 30,
)


# Names of files: 255 bytes without / and NUL.
FOLDERS = [name for name in EVIL if not {*name} & {*"/\0\ud800"}]


def is_safe(text):
    """Whether text can be stored as UTF-8 and shows as one line."""
    text.encode()
    return not any(
        unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLE", "LRE")
        for letter in text
    )


@pytest.mark.parametrize("text", EVIL)
def test_escaped_text_is_safe_and_escaping_twice_is_escaping_once(text):
    escaped = foreign.escape(text)
    assert is_safe(escaped)
    assert foreign.escape(escaped) == escaped
    assert is_safe(foreign.escape_name(text))


def test_different_names_stay_different():
    letters = ["\udcff", "\xff", "\\", "x", "f", "u", "0", "5", "c", "\n", "'"]
    names = {
        "".join(parts)
        for length in (1, 2, 3, 4)
        for parts in itertools.product(letters, repeat=length)
    }
    assert len({*map(foreign.escape_name, names)}) == len(names)


@pytest.mark.parametrize("text", [*EVIL, "", "'", "''=", "'x"])
def test_a_cell_is_no_formula_and_gives_its_name_back(text):
    cell = foreign.escape_cell(foreign.escape_name(text))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert foreign.unescape_cell(cell) == foreign.escape_name(text)


def test_only_the_value_of_a_long_message_is_cut():
    message = f"`name` must be short. Received: name={'a' * 10_000}"
    short = foreign.one_line(message)
    assert short.startswith("`name` must be short. Received: name=aaa")
    assert len(short) == len("`name` must be short. Received: ") + 200
    assert len(foreign.one_line("b" * 10_000)) == 1000


def nest(depth):
    return "[" * depth + "]" * depth


def multiply(depth):
    """Ten times ten times ... values, by aliases of aliases."""
    lines = [f"a0: &a0 [{', '.join('x' * 10)}]"]
    for number in range(depth):
        ten = ", ".join([f"*a{number}"] * 10)
        lines.append(f"a{number + 1}: &a{number + 1} [{ten}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text, message",
    [
        (nest(20_000), "nested 50 levels"),
        (nest(51), "nested 50 levels"),
        ("{a: " * 600 + "}" * 600, "nested 50 levels"),
        (multiply(9), "20,000 values"),
        (f"{multiply(9)}\nb: {{<<: *a9}}", "20,000 values"),
        ("a: &a [*a]", "contain itself"),
        ("- 1\n" * 20_001, "20,000 values"),
    ],
)
def test_yaml_that_stands_for_too_much_is_refused_before_it_is_built(
    text, message
):
    with pytest.raises(ValueError, match=message):
        foreign.read_yaml(text)


def test_anchors_and_aliases_are_legal():
    text = "base: &base {seed: 1}\nother: {<<: *base, epochs: 2}"
    read = foreign.read_yaml(text)
    assert read["other"] == {"seed": 1, "epochs": 2}


@pytest.mark.parametrize(
    "text, received",
    [
        ("seed: 1\nepochs: 2\nseed: 3\n", "seed again in line 3"),
        ("base:\n  seed: 1\n  'seed': 2\n", "seed again in line 3"),
        ("- {a: [b, b], c: b, a: 2}", "a again in line 1"),
        ("? [x]\n: 1\nx: 1\nx: 2", "x again in line 4"),
        ("a: &a {b: 1}\nc: {<<: *a, <<: *a}", "<< again in line 2"),
    ],
)
def test_a_key_that_is_repeated_is_refused_with_its_line(text, received):
    with pytest.raises(ValueError, match=f"once.*Received: {received}$"):
        foreign.read_yaml(text)


@pytest.mark.parametrize(
    "text", ["a: {a: {a: a}}\nb: [a, a]\nc: a", "- {a: 1}\n- {a: 1}", "a"]
)
def test_equal_keys_of_different_mappings_are_legal(text):
    assert foreign.read_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    ["010", "-010", "1:30", "1:30.5", "1_0", "1_0.5", "0x1_0", "[1, 07]"],
)
def test_a_number_that_yaml_reads_as_another_one_is_refused(text):
    match = rf"decimal digits.*Received: {text.strip('[]').split()[-1]} in line"
    with pytest.raises(ValueError, match=match):
        foreign.read_yaml(f"seed: {text}")


@pytest.mark.parametrize(
    "text", ["'010'", "0", "-1.5e+3", ".5", "0.10", "a_1", "1_a", "2:x", ".inf"]
)
def test_other_numbers_and_text_are_read_as_yaml_reads_them(text):
    assert foreign.read_yaml(f"a: {text}") == yaml.safe_load(f"a: {text}")


@pytest.mark.parametrize(
    "arguments",
    [
        "--seed 010",
        "--seed=010",
        "--epochs 1:30",
        "--transform_args.sigma 1_0",
        "--network_args '{width: 1_0}'",
        "--test_strengths 1 1_0",
    ],
)
def test_a_number_is_no_other_one_on_the_command_line(arguments, capsys):
    assert cli.main(["run", *shlex.split(arguments)]) == 2
    error = capsys.readouterr().err
    assert "Write decimal digits" in error and error.count("\n") == 1


def test_text_on_the_command_line_may_look_like_a_number(tmp_path):
    parser = parsing.Arguments(RunOptions, None, settings=parsing.SETTINGS)
    path = tmp_path / "1_0"
    path.write_text("seed: 1\n")
    text = {"runs_dir": "1_0", "data_dir": "010", "data_name": "1:30"}
    flags = [f"--{name}={value}" for name, value in text.items()]
    _, settings = parser.parse([*flags, "--config", str(path)])
    assert text.items() <= settings.items()


def test_every_command_refuses_settings_with_a_repeated_key(tmp_path, capsys):
    path = tmp_path / "settings.yaml"
    path.write_text("transform: blur\nseed: 1\nseed: 2\n")
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text("base: {seed: 1}\ngrid:\n  seed: [1]\n  seed: [2]\n")
    for *command, line in (
        ("run", "--config", str(path), 3),
        ("search", str(path), 3),
        ("sweep", str(sweep), 4),
        ("run", "--transform_args", "{seed: 1, seed: 2}", 1),
    ):
        assert cli.main(command) == 2
        error = capsys.readouterr().err
        assert error.endswith(f"Received: seed again in line {line}\n")
        assert error.count("\n") == 1


@pytest.fixture
def evil_folders(tmp_path, monkeypatch):
    """A data set whose categories have evil names."""
    monkeypatch.setenv("INVARIANCE_TF_CACHE", str(tmp_path / "cache"))
    data_dir = tmp_path / "data \udcff [/red] $\\frac$"
    generator = np.random.default_rng(0)
    for name in FOLDERS:
        os.makedirs(data_dir / name)
        for number in range(4):
            values = generator.integers(0, 256, (16, 16, 3), "uint8")
            file = f"{number}{FOLDERS[number]}.png"
            Image.fromarray(values).save(data_dir / name / file)
        (data_dir / name / f"damaged{name[:9]}.png").write_bytes(b"nothing")
    return data_dir


def check_table(path):
    """Checks the text of a table, and that no cell is a formula."""
    with open(path, encoding="utf-8", newline="") as file:
        for row_read in csv.reader(file):
            for cell in row_read:
                assert is_safe(cell)
                is_number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)
                assert is_number or not cell.startswith(("=", "+", "-", "@"))


@pytest.mark.slow
def test_folders_with_evil_names_are_categories_of_a_run(
    evil_folders, tmp_path, two_layers, capsys
):
    runs_dir = tmp_path / "runs [/red] $\\frac$ \x1b[31m"
    settings = {"image_size": 32, "num_test": 2, "n_seen": 9, "epochs": 1}
    flags = [
        text
        for name, value in {
            "dataset": "folder",
            "data_dir": evil_folders,
            "network": "two_layers",
            "runs_dir": runs_dir,
            **settings,
        }.items()
        for text in (f"--{name}", str(value))
    ]
    assert cli.main(["run", *flags]) == 0
    shown = capsys.readouterr()
    assert all(map(is_safe, (shown.out + shown.err).split("\n")))
    (run_dir,) = runs_dir.glob("folder-*")
    for path in run_dir.glob("*.csv"):
        check_table(path)
    for name in ("summary.json", "provenance.json"):
        json.loads((run_dir / name).read_text("utf-8"))
    dataset = load_folder(evil_folders, image_size=32, num_test=2)
    assert len({*dataset.categories}) == len(FOLDERS)
    _, parts = splits.replay(dataset, run_dir / "splits.csv")
    assert len(parts) == len(dataset.files)
    out = tmp_path / "out [/red] \x1b[31m"
    assert cli.main(["collect", str(runs_dir), "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert all(map(is_safe, (shown.out + shown.err).split("\n")))
    from invariance_tf.paper import tables

    read = tables.load_runs(out).accuracy_by_category.category
    assert {*read} == {*dataset.categories}


def change_run(run_dir, **settings):
    """Rewrites settings and origin of a run as its author could."""
    path = run_dir / "config.yaml"
    path.write_text(json.dumps(files.read_yaml(path) | settings))
    path = run_dir / "provenance.json"
    origin = files.read_json(path)
    origin["hardware"]["processor"] = settings.get("transform")
    path.write_text(json.dumps(origin))
    path = run_dir / "summary.json"
    summary = files.read_json(path)
    changed = {key: settings[key] for key in settings.keys() & summary.keys()}
    path.write_text(json.dumps(summary | changed))
    list_files_again(run_dir)


@pytest.mark.slow
def test_runs_of_anybody_are_text_in_tables_figures_and_report(
    run_dir, tmp_path, monkeypatch, capsys
):
    few = {"2c": by_number.FIGURES["2c"]}
    monkeypatch.setattr(by_number, "FIGURES", few)
    runs_dir, out = tmp_path / "all", tmp_path / "out"
    for number in range(0, len(EVIL), 3):
        texts = (*EVIL, *EVIL)[number : number + 3]
        copy = runs_dir / str(number)
        shutil.copytree(run_dir, copy)
        keys = ("transform", "dataset", "network")
        names = dict(zip(keys, texts, strict=True))
        change_run(copy, **names, transform_args={texts[0]: 1, "x": texts[0]})
        copy.rename(runs_dir / FOLDERS[number // 3])
    assert cli.main(["collect", str(runs_dir), "--out", str(out)]) == 0
    runs = load_runs(out).runs
    assert len(runs) == len(os.listdir(runs_dir)) and runs.run.is_unique
    found = runs[["transform", "dataset", "network"]].to_numpy()
    assert {*found.flat} == {*map(foreign.escape, EVIL)}
    check_table(out / "claims.csv")
    path = tmp_path / "report.html"
    assert cli.main(["report", str(runs_dir), "--out", str(path)]) == 0
    page = Page(path)
    assert all(map(is_safe, page.source.split("\n")))
    assert page.tags()["script"] == 1
    assert not any(
        key.startswith("on") for _, keys in page.elements for key in keys
    )
    shown = capsys.readouterr()
    assert all(map(is_safe, (shown.out + shown.err).split("\n")))


def test_evil_names_are_drawn_as_they_are(tmp_path):
    names = [foreign.shorten(foreign.escape(name), 30) for name in EVIL]
    matrix, is_seen = np.eye(len(EVIL), dtype=int), np.arange(len(EVIL)) < 9
    figure = drawing.draw_confusion(matrix, is_seen, names)
    drawing.save(figure, tmp_path / "confusion.svg")
    with style.context():
        figure = Figure()
        axes = figure.subplots()
        axes.legend(handles=lines.make_handles(names))
        drawing.save(figure, tmp_path / "legend.svg")
    for name in ("confusion.svg", "legend.svg"):
        drawn = html.unescape((tmp_path / name).read_text("utf-8"))
        assert "$\\frac$" in drawn and "<script>alert" in drawn
    assert len(axes.get_legend().texts) == len(EVIL)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_seen": "2"},
        {"n_seen": 2.5},
        {"n_seen": 5},
        {"n_seen": [1, 2]},
        {"seed": True},
        {"num_categories": None},
        {"transform": ""},
        {"network": None},
        {"dataset": {}},
        {"within_accuracy": "high"},
        {"transform_args": [1]},
        {"epochs": "1"},
        {"files": {"accuracy.csv": 1}},
    ],
)
def test_a_run_with_impossible_settings_is_refused_in_one_line(
    settings, run_dir
):
    change_run(pathlib.Path(run_dir), **settings)
    if "files" in settings:
        path = pathlib.Path(run_dir, run_files.SUMMARY)
        summary = files.read_json(path)
        del summary["sha256"]
        summary |= settings
        summary["sha256"] = run_files._seal(summary)
        path.write_text(json.dumps(summary))
    runs = load_runs(os.path.dirname(run_dir))
    (message,) = runs.refused.values()
    assert is_safe(message) and message.startswith(run_dir)


def test_categories_can_be_listed_by_their_folders_or_by_a_table(
    evil_folders, tmp_path
):
    listed = tmp_path / "categories.txt"
    folders = [
        name
        for name in FOLDERS
        if name.splitlines() == [name] and "\\x" not in name
    ]
    for names in (folders, [*map(foreign.escape_name, FOLDERS)]):
        text = "\n".join(names)
        listed.write_text(text, "utf-8", errors="surrogateescape")
        dataset = load_folder(
            evil_folders,
            image_size=16,
            num_test=1,
            categories_file=listed,
        )
        assert len(dataset.categories) == len(names)


def check_mistake(capsys, *arguments):
    """Checks that a mistake is one safe line."""
    assert cli.main([*arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ") and shown.err.endswith("\n")
    assert is_safe(shown.err[:-1])


@pytest.mark.parametrize("text", EVIL)
def test_an_evil_argument_is_one_safe_line(text, capsys):
    check_mistake(capsys, text)
    check_mistake(capsys, "sweep", text)
    check_mistake(capsys, "figures", text)


def test_evil_settings_are_one_safe_line(tmp_path, capsys):
    path = tmp_path / f"settings {FOLDERS[0]} [red] \udcff\x1b[31m.yaml"
    for text in ("\udcff", "".join(EVIL)):
        quoted = json.dumps(text.replace("\udcff", "").replace("\udcfe", ""))
        path.write_text(f"transform: {quoted}\n", "utf-8")
        check_mistake(capsys, "run", "--config", str(path))
        check_mistake(capsys, "search", str(path))
        check_mistake(capsys, "sweep", str(path))
        check_mistake(capsys, "run", "--transform", text)
        check_mistake(capsys, "run", f"--{text}")
        check_mistake(capsys, "run", "--config", text)
        check_mistake(capsys, "run", "--runs_dir", f"\udcff{text}")
        check_mistake(capsys, "prepare", "facescrub", "--out", text)


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Prepares one face from an address; returns what became of it."""

    def prepare_face(url):
        lines = [row(1, url, encode(photo()))]
        rows = lists.read_lists([write_list(tmp_path / "list.txt", lines)])
        options = Options(str(tmp_path / "out"), allow_private=True, retries=0)
        return preparing.prepare_faces(rows, options, Silent)

    return prepare_face


class Silent:
    """A progress bar that shows nothing."""

    def __init__(self, num_faces):
        self.num_faces = num_faces

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def advance(self, outcomes):
        pass


@pytest.mark.parametrize("text", EVIL)
def test_an_evil_redirection_reaches_no_table(text, prepare, tmp_path):
    location = text.encode("utf-8", "surrogatepass")

    def send(handler):
        handler.wfile.write(
            b"HTTP/1.1 302 Found\r\nLocation: ftp://" + location + b"\r\n\r\n"
        )

    with Server() as server:
        (outcome,) = prepare(server.do("/photo", send))
    assert outcome.fate in ("refused", "dead link", "unreachable")
    assert is_safe(outcome.detail)
    check_table(tmp_path / "out" / "manifest.csv")


def test_a_journal_with_bytes_that_are_not_utf8_heals(prepare, tmp_path):
    with Server() as server:
        url = server.serve("/photo", encode(photo()))
        prepare(url)
        path = tmp_path / "out" / preparing.JOURNAL
        with sqlite3.connect(path) as journal:
            journal.execute(
                "UPDATE outcomes SET fate = 'dead link', "
                "detail = CAST(X'61EDB3BF62FF00' AS TEXT)"
            )
        journal.close()
        (outcome,) = prepare(url)
    assert outcome.fate == "dead link"
    assert is_safe(outcome.detail) and "\\xff" in outcome.detail
    check_table(tmp_path / "out" / "manifest.csv")


def test_a_table_of_evil_text_is_written(tmp_path):
    path = tmp_path / "table.csv"
    texts = [*EVIL, "\ud800", "\0"]
    for rows in ({"text": texts}, [{"text": text} for text in texts]):
        files.write_csv(path, rows)
        check_table(path)
        with open(path, encoding="utf-8", newline="") as file:
            assert len([*csv.reader(file)]) == len(texts) + 1
