"""What a run writes can be read by TensorBoard."""

import math
import os
import pathlib

import numpy as np
import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from invariance_tf import drawing
from invariance_tf.runs.experiment import _list_settings
from invariance_tf.runs.sweep import plan
from invariance_tf.runs.tensorboard import EventLog
from invariance_tf.settings import defaults, names
from invariance_tf.settings.config import Experiment

ROOT = pathlib.Path(__file__).parents[1]
SWEEPS = sorted(ROOT.glob("configs/sweeps/*.yaml"))


@pytest.fixture
def events(tmp_path):
    """The events of a small log, as TensorBoard reads them."""
    png_path = tmp_path / "picture.png"
    drawing.save(Figure(figsize=(2, 1)), png_path, dpi=50)
    log = EventLog(tmp_path / "log")
    log.hyper_parameters(
        {"n_seen": 20, "transform": "blur", "strength": None},
        {"data_dir": None, "args": {"a": 1}},
        ["test/across_accuracy"],
    )
    for step in (1, 2):
        log.scalars({"training/loss": 1 / step, "empty": math.nan}, step)
    log.picture("examples", png_path, step=0)
    log.close()
    return EventAccumulator(str(tmp_path / "log")).Reload()


def test_scalars_keep_their_steps_and_nan_is_left_out(events):
    assert events.Tags()["scalars"] == ["training/loss"]
    points = events.Scalars("training/loss")
    assert [point.step for point in points] == [1, 2]
    assert np.allclose([point.value for point in points], [1, 0.5])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no such file")
def test_a_full_disk_is_named_as_for_other_files(tmp_path):
    log = EventLog(tmp_path)
    log._path = "/dev/full"
    log._file = os.open(log._path, os.O_WRONLY)
    with pytest.raises(OSError, match="No space left.* '/dev/full'"):
        log.scalars({"training/loss": 1.0}, 1)
    os.close(log._file)


def test_pictures_keep_their_size(events):
    (picture,) = events.Images("examples")
    assert (picture.width, picture.height) == (100, 50)
    assert picture.encoded_image_string.startswith(b"\x89PNG")


def test_hyper_parameters_can_be_compared(events):
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG)
    data = plugin_data_pb2.HParamsPluginData.FromString(
        content.plugin_data.content
    )
    settings = data.session_start_info.hparams
    assert settings["n_seen"].number_value == 20
    assert settings["transform"].string_value == "blur"
    assert settings["args"].string_value == "{'a': 1}"
    assert not {"data_dir", "strength"} & {*settings}


def test_what_studies_vary_comes_first_even_where_it_has_no_value(events):
    content = events.SummaryMetadata(metadata.EXPERIMENT_TAG)
    data = plugin_data_pb2.HParamsPluginData.FromString(
        content.plugin_data.content
    )
    # TensorBoard sorts by `differs`, then by name, and ticks the first.
    found = {each.name: each.differs for each in data.experiment.hparam_infos}
    assert [name for name in found if found[name]] == [
        *("n_seen", "transform", "strength")
    ]
    assert {name for name in found if not found[name]} == {"data_dir", "args"}
    (metric,) = data.experiment.metric_infos
    assert metric.name.tag == "test/across_accuracy"


def test_runs_are_compared_by_what_studies_vary_and_what_is_not_usual():
    experiment = Experiment(
        transform="blur", n_seen=5, epochs=3, seed=2, runs_dir="elsewhere"
    ).resolve()
    varied, others = _list_settings(experiment)
    assert varied == {"transform": "blur", "n_seen": 5, "seed": 2} | {
        "strength": 4.0
    }
    assert {*others} == {"dataset", "network", "epochs"} | {
        *("learning_rate", "weight_decay")
    }


def test_more_categories_than_usual_can_be_seen():
    experiment = Experiment(num_categories=100, n_seen=90).resolve()
    varied, others = _list_settings(experiment)
    assert varied["n_seen"] == 90
    assert others["num_categories"] == 100 and "n_seen" not in others


@pytest.mark.slow
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_runs_of_every_sweep_file_can_be_compared(path):
    for experiment in plan.read_sweep(str(path)):
        varied, _ = _list_settings(experiment)
        assert varied["n_seen"] == experiment.n_seen


@pytest.mark.parametrize(
    "name, strength",
    [("identity", None), ("white_noise", 100.0), ("highpass", None)],
)
def test_the_strength_of_a_transformation_is_a_number(name, strength):
    # A flag, such as clip, and a word, such as the kernel, are none.
    varied, _ = _list_settings(Experiment(transform=name).resolve())
    assert varied["strength"] == strength


def test_a_data_set_whose_settings_have_no_default_is_compared_too(monkeypatch):
    options = {"image_size": 32, "min_images": names.REQUIRED}
    entry = defaults.Entry(
        "somewhere:needy",
        options,
        defaults.DATASETS["folder"].experiment,
    )
    monkeypatch.setitem(defaults.DATASETS, "needy", entry)
    experiment = Experiment(
        dataset="needy", min_images=3, n_seen=2, batch_size=8
    ).resolve()
    _, others = _list_settings(experiment)
    assert "batch_size" in others and "min_images" not in others
