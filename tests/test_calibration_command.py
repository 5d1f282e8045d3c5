"""A calibration from the command to its record."""

import csv
import dataclasses
import io
import json
import os
import pickle

import conftest
import pytest
import yaml
from rich.console import Console

from invariance_tf import files
from invariance_tf.commands.calibrate import calibrate_transform
from invariance_tf.commands.progress import Bar
from invariance_tf.measures import intervals
from invariance_tf.runs import preparation
from invariance_tf.runs.calibration import procedure
from invariance_tf.settings import calibrated
from invariance_tf.settings.config import Experiment

SMALL = {
    "num_categories": 12,
    "num_train": 30,
    "num_test": 5,
    "image_size": 32,
    "epochs": 5,
    "batch_size": 8,
    "network": "two_layers",
}
KEY = "synthfaces", "two_layers", 32

pytestmark = pytest.mark.usefixtures("two_layers")


def run(*arguments):
    """Runs the command; returns its exit status."""
    return calibrate_transform([*map(str, arguments)], "calibrate")


def small(runs_dir, *arguments):
    """Runs the command on a small experiment."""
    settings = {**SMALL, "runs_dir": runs_dir}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    return run(*flags, *arguments)


def read(runs_dir, transform):
    """Reads the curve and what was found."""
    path = calibrated.calibration_dir(runs_dir, *KEY, transform)
    with open(os.path.join(path, "calibration.csv"), newline="") as file:
        curve = list(csv.DictReader(file))
    return curve, files.read_json(os.path.join(path, "calibration.json"))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A calibration with a threshold below chance."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        status = small(runs_dir, "--transform=white_noise", "--below=0.05")
    return runs_dir, status, *read(runs_dir, "white_noise")


def test_a_threshold_below_chance_ends_with_status_3_and_the_curve(done):
    runs_dir, status, curve, found = done
    assert status == 3
    strengths = [float(row["strength"]) for row in curve]
    assert strengths == [25.0 * k for k in range(41)]
    assert found["strength"] is None
    assert "Chance level (1/12)" in found["reason"]
    for row in curve:
        assert row["parameter"] == "std" and row["num_images"] == "60"
        ends = float(row["lower"]), float(row["upper"])
        num_correct = round(60 * float(row["accuracy"]))
        assert ends == pytest.approx(intervals.wilson(num_correct, 60))
    path = calibrated.calibration_dir(runs_dir, *KEY, "white_noise")
    assert sorted(os.listdir(path)) == [
        "calibration.csv",
        "calibration.json",
        "calibration.png",
    ]


def test_the_record_says_what_it_was_made_from(done):
    runs_dir, _, curve, found = done
    summary = files.read_json(
        os.path.join(runs_dir, found["run"], "summary.json")
    )
    assert (summary["transform"], summary["n_seen"]) == ("identity", 0)
    assert summary["clean_accuracy"] == float(curve[0]["accuracy"])
    provenance = files.read_json(
        os.path.join(runs_dir, found["run"], "provenance.json")
    )
    assert found["fingerprint"] == provenance["data"]["fingerprint"]
    assert found["options"]["num_categories"] == 12
    assert found["network_args"] == {}
    names = "dataset", "network", "image_size", "transform"
    assert tuple(found[name] for name in names) == (*KEY, "white_noise")
    assert (found["step"], found["below"], found["seed"]) == (25, 0.05, 0)


def test_without_a_strength_the_record_says_why(done):
    with pytest.raises(
        ValueError, match="found no strength.*Chance.*--transform"
    ):
        calibrated.read_strength(done[0], *KEY, "white_noise")


def test_the_network_is_used_again_and_the_strength_is_found(done, capsys):
    runs_dir, _, curve, found = done
    model_path = os.path.join(runs_dir, found["run"], "model.keras")
    modified = os.stat(model_path).st_mtime_ns
    accuracies = [float(row["accuracy"]) for row in curve]
    # Passed over, as all that a config says of the transformation.
    config_path = os.path.join(runs_dir, "a.yaml")
    files.write_yaml(config_path, {"transform": "highpass", "n_seen": 3})
    status = small(
        runs_dir,
        f"--config={config_path}",
        "--transform=white_noise",
        f"--below={accuracies[0]}",
    )
    strength = next(
        25.0 * k for k in range(41) if accuracies[k] < accuracies[0]
    )
    assert status == 0
    assert os.stat(model_path).st_mtime_ns == modified
    output = capsys.readouterr().out
    line = f"transform_args: {{std: {strength}}}"
    assert line in output.splitlines()
    experiment = Experiment(transform="white_noise", **yaml.safe_load(line))
    arguments = experiment.resolve().transform_args
    assert arguments["std"] == strength
    assert calibrated.read_strength(runs_dir, *KEY, "white_noise") == {
        "std": strength
    }
    curve, found = read(runs_dir, "white_noise")
    assert found["strength"] == float(curve[-1]["strength"]) == strength


def write_record(runs_dir, content):
    """Writes a record by hand."""
    path = calibrated.calibration_dir(runs_dir, *KEY, "blur")
    os.makedirs(path)
    with open(os.path.join(path, "calibration.json"), "w") as file:
        file.write(content)


FOUND = {
    "parameter": "sigma",
    "strength": 2.5,
    "reason": "The accuracy fell below 0.1.",
    "options": {"image_size": 32, "num_categories": 12},
}


@pytest.mark.parametrize("paradigm", ["two_step", "prototypes"])
def test_a_paradigm_for_seen_categories_is_passed_over(
    paradigm, tmp_path, capsys, monkeypatch
):
    """Nothing is seen transformed here."""
    prepared = []

    def stop(experiment):
        prepared.append(experiment)
        raise ValueError("enough")

    monkeypatch.setattr(preparation, "prepare", stop)
    arguments = ["--transform=white_noise", f"--paradigm={paradigm}"]
    assert small(str(tmp_path), *arguments) == 2
    assert "enough" in capsys.readouterr().err
    (experiment,) = prepared
    assert (experiment.paradigm, experiment.n_seen) == ("joint", 0)


def test_a_strength_is_read_for_the_same_images_only(tmp_path):
    write_record(tmp_path, json.dumps(FOUND))
    for options in (None, FOUND["options"]):
        found = calibrated.read_strength(tmp_path, *KEY, "blur", options)
        assert found == {"sigma": 2.5}
    options = {"image_size": 32, "num_categories": 40}
    with pytest.raises(
        ValueError, match="num_categories=12, not 40.*Repeat it"
    ):
        calibrated.read_strength(tmp_path, *KEY, "blur", options)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, None),
        ({"fingerprint": "of others"}, "sigma 2.5 is for other images, or"),
        (
            {"network_args": {"width": 0.25}},
            r"is for network_args={'width': 0.25}, not {}\. Repeat",
        ),
    ],
)
def test_a_strength_is_used_for_what_it_was_calibrated_with_only(
    tmp_path, changes, message
):
    experiment = Experiment(
        **{**SMALL, "transform": "blur", "n_seen": 3},
        transform_args="calibrated",
        runs_dir=str(tmp_path),
    )
    original = dataclasses.replace(
        experiment, transform="identity", transform_args=None
    )
    _, dataset, _ = preparation.check(original)
    record = {"fingerprint": dataset.fingerprint, "network_args": {}}
    write_record(tmp_path, json.dumps({**FOUND, **record, **changes}))
    # As processes of a sweep and the directory of a search get it.
    resolved = pickle.loads(pickle.dumps(experiment.resolve()))
    for each in (experiment, dataclasses.replace(resolved, runs_dir="other")):
        if message is None:
            checked, _, _ = preparation.check(each)
            assert checked.transform_args == {"sigma": 2.5}
            assert type(checked.transform_args["sigma"]) is float
            assert checked.name() == resolved.name()
        else:
            with pytest.raises(ValueError, match=message):
                preparation.check(each)


def test_a_folder_is_known_by_its_place_however_it_is_written(tmp_path):
    key = "folder", "alexnet_small", 64
    path = calibrated.calibration_dir(tmp_path, *key, "blur")
    os.makedirs(path)
    options = {"data_dir": os.path.abspath("faces"), "min_images": 15}
    files.write_json(
        os.path.join(path, "calibration.json"), {**FOUND, "options": options}
    )
    options = {"data_dir": "faces", "min_images": 15}
    found = calibrated.read_strength(tmp_path, *key, "blur", options)
    assert found == {"sigma": 2.5}
    with pytest.raises(ValueError, match="/faces, not .*/cats"):
        calibrated.read_strength(tmp_path, *key, "blur", {"data_dir": "cats"})


def test_a_missing_record_says_the_command_that_makes_it(tmp_path):
    runs_dir = tmp_path / "my runs"
    with pytest.raises(FileNotFoundError) as caught:
        calibrated.read_strength(runs_dir, *KEY, "blur")
    message = str(caught.value)
    assert (
        "invariance-tf calibrate --dataset synthfaces --network "
        f"two_layers --image_size 32 --transform blur --runs_dir "
        f"'{runs_dir}' Received: transform_args=calibrated"
    ) in message
    assert "\n" not in message


def test_the_command_has_the_options_that_are_no_defaults(tmp_path):
    options = {"image_size": 32, "num_test": 60, "data_dir": "my faces"}
    with pytest.raises(FileNotFoundError) as caught:
        calibrated.read_strength(
            tmp_path, "facescrub", "two_layers", 32, "blur", options
        )
    assert (
        "calibrate --dataset facescrub --num_test 60 --data_dir 'my faces' "
        "--network two_layers --image_size 32 --transform blur --runs_dir"
    ) in str(caught.value)
    options = {"image_size": 32, "num_test": 50}
    with pytest.raises(FileNotFoundError, match="--dataset digits --network"):
        calibrated.read_strength(
            tmp_path, "digits", "two_layers", 32, "blur", options
        )


@pytest.mark.parametrize("transform", ["highpass", "identity", "rotate90"])
def test_what_cannot_be_calibrated_has_no_calibrated_strength(
    tmp_path, transform
):
    with pytest.raises(ValueError, match=f"can be calibrated.*={transform}$"):
        calibrated.read_strength(tmp_path, *KEY, transform)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"strength": 3}'])
def test_a_damaged_record_is_an_error_that_names_it(tmp_path, content):
    write_record(tmp_path, content)
    with pytest.raises(ValueError, match="calibration.json cannot be read"):
        calibrated.read_strength(tmp_path, *KEY, "blur")


def test_names_of_data_sets_make_one_directory():
    path = calibrated.calibration_dir("runs", "tfds:a/b", "alexnet", 48, "blur")
    assert path == os.path.join(
        "runs", "calibration", "tfds_a_b-alexnet-48-blur"
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--transform highpass", "Transformations that can be calibrated"),
        ("--transform blur --step 20", "at most 15.67. Received: step=20"),
        ("--transform blur --step wide", "`step` must be a number"),
        ("--transform blur --below 1.5", "Received: below=1.5"),
        ("--transform blur --parameter std", "Received: parameter=std"),
        ("--transform blur --beloww 1", "Did you mean below?"),
        ("--transform blur --dataset mnist", "Unknown dataset"),
        ("--transform blur --network alex", "Did you mean alexnet?"),
        ("--transform blur --dataset folder --data_dir nowhere", "nowhere"),
        ("--transform blur --config nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_a_mistake_is_one_line_with_exit_status_2(
    capsys, tmp_path, arguments, message
):
    status = run(*arguments.split(), "--runs_dir", tmp_path)
    error = capsys.readouterr().err
    assert status == 2
    assert message in error
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error, status, message",
    [
        (KeyboardInterrupt(), 130, "Run the same command again to continue"),
        (FloatingPointError("not finite"), 1, "error: not finite"),
    ],
)
def test_what_stops_a_training_stops_the_command(
    monkeypatch, capsys, tmp_path, error, status, message
):
    def stop(*arguments):
        raise error

    monkeypatch.setattr(procedure, "run_prepared", stop)
    assert small(tmp_path, "--transform=blur") == status
    assert message in capsys.readouterr().err


def test_the_help_gives_the_default_steps(capsys):
    assert run("--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    for parameter in calibrated.PARAMETERS.values():
        assert f"{parameter.step:g} for" in text
    for transform in calibrated.PARAMETERS:
        assert transform in text.partition("options:")[0]
    assert "(default: blur)" in text and "(default: highpass)" not in text


def test_without_a_transformation_a_blur_is_calibrated(
    tmp_path, capsys, monkeypatch
):
    def stop(prepared, transform, *others):
        raise OSError(f"asked for {transform}")

    monkeypatch.setattr(procedure, "calibrate_network", stop)
    assert small(tmp_path) == 1
    assert "asked for blur" in capsys.readouterr().err


def test_the_bar_shows_the_last_strength_in_a_terminal_only():
    for is_terminal in (True, False):
        console = Console(
            file=io.StringIO(), force_terminal=is_terminal, width=120
        )
        with Bar("Strengths of blur", 3, console) as bar:
            bar.advance(1, "accuracy 0.812 at 0.5")
        shown = console.file.getvalue()
        assert ("1/3" in shown) == is_terminal
        assert ("accuracy 0.812 at 0.5" in shown) == is_terminal
        assert bool(shown) == is_terminal
