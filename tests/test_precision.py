"""Networks that compute in bfloat16, and what stays in float32."""

import dataclasses
import math
import os

import conftest
import keras
import numpy as np
import pytest
from conftest import read_csv

from invariance_tf import Experiment, networks, transforms
from invariance_tf.measures import evaluation
from invariance_tf.measures.responses import Responses
from invariance_tf.paradigm.model import build
from invariance_tf.runs import experiment, preparation
from invariance_tf.settings import defaults
from invariance_tf.training import precision

SMALL = Experiment(
    network="two_layers",
    num_categories=4,
    num_train=10,
    num_test=3,
    image_size=32,
    n_seen=2,
    epochs=2,
    batch_size=8,
    precision="mixed_bfloat16",
    analysis="layers",
    ablate_layer="conv5",
)
EXACT = dataclasses.replace(SMALL, precision="float32")

pytestmark = pytest.mark.usefixtures("two_layers")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small experiment in bfloat16, prepared and done."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        prepared = preparation.prepare(
            dataclasses.replace(SMALL, runs_dir=runs_dir)
        )
        return prepared, experiment.run_prepared(prepared)


@pytest.mark.parametrize("name", defaults.NETWORKS)
def test_only_the_network_before_its_logits_computes_in_bfloat16(name):
    model = build(
        networks.get(name),
        "highpass",
        32,
        4,
        precision="mixed_bfloat16",
    )
    computed = {layer.name: layer.compute_dtype for layer in model.layers[2:]}
    for layer in ("transform", "standardize", "logits"):
        assert computed.pop(layer) == "float32"
    assert {*computed.values()} == {"bfloat16"}
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_the_precision_of_a_run_is_not_that_of_the_next():
    preparation.prepare(SMALL)
    assert keras.config.dtype_policy().name == "float32"
    model = preparation.prepare(EXACT).model
    assert model.get_layer("conv5").compute_dtype == "float32"


def test_the_precision_is_given_back_after_an_error():
    def network(images, num_categories):
        raise ValueError(keras.config.dtype_policy().name)

    with pytest.raises(ValueError, match="mixed_bfloat16"):
        build(
            network,
            transforms.get("identity"),
            32,
            4,
            precision="mixed_bfloat16",
        )
    assert keras.config.dtype_policy().name == "float32"


def test_a_run_in_float32_heeds_no_policy_of_the_process():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = preparation.prepare(EXACT).model
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("conv5").compute_dtype == "float32"


def test_the_precision_is_part_of_a_run_only_where_it_is_another():
    plain = Experiment().resolve()
    assert Experiment(precision="float32").resolve().name() == plain.name()
    other = Experiment(precision="mixed_bfloat16").resolve()
    assert other.name() != plain.name()


def test_the_saved_model_predicts_what_the_trained_one_does(finished):
    prepared, summary = finished
    images, labels = prepared.part("test")
    loaded = keras.models.load_model(
        os.path.join(summary["run_dir"], "model.keras")
    )
    assert loaded.get_layer("conv5").compute_dtype == "bfloat16"
    flags = np.arange(len(images)) % 2 == 0
    inputs = {"image": images, "is_transformed": flags}
    trained, again = (
        model.predict(inputs, verbose=0) for model in (prepared.model, loaded)
    )
    assert trained.dtype == np.float32
    assert np.array_equal(trained, again)
    predicted = evaluation.predict_labels(
        evaluation.classifier(loaded),
        images,
        labels,
        transforms.get("identity"),
    )
    assert summary["clean_accuracy"] == np.mean(predicted == labels)


def test_activities_are_float32_numbers_that_bfloat16_has(finished):
    prepared, _ = finished
    images, labels = prepared.part("test")
    responses = Responses(
        prepared.model, images, ["conv5", "fc6"], labels=labels
    )
    for _, layers in responses:
        for pair in layers:
            for activity in pair:
                assert activity.dtype == np.float32
                # The last 16 bits are what bfloat16 lacks.
                assert not (activity.view(np.uint32) & 0xFFFF).any()
                assert activity.any()


def test_every_measure_of_a_run_is_a_number(finished):
    run_dir = finished[1]["run_dir"]
    for name in ("layers.csv", "ablation.csv", "accuracy.csv"):
        rows = read_csv(run_dir, name)
        assert rows
        shares = [
            float(value)
            for row in rows
            for column, value in row.items()
            if column.startswith(("accuracy", "share"))
        ]
        assert all(0 <= share <= 1 for share in shares), name


def test_ablating_nothing_costs_nothing(finished):
    """Two ways to the logits, of which one is by NumPy in float32."""
    run_dir = finished[1]["run_dir"]
    whole = {
        (row["image_version"], row["category_group"]): row["accuracy"]
        for row in read_csv(run_dir, "ablation.csv")
        if row["criterion"] == "none"
    }
    assert len(whole) == 6
    for row in read_csv(run_dir, "accuracy.csv"):
        is_original = row["test_transform"] == "identity"
        version = "original" if is_original else "transformed"
        assert whole[version, row["category_group"]] == row["accuracy"]


@pytest.mark.slow
def test_the_network_learns_as_well_as_in_float32(tmp_path):
    """Within three standard errors of the difference of two accuracies.

    Across-category accuracy is left out: it varies far more from one training
    to another than by the choice of test images.
    """
    settings = Experiment(
        dataset="digits",
        network="alexnet_small",
        network_args={"width": 0.5},
        image_size=24,
        epochs=3,
        analysis="none",
        runs_dir=str(tmp_path),
    )
    exact, rounded = (
        experiment.run(dataclasses.replace(settings, precision=precision))
        for precision in ("float32", "mixed_bfloat16")
    )
    for name, num_images in (("clean_accuracy", 500), ("within_accuracy", 250)):
        share = (exact[name] + rounded[name]) / 2
        error = math.sqrt(2 * share * (1 - share) / num_images)
        assert abs(exact[name] - rounded[name]) < 3 * error + 1e-9, name
    assert exact["clean_accuracy"] > 0.5


@pytest.mark.parametrize(
    "asked, gain, chosen, is_warned",
    [
        ("float32", None, "float32", False),
        ("mixed_bfloat16", 0.5, "mixed_bfloat16", True),
        ("mixed_bfloat16", 1.7, "mixed_bfloat16", False),
        ("auto", 0.5, "float32", False),
        ("auto", 1.1, "float32", False),
        ("auto", 1.7, "mixed_bfloat16", False),
    ],
)
def test_the_precision_follows_a_measurement(
    monkeypatch, caplog, asked, gain, chosen, is_warned
):
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: gain)
    assert precision.choose_precision(asked) == chosen
    assert ("slows training down" in caplog.text) == is_warned


def test_a_run_is_named_by_the_precision_that_was_chosen(monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: 1.7)
    automatic = dataclasses.replace(SMALL, precision="auto")
    assert preparation.check(automatic)[0].name() == (
        preparation.check(SMALL)[0].name()
    )


def test_the_faster_format_is_found_by_training(monkeypatch):
    """A step in bfloat16 that takes twenty times as long is found out."""
    make_step = precision._make_step

    def make_slow_step(dtype, num_images):
        step = make_step("float32", num_images)
        times = 1 if dtype == "float32" else 20
        return lambda: [step() for _ in range(times)]

    monkeypatch.setattr(precision, "_make_step", make_slow_step)
    precision.bfloat16_gain.cache_clear()
    try:
        assert precision.bfloat16_gain() < 0.2
        assert precision.bfloat16_gain() == precision.bfloat16_gain()
    finally:
        precision.bfloat16_gain.cache_clear()
