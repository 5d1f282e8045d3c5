"""What the benchmarks compute from the times that they take."""

import csv
import math
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SERVE = (
    "import time\n"
    "from benchmarks import contest\n"
    "contest.serve(lambda: time.sleep({}), 0.0)\n"
)


def test_without_a_name_all_measurements_are_listed(
    module, monkeypatch, capsys
):
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    assert module("__main__").main() == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    names = {line.split()[0] for line in lines}
    assert {"training_step", "transforms", "growth", "gpu"} <= names
    # Parts of others are not measurements.
    assert not {"contest", "torch_step", "gpu_steps", "__main__"} & names


def test_a_wrong_name_is_answered_with_the_legal_ones():
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "training_step" in done.stderr
    assert done.stderr.endswith("Received: speed\n")
    assert done.stderr.count("\n") == 1


def test_contenders_take_turns_and_one_that_fails_is_left_out(
    module, monkeypatch, capsys
):
    monkeypatch.chdir(ROOT)
    commands = {
        name: [sys.executable, "-c", SERVE.format(seconds)]
        for name, seconds in (("fast", 0.01), ("slow", 0.1))
    }
    commands["broken"] = [sys.executable, "-c", "raise SystemExit(1)"]
    seconds = module("contest").compete(commands, repeats=2, num_at_once=3)
    assert {name: len(found) for name, found in seconds.items()} == {
        "fast": 2,
        "slow": 2,
    }
    assert "broken cannot run here" in capsys.readouterr().out
    # A sleep may be longer than asked for, never shorter.
    assert min(seconds["fast"]) >= 0.01
    assert min(seconds["slow"]) >= 0.1


def test_a_contender_that_dies_is_named_in_one_line(module):
    program = "print('ready', flush=True); input()"
    with pytest.raises(SystemExit, match="has died.*Received: .*ready"):
        module("contest").compete(
            {"mortal": [sys.executable, "-c", program]}, repeats=1
        )


def test_a_ratio_is_the_median_of_those_within_repeats(module):
    seconds = {"ours": [1.0, 2.0, 4.0], "theirs": [3.0, 2.0, 8.0]}
    contest = module("contest")
    assert contest.ratio(seconds, "ours", "theirs") == 2.0
    assert math.isnan(contest.ratio(seconds, "ours", "none"))


def test_results_name_the_machine_and_the_versions(module, tmp_path, capsys):
    path = tmp_path / "speed.csv"
    for rate in (1.5, 2.5):
        module("contest").report_rows([{"rate": rate}], "{rate} x", path)
    assert capsys.readouterr().out == "1.5 x\n2.5 x\n"
    with open(path, newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["rate"] for row in rows] == ["1.5", "2.5"]
    assert "Python 3." in rows[0]["versions"]
    assert int(rows[0]["num_cores"]) >= 1


def test_the_operations_of_a_step_are_those_of_its_products(module):
    """Once forward, twice backward; the images need no gradient."""
    count = module("training_step").count_operations
    sizes = {"conv1": (11, 7 * 7 * 3 * 24), "conv2": (11, 5 * 5 * 24 * 48)}
    sizes |= {"conv3": (11, 9 * 48 * 64), "conv4": (11, 9 * 64 * 64)}
    sizes |= {"conv5": (11, 9 * 64 * 48)}
    products = {name: side**2 * size for name, (side, size) in sizes.items()}
    products |= {"fc6": 5 * 5 * 48 * 256, "logits": 256 * 40}
    passes = {name: 2 if name == "conv1" else 3 for name in products}
    expected = 2 * sum(products[name] * passes[name] for name in products)
    assert count("alexnet_small", 48, 40, batch_size=32) == 32 * expected


def test_the_share_is_of_the_product_of_the_same_numbers(module):
    """Ten products of 2,000 operations in 10 ms, ten steps in 20 ms."""
    step, references = module("training_step"), module("gpu_steps").references
    work = ("alexnet_small", 16, 3, 4)
    seconds = {
        "product bfloat16": [0.005, 0.01, 0.02],
        "keras bfloat16": [0.01, 0.02, 0.04],
        "torch eager bfloat16": [0.005, 0.03, 0.16],
    }
    sizes = (10, 10, 10)
    rows = step.tabulate("small", work, seconds, sizes, references)
    product, keras, torch = rows
    assert product["share_of_product"] == 1
    assert product["milliseconds"] == 1
    assert product["ours_to_this"] == ""
    assert keras["milliseconds"] == 2
    assert keras["images_per_second"] == 4 / 0.002
    assert keras["share_of_product"] == pytest.approx(
        step.count_operations(*work) / 0.002 / (2000 / 0.001), rel=1e-3
    )
    # The median of the ratios 0.5, 1.5 and 4.
    assert torch["ours_to_this"] == 1.5


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_slope_is_the_power_of_growth(module, power):
    values = [1, 3, 10, 30, 100]
    # The smallest points, where fixed costs show, do not count.
    measured = [7.0, *(0.1 * value**power for value in values[1:])]
    slope = module("growth").compute_slope(values, measured)
    assert slope == pytest.approx(power)


def test_shares_of_a_run_are_medians_of_those_within_repeats(module):
    parts = [
        {"training": 3.0, "exit": 1.0, "whole": 4.0},
        {"training": 1.0, "exit": 1.0, "whole": 2.0},
    ]
    training, leaving, whole = module("end_to_end").summarise(parts, "whole")
    assert training["seconds"] == 2 and training["share"] == 0.625
    assert leaving["share"] == 0.375 and whole["share"] == 1


@pytest.mark.slow
def test_growth_measures_each_stage_of_an_experiment(module):
    growth = module("growth")
    meter = growth.Meter()
    growth.measure_stages(meter, num_images=64, num_categories=4, n_seen=2)
    names = "idle data pipeline training evaluation analysis".split()
    assert [*meter.stages] == names
    for name in names:
        assert meter.stages[name]["seconds"] >= 0
        assert meter.stages[name]["peak_bytes"] > 1e8
