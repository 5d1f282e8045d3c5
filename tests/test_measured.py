"""How a measurement shows itself, is drawn, and is stored."""

import functools

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from invariance_tf import transforms
from invariance_tf.measures.measured import Measurement
from invariance_tf.measures.measurement import measure_invariance

matplotlib.use("Agg")


@functools.cache
def measured(has_groups):
    from test_measurement import IMAGES, IS_SEEN, LABELS, make_model

    return measure_invariance(
        make_model(),
        IMAGES,
        transforms.get("white_noise", std=30.0),
        ["conv", "fc"],
        labels=LABELS,
        is_seen=IS_SEEN if has_groups else None,
        tau=0.123,
    )


@pytest.fixture
def axes():
    yield pyplot.figure().subplots()
    pyplot.close("all")


def test_it_shows_itself_in_a_few_lines():
    title, header, conv, fc = repr(measured(False)).splitlines()
    assert title == (
        "Invariance to WhiteNoise(std=30.0, clip=False): 73 neurons in 2 "
        "layers, 75 images, tau = 0.123"
    )
    table = measured(False).layers.query("tau == 0.123").set_index("layer")
    for name, line in (("conv", conv), ("fc", fc)):
        *_, corrected, invariance = line.split()
        assert line.split()[:2] == [name, "all"]
        assert invariance == f"{table.mean_invariance[name]:.3f}"
        assert corrected == f"{table.mean_corrected_invariance[name]:.3f}"
    assert header.split()[-1] == "mean_invariance"


def test_in_a_notebook_it_is_a_table():
    html = measured(True)._repr_html_()
    assert html.startswith(
        "<p>Invariance to WhiteNoise(std=30.0, clip=False): 73"
    )
    assert html.count("<tr") == 1 + 2 * 3
    risky = measured(True).layers.replace({"layer": {"fc": "<script>"}})
    result = measured(True)
    html = Measurement(
        result.neurons, risky, result.active_counts, result.tau
    )._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_frames_end_in_what_matters_most():
    result = measured(False)
    assert [*result.neurons][-1] == "invariance_coefficient"
    assert [*result.layers][-1] == "mean_invariance"
    assert "invariance_coefficient" in repr(result.neurons).splitlines()[0]


@pytest.mark.parametrize("has_groups", [False, True])
def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path, has_groups):
    result = measured(has_groups)
    for directory in (tmp_path, tmp_path / "new" / "one"):
        result.save(directory)
        loaded = Measurement.load(str(directory))
        for name in ("neurons", "layers", "active_counts"):
            assert getattr(loaded, name).equals(getattr(result, name))
        assert (loaded.tau, loaded.settings) == (result.tau, result.settings)
        assert repr(loaded) == repr(result)
    with pytest.raises(FileNotFoundError, match="missing has no measurement"):
        Measurement.load(tmp_path / "missing")


def dots(axes):
    """Heights of the means drawn in each violin."""
    return [
        line.get_ydata()[0] for line in axes.lines if line.get_gid() == "mean"
    ]


@pytest.mark.parametrize("groups", [["all"], ["seen", "unseen"]])
@pytest.mark.parametrize(
    "measure", ["invariance_coefficient", "specialisation"]
)
def test_layers_are_drawn_as_violins_around_their_means(axes, groups, measure):
    result = measured(len(groups) > 1)
    assert result.plot(measure, axes) is axes
    table = result.neurons
    expected = [
        table[(table.layer == layer) & (table.category_group == group)][
            measure
        ].mean()
        for layer in ("conv", "fc")
        for group in groups
    ]
    assert dots(axes) == pytest.approx(expected)
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["conv", "fc"]
    controls = [
        lines.get_segments()[0][0, 1]
        for lines in axes.collections
        if str(lines.get_gid()).startswith("control")
    ]
    means = table[table.category_group == "all"].groupby("layer")[
        ["control_same_category", "control_shuffled"]
    ]
    has_controls = measure == "invariance_coefficient"
    assert controls == pytest.approx(
        means.mean().to_numpy().ravel() if has_controls else []
    )


def test_it_draws_a_figure_of_its_own_if_none_is_given(axes):
    drawn = measured(False).plot()
    assert drawn is not axes and drawn.figure.canvas.get_renderer()
    with pytest.raises(ValueError, match="one of num_images, .*measure='tau'"):
        measured(False).plot("tau")


def test_neurons_that_are_all_alike_are_drawn_too(axes):
    result = measured(False)
    same = result.neurons.assign(invariance_coefficient=0.5)
    same.loc[same.layer == "fc", "invariance_coefficient"] = np.nan
    Measurement(same, result.layers, result.active_counts, result.tau).plot(
        axes=axes
    )
    assert dots(axes) == [0.5]
