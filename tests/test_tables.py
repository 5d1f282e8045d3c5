"""Tables of many runs, and which runs belong together."""

import dataclasses
import json
import shutil
from functools import partial

import conftest
import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from crash_points import states_of
from made_up_runs import COLUMNS, made_up_runs

from invariance_tf import Experiment, files, load_runs
from invariance_tf import run as run_experiment
from invariance_tf.paper.studies import find_studies, title_of
from invariance_tf.paper.tables import KEYS, TABLES, save_runs

SMALL = Experiment(
    network="two_layers",
    num_categories=4,
    num_train=2,
    num_test=3,
    image_size=32,
    n_seen=2,
    epochs=1,
    batch_size=8,
)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """A directory of two finished runs, the second with every layer."""
    path = tmp_path_factory.mktemp("runs")
    settings = dataclasses.replace(SMALL, runs_dir=str(path))
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        for changes in (
            {"transform": "blur", "test_strengths": [1.0]},
            {
                "transform": "rotate90",
                "analysis": "layers",
                "test_strengths": [45],
            },
        ):
            run_experiment(dataclasses.replace(settings, **changes))
    return path


@pytest.fixture
def copy(runs_dir, tmp_path):
    """A copy of the runs, to change."""
    shutil.copytree(runs_dir, tmp_path / "runs")
    return tmp_path / "runs"


def change_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_every_row_starts_with_the_keys_of_its_run(runs_dir):
    runs = load_runs(runs_dir)
    assert runs.unfinished == [] and runs.refused == {}
    assert len(runs.runs) == 2
    for name, table in runs.tables().items():
        assert [*table][: len(KEYS)] == [*KEYS], name
        assert {*table.run} == {
            run_dir.name
            for run_dir in runs_dir.iterdir()
            if name == "runs" or (run_dir / TABLES[name]).exists()
        }
    assert {*runs.runs["transform"]} == {"blur", "rotate90"}
    assert (runs.runs.n_seen == 2).all()
    assert (runs.runs.num_categories == 4).all()


def test_the_tables_are_those_of_the_runs(runs_dir):
    runs = load_runs(runs_dir)
    for run_dir in runs_dir.iterdir():
        for name, file in TABLES.items():
            table = runs.tables()[name]
            if not (run_dir / file).exists():
                assert name == "clusters"
                continue
            found = table[table.run == run_dir.name].drop(columns=[*KEYS])
            read = pd.read_csv if file.endswith("csv") else pd.read_parquet
            expected = read(run_dir / file)
            if name in ("neurons", "active_counts"):
                expected = expected[expected.layer == "fc6"]
            pd.testing.assert_frame_equal(
                found.reset_index(drop=True)[[*expected]],
                expected.reset_index(drop=True),
            )
        summary = json.loads((run_dir / "summary.json").read_text())
        (row,) = runs.runs[runs.runs.run == run_dir.name].itertuples()
        assert row.clean_accuracy == summary["clean_accuracy"]
        assert row.invariance_unseen == summary["invariance_unseen"]
        assert row.seconds == pytest.approx(sum(summary["seconds"].values()))


def test_a_half_written_run_is_ignored_and_counted(copy):
    first, second = sorted(copy.iterdir())
    (first / "summary.json").unlink()
    (copy / "no run").mkdir()
    (copy / "a file").write_text("")
    runs = load_runs(copy)
    assert runs.unfinished == [str(first)]
    assert [*runs.runs.run] == [second.name]


@pytest.mark.parametrize(
    "damage, reason",
    [
        (
            lambda path: change_json(path / "summary.json", schema=99),
            "the schema 99",
        ),
        (lambda path: (path / "summary.json").write_text("{"), "JSON"),
        (lambda path: (path / "neurons.parquet").write_text(""), "parquet"),
        (lambda path: (path / "provenance.json").unlink(), "is missing"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused_with_the_reason(
    copy, damage, reason
):
    first, second = sorted(copy.iterdir())
    damage(first)
    runs = load_runs(copy)
    assert [*runs.runs.run] == [second.name]
    assert [*runs.refused] == [str(first)]
    assert reason.lower() in runs.refused[str(first)].lower()


def test_a_directory_without_runs_gives_empty_tables(tmp_path):
    runs = load_runs(tmp_path)
    for table in runs.tables().values():
        assert len(table) == 0 and [*table] == [*KEYS]
    assert find_studies(runs) == ({}, {})
    with pytest.raises(FileNotFoundError, match="Received: .*nowhere"):
        load_runs(tmp_path / "nowhere")


def test_saved_tables_are_read_again(runs_dir, tmp_path):
    runs = load_runs(runs_dir)
    save_runs(runs, tmp_path / "tables")
    again = load_runs(tmp_path / "tables")
    for name, table in runs.tables().items():
        if name == "runs":
            # No path of this machine is passed on.
            table = table.assign(run_dir=table.run)
        if name in ("neurons", "active_counts"):
            continue  # They have tests of their own, below.
        pd.testing.assert_frame_equal(
            again.tables()[name], table, check_dtype=False, atol=0, rtol=2**-14
        )


def test_active_neurons_are_saved_of_networks_that_saw_all(tmp_path):
    runs = made_up_runs(transforms=("blur",), n_seen=(1,), num_categories=40)
    save_runs(runs, tmp_path)
    saved, whole = load_runs(tmp_path).active_counts, runs.active_counts
    assert {*whole.n_seen} == {0, 1, 40}
    pd.testing.assert_frame_equal(
        saved, whole[whole.n_seen == 40].reset_index(drop=True)
    )


def test_saved_neurons_have_10_bits_and_their_corrected_invariance(
    runs_dir, tmp_path
):
    whole = load_runs(runs_dir)
    save_runs(whole, tmp_path)
    saved = load_runs(tmp_path).neurons
    assert {*whole.neurons} - {*saved} == {"max_activity"}
    corrected, floor = saved.pop("corrected_invariance"), saved.control_shuffled
    pd.testing.assert_frame_equal(
        saved, whole.neurons[[*saved]], check_dtype=False, atol=0, rtol=2**-10
    )
    # It follows from two measures that are known to 2^-11 of their size.
    expected = whole.neurons.corrected_invariance
    assert expected.notna().sum() > 10
    assert (corrected.isna() == expected.isna()).all()
    error = (corrected - expected).abs().dropna() * (1 - floor)
    assert error.max() < 2**-9


def test_evenly_spaced_neurons_of_networks_that_saw_some_are_saved(tmp_path):
    runs = made_up_runs(transforms=("blur",), n_seen=(1,), num_neurons=600)
    # Those that are read are saved again as they are.
    for name in ("once", "twice"):
        save_runs(runs, tmp_path / name)
        runs = load_runs(tmp_path / name)
        of_one_test = ["n_seen", "run", "test_transform", "category_group"]
        kept = runs.neurons.groupby(of_one_test).neuron
        assert {(n_seen, tuple(neurons)) for (n_seen, *_), neurons in kept} == {
            (0, (*range(600),)),
            (1, (*range(0, 600, 3),)),
            (40, (*range(600),)),
        }


def test_saved_tables_of_different_runs_are_never_read_together(tmp_path):
    old, new = (made_up_runs(transforms=(name,)) for name in ("blur", "hue"))
    (tmp_path / "copies").mkdir()
    save_runs(old, tmp_path / "tables")
    with states_of(tmp_path / "tables", tmp_path / "copies") as states:
        save_runs(new, tmp_path / "tables")
    # The old ones, then none, then the new ones.
    allowed = [names_of(runs) for runs in (old, load_runs(tmp_path), new)]
    places = [allowed.index(names_of(load_runs(copy))) for _, copy in states]
    assert len(places) >= sum(len(table) > 0 for table in new.tables().values())
    assert places == sorted(places) and {*places} == {0, 1, 2}
    assert names_of(load_runs(tmp_path / "tables")) == allowed[2]


def test_tables_that_cannot_be_written_leave_the_old_ones(
    tmp_path, monkeypatch
):
    old, new = (made_up_runs(transforms=(name,)) for name in ("blur", "hue"))
    save_runs(old, tmp_path)

    write = files.write_parquet

    def write_to_a_full_disk(path, table, **options):
        if "test_transform" in table:
            raise OSError(28, "No space left on device")
        write(path, table, **options)

    monkeypatch.setattr(files, "write_parquet", write_to_a_full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_runs(new, tmp_path)
    assert names_of(load_runs(tmp_path)) == names_of(old)
    assert not [*tmp_path.glob(".writing-*")]


def test_a_table_without_rows_is_not_written(tmp_path):
    runs = made_up_runs(transforms=("blur",))
    assert len(runs.ablation)
    save_runs(runs, tmp_path)
    save_runs(dataclasses.replace(runs, ablation=runs.ablation[:0]), tmp_path)
    assert not (tmp_path / "ablation.parquet").exists()
    assert len(load_runs(tmp_path).ablation) == 0


def test_parts_of_a_study_are_read_together(copy, runs_dir, tmp_path):
    """Tables of one run, and the directories of both."""
    whole = load_runs(runs_dir)
    first, second = sorted(copy.iterdir())
    shutil.rmtree(second)
    save_runs(load_runs(copy), tmp_path / "tables")
    together = load_runs(tmp_path / "tables", runs_dir)
    for name, table in whole.tables().items():
        if name == "runs":
            table = table.assign(
                run_dir=[first.name, str(runs_dir / second.name)]
            )
        found = together.tables()[name]
        if name == "active_counts":
            continue  # Of networks that saw all, and these did not.
        if name == "neurons":
            # What is not saved has a test of its own, above.
            left_out = ["max_activity", "corrected_invariance"]
            found, table = (
                found.drop(columns=left_out),
                table.drop(columns=left_out),
            )
        assert [*found] == [*table]
        pd.testing.assert_frame_equal(
            found, table, check_dtype=False, atol=0, rtol=2**-10
        )
    # Of a run that both have, the first directory counts.
    again = load_runs(runs_dir, tmp_path / "tables")
    pd.testing.assert_frame_equal(again.runs, whole.runs)
    # Nothing of a run is missing that another directory has.
    (first / "summary.json").unlink()
    assert load_runs(copy).unfinished == [str(first)]
    assert load_runs(copy, runs_dir).unfinished == []


def test_runs_of_one_name_on_other_images_are_not_read_together(tmp_path):
    runs = made_up()
    save_runs(runs, tmp_path / "one")
    others = renamed(runs, study="another")
    for name, table in others.tables().items():
        table["run"] = runs.tables()[name].run
    save_runs(others, tmp_path / "two")
    with pytest.raises(ValueError, match="Received: .* of two studies"):
        load_runs(tmp_path / "one", tmp_path / "two")


def names_of(runs):
    tables = runs.tables()
    del tables["active_counts"]  # Saved of networks that saw all.
    return {name: {*table.run} for name, table in tables.items()}


def test_selected_runs_keep_all_their_rows_and_no_others():
    runs = made_up_runs(transforms=("blur", "thinning"), num_neurons=3)
    chosen = runs.select(runs.runs["transform"] == "blur")
    for name, table in runs.tables().items():
        expected = table[table["transform"] == "blur"].reset_index(drop=True)
        pd.testing.assert_frame_equal(chosen.tables()[name], expected)


def test_the_runs_of_a_study_differ_only_in_what_is_studied(copy):
    """Another number of epochs is another study, another seed is not."""
    first, second = sorted(copy.iterdir())
    study = load_runs(copy).runs.set_index("run").study
    assert study[first.name] == study[second.name]
    path = second / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    for name, value in (("seed", 5), ("n_seen", 3), ("runs_dir", "other")):
        settings[name] = value
    path.write_text(yaml.safe_dump(settings))
    conftest.list_files_again(second)
    assert {*load_runs(copy).runs.study} == {study[first.name]}
    settings["epochs"] = 7
    path.write_text(yaml.safe_dump(settings))
    conftest.list_files_again(second)
    assert load_runs(copy).runs.study.nunique() == 2


def test_runs_of_a_set_up_may_differ_in_paradigm_and_network(copy):
    """Another number of epochs is another set-up, too."""
    first, second = sorted(copy.iterdir())
    path = second / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings |= {"paradigm": "two_step", "network_args": {"width": 2.0}}
    for is_other, epochs in enumerate((settings["epochs"], 7)):
        settings["epochs"] = epochs
        path.write_text(yaml.safe_dump(settings))
        conftest.list_files_again(second)
        runs = load_runs(copy).runs
        assert runs.study.nunique() == 2
        assert runs.setup.nunique() == 1 + is_other
    assert [*runs.network_args] == ["{}", '{"width": 2.0}']


def test_runs_of_a_recipe_may_differ_in_how_much_data_they_have(copy):
    """Not in the network, nor in what the data are called."""
    first, second = sorted(copy.iterdir())
    path = second / "config.yaml"
    former = yaml.safe_load(path.read_text())
    for changes, num_recipes in (
        ({"num_categories": 9, "num_train": 7, "epochs": 7}, 1),
        ({"network_args": {"width": 2.0}}, 2),
        ({"data_name": "others"}, 2),
    ):
        path.write_text(yaml.safe_dump(former | changes))
        conftest.list_files_again(second)
        assert load_runs(copy).runs.recipe.nunique() == num_recipes, changes


def test_the_size_of_a_network_is_known_of_older_runs_too(copy):
    expected = {}
    for run_dir in copy.iterdir():
        model = keras.models.load_model(run_dir / "model.keras")
        expected[run_dir.name] = model.count_params()
    assert min(expected.values()) > 0
    runs = load_runs(copy).runs.set_index("run")
    assert runs.num_parameters.to_dict() == expected
    for run_dir in copy.iterdir():
        summary = json.loads((run_dir / "summary.json").read_text())
        assert summary.pop("num_parameters") == expected[run_dir.name]
        (run_dir / "summary.json").write_text(json.dumps(summary))
        conftest.list_files_again(run_dir)
    runs = load_runs(copy).runs.set_index("run")
    assert runs.num_parameters.to_dict() == expected
    for run_dir in copy.iterdir():
        (run_dir / "model.keras").write_bytes(b"damaged")
    assert load_runs(copy).runs.num_parameters.isna().all()


def test_tables_from_before_a_column_was_added_are_read(tmp_path):
    save_runs(made_up(), tmp_path)
    path = tmp_path / "runs.parquet"
    added = ["paradigm", "network_args", "setup", "num_parameters"]
    added += ["recipe", "precision"]
    pd.read_parquet(path).drop(columns=added).to_parquet(path)
    runs = load_runs(tmp_path).runs
    assert {*runs.paradigm} == {"joint"} and {*runs.network_args} == {"{}"}
    assert [*runs.setup] == [*runs.recipe] == [*runs.study]
    assert {*runs.precision} == {"float32"}
    assert runs.num_parameters.isna().all()


def twice(table):
    return pd.concat([table, table])


def without(column):
    return lambda table: table.drop(columns=column)


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("runs", twice, "-00000000 has several rows"),
        ("runs", without("run"), "the column run is missing"),
        ("runs", without("study"), "the column study is missing"),
        ("runs", without("fingerprint"), "column fingerprint is missing"),
        ("runs", without("processor"), "the column processor is missing"),
        ("runs", lambda table: table.assign(run=5), "run, study, .* be names"),
        (
            "runs",
            lambda table: table.assign(across_accuracy=5.6),
            "across_accuracy must be from 0 to 1",
        ),
        ("accuracy", without("run"), "the column run is missing"),
        *(
            (name, twice, "has some rows several times")
            for name in sorted({*COLUMNS} - {"accuracy_by_category"})
        ),
        (
            "runs",
            lambda table: table.assign(num_categories=0, n_seen=0),
            "num_categories must be at least 1",
        ),
        ("confusion", without("num_images"), "column num_images is missing"),
        ("neurons", without("specialisation"), "specialisation is missing"),
        ("layers", without("tau"), "the column tau is missing"),
        ("layers", without("mean_invariance"), "mean_invariance is missing"),
        (
            "confusion",
            lambda table: table.assign(run="another"),
            "the run another is not in runs.parquet",
        ),
        (
            "ablation",
            lambda table: table.assign(accuracy=-0.1),
            "the column accuracy must be from 0 to 1",
        ),
    ],
)
def test_tables_that_cannot_be_of_runs_are_refused(
    tmp_path, name, change, message
):
    save_runs(made_up(n_seen=(4, 40)), tmp_path)
    path = tmp_path / f"{name}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    with pytest.raises(
        files.DamagedFileError,
        match=f"{path}.*{message}.*Collect the tables again",
    ):
        load_runs(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        without("run_dir"),
        *(
            partial(pd.DataFrame.assign, run_dir=each)
            for each in (None, 5, np.nan)
        ),
    ],
)
def test_tables_that_name_no_directories_have_the_names_of_runs(
    tmp_path, change
):
    save_runs(made_up(), tmp_path)
    path = tmp_path / "runs.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    runs = load_runs(tmp_path).runs
    assert [*runs.run_dir] == [*runs.run]


def test_accuracies_may_be_rounded_or_undefined(tmp_path):
    save_runs(made_up(), tmp_path)
    path = tmp_path / "runs.parquet"
    above = np.nextafter(np.float32(1), np.float32(2))
    changes = {"across_accuracy": np.nan, "within_accuracy": above}
    pd.read_parquet(path).assign(**changes).to_parquet(path)
    assert load_runs(tmp_path).runs.across_accuracy.isna().all()


def test_tables_beside_run_directories_hide_none(copy):
    """From a version of collect that wrote them there."""
    save_runs(load_runs(copy), copy)
    with pytest.raises(ValueError, match="such as .*: move the tables to"):
        load_runs(copy)


def test_a_data_set_of_ones_own_has_its_own_name(copy, tmp_path):
    first, second = sorted(copy.iterdir())
    for run_dir, changes in ((first, {}), (second, {"data_name": "orl"})):
        path = run_dir / "config.yaml"
        settings = yaml.safe_load(path.read_text()) | changes
        settings |= {"dataset": "folder", "data_dir": "../faces/att"}
        if not changes:
            # A run from before there was the setting.
            del settings["data_name"]
        path.write_text(yaml.safe_dump(settings))
        data = json.loads((run_dir / "provenance.json").read_text())["data"]
        data["data_dir"] = "/home/me/faces/att"
        change_json(run_dir / "provenance.json", data=data)
        change_json(run_dir / "summary.json", dataset="folder")
        conftest.list_files_again(run_dir)
    runs = load_runs(copy)
    assert runs.runs.data_name.tolist() == ["att", "orl"]
    assert {*runs.runs.dataset} == {"folder"}
    # Whatever they are called, the images are the same.
    assert runs.runs.study.nunique() == 1
    assert title_of(find_studies(runs)[0], "faces") == "att, two_layers"
    save_runs(runs, tmp_path / "tables")
    path = tmp_path / "tables" / "runs.parquet"
    pd.read_parquet(path).drop(columns="data_name").to_parquet(path)
    runs = load_runs(tmp_path / "tables")
    title = title_of(find_studies(runs)[0], "faces")
    assert title == "a folder of images, two_layers"


def join(*all_runs):
    """Joins the tables of several made-up sets of runs."""
    return dataclasses.replace(
        all_runs[0],
        **{
            name: pd.concat([runs.tables()[name] for runs in all_runs])
            for name in all_runs[0].tables()
        },
    )


def made_up(**changes):
    settings = {"transforms": ("blur",), "n_seen": (4, 8), "num_neurons": 2}
    return made_up_runs(**{**settings, **changes}, with_references=False)


def renamed(runs, **columns):
    """The same runs under other names, with other values in some columns."""
    tables = {
        name: table.assign(
            run=table.run + "x",
            **{key: columns[key] for key in columns if key in table},
        )
        for name, table in runs.tables().items()
    }
    return dataclasses.replace(runs, **tables)


def test_networks_stand_for_the_studies_of_the_paper():
    all_runs = join(
        made_up(),
        made_up(network="resnet18", dataset="imagenet"),
        made_up(network="inception"),
    )
    studies, left_out = find_studies(all_runs)
    assert [*studies] == ["faces", "imagenet", "inception"] and not left_out
    assert {*studies["imagenet"].accuracy.network} == {"resnet18"}


def test_runs_that_must_not_be_averaged_are_left_out_with_the_reason():
    runs = made_up()
    longer = renamed(made_up(n_seen=(4,)), study="ffffffff", epochs=30)
    stronger = renamed(made_up(n_seen=(20,)), transform_args='{"sigma": 9}')
    studies, left_out = find_studies(join(runs, longer, stronger))
    assert {*studies["faces"].runs.run} == {*runs.runs.run}
    assert left_out == {
        **dict.fromkeys(longer.runs.run, "another study"),
        **dict.fromkeys(
            stronger.runs.run, "another strength of the transformation"
        ),
    }


def test_a_training_that_was_run_twice_counts_once():
    runs = made_up()
    again = renamed(runs, evaluate_on="all")
    studies, left_out = find_studies(join(runs, again))
    assert {*studies["faces"].runs.run} == {*again.runs.run}
    assert left_out == dict.fromkeys(runs.runs.run, "the same training")
    others = renamed(runs, category_seed=7)
    studies, left_out = find_studies(join(runs, others))
    assert {*studies["faces"].runs.run} == {*runs.runs.run}
    reason = "the same seed with other seen categories"
    assert left_out == dict.fromkeys(others.runs.run, reason)


def test_undefined_accuracies_are_nan(tmp_path, two_layers):
    experiment = dataclasses.replace(
        SMALL, n_seen="all", analysis="none", runs_dir=str(tmp_path)
    )
    run_experiment(experiment)
    runs = load_runs(tmp_path)
    assert np.isnan(runs.runs.across_accuracy.item())
    assert np.isnan(runs.runs.tau.item())
    assert len(runs.neurons) == 0
