"""Several transformations: either of them, or one after the other."""

import dataclasses
import itertools
import os

import conftest
import keras
import numpy as np
import pandas as pd
import pytest

from invariance_tf import run as run_experiment
from invariance_tf import transforms
from invariance_tf.measures import evaluation
from invariance_tf.measures.measurement import measure_invariance
from invariance_tf.paradigm import model as models
from invariance_tf.paradigm import pipeline
from invariance_tf.paradigm.categories import seen_categories
from invariance_tf.runs import preparation
from invariance_tf.settings import config, names

PAIR = ["contrast_inversion", "rotate90"]


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_with_a_plus_one_follows_the_other(images, data_format):
    first, second = (
        transforms.get(name, data_format=data_format)
        for name in ("highpass", "rotate90")
    )
    both = transforms.get("highpass+rotate90", data_format=data_format)
    if data_format == "channels_first":
        images = images.transpose(0, 3, 1, 2)
    expected = to_numpy(second(first(images)))
    np.testing.assert_array_equal(to_numpy(both(images)), expected)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_with_a_comma_the_number_of_an_image_says_which(images, data_format):
    either = transforms.get("blur+rotate180,rotate90", data_format=data_format)
    if data_format == "channels_first":
        images = images.transpose(0, 3, 1, 2)
    versions = to_numpy(either(images, np.array([2, 0, 1, 2])))
    of_each = [images, *(to_numpy(part(images)) for part in either.parts)]
    for index, version in enumerate((2, 0, 1, 2)):
        np.testing.assert_array_equal(versions[index], of_each[version][index])


def test_each_has_arguments_of_its_own():
    blurred = transforms.get("blur,thinning", blur={"sigma": 1.5})
    assert [blurred.parts[0].sigma, blurred.parts[1].factor] == [1.5, 2.0]
    with pytest.raises(ValueError, match="takes the arguments of blur, thin"):
        transforms.get("blur,thinning", sigma=1.5)


@pytest.mark.parametrize("flags", [None, np.ones(4, bool), np.ones(4)])
def test_flags_do_not_say_which_of_several(images, flags):
    with pytest.raises(ValueError, match="is the number of each image's ver"):
        transforms.get("blur,rotate90")(images, flags)


@pytest.mark.parametrize("name", ["highpass,rotate90", "white_noise+rotate90"])
def test_a_model_of_several_is_saved_and_loaded(name, images, tmp_path):
    model = models.build(conftest.two_layers_network, name, 24, 3)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = keras.models.load_model(path)
    flags = np.array([0, 1, 2, 1]) if "," in name else np.array([0, 1, 1, 1])
    inputs = {
        "image": images,
        "is_transformed": flags.astype(model.inputs[1].dtype),
    }
    logits = []
    for each in (model, loaded):
        models.reseed(each, 5)
        logits.append(each.predict(inputs, verbose=0))
    np.testing.assert_array_equal(*logits)
    assert np.ptp(logits[0]) > 0


@pytest.mark.parametrize(
    "name", ["blur,", "+blur", "blur,blur", "a:b,,c:d", "blur++highpass"]
)
def test_a_name_that_is_missing_or_given_twice_is_refused(name):
    with pytest.raises(ValueError, match="Several transformations are names"):
        config.Experiment(transform=name).resolve()


@pytest.mark.parametrize("name", ["blur,evil:T", "evil:T+blur", "blur, evil:T"])
def test_code_of_others_is_noticed_among_several(name):
    with pytest.raises(ValueError, match="names code of its author's"):
        names.check_origin({"transform": name}, "config.yaml", "say so")


def test_spaces_between_names_and_dots_of_the_shell_are_no_other_experiment():
    plain = config.Experiment(
        transform="blur,rotate90", transform_args={"blur": {"sigma": 2}}
    )
    spaced = config.Experiment(
        transform="blur, rotate90", transform_args={"blur.sigma": 2.0}
    )
    assert plain.resolve() == spaced.resolve()
    assert plain.resolve().transform_args == {
        "blur": {"sigma": 2.0},
        "rotate90": {"angle": 90.0},
    }


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"transform": "blur", "seen_sets": "disjoint"}, "with commas"),
        ({"transform": "blur+hue_rotation", "seen_sets": "disjoint"}, "comma"),
        ({"transform": "blur,rotate90", "test_strengths": [1.0]}, "strength"),
        ({"transform_args": "calibrated"}, "for one transformation"),
        ({"transform_args": {"blur": 3}}, "its arguments by name"),
        (
            {"transform_args": {"sigma": 3}},
            "takes --transform_args.blur.sigma, ",
        ),
        ({"transform_args": {"blur": {"std": 3}}}, "blur takes sigma"),
    ],
)
def test_settings_that_several_cannot_have_are_refused(settings, message):
    settings = {"transform": "blur,rotate90", **settings}
    with pytest.raises(ValueError, match=message):
        config.Experiment(**settings).resolve()


def test_disjoint_sets_are_disjoint_and_the_first_is_that_of_one():
    sets = [seen_categories(20, 6, 3, number) for number in range(3)]
    assert np.array_equal(sets[0], seen_categories(20, 6, 3))
    assert np.sum(sets, axis=0).max() == 1
    assert [each.sum() for each in sets] == [6, 6, 6]
    with pytest.raises(ValueError, match="4 transformations cannot have 6"):
        seen_categories(20, 6, 3, 3)


# Each image is filled with the number of its category.
LABELS = np.repeat(np.arange(4), 5)
IMAGES = np.tile(LABELS.astype("uint8")[:, None, None, None], (1, 2, 2, 3))


def draw_versions(is_seen, num_batches=40):
    batches = pipeline.training_batches(
        IMAGES, LABELS, np.array(is_seen, bool), batch_size=500, seed=1
    )
    drawn = [
        (inputs["is_transformed"].numpy(), label.numpy())
        for inputs, label in itertools.islice(batches, 20 * num_batches)
    ]
    return map(np.concatenate, zip(*drawn, strict=True))


def test_half_of_the_images_are_original_and_the_others_any_of_its_own():
    is_seen = [[1, 1, 0, 0], [1, 0, 1, 0]]
    version, label = draw_versions(is_seen)
    expected = [(2, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0)]
    for category, weights in enumerate(expected):
        counts = np.bincount(version[label == category], minlength=3)
        num, shares = counts.sum(), np.array(weights) / sum(weights)
        # Five standard deviations of a binomial count.
        room = 5 * np.sqrt(num * shares * (1 - shares))
        assert num > 3_000
        assert (np.abs(counts - num * shares) <= room).all()


def test_one_of_several_is_drawn_as_a_single_one():
    single, label = draw_versions([1, 0, 1, 0], 5)
    one_of_one, same_label = draw_versions([[1, 0, 1, 0]], 5)
    np.testing.assert_array_equal(label, same_label)
    np.testing.assert_array_equal(single.astype(int), one_of_one)
    assert single.any() and not single.all()


def test_categories_seen_with_another_are_a_group_of_their_own():
    labels = np.array([0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 1, 0, 0, 0])
    seen, other = np.eye(3, dtype=bool)[:2]
    assert evaluation.group_accuracies(labels, predicted, seen, other) == {
        "seen": (2, 1.0),
        "unseen": (2, 0.0),
        "other": (2, 0.5),
        "all": (6, 0.5),
    }


@pytest.fixture(scope="module")
def disjoint(finished, tmp_path_factory):
    """A run of two transformations in disjoint sets of categories."""
    experiment = dataclasses.replace(
        finished[0],
        transform=",".join(PAIR),
        num_categories=5,
        seen_sets="disjoint",
        analysis="layers",
        ablate_layer="conv5",
        epochs=4,
        runs_dir=str(tmp_path_factory.mktemp("several")),
    )
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        summary = run_experiment(experiment)
        prepared = preparation.prepare(experiment)
    path = os.path.join(summary["run_dir"], "model.keras")
    return prepared, summary, keras.models.load_model(path)


def test_a_run_tests_each_transformation_on_its_own_groups(disjoint):
    prepared, summary, model = disjoint
    images, labels = prepared.part("test")
    table = pd.read_csv(os.path.join(summary["run_dir"], "accuracy.csv"))
    found = table.set_index(["test_transform", "category_group"]).accuracy
    groups = {}
    for number, name in enumerate(PAIR, 1):
        versions = np.full(len(images), number, "int32")
        inputs = {"image": images, "is_transformed": versions}
        is_correct = model.predict(inputs, verbose=0).argmax(1) == labels
        own, other = (
            seen_categories(5, 2, 3, at) for at in (number - 1, 2 - number)
        )
        groups[name] = {"seen": own, "other": other, "unseen": ~own & ~other}
        for group, categories in groups[name].items():
            expected = is_correct[categories[labels]].mean()
            assert found[name, group] == pytest.approx(expected)
    for key, group in (("within", "seen"), ("across", "unseen")):
        mean = np.mean([found[name, group] for name in PAIR])
        assert summary[f"{key}_accuracy"] == pytest.approx(mean)


def test_neurons_are_measured_for_each_group_of_each(disjoint):
    prepared, summary, model = disjoint
    images, labels = prepared.part("test")
    path = os.path.join(summary["run_dir"], "neurons.parquet")
    neurons = pd.read_parquet(path).set_index(
        ["test_transform", "layer", "category_group"]
    )
    is_other = prepared.seen_with["contrast_inversion"][labels]
    measured = measure_invariance(
        model,
        images[is_other],
        "rotate90",
        ["fc6"],
        labels=labels[is_other],
        tau=0.15,
    ).neurons
    of_run = neurons.loc["rotate90", "fc6", "other"]
    # Maxima are over all images of a run, here over those of a group.
    is_same = np.isclose(of_run.max_activity, measured.max_activity)
    np.testing.assert_allclose(
        of_run.invariance_coefficient[is_same],
        measured.invariance_coefficient[is_same],
        rtol=1e-5,
    )
    assert is_same.any()


def test_ablation_is_by_transformation_without_the_other_categories(disjoint):
    _, summary, _ = disjoint
    table = pd.read_csv(os.path.join(summary["run_dir"], "ablation.csv"))
    assert {*table.layer} == {"fc6", "conv5"}
    assert {*table.test_transform} == {*PAIR}
    assert {*table.category_group} == {"seen", "unseen", "all"}
    whole = table[(table.criterion == "none") & (table.layer == "fc6")]
    whole = whole.set_index(
        ["test_transform", "image_version", "category_group"]
    ).accuracy
    accuracy = pd.read_csv(os.path.join(summary["run_dir"], "accuracy.csv"))
    accuracy = accuracy.set_index(["test_transform", "category_group"]).accuracy
    for name, group in itertools.product(PAIR, ("seen", "unseen")):
        ablated = whole[name, "transformed", group]
        assert ablated == pytest.approx(accuracy[name, group])


def test_a_run_of_several_draws_their_clusters_by_layer(disjoint):
    _, summary, _ = disjoint
    path = os.path.join(summary["run_dir"], "clusters.csv")
    table = pd.read_csv(path)
    assert {*table.layer} <= {"conv5", "fc6"} and len(table)
    assert (table.groupby("layer").is_chosen.sum() == 1).all()
    picture = os.path.join(summary["run_dir"], "clusters.png")
    assert os.path.getsize(picture) > 10_000
    assert "clusters.csv" in summary["files"]
