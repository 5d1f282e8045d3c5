"""Settings: defaults, checks and names of runs."""

import dataclasses
import importlib
import inspect
import pathlib
import re

import numpy as np
import pytest

from invariance_tf.datasets.images.selection import Selection
from invariance_tf.settings import defaults, names
from invariance_tf.settings.config import Experiment


def test_the_settings_know_every_data_set_and_its_options():
    for name, entry in defaults.DATASETS.items():
        module, _, function = entry.place.partition(":")
        function = getattr(importlib.import_module(module), function)
        arguments = {*inspect.signature(function).parameters}
        if "options" in arguments:
            arguments |= {field.name for field in dataclasses.fields(Selection)}
        arguments -= {"builder", "cache_dir", "options"}
        assert entry.options.keys() == arguments, name


@pytest.mark.parametrize("kind", names.REGISTRIES)
def test_every_name_has_its_code(kind):
    for name in names.REGISTRIES[kind]:
        if name != "tfds":
            assert callable(names.load(kind, name))


def test_the_settings_know_which_arguments_of_networks_are_floats():
    for name, entry in defaults.NETWORKS.items():
        parameters = inspect.signature(names.load("network", name)).parameters
        floats = {
            key: parameter.default
            for key, parameter in parameters.items()
            if type(parameter.default) is float and key != "weight_decay"
        }
        assert entry.options == floats, name


def test_alexnet_on_facescrub_is_trained_as_in_the_paper():
    experiment = Experiment(dataset="facescrub").resolve()
    assert experiment.network == "alexnet"
    assert experiment.image_size == 100
    assert experiment.min_images == 100
    assert experiment.num_test == 10
    assert experiment.epochs == 45
    assert experiment.batch_size == 32
    assert experiment.learning_rate == 1e-4
    assert experiment.weight_decay == 5e-4
    assert experiment.momentum == 0.9
    assert experiment.schedule == "constant"


def test_resnet18_is_trained_as_tensorflow_does_by_default():
    experiment = Experiment(network="resnet18", batch_size=256).resolve()
    assert experiment.learning_rate == 0.128
    assert experiment.epochs == 90
    assert experiment.weight_decay == 1e-4
    assert experiment.schedule == "resnet"
    assert Experiment(network="resnet18").resolve().learning_rate == 0.016


@pytest.mark.parametrize(
    "tau, expected",
    [(0.1 + 0.2, 0.3), (0.123, 0.123), (0, 0), ("auto", "auto")],
)
def test_a_threshold_of_the_grid_may_be_rounded(tau, expected):
    experiment = Experiment(tau=tau).resolve()
    assert experiment.tau == expected
    assert experiment.name() == Experiment().resolve().name()


def test_what_the_user_says_comes_before_every_default():
    chosen = {"epochs": 3, "learning_rate": 0.5, "image_size": 64, "n_seen": 0}
    experiment = Experiment(**chosen).resolve()
    assert chosen.items() <= vars(experiment).items()


def test_resolving_twice_changes_nothing():
    experiment = Experiment(transform="blur", seed=3).resolve()
    assert experiment.resolve() == experiment
    assert experiment.category_seed == 3


def test_every_strength_is_recorded():
    blur = Experiment(transform="blur").resolve()
    assert blur.transform_args == {"sigma": 4.0}
    noise = Experiment(transform="white_noise", transform_args={"std": 50})
    assert noise.resolve().transform_args == {"std": 50.0, "clip": False}


def test_the_name_of_a_run_says_what_it_is():
    name = Experiment().resolve().name()
    start, _, digits = name.rpartition("-")
    assert start == "synthfaces-alexnet_small-highpass-n20-s0"
    assert len(digits) == 8 and int(digits, 16) >= 0


@pytest.mark.parametrize(
    "name, settings",
    [
        (
            "synthfaces-alexnet_small-blur-n1-s0-1a329c52",
            {"transform": "blur", "n_seen": 1},
        ),
        (
            "synthfaces-alexnet_small-white_noise-n40-s0-2d659ffc",
            {"transform": "white_noise", "n_seen": 40, "evaluate_on": "all"},
        ),
        (
            "synthfaces-alexnet_small-identity-n0-s1-6576d712",
            {
                "transform": "identity",
                "n_seen": 0,
                "seed": 1,
                "evaluate_on": "all",
            },
        ),
    ],
)
def test_names_are_those_of_the_runs_in_docs_results(name, settings):
    """Literal: settings that come later must not change earlier names."""
    assert Experiment(**settings).resolve().name() == name
    later = {"devices": 2, "analysis": "layers", "runs_dir": "elsewhere"}
    assert Experiment(**settings, **later).resolve().name() == name


def test_only_what_can_change_the_result_changes_the_name():
    plain = Experiment().resolve()
    names = {plain.name()}
    assert dataclasses.replace(plain, runs_dir="elsewhere").name() in names
    assert Experiment(n_seen=20, epochs=15).resolve().name() in names
    for change in (
        {"seed": 1},
        {"category_seed": 1},
        {"momentum": 0.8},
        {"transform_args": {"kernel": "separable"}},
        {"num_train": 61},
    ):
        names.add(Experiment(**change).resolve().name())
    assert len(names) == 6


@pytest.mark.parametrize("name", ["data_dir", "splits", "categories_file"])
def test_a_path_has_one_name_however_it_is_written(name):
    settings = {"dataset": "folder", "data_dir": "faces"}
    names = {
        Experiment(**{**settings, name: path}).resolve().name()
        for path in ("a/b", "a/b/", "./a/b", "a//b")
    }
    assert len(names) == 1
    other = Experiment(**{**settings, name: "/a/b"}).resolve().name()
    assert other not in names


def test_a_name_is_cut_where_file_systems_would_not_take_it():
    every = [name for name in defaults.TRANSFORMS if name != "identity"]
    # Some twice, in other combinations.
    every += [f"{name}+blur" for name in every[:7] if name != "blur"]
    several = [Experiment(transform=",".join(every[n:])) for n in (0, 1)]
    found = [each.resolve().name() for each in several]
    assert [len(name) for name in found] == [255, 255]
    assert re.fullmatch(r"synthfaces-.*-n20-s0-[\da-f]{8}", found[0])
    assert found[0] != found[1]


def test_a_strength_is_one_run_as_whole_number_and_as_float():
    whole, float_ = (
        Experiment(transform="blur", transform_args={"sigma": sigma})
        for sigma in (3, 3.0)
    )
    assert whole.resolve().name() == float_.resolve().name()


@pytest.mark.parametrize(
    "whole, as_float",
    [
        ({"weight_decay": 0}, {"weight_decay": 0.0}),
        ({"momentum": 0}, {"momentum": 0.0}),
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"validation_fraction": 0}, {"validation_fraction": 0.0}),
        (
            {"network_args": {"width": 1, "lrn_radius": 2}},
            {"network_args": {"width": 1.0, "lrn_radius": 2}},
        ),
    ],
)
def test_a_setting_is_one_run_as_whole_number_and_as_float(whole, as_float):
    found = [Experiment(**each).resolve() for each in (whole, as_float)]
    assert found[0].name() == found[1].name()
    # So that config.yaml leads to the same study, too.
    assert repr(found[0]) == repr(found[1])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"transform": "blurr"}, "Did you mean blur.*identity, .*blurr"),
        ({"dataset": "mnist"}, "Legal: synthfaces, digits, folder"),
        ({"network": "vgg"}, "Legal: alexnet, .*network=vgg"),
        ({"epochs": 0}, "at least 1. Received: epochs=0"),
        ({"batch_size": 0}, "at least 1. Received: batch_size=0"),
        (
            {"network": "resnet18", "batch_size": "32"},
            "`batch_size` must be an integer, at least 1",
        ),
        ({"n_seen": 41}, "from 0 to 40. Received: n_seen=41"),
        ({"n_seen": -1}, "from 0 to 40. Received: n_seen=-1"),
        ({"seed": -1}, "from 0 to 2147483647"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"validation_fraction": 1.0}, "from 0 to below 1"),
        ({"momentum": 1.0}, "from 0 to below 1"),
        ({"central_crop": 0.5}, "does not apply to the data set synthfaces"),
        ({"dataset": "folder"}, "needs `data_dir`"),
        (
            {"dataset": "folder", "data_dir": "x", "central_crop": 0.0},
            "above 0 and at most 1",
        ),
        ({"transform": "blur", "transform_args": {"std": 3}}, "takes sigma"),
        ({"transform_args": {"sigma": 3}}, "highpass takes kernel"),
        (
            {"transform": "blur", "transform_args": {"sigma": "3"}},
            "`sigma` of the transform blur must be a number",
        ),
        (
            {"transform": "white_noise", "transform_args": {"clip": 1}},
            "`clip` of the transform white_noise must be true or false",
        ),
        (
            {"test_args": {"sigma": 3}},
            "by their names, such as .* Received: test_args={'sigma': 3}",
        ),
        ({"test_args": {"blur": 3}}, "Received: test_args={'blur': 3}"),
        ({"test_args": {"swirl.angle": 3}}, "Received: test_args="),
        (
            {"test_args": {"blur.std": 3}},
            "blur takes sigma. Received: test_args={'std': 3}",
        ),
        ({"epochs": "3"}, "at least 1. Received: epochs=3"),
        ({"n_seen": "3"}, "from 0 to 40. Received: n_seen=3"),
        ({"n_seen": 2.5}, "an integer from 0 to 40. Received: n_seen=2.5"),
        ({"seed": 1.5}, "an integer, from 0 to 2147483647. Received: seed=1.5"),
        ({"epochs": 3.0}, "an integer, at least 1. Received: epochs=3.0"),
        ({"seed": np.int64(3)}, r"int\(3\).*Received: seed=np.int64\(3\)"),
        ({"momentum": np.float32(0.5)}, "Python's own .*Received: momentum=np"),
        (
            {"runs_dir": pathlib.Path("runs")},
            r"str\(path\). Received: runs_dir",
        ),
        (
            {"dataset": "folder", "n_seen": 1, "data_dir": 5},
            "a text. Received: data_dir=5",
        ),
        ({"layer_measures": 5}, "a text. Received: layer_measures=5"),
        ({"ablate_layer": 3}, "a text. Received: ablate_layer=3"),
        ({"test_on": "val"}, "must be test or validation. Received: test_on"),
        ({"sampling": "image"}, "categories or images. Received: sampling"),
        ({"evaluate_on": "every"}, "trained or all. Received: evaluate_on"),
        ({"deterministic": "false"}, "true or false. Received: determin"),
        ({"near_copies": "Drop"}, "must be warn or drop. Received: near_co"),
        ({"analysis": "layer"}, "penultimate or layers or none. Received"),
        ({"if_not_learning": "Stop"}, "must be continue or stop. Received"),
        ({"paradigm": "twostep"}, "must be joint or two_step or .* Received"),
        ({"schedule": "cos"}, "constant or cosine or resnet. Received"),
        ({"precision": "bf16"}, "must be float32 or .* Received: precision"),
        ({"activity": "rectified"}, "must be signed. Received: activity"),
        ({"network_args": 3}, "names with values. Received: network_args=3"),
        ({"transform_args": 3}, "names with values or calibrated. Received"),
        ({"test_args": 3}, "must be names with values. Received: test_args"),
        ({"test_strengths": 3}, "a list, each item a number. Received: test_"),
        ({"test_strengths": ["3"]}, "a list, each item a number. Received"),
        ({"tau": "high"}, "or auto. Received: tau=high"),
        ({"num_categories": 10**7}, "GiB of memory. Lower `num_categories`"),
    ],
)
def test_a_mistake_is_answered_with_what_is_legal(settings, message):
    with pytest.raises(ValueError, match=message):
        Experiment(**settings).resolve()
