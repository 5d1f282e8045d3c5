"""Sweep files, the order of runs, and what is said about them."""

import dataclasses
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_runs import made_up_runs
from rich.console import Console

from invariance_tf import Experiment, run_files
from invariance_tf import files as results
from invariance_tf.commands import sweep
from invariance_tf.commands.progress import RunsProgress
from invariance_tf.commands.sweep import run_sweep
from invariance_tf.commands.times import RunTimes
from invariance_tf.runs import experiment, images, preparation
from invariance_tf.runs.sweep import local, plan, schedule, worker
from invariance_tf.runs.sweep.local import LocalEngine
from invariance_tf.runs.sweep.worker import Outcome

SWEEPS = pathlib.Path(__file__).parents[1] / "configs" / "sweeps"


@pytest.fixture
def write(tmp_path):
    """Writes a sweep file; returns its path."""

    def write_file(content):
        path = tmp_path / "sweep.yaml"
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        path.write_text(text)
        return str(path)

    return write_file


def some_runs(runs_dir, num_runs):
    return [
        plan.Run(Experiment(seed=seed, runs_dir=str(runs_dir)).resolve())
        for seed in range(num_runs)
    ]


def test_every_combination_of_a_grid_is_an_experiment(write):
    path = write(
        {
            "base": {"transform": "blur", "epochs": 3},
            "grid": [
                {"transform": ["vertical", "thinning"], "n_seen": [1, "all"]},
                {"seed": [4, 5], "epochs": 9},
            ],
        }
    )
    combined = [
        (each.transform, each.n_seen, each.seed, each.epochs)
        for each in plan.read_sweep(path)
    ]
    assert combined == [
        ("vertical", 1, 0, 3),
        ("vertical", "all", 0, 3),
        ("thinning", 1, 0, 3),
        ("thinning", "all", 0, 3),
        ("blur", 20, 4, 9),
        ("blur", 20, 5, 9),
    ]


def test_numbers_that_yaml_reads_as_text_are_numbers(write):
    path = write("grid:\n  learning_rate: [1e-3, 1.0e-3, 2e-3]\n")
    rates = [each.learning_rate for each in plan.read_sweep(path)]
    assert rates == [1e-3, 2e-3]


def test_one_run_is_done_once_with_the_most_measures(write):
    parts = [
        {"n_seen": [4, 20], "analysis": "none"},
        {"n_seen": [20, 36], "analysis": "layers"},
        {"n_seen": 20},
    ]
    experiments = plan.read_sweep(write({"grid": parts}))
    assert [(each.n_seen, each.analysis) for each in experiments] == [
        (4, "none"),
        (20, "layers"),
        (36, "layers"),
    ]


def test_a_file_with_no_grid_is_one_experiment(write):
    (only,) = plan.read_sweep(write({"base": {"seed": 3}}))
    assert only == Experiment(seed=3).resolve()


def test_options_win_over_the_file(write):
    path = write({"base": {"runs_dir": "here"}})
    assert plan.read_sweep(path)[0].runs_dir == "here"
    assert plan.read_sweep(path, runs_dir="there")[0].runs_dir == "there"
    path = write({"grid": [{"runs_dir": "here"}, {"seed": [0, 1]}]})
    found = plan.read_sweep(path, runs_dir="there", data_dir=None)
    assert [each.runs_dir for each in found] == ["there"] * 2
    assert plan.read_sweep(path, runs_dir="")[0].runs_dir == ""


@pytest.mark.parametrize(
    "content, message",
    [
        ({"base": {"n_sen": 3}}, "Did you mean n_seen?"),
        ({"grid": {"transfrom": ["blur"]}}, "Did you mean transform?"),
        ({"grid": {"n_seen": [4, 41]}}, "from 0 to 40. Received: n_seen=41"),
        ({"grid": {"transform": ["blurr"]}}, "Did you mean blur?"),
        ({"grid": {"epochs": ["many"]}}, "must be a whole number"),
        ({"grid": {"seed": []}}, "at least one value. Received: seed=[]"),
        ({"base": {"seed": [0, 1]}}, "belong in grid"),
        ({"grid": []}, "at least one mapping of settings. Received: grid=[]"),
        ({"grid": 0}, "must be mappings of settings. Received: 0"),
        ({"grid": {"devices": [1, 2]}}, "two values of `devices`"),
        (
            {
                "grid": {
                    "if_not_learning": ["continue", "stop"],
                    "near_copies": ["warn", "drop"],
                }
            },
            "two values of `if_not_learning`",
        ),
        ({"base": {"learning_rate": 10**400}}, "more digits than any set"),
        ({"grid": {"test_strengths": [[10**400]]}}, "more digits than any"),
        ({"base": {"batch_size": 10**400}}, "must be at most 90071992547409"),
        ("base: {seed: 010}", "Received: 010 in line 1"),
        ({"base": {}, "grids": {}}, "Received: ['base', 'grids']"),
        ("just text", "the keys base"),
        ("base: 3", "Received: 3"),
        ("base: {", "expected the node content"),
        ({"grid": {"tau": [0.1, 0.2]}}, "two values of `tau`"),
        ({"base": {"dataset": "folder"}}, "needs `data_dir`"),
        (
            {"grid": dict.fromkeys(("seed", "epochs", "n_seen"), [1] * 1000)},
            "not more. Divide it. Received: 1,000,000,000 runs",
        ),
        ({"base": {"base": {}}}, "Unknown setting. --help lists all. Rec"),
        ({"base": {"transform_args.sigma": 1}}, "Unknown setting."),
        ({"base": {"data_dir": "x" * 10**6, "tau": 2}}, "Received: tau=2"),
        ("[" * 20_000, "nested 50 levels deep"),
        ("base: {seed: " + "9" * 5000 + "}", "more digits than any setting"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_setting(
    capsys, write, content, message
):
    path = write(content)
    assert run_sweep([path]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere.yaml"], "Unknown sweep file"),
        ([str(SWEEPS / "quick.yaml"), "--jobs", "0"], "Received: jobs=0"),
        (["quick", "--engine", "slurm"], "slurm"),
        (["quick", "--gpus_per_run", "0.5"], "nothing with `--engine local`"),
        (["quick", "--address", "auto"], "nothing with `--engine local`"),
        (["quick", "--engine", "ray", "--jobs", "2"], "Received: jobs=2"),
        (["quick", "--gpus_per_run", "-1"], "must not be negative. Received"),
        ([str(SWEEPS / "quick.yaml"), "--cores", "3"], "cores"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(capsys, arguments, message):
    assert run_sweep(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_missing_data_are_a_mistake_in_one_line(capsys, here):
    arguments = [str(SWEEPS / "imagenet.yaml"), "--data_dir", "no"]
    assert run_sweep(arguments) == 2
    error = capsys.readouterr().err
    assert "=imagenet2012" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "name, num_runs",
    # 12 transformations at all points of the grid and all seeds, and the
    # networks without transformed images.
    [
        ("quick", 3 * 3),
        ("synthfaces", 12 * 7 * 2 + 2),
        ("facescrub", 12 * 9 * 3 + 3),
        ("facescrub_inception", 12 * 9 * 3 + 3),
        ("synthfaces_inception", 2 * (12 * 4 + 1) * 2),
    ],
)
def test_the_sweeps_of_the_repository_have_the_papers_grids(name, num_runs):
    path = SWEEPS / f"{name}.yaml"
    assert path.read_text().startswith("# ")
    assert len(plan.read_sweep(str(path))) == num_runs


@pytest.mark.parametrize(
    "path", sorted(SWEEPS.glob("*.yaml")), ids=lambda p: p.stem
)
def test_sweeps_of_the_repository_test_at_the_strengths_they_train(path):
    assert plan.find_mixed_strengths(plan.read_sweep(str(path))) == {}


MIXED = [
    {"transform": "blur", "transform_args": {"sigma": 1.5}},
    {"transform": "grayscale", "evaluate_on": "all"},
]


@pytest.mark.parametrize(
    "grid",
    [
        MIXED,
        [{**MIXED[0], "evaluate_on": "all"}, MIXED[1]],
        [
            {
                "transform": "blur,thinning",
                "transform_args": {"blur": {"sigma": 1.5}},
            },
            MIXED[1],
        ],
    ],
)
def test_a_sweep_that_tests_at_other_strengths_is_warned(
    grid, write, here, capsys
):
    base = {"num_categories": 2, "num_train": 4, "num_test": 2, "n_seen": 1}
    path = write({"base": base, "grid": grid})
    assert run_sweep([path, "--dry_run"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('warning: blur is trained with {"sigma": 1.5}, but')
    assert 'are tested with {"sigma": 4.0}' in line
    start, remedy = line.split("add to base: ")
    path = write({"base": {**base, **yaml.safe_load(remedy)}, "grid": grid})
    assert run_sweep([path, "--dry_run"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "grid",
    [
        # A network is tested by what it was trained with.
        [{**MIXED[0], "evaluate_on": "all"}],
        [MIXED[0], {"transform": "grayscale"}],
        # They are never compared.
        [{**MIXED[0], "image_size": 32}, MIXED[1]],
        [{**MIXED[0], "network": "resnet18"}, MIXED[1]],
    ],
)
def test_strengths_that_are_not_compared_may_differ(grid, write):
    experiments = plan.read_sweep(write({"grid": grid}))
    assert plan.find_mixed_strengths(experiments) == {}


def test_what_the_data_cannot_give_is_found_before_anything_runs():
    digits = Experiment(dataset="digits", n_seen=11, analysis="none")
    with pytest.raises(ValueError, match="from 0 to 10.*n_seen=11"):
        worker.survey_runs([digits.resolve()])
    typo = Experiment(dataset="digits", network_args={"initialiser": "he"})
    with pytest.raises(ValueError, match="takes.*initializer"):
        worker.survey_runs([typo.resolve()])


def test_runs_are_surveyed_one_data_set_at_a_time(monkeypatch, tmp_path):
    """And listed in the order of the sweep all the same."""
    check, checked = preparation.check, []

    def check_and_note(experiment):
        checked.append(experiment.num_categories)
        return check(experiment)

    monkeypatch.setattr(preparation, "check", check_and_note)
    some = Experiment(num_train=4, num_test=1, n_seen=1, runs_dir=str(tmp_path))
    counts = [2, 3, 2, 3]
    experiments = [
        dataclasses.replace(some, num_categories=count, seed=seed).resolve()
        for seed, count in enumerate(counts)
    ]
    runs, _ = worker.survey_runs(experiments)
    assert checked == [2, 2, 3, 3]
    assert [run.experiment.num_categories for run in runs] == counts


def test_all_and_the_number_of_categories_are_one_run(tmp_path):
    digits = Experiment(dataset="digits", runs_dir=str(tmp_path))
    experiments = plan.drop_repeats(
        dataclasses.replace(digits, n_seen=n_seen).resolve()
        for n_seen in ("all", 10)
    )
    assert len(experiments) == 2
    runs, _ = worker.survey_runs(experiments)
    (run,) = runs
    assert run.experiment.n_seen == 10 and not run.is_done


@pytest.mark.parametrize(
    "changes, is_done",
    [
        ({}, True),
        ({"fingerprint": "of other images"}, False),
        ({"splits": "of other parts"}, False),
        ({"tau": 0.2}, False),
    ],
)
def test_a_run_is_done_with_its_data_and_measures(tmp_path, changes, is_done):
    digits = Experiment(dataset="digits", runs_dir=str(tmp_path)).resolve()
    run = plan.Run(digits)
    identity = images.identify_images(*preparation.check(digits)[1:])
    os.mkdir(run.run_dir)
    files = {
        "provenance.json": {"data": {**identity, **changes}},
        "config.yaml": {**vars(digits), **changes},
    }
    for name, content in files.items():
        pathlib.Path(run.run_dir, name).write_text(json.dumps(content))
    seconds = {"training": 3.0, "analysis": 1.0}
    run_files.write_summary(run.run_dir, {"seconds": seconds})
    (found,), _ = worker.survey_runs([digits])
    assert found.is_done == is_done
    assert found.seconds == 4.0


@pytest.mark.parametrize(
    "changes, is_done",
    [
        ({}, True),
        ({"test_strengths": [45.0, 0.1]}, True),
        ({"test_strengths": [45.0, 30.0]}, False),
        ({"layer_measures": "linear_cka"}, True),
        ({"layer_measures": "linear_cka,rsa"}, False),
        ({"layer_measures": "all"}, False),
        ({"ablate_layer": "fc6"}, True),
        ({"ablate_layer": "conv2"}, False),
        ({"activity": "signed"}, False),
        ({"network": "vit_small"}, True),
        ({"analysis": "layers"}, True),
        ({"tau": 0.2}, False),
        ({"tau": "auto"}, False),
        ({"tau": "auto", "analysis": "none"}, True),
    ],
)
def test_a_run_of_tables_is_done_if_they_show_its_measures(changes, is_done):
    collected = made_up_runs(
        transforms=("rotate90",),
        n_seen=(20,),
        seeds=(0,),
        num_neurons=2,
        with_references=False,
    )
    wanted = Experiment(transform="rotate90", **changes).resolve()
    names = {"run": wanted.name()}
    strengths = pd.DataFrame(names | {"strength": np.float32([0.1, 45, 90])})
    # Of another run.
    rsa = collected.layers.assign(run="another", rsa=0.5)
    layers = collected.layers.assign(linear_cka=0.5, **names)
    collected = dataclasses.replace(
        collected,
        runs=collected.runs.assign(**names),
        layers=pd.concat([layers, rsa]),
        ablation=collected.ablation.assign(**names),
        strengths=strengths,
    )
    run = plan.Run(wanted, fingerprint="0" * 64)
    (found,) = sweep._mark_collected([run], collected)
    assert found.is_done == is_done


def test_a_failure_is_recorded_until_the_run_succeeds(tmp_path, monkeypatch):
    (run,) = some_runs(tmp_path, 1)
    path = pathlib.Path(run.run_dir, "failure.json")

    def diverge(settings):
        raise FloatingPointError("The loss is not finite.")

    monkeypatch.setattr(worker, "_write_to", lambda path: None)
    monkeypatch.setattr(experiment, "run", diverge)
    outcome = worker.attempt(worker.finish_run, run)
    assert (outcome.status, outcome.error) == ("failed", "FloatingPointError")
    failure = json.loads(path.read_text())
    assert failure["message"] == "The loss is not finite."
    assert "in diverge" in failure["traceback"]
    monkeypatch.setattr(experiment, "run", lambda settings: {"seed": 0})
    assert worker.attempt(worker.finish_run, run).value == {"seed": 0}
    assert not path.exists()


def test_a_run_of_another_process_is_held(tmp_path):
    (run,) = some_runs(tmp_path, 1)
    with results.locked(run.run_dir):
        assert worker.attempt(worker.finish_run, run).status == "held"
    assert not pathlib.Path(run.run_dir, "failure.json").exists()


class ScriptedEngine:
    """Ends each piece of work at once, as a script says."""

    def __init__(self, script):
        self.script = {name: list(ends) for name, ends in script.items()}
        self.started, self.ended = [], []

    def has_room(self):
        return not self.ended

    def start(self, name, function, run):
        self.started.append(name)
        self.ended.append((name, self.script[name].pop(0)))

    def wait(self, timeout):
        ended, self.ended = self.ended, []
        return ended


# The run itself took 2 seconds, and its process another to start.
DONE = Outcome(
    "done",
    {
        "was_done": False,
        "seconds": {"training": 1.5, "evaluation": 0.5},
        "within_accuracy": 0.5,
        "across_accuracy": None,
        "clean_accuracy": 1.0,
    },
    seconds=3.0,
)


def finish(script, runs, **options):
    engine = ScriptedEngine(script)
    with RunsProgress(runs, 0, 1, RunTimes()) as progress:
        failed = schedule.finish_runs(runs, engine, progress, **options)
    return engine.started, failed


def test_a_failed_run_does_not_stop_the_others(tmp_path, capsys):
    runs = some_runs(tmp_path, 3)
    first, second, third = (run.name for run in runs)
    failure = Outcome("failed", error="FloatingPointError", message="no")
    script = {first: [DONE], second: [failure], third: [DONE]}
    started, failed = finish(script, runs)
    assert started == [first, second, third]
    assert failed == [(runs[1], "FloatingPointError: no")]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"[1/3] {first}: within 0.500, across -, clean 1.000, 2 s",
        f"[2/3] {second}: failed: FloatingPointError: no",
        f"[3/3] {third}: within 0.500, across -, clean 1.000, 2 s",
    ]


def test_a_run_whose_process_died_is_taken_up_again_twice(tmp_path):
    runs = some_runs(tmp_path, 2)
    first, second = (run.name for run in runs)
    death = Outcome("died", message="its process was killed by SIGKILL")
    script = {first: [death, death, DONE], second: [death] * 3}
    started, failed = finish(script, runs)
    assert started == [first] * 3 + [second] * 3
    ((run, message),) = failed
    assert run.name == second
    assert "killed by SIGKILL, 3 times" in message
    assert pathlib.Path(run.run_dir, "failure.json").exists()


def test_a_run_that_another_sweep_holds_comes_last(tmp_path):
    runs = some_runs(tmp_path, 2)
    first, second = (run.name for run in runs)
    script = {first: [Outcome("held"), Outcome("held"), DONE], second: [DONE]}
    started, failed = finish(script, runs, patience=0.05)
    assert started == [first, second, first, first]
    assert not failed


def known(runs, seconds):
    """What is known after a run like the first of them took that long."""
    return RunTimes([dataclasses.replace(runs[0], seconds=seconds)])


def test_the_time_left_comes_from_this_sweep_or_from_former_runs(tmp_path):
    runs = some_runs(tmp_path, 5)
    progress = RunsProgress(runs, 0, num_slots=2, times=known(runs, 10.0))
    assert progress.seconds_left() == 10.0 * 5 / 2
    progress.begin(runs[0])
    progress.end(runs[0], DONE)
    assert progress.seconds_left() == 3.0 * 4 / 2
    # The second was begun by a former sweep: only its end took 3 seconds.
    gone_on = {**DONE.value, "seconds": {"training": 9.0}}
    progress.begin(runs[1])
    progress.end(runs[1], dataclasses.replace(DONE, value=gone_on))
    assert progress.seconds_left() == (3.0 + 9.0) / 2 * 3 / 2
    assert RunsProgress(runs, 0, 2, RunTimes()).seconds_left() is None


def test_the_time_left_is_that_of_runs_of_the_same_kind(tmp_path):
    """A large network is not taken for a small one, nor `all` for one test."""
    small, large, tested = (
        plan.Run(dataclasses.replace(run.experiment, **changes).resolve())
        for run, changes in zip(
            some_runs(tmp_path, 3),
            ({}, {"network": "inception"}, {"evaluate_on": "all"}),
            strict=True,
        )
    )
    times = RunTimes(
        dataclasses.replace(run, seconds=seconds)
        for run, seconds in ((small, 10.0), (large, 100.0))
    )
    assert times.expected(small) == 10.0 and times.expected(large) == 100.0
    # The closest is a run of the same network.
    assert times.expected(tested) == 10.0
    progress = RunsProgress([small, large, tested], 0, 1, times)
    assert progress.seconds_left() == 10 + 100 + 10
    progress.begin(tested)
    progress.end(tested, dataclasses.replace(DONE, seconds=30.0))
    assert progress.seconds_left() == 10 + 100
    assert times.expected(tested) == 30.0
    # A network that nothing is known of, beside others.
    unknown = plan.Run(
        dataclasses.replace(small.experiment, network="vit_small").resolve()
    )
    assert times.expected(unknown) is None
    progress = RunsProgress([large, unknown], 0, 1, times)
    assert progress.seconds_left() == 100 + 100


def test_the_time_left_falls_while_runs_are_under_way(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    runs = some_runs(tmp_path, 3)
    progress = RunsProgress(runs, 0, num_slots=2, times=known(runs, 10.0))
    progress.begin(runs[0])
    progress.begin(runs[1])
    assert progress.seconds_left() == (10 + 10 + 10) / 2
    now += 4
    assert progress.seconds_left() == (6 + 6 + 10) / 2
    progress.put_back(runs[1], Outcome("held"))
    assert progress.seconds_left() == (6 + 10 + 10) / 2
    # Later than expected: nothing more is known of it.
    now += 40
    assert progress.seconds_left() == (0 + 10 + 10) / 2


def test_the_last_run_takes_its_own_time_on_however_many_slots(tmp_path):
    runs = some_runs(tmp_path, 1)
    progress = RunsProgress(runs, 0, num_slots=8, times=known(runs, 10.0))
    progress.begin(runs[0])
    assert progress.seconds_left() == pytest.approx(10.0, abs=1.0)


def test_measuring_again_is_not_taken_for_training(tmp_path, capsys):
    (run,) = some_runs(tmp_path, 1)
    run = dataclasses.replace(run, seconds=2.0)
    value = {**DONE.value, "was_done": True}
    finish({run.name: [dataclasses.replace(DONE, value=value)]}, [run])
    assert "neurons measured again, 3 s" in capsys.readouterr().out


def test_a_terminal_shows_a_bar_and_what_runs(tmp_path):
    runs = some_runs(tmp_path, 2)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with RunsProgress(runs, 1, 1, known(runs, 60.0), console) as progress:
        progress.begin(runs[0])
        progress.update()
    text = screen.getvalue()
    # Data set, network and n_seen are those of all runs.
    for part in ("1 running", "1/3", "2 min 0 s left", "starting", "  s0-"):
        assert part in text
    assert "failed" not in text


def write_epochs(run, *seconds):
    os.makedirs(run.run_dir, exist_ok=True)
    rows = [{"epoch": epoch, "seconds": x} for epoch, x in enumerate(seconds)]
    results.write_csv(os.path.join(run.run_dir, "history.csv"), rows)


def test_the_epochs_of_running_runs_move_the_bars(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    runs = some_runs(tmp_path, 3)
    write_epochs(runs[1], *[4.0] * 10)
    screen = io.StringIO()
    console = Console(file=screen, width=80)
    with RunsProgress(runs, 0, 2, RunTimes(), console) as progress:
        progress.begin(runs[0])
        progress.begin(runs[1])
        # The second goes on: 15 epochs of 4 s, of which 10 are done.
        assert progress.seconds_left() == (60 + 20 + 60) / 2
        now += 4
        write_epochs(runs[0], 3.0)
        progress.update()
        # The first takes 4 s and 14 more epochs of 3 s; the third, which is
        # not known, as long as the two on average.
        expected = (14 * 3 + (5 * 4 - 4) + (46 + 60) / 2) / 2
        assert progress.seconds_left() == expected
        whole, first, second = progress._bar.tasks
    assert whole.completed == pytest.approx(1 / 16 + 10 / 16)
    assert (first.completed, second.completed) == (1, 10)
    assert first.fields["state"].startswith("epoch 2/15, 42 s left  s0-")
    assert second.fields["state"].startswith("epoch 11/15, 16 s left  s1-")


def test_a_run_that_has_done_its_epochs_is_measured(tmp_path):
    (run,) = some_runs(tmp_path, 1)
    write_epochs(run, *[1.0] * 15)
    progress = RunsProgress([run], 0, 1, RunTimes())
    progress.begin(run)
    progress.update()
    _, line = progress._bar.tasks
    assert line.fields["state"].startswith(f"measuring  {run.name}")


@pytest.mark.parametrize(
    "content", ["", "epoch\n1\n", "seconds\nno\n", "seconds\nnan\n", "\0"]
)
def test_a_table_of_epochs_that_cannot_be_read_stops_nothing(tmp_path, content):
    (run,) = some_runs(tmp_path, 1)
    os.makedirs(run.run_dir)
    pathlib.Path(run.run_dir, "history.csv").write_text(content)
    progress = RunsProgress([run], 0, 1, RunTimes())
    progress.begin(run)
    progress.update()
    assert progress.seconds_left() is None


def test_without_a_terminal_there_is_a_line_at_times(
    tmp_path, monkeypatch, capsys
):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    runs = some_runs(tmp_path, 3)
    write_epochs(runs[0], 2.0)
    with RunsProgress(runs, 0, 1, known(runs, 20.0)) as progress:
        progress.begin(runs[0])
        for _ in range(100):
            now += 1
            progress.update()
    assert capsys.readouterr().err == (
        "Runs: 0/3, 1 running, 2 waiting, 40 s left (epoch 2/15)\n"
    )


@pytest.fixture
def engine():
    """A local engine of one process with three threads."""
    engine = LocalEngine(1, num_threads=3)
    yield engine
    engine.stop()


def result_of(engine, function, *arguments):
    engine.start("key", function, *arguments)
    assert not engine.has_room()
    ended = []
    while not ended:
        ended = engine.wait(timeout=60.0)
    ((key, outcome),) = ended
    assert key == "key"
    return outcome


def test_work_shares_a_process_until_it_dies(engine):
    process_id = result_of(engine, os.getpid).value
    assert process_id != os.getpid()
    assert result_of(engine, os.getenv, "OMP_NUM_THREADS").value == "3"
    outcome = result_of(engine, int, "ten")
    assert (outcome.status, outcome.error) == ("failed", "ValueError")
    # Ctrl-C is for the parent alone.
    assert result_of(engine, signal.raise_signal, signal.SIGINT).status == (
        "done"
    )
    assert result_of(engine, os.getpid).value == process_id
    assert "status 3" in result_of(engine, os._exit, 3).message
    killed = result_of(engine, signal.raise_signal, signal.SIGKILL)
    assert killed.message == "its process was killed by SIGKILL"
    assert result_of(engine, os.getpid).value != process_id


def test_ctrl_c_while_a_process_starts_is_not_lost(engine, monkeypatch):
    reached_the_end = []

    def start():
        signal.raise_signal(signal.SIGINT)
        reached_the_end.append(True)

    monkeypatch.setattr(local, "_Process", start)
    with pytest.raises(KeyboardInterrupt):
        engine.start("key", os.getpid)
    assert reached_the_end


@pytest.mark.slow
def test_a_process_does_not_outlive_its_parent():
    program = (
        "import os, sys\n"
        "from invariance_tf.runs.sweep.local import LocalEngine\n"
        "import time\n"
        "engine = LocalEngine(1, num_threads=1)\n"
        "engine.start('key', os.getpid)\n"
        "((_, outcome),) = engine.wait(timeout=60.0)\n"
        "engine.start('key', time.sleep, 600)\n"
        "time.sleep(0.5)\n"
        "sys.stdout.write(str(outcome.value))\n"
        "sys.stdout.flush()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    # Until the kernel has told it.
    for _ in range(100):
        if not os.path.exists(f"/proc/{done.stdout}"):
            return
        time.sleep(0.1)
    pytest.fail("the process still runs")


def test_a_worn_out_process_is_replaced(engine, monkeypatch):
    monkeypatch.setattr(worker, "RUNS_PER_PROCESS", 2)
    used = [result_of(engine, os.getpid).value for _ in range(5)]
    assert used[0] == used[1] != used[2] == used[3] != used[4]
