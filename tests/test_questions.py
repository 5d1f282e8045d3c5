"""What the paper left open: pictures and verdicts from tables of runs."""

import dataclasses
import itertools
import warnings

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from made_up_runs import OF_EVERY_RUN, made_up_runs
from matplotlib.legend import Legend
from scipy import stats

from invariance_tf import load_runs
from invariance_tf.drawing import style
from invariance_tf.paper.figures.by_number import (
    count_left_out,
    draw_figures,
)
from invariance_tf.paper.questions.catalogue import (
    QUESTIONS,
    draw_question,
    judge_question,
)
from invariance_tf.paper.questions.verdicts import judge_differences, p_value
from invariance_tf.paper.studies import find_studies
from invariance_tf.paper.tables import KEYS, Runs, save_runs

TRANSFORMS = ("highpass", "rotate90")
SEEDS = (0, 1, 2)
# Of each seed; they sum up to 0, so that means are those of the laws.
NOISE = {0: -0.01, 1: 0.0, 2: 0.01}
OF_KIND = {"highpass": 1.0, "rotate90": 0.5}


def make_runs(*variants, **tables):
    """Makes a run for each variant, transformation and seed.

    Args:
        *variants: Dictionaries of columns of `runs`; values may be functions
            of transform and seed.
        **tables: Functions of the row of a run that return dictionaries, rows
            of the table of that name.
    """
    runs = []
    for number, (variant, transform, seed) in enumerate(
        itertools.product(variants, TRANSFORMS, SEEDS)
    ):
        row = dict.fromkeys(KEYS, "00000000") | OF_EVERY_RUN
        row |= {"run": f"r{number}", "run_dir": f"r{number}", "n_seen": 20}
        row |= {"dataset": "synthfaces", "data_name": "synthfaces"}
        row |= {"network": "alexnet_small", "num_categories": 40}
        row |= {"transform": transform, "seed": seed, "evaluate_on": "trained"}
        row |= dict.fromkeys(
            ("within_accuracy", "across_accuracy", "invariance_seen")
            + ("invariance_unseen", "corrected_invariance_unseen"),
            0.5,
        )
        row["invariance_floor_unseen"] = 0.2
        runs.append(
            row
            | {
                name: value(transform, seed) if callable(value) else value
                for name, value in variant.items()
            }
        )
    made = {
        name: pd.DataFrame(
            {key: row[key] for key in KEYS} | more
            for row in runs
            for more in function(row)
        )
        for name, function in tables.items()
    }
    empty = {
        field.name: pd.DataFrame(columns=[*KEYS])
        for field in dataclasses.fields(Runs)[1:10]
    }
    return Runs(**{**empty, **made, "runs": pd.DataFrame(runs)})


def strengths_of(row):
    """Both measures fall by distance from the trained strength, 2."""
    kind, noise = OF_KIND[row["transform"]], NOISE[row["seed"]]
    for strength, group in itertools.product(
        (1.0, 2.0, 3.0, 4.0), ("seen", "unseen", "all")
    ):
        fall = kind * 0.1 * abs(strength - 2)
        yield {
            "parameter": "sigma",
            "strength": strength,
            "is_trained": strength == 2,
            "category_group": group,
            "num_images": 600,
            "accuracy": 0.8 - fall + noise * (strength != 2),
            "mean_invariance": 0.6 - fall,
            "mean_control_shuffled": 0.2,
            # Higher on the strong side, lower on the weak one.
            "mean_corrected_invariance": 0.5
            + 0.1 * (strength - 2)
            + noise * (strength != 2),
        }


def ablation_of(row):
    """Specialised neurons cost twice what their controls cost."""
    yield from (
        {"criterion": "none", "value": np.nan, "ablated": "none"}
        | {"image_version": version, "category_group": "seen"}
        | {"layer": "fc6", "accuracy": 0.9, "share_ablated": 0.0}
        for version in ("original", "transformed")
    )
    for percent, version, of, control in itertools.product(
        (5, 10, 20, 30),
        ("original", "transformed"),
        ("original", "transformed"),
        (False, True),
    ):
        cost = percent / 100 * (1 if of == version else 0.1)
        cost *= OF_KIND[row["transform"]] * (0.5 if control else 1)
        yield {
            "criterion": "specialised_percent",
            "value": percent,
            "ablated": f"matched_{of}" if control else of,
            "image_version": version,
            "category_group": "seen",
            "layer": "fc6",
            "accuracy": 0.9 - cost + (NOISE[row["seed"]] if control else 0),
            "share_ablated": percent / 100,
        }


def in_group_of(row):
    values = {"joint": 0.7, "two_step": 0.7, "prototypes": 0.5}
    value = values.get(row["paradigm"], 0.9)
    for group in ("seen", "unseen"):
        yield {
            "test_transform": row["transform"],
            "category_group": group,
            "num_images": 600,
            "accuracy": 0.3,
            "accuracy_in_group": value
            + NOISE[row["seed"]] * (row["paradigm"] != "joint"),
        }


PAIR = ",".join(TRANSFORMS)
COMPOSED = "+".join(TRANSFORMS)


def several_of(row):
    """Each is easier beside another; that carries over to its categories."""
    trained = row["transform"].split(",")
    noise = NOISE[row["seed"]] * (len(trained) > 1)
    groups = ["seen", "unseen", "all"]
    groups += ["other"] * (row["seen_sets"] == "disjoint")
    for name, group in itertools.product(trained, groups):
        accuracy = {"highpass": 0.7, "rotate90": 0.4, COMPOSED: 0.1}[name]
        accuracy += 0.1 * (len(trained) - 1) + 0.2 * (group == "other")
        yield {
            "test_transform": name,
            "category_group": group,
            "num_images": 600,
            "accuracy": accuracy + noise * (group != "other"),
        }


def layers_of_several(row):
    trained = row["transform"].split(",")
    for name, group in itertools.product(trained, ("seen", "unseen")):
        yield {
            "test_transform": name,
            "layer": "fc6",
            "category_group": group,
            "tau": 0.1,
            "mean_invariance": 0.2 * len(trained),
            "mean_corrected_invariance": 0.1 * len(trained),
        }


def clusters_of(row):
    numbers = range(1, 9) if "," in row["transform"] else ()
    for layer, number in itertools.product(("conv1", "fc6"), numbers):
        share = 1 - 1 / number
        yield {
            "layer": layer,
            "num_neurons": 100,
            "num_clusters": number,
            "is_chosen": number == 2,
            "explained": share + NOISE[row["seed"]],
            "shuffled_mean": 0.4 * share,
            "shuffled_std": 0.02,
            "correlated_mean": share,
            "correlated_std": 0.02,
        }


def layers_of(row):
    num_steps = 4 if row["network_args"] in ("{}", BU) else 1
    for layer, step in itertools.product((1, 2), range(1, num_steps + 1)):
        yield {
            "test_transform": row["transform"],
            "layer": f"conv{layer}_step{step}",
            "category_group": "unseen",
            "tau": 0.1,
            "mean_invariance": 0.1 * layer + 0.1 * step,
            "mean_control_shuffled": 0.1,
            "mean_corrected_invariance": 0.05 * layer * step
            + NOISE[row["seed"]] * (step > 1),
        }


BU = '{"connections": "BU"}'
B = '{"connections": "B"}'


def rising(size):
    """Accuracy rises by .1 for each doubling beyond 1000, half for rotations"""

    def law(transform, seed):
        doublings = np.log2(size / 1000)
        return 0.2 + doublings * (OF_KIND[transform] * 0.1 + NOISE[seed])

    return law


def made_up():
    """Runs that answer each question."""
    paradigms = ("joint", "two_step", "two_step_head", "prototypes")
    widths = {"0.5": 1000, "1.0": 2000, "2.0": 8000}
    return {
        "strengths": make_runs({}, strengths=strengths_of),
        "several": (
            several := make_runs(
                *({}, {"transform": PAIR}, {"transform": COMPOSED}),
                {"transform": PAIR, "seen_sets": "disjoint"},
                accuracy=several_of,
                layers=layers_of_several,
                clusters=clusters_of,
            )
        ),
        "clusters": several,
        "specialists": make_runs({}, ablation=ablation_of),
        "paradigms": make_runs(
            *({"paradigm": name} for name in paradigms), accuracy=in_group_of
        ),
        "capacity": make_runs(
            *(
                {
                    "network_args": f'{{"width": {width}}}',
                    "num_parameters": float(size),
                    "across_accuracy": rising(size),
                    "corrected_invariance_unseen": 0.3,
                }
                for width, size in widths.items()
            )
        ),
        "recurrence": make_runs(
            *(
                {
                    "network": "bl_small",
                    "network_args": args,
                    "num_parameters": size,
                    "across_accuracy": law,
                }
                for args, size, law in (
                    ("{}", 175e3, lambda name, seed: 0.6 + NOISE[seed]),
                    (B, 88e3, 0.5),
                    (BU, 650e3, lambda name, seed: 0.6 + 10 * NOISE[seed]),
                )
            ),
            layers=layers_of,
        ),
        "scale": make_runs(
            *(of_size(*size) for size in SIZES), accuracy=all_tested
        ),
    }


# People and training images of each.
SIZES = ((20, 120), (40, 120), (80, 120), (40, 30), (40, 60), (80, 60))


def of_size(people, images):
    """A tenth for each doubling of images, half of it for one of people."""
    doublings = np.log2(images / 30) + np.log2(people / 20) / 2

    def law(transform, seed):
        kind = OF_KIND[transform]
        return doublings * (0.1 * kind + NOISE[seed])

    return {
        "setup": f"{people}-{images}",
        "num_categories": people,
        "n_seen": people * 9 // 10,
        "num_images": people * (images + 30),
        "across_accuracy": law,
    }


def all_tested(row):
    yield {
        "test_transform": "identity",
        "category_group": "all",
        "num_images": 30 * row["num_categories"],
        "accuracy": 0.9,
    }


@pytest.fixture(scope="module")
def answers():
    return made_up()


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title("left") == title)


def marked(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def line(axes, label):
    return next(one for one in axes.lines if one.get_label() == label)


# Verdicts. Noise of the seeds is -.01, 0 and .01: its standard deviation is
# .01, and the interval of its mean +- t(.975, 2) .01 / sqrt(3).
HALF = stats.t.ppf(0.975, 2) * 0.01 / np.sqrt(3)


@pytest.mark.parametrize(
    "name, words, effect, half",
    [
        # Mean of .1 and .05, and of (.1 + .2) / 2 and half of it.
        ("strengths", "accuracy, at lower strengths", -0.075, HALF),
        ("strengths", "accuracy, at higher strengths", -0.1125, HALF),
        ("strengths", "corrected invariance, at lower", -0.1, HALF),
        ("strengths", "corrected invariance, at higher", 0.15, HALF),
        ("several", "across, with 1 other minus alone", 0.1, HALF),
        ("several", "across, with 1 other, disjoint minus", 0.1, HALF),
        ("several", "corrected invariance, unseen, with 1 other minus", 0.1, 0),
        ("several", "accuracy, seen with another minus unseen", 0.2, HALF),
        # At 20 %, half of .2 and of .1; a tenth of it on other images.
        ("specialists", "lost beyond the control, transformed images", 0.075)
        + (HALF,),
        ("specialists", "lost beyond the control, original images", 0.0075)
        + (HALF,),
        # The same noise on both cancels out.
        ("specialists", "lost beyond the control, transformed minus", 0.0675)
        + (0,),
        ("paradigms", "across, two steps minus", 0, 0),
        ("paradigms", "across in group, two steps minus", 0, HALF),
        ("paradigms", "across in group, two steps, last", 0.2, HALF),
        ("paradigms", "across in group, prototypes minus", -0.2, HALF),
        ("capacity", "across, per doubling of a small AlexNet", 0.075, HALF),
        ("capacity", "corrected invariance, unseen, per doubling", 0, 0),
        # The mean of .1 and .05; half of it.
        ("scale", "across, per doubling of images of each, 40", 0.075, HALF),
        ("scale", "across, per doubling of categories, 120", 0.0375, HALF / 2),
        ("recurrence", "across, BL minus B", 0.1, HALF),
        ("recurrence", "across, BL minus BU", 0, 9 * HALF),
        # .05 of 2 layers times 4 - 1 steps.
        ("recurrence", "corrected invariance of conv2, last", 0.3, HALF),
    ],
)
def test_effects_are_those_that_the_tables_were_made_with(
    name, words, effect, half, answers
):
    found = next(
        one
        for one in judge_question(name, answers[name])
        if one.words.startswith(words)
    )
    assert found.found.effect == pytest.approx(effect, abs=1e-9)
    assert found.found.high - effect == pytest.approx(half, abs=1e-9)
    assert effect - found.found.low == pytest.approx(half, abs=1e-9)
    assert (found.num_seeds, found.num_transforms) == (3, 2)
    # Noise is far smaller than any effect that the laws have.
    expected = "undecided"
    if abs(effect) > 3 * half + 1e-6:
        expected = "higher" if effect > 0 else "lower"
    assert found.verdict == expected
    shown = {"higher": found.higher, "lower": found.lower}
    assert shown.get(expected, TRANSFORMS) == TRANSFORMS


@pytest.mark.parametrize(
    "name, words, effect",
    [
        # .1, and the rotation alone has .4.
        ("several", "across, one after the other minus the harder", -0.3),
        ("clusters", "variance between two clusters, neurons minus sh", 0.3),
        ("clusters", "variance between two clusters, neurons minus made", 0.0),
    ],
)
def test_effects_on_networks_of_several_are_those_of_the_tables(
    name, words, effect, answers
):
    found = next(
        one
        for one in judge_question(name, answers[name])
        if one.words.startswith(words)
    )
    assert found.found.effect == pytest.approx(effect, abs=1e-9)
    assert (found.num_seeds, found.num_transforms) == (3, 1)


def test_several_are_drawn_by_way_of_training(answers):
    figure = draw_question("several", answers["several"])
    axes = panel(figure, "Rotation 90°")
    for group, expected in (
        ("unseen categories", [0.4, 0.5, 0.5]),
        ("categories seen with another transformation", [None, None, 0.7]),
    ):
        heights = line(axes, group).get_ydata()
        expected = np.array(expected, float)
        np.testing.assert_allclose(heights, expected, atol=1e-9)
    below = next(
        axes
        for axes in figure.axes
        if axes.get_ylabel() == "corrected invariance"
    )
    labels = [text.get_text() for text in below.get_xticklabels()]
    assert labels == ["alone", "1 other", "1 other, disjoint"]


def test_the_legend_of_several_is_inside_a_narrow_figure(answers):
    figure = draw_question("several", answers["several"], style.COLUMN)
    figure.draw_without_rendering()
    (legend,) = figure.findobj(Legend)
    box = legend.get_window_extent()
    assert 0 <= box.x0 and box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("name", ["several", "paradigms", "specialists"])
def test_a_directory_of_images_is_called_by_its_name(name, answers):
    runs = answers[name]
    table = runs.runs.assign(dataset="folder", data_name="objects")
    runs = dataclasses.replace(runs, runs=table)
    title = draw_question(name, runs).get_suptitle()
    assert title.replace("\n", " ").endswith(": objects")


def test_clusters_name_the_number_that_each_network_has(answers):
    figure = draw_question("clusters", answers["clusters"])
    axes = panel(figure, "fc6: 2, 2, 2, 2, 2, 2")
    heights = line(axes, "neurons").get_ydata()
    np.testing.assert_allclose(heights, [1 - 1 / k for k in range(1, 9)])


def test_a_verdict_counts_how_much_was_asked():
    """Holm: of two p values of .03 none is below .05 / 2; of one, it is."""
    t = stats.t.isf(0.03 / 2, 2)
    values = 0.01 * (np.sqrt(3) * np.array([-1, 0, 1]) + t)
    keys = [("blur", seed) for seed in SEEDS]
    index = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    one = pd.Series(values, index)
    (alone,) = judge_differences({"a": one})
    assert p_value(alone.found) == pytest.approx(0.03)
    assert stats.ttest_1samp(values, 0).pvalue == pytest.approx(0.03)
    assert alone.verdict == "higher"
    verdicts = judge_differences({"a": one, "b": -one})
    assert [found.verdict for found in verdicts] == ["undecided"] * 2
    # The second of two has the whole level left.
    verdicts = judge_differences(
        {"a": one, "b": -1000 * one.abs().mean() + one}
    )
    assert [found.verdict for found in verdicts] == ["higher", "lower"]


def test_the_seeds_that_would_decide_are_the_fewest_that_exclude_0():
    keys = [("blur", seed) for seed in SEEDS]
    index = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    values = pd.Series([-0.01, 0.02, 0.05], index)
    (found,) = judge_differences({"a": values})
    assert found.verdict == "undecided"

    def is_decided(count):
        half = stats.t.ppf(0.975, count - 1) * values.std() / np.sqrt(count)
        return half < values.mean()

    count = int(found.seeds_needed)
    assert is_decided(count) and not is_decided(count - 1)
    (found,) = judge_differences({"a": values - values.mean()})
    assert found.seeds_needed == np.inf


def test_of_equal_trainings_the_one_whose_neurons_were_measured_counts(answers):
    runs = answers["capacity"]
    expected = judge_question("capacity", runs)
    twins = runs.runs.assign(
        run="again-" + runs.runs.run,
        evaluate_on="all",
        tau=np.nan,
        corrected_invariance_unseen=np.nan,
    )
    both = dataclasses.replace(runs, runs=pd.concat([twins, runs.runs]))
    assert judge_question("capacity", both) == expected


def test_without_seeds_or_runs_nothing_is_decided():
    index = pd.MultiIndex.from_tuples(
        [("blur", 0)], names=["transform", "seed"]
    )
    one, none = judge_differences(
        {"one": pd.Series([0.5], index), "none": pd.Series([np.nan], index)}
    )
    for found in (one, none):
        assert found.verdict == "undecided" and np.isnan(found.seeds_needed)
        assert found.higher == found.lower == ()
    assert one.found.effect == 0.5 and np.isnan(none.found.effect)
    # Of the two transformations one has a single seed so far.
    keys = [("blur", 0), ("blur", 1), ("hue", 5)]
    index = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    (found,) = judge_differences({"a": pd.Series([0.1, 0.2, 0.3], index)})
    assert found.found.degrees == 1 and np.isnan(found.seeds_needed)


# Which runs.


def test_runs_of_another_set_up_or_strength_are_not_mixed_in(answers):
    runs = answers["capacity"]
    shown = QUESTIONS["capacity"].select(runs).run
    assert {*shown} == {*runs.runs.run}
    few = runs.runs.seed == 0
    for column, value in (
        ("setup", "another"),
        ("transform_args", '{"sigma": 9}'),
        ("paradigm", "two_step"),
        ("network", "bl_small"),
        ("n_seen", 0),
        ("num_parameters", np.nan),
    ):
        changed = runs.runs.assign(
            **{column: runs.runs[column].where(~few, value)}
        )
        changed = dataclasses.replace(runs, runs=changed)
        shown = QUESTIONS["capacity"].select(changed)
        assert {*shown.run} == {*runs.runs.run[~few]}, column


def test_a_training_that_was_done_twice_counts_once(answers):
    runs = answers["capacity"].runs
    # A width of 1 is what no option means.
    is_default = runs.network_args == '{"width": 1.0}'
    again = runs[is_default].assign(run="again", network_args="{}")
    table = pd.concat([runs, again], ignore_index=True)
    both = dataclasses.replace(answers["capacity"], runs=table)
    assert len(QUESTIONS["capacity"].select(both)) == len(runs)


def test_conditions_are_drawn_and_judged_apart(answers):
    runs = answers["specialists"]
    more = runs.runs.assign(run=runs.runs.run + "x", n_seen=36)
    rows = runs.ablation.assign(run=runs.ablation.run + "x", n_seen=36)
    both = dataclasses.replace(
        runs,
        runs=pd.concat([runs.runs, more], ignore_index=True),
        ablation=pd.concat([runs.ablation, rows], ignore_index=True),
    )
    figure = draw_question("specialists", both)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles.count("High-pass") == 2
    found = judge_question("specialists", both)
    assert len(found) == 6
    assert found[3].words == (
        "small AlexNet, 36 of 40 categories seen transformed: lost beyond the "
        "control, transformed images"
    )


def test_the_paper_s_figures_are_of_joint_training(answers):
    runs = answers["paradigms"]
    studies, left_out = find_studies(runs)
    assert {*studies["faces"].runs.paradigm} == {"joint"}
    assert left_out[
        runs.runs.run[runs.runs.paradigm == "two_step"].iloc[0]
    ] == ("the paradigm two_step")
    # The question shows them.
    assert not count_left_out(runs)


# Figures.


@pytest.mark.slow
@pytest.mark.parametrize("width", [style.PAGE, style.COLUMN])
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_figure_with_room_for_its_parts(
    name, width, answers
):
    figure = draw_question(name, answers[name], width)
    assert figure.get_size_inches()[0] == width
    sizes = [
        text.get_fontsize()
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_text().strip()
    ]
    assert min(sizes) >= 5
    assert "_" not in figure.get_suptitle()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    assert [str(each.message) for each in found] == []
    assert QUESTIONS[name].description.endswith(".")


def test_strengths_show_means_seeds_and_the_trained_strength(answers):
    figure = draw_question("strengths", answers["strengths"])
    above = panel(figure, "Rotation 90°")
    seen = line(above, "seen categories")
    np.testing.assert_allclose(seen.get_xdata(), [1, 2, 3, 4], atol=0.03)
    np.testing.assert_allclose(seen.get_ydata(), [0.75, 0.8, 0.75, 0.7])
    trained = [one.get_xdata()[0] for one in marked(above, "trained")]
    assert trained == [2]
    seeds = marked(above, "seeds")[0]
    np.testing.assert_allclose(
        seeds.get_ydata()[:3], 0.75 + np.array([*NOISE.values()])
    )
    # 95 % intervals of the mean.
    low, high = above.collections[0].get_segments()[0][:, 1]
    assert (high - low) / 2 == pytest.approx(HALF)


def test_specialists_show_what_is_lost(answers):
    figure = draw_question("specialists", answers["specialists"])
    axes = panel(figure, "High-pass")
    lost = line(axes, "specialised to transformed").get_ydata()
    np.testing.assert_allclose(lost, [0.05, 0.1, 0.2, 0.3], atol=1e-9)
    controls = [
        one for one in axes.lines if one.get_label() == "their controls"
    ]
    np.testing.assert_allclose(
        controls[0].get_ydata(), [0.025, 0.05, 0.1, 0.15], atol=1e-9
    )


def test_specialists_may_stand_beside_networks_trained_with_several(answers):
    def ablation_of_several(row):
        for name in row["transform"].split(","):
            yield from ablation_of(row | {"transform": name})

    runs = make_runs({}, {"transform": PAIR}, ablation=ablation_of_several)
    expected = judge_question("specialists", answers["specialists"])
    assert judge_question("specialists", runs) == expected


def test_paradigms_show_their_accuracies_and_chance(answers):
    figure = draw_question("paradigms", answers["paradigms"])
    axes = panel(figure, "High-pass")
    found = line(axes, "prototypes").get_ydata()
    np.testing.assert_allclose(found, [0.9, 0.5, 0.5, 0.5])
    chance = [one.get_segments()[0][0, 1] for one in marked(axes, "chance")]
    # Of 40 categories; of the 20 unseen ones.
    assert chance == [1 / 40] * 3 + [1 / 20]


def test_capacity_is_drawn_against_the_parameters(answers):
    figure = draw_question("capacity", answers["capacity"])
    axes = figure.axes[0]
    rotation = line(axes, "Rotation 90°")
    sizes = np.array([1000, 2000, 8000])
    np.testing.assert_allclose(rotation.get_xdata() / sizes, 1, atol=0.05)
    np.testing.assert_allclose(rotation.get_ydata(), [0.2, 0.25, 0.35])
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["width 0.5: 1 k", "small AlexNet: 2 k", "width 2: 8 k"]
    assert axes.get_xscale() == "log"


def test_scale_has_a_panel_where_one_number_varies(answers):
    figure = draw_question("scale", answers["scale"])
    # Of 80 people there are only two numbers of images.
    assert [axes.get_title("left") for axes in figure.axes if axes.lines] == [
        *("40 categories", "120 images of each")
    ]
    images = panel(figure, "40 categories")
    people = panel(figure, "120 images of each")
    high_pass = line(images, "High-pass")
    np.testing.assert_allclose(
        high_pass.get_xdata() / [30, 60, 120], 1, atol=0.05
    )
    np.testing.assert_allclose(high_pass.get_ydata(), [0.05, 0.15, 0.25])
    (chance,) = marked(people, "chance")
    np.testing.assert_allclose(chance.get_ydata(), [1 / 20, 1 / 40, 1 / 80])


def test_runs_of_another_recipe_are_not_compared_by_scale(answers):
    runs = answers["scale"]
    few = runs.runs.seed == 0
    for column, value in (("recipe", "another"), ("paradigm", "two_step")):
        changed = runs.runs.assign(
            **{column: runs.runs[column].where(~few, value)}
        )
        changed = dataclasses.replace(runs, runs=changed)
        shown = QUESTIONS["scale"].select(changed)
        assert {*shown.run} == {*runs.runs.run[~few]}, column


def test_recurrence_shows_networks_and_time_steps(answers):
    runs = answers["recurrence"]
    of_b = runs.layers.run.isin(runs.runs.run[runs.runs.network_args == B])
    layers = runs.layers.assign(
        layer=runs.layers.layer.mask(of_b, "conv1b_step1")
    )
    figure = draw_question(
        "recurrence", dataclasses.replace(runs, layers=layers)
    )
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["BL\n175 k", "B\n88 k", "BU\n650 k"]
    axes = panel(figure, "Rotation 90°, BU")
    np.testing.assert_allclose(
        line(axes, "conv2").get_ydata(), [0.1, 0.2, 0.3, 0.4]
    )
    # One time step is no course, and its layers are not in the legend.
    titles = [axes.get_title("left") for axes in figure.axes]
    assert "Rotation 90°, B" not in titles
    legends = figure.findobj(Legend)
    texts = [text.get_text() for one in legends for text in one.get_texts()]
    assert texts == ["High-pass", "Rotation 90°", "conv1", "conv2"]


def test_recurrent_networks_without_measured_layers_are_compared(answers):
    runs = answers["recurrence"]
    runs = dataclasses.replace(runs, layers=runs.layers.iloc[:0])
    figure = draw_question("recurrence", runs)
    assert not [axes for axes in figure.axes if "BL" in axes.get_title("left")]
    assert [one.words for one in judge_question("recurrence", runs)] == [
        "across, BL minus B",
        "across, BL minus BU",
    ]


def test_questions_are_drawn_from_collected_tables(answers, tmp_path):
    runs = answers["recurrence"]
    save_runs(runs, tmp_path / "tables")
    again = load_runs(tmp_path / "tables")
    names = [*QUESTIONS]
    drawn, left_out = draw_figures(again, tmp_path, names, ("svg",))
    assert drawn == {"recurrence": []}
    assert (tmp_path / "recurrence.svg").exists()
    assert left_out["capacity"] == [
        "made by invariance-tf sweep configs/sweeps/capacity.yaml"
    ]
    expected = judge_question("recurrence", runs)
    found = judge_question("recurrence", again)
    for one, other in zip(expected, found, strict=True):
        assert one.verdict == other.verdict
        assert one.found.effect == pytest.approx(other.found.effect, abs=2**-13)


@pytest.mark.parametrize("name", QUESTIONS)
def test_other_tables_and_none_at_all_answer_no_question(name, tmp_path):
    runs = made_up_runs(transforms=("blur",), n_seen=(20,), num_neurons=2)
    for some in (runs, load_runs(tmp_path)):
        assert not len(QUESTIONS[name].select(some))
        assert judge_question(name, some) == []
