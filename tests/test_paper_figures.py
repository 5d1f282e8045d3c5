"""The paper's figures show the runs' numbers: data, labels and limits."""

import dataclasses
import functools
import warnings

import matplotlib.collections
import matplotlib.lines
import matplotlib.markers
import matplotlib.text
import numpy as np
import pytest
from made_up_runs import (
    TRANSFORMATIONS,
    across,
    invariance,
    made_up_runs,
    within,
)
from matplotlib.figure import Figure

from invariance_tf import drawing, transforms
from invariance_tf.drawing import layout, style
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


def smallest_letters(figure):
    """The size of the smallest text, in points."""
    return min(
        text.get_fontsize()
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_text().strip()
    )


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


def heights(axes, gid):
    """The heights of horizontal lines that are drawn under a name."""
    return [line.get_segments()[0][0, 1] for line in marked(axes, gid)]


def marked(figure, gid):
    """What is drawn under a name, in all panels."""
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def panel(figure, title):
    """The first panel with a title."""
    return next(axes for axes in figure.axes if axes.get_title("left") == title)


@pytest.mark.parametrize("number", [n for n in FIGURES if n[0] != "1"])
def test_every_figure_can_be_drawn_from_all_runs(number, drawn):
    figure = drawn(number)
    assert not marked(figure, "gap")
    assert figure.get_size_inches()[0] in (style.PAGE, style.COLUMN)
    assert smallest_letters(figure) >= 5
    title = figure.get_suptitle()
    assert title.startswith(f"Fig. {number} ")
    # In words, not in names of settings.
    assert "_" not in title and "synthfaces" not in title
    assert FIGURES[number].description.endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("width", [style.PAGE, style.COLUMN])
@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_room_for_its_parts(number, width, studies):
    figure = draw_figure(number, studies, width)
    assert figure.get_size_inches()[0] == width
    assert smallest_letters(figure) >= 5
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    # Matplotlib warns where its layout has no room.
    assert [str(each.message) for each in found] == []


@pytest.mark.parametrize("number", ["2c", "7", "9"])
def test_a_narrow_figure_is_higher_and_its_letters_are_not_smaller(
    number, studies, drawn
):
    narrow = draw_figure(number, studies, style.COLUMN)
    width, height = narrow.get_size_inches()
    assert width == style.COLUMN
    assert height > drawn(number).get_size_inches()[1]
    assert smallest_letters(narrow) >= 5


def test_a_width_without_room_for_letters_is_an_error(studies):
    with pytest.raises(ValueError, match="column has 3.5.*width=1.5$"):
        draw_figure("2c", studies, 1.5)


def test_the_font_in_a_pdf_is_a_real_font(drawn, tmp_path):
    drawing.save(drawn("5b"), tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    # Journals refuse Type 3, whose letters are drawings.
    assert b"/Subtype /Type0" in content and b"/FontFile2" in content
    assert b"/Type3" not in content


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
    for name in TRANSFORMATIONS:
        family = transforms.get(name).family
        assert style.family_of(name) == family
    assert {*style.LOOKS} == {*defaults.TRANSFORMS}


def test_markers_and_dashes_tell_transformations_apart_without_colour():
    looks = [style.LOOKS[name] for name in transforms_of("faces")]
    assert len({look.marker for look in looks}) == len(looks)
    for family in FAMILIES.values():
        assert len({style.LOOKS[n].dashes for n in family}) == len(family)


def test_looks_of_ones_own_transformations_differ_and_can_be_seen():
    own = [f"my_lab:T{number}" for number in range(40)] + ["highpass+rotate90"]
    looks = style.looks_of(["blur", *own])
    assert [*looks] == ["blur", *own] and looks["blur"] == style.LOOKS["blur"]
    drawn = {(look.color, look.marker, look.dashes) for look in looks.values()}
    assert len(drawn) == len(looks)
    # Edges are white.
    markers = {look.marker for look in looks.values()}
    assert all(
        matplotlib.markers.MarkerStyle(each).is_filled() for each in markers
    )
    # Of more than there are looks, some look the same.
    assert len(style.looks_of([f"my_lab:T{n}" for n in range(500)])) == 500


def test_titles_and_legends_are_broken_where_they_are_too_long():
    with style.context():
        figure = Figure((style.COLUMN, 2))
        legend = [matplotlib.lines.Line2D([], [], label=20 * "ab ")] * 3
        panels, below = figure.subfigures(2, 1)
        left, _ = panels.subplots(1, 2)
        layout.write_panel_title(left, "Contrast inversion + Horizontal")
        layout.legend_band(legend, 3)(below)
        figure.draw_without_rendering()
    assert left.get_title("left") == "Contrast inversion +\nHorizontal"
    assert is_inside(below.axes[0].get_legend(), figure)


def is_inside(artist, figure):
    box = artist.get_window_extent()
    return figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


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


def test_networks_at_chance_are_crossed_out_where_they_are_drawn(studies):
    faces = studies["faces"]
    runs = faces.runs
    is_lost = (
        (runs["transform"] == "highpass")
        & (runs.n_seen == 20)
        & (runs.seed == 1)
    )
    (lost,) = runs[is_lost].itertuples()
    marked = runs.assign(is_at_chance=is_lost)
    marked = dataclasses.replace(faces, runs=marked)
    places = {
        "2c": [(20, lost.within_accuracy), (20, lost.across_accuracy)],
        "5b": [(lost.invariance_all, lost.within_accuracy)],
        "5c": [(lost.invariance_all, lost.across_accuracy)],
    }
    for number, expected in places.items():
        figure = draw_figure(number, {"faces": marked})
        assert "at chance on original images: 1 (×)" in figure.get_suptitle()
        crosses = [
            tuple(point)
            for axes in figure.axes
            for line in axes.lines
            if line.get_gid() == "at chance"
            for point in line.get_xydata()
        ]
        assert crosses == expected
    # Where no network is a dot, none is crossed out.
    title = draw_figure("6", {"faces": marked}).get_suptitle()
    assert "at chance on original images: 1" in title and "×" not in title
    figure = draw_figure("5c", {"faces": faces})
    assert "chance" not in figure.get_suptitle()


def test_the_axis_of_fig_2b_is_logarithmic_and_that_of_2c_is_not(studies):
    log, linear = (
        draw_figure(number, studies, is_complete=True).axes[0]
        for number in ("2b", "2c")
    )
    assert (log.get_xscale(), linear.get_xscale()) == ("log", "linear")
    labels = [style.LOOKS[name].label for name in OF_IMAGENET]
    assert [*lines_of(log)] == labels


def test_fig_2a_writes_accuracies_in_percent(studies):
    figure = draw_figure("2a", studies, is_complete=True)
    left, right, bar = figure.axes
    assert bar.get_ylabel() == "accuracy (%)"
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
    # Below the J of the same panel.
    *_, below = drawn("4a").axes
    labels = [label.get_text() for label in below.get_xticklabels()]
    assert labels == ["1", "20", "40"]
    assert axes.get_ylim() == (-0.02, 1.02)


def test_violins_have_median_quartiles_mean_and_floor(drawn, studies):
    axes = panel(drawn("9"), "Thinning")
    table = studies["faces"].neurons
    table = table[(table["transform"] == "thinning") & (table.n_seen == 20)]
    table = table[table.test_transform == "thinning"]
    groups = table.groupby("category_group")
    values = groups.invariance_coefficient

    def expect(statistics):
        return pytest.approx([statistics["seen"], statistics["unseen"]])

    # Of n_seen 1, both groups come before.
    dots = [line.get_ydata()[0] for line in marked(axes, "median")]
    assert dots[2:4] == expect(values.median())
    assert heights(axes, "mean")[2:4] == expect(values.mean())
    floors = heights(axes, "control_shuffled")[2:4]
    assert floors == expect(groups.control_shuffled.mean())
    bars = [bar.get_segments()[0] for bar in marked(axes, "quartiles")]
    ends = np.array(bars)[2:4, :, 1]
    assert ends[:, 0] == expect(values.quantile(0.25))
    assert ends[:, 1] == expect(values.quantile(0.75))


@pytest.mark.parametrize(
    "number, measure", [("3b", "invariance_coefficient"), ("12", None)]
)
def test_training_with_a_transformation_stands_beside_without(
    number, measure, drawn
):
    axes = drawn(number).axes[0]
    assert len(violins_of(axes)) == 24
    # First all that were trained with a transformation, then those without.
    means = heights(axes, "mean")
    if measure:
        laws = [
            np.mean([invariance(name, share, s, "all") for s in (0, 1)])
            for share in (1, 0)
            for name in transforms_of("faces")
        ]
        assert means == pytest.approx(laws)
        floors = heights(axes, "control_shuffled")
        assert floors == pytest.approx([0.08] * 24)
        controls = heights(axes, "control_same_category")
        assert controls == pytest.approx([0.15] * 24)


def test_fig_12_says_how_many_neurons_are_at_the_ends(drawn):
    ends = [text.get_text() for text in marked(drawn("12"), "end")]
    # By the law, one of six neurons at each end.
    assert ends == ["17"] * 48


def test_fig_3a_has_the_bands_of_the_paper(drawn):
    left, right = (
        band.get_extents().transformed(band.axes.transData.inverted())
        for band in marked(drawn("3a"), "band")[:2]
    )
    assert (left.y0, left.y1) == pytest.approx((1, 20))
    assert (right.y0, right.y1) == pytest.approx((10, 20))


def test_figures_are_written_and_what_is_missing_is_returned(runs, tmp_path):
    numbers, formats = ["5b", "3c"], ("png", "svg")
    drawn, left_out = draw_figures(runs, tmp_path / "new", numbers, formats)
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["fig5b.png", "fig5b.svg"]
    assert drawn == {"5b": []}
    assert left_out["3c"][0] == "imagenet: every run"
    drawn, left_out = draw_figures(
        runs, tmp_path, ["3c"], ("svg",), is_complete=True
    )
    assert (tmp_path / "fig3c.svg").exists() and not left_out
    assert drawn["3c"][0] == "imagenet: every run"


def test_an_unknown_figure_or_format_is_an_error(runs, tmp_path):
    with pytest.raises(ValueError, match="Figures: 1a, 1b.*figure=15$"):
        draw_figure("15", {})
    with pytest.raises(ValueError, match="Formats: png, pdf, svg.*format=gif$"):
        draw_figures(runs, tmp_path, ["2c"], ("gif",))
    with pytest.raises(ValueError, match="width=30$"):
        draw_figures(runs, tmp_path, ["2c"], width=30)
    assert not [*tmp_path.iterdir()]


def test_the_paradigm_never_trains_transformed_images_of_unseen_categories():
    figure = draw_figure("1a", {})
    (axes,) = figure.axes
    # Two people each: seen original, transformed and tested; unseen original
    # and tested.
    assert len(axes.images) == 10
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("never") == 1
    assert "within-category\naccuracy" in texts
    assert "across-category\naccuracy" in texts


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
