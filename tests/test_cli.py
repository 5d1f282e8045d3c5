"""The command line: flags, help, mistakes and interruptions."""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_runs import made_up_runs

import invariance_tf
from invariance_tf import load_runs
from invariance_tf.commands import cli, parsing
from invariance_tf.commands.run import run_experiment
from invariance_tf.paper import tables
from invariance_tf.paper.tables import save_runs

HUGE = "1" + 400 * "0"


def run(capsys, *arguments):
    """Runs the command line; returns its status, output and error."""
    return run_experiment([*arguments]), *capsys.readouterr()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--transform blurr", "Did you mean blur? Legal: identity"),
        ("--nseen 3", "Unknown setting. Did you mean n_seen?"),
        ("--n_seen some", "must be a whole number or all"),
        ("--epochs many", "must be a whole number. Received: epochs=many"),
        ("--schedule linear", "must be constant or cosine or resnet"),
        ("--transform blur --transform_args.sigma -1", "Received: sigma=-1"),
        ("--transform blur --transform_args.sigma wide", "must be a number"),
        ("--transform blur --transform_args.sigma 20", "at most 15.67"),
        ("--layer_measures cka", "linear_cka, rsa, goodfellow_score, "),
        ("--ablate_layer logits", "conv5, fc6. Received: ablate_layer=logits"),
        ("--tau 1", "from 0 to below 1, or auto. Received: tau=1"),
        ("--network_args.depth 3", "alexnet_small takes initializer, h"),
        ("--network_args.initializer magic", "'magic'"),
        ("--network_args.initializer [1]", "must be text. Received: network"),
        ("--network_args.dropout 1", "below 1. Received: dropout=1"),
        ("--network_args.dropout abc", "alexnet_small must be a number."),
        ("--network_args.hidden 5", "must be a list such as [256]."),
        ("--network_args.width true", "`width` of the network alexnet_sm"),
        ("--network_args.lrn_bias .nan", "must be a finite number. Received"),
        ("--network_args.lrn_alpha .inf", "must be a finite number. Received"),
        ("--network_args.weight_decay 1", "use the setting `weight_decay`. Re"),
        ("--network vit_small --network_args.patch 0", "Received: patch=0"),
        ("--network vit_small --network_args.depth -1", "Received: depth=-1"),
        ("--network vit_small --network_args.depth 1.5", "must be a whole num"),
        ("--network vit_small --network_args.dropout 1", "Received: dropout=1"),
        ("--network inception --network_args.dropout 1", "Received: dropout=1"),
        ("--network convnext_small --network_args.depths []", "blocks of each"),
        ("--network convnext_small --network_args.depths [0]", "depths=[0]"),
        ("--network cornet_small --network_args.steps 1", "as [2, 4, 2]. Rec"),
        (
            "--network cornet_small --network_args.shares_weights maybe",
            "`shares_weights` of the network cornet_small must be true or",
        ),
        ("--epochs 1e1", "must be a whole number. Received: epochs=1e1\n"),
        (f"--batch_size {HUGE}", "must be at most 9007199254740992. Received"),
        (f"--num_categories {HUGE}", "Received: num_categories=1000"),
        (f"--transform_args.sigma {HUGE}", "Received: transform_args={'sigma'"),
        (f"--network_args.width {HUGE}", "must be at most 9007199254740992."),
        (f"--test_strengths {HUGE}", "more digits than any setting needs"),
        ("--transform_args calibrated", "Transformations that can be calibrat"),
        ("--network resnet18 --image_size 31", "Received: image_size=31"),
        ("--image_size 300", "image_size=300"),
        ("--dataset folder --data_dir /no/such/place", "/no/such/place"),
        ("--dataset facescrub --data_dir nowhere", "FaceScrub"),
        ("--dataset digits --n_seen 11", "from 0 to 10"),
        ("--config nowhere.yaml", "nowhere.yaml"),
        ("--n_seen", "`n_seen` needs a value. --help explains it. Received"),
        ("--overwrite=5", "is a flag and takes no value. Received: --overwri"),
        ("--data 3", "Write the name in full. Received: --data"),
        ("--stream maybe", "must be true or false. Received: stream=maybe"),
        ("--network_args [[[", "Received: network_args=[[["),
    ],
)
def test_a_mistake_is_one_line_with_exit_status_2(
    capsys, tmp_path, arguments, message
):
    fast = ["--runs_dir", str(tmp_path)]
    if "--dataset" not in arguments and "--image_size" not in arguments:
        fast += ["--num_train", "1", "--num_test", "1"]
    status, output, error = run(capsys, *arguments.split(), *fast)
    assert status == 2
    assert message in error
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", ["run", "sweep quick --dry_run", "measure model.keras"]
)
def test_an_unknown_backend_is_named_before_keras_is_imported(
    capsys, monkeypatch, tmp_path, command
):
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.keras").touch()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    arguments = command.split()
    if arguments[0] == "measure":
        arguments += ["--images", "images", "--transform", "blur"]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Keras runs on tensorflow or jax here; ")
    assert error.endswith(" Received: KERAS_BACKEND=nonsense\n")
    assert error.count("\n") == 1


def test_an_unknown_key_in_a_config_file_is_named(capsys, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("n_sen: 3\n")
    status, _, error = run(capsys, "--config", str(path))
    assert status == 2
    assert "Did you mean n_seen?" in error


def test_the_help_shows_every_setting_in_one_group():
    shown = [
        name for names in parsing.GROUPS.values() for name in names.split()
    ]
    assert sorted(shown) == sorted(parsing.SETTINGS)


def test_the_help_has_groups_and_examples_that_are_legal(capsys):
    status, output, _ = run(capsys, "--help")
    assert status == 0
    for title in parsing.GROUPS:
        assert f"\n\n{title}:\n  --" in output
    for name in (*parsing.SETTINGS, "overwrite"):
        assert f"\n  --{name} " in output, name
    examples = output.split("\nexamples:\n")[1].replace("\\\n", " ")
    commands = [
        line.split()[2:]
        for line in examples.splitlines()
        if line.startswith("    invariance-tf run ")
    ]
    assert len(commands) == 4
    for arguments in commands:
        assert run(capsys, *arguments, "--print_config")[0] == 0


def test_flags_come_before_the_config_file(capsys, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("transform: blur\nlearning_rate: 1e-3\nseed: 4\n")
    arguments = ("--config", str(path), "--seed", "5")
    sigma = ("--transform_args.sigma", "2")
    status, output, _ = run(capsys, *arguments, *sigma, "--print_config")
    assert status == 0
    settings = yaml.safe_load(output)
    assert settings["transform"] == "blur"
    assert settings["transform_args"] == {"sigma": 2}
    assert settings["learning_rate"] == 1e-3
    assert settings["seed"] == 5


def test_every_config_of_the_repository_is_legal(capsys, pytestconfig):
    configs = sorted((pytestconfig.rootpath / "configs").glob("*.yaml"))
    assert configs
    for path in configs:
        first_line = path.read_text().splitlines()[0]
        assert first_line.startswith("# "), path
        status, output, error = run(
            capsys, "--config", str(path), "--print_config"
        )
        assert status == 0, error


@pytest.mark.slow
def test_the_module_and_the_script_are_the_same_program(pytestconfig):
    for program in (["run_experiment.py"], ["-m", "invariance_tf", "run"]):
        done = subprocess.run(
            [sys.executable, *program, "--epochs", "0"],
            cwd=pytestconfig.rootpath,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "Received: epochs=0" in done.stderr


@pytest.fixture
def tables_dir(tmp_path):
    """The saved tables of a few made-up runs."""
    runs = made_up_runs(
        transforms=("blur",), n_seen=(4, 20), seeds=(0,), num_neurons=5
    )
    save_runs(runs, tmp_path / "tables")
    return str(tmp_path / "tables")


@pytest.mark.slow
def test_figures_are_drawn_from_tables_and_what_is_missing_is_said(
    tables_dir, tmp_path, capsys
):
    out_dir = tmp_path / "figures"
    arguments = [tables_dir, "--out", str(out_dir), "--figure", "2c", "6"]
    assert cli.main(["figures", *arguments, "--format", "svg", "pdf"]) == 0
    assert {path.name for path in out_dir.iterdir()} == {
        *("fig2c.svg", "fig2c.pdf", "fig6.svg", "fig6.pdf")
    }
    output = capsys.readouterr().out
    # Of one's own study nothing is missing.
    assert "Missing" not in output
    assert f"4 runs. Written: {out_dir}" in output
    arguments += ["--complete", "--width", "5", "--format", "svg"]
    assert cli.main(["figures", *arguments]) == 0
    output = capsys.readouterr().out
    assert "Missing:\n  faces: grayscale, hue_rotation, " in output
    assert "configs/sweeps/synthfaces.yaml (Figs. 2c, 6)" in output
    assert 'width="360pt"' in (out_dir / "fig6.svg").read_text()


def test_figures_say_which_are_not_drawn_and_which_runs_are_in_none(
    tables_dir, tmp_path, capfd, monkeypatch
):
    # The real one, which is caught while TensorFlow starts.
    monkeypatch.setattr(sys, "stderr", open(2, "w", 1, closefd=False))
    runs = load_runs(tables_dir)
    study = ["11111111", *runs.runs.study[1:]]
    runs = dataclasses.replace(runs, runs=runs.runs.assign(study=study))
    save_runs(runs, tables_dir)
    arguments = [tables_dir, "--out", str(tmp_path / "out"), "--format", "svg"]
    assert cli.main(["figures", *arguments, "--figure", "2c", "10"]) == 0
    captured = capfd.readouterr()
    assert "nothing to show there: Fig. 10." in captured.out
    assert "runs in no figure: 1 (another study)" in captured.err
    assert not (tmp_path / "out" / "fig10.svg").exists()


def test_collected_tables_are_read_like_runs(tables_dir, tmp_path, capsys):
    out_dir = str(tmp_path / "again")
    assert cli.main(["collect", tables_dir, "--out", out_dir]) == 0
    assert len(load_runs(out_dir).runs) == 4
    verdicts = pd.read_csv(tmp_path / "again" / "claims.csv")
    assert {"C1", "C16"} <= {*verdicts.claim}


@pytest.mark.slow
def test_claims_are_those_of_the_tables_beside_them(tmp_path, monkeypatch):
    """To the last digit, though these have fewer than the runs."""
    runs = made_up_runs(transforms=("blur",), num_neurons=3)
    effects = runs.layers.mean_invariance.to_numpy()
    assert (effects != effects.astype("float32")).any()
    read = tables.load_runs
    first = [runs]
    monkeypatch.setattr(
        tables,
        "load_runs",
        lambda *places: first.pop() if first else read(*places),
    )
    once, again = str(tmp_path / "once"), str(tmp_path / "again")
    assert cli.main(["collect", str(tmp_path), "--out", once]) == 0
    assert not first
    assert cli.main(["collect", once, "--out", again]) == 0
    found, expected = (
        pd.read_csv(os.path.join(place, "claims.csv"))
        for place in (once, again)
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.slow
def test_parts_of_a_study_are_collected_into_one(tables_dir, tmp_path, capsys):
    whole = load_runs(tables_dir)
    parts = [str(tmp_path / name) for name in ("here", "there")]
    is_here = np.array([True, False, False, False])
    save_runs(whole.select(is_here), parts[0])
    save_runs(whole.select(~is_here), parts[1])
    # Into the tables of the first part.
    assert cli.main(["collect", *parts, "--out", parts[0]]) == 0
    assert f"4 runs. Written: {parts[0]}" in capsys.readouterr().out
    for name, table in load_runs(parts[0]).tables().items():
        assert len(table) == len(whole.tables()[name]), name


def test_collect_loses_no_run(tables_dir, tmp_path, capsys):
    whole = load_runs(tables_dir)
    part, rest = str(tmp_path / "part"), str(tmp_path / "the rest")
    is_here = np.array([True, False, False, False])
    save_runs(whole.select(is_here), part)
    save_runs(whole.select(~is_here), rest)

    def refused(*arguments):
        assert cli.main(["collect", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
        return error

    error = refused(part, "--out", rest)
    assert "tables of 3 other runs, such as " in error
    assert "name it as an input too, or choose another `out`. Rec" in error
    assert len(load_runs(rest).runs) == 3
    # The same runs again, and more of them, lose nothing.
    for inputs in ([part], [rest, part]):
        assert cli.main(["collect", *inputs, "--out", part]) == 0
    # Whatever is in a table that cannot be read is not lost either.
    first = tmp_path / "the rest" / "runs.parquet"
    first.write_bytes(b"garbage")
    assert "Remove it, or choose another `out`." in refused(part, "--out", rest)
    assert first.read_bytes() == b"garbage"


def test_collect_hides_no_run(tables_dir, tmp_path, capsys):
    run_dir = tmp_path / "runs" / "one"
    run_dir.mkdir(parents=True)
    (run_dir / "config.yaml").write_text("{}")
    for out in (run_dir, run_dir.parent):
        assert cli.main(["collect", tables_dir, "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert "`out` must be a directory without runs" in error
        assert error.count("\n") == 1
    assert os.listdir(run_dir) == ["config.yaml"]
    assert os.listdir(run_dir.parent) == ["one"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["figures", "nowhere"], "nowhere"),
        (["figures", "{tables}", "--figure", "99"], "Figures: 1a, 1b"),
        (["figures", "{tables}", "--format", "jpg"], "jpg"),
        (["figures", "{tables}", "--width", "1"], "column has 3.5"),
        (["report", "{empty}"], "no finished run"),
        (["collect", "{tables}", "nowhere"], "Received: nowhere"),
        (["collect"], "runs_dir"),
        (["sweeep"], "Unknown command `sweeep`. Did you mean sweep? Comm"),
        (["prepare", "imagenet"], "facescrub"),
        (["figures", "{tables}", "--formats", "pdf"], "Did you mean format?"),
    ],
)
def test_a_mistake_with_a_command_is_one_line_with_exit_status_2(
    tables_dir, tmp_path, capsys, arguments, message
):
    places = {"tables": tables_dir, "empty": str(tmp_path)}
    arguments = [part.format(**places) for part in arguments]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_help_names_every_command(capsys, arguments):
    assert cli.main(arguments, "the program") == 0
    output = capsys.readouterr().out
    assert output.startswith("usage: the program COMMAND")
    for name, (_, text) in cli.COMMANDS.items():
        assert f"\n  {name:11}{text}\n" in output


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_a_command_goes_by_the_name_of_the_program(capsys, name):
    assert cli.main([name, "--help"], "the program") == 0
    assert capsys.readouterr().out.startswith(f"usage: the program {name} ")


def test_the_usage_of_a_command_has_what_must_be_given(capsys):
    expected = {
        "measure": "model --images IMAGES [--OPTION VALUE ...]",
        "prepare": "dataset --lists LISTS --out OUT [--OPTION VALUE ...]",
        "run": "[--OPTION VALUE ...]",
    }
    for name, usage in expected.items():
        assert cli.main([name, "--help"], "the program") == 0
        first, *_ = capsys.readouterr().out.splitlines()
        assert first == f"usage: the program {name} {usage}"


def test_the_console_script_is_this_program(pytestconfig):
    text = (pytestconfig.rootpath / "setup.py").read_text()
    place, name = re.search(r'"invariance-tf=([\w.]+):(\w+)"', text).groups()
    program = f"import {place} as m, sys; sys.exit(m.{name}())"
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"invariance_tf {invariance_tf.__version__}\n"


# The shell hands down what it ignores, as it does for `command &` in a script
# (SIGINT) and as nohup does (SIGHUP).
IGNORING = 'trap "" $0; exec "$@"'


@pytest.fixture
def begin(tmp_path):
    """Starts a command that waits for a file of settings."""
    path = tmp_path / "settings.yaml"
    os.mkfifo(path)
    started = []

    def begin_command(ignored, *command):
        program = ["sh", "-c", IGNORING, ignored, sys.executable, "-m"]
        process = subprocess.Popen(
            [*program, "invariance_tf", *command, str(path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        while process.poll() is None:
            # An error until the command reads the file.
            with contextlib.suppress(OSError):
                return process, os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            time.sleep(0.02)
        pytest.fail(process.communicate()[1])

    yield begin_command
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "number, command",
    [
        (signal.SIGINT, ["run", "--config"]),
        (signal.SIGTERM, ["run", "--config"]),
        (signal.SIGHUP, ["run", "--config"]),
        (signal.SIGINT, ["search"]),
        (signal.SIGTERM, ["search"]),
    ],
)
def test_signals_end_a_command_that_inherits_an_ignored_sigint(
    begin, number, command
):
    process, file = begin("INT", *command)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.startswith("\nInterrupted. Run the same command again to cont")
    assert error.count("\n") == 2
    os.close(file)


def test_nohup_keeps_a_command_from_being_hung_up(begin):
    process, file = begin("HUP", "run", "--config")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    os.write(file, b"epochs: 0\n")
    os.close(file)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Received: epochs=0" in error
