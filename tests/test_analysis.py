"""The neurons of a whole run: tables, summary and the command line."""

import dataclasses
import functools
import json
import os

import conftest
import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from invariance_tf import files, transforms
from invariance_tf import run as run_experiment
from invariance_tf.commands import cli
from invariance_tf.measures import ablation, activations
from invariance_tf.measures.measurement import measure_invariance
from invariance_tf.runs import preparation
from invariance_tf.runs.analysis import SUMMARISED
from invariance_tf.settings import config, defaults

pytestmark = pytest.mark.usefixtures("two_layers")

TABLES = ("ablation.csv", "active_counts.csv", "layers.csv", "neurons.parquet")


@pytest.fixture(scope="module")
def tested_on_all(finished, tmp_path_factory):
    """A run that no category is seen transformed in, tested on everything.

    As the never-transformed network of Fig. 3b, but with noise as its own
    transformation.
    """
    experiment = dataclasses.replace(
        finished[0],
        transform="white_noise",
        n_seen=0,
        evaluate_on="all",
        tau="auto",
        epochs=10,
        runs_dir=str(tmp_path_factory.mktemp("all")),
    )
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        return experiment, run_experiment(experiment)


def read(run_dir, name):
    path = os.path.join(run_dir, name)
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    return pd.read_csv(path)


def read_summary(run_dir):
    with open(os.path.join(run_dir, "summary.json")) as file:
        return json.load(file)


def restore(run):
    """Returns the data and the saved model of a finished run."""
    experiment, summary = run
    prepared = preparation.prepare(experiment)
    path = os.path.join(summary["run_dir"], "model.keras")
    return prepared, keras.models.load_model(path)


def test_a_network_can_be_tested_as_strongly_as_others_are_trained(finished):
    experiment = dataclasses.replace(
        finished[0],
        transform="blur",
        transform_args={"sigma": 1.5},
        evaluate_on="all",
        test_args={"blur.sigma": 9, "white_noise": {"std": 7, "clip": True}},
    )
    tested = preparation.prepare(experiment).test_transforms()
    assert [*tested] == [*defaults.TRANSFORMS]
    # What is trained is tested as it is trained.
    assert tested["blur"].get_config()["sigma"] == 1.5
    noise = tested["white_noise"].get_config()
    assert (noise["std"], noise["clip"]) == (7.0, True)
    # Of others, those of the data set.
    expected = config.transform_args("digits", "salt_pepper")
    assert tested["salt_pepper"].get_config().items() >= expected.items()
    # Before the training, not after it.
    too_wide = {"transform": "highpass", "transform_args": None}
    with pytest.raises(ValueError, match="blur"):
        preparation.prepare(
            dataclasses.replace(
                experiment, **too_wide, test_args={"blur.sigma": 90}
            )
        )


def test_the_tables_have_their_columns(finished):
    run_dir = finished[1]["run_dir"]
    assert [*read(run_dir, "neurons.parquet")] == [
        *("test_transform", "layer", "category_group", "neuron"),
        *("num_images", "num_active_images", "max_activity"),
        "specialisation",
        *("control_shuffled", "control_same_category"),
        *("corrected_invariance", "invariance_coefficient"),
    ]
    assert [*read(run_dir, "layers.csv")] == [
        *("test_transform", "layer", "category_group", "tau", "num_neurons"),
        *("num_never_active", "median_invariance", "mean_specialisation"),
        *("mean_control_shuffled", "mean_corrected_invariance"),
        "mean_invariance",
    ]
    assert [*read(run_dir, "active_counts.csv")] == [
        *("test_transform", "layer", "image"),
        *("num_active_neurons", "num_neurons"),
    ]
    assert [*read(run_dir, "ablation.csv")] == [
        *("test_transform", "layer", "criterion", "value", "ablated"),
        *("image_version", "category_group", "accuracy", "share_ablated"),
    ]
    assert {*read(run_dir, "neurons.parquet").layer} == {"fc6"}
    assert len(read(run_dir, "layers.csv")) == 3 * 21
    assert len(read(run_dir, "active_counts.csv")) == 80


def test_the_tables_are_measured_on_the_saved_model(finished):
    """The weights of the run come back from its files."""
    prepared, model = restore(finished)
    images, labels = prepared.part("test")
    measured = measure_invariance(
        model,
        images,
        tau=0.15,
        labels=labels,
        is_seen=prepared.is_seen,
        seed=3,
    )
    for name, expected in (
        ("neurons.parquet", measured.neurons),
        ("layers.csv", measured.layers),
        ("active_counts.csv", measured.active_counts),
    ):
        found = read(finished[1]["run_dir"], name)
        assert {*found.pop("test_transform")} == {"highpass"}
        pd.testing.assert_frame_equal(
            found, expected, check_dtype=False, rtol=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize("run", ["finished", "tested_on_all"])
def test_ablation_starts_from_the_accuracies_of_the_run(request, run):
    """In the second one with noise, which is that of the accuracies."""
    experiment, summary = request.getfixturevalue(run)
    run_dir = summary["run_dir"]
    accuracies = read(run_dir, "accuracy.csv")
    rows = read(run_dir, "ablation.csv").query("criterion == 'none'")
    versions = {"original": "identity", "transformed": experiment.transform}
    assert len(rows) == 6
    for row in rows.itertuples():
        expected = accuracies[
            (accuracies.test_transform == versions[row.image_version])
            & (accuracies.category_group == row.category_group)
        ].accuracy.item()
        # Both are nan for a group without images.
        np.testing.assert_array_equal(
            [row.accuracy, row.share_ablated], [expected, 0 * expected]
        )


def test_the_summary_holds_the_means_of_the_penultimate_layer(finished):
    _, summary = finished
    neurons = read(summary["run_dir"], "neurons.parquet")
    assert summary["tau"] == 0.15
    for group in ("seen", "unseen", "all"):
        of_group = neurons[neurons.category_group == group]
        mean = np.nanmean(of_group.invariance_coefficient)
        assert summary[f"invariance_{group}"] == pytest.approx(mean)
        assert 0 <= mean <= 1
    saved = read_summary(summary["run_dir"])
    assert saved["invariance_all"] == summary["invariance_all"]


def test_a_run_is_analysed_again_from_the_command_line(
    finished, run_dir, capsys
):
    before = read_summary(run_dir)
    arguments = [run_dir, "--analysis", "layers", "--tau", "auto"]
    assert cli.main(["analyze", *arguments]) == 0
    output = capsys.readouterr().out
    after = read_summary(run_dir)
    rows = read(run_dir, "ablation.csv")
    # Who is specialised depends on tau.
    same = "criterion != 'specialised_percent'"
    first = read(finished[1]["run_dir"], "ablation.csv")
    assert rows.query(same).equals(first.query(same))
    tau = ablation.choose_tau(rows.to_dict("records"))
    assert after["tau"] == tau
    assert f"at tau {tau:g}" in output and run_dir in output
    _, model = restore(finished)
    layers = activations.rectified_layers(model)
    assert [*read(run_dir, "layers.csv").layer.unique()] == layers
    neurons = read(run_dir, "neurons.parquet")
    assert [*neurons.layer.unique()] == layers
    fc6 = neurons.query("layer == 'fc6' and category_group == 'all'")
    mean = fc6.invariance_coefficient.mean()
    assert after["invariance_all"] == pytest.approx(mean)
    with open(os.path.join(run_dir, "config.yaml")) as file:
        settings = yaml.safe_load(file)
    assert (settings["analysis"], settings["tau"]) == ("layers", "auto")
    changed = {"tau", "files", "sha256"} | {
        f"{name}_{group}"
        for name in SUMMARISED
        for group in ("seen", "unseen", "all")
    }
    for name in before.keys() - changed:
        assert after[name] == before[name], name


def test_the_same_analysis_again_gives_the_same_tables(finished, run_dir):
    for name in TABLES:
        os.remove(os.path.join(run_dir, name))
    model_path = os.path.join(run_dir, "model.keras")
    with open(model_path, "rb") as file:
        weights = file.read()
    assert cli.main(["analyze", run_dir]) == 0
    for name in TABLES:
        found, expected = (
            read(path, name) for path in (run_dir, finished[1]["run_dir"])
        )
        pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    with open(model_path, "rb") as file:
        assert file.read() == weights


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["{run_dir}", "--tau", "2"], "from 0 to below 1, or auto"),
        (["{run_dir}", "--tau", "some"], "tau"),
        (["{run_dir}", "--analysis", "none"], "penultimate"),
        (["{run_dir}", "--layers", "fc6"], "Unknown setting"),
        (["{run_dir}/nowhere"], "not the directory of a finished run"),
        ([], "run_dir"),
    ],
)
def test_a_mistake_is_one_line_with_exit_status_2(
    run_dir, capsys, arguments, message
):
    before = read_summary(run_dir)
    arguments = [part.format(run_dir=run_dir) for part in arguments]
    assert cli.main(["analyze", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ") and error.count("\n") == 1
    assert read_summary(run_dir) == before
    assert not os.path.exists(os.path.join(run_dir, "nowhere"))


def test_other_images_are_noticed(run_dir, capsys):
    path = os.path.join(run_dir, "provenance.json")
    with open(path) as file:
        provenance = json.load(file)
    provenance["data"]["fingerprint"] = "other images"
    with open(path, "w") as file:
        json.dump(provenance, file)
    conftest.list_files_again(run_dir)
    assert cli.main(["analyze", run_dir]) == 2
    assert "different images" in capsys.readouterr().err


@pytest.mark.slow
def test_without_analysis_there_are_no_tables(finished, tmp_path):
    experiment = dataclasses.replace(
        finished[0], analysis="none", epochs=1, runs_dir=str(tmp_path)
    )
    summary = run_experiment(experiment)
    assert not {*TABLES} & {*os.listdir(summary["run_dir"])}
    assert "tau" not in summary and "invariance_all" not in summary
    # They can be had later.
    assert cli.main(["analyze", summary["run_dir"]]) == 0
    assert {*TABLES} <= {*os.listdir(summary["run_dir"])}


@pytest.mark.slow
def test_a_done_run_is_measured_again_only_where_it_lacks_measures(
    finished, run_dir
):
    experiment = dataclasses.replace(
        finished[0], runs_dir=os.path.dirname(run_dir)
    )
    again = functools.partial(conftest.is_measured_again, experiment, run_dir)
    assert not again()
    assert not again(analysis="none")
    assert again(analysis="layers")
    assert {*read(run_dir, "neurons.parquet").layer} > {"fc6"}
    assert not again()  # the measures of fc6 are among them
    assert again(tau=0.3)
    assert read_summary(run_dir)["tau"] == 0.3
    assert again(tau=0.3, ablate_layer="conv5")
    assert not again(tau=0.3)
    assert {*read(run_dir, "ablation.csv").layer} == {"fc6", "conv5"}
    # What was measured stays, each time with one measure more.
    assert again(tau=0.3, layer_measures="linear_cka")
    assert again(tau=0.3, layer_measures="decode_categories")
    assert not again(tau=0.3)
    assert not again(tau=0.3, layer_measures="linear_cka")
    assert {*read(run_dir, "ablation.csv").layer} == {"fc6", "conv5"}
    analysed = files.read_json(os.path.join(run_dir, "provenance.json"))
    assert analysed["analysis"]["versions"] == analysed["versions"]
    layers = read(run_dir, "layers.csv")
    for name in ("linear_cka", "decode_categories_transformed"):
        is_own = np.isclose(layers.tau, 0.3)
        for column in (name, f"{name}_low", f"{name}_high", f"{name}_control"):
            assert (layers[column].notna() == is_own).all()
    assert cli.main(["analyze", run_dir, "--ablate_layer", "null"]) == 0
    assert {*read(run_dir, "ablation.csv").layer} == {"fc6"}


@pytest.mark.slow
def test_a_network_with_negative_activity_is_measured_by_default(
    finished, tmp_path
):
    experiment = dataclasses.replace(
        finished[0],
        network="vit_small",
        network_args={"depth": 1, "width": 0.25, "patch": 8},
        epochs=1,
        analysis="layers",
        ablate_layer="block1_mlp1",
        runs_dir=str(tmp_path),
    )
    run_dir = run_experiment(experiment)["run_dir"]
    neurons = read(run_dir, "neurons.parquet")
    assert [*neurons.layer.unique()] == ["block1_mlp1", "global_pool"]
    assert neurons.invariance_coefficient.between(0, 1).any()
    ablation_rows = read(run_dir, "ablation.csv")
    assert {*ablation_rows.layer} == {"block1_mlp1", "global_pool"}
    with open(os.path.join(run_dir, "config.yaml")) as file:
        assert yaml.safe_load(file)["activity"] == "signed"


def test_every_transformation_can_be_tested(tested_on_all):
    rows = read(tested_on_all[1]["run_dir"], "accuracy.csv")
    names = [*rows.test_transform]
    assert names[0] == "identity" and len(names) == 13 * 3
    assert {*names} == {*defaults.TRANSFORMS}


def test_the_invariance_to_every_transformation_can_be_measured(tested_on_all):
    """The noise of the run comes back with its seed."""
    prepared, model = restore(tested_on_all)
    run_dir, tau = (tested_on_all[1][name] for name in ("run_dir", "tau"))
    neurons = read(run_dir, "neurons.parquet")
    images, labels = prepared.part("test")
    for name in ("identity", "rotate90", "white_noise", "salt_pepper"):
        transform = transforms.get(
            name, **config.transform_args("synthfaces", name)
        )
        measured = measure_invariance(
            model,
            images,
            # That of the model itself by default.
            None if name == "white_noise" else transform,
            tau=tau,
            labels=labels,
            is_seen=prepared.is_seen,
            seed=3,
        )
        found = neurons[neurons.test_transform == name].drop(
            columns="test_transform"
        )
        pd.testing.assert_frame_equal(
            found.reset_index(drop=True), measured.neurons, rtol=1e-6
        )
    assert {*neurons.test_transform} == {*defaults.TRANSFORMS}
    assert len(read(run_dir, "layers.csv")) == 13 * 3 * 21


def test_no_group_but_an_empty_one_lacks_a_mean(tested_on_all):
    summary = tested_on_all[1]
    assert np.isnan(summary["within_accuracy"])
    assert np.isnan(summary["invariance_seen"])
    assert read_summary(summary["run_dir"])["within_accuracy"] is None
    assert summary["invariance_unseen"] == summary["invariance_all"]
    rows = read(summary["run_dir"], "ablation.csv").query(
        "image_version == 'original' and category_group == 'all'"
    )
    (whole,) = rows.query("criterion == 'none'").accuracy
    allowed = rows.query(
        "criterion == 'tau' and ablated == 'inactive' "
        "and accuracy >= @whole - 0.01 - 1e-9 and value < 1"
    )
    assert summary["tau"] == allowed.value.max() < 0.95
