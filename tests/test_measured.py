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


@pytest.mark.parametrize("make", ["without", "groups", "measures"])
def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path, make):
    result = (
        with_measures() if make == "measures" else measured(make == "groups")
    )
    for directory in (tmp_path, tmp_path / "new" / "one"):
        result.save(directory)
        loaded = Measurement.load(str(directory))
        for name in ("neurons", "layers", "active_counts", "population"):
            assert getattr(loaded, name).equals(getattr(result, name))
        assert (loaded.tau, loaded.settings) == (result.tau, result.settings)
        assert repr(loaded) == repr(result)
    with pytest.raises(FileNotFoundError, match="missing has no measurement"):
        Measurement.load(tmp_path / "missing")


def heights(axes, gid):
    """Heights of the lines across violins, of one kind."""
    return [
        lines.get_segments()[0][0, 1]
        for lines in axes.collections
        if lines.get_gid() == gid
    ]


@pytest.mark.parametrize("groups", [["all"], ["seen", "unseen"]])
@pytest.mark.parametrize(
    "measure", ["invariance_coefficient", "specialisation"]
)
def test_layers_are_drawn_as_violins_around_their_means(axes, groups, measure):
    result = measured(len(groups) > 1)
    assert result.plot(measure, axes) is axes
    means = result.neurons.groupby(["layer", "category_group"]).mean(
        numeric_only=True
    )

    def expected(column):
        return pytest.approx(
            [
                means[column][layer, group]
                for layer in ("conv", "fc")
                for group in groups
            ]
        )

    assert heights(axes, "mean") == expected(measure)
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["conv", "fc"]
    for control in ("control_same_category", "control_shuffled"):
        if measure == "invariance_coefficient":
            assert heights(axes, control) == expected(control)
        else:
            assert heights(axes, control) == []


@functools.cache
def with_measures():
    from test_measurement import IMAGES, LABELS, make_model

    return measure_invariance(
        make_model(),
        IMAGES,
        transforms.get("white_noise", std=30.0),
        ["conv", "fc"],
        labels=LABELS,
        measures=["linear_cka", "decode_categories"],
    )


def test_measures_of_layers_are_shown_below_those_of_neurons():
    text = repr(with_measures())
    _, table = text.split("Whole layers:\n")
    assert len(table.splitlines()) == 1 + 2 * 3
    assert "linear_cka" in table and "Whole layers" not in repr(measured(False))
    html = with_measures()._repr_html_()
    assert html.count("<tr") == 1 + 2 + 1 + 2 * 3


def test_measures_of_layers_are_drawn_with_intervals_and_control(axes):
    result = with_measures()
    result.plot("linear_cka", axes)
    table = result.population.query("measure == 'linear_cka'")
    (line,) = (each for each in axes.lines if each.get_gid() == "value")
    assert [*line.get_ydata()] == [*table.value]
    found = {
        lines.get_gid(): [segment[:, 1] for segment in lines.get_segments()]
        for lines in axes.collections
    }
    np.testing.assert_array_equal(found["interval"], table[["low", "high"]])
    np.testing.assert_array_equal(
        found["control"], table[["control", "control"]]
    )
    assert axes.get_ylabel() == "linear CKA"


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
    assert heights(axes, "mean") == [0.5]
