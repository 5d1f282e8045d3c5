"""Intervals over transformations and seeds, held to least squares."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from invariance_tf.paper.claims import correlations, inference, single


def effects(generator, num_transforms=12, num_seeds=3, true=0.0, spread=1.0):
    """Effects of transformations that each have seeds of their own."""
    keys = pd.MultiIndex.from_tuples(
        [
            (f"t{t:02d}", t * num_seeds + s)
            for t in range(num_transforms)
            for s in range(num_seeds)
        ],
        names=["transform", "seed"],
    )
    noise = generator.normal(0, spread, len(keys))
    return pd.Series(true + noise, keys)


def test_the_mean_is_that_of_least_squares_with_a_level_per_transformation():
    values = effects(np.random.default_rng(0)).iloc[:-1]
    codes = values.index.get_level_values("transform").factorize()[0]
    design = np.eye(12)[codes]
    fitted, squares, *_ = np.linalg.lstsq(design, values, rcond=None)
    degrees = len(values) - 12
    covariance = np.linalg.inv(design.T @ design) * squares[0] / degrees
    contrast = np.full(12, 1 / 12)
    error = np.sqrt(contrast @ covariance @ contrast)
    half = stats.t.ppf(0.975, degrees) * error
    mean = inference.contrast(values)
    assert mean.degrees == degrees
    assert mean.effect == pytest.approx(contrast @ fitted)
    assert mean.low == pytest.approx(contrast @ fitted - half)
    assert mean.high == pytest.approx(contrast @ fitted + half)


def test_shared_seeds_are_blocks():
    generator = np.random.default_rng(1)
    table = pd.DataFrame(
        generator.normal(size=(12, 5)),
        [f"t{t}" for t in range(12)],
    )
    values = table.stack().rename_axis(["transform", "seed"])
    interval = stats.t.interval(
        0.95, 4, table.mean().mean(), stats.sem(table.mean())
    )
    mean = inference.contrast(values)
    assert (mean.low, mean.high) == pytest.approx(interval)
    assert mean.degrees == 4


def test_a_shared_seed_that_some_transformations_lack_counts_for_none():
    of_seed = {0: 0.0, 1: 0.01, 2: 0.02, 3: 0.3}
    keys = itertools.product(["blur", "rotate90", "rotate180"], of_seed)
    index = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    values = pd.Series([of_seed[seed] for _, seed in index], index)
    values = values.drop([("rotate90", 3), ("rotate180", 3)])
    # All transformations are alike.
    weights = {"blur": 1, "rotate90": -0.5, "rotate180": -0.5}
    found = inference.contrast(values, weights)
    assert (found.effect, found.low, found.high) == pytest.approx((0, 0, 0))
    assert found.degrees == 2


@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_intervals_hold_the_true_mean_in_95_percent_of_studies(shared):
    generator = np.random.default_rng(2)
    num_held = 0
    for _ in range(400):
        values = effects(generator, true=0.3)
        if shared:
            seeds = np.tile(np.arange(3), 12)
            values += shared * generator.normal(size=3)[seeds]
            names = values.index.get_level_values("transform")
            values.index = pd.MultiIndex.from_arrays(
                [names, seeds], names=["transform", "seed"]
            )
        mean = inference.contrast(values)
        num_held += mean.low < 0.3 < mean.high
    # Three standard errors of 400 draws.
    assert num_held / 400 == pytest.approx(0.95, abs=0.033)


@pytest.mark.slow
def test_transformations_of_no_effect_are_rarely_shown_to_have_one():
    generator = np.random.default_rng(3)
    wrong = sum(
        bool(single.shown(effects(generator), least=0)) for _ in range(400)
    )
    assert wrong / 400 < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 400)


@pytest.mark.slow
def test_so_they_are_where_some_transformations_vary_more_than_others():
    generator = np.random.default_rng(16)
    wrong = {"moderated": 0, "pooled": 0}
    for _ in range(400):
        spread = np.exp(generator.normal(0, 1.1, 12)).repeat(3)
        values = effects(generator) * spread
        wrong["moderated"] += bool(single.shown(values, least=0))
        variance, degrees = inference.pooled_variance(values)
        t = values.groupby("transform").mean() / np.sqrt(variance / 3)
        wrong["pooled"] += stats.t.sf(t.max(), degrees) < 0.025 / 12
    # At most twice the level; three standard errors of 400 draws.
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert wrong["moderated"] / 400 < most < wrong["pooled"] / 400


def test_variances_are_moderated_as_much_as_they_differ():
    generator = np.random.default_rng(17)
    d_0, v_0, num = 6, 2.0, 20_000
    true = d_0 * v_0 / generator.chisquare(d_0, num)
    degrees = pd.Series(generator.integers(1, 6, num))
    found = pd.Series(true * generator.chisquare(degrees) / degrees)
    moderated, total = single.moderate(found, degrees)
    prior = (total - degrees).unique()
    assert prior == pytest.approx(d_0, rel=0.1)
    assert moderated.to_numpy() == pytest.approx(
        (d_0 * v_0 + degrees * found) / (d_0 + degrees), rel=0.1
    )
    # They are nearer to the true ones than what was found, and than v_0.
    errors = [
        (np.log(guess / true) ** 2).mean() for guess in (moderated, found, v_0)
    ]
    assert errors[0] < min(errors[1:])


def test_with_shared_seeds_each_transformation_has_its_own_t_test():
    generator = np.random.default_rng(18)
    keys = pd.MultiIndex.from_product(
        [["blur", "thinning"], range(5)], names=["transform", "seed"]
    )
    values = pd.Series(generator.normal(1, 1, 10), keys)
    for name, mean in single.each_transform(values).items():
        interval = stats.ttest_1samp(values[name], 0).confidence_interval(0.975)
        assert (mean.low, mean.high) == pytest.approx(tuple(interval))


def test_holm_shows_what_bonferroni_does_and_more():
    values = effects(np.random.default_rng(4), true=3.0)
    values.loc["t00"] = values.loc["t00"].to_numpy() - 3.0
    found = single.shown(values, least=0)
    by_bonferroni = {
        name
        for name, mean in single.each_transform(values).items()
        if mean.low > 0
    }
    assert by_bonferroni <= found
    assert found == {f"t{t:02d}" for t in range(1, 12)}


def test_equivalence_needs_both_ends():
    values = effects(np.random.default_rng(5), spread=0.01)
    assert len(single.shown(values, least=-0.1, most=0.1)) == 12
    assert not single.shown(values + 0.1, least=-0.1, most=0.1)


def test_the_slope_is_polyfits():
    generator = np.random.default_rng(6)
    keys = pd.MultiIndex.from_product(
        [["blur", "thinning"], [1, 20, 50, 90], [0, 1]],
        names=["transform", "n_seen", "seed"],
    )
    values = pd.Series(generator.random(len(keys)), keys)
    found = inference.slopes(values, lambda n_seen: n_seen / 100)
    expected, _ = np.polyfit([0.01, 0.2, 0.5, 0.9], values["thinning", :, 1], 1)
    assert found["thinning", 1] == pytest.approx(expected)
    assert len(found) == 4


def test_the_correlation_within_is_that_of_residuals_of_a_linear_model():
    generator = np.random.default_rng(7)
    keys = pd.MultiIndex.from_product(
        [["blur", "hue", "thinning"], range(8)], names=["transform", "seed"]
    )
    level = np.repeat([0.0, 5.0, 10.0], 8)
    x = level + generator.normal(size=24)
    y = -2 * level + x + generator.normal(size=24)
    pairs = pd.DataFrame({"x": x, "y": y}, keys)
    dummies = np.repeat(np.eye(3), 8, axis=0)
    residuals = [
        v - dummies @ np.linalg.lstsq(dummies, v, rcond=None)[0] for v in (x, y)
    ]
    mean = correlations.within_correlation(pairs)
    assert mean.effect == pytest.approx(np.corrcoef(*residuals)[0, 1])
    assert mean.degrees == 24 - 3 - 1
    # Over everything together the levels turn the sign.
    assert np.corrcoef(x, y)[0, 1] < 0 < mean.low


def test_without_two_seeds_there_is_no_interval():
    values = effects(np.random.default_rng(8), num_seeds=1, true=1.0)
    mean = inference.contrast(values)
    assert mean.effect == pytest.approx(values.mean())
    assert np.isnan(mean.low) and mean.degrees == 0
    assert single.shown(values, least=0) == set()
    assert np.isnan(inference.contrast(values[:0]).effect)


def test_a_contrast_is_that_of_least_squares():
    values = effects(np.random.default_rng(9), num_transforms=4)
    weights = {"t00": 0.5, "t01": 0.5, "t03": -1.0}
    found = inference.contrast(values, weights)
    means = values.groupby("transform").mean()
    assert found.effect == pytest.approx(
        (means["t00"] + means["t01"]) / 2 - means["t03"]
    )
    variance, degrees = inference.pooled_variance(values)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(variance * 1.5 / 3)
    assert found.high - found.effect == pytest.approx(half)
    assert np.isnan(inference.contrast(values, {"none": 1.0}).effect)


def test_without_pooling_a_difference_is_that_of_welchs_test():
    generator = np.random.default_rng(13)
    values = effects(generator, num_transforms=3, num_seeds=4)
    values["t00"] *= 5
    found = inference.contrast(values, {"t00": 1.0, "t02": -1.0})
    welch = stats.ttest_ind(values["t00"], values["t02"], equal_var=False)
    assert (found.separate_low, found.separate_high) == pytest.approx(
        welch.confidence_interval(0.95)
    )
    # The third transformation, of a smaller variance, counts in the pooled one.
    assert found.high - found.low < found.separate_high - found.separate_low


def test_tests_by_other_transformations_are_no_baseline():
    generator = np.random.default_rng(15)
    values = effects(generator, num_transforms=3)
    keys = pd.MultiIndex.from_product(
        [["t00", "t01", "t02", "identity", "other"], range(3)],
        names=["transform", "seed"],
    )
    baseline = pd.Series(generator.normal(size=len(keys)), keys)
    baseline["identity"] = 1.0
    wanted = single.each_transform(values, baseline[:9])
    assert single.each_transform(values, baseline) == wanted
    assert [*wanted] == ["t00", "t01", "t02"]


def test_a_seed_alone_has_no_variance_of_its_own():
    values = effects(np.random.default_rng(14)).iloc[2:]
    found = inference.contrast(values)
    assert np.isfinite(found.low) and np.isneginf(found.separate_low)
    keys = pd.MultiIndex.from_product(
        [[f"t{t:02d}" for t in range(12)], [90, 91]],
        names=["transform", "seed"],
    )
    baseline = pd.Series(np.tile([0.0, 0.1], 12), keys)
    found = inference.contrast(values, None, baseline)
    assert np.isfinite(found.low) and np.isneginf(found.separate_low)
    assert "t00" not in single.shown(values + 100, least=0)
    assert len(single.shown(values + 100, least=0)) == 11


def test_correlations_are_shown_by_holms_steps():
    """With two tests the second needs half the evidence of the first."""
    alpha = 0.025
    needed = [
        np.tanh(stats.norm.isf(share) / np.sqrt(13 - 1)) + 0.001
        for share in (alpha / 2, alpha)
    ]
    of_each = {}
    for name, r in zip(("blur", "thinning"), needed, strict=True):
        x = np.tile([1.0, -1.0, 1.0, -1.0, 0.0], 3)
        noise = np.tile([1.0, 1.0, -1.0, -1.0, 0.0], 3)
        y = r * x + np.sqrt(1 - r**2) * noise
        keys = pd.MultiIndex.from_product(
            [[name], range(15)], names=["transform", "seed"]
        )
        of_each[name] = pd.DataFrame({"x": x, "y": y}, keys)
        found = correlations.within_correlation(of_each[name])
        assert found.effect == pytest.approx(r)
        assert found.degrees == 13
    assert correlations.shown_correlations(of_each, 2) == {"blur", "thinning"}
    # And of three, one of which has no networks, neither is shown.
    assert correlations.shown_correlations(of_each, 3) == set()


def test_a_baseline_adds_its_variance_as_welch_does():
    """With one transformation it is Welch's test of two samples."""
    generator = np.random.default_rng(10)
    one, other = generator.normal(2, 1, 5), generator.normal(0, 3, 4)

    def series(numbers, start):
        keys = [("blur", start + seed) for seed in range(len(numbers))]
        keys = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
        return pd.Series(numbers, keys)

    found = inference.contrast(series(one, 0), None, series(other, 9))
    welch = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))


def test_the_log_ratio_is_that_of_the_means_with_its_error():
    generator = np.random.default_rng(11)
    values = effects(generator, 4, 500, true=2.0, spread=0.5)
    values.loc[["t00", "t01"]] *= 1.5
    found = inference.log_ratio(values, ["t00", "t01"], ["t02", "t03"])
    means = values.groupby("transform").mean()
    ratio = means[["t00", "t01"]].mean() / means[["t02", "t03"]].mean()
    assert found.effect == pytest.approx(np.log2(ratio))
    # The spread of the ratio when seeds are drawn again.
    draws = []
    for draw in range(300):
        again = values.groupby("transform").sample(
            frac=1, replace=True, random_state=draw
        )
        mean = again.groupby("transform").mean()
        draws.append(
            np.log2(mean[["t00", "t01"]].mean() / mean[["t02", "t03"]].mean())
        )
    half = 1.96 * np.std(draws)
    assert found.high - found.effect == pytest.approx(half, rel=0.25)
    assert np.isnan(inference.log_ratio(-values, ["t00"], ["t02"]).effect)


def test_the_ratio_of_two_measures_is_that_of_their_means():
    generator = np.random.default_rng(12)
    below = effects(generator, 4, 500, true=2.0, spread=0.5)
    above = 0.6 * below + generator.normal(0, 0.2, len(below))
    found = inference.ratio(above, below)
    assert found.effect == pytest.approx(above.mean() / below.mean())
    draws = []
    for draw in range(300):
        seed = np.random.RandomState(draw)
        again = below.groupby("transform").sample(
            frac=1, replace=True, random_state=seed
        )
        rows = below.index.get_indexer(again.index)
        draws.append(above.to_numpy()[rows].mean() / again.mean())
    half = 1.96 * np.std(draws)
    assert found.high - found.effect == pytest.approx(half, rel=0.25)
    assert np.isnan(inference.ratio(above, -below).effect)


@pytest.mark.slow
def test_a_ratio_above_a_baseline_has_the_baselines_variance_too():
    generator = np.random.default_rng(19)
    draws, errors = [], []
    for _ in range(300):
        below = effects(generator, 4, 8, true=5.0, spread=0.5)
        above = below - effects(generator, 4, 8, true=1.0, spread=0.5)
        keys = pd.MultiIndex.from_product(
            [[f"t{t:02d}" for t in range(4)], range(6)],
            names=["transform", "seed"],
        )
        baseline = pd.Series(generator.normal(2, 1, 24), keys)
        found = inference.ratio(above, below, baseline)
        draws.append(found.effect)
        quantile = stats.t.ppf(0.975, found.degrees)
        errors.append((found.high - found.low) / 2 / quantile)
    assert np.mean(draws) == pytest.approx((5 - 1 - 2) / (5 - 2), abs=0.01)
    assert np.mean(errors) == pytest.approx(np.std(draws), rel=0.15)


def test_without_two_shared_seeds_all_make_an_effect_without_an_interval():
    keys = [("blur", 0), ("blur", 1), ("thinning", 0)]
    keys = pd.MultiIndex.from_tuples(keys, names=["transform", "seed"])
    found = inference.contrast(pd.Series([1.0, 2.0, 4.0], keys))
    assert found.effect == pytest.approx((1.5 + 4.0) / 2)
    assert found.degrees == 0 and np.isnan(found.low)


def test_a_baseline_of_each_transformation_is_subtracted_with_its_variance():
    values = effects(np.random.default_rng(13), num_transforms=3, true=5.0)
    keys = pd.MultiIndex.from_product(
        [["t00", "t01", "t02"], [90, 91]], names=["transform", "seed"]
    )
    baseline = pd.Series([1.0, 1.2, 2.0, 2.2, 9.0, 9.2], keys)
    found = single.each_transform(values, baseline)
    alone = single.each_transform(values)
    for name, level in (("t00", 1.1), ("t01", 2.1), ("t02", 9.1)):
        assert found[name].effect == pytest.approx(alone[name].effect - level)
        assert found[name].high - found[name].effect > (
            alone[name].high - alone[name].effect
        ) * (stats.t.ppf(1 - 0.025 / 3, found[name].degrees)) / (
            stats.t.ppf(1 - 0.025 / 3, alone[name].degrees)
        )
    assert single.shown(values, baseline, least=0) == {"t00", "t01"}
    # Without a baseline there is nothing to compare with.
    assert "t02" not in single.each_transform(values, baseline[:4])
