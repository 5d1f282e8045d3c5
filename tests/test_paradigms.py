"""The alternatives to joint training (Appendix C of the paper)."""

import collections
import csv
import dataclasses
import itertools
import os
import pathlib

import conftest
import keras
import numpy as np
import pytest

from invariance_tf import Experiment
from invariance_tf.measures import activations
from invariance_tf.paradigm import phases, pipeline
from invariance_tf.runs import experiment, network_training, preparation
from invariance_tf.training import episodes, fitting

IS_SEEN = np.array([True, False, True, True, False])
LABELS = np.repeat(np.arange(5), [6, 7, 8, 9, 10])
# Each image is filled with its own position.
IMAGES = np.tile(
    np.arange(40, dtype="uint8")[:, None, None, None], (1, 2, 2, 3)
)
SMALL = Experiment(
    network="two_layers",
    num_categories=5,
    num_train=10,
    num_test=4,
    image_size=32,
    n_seen=2,
    epochs=2,
    batch_size=8,
    validation_fraction=0.0,
    analysis="none",
)


def draws(batches, num_batches):
    """Returns positions, flags and labels, batch after batch."""
    for inputs, labels in itertools.islice(batches, num_batches):
        positions = inputs["image"].numpy()[:, 0, 0, 0]
        yield positions, inputs["is_transformed"].numpy(), labels.numpy()


def test_two_steps_draw_each_category_in_one_of_them():
    first, second = phases.list_phases("two_step", IS_SEEN)
    for phase, is_step in ((first, IS_SEEN), (second, ~IS_SEEN)):
        batches = pipeline.training_batches(
            *(IMAGES, LABELS, IS_SEEN),
            batch_size=50,
            seed=0,
            categories=phase.categories,
        )
        found = [*draws(batches, 40)]
        positions, flags, labels = map(np.concatenate, zip(*found, strict=True))
        assert {*labels} == {*np.flatnonzero(is_step)}
        np.testing.assert_array_equal(LABELS[positions], labels)
        # The others are never transformed.
        assert flags.any() == (phase is first)


def test_jointly_all_categories_are_drawn_as_without_phases():
    (phase,) = phases.list_phases("joint", IS_SEEN)
    options = {"batch_size": 8, "seed": 3}
    same = [
        np.concatenate([[*map(np.stack, draw)] for draw in draws(batches, 9)])
        for batches in (
            pipeline.training_batches(IMAGES, LABELS, IS_SEEN, **options),
            pipeline.training_batches(
                *(IMAGES, LABELS, IS_SEEN),
                categories=phase.categories,
                **options,
            ),
        )
    ]
    np.testing.assert_array_equal(*same)


def test_episodes_are_of_distinct_seen_categories_and_images():
    episode = episodes.Episode(ways=2, per_category=5, num_support=2)
    batches = pipeline.episode_batches(
        *(IMAGES, LABELS, IS_SEEN, episode), num_episodes=3, seed=1
    )
    drawn, num_transformed = collections.Counter(), 0
    for positions, flags, labels in draws(batches, 200):
        by_category = labels.reshape(2, 5)
        assert (by_category == by_category[:, :1]).all()
        assert by_category[0, 0] != by_category[1, 0]
        assert IS_SEEN[labels].all()
        np.testing.assert_array_equal(LABELS[positions], labels)
        assert len({*positions}) == 10
        flags = flags.reshape(2, 5)
        assert not flags[:, :2].any()
        num_transformed += flags.sum()
        drawn.update(positions.tolist())
    # Every image of the seen categories, and half of 200 x 6 queries.
    assert len(drawn) == IS_SEEN[LABELS].sum()
    assert abs(num_transformed - 600) < 5 * np.sqrt(300)


def test_episodes_are_the_same_again_after_an_interruption():
    episode = episodes.Episode(ways=3, per_category=2, num_support=1)
    options = {"num_episodes": 4, "seed": 1}
    data = IMAGES, LABELS, IS_SEEN, episode
    whole = [*draws(pipeline.episode_batches(*data, **options), 8)]
    rest = pipeline.episode_batches(*data, first_epoch=1, **options)
    for expected, found in zip(whole[4:], draws(rest, 4), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_queries_are_classified_by_their_distance_to_the_means():
    generator = np.random.default_rng(0)
    episode = episodes.Episode(ways=3, per_category=5, num_support=2)
    features = generator.normal(size=(15, 4)).astype("float32")
    found = keras.ops.convert_to_numpy(episodes.query_logits(features, episode))
    expected = []
    for category in range(3):
        for query in features[category * 5 + 2 : category * 5 + 5]:
            expected.append(
                [
                    -np.mean((query - features[k * 5 : k * 5 + 2].mean(0)) ** 2)
                    for k in range(3)
                ]
            )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_loss_of_episodes_is_the_cross_entropy_of_the_queries():
    episode = episodes.Episode(ways=2, per_category=2, num_support=1)
    features = np.array([[0.0], [0.0], [2.0], [4.0]], "float32")
    # Squared distances of the queries 0 and 4 to the prototypes 0 and 2.
    expected = [
        np.log(1 + np.exp(-4.0)),
        4 + np.log(np.exp(-4.0) + np.exp(-16.0)),
    ]
    loss = episodes.EpisodeLoss(episode)(np.zeros(4), features)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_last_layer_finds_the_nearest_prototype():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 7)).astype("float32")
    labels = np.arange(60) % 5
    head = keras.layers.Dense(5)
    head.build((None, 7))
    episodes.set_prototypes(head, features, labels)
    means = np.stack([features[labels == k].mean(0) for k in range(5)])
    asked = generator.normal(size=(100, 7)).astype("float32")
    distance = ((asked[:, None] - means) ** 2).sum(-1)
    logits = keras.ops.convert_to_numpy(head(asked))
    np.testing.assert_array_equal(logits.argmax(1), distance.argmin(1))


@pytest.mark.parametrize("paradigm", phases.PARADIGMS[1:])
@pytest.mark.parametrize("n_seen", [0, 5])
def test_a_paradigm_needs_both_groups(two_layers, paradigm, n_seen):
    settings = dataclasses.replace(SMALL, paradigm=paradigm, n_seen=n_seen)
    with pytest.raises(ValueError, match="of the 5 categories to be seen"):
        preparation.prepare(settings)


def test_episodes_need_room_in_a_batch(two_layers):
    settings = dataclasses.replace(
        SMALL, paradigm="prototypes", n_seen=4, batch_size=7
    )
    with pytest.raises(ValueError, match="`batch_size` of at least 8"):
        preparation.prepare(settings)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Prepared and finished runs by paradigm, and the weights before."""
    runs_dir, found = str(tmp_path_factory.mktemp("runs")), {}
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        for paradigm in phases.PARADIGMS[1:]:
            prepared = preparation.prepare(
                dataclasses.replace(SMALL, paradigm=paradigm, runs_dir=runs_dir)
            )
            found[paradigm] = prepared, experiment.run_prepared(prepared)
    return found


def test_the_second_step_trains_the_last_layer_only_if_asked(runs):
    whole, head_only = (
        runs[paradigm][1]["run_dir"]
        for paradigm in ("two_step", "two_step_head")
    )
    first_step = trained_by_hand(runs["two_step_head"][0])
    for run_dir, is_changed in (
        (whole, {"conv5": True, "fc6": True, "logits": True}),
        (head_only, {"conv5": False, "fc6": False, "logits": True}),
    ):
        model = keras.models.load_model(os.path.join(run_dir, "model.keras"))
        assert all(layer.trainable for layer in model.layers)
        for layer, differs in is_changed.items():
            pair = [
                each.get_layer(layer).get_weights()[0]
                for each in (model, first_step)
            ]
            assert np.allclose(*pair, atol=1e-5) != differs, layer


def trained_by_hand(prepared):
    """Trains the first step of a run again, in a loop."""
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        model = preparation.prepare(prepared.experiment).model
    steps = 2 * 10 // 8 + 1
    schedule = fitting.make_schedule("cosine", 0.02, 2, steps)
    fitting.compile_model(model, schedule, 0.9, 1)
    model.optimizer.build(model.trainable_variables)
    batches = pipeline.training_batches(
        prepared.dataset.images,
        prepared.dataset.labels,
        prepared.is_seen,
        batch_size=8,
        seed=0,
        subset=prepared.positions("train"),
        categories=prepared.is_seen,
    )
    for inputs, labels in itertools.islice(batches, 2 * steps):
        model.train_on_batch(inputs, labels)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("num_epochs", [1, 3])
def test_a_training_in_two_steps_resumes_in_either(
    runs, tmp_path, monkeypatch, num_epochs
):
    prepared, summary = runs["two_step_head"]
    conftest.register_two_layers(monkeypatch)
    settings = dataclasses.replace(prepared.experiment, runs_dir=str(tmp_path))
    interrupt_after(num_epochs, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        experiment.run(settings)
    resumed = experiment.run(settings)
    pair = [
        keras.models.load_model(os.path.join(each["run_dir"], "model.keras"))
        for each in (summary, resumed)
    ]
    weights = [model.get_weights() for model in pair]
    for expected, found in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not [*pathlib.Path(resumed["run_dir"]).glob("*.npz")]


def interrupt_after(num_epochs, monkeypatch):
    """Presses Ctrl-C once, after so many epochs."""
    save, num_saved = fitting._Checkpoint.save, itertools.count(1)

    def save_and_stop(*arguments):
        save(*arguments)
        if next(num_saved) == num_epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(fitting._Checkpoint, "save", save_and_stop)


@pytest.mark.parametrize("paradigm", ["two_step", "two_step_head"])
def test_the_history_goes_through_both_steps(runs, paradigm):
    path = os.path.join(runs[paradigm][1]["run_dir"], "history.csv")
    with open(path, newline="") as file:
        epochs = [row["epoch"] for row in csv.DictReader(file)]
    assert epochs == ["1", "2", "3", "4"]


def test_after_the_last_layer_alone_others_are_trainable_as_before():
    inside = keras.Sequential(
        [keras.layers.Dense(2), keras.layers.Dense(2, trainable=False)]
    )
    last = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((2,)), inside, last])
    kernels = [id(layer.kernel) for layer in (inside.layers[0], last)]

    def list_kernels():
        weights = model.trainable_variables
        return [id(each) for each in weights if each.path.endswith("kernel")]

    former = network_training._freeze(model)
    assert list_kernels() == kernels[1:]
    network_training._unfreeze(former)
    assert list_kernels() == kernels


def test_a_run_by_prototypes_classifies_by_the_nearest_mean(runs):
    prepared, summary = runs["prototypes"]
    model = keras.models.load_model(
        os.path.join(summary["run_dir"], "model.keras")
    )
    network = activations.submodel(model, ["fc6"])
    features = {
        part: network.predict(prepared.part(part)[0].astype("float32"))["fc6"]
        for part in ("train", "test")
    }
    labels = prepared.part("train")[1]
    means = np.stack([features["train"][labels == k].mean(0) for k in range(5)])
    distance = ((features["test"][:, None] - means) ** 2).sum(-1)
    is_right = distance.argmin(1) == prepared.part("test")[1]
    assert summary["clean_accuracy"] == pytest.approx(is_right.mean())


def test_a_paradigm_is_part_of_a_runs_name_only_where_it_is_another():
    joint = dataclasses.replace(SMALL, network="alexnet_small").resolve()
    assert dataclasses.replace(joint, paradigm="joint").name() == joint.name()
    other = dataclasses.replace(joint, paradigm="two_step")
    assert other.name() != joint.name()
