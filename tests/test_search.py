"""The grid search: its experiments, its choice, and what it never looks at."""

import copy
import dataclasses
import json
import math
import pathlib

import numpy as np
import pytest
import yaml
from conftest import read_csv

from invariance_tf import Experiment, datasets
from invariance_tf.commands import search as search_command
from invariance_tf.commands.search import search_settings
from invariance_tf.paper import tables
from invariance_tf.runs import health, preparation
from invariance_tf.runs.search import choice, grid
from invariance_tf.runs.search.choice import Setting
from invariance_tf.runs.search.figure import draw_search
from invariance_tf.runs.sweep import worker
from invariance_tf.training import learning

PROGRAM = "python -m invariance_tf search"
CONFIGS = pathlib.Path(__file__).parents[1] / "configs"
SYNTHFACES = str(CONFIGS / "synthfaces.yaml")

TINY = {
    "num_categories": 4,
    "num_train": 10,
    "num_test": 3,
    "n_seen": 2,
    "image_size": 32,
    "epochs": 1,
    "validation_fraction": 0.3,
}


@pytest.fixture
def tiny(request, tmp_path):
    """Path of a config of tiny runs, with a directory of runs."""
    path = tmp_path / "tiny.yaml"
    settings = {**TINY, "runs_dir": str(tmp_path)}
    if "here" in request.fixturenames:
        request.getfixturevalue("two_layers")
        settings["network"] = "two_layers"
    path.write_text(yaml.safe_dump(settings))
    return str(path)


@pytest.fixture
def above_chance(monkeypatch):
    """Takes the accuracies of tiny runs for better than guessing."""
    monkeypatch.setattr(health, "is_at_chance", lambda *found: False)


def some_settings():
    """Five by five settings, whose best is at 1e-3 and 5e-4."""
    return [
        Setting(rate, decay, (0.9 - 0.2 * abs(i - 2) - 0.05 * abs(j - 2),))
        for i, rate in enumerate(grid.LEARNING_RATES)
        for j, decay in enumerate(grid.WEIGHT_DECAYS)
    ]


def test_the_grid_of_the_paper_has_25_settings_with_what_it_chose():
    experiments = grid.list_experiments(
        {}, grid.LEARNING_RATES, grid.WEIGHT_DECAYS
    )
    settings = {(one.learning_rate, one.weight_decay) for one in experiments}
    assert len(settings) == len(experiments) == 25
    assert (1e-4, 5e-4) in settings


def test_a_search_is_of_the_experiment_but_on_held_out_images(tmp_path):
    settings = {"transform": "rotate90", "n_seen": 7, "seed": 3}
    settings["runs_dir"] = str(tmp_path)
    (found,) = grid.list_experiments(settings, [0.1], [0.0])
    usual = Experiment(
        **settings, learning_rate=0.1, weight_decay=0.0, analysis="none"
    ).resolve()
    assert found == dataclasses.replace(
        usual,
        test_on="validation",
        runs_dir=str(tmp_path / "search" / "runs"),
    )
    assert found.name() != usual.name()


def test_every_setting_is_tried_once_with_every_seed():
    found = grid.list_experiments({}, [0.1, 0.01, 0.1], [0.0], seeds=[5, 2, 5])
    tried = [(each.learning_rate, each.seed) for each in found]
    assert tried == [(0.01, 5), (0.01, 2), (0.1, 5), (0.1, 2)]
    assert [each.category_seed for each in found] == [5, 2, 5, 2]


def test_a_calibrated_strength_is_that_of_the_users_directory(tmp_path):
    settings = {"transform": "blur", "transform_args": "calibrated"}
    settings["runs_dir"] = str(tmp_path)
    record = tmp_path / "calibration" / "synthfaces-alexnet_small-48-blur"
    record.mkdir(parents=True)
    content = {"parameter": "sigma", "strength": 2.5, "options": {}}
    content["reason"] = ""
    (record / "calibration.json").write_text(json.dumps(content))
    (found,) = grid.list_experiments(settings, [0.1], [0.0])
    assert found.transform_args == {"sigma": 2.5}
    assert found.resolve() == found


def test_what_a_file_says_of_searched_and_fixed_settings_is_passed_over(
    tmp_path,
):
    path = tmp_path / "config.yaml"
    path.write_text(
        "learning_rate: 1e-3\nepochs: 7\nanalysis: layers\n"
        "transform: blur\ntest_strengths: [1, 2]\n"
    )
    read = grid.read_config(str(path))
    assert read == {"epochs": 7, "transform": "blur"}
    (found,) = grid.list_experiments(read, [0.1], [0.0])
    assert found.test_strengths == []
    # As a run writes it.
    content = dataclasses.asdict(Experiment(transform="blur").resolve())
    path.write_text(yaml.safe_dump(content))
    read = grid.read_config(str(path))
    assert read["transform_args"] == {"sigma": 4.0}
    assert read.keys() == {*grid.SETTINGS}
    assert grid.read_config("synthfaces") == grid.read_config(SYNTHFACES)


@pytest.mark.parametrize(
    "accuracies, median, num_failed",
    [
        ((0.4,), 0.4, 0),
        ((0.9, 0.1, 0.3), 0.3, 0),
        ((0.9, 0.1), 0.5, 0),
        ((0.9, None, 0.3), 0.6, 1),
        ((None, None), math.nan, 2),
    ],
)
def test_the_median_is_over_seeds(accuracies, median, num_failed):
    setting = Setting(0.1, 0.0, accuracies)
    assert setting.median == pytest.approx(median, nan_ok=True)
    assert setting.num_failed == num_failed


def test_the_best_setting_has_the_highest_median_and_never_failed():
    steady = Setting(0.1, 0.0, (0.5, 0.6, 0.7))
    lucky = Setting(0.2, 0.0, (0.5, 0.5, 1.0))
    risky = Setting(0.3, 0.0, (0.9, None, 0.9))
    assert choice.choose_setting([lucky, risky, steady]) == steady
    assert choice.choose_setting([risky]) is None


def test_of_equal_settings_the_lowest_rates_are_chosen():
    experiments = grid.list_experiments({}, [0.2, 0.1], [1.0, 0.5])
    settings = [
        Setting(each.learning_rate, each.weight_decay, (0.5,))
        for each in experiments
    ]
    best = choice.choose_setting(settings)
    assert (best.learning_rate, best.weight_decay) == (0.1, 0.5)


def test_an_edge_of_the_grid_is_pointed_out():
    settings = some_settings()
    assert choice.find_edges(settings, choice.choose_setting(settings)) == []
    highest, lowest = choice.find_edges(settings, settings[-5])
    assert "learning rate, 1e-1, is the highest of the grid" in highest
    assert "weight decay, 5e-6, is the lowest of the grid" in lowest


def test_nothing_lies_below_no_weight_decay_or_beside_a_single_value():
    settings = [Setting(0.1, decay, (0.5,)) for decay in (0.0, 1.0)]
    assert choice.find_edges(settings, settings[0]) == []


def test_the_standard_error_is_that_of_many_draws():
    draws = np.random.default_rng(0).binomial(240, 0.9, 100_000) / 240
    assert choice.standard_error(0.9, 240) == pytest.approx(draws.std(), 0.01)


def test_the_picture_shows_every_setting_and_frames_the_best():
    settings = some_settings()
    settings[0] = Setting(1e-5, 5e-6, (None,))
    best = choice.choose_setting(settings)
    figure = draw_search(settings, best, "a title", "a note")
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "a title"
    written = {
        text.get_position(): text.get_text()
        for text in axes.texts
        if text.get_text()
    }
    assert len(written) == 25
    assert written[0.5, 0.5] == "failed"
    assert written[2.5, 2.5] == "90.0"
    assert written[4.5, 1.5] == f"{100 * settings[9].median:.1f}"
    frames = [patch for patch in axes.patches if patch.get_gid() == "best"]
    for frame in frames:
        left, bottom, width, height = frame.get_bbox().bounds
        assert (left + width / 2, bottom + height / 2) == pytest.approx(
            (2.5, 2.5)
        )
    assert len(frames) == 2
    assert [patch.get_gid() for patch in axes.patches].count("failed") == 1


def test_the_picture_shows_the_spread_over_seeds():
    settings = [
        Setting(0.1, 0.0, (0.5, 0.625, 0.75)),
        Setting(0.2, 0.0, (0.5, None, None)),
    ]
    axes = draw_search(settings, settings[0]).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["62.5", "50.0 to 75.0", "failed", "2 of 3"]


def test_the_terminal_shows_the_grid(capsys):
    settings = [
        Setting(0.1, 0.0, (0.5, 0.75)),
        Setting(0.1, 1.0, (None, 0.5)),
        Setting(0.2, 0.0, (0.25, 0.25)),
        Setting(0.2, 1.0, (None, None)),
    ]
    note = search_command._explain(settings, settings[0], 100, [0, 1])
    search_command._show_search(
        settings, settings[0], "a title", note, "some[where]"
    )
    text = capsys.readouterr().out
    for part in (
        "* 0.625",
        "0.500-0.750",
        "1 of 2",
        "median over seeds 0, 1",
        # sqrt(0.625 x 0.375 / 100)
        "62.5 % right (standard error of a single network: 4.8 %)",
        "1e-1, is the lowest of the grid",
        "learning_rate: 0.1\nweight_decay: 0.0\n",
        "Results: some[where]",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere.yaml"], "Unknown config file"),
        ([str(CONFIGS / "sweeps" / "quick.yaml")], "['base', 'grid']"),
        ([SYNTHFACES, "--validation_fraction", "0"], "must be above 0"),
        ([SYNTHFACES, "--learning_rate", "1e-3", "x"], "learning_rate=x"),
        ([SYNTHFACES, "--learning_rate", "0"], "above 0 and at most 1000"),
        (
            [SYNTHFACES, "--network_args.weight_decay", "0.1"],
            "use the setting `weight_decay`. Received: network_args",
        ),
        ([SYNTHFACES, "--weight_decay", "-1"], "Received: weight_decay=-1"),
        ([SYNTHFACES, "--seeds", "0.5"], "`seeds` must be a whole number"),
        ([SYNTHFACES, "--n_sen", "3"], "Did you mean n_seen?"),
        ([SYNTHFACES, "--test_on", "test"], "Received: test_on"),
        ([SYNTHFACES, "--engine", "slurm"], "engine=slurm"),
        ([SYNTHFACES, "--jobs", "0"], "Received: jobs=0"),
    ],
)
def test_a_mistake_is_one_line(capsys, arguments, message):
    assert search_settings(arguments, PROGRAM) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    "text, message",
    [
        ("epochs: many", "must be a whole number"),
        ("epochs: [1, 2]", "must be a whole number"),
        ("epoch: 3", "Did you mean epochs?"),
        ("learning_rate: fast", "`learning_rate` must be a number"),
        ("just text", "a line for each setting"),
        ("epochs: {", "expected the node content"),
    ],
)
def test_a_mistake_in_the_file_names_it(capsys, tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert search_settings([str(path)], PROGRAM) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and error.count("\n") == 1
    assert message in error


class Guarded:
    """Images of which those for testing cannot be read."""

    def __init__(self, images, is_test):
        self.images, self.is_test = images, is_test
        self.shape = images.shape
        self.read = np.zeros(len(images), bool)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, positions):
        if np.any(self.is_test[positions]):
            raise PermissionError("A test image was read.")
        self.read[positions] = True
        return self.images[positions]


@pytest.fixture
def put_images(monkeypatch):
    """Lets experiments find other images in the tiny data set."""
    load = datasets.get

    def put(make):
        def load_other(name, **options):
            dataset = copy.copy(load(name, **options))
            # With the former fingerprint, so that both are the same runs.
            assert dataset.fingerprint and len(dataset.hashes)
            object.__setattr__(dataset, "images", make(dataset))
            return dataset

        monkeypatch.setattr(datasets, "get", load_other)

    return put


def found_below(directory):
    """Accuracies and training of the runs, and what was chosen."""
    content = {
        path.name: [
            {name: row[name] for name in row if name != "seconds"}
            for row in read_csv(path)
        ]
        for name in ("accuracy", "confusion_matrix", "history", "search")
        for path in directory.rglob(f"{name}.csv")
    }
    assert len(content) == 4
    return content


@pytest.mark.slow
@pytest.mark.usefixtures("above_chance")
def test_a_search_never_reads_a_test_image(
    tiny, tmp_path, here, put_images, capsys
):
    """Whole searches: with test images locked away, and made of noise."""
    made = []

    def guard(dataset):
        made.append(Guarded(dataset.images, dataset.is_test))
        return made[-1]

    def spoil(dataset):
        noise = np.random.default_rng(1).integers(0, 256, dataset.images.shape)
        is_test = dataset.is_test[:, None, None, None]
        return np.where(is_test, noise, dataset.images).astype("uint8")

    found = []
    for number, make in enumerate((guard, spoil)):
        put_images(make)
        runs_dir = tmp_path / str(number)
        arguments = [tiny, "--learning_rate", "0.05", "--weight_decay", "0"]
        arguments += ["--runs_dir", str(runs_dir)]
        assert search_settings(arguments, PROGRAM) == 0, capsys.readouterr()
        found.append(found_below(runs_dir))
        (splits,) = runs_dir.rglob("splits.csv")
        assert "test" in {row["split"] for row in read_csv(splits)}
    assert found[0] == found[1]
    (guarded,) = (each for each in made if each.read.any())
    assert guarded.read[~guarded.is_test].mean() > 0.5


def test_the_guard_would_notice(tmp_path, put_images, two_layers):
    put_images(lambda dataset: Guarded(dataset.images, dataset.is_test))
    usual = Experiment(
        **TINY,
        network="two_layers",
        analysis="none",
        runs_dir=str(tmp_path),
    )
    prepared = preparation.prepare(usual)
    with pytest.raises(PermissionError, match="A test image was read"):
        prepared.part("test")
    held_out = preparation.prepare(
        dataclasses.replace(usual, test_on="validation")
    )
    images, labels = held_out.part("test")
    assert len(images) == len(labels) == 4 * 3


def test_what_diverged_is_not_tried_again(tiny, tmp_path, here, capsys):
    arguments = [tiny, "--learning_rate", "1e3", "--weight_decay", "1e3"]
    arguments += ["--epochs", "5"]
    for _ in range(2):
        assert search_settings(arguments, PROGRAM) == 1
        assert here.num_started == 1
        output, error = capsys.readouterr()
        assert error.startswith("error: At every setting a training diverged")
        assert "failed" in output and "For a config" not in output
    (row,) = read_csv(*tmp_path.glob("search/*/search.csv"))
    assert row["num_failed"] == "1" and row["median"] == ""
    assert [*tmp_path.glob("search/*/search.png")]
    assert not [*tmp_path.glob("search/*/best.yaml")]


@pytest.mark.slow
def test_what_did_not_learn_and_was_to_stop_is_never_chosen(
    tiny, tmp_path, here, capsys, monkeypatch
):
    monkeypatch.setattr(learning, "WINDOW", 1)
    monkeypatch.setattr(learning, "PATIENCE", 3)
    monkeypatch.setattr(learning, "is_above_chance", lambda *found: False)
    arguments = [tiny, "--learning_rate", "1e-9", "--weight_decay", "0"]
    arguments += ["--epochs", "3", "--if_not_learning"]
    for _ in range(2):
        assert search_settings([*arguments, "stop"], PROGRAM) == 1
        assert here.num_started == 1
        error = capsys.readouterr().err
        assert "diverged, or did not learn. Try other" in error
    assert search_settings([*arguments, "continue"], PROGRAM) == 1
    assert here.num_started == 2


@pytest.mark.slow
def test_of_settings_at_chance_none_is_the_best(tiny, tmp_path, here, capsys):
    arguments = [tiny, "--learning_rate", "1e-9", "1e-8", "--weight_decay", "0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "is_at_chance", lambda *found: False)
        assert search_settings(arguments, PROGRAM) == 0
    assert [*tmp_path.glob("search/*/best.yaml")]
    capsys.readouterr()
    assert search_settings(arguments, PROGRAM) == 1
    output, error = capsys.readouterr()
    assert error.count("\n") == 1
    assert error.startswith("error: At every setting the network is at chance")
    assert "(chance 0.250, 12 images). Try more --epochs" in error
    assert "best" not in output and "For a config" not in output
    assert [*tmp_path.glob("search/*/search.csv")]
    assert not [*tmp_path.glob("search/*/best.yaml")]


def test_another_failure_is_named_and_ends_the_search(
    tiny, here, monkeypatch, capsys
):
    def fail(run):
        raise OSError("No space left.")

    monkeypatch.setattr(worker, "finish_run", fail)
    arguments = [tiny, "--learning_rate", "0.1", "--weight_decay", "0"]
    assert search_settings(arguments, PROGRAM) == 1
    assert "OSError: No space left." in capsys.readouterr().out


@pytest.mark.usefixtures("above_chance")
def test_a_search_tries_every_setting_and_writes_the_best(
    tiny, tmp_path, here, capsys
):
    command = [tiny, "--learning_rate", "0.02", "1e3", "--epochs", "4"]
    command += ["--weight_decay", "5e-4", "5e-3"]

    def search(*options):
        assert search_settings([*command, *options], PROGRAM) == 0
        return capsys.readouterr().out

    plan = search("--dry_run")
    assert "learning_rate: 2e-2 1e3\n" in plan
    assert "Runs: 4; 0 done, 4 to do" in plan
    output = search()
    (record,) = tmp_path.glob("search/synthfaces-*")
    rows = read_csv(record / "search.csv")
    assert [row["num_failed"] for row in rows] == ["0", "0", "1", "1"]
    for row in rows[:2]:
        assert row["median"] == row["lowest"] == row["highest"]
    assert {
        float(row["weight_decay"]): float(row["median"]) for row in rows[:2]
    } == {
        yaml.safe_load(path.with_name("config.yaml").read_text())[
            "weight_decay"
        ]: json.loads(path.read_text())["clean_accuracy"]
        for path in tmp_path.glob("search/runs/*/summary.json")
    }
    best = yaml.safe_load((record / "best.yaml").read_text())
    assert best["learning_rate"] == 0.02
    text = "".join(f"{name}: {value}\n" for name, value in best.items())
    assert text in output
    assert Experiment(**TINY, **best).resolve().learning_rate == 0.02
    assert (record / "search.png").stat().st_size > 10_000
    # Runs that test on test images lie elsewhere.
    assert not len(tables.load_runs(str(tmp_path)).runs)
    assert "Runs: 4; 4 done before, 0 to do" in search()
    assert read_csv(record / "search.csv") == rows
