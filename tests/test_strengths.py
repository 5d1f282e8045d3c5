"""Accuracies and invariance at other strengths than the trained one."""

import dataclasses
import functools
import os

import conftest
import keras
import numpy as np
import pandas as pd
import pytest

from invariance_tf import load_runs, measure_invariance, transforms
from invariance_tf import run as run_experiment
from invariance_tf.commands import cli
from invariance_tf.commands.parsing import SETTINGS, Arguments
from invariance_tf.commands.run import RunOptions
from invariance_tf.drawing import draw_strengths
from invariance_tf.measures import evaluation
from invariance_tf.run_files import find_finished
from invariance_tf.runs import preparation, strengths
from invariance_tf.runs.experiment import analyse_again
from invariance_tf.runs.sweep import plan
from invariance_tf.settings import defaults
from invariance_tf.settings.config import Experiment
from invariance_tf.settings.strengths import strength_of

pytestmark = pytest.mark.usefixtures("two_layers")


@pytest.fixture(scope="module")
def tested(finished, tmp_path_factory):
    """A run that was trained with noise and tested with less and more."""
    experiment = dataclasses.replace(
        finished[0],
        transform="salt_pepper",
        transform_args={"amount": 0.4},
        test_strengths=[0.9, 0.1],
        runs_dir=str(tmp_path_factory.mktemp("strengths")),
    )
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        return experiment, run_experiment(experiment)


def read(tested, name):
    return pd.read_csv(os.path.join(tested[1]["run_dir"], name))


def restore(tested):
    prepared = preparation.prepare(tested[0])
    path = os.path.join(tested[1]["run_dir"], "model.keras")
    return dataclasses.replace(prepared, model=keras.models.load_model(path))


def test_the_trained_strength_is_tested_as_in_the_run(tested):
    table = read(tested, "strengths.csv")
    assert [*table.strength] == 3 * [0.1] + 3 * [0.4] + 3 * [0.9]
    assert {*table.parameter} == {"amount"}
    trained = table[table.is_trained].set_index("category_group")
    assert {*trained.strength} == {0.4} and len(trained) == 3
    accuracy = read(tested, "accuracy.csv").set_index("category_group")
    accuracy = accuracy[accuracy.test_transform == "salt_pepper"]
    layers = read(tested, "layers.csv").set_index("category_group")
    layers = layers[layers.tau == 0.15]
    for group in ("seen", "unseen", "all"):
        row = trained.loc[group]
        assert row.num_images == accuracy.num_images[group]
        assert row.accuracy == pytest.approx(accuracy.accuracy[group])
        assert row.lower < row.accuracy < row.upper
        for name in ("mean_invariance", "mean_corrected_invariance"):
            assert row[name] == pytest.approx(layers[name][group])


def test_other_strengths_are_those_of_the_transformation(tested):
    prepared = restore(tested)
    images, labels = prepared.part("test")
    table = read(tested, "strengths.csv").set_index(
        ["strength", "category_group"]
    )
    for amount in (0.1, 0.9):
        transform = transforms.get("salt_pepper", amount=amount)
        predicted = evaluation.predict_labels(
            evaluation.classifier(prepared.model), images, labels, transform, 3
        )
        is_seen = prepared.is_seen[labels]
        expected = np.mean(predicted[is_seen] == labels[is_seen])
        assert table.accuracy[amount, "seen"] == pytest.approx(expected)
        measured = measure_invariance(
            prepared.model,
            images,
            transform,
            labels=labels,
            tau=0.15,
            seed=3,
            verbose=0,
        )
        expected = measured.layers.query("tau == 0.15").mean_invariance
        assert table.mean_invariance[amount, "all"] == pytest.approx(
            expected.item()
        )


def test_the_network_is_traced_once_for_all_strengths(tested, tmp_path):
    prepared = dataclasses.replace(restore(tested), run_dir=str(tmp_path))
    layer, traces = prepared.model.get_layer("conv5"), []
    call = layer.call

    @functools.wraps(call)
    def traced(*args, **kwargs):
        traces.append(args)
        return call(*args, **kwargs)

    vars(layer)["call"] = traced

    def count_traces(*amounts):
        experiment = dataclasses.replace(
            prepared.experiment, test_strengths=amounts
        )
        traces.clear()
        strengths.measure_strengths(
            dataclasses.replace(prepared, experiment=experiment), 0.1
        )
        return len(traces)

    assert count_traces(0.2) > 0
    assert count_traces(0.3, 0.5, 0.6, 0.7) == 0


def test_the_picture_marks_the_trained_strength(tested):
    assert find_finished(tested[1]["run_dir"]).has("strengths.png")
    rows = read(tested, "strengths.csv").to_dict("records")
    figure = draw_strengths(rows, "salt_pepper")
    assert [axes.get_xlabel() for axes in figure.axes] == 2 * [
        "amount (share of the pixels)"
    ]
    for axes, column in zip(
        figure.axes, ("accuracy", "mean_invariance"), strict=True
    ):
        lines = {line.get_label(): line for line in axes.lines}
        assert lines["trained: 0.4"].get_xdata()[0] == 0.4
        for group in ("seen", "unseen"):
            expected = [r[column] for r in rows if r["category_group"] == group]
            drawn = lines[f"{group} categories"].get_ydata()
            np.testing.assert_allclose(drawn, expected)


@pytest.mark.slow
def test_strengths_of_a_finished_run_are_measured_on_demand(tested):
    experiment, summary = tested
    run_dir = summary["run_dir"]
    again = functools.partial(conftest.is_measured_again, experiment, run_dir)
    assert not again()
    assert not again(test_strengths=())
    assert len(load_runs(experiment.runs_dir).strengths) == 9
    # All that the run has is measured at the other tau.
    before = read(tested, "strengths.csv")
    assert again(test_strengths=(), tau=0.2)
    after = read(tested, "strengths.csv")
    assert [*after.strength] == [*before.strength]
    assert not after.mean_invariance.equals(before.mean_invariance)
    analyse_again(run_dir, test_strengths=[])
    assert not find_finished(run_dir).has("strengths.csv")
    assert not len(load_runs(experiment.runs_dir).strengths)
    arguments = ["--test_strengths", "0.9", "0.1", "--tau", "0.15"]
    assert cli.main(["analyze", run_dir, *arguments]) == 0
    assert len(read(tested, "strengths.csv")) == 9
    assert not again()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"transform": "highpass"}, "number.*Received: transform=highpass"),
        ({"analysis": "none"}, "Strengths are tested when.*analysis=none"),
        ({"test_strengths": [2.0, 0.0]}, "must be positive. .*sigma=0"),
        ({"test_strengths": [50.0]}, "`sigma` is at most.*sigma=50"),
    ],
)
def test_a_strength_that_cannot_be_tested_is_refused_before_training(
    finished, changes, message
):
    chosen = {"transform": "blur", "test_strengths": [2.0], **changes}
    with pytest.raises(ValueError, match=message):
        preparation.prepare(dataclasses.replace(finished[0], **chosen))


def test_strengths_are_several_numbers_everywhere(tmp_path):
    parser = Arguments(RunOptions, "run", settings=SETTINGS)
    arguments = ["--transform", "blur", "--test_strengths", "1", "2", "3.5"]
    _, settings = parser.parse(arguments)
    assert settings["test_strengths"] == [1, 2, 3.5]
    with pytest.raises(ValueError, match="`test_strengths` must be a number"):
        parser.parse(["--test_strengths", "much"])
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "base: {transform: blur, test_strengths: [1, 2]}\n"
        "grid: {n_seen: [4, 8]}\n"
    )
    first, second = plan.read_sweep(path)
    assert first.test_strengths == second.test_strengths == [1.0, 2.0]
    path = tmp_path / "config.yaml"
    path.write_text("transform: blur\ntest_strengths: [1, 2]\n")
    _, settings = parser.parse(["--config", str(path)])
    assert settings["test_strengths"] == [1, 2]


def test_the_strength_is_the_first_number_among_the_arguments():
    found = {}
    for name in defaults.TRANSFORMS:
        try:
            found[name] = strength_of(name)
        except ValueError:
            continue
    assert found == {
        "blur": "sigma",
        "white_noise": "std",
        "salt_pepper": "amount",
        "rotate90": "angle",
        "rotate180": "angle",
        "thinning": "factor",
    }


@pytest.mark.parametrize("name", ["rotate90", "rotate180", "thinning"])
def test_a_run_at_the_strength_of_the_paper_has_its_former_name(name):
    experiment = Experiment(transform=name).resolve()
    assert experiment.transform_args != {}
    former = dataclasses.replace(experiment, transform_args={})
    assert experiment.name() == former.name()
    (argument,) = experiment.transform_args
    other = dataclasses.replace(experiment, transform_args={argument: 3.0})
    assert other.name() != former.name()
