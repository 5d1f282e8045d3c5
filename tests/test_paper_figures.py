"""The paper's figures show the runs' numbers: data, labels and limits."""

import dataclasses
import functools
import warnings

import matplotlib.collections
import numpy as np
import pytest
from made_up_runs import TRANSFORMATIONS, across, made_up_runs, within
from matplotlib.figure import Figure

from invariance_tf import drawing, transforms
from invariance_tf.drawing import style
from invariance_tf.paper.figures.by_number import (
    FIGURES,
    draw_figure,
    draw_figures,
)
from invariance_tf.paper.studies import find_studies, transforms_of
from invariance_tf.settings import defaults
from invariance_tf.settings.families import FAMILIES, OF_IMAGENET

N_SEEN = (1, 20)
ROLES = {
    "faces": "alexnet_small",
    "imagenet": "resnet18",
    "inception": "inception",
}


@pytest.fixture(scope="module")
def runs():
    return made_up_runs(n_seen=N_SEEN, num_neurons=6)


@pytest.fixture(scope="module")
def studies(runs):
    """The same numbers stand for all three studies."""
    return {
        role: find_studies(
            dataclasses.replace(runs, runs=runs.runs.assign(network=network))
        )[0][role]
        for role, network in ROLES.items()
    }


@pytest.fixture(scope="module")
def drawn(studies):
    """Draws a figure of all runs by its number, each only once."""
    return functools.cache(lambda number: draw_figure(number, studies))


def lines_of(axes):
    """Lines that have a name, by it."""
    return {
        line.get_label(): line
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def violins_of(axes):
    bodies = matplotlib.collections.PolyCollection
    return [body for body in axes.collections if isinstance(body, bodies)]


def marked(figure, gid):
    """What is drawn under a name, in all panels."""
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def panel(figure, title):
    """The first panel with a title."""
    return next(axes for axes in figure.axes if axes.get_title("left") == title)


@pytest.mark.parametrize("number", [n for n in FIGURES if n != "1b"])
def test_every_figure_can_be_drawn_from_all_runs(number, drawn):
    figure = drawn(number)
    assert not marked(figure, "gap")
    title = figure.get_suptitle()
    assert title.startswith(f"Fig. {number} ")
    # In words, not in names of settings.
    assert "_" not in title and "synthfaces" not in title
    assert FIGURES[number].description.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_room_for_its_parts(number, studies, tmp_path):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        drawing.save(
            draw_figure(number, studies), tmp_path / "figure.png", dpi=50
        )
    # Matplotlib warns where its layout has no room.
    assert [str(each.message) for each in found] == []


def test_text_in_a_vector_picture_is_text(drawn, tmp_path):
    drawing.save(drawn("5b"), tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert ">Salt &amp; pepper</text>" in text


def test_a_figure_drawn_again_has_the_same_bytes(studies, tmp_path):
    for name in ("first", "second"):
        figure = draw_figure("5b", studies)
        drawing.save(figure, tmp_path / f"{name}.svg")
        # A small one, as fonts in a PDF take long.
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, 1], marker="o")
        drawing.save(figure, tmp_path / f"{name}.pdf")
    for suffix in ("svg", "pdf"):
        first, second = (
            (tmp_path / f"{name}.{suffix}").read_bytes()
            for name in ("first", "second")
        )
        assert first == second


def test_the_families_are_those_of_the_transformations():
    for name in transforms_of("faces"):
        family = transforms.get(name).family
        assert style.family_of(name) == family
    assert {*style.LOOKS} == {*defaults.TRANSFORMS}


def test_markers_and_dashes_tell_transformations_apart_without_colour():
    looks = [style.LOOKS[name] for name in transforms_of("faces")]
    assert len({look.marker for look in looks}) == len(looks)
    for family in FAMILIES.values():
        assert len({style.LOOKS[n].dashes for n in family}) == len(family)


def test_shades_of_a_family_and_of_both_groups_differ_in_grey():
    def grey(color):
        rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return np.dot([0.299, 0.587, 0.114], rgb)

    for family in FAMILIES.values():
        shades = sorted(grey(style.LOOKS[name].color) for name in family)
        assert (np.diff(shades) > 0.02).all()
    seen, unseen = (
        grey(face["facecolor"]) for face in (style.SEEN, style.UNSEEN)
    )
    assert unseen - seen > 0.2
    assert style.UNSEEN["hatch"] and not style.SEEN["hatch"]


def test_fig_2c_shows_means_over_seeds_against_n_seen(drawn):
    figure = drawn("2c")
    titles = [axes.get_title("left") for axes in figure.axes[:4]]
    assert titles == list(FAMILIES)
    top, bottom = figure.axes[0], figure.axes[4]
    for axes, law in ((top, within), (bottom, across)):
        line = lines_of(axes)["Grayscale"]
        assert line.get_xdata().tolist() == [1, 20, 40]
        means = [
            np.mean([law("grayscale", n / 40, seed) for seed in (0, 1)])
            for n in N_SEEN
        ]
        assert line.get_ydata()[:2] == pytest.approx(means)
        assert axes.get_ylim() == (-0.02, 1.04)
        assert axes.get_yticklabels()[-1].get_text() == "100"
    # Nobody is unseen where all are seen.
    assert np.isnan(lines_of(bottom)["Grayscale"].get_ydata()[2])
    assert "of 40" in bottom.get_xlabel()


def test_fig_2c_shows_every_seed_and_the_interval_over_seeds(drawn):
    axes = drawn("2c").axes[4]
    dots = next(line for line in axes.lines if line.get_gid() == "seeds")
    values = [across("grayscale", n / 40, s) for n in N_SEEN for s in (0, 1)]
    assert dots.get_ydata() == pytest.approx(values)
    bars = axes.collections[0].get_segments()
    # Of two seeds, the interval goes from one to the other.
    assert np.ravel(bars[1])[1::2] == pytest.approx(values[2:])


def test_the_axis_of_fig_2b_is_logarithmic_and_that_of_2c_is_not(drawn):
    log, linear = (drawn(number).axes[0] for number in ("2b", "2c"))
    assert (log.get_xscale(), linear.get_xscale()) == ("log", "linear")
    labels = [style.LOOKS[name].label for name in OF_IMAGENET]
    assert [*lines_of(log)] == labels


def test_fig_2a_writes_accuracies_in_percent(drawn):
    left, right = drawn("2a").axes
    percent = np.asarray(left.images[0].get_array())
    assert percent.shape == (13, 13)
    # From the laws of the made-up runs: .9 on original images, .1 otherwise,
    # and the within-category accuracy where training and test agree.
    assert percent[:, 0] == pytest.approx(90)
    own = np.mean([100 * within("blur", 1, seed) for seed in (0, 1)])
    assert percent.diagonal()[1:] == pytest.approx(own)
    assert percent[0, 1] == pytest.approx(10)
    assert right.images[0].get_array().shape == (5, 5)
    names = [label.get_text() for label in left.get_xticklabels()]
    assert names == [look.label for look in style.LOOKS.values()]
    assert "10" in [text.get_text() for text in left.texts]


def test_violins_of_seen_and_unseen_categories_are_side_by_side(drawn):
    axes = panel(drawn("4a"), "Thinning")
    # Where all categories are seen, the other half is missing.
    assert len(violins_of(axes)) == 5
    seen, unseen = violins_of(axes)[:2]
    assert seen.get_paths()[0].vertices[:, 0].max() == pytest.approx(0)
    assert unseen.get_paths()[0].vertices[:, 0].min() == pytest.approx(0)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["1", "20", "40"]
    assert axes.get_ylim() == (-0.02, 1.02)


def test_the_dot_of_a_violin_is_the_mean_over_neurons(drawn, studies):
    axes = panel(drawn("9"), "Thinning")
    dots = [line for line in axes.lines if line.get_gid() == "mean"]
    table = studies["faces"].neurons
    table = table[(table["transform"] == "thinning") & (table.n_seen == 20)]
    table = table[table.test_transform == "thinning"]
    means = table.groupby("category_group").invariance_coefficient.mean()
    shown = [dot.get_ydata()[0] for dot in dots[2:4]]
    assert shown == pytest.approx([means["seen"], means["unseen"]])


@pytest.mark.parametrize(
    "number, measure", [("3b", "invariance_coefficient"), ("12", None)]
)
def test_training_with_a_transformation_stands_beside_without(
    number, measure, drawn
):
    axes = drawn(number).axes[0]
    assert len(violins_of(axes)) == 24
    dots = [line for line in axes.lines if line.get_gid() == "mean"]
    with_blur, without = (dot.get_ydata()[0] for dot in dots[4:6])
    if measure:
        # The law: .1 without; .4 more for all categories (and .005 for seed 1).
        assert (with_blur, without) == pytest.approx((0.5025, 0.1025))
        controls = marked(axes, "control_shuffled")
        assert len(controls) == 12
        height = controls[0].get_segments()[0][:, 1]
        assert height == pytest.approx([0.08, 0.08])


def test_figures_are_written_and_what_is_missing_is_returned(runs, tmp_path):
    missing = draw_figures(runs, tmp_path / "new", ["5b", "3c"], ("png", "svg"))
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["fig3c.png", "fig3c.svg", "fig5b.png", "fig5b.svg"]
    assert missing["5b"] == []
    assert missing["3c"][0] == "imagenet: every run"


def test_an_unknown_figure_or_format_is_an_error(runs, tmp_path):
    with pytest.raises(ValueError, match="Figures: 1b, 2a.*figure=15$"):
        draw_figure("15", {})
    with pytest.raises(ValueError, match="Formats: png, pdf, svg.*format=gif$"):
        draw_figures(runs, tmp_path, ["2c"], ("gif",))
    assert not [*tmp_path.iterdir()]


def test_the_transformations_are_drawn_by_family():
    figure = draw_figure("1b", {})
    labels = {axes.get_xlabel(): axes for axes in figure.axes}
    assert len(labels) == 1 + len(TRANSFORMATIONS)
    original, turned, grey = (
        np.asarray(labels[name].images[0].get_array())
        for name in ("Original", "Rotation 180°", "Grayscale")
    )
    assert turned == pytest.approx(original[::-1, ::-1], abs=1e-3)
    assert np.ptp(grey, axis=-1).max() == pytest.approx(0)
