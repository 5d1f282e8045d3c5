"""The command line: flags, help and mistakes."""

import subprocess
import sys

import pandas as pd
import pytest
import yaml
from made_up_runs import made_up_runs

from invariance_tf import load_runs
from invariance_tf.commands import cli
from invariance_tf.paper.tables import save_runs


def run(capsys, *arguments):
    """Runs the command line; returns its status, output and error."""
    try:
        status = cli.run_experiment([*arguments])
    except SystemExit as ended:
        status = ended.code
    return status, *capsys.readouterr()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--transform blurr", "Did you mean blur? Legal: identity"),
        ("--dataset mnist", "Legal: synthfaces, digits, folder, facescrub"),
        ("--network alex", "Did you mean alexnet?"),
        ("--nseen 3", "no such setting. Did you mean n_seen?"),
        ("--n_seen 41", "from 0 to 40. Received: n_seen=41"),
        ("--n_seen some", "must be a whole number or all"),
        ("--epochs 0", "at least 1. Received: epochs=0"),
        ("--epochs many", "must be a whole number. Received: epochs=many"),
        ("--schedule linear", "must be constant or cosine or resnet"),
        ("--transform blur --transform_args.sigma -1", "Received: sigma=-1"),
        ("--transform blur --transform_args.sigma wide", "takes sigma"),
        ("--transform blur --transform_args.sigma 20", "at most 15.67"),
        ("--ablate_layer logits", "conv5, fc6. Received: ablate_layer=logits"),
        ("--tau 1", "from 0 to below 1, or auto. Received: tau=1"),
        ("--transform blur --transform_args.std 1", "takes sigma"),
        ("--network_args.depth 3", "alexnet_small takes weight_decay"),
        ("--network_args.initializer magic", "'magic'"),
        ("--network resnet18 --image_size 31", "Received: image_size=31"),
        ("--image_size 300", "image_size=300"),
        ("--dataset folder", "needs `data_dir`"),
        ("--dataset folder --data_dir /no/such/place", "/no/such/place"),
        ("--dataset facescrub --data_dir nowhere", "FaceScrub"),
        ("--dataset digits --n_seen 11", "from 0 to 10"),
        ("--config nowhere.yaml", "nowhere.yaml"),
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


def test_an_unknown_key_in_a_config_file_is_named(capsys, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("n_sen: 3\n")
    status, _, error = run(capsys, "--config", str(path))
    assert status == 2
    assert "Did you mean n_seen?" in error


def test_the_help_names_every_setting(capsys):
    status, output, _ = run(capsys, "--help")
    assert status == 0
    for flag in ("--dataset", "--transform_args", "--n_seen", "--overwrite"):
        assert flag in output


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


@pytest.mark.parametrize("verb", ["--help", "nothing"])
def test_verbs_are_explained(capsys, verb):
    status = cli.main([verb])
    output, error = capsys.readouterr()
    assert status == (0 if verb == "--help" else 2)
    assert "run" in output + error


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
    assert "Figure 2c: missing faces: grayscale" in output
    assert "configs/sweeps/synthfaces.yaml" in output
    assert f"4 runs. Written: {out_dir}" in output


def test_collected_tables_are_read_like_runs(tables_dir, tmp_path, capsys):
    out_dir = str(tmp_path / "again")
    assert cli.main(["collect", tables_dir, "--out", out_dir]) == 0
    assert len(load_runs(out_dir).runs) == 4
    verdicts = pd.read_csv(tmp_path / "again" / "claims.csv")
    assert {"C1", "C16"} <= {*verdicts.claim}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["figures", "nowhere"], "no such directory of runs"),
        (["figures", "{tables}", "--figure", "99"], "Legal: 1b, 2a"),
        (["figures", "{tables}", "--format", "jpg"], "jpg"),
        (["report", "{empty}"], "no finished run"),
        (["collect"], "runs_dir"),
        (["sweeep"], "no such verb. Legal: run, analyze, prepare, sweep"),
        (["prepare", "imagenet"], "facescrub"),
    ],
)
def test_a_mistake_with_a_verb_is_one_line_with_exit_status_2(
    tables_dir, tmp_path, capsys, arguments, message
):
    places = {"tables": tables_dir, "empty": str(tmp_path)}
    arguments = [part.format(**places) for part in arguments]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ") and error.count("\n") == 1


def test_the_help_names_every_verb(capsys):
    assert cli.main(["--help"]) == 0
    output = capsys.readouterr().out
    for verb in cli.VERBS:
        assert f"\n{verb} " in output
