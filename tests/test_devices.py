"""Training on several devices is training on one, but for rounding.

As a program, this file trains on one and on two logical CPUs, which must be
made before TensorFlow starts, and writes down what came out.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import read_csv

from invariance_tf import Experiment, transforms
from invariance_tf.commands import cli
from invariance_tf.networks.normalization import BatchNormalization
from invariance_tf.paradigm import pipeline
from invariance_tf.paradigm.model import build
from invariance_tf.runs import experiment, preparation
from invariance_tf.training import devices, fitting, statistics

SMALL = Experiment(
    network="conftest:two_layers_network",
    num_categories=4,
    num_train=12,
    num_test=4,
    image_size=32,
    n_seen=2,
    epochs=3,
    batch_size=8,
)
# Sums are added up in another order, and training makes the difference grow.
ROUNDING = 1e-4


def test_one_device_trains_the_model_itself():
    model = small_model()
    assert devices.mirror(model, 1) is model
    assert not devices.is_mirrored(model)
    assert devices.feed(model, "batches") == "batches"
    devices.check(1)


def test_more_devices_than_there_are_are_refused(capsys, tmp_path):
    command = ["run", "--devices", "2", "--runs_dir", str(tmp_path)]
    assert cli.main(command) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "`devices` must be at most 1" in error and "(cpu:0)" in error
    assert error.endswith("Received: devices=2")
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_counted(monkeypatch):
    found = ["gpu:0", "gpu:1"]
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: found)
    devices.check(2)
    with pytest.raises(ValueError, match=r"at most 2.*\(gpu:0, gpu:1\)"):
        devices.check(3)


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    devices.check(1)
    with pytest.raises(ValueError, match="on TensorFlow .*runs on jax. Rec"):
        devices.check(2)


def test_pytorch_is_for_measuring(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="TensorFlow or JAX.*BACKEND=torch"):
        devices.check(1)


@pytest.mark.parametrize(
    "num_devices, batch_size, first, last, changes",
    [
        (2, 9, 9, 8, {}),
        (3, 64, 44, 44, {}),
        (6, 42, 42, 2, {}),
        # Shares of 2, 2, 2, 2, 0 and 0.
        (6, 12, 12, 8, {}),
        # One of the two steps is of one category.
        (2, 32, 11, 11, {"paradigm": "two_step", "n_seen": 1}),
        (2, 12, 11, 11, {"paradigm": "two_step_head", "n_seen": 3}),
    ],
)
def test_each_device_must_have_its_share(
    num_devices, batch_size, first, last, changes
):
    """Of 48 images 4 are held out, one of each category."""
    uneven = dataclasses.replace(
        SMALL, devices=num_devices, batch_size=batch_size, **changes
    )
    sizes = f"A batch has {first} images and the last of an epoch has {last};"
    with pytest.raises(ValueError, match=sizes):
        preparation.check(uneven)
    even = dataclasses.replace(SMALL, devices=4)
    assert preparation.check(even)[0].devices == 4


def test_no_device_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1. Received: devices=0"):
        Experiment(devices=0).resolve()


def test_a_run_has_the_same_name_on_any_number_of_devices():
    names = {Experiment(devices=n).resolve().name() for n in (1, 2, 8)}
    assert names == {Experiment().resolve().name()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What this file writes as a program."""
    directory = tmp_path_factory.mktemp("devices")
    done = subprocess.run(
        [sys.executable, __file__], cwd=directory, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-5000:]
    return json.loads((directory / "found.json").read_text()), directory


@pytest.mark.slow
def test_two_devices_have_the_loss_curve_of_one(trained):
    """The last batch has 13 images, so that the shares are unequal."""
    curves = trained[0]["curves"]
    for column in ("loss", "cross_entropy", "accuracy", "learning_rate"):
        assert curves["two"][column] == pytest.approx(
            curves["one"][column], rel=ROUNDING
        ), column


@pytest.mark.slow
def test_two_devices_end_in_the_weights_of_one(trained):
    """Also in the moving means and variances."""
    differences = trained[0]["differences"]
    for path, difference in differences["two"].items():
        # Offsets start at 0 and consist of a few gradients, whose sums cancel:
        # how far rounding takes them depends on the processor. Statistics of
        # each device alone take them farther than they are large.
        limit = differences["alone"][path] / 20
        assert difference < max(10 * ROUNDING, limit), path


@pytest.mark.slow
def test_statistics_of_each_device_alone_would_be_others(trained):
    """Or the tests above would not notice."""
    found = trained[0]["differences"]
    paths = [path for path in found["two"] if "moving" in path]
    assert len(paths) == 4
    two, alone = (
        max(found[key][path] for path in paths) for key in ("two", "alone")
    )
    assert alone > 10 * two


@pytest.mark.slow
def test_each_device_draws_noise_and_dropout_of_its_own(trained):
    for name, (one, first, second) in trained[0]["draws"].items():
        # The first one draws what one device would for the same images.
        assert first == one, name
        assert second != first, name
    assert trained[0]["draws"].keys() == {"transform", "both", "dropout"}


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_devices(trained):
    found, directory = trained
    assert found["interrupted"] == 1
    whole, resumed = (
        next((directory / name).iterdir()) for name in ("one", "two")
    )
    assert whole.name == resumed.name
    for name in ("history.csv", "accuracy.csv"):
        rows = zip(
            read_csv(whole / name), read_csv(resumed / name), strict=True
        )
        for left, right in rows:
            numbers = {"cross_entropy", "accuracy"} & left.keys()
            assert numbers
            for key in numbers:
                assert float(right[key]) == pytest.approx(
                    float(left[key]), rel=1e-4
                )
    assert len(read_csv(resumed / "history.csv")) == SMALL.epochs


@pytest.mark.slow
def test_a_run_of_two_devices_is_measured_on_one(trained):
    (run_dir,) = (trained[1] / "two").iterdir()
    model = keras.models.load_model(run_dir / "model.keras")
    assert not devices.is_mirrored(model)
    summary = experiment.analyse_again(str(run_dir), trust=True, tau=0.2)
    assert summary["tau"] == 0.2
    settings = (run_dir / "config.yaml").read_text()
    assert "devices: 2\n" in settings


@pytest.mark.slow
def test_two_steps_on_two_devices_end_in_the_weights_of_one(trained):
    """The second step begins with the statistics estimated after the first."""
    one, two = (
        keras.models.load_model(next((trained[1] / name).glob("*/model.keras")))
        for name in ("head_one", "head_two")
    )
    for weight, left, right in zip(
        one.weights, one.get_weights(), two.get_weights(), strict=True
    ):
        np.testing.assert_allclose(
            right, left, rtol=0.01, atol=10 * ROUNDING, err_msg=weight.path
        )


def normalised_network(images, num_categories, weight_decay):
    """Two convolutions, each with batch normalisation; one in a model."""
    x = images
    for number in (1, 2):
        x = keras.layers.Conv2D(
            *(8, 3, 2),
            use_bias=False,
            kernel_regularizer=keras.regularizers.L2(weight_decay / 2),
            name=f"conv{number}",
        )(x)
        norm = BatchNormalization(name=f"norm{number}")
        x = (norm if number == 1 else keras.Sequential([norm]))(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.layers.Dense(num_categories, name="logits")(x)


def small_model():
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    return build(
        normalised_network,
        transforms.get("highpass"),
        32,
        4,
        weight_decay=1e-3,
    )


def train(model, path):
    """Trains a model; returns its history, column by column."""
    generator = np.random.default_rng(0)
    labels = np.arange(45) % 4
    images = generator.integers(0, 100, (45, 32, 32, 3)).astype("uint8")
    images[..., 0] += (50 * labels).astype("uint8")[:, None, None]

    def make_batches(first_epoch):
        return pipeline.training_batches(
            images,
            labels,
            np.array([True, True, False, False]),
            batch_size=16,
            seed=0,
            first_epoch=first_epoch,
        )

    fitting.compile_model(model, 0.01, steps_per_epoch=3)
    history = fitting.fit(model, make_batches, 3, 3, 0, path)
    return {column: [row[column] for row in history] for column in history[0]}


def compare(found):
    """Trains on one and on two devices, and with statistics of shares."""
    one = small_model()
    two, alone = devices.mirror(one, 2), devices.mirror(one, 2)
    for layer in statistics.norm_layers(alone):
        layer.synchronized = False
    models = {"one": one, "two": two, "alone": alone}
    found["curves"] = {
        key: train(model, f"{key}.npz") for key, model in models.items()
    }
    found["differences"] = {
        key: {
            weight.path: float(np.abs(left - right).max() / np.abs(left).max())
            for weight, left, right in zip(
                one.weights, one.get_weights(), model.get_weights(), strict=True
            )
            if left.any()
        }
        for key, model in models.items()
    }


def draw(found):
    """Draws noise and dropout on one device, and on each of two."""
    image = keras.Input((4, 4, 3))
    flag = keras.Input((), dtype="bool")
    layer = transforms.get("white_noise", std=9.0, name="transform")
    noise = layer(image, flag)
    both = transforms.get("grayscale+white_noise", name="both")(image, flag)
    dropout = keras.layers.Dropout(0.5, name="dropout")(noise)
    one = keras.Model([image, flag], [noise, both, dropout])
    two = devices.mirror(one, 2)
    values = np.ones((2, 4, 4, 3), "float32")
    for layer, inputs in {
        "transform": (values, np.ones(2, bool)),
        "both": (values, np.ones(2, bool)),
        "dropout": (values,),
    }.items():
        for model in (one, two):
            devices.reseed(model, 7, 1)
        alone = one.get_layer(layer)(*inputs, training=True)
        strategy = two.distribute_strategy
        each = strategy.experimental_local_results(
            tf.function(strategy.run)(
                two.get_layer(layer), inputs, {"training": True}
            )
        )
        drawn = [value.numpy().ravel().tolist() for value in (alone, *each)]
        found["draws"][layer] = drawn


def resume(found):
    """Trains on one device as a whole, and on one and then on two."""
    one = dataclasses.replace(SMALL, runs_dir="one")
    experiment.run(one)

    class Interruption(experiment.EventLog):
        def scalars(self, values, step):
            if step == 2:
                raise KeyboardInterrupt

    whole_log, experiment.EventLog = experiment.EventLog, Interruption
    try:
        experiment.run(dataclasses.replace(SMALL, runs_dir="two"))
    except KeyboardInterrupt:
        found["interrupted"] = len(list(pathlib.Path("two").glob("*/*.npz")))
    experiment.EventLog = whole_log
    experiment.run(dataclasses.replace(SMALL, runs_dir="two", devices=2))


def train_in_steps():
    """Trains in two steps, the second of the last layer, on one and on two."""
    for name, num_devices in (("head_one", 1), ("head_two", 2)):
        experiment.run(
            dataclasses.replace(
                SMALL,
                network="test_devices:normalised_network",
                paradigm="two_step_head",
                devices=num_devices,
                analysis="none",
                runs_dir=name,
            )
        )


def main():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    found = {"draws": {}}
    compare(found)
    draw(found)
    resume(found)
    train_in_steps()
    with pytest.raises(ValueError, match="a new process. Received: devices=3"):
        devices.mirror(small_model(), 3)
    pathlib.Path("found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
