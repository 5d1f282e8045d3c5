"""The recipe of the paper, and training that survives interruptions."""

import json
import logging
import math
import re

import keras
import numpy as np
import pytest
from keras import ops

from invariance_tf import files, transforms
from invariance_tf.paradigm.model import build
from invariance_tf.training import (
    estimate_statistics,
    fitting,
    is_short,
    learning,
)


def test_weight_decay_is_inside_the_gradient_with_momentum():
    """With one category the cross-entropy is 0, and only decay is left."""
    weight_decay, learning_rate, momentum = 0.2, 0.5, 0.9
    image = keras.Input((1,))
    regularizer = keras.regularizers.L2(weight_decay / 2)
    layer = keras.layers.Dense(
        1, use_bias=False, kernel_regularizer=regularizer
    )
    model = keras.Model(image, layer(image))
    fitting.compile_model(model, learning_rate, momentum)
    layer.kernel.assign([[3.0]])
    weight, velocity = 3.0, 0.0
    for _ in range(3):
        model.train_on_batch(np.ones((2, 1)), np.zeros(2, "int32"))
        velocity = momentum * velocity - learning_rate * weight_decay * weight
        weight += velocity
        assert float(layer.kernel[0, 0]) == pytest.approx(weight, rel=1e-6)


def test_the_constant_schedule_is_the_learning_rate():
    assert fitting.make_schedule("constant", 1e-4, 45, 100) == 1e-4


def test_the_cosine_schedule_falls_to_2_percent():
    schedule = fitting.make_schedule("cosine", 0.5, 10, 20)
    rates = [float(schedule(step)) for step in (0, 100, 200)]
    assert rates == pytest.approx([0.5, 0.255, 0.01])


def test_the_resnet_schedule_at_its_corners():
    steps = 100
    schedule = fitting.make_schedule("resnet", 0.016, 90, steps)
    expected = {
        0: 0.0,
        1: 0.016 / 500,
        250: 0.008,
        500: 0.016,
        30 * steps - 1: 0.016,
        30 * steps: 0.0016,
        60 * steps - 1: 0.0016,
        60 * steps: 1.6e-4,
        80 * steps: 1.6e-5,
        90 * steps - 1: 1.6e-5,
        90 * steps: 1.6e-6,
    }
    for step, rate in expected.items():
        assert float(schedule(step)) == pytest.approx(rate, rel=1e-4), step


def test_the_resnet_schedule_ends_a_short_training_at_a_low_rate():
    schedule = fitting.make_schedule("resnet", 1.0, 9, 100)
    rates = [float(schedule(step)) for step in (25, 50, 299, 300, 600, 899)]
    assert rates == pytest.approx([0.5, 1, 1, 0.1, 0.01, 0.001], rel=1e-4)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="constant, cosine or resnet"):
        fitting.make_schedule("linear", 0.1, 1, 1)


def network(images, num_categories):
    """A small network with everything that is random: noise and dropout."""
    hidden = keras.layers.Flatten()(images)
    hidden = keras.layers.Dense(16, activation="relu")(hidden)
    hidden = keras.layers.Dropout(0.5)(hidden)
    return keras.layers.Dense(num_categories, name="logits")(hidden)


def make_model(learning_rate=0.05, std=80.0):
    keras.utils.clear_session()
    keras.utils.set_random_seed(5)
    transform = transforms.get("white_noise", std=std)
    model = build(network, transform, 8, 3)
    fitting.compile_model(model, learning_rate)
    return model


def make_batches(first_epoch):
    """Batches that depend on the epoch alone; ten of them are an epoch."""
    epoch = first_epoch
    while True:
        generator = np.random.default_rng(epoch)
        for _ in range(10):
            label = generator.integers(0, 3, 8).astype("int32")
            image = generator.integers(0, 256, (8, 8, 8, 3)).astype("uint8")
            flag = generator.random(8) < 0.5
            yield {"image": image, "is_transformed": flag}, label
        epoch += 1


def fit(model, path, epochs=4, batches=make_batches, **options):
    options = {"seed": 11, **options}
    return fitting.fit(
        model,
        batches,
        steps_per_epoch=10,
        epochs=epochs,
        checkpoint_path=path,
        **options,
    )


def values(model):
    """The weights of a model as arrays."""
    return [
        keras.ops.convert_to_numpy(keras.ops.copy(weight))
        for weight in model.trainable_weights
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Checkpoint, history and weights of a training without interruption."""
    path = tmp_path_factory.mktemp("whole") / "whole.npz"
    model = make_model()
    return path, fit(model, path), values(model)


class Interruption(Exception):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("interrupted_at", [2, 13, 39])
def test_a_resumed_training_ends_in_the_same_bits(
    whole, tmp_path, interrupted_at
):
    def interrupted_batches(first_epoch):
        for step, batch in enumerate(make_batches(first_epoch)):
            if step == interrupted_at:
                raise Interruption("Interruption")
            yield batch

    _, history, weights = whole
    path = tmp_path / "interrupted.npz"
    # TensorFlow passes the message on in an error of its own.
    with pytest.raises(Exception, match="Interruption"):
        fit(make_model(), path, batches=interrupted_batches)
    resumed = make_model()
    resumed_history = fit(resumed, path)
    for left, right in zip(weights, values(resumed), strict=True):
        assert np.array_equal(left, right)
    for left, right in zip(history, resumed_history, strict=True):
        assert left["loss"] == right["loss"]
        assert left["epoch"] == right["epoch"]


def test_another_seed_drops_out_other_neurons(tmp_path):
    models = [make_model(), make_model()]
    for seed, model in enumerate(models):
        fit(model, tmp_path / f"{seed}.npz", epochs=1, seed=seed)
    assert not np.array_equal(*(values(model)[0] for model in models))


def test_a_finished_training_is_not_trained_again(whole):
    path, history, _ = whole
    assert fit(make_model(), path) == history


def test_the_history_has_what_validate_returns_and_is_recorded(tmp_path):
    recorded = []
    history = fit(
        make_model(),
        tmp_path / "a.npz",
        epochs=2,
        validate=lambda: {"validation_accuracy": 0.25},
        record=lambda rows: recorded.append(len(rows)),
    )
    assert recorded == [1, 2]
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["validation_accuracy"] == 0.25
    assert history[1]["learning_rate"] == pytest.approx(0.05)
    assert 0 < history[1]["seconds"] < 60
    json.dumps(history, allow_nan=False)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        fit(make_model(learning_rate=1e30), path)
    assert not path.exists()


@pytest.fixture
def short_windows(monkeypatch):
    """Looks every 10 steps, and gives up after 20."""
    monkeypatch.setattr(learning, "WINDOW", 10)
    monkeypatch.setattr(learning, "PATIENCE", 20)


def watch(must_learn=False, record=None):
    """Returns what makes a watch over three categories and batches of 8."""
    return lambda history, state=None: learning.LearningWatch(
        *(np.full(3, 1 / 3), 8, history, must_learn, record, state),
        advice=learning.advise({}),
    )


def learnable_batches(first_epoch):
    """Batches in which the category is the brightness."""
    generator = np.random.default_rng(first_epoch)
    while True:
        label = generator.integers(0, 3, 8).astype("int32")
        image = np.zeros((8, 8, 8, 3), "uint8")
        # Standardisation leaves where it is bright, not how bright it is.
        image[np.arange(8), label] = 255
        yield {"image": image, "is_transformed": np.zeros(8, bool)}, label


@pytest.mark.usefixtures("short_windows")
def test_a_training_at_chance_is_pointed_out_early(tmp_path, caplog):
    model = make_model(learning_rate=1e-12, std=1.0)
    history = fit(model, tmp_path / "a", epochs=5, watch=watch())
    warnings = [text for text in caplog.messages if "Still at chance" in text]
    # At 20 steps and at twice as many.
    assert [int(re.search(r"step (\d+)", t)[1]) for t in warnings] == [20, 40]
    assert f"(chance {math.log(3):.3f})" in warnings[0]
    assert "--learning_rate" in warnings[0]
    assert math.isnan(history[-1]["learned_at_step"])


@pytest.mark.parametrize("initializer", ["alexnet", "glorot"])
def test_the_default_initializer_is_advised_only_where_it_is_another(
    initializer,
):
    advice = learning.advise({"initializer": initializer})
    assert "--network_args.initializer he;" in advice
    for network_args in ({}, {"initializer": "he", "width": 0.5}):
        advice = learning.advise(network_args)
        assert "higher --learning_rate or more --epochs" in advice
        assert "initializer" not in advice


@pytest.mark.usefixtures("short_windows")
def test_a_training_that_must_learn_ends_at_chance(tmp_path):
    model = make_model(learning_rate=1e-12, std=1.0)
    path = tmp_path / "a.npz"
    with pytest.raises(learning.NotLearningError, match="at step 20"):
        fit(model, path, epochs=5, watch=watch(must_learn=True))
    # What was reached is kept, and a resumed training ends again.
    assert path.exists()
    with pytest.raises(learning.NotLearningError):
        fit(make_model(1e-12), path, epochs=5, watch=watch(must_learn=True))


def test_a_resumed_training_looks_where_the_whole_one_does(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(learning, "WINDOW", 15)
    monkeypatch.setattr(learning, "PATIENCE", 20)
    path, seen = tmp_path / "a.npz", []
    for _ in range(3):
        must_learn = watch(True, lambda values, step: seen.append(step))
        with pytest.raises(learning.NotLearningError, match="step 30: cross"):
            fit(make_model(1e-12), path, epochs=3, watch=must_learn)
    assert seen == [15, 30, 30, 30]
    # Once it goes on, it has been found at chance for good.
    fit(make_model(1e-12), path, epochs=3, watch=watch())
    with pytest.raises(learning.NotLearningError, match="chance at step 30. "):
        fit(make_model(1e-12), path, epochs=3, watch=watch(must_learn=True))


@pytest.mark.usefixtures("short_windows")
def test_a_training_that_learns_says_at_which_step(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path, options = tmp_path / "a.npz", {"batches": learnable_batches}
    model = make_model(learning_rate=0.02)
    history = fit(model, path, 3, watch=watch(must_learn=True), **options)
    steps = [row["learned_at_step"] for row in history]
    assert steps[-1] in (10.0, 20.0)
    assert caplog.text.count("Above chance") == 1
    history = fit(make_model(0.02), path, 4, watch=watch(), **options)
    assert history[-1]["learned_at_step"] == steps[-1]
    assert caplog.text.count("Above chance") == 1


def test_windows_across_epochs_are_means_of_their_steps(monkeypatch):
    monkeypatch.setattr(learning, "WINDOW", 15)
    seen = []
    callback = watch(
        record=lambda values, step: seen.append(
            (step, values["by_step/cross_entropy"], values["by_step/accuracy"])
        )
    )([])
    callback.set_params({"steps": 10})
    losses, hits = np.random.default_rng(0).random((2, 4, 10))
    for epoch in range(4):
        callback.on_epoch_begin(epoch)
        for batch in range(10):
            # As Keras does: means since the epoch began.
            logs = {
                "cross_entropy": losses[epoch, : batch + 1].mean(),
                "accuracy": hits[epoch, : batch + 1].mean(),
            }
            callback.on_train_batch_end(batch, logs)
        callback.on_epoch_end(epoch, logs)
    assert [step for step, _, _ in seen] == [15, 30]
    for row, window in zip(seen, (slice(15), slice(15, 30)), strict=True):
        means = losses.ravel()[window].mean(), hits.ravel()[window].mean()
        assert row[1:] == pytest.approx(means)


@pytest.mark.parametrize(
    ("cross_entropy", "accuracy", "is_above"),
    [
        (math.log(26), 1 / 26, False),
        (0.99 * math.log(26), 1 / 26, False),
        (0.97 * math.log(26), 1 / 26, True),
        # Three and five standard errors of 8,000 images.
        (3.5, 1 / 26 + 3 * 0.00215, False),
        (3.5, 1 / 26 + 5 * 0.00215, True),
    ],
)
def test_above_chance_is_2_percent_or_4_standard_errors(
    cross_entropy, accuracy, is_above
):
    shares = np.full(26, 1 / 26)
    found = learning.is_above_chance(cross_entropy, accuracy, 8000, shares)
    assert found == is_above


def test_a_single_category_is_learned():
    """Its chance is to be always right."""
    assert learning.is_above_chance(1e-6, 1.0, 8000, [0.0, 1.0, 0.0])


def test_chance_follows_the_most_common_category():
    entropy, accuracy = learning.chance_level([0.5, 0.25, 0.25, 0.0])
    assert entropy == pytest.approx(1.5 * math.log(2))
    assert accuracy == 0.5


def test_statistics_are_the_mean_over_batches_of_the_final_weights():
    image = keras.Input((2,))
    layer = keras.layers.BatchNormalization(momentum=0.997)
    model = keras.Model(image, layer(image))
    generator = np.random.default_rng(0)
    batches = generator.normal(3.0, 2.0, (5, 16, 2)).astype("float32")
    estimate_statistics(model, ((batch, None) for batch in batches), 4)
    used = batches[:4]
    mean, variance = map(ops.convert_to_numpy, layer.non_trainable_variables)
    np.testing.assert_allclose(mean, used.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(variance, used.var(1).mean(0), rtol=1e-4)
    assert layer.momentum == 0.997


def test_a_training_is_short_for_its_batch_normalisation():
    image = keras.Input((2,))
    layer = keras.layers.BatchNormalization(momentum=0.99)
    model = keras.Model(image, layer(image))
    assert is_short(model, 1999) and not is_short(model, 2000)
    assert not is_short(keras.Model(image, keras.layers.ReLU()(image)), 1)
    nested = keras.Model(image, keras.Sequential([model])(image))
    assert is_short(nested, 1999) and not is_short(nested, 2000)
    layer.trainable = False
    assert not is_short(nested, 1)


@pytest.mark.parametrize("watch", [np.zeros(()), np.zeros(3)])
def test_a_checkpoint_has_the_whole_state_of_the_watch(tmp_path, watch):
    path = tmp_path / "a.npz"
    fit(make_model(), path, epochs=1)
    with np.load(path) as arrays:
        content = {**arrays, "watch": watch}
    np.savez(path, **content)
    with pytest.raises(files.DamagedFileError, match="a.npz.*Remove it"):
        fit(make_model(), path, epochs=2)


def test_a_checkpoint_is_replaced_only_when_it_is_complete(
    tmp_path, monkeypatch
):
    path = tmp_path / "a.npz"
    fit(make_model(), path, epochs=1)
    before = path.read_bytes()

    def break_off(file, **arrays):
        file.write(b"half a checkpoint")
        raise Interruption

    monkeypatch.setattr(np, "savez", break_off)
    with pytest.raises(Interruption):
        fit(make_model(), path, epochs=2)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
