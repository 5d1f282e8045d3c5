"""Panels of the appendix, gaps in the figures, and what fills them."""

import dataclasses

import numpy as np
import pytest
from made_up_runs import (
    TAUS,
    TOP_PERCENTS,
    TRANSFORMATIONS,
    invariance,
    made_up_runs,
    within,
)
from matplotlib.legend import Legend
from matplotlib.text import Text
from test_paper_figures import is_inside, lines_of, marked, panel

from invariance_tf.drawing import style
from invariance_tf.paper.figures.by_number import (
    FIGURES,
    draw_figure,
    draw_figures,
    missing_runs,
)
from invariance_tf.paper.studies import find_studies
from invariance_tf.paper.tables import KEYS, load_runs

DATA_FIGURES = [number for number in FIGURES if number[0] != "1"]
# One of those that are drawn by the same function.
KINDS = ("2a", "2c", "3a", "3b", "4a", "5a", "5b", "6", "7", "8", "11", "12")


@pytest.fixture(scope="module")
def runs():
    return made_up_runs(n_seen=(1, 20), num_neurons=6)


@pytest.fixture(scope="module")
def few(runs):
    """Runs of a study of one's own, which are drawn in less time."""
    chosen = ("identity", "blur", "rotate90")
    return runs.select(runs.runs["transform"].isin(chosen))


@pytest.fixture(scope="module")
def studies(runs):
    return find_studies(runs)[0]


@pytest.fixture(scope="module")
def old():
    """Runs of two transformations, measured before there were floors."""
    runs = made_up_runs(transforms=("grayscale", "rotate90"), n_seen=(1, 20))
    new = ["mean_control_shuffled", "mean_corrected_invariance"]
    return dataclasses.replace(runs, layers=runs.layers.drop(columns=new))


@pytest.fixture(scope="module")
def corrected(old):
    """The same with floors of layers and with corrected invariance."""

    def correct(invariance, floor=0.08):
        return (invariance - floor) / (1 - floor)

    layers = old.layers
    tables = {
        "runs": old.runs.assign(
            corrected_invariance_all=correct(old.runs.invariance_all)
        ),
        "layers": layers.assign(
            mean_control_shuffled=0.08,
            mean_corrected_invariance=correct(layers.mean_invariance),
        ),
    }
    return find_studies(dataclasses.replace(old, **tables))[0]


def without(runs, **values):
    """Leaves out the runs that have all the values."""
    is_out = np.ones(len(runs.runs), bool)
    for column, value in values.items():
        is_out &= (runs.runs[column] == value).to_numpy()
    return find_studies(runs.select(~is_out))[0]


def test_fig_5a_shows_mean_invariance_and_both_controls(studies):
    axes = panel(draw_figure("5a", studies), "geometric")
    line = lines_of(axes)["Rotation 90°"]
    means = [
        np.mean([invariance("rotate90", n / 40, s, "all") for s in (0, 1)])
        for n in (1, 20, 40)
    ]
    assert line.get_ydata() == pytest.approx(means)
    (control,) = marked(axes, "control_same_category")
    assert control.get_ydata() == pytest.approx([0.15] * 3)


@pytest.mark.parametrize(
    ("number", "label"),
    [
        ("4a", "J"),
        ("5a", "corrected J"),
        ("9", "J"),
        ("11", "both:\ncorrected J"),
    ],
)
def test_invariance_corrected_for_its_floor_is_drawn_where_it_was_measured(
    number, label, corrected, old
):
    def panels(figure):
        return [axes for axes in figure.axes if axes.get_ylabel() == label]

    found = panels(draw_figure(number, corrected))
    assert found and not panels(draw_figure(number, find_studies(old)[0]))
    values = [
        value
        for line in found[0].lines
        if line.get_gid() == "seeds"
        for value in line.get_ydata()
    ]
    laws = [
        invariance("grayscale", n / 40, seed, group)
        for n in (1, 20, 40)
        for seed in (0, 1)
        for group in ("seen", "unseen", "all")
    ]
    # Of Fig. 11, layers have a third, two thirds and all of it.
    laws = np.multiply.outer(laws, [1 / 3, 2 / 3, 1]).ravel()
    expected = (laws - 0.08) / (1 - 0.08)
    for value in values[:6]:
        assert np.isclose(value, expected).any()
    assert found[0].get_ylim()[0] < min(values)


def test_fig_11_shows_the_floor_of_every_layer(corrected):
    figure = draw_figure("11", corrected)
    floors = marked(figure, "mean_control_shuffled")
    assert len(floors) == 3 * 2
    assert floors[0].get_ydata() == pytest.approx([0.08] * 3)
    # What is corrected for it can be below 0; a row of panels has one axis.
    (limits,) = {axes.get_ylim() for axes in figure.axes[-2:]}
    table = corrected["faces"].layers
    assert limits[0] < table.mean_corrected_invariance.min() < 0


def test_the_legends_of_fig_11_are_inside_a_narrow_figure():
    runs = made_up_runs(transforms=("blur",), n_seen=(1, 12, 20, 36))
    figure = draw_figure("11", find_studies(runs)[0], style.COLUMN)
    figure.draw_without_rendering()
    legends = figure.findobj(Legend)
    labels = [[text.get_text() for text in each.texts] for each in legends]
    assert labels == [
        ["1", "12", "20", "36", "40"],
        ["floor S: T of an image of another category"],
    ]
    assert all(is_inside(each, figure) for each in legends)


@pytest.mark.parametrize("number, num_networks", [("5b", 72), ("5c", 48)])
def test_each_dot_is_a_network(number, num_networks, studies):
    figure = draw_figure(number, studies)
    axes = figure.axes[0]
    dots = [line for line in axes.lines if line.get_gid() != "regression"]
    assert sum(len(line.get_xdata()) for line in dots) == num_networks
    measure = "within_accuracy" if number == "5b" else "across_accuracy"
    table = studies["faces"].runs.query("n_seen > 0").dropna(subset=measure)
    r = np.corrcoef(table.invariance_all, table[measure])[0, 1]
    (text,) = marked(figure, "correlation")
    assert text.get_text().startswith(f"r = {r:.2f} (".replace("-", "−"))
    assert text.get_text().endswith(f"n = {num_networks} networks")
    (line,) = marked(figure, "regression")
    slope, intercept = np.polyfit(table.invariance_all, table[measure], 1)
    assert line.get_ydata() == pytest.approx(
        intercept + slope * line.get_xdata()
    )


def test_a_correlation_over_few_transformations_has_no_interval(runs):
    for number, has_interval in ((5, False), (6, True)):
        chosen = runs.runs["transform"].isin(TRANSFORMATIONS[:number])
        (text,) = marked(
            draw_figure("5c", find_studies(runs.select(chosen))[0]),
            "correlation",
        )
        assert (" to " in text.get_text()) == has_interval


def test_fig_6_has_the_papers_quadrants_for_every_number_of_seen(studies):
    figure = draw_figure("6", studies)
    axes = panel(figure, "Vertical")
    percent = axes.images[0].get_array()
    # By the law, one seen category of 40: unseen ones are taken for seen ones
    # in 97.5 %.
    assert percent[0, 1] == pytest.approx(97.5)
    assert percent[1, 1] == pytest.approx(2.5)
    table = studies["faces"].confusion.query(
        "transform == 'vertical' and n_seen == 20 and category_group == 'seen'"
    )
    assert percent[0, 3] == pytest.approx(table.percent_as_seen.mean())
    # Nobody is unseen where all are seen.
    assert percent.mask[:, 7].all()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["taken for seen", "taken for unseen"]
    first = panel(figure, "Grayscale")
    texts = [text.get_text() for text in first.texts]
    assert {"1", "20", "40", "seen categories (of 40)"} <= {*texts}


def test_no_number_of_seen_categories_is_left_out():
    counts = (1, 4, 12, 20, 28, 36)
    runs = made_up_runs(transforms=("blur",), n_seen=counts, num_neurons=2)
    studies = find_studies(runs)[0]
    figure = draw_figure("6", studies)
    assert panel(figure, "Blur").images[0].get_array().shape == (2, 20)
    lines = lines_of(panel(draw_figure("11", studies), "Blur"))
    assert {str(count) for count in (*counts, 40)} <= {*lines}


@pytest.mark.parametrize(
    "number, positions", [("7", len(TAUS)), ("8", len(TOP_PERCENTS))]
)
def test_ablations_show_the_networks_that_saw_all(number, positions, studies):
    figure = draw_figure(number, studies)
    criterion = "tau" if number == "7" else "top_percent"
    for ablated in ("inactive", "active"):
        axes = panel(figure, f"{ablated} neurons set to 0")
        lines = lines_of(axes)
        table = studies["faces"].ablation.query(
            "transform == 'blur' and n_seen == 40 and category_group == 'seen' "
            "and image_version == 'transformed'"
        )
        table = table[table.ablated == ablated]
        table = table[table.criterion == criterion]
        means = table.groupby("value").accuracy.mean()
        assert lines["Blur"].get_xdata() == pytest.approx(means.index)
        assert lines["Blur"].get_ydata() == pytest.approx(means)
        assert len(means) == positions
        marks = [line.get_xdata()[0] for line in marked(axes, "tau")]
        assert marks == ([0.1] if number == "7" else [])
        assert axes.get_xscale() == ("linear" if number == "7" else "log")
        # The intact network, beside where least is ablated.
        intact = marked(axes, "intact")[list(TRANSFORMATIONS).index("blur")]
        law = np.mean([within("blur", 1, seed) for seed in (0, 1)])
        assert intact.get_ydata() == pytest.approx(law)
        (chance,) = marked(axes, "chance")
        assert chance.get_ydata() == [1 / 40, 1 / 40]


def test_random_ablation_is_drawn_where_it_was_measured(runs):
    table = runs.ablation
    is_random = table.ablated == "random"
    table = table.assign(accuracy=table.accuracy.where(~is_random, 0.5))
    both = dataclasses.replace(runs, ablation=table)
    axes = panel(
        draw_figure("7", find_studies(both)[0]),
        "as many random neurons set to 0",
    )
    assert lines_of(axes)["Blur"].get_ydata() == pytest.approx([0.5] * 4)
    old = dataclasses.replace(runs, ablation=table[~is_random])
    titles = {
        axes.get_title(loc="left")
        for axes in draw_figure("7", find_studies(old)[0]).axes
    }
    assert not any("random" in title for title in titles)


def test_fig_11_shows_layers_in_the_networks_order(studies):
    figure = draw_figure("11", studies)
    line = lines_of(panel(figure, "Blur"))["20"]
    level = np.mean([invariance("blur", 0.5, s, "seen") for s in (0, 1)])
    assert line.get_ydata() == pytest.approx([level / 3, level * 2 / 3, level])
    bottom = figure.axes[-1]
    labels = [label.get_text() for label in bottom.get_xticklabels()]
    assert labels == ["conv1", "conv2", "fc6"]


def test_fig_11_asks_for_layers_where_only_one_was_measured(runs):
    layers = runs.layers[runs.layers.layer == "fc6"]
    studies = find_studies(dataclasses.replace(runs, layers=layers))[0]
    (gap,) = marked(draw_figure("11", studies), "gap")
    assert "--analysis layers" in gap.get_text()
    assert missing_runs("11", studies)[0] == (
        "faces: every transformation at every n_seen, to measure with "
        "--analysis layers"
    )


@pytest.mark.parametrize("number", DATA_FIGURES)
def test_without_any_run_there_is_a_gap_that_says_so(number, tmp_path):
    studies = find_studies(load_runs(tmp_path))[0]
    gaps = marked(draw_figure(number, studies, is_complete=True), "gap")
    assert len(gaps) == len(FIGURES[number].roles)
    assert all("no runs for" in gap.get_text() for gap in gaps)
    lacking = missing_runs(number, studies)
    for role in FIGURES[number].roles:
        assert f"{role}: every run" in lacking
    assert all("configs/sweeps/" in text for text in lacking[1::2])


@pytest.mark.parametrize("number", KINDS)
def test_figures_of_half_of_the_runs_can_be_drawn(number, few):
    # Of one seed all networks with n_seen 1, of the other none.
    is_kept = (few.runs.seed == 0) == (few.runs.n_seen < 20)
    studies = find_studies(few.select(is_kept))[0]
    figure = draw_figure(number, studies)
    assert figure.axes
    assert missing_runs(number, studies)


@pytest.mark.parametrize("number", KINDS)
def test_runs_whose_neurons_were_not_measured_leave_gaps(number, few):
    names = ("neurons", "layers", "active_counts", "ablation")
    empty = {name: getattr(few, name)[[*KEYS]].iloc[:0] for name in names}
    unknown = dict.fromkeys(
        ("tau", "invariance_all", "penultimate_layer"), None
    )
    table = few.runs.assign(**unknown)
    studies = find_studies(dataclasses.replace(few, runs=table, **empty))[0]
    draw_figure(number, studies)
    needs_neurons = number not in ("2a", "2c", "6")
    is_asked = any(
        "--analysis" in text for text in missing_runs(number, studies)
    )
    assert is_asked == needs_neurons


def test_nothing_is_missing_from_a_whole_sweep(studies):
    for number in DATA_FIGURES:
        lacking = missing_runs(number, studies)
        assert not [text for text in lacking if text.startswith("faces")]


def test_what_was_left_out_is_missing_and_its_sweep_is_named(runs):
    studies = without(runs, transform="highpass", n_seen=20)
    assert missing_runs("2c", studies) == [
        "faces: highpass at n_seen 20",
        "faces: made by invariance-tf sweep configs/sweeps/synthfaces.yaml",
    ]
    studies = without(runs, transform="highpass", n_seen=20, seed=1)
    assert (
        missing_runs("9", studies)[0] == "faces: highpass at n_seen 20 (seed 1)"
    )
    studies = without(runs, transform="blur")
    assert missing_runs("2c", studies) == []
    assert missing_runs("2c", studies, is_complete=True)[0] == (
        "faces: blur at every n_seen"
    )
    assert missing_runs("3b", studies, is_complete=True)[0] == (
        "faces: blur at n_seen 40"
    )
    studies = without(runs, n_seen=40)
    assert missing_runs("7", studies)[0] == (
        "faces: every transformation at n_seen 40"
    )
    studies = without(runs, n_seen=0)
    assert missing_runs("12", studies)[0] == "faces: identity at n_seen 0"
    assert missing_runs("2c", studies) == []


def test_transformations_may_have_seeds_of_their_own(runs):
    def rename(table):
        places = table["transform"].map([*style.LOOKS].index)
        return table.assign(seed=table.seed + 10 * places)

    tables = {
        name: rename(table)
        for name, table in runs.tables().items()
        if len(table)
    }
    own = dataclasses.replace(runs, **tables)
    studies = find_studies(own)[0]
    assert missing_runs("2c", studies) == missing_runs("3b", studies) == []
    notes = draw_figure("2c", studies).findobj(Text)
    assert any("range of the seeds (2" in text.get_text() for text in notes)
    seed = 10 * [*style.LOOKS].index("highpass") + 1
    studies = without(own, transform="highpass", n_seen=20, seed=seed)
    assert missing_runs("2c", studies)[0] == (
        f"faces: highpass at n_seen 20 (seed {seed})"
    )


def test_the_untrained_network_may_share_seeds_with_a_transformation(runs):
    offsets = {name: 10 * k for k, name in enumerate(style.LOOKS)}
    offsets["identity"] = offsets["blur"]

    def rename(table):
        return table.assign(seed=table.seed + table["transform"].map(offsets))

    own = {
        name: rename(table)
        for name, table in runs.tables().items()
        if len(table)
    }
    studies = find_studies(dataclasses.replace(runs, **own))[0]
    assert missing_runs("2c", studies) == missing_runs("3b", studies) == []
    notes = draw_figure("2c", studies).findobj(Text)
    assert any("range of the seeds (2" in text.get_text() for text in notes)


@pytest.mark.slow
@pytest.mark.parametrize("number", ["3b", "5a", "5c", "9", "11"])
def test_notes_say_where_networks_have_thresholds_of_their_own(number, runs):
    taus = np.where(runs.runs.n_seen == 20, 0.2, 0.1)
    table = runs.runs.assign(tau=taus)
    studies = find_studies(dataclasses.replace(runs, runs=table))[0]

    def notes(studies):
        texts = draw_figure(number, studies).findobj(Text)
        return " ".join(" ".join(text.get_text() for text in texts).split())

    said = "at a tau of its own, 0.1 to 0.2; claims compare networks at 0.1."
    assert said in notes(studies)
    assert "tau of its own" not in notes(find_studies(runs)[0])


def test_a_figure_needs_only_the_transformations_that_it_shows(runs):
    studies = without(runs, transform="vertical")
    assert missing_runs("4a", studies, is_complete=True) == []
    assert missing_runs("9", studies, is_complete=True)[0] == (
        "faces: vertical at every n_seen"
    )


def test_the_whole_frame_names_a_missing_transformation_in_its_place(runs):
    studies = without(runs, transform="blur")

    def draw(number):
        return draw_figure(number, studies, is_complete=True)

    axes = panel(draw("2c"), "convolutional")
    assert "Blur (missing)" in lines_of(axes)
    gaps = marked(panel(draw("4a"), "Blur"), "gap")
    assert [gap.get_text() for gap in gaps] == ["missing"] * 3
    gaps = marked(draw("3b"), "gap")
    # The network without the transformation is there.
    assert [gap.get_text() for gap in gaps] == ["missing"]


@pytest.mark.parametrize("number", KINDS)
def test_figures_of_ones_own_study_show_what_there_is(number, few):
    studies = find_studies(few)[0]
    figure = draw_figure(number, studies)
    assert not marked(figure, "gap")
    words = {text.get_text() for text in figure.findobj(Text)}
    assert not words & {"Grayscale", "Thinning", "color", "noise"}
    assert missing_runs(number, studies) == []
    assert missing_runs(number, studies, is_complete=True)


def test_a_figure_without_anything_to_show_is_not_drawn(runs, tmp_path):
    # Nobody saw all, so that Figs. 2a, 3a, 7 and 12 have nothing to show.
    few = runs.select(runs.runs.n_seen == 20)
    numbers = ["2a", "2c", "3a", "7", "12"]
    drawn, left_out = draw_figures(few, tmp_path, numbers, ("svg",))
    assert [*drawn] == ["2c"] and [*left_out] == ["2a", "3a", "7", "12"]
    assert left_out["7"][0] == "faces: every transformation at n_seen 40"


def test_a_line_breaks_where_runs_are_missing(runs):
    studies = without(runs, transform="thinning", n_seen=20)
    axes = panel(draw_figure("2c", studies), "geometric")
    values = lines_of(axes)["Thinning"].get_ydata()
    assert np.isnan(values).tolist() == [False, True, False]


def test_all_labels_are_in_words():
    labels = [style.LOOKS[name].label for name in TRANSFORMATIONS]
    assert not any("_" in label for label in labels)
    assert len({*labels}) == len(labels)
