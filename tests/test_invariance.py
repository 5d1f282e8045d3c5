"""The measures of section 2.2, from activities alone."""

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import strategies

from invariance_tf.measures.accumulator import Accumulator
from invariance_tf.measures.invariance import (
    THRESHOLDS,
    activity_cutoffs,
    pair_terms,
)


def reference(original, transformed, tau, rule="either", maxima=None):
    """Follows section 2.2 for one neuron and one image after the other.

    Returns the number of active images, invariance coefficient and
    specialisation of each neuron.
    """
    if maxima is None:
        maxima = np.concatenate([original, transformed]).max(axis=0)
    measures = []
    for neuron, maximum in enumerate(maxima.tolist()):
        invariance, specialisation = [], []
        for before, after in zip(
            original[:, neuron].tolist(),
            transformed[:, neuron].tolist(),
            strict=True,
        ):
            if maximum == 0:
                continue
            f, g = before / maximum, after / maximum
            either, both = f > tau or g > tau, f > tau and g > tau
            if either if rule == "either" else both:
                invariance.append(1 - abs((g - f) / (g + f)))
                specialisation.append((g - f) / (g + f))
        count = len(invariance)
        measures.append(
            (count, sum(invariance) / count, sum(specialisation) / count)
            if count
            else (0, np.nan, np.nan)
        )
    return np.array(measures).T


def accumulate(original, transformed, thresholds=THRESHOLDS, **options):
    """Returns the measures of all images, added in one block."""
    maxima = np.concatenate([original, transformed]).max(axis=0)
    accumulator = Accumulator(maxima, **options)
    accumulator.add(original, transformed, np.zeros(len(original), int))
    return accumulator.results([0], thresholds)


def assert_same(left, right, tolerance=0.0):
    """Compares measures; numbers of active images must be equal."""
    assert np.array_equal(left[0], right[0])
    for one, other in zip(left[1:], right[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


# Activities with many zeros, ties, and values on the thresholds of the grid.
activities = hypothesis.extra.numpy.arrays(
    "float32",
    strategies.tuples(
        strategies.just(2),
        strategies.integers(1, 12),
        strategies.integers(1, 4),
    ),
    elements=strategies.one_of(
        strategies.just(0.0),
        strategies.integers(1, 20).map(float),
        strategies.floats(2.0**-10, 2.0**10, width=32),
    ),
)
over_activities = hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, database=None
)


@pytest.mark.parametrize("rule", ["either", "both"])
@over_activities
@hypothesis.given(pair=activities)
def test_the_measures_are_those_of_the_paper(rule, pair):
    found = accumulate(*pair, rule=rule)
    for index, tau in enumerate(THRESHOLDS):
        expected = reference(*pair, tau, rule)
        assert_same([values[:, index] for values in found], expected, 1e-12)


@pytest.mark.parametrize("rule", ["either", "both"])
def test_layers_wider_than_a_block_of_columns_are_measured_whole(rule):
    pair = np.random.default_rng(0).exponential(size=(2, 30, 4000))
    pair = np.maximum(pair - 0.7, 0).astype("float32")
    pair[:, :, 1234] = 0
    found = accumulate(*pair, [0.1], rule=rule)
    expected = reference(*pair, 0.1, rule)
    assert_same([values[:, 0] for values in found], expected, 1e-12)
    assert found[0][1234] == 0 and np.isnan(found[1][1234])


@pytest.mark.parametrize("rule", ["either", "both"])
@over_activities
@hypothesis.given(
    pair=activities,
    tau=strategies.one_of(
        strategies.sampled_from(THRESHOLDS[:-1].tolist()),
        strategies.floats(0, 1, exclude_max=True),
        # Where activities are: in whole numbers, up to 20.
        strategies.tuples(*[strategies.integers(1, 20)] * 2)
        .filter(lambda ratio: ratio[0] < ratio[1])
        .map(lambda ratio: ratio[0] / ratio[1]),
    ),
)
def test_any_threshold_stands_beside_the_grid(rule, pair, tau):
    found = accumulate(*pair, [tau], tau=tau, rule=rule)
    expected = reference(*pair, tau, rule)
    assert_same([values[:, 0] for values in found], expected, 1e-12)
    on_grid = accumulate(*pair, tau=tau, rule=rule)
    assert_same(on_grid, accumulate(*pair, tau=0.5, rule=rule), 1e-12)


def test_the_cutoff_is_the_last_activity_that_is_not_active():
    random = np.random.default_rng(0)
    maxima = random.lognormal(sigma=9, size=5000).astype("float32")
    maxima[:99] = np.arange(99)
    for tau in (*THRESHOLDS[:-1], 1 / 3, 1e-9, np.nextafter(1, 0)):
        cutoff = activity_cutoffs(maxima, tau)
        above = np.nextafter(cutoff, np.float32(np.inf))
        scale = np.where(maxima > 0, maxima, 1).astype("float64")
        assert (cutoff / scale <= tau).all() and (above / scale > tau).all()


def test_levels_next_to_a_threshold_of_the_grid_are_told_apart():
    """Ratios of float32 numbers as near to k / 20 as they can be."""
    maxima = np.random.default_rng(0).uniform(1, 9, 3000).astype("float32")
    for tau in THRESHOLDS[:-1]:
        cutoff = activity_cutoffs(maxima, tau)
        above = np.nextafter(cutoff, np.float32(np.inf))
        original = np.stack([maxima, cutoff, above])
        counts, _, _ = accumulate(original, 0 * original, [tau], tau=0.123)
        assert (counts == 2).all()


@pytest.mark.parametrize("rule", ["either", "both"])
@over_activities
@hypothesis.given(pair=activities, data=strategies.data())
def test_controls_have_a_relative_error_below_2_to_the_minus_22(
    rule, pair, data
):
    num_images = pair.shape[1]
    partner = data.draw(
        strategies.lists(
            strategies.integers(-1, num_images - 1),
            min_size=num_images,
            max_size=num_images,
        ).map(np.array)
    )
    group = np.arange(num_images) % 2
    accumulator = Accumulator(pair.max(axis=(0, 1)), 0.15, 2, rule)
    accumulator.add(*pair, group, {"other": (pair[1], partner)})
    for groups in ([0], [1], [0, 1]):
        image = np.flatnonzero((partner >= 0) & np.isin(group, groups))
        _, expected, _ = reference(
            pair[0, image],
            pair[1, partner[image]],
            0.15,
            rule,
            pair.max(axis=(0, 1)),
        )
        found = accumulator.control("other", groups)
        # The reference takes a difference from 1, in float64.
        np.testing.assert_allclose(found, expected, 2.0**-22, 1e-15)


def test_groups_are_measured_apart_and_together():
    pair = np.random.default_rng(0).integers(0, 9, (2, 40, 6)).astype("float32")
    group = np.random.default_rng(1).integers(0, 3, 40)
    maxima = pair.max(axis=(0, 1))
    accumulator = Accumulator(maxima, num_groups=3)
    for rows in np.array_split(np.arange(40), [7, 8, 30]):
        accumulator.add(*pair[:, rows], group[rows])
    for groups in ([0], [1], [2], [0, 2], [0, 1, 2]):
        found = accumulator.results(groups)
        for index, tau in enumerate(THRESHOLDS):
            expected = reference(
                *pair[:, np.isin(group, groups)], tau, maxima=maxima
            )
            assert_same([values[:, index] for values in found], expected, 1e-12)


def test_a_pair_is_as_in_equation_1():
    invariance, specialisation = pair_terms(
        np.array([2.0, 0.0, 3.0, 1.0, 0.0]), np.array([2.0, 3.0, 0.0, 3.0, 0.0])
    )
    # The last is active in no version, and counts for no threshold.
    assert invariance.tolist() == [1, 0, 0, 0.5, 1]
    assert specialisation.tolist() == [0, 1, -1, 0.5, 0]


def test_an_activity_on_the_threshold_is_not_active():
    original = np.array([[20.0], [5.0], [6.0]], "float32")
    counts, _, _ = accumulate(original, np.zeros_like(original))
    assert dict(zip(THRESHOLDS.tolist(), counts[0], strict=True)) == {
        tau: 3 if tau < 0.25 else 2 if tau < 0.3 else 1 if tau < 1 else 0
        for tau in THRESHOLDS.tolist()
    }


@over_activities
@hypothesis.given(
    pair=activities,
    powers=strategies.lists(strategies.integers(-9, 9), min_size=4),
)
def test_the_scale_of_a_neuron_does_not_matter(pair, powers):
    scale = 2.0 ** np.array(powers[: pair.shape[2]])
    scaled = (pair * scale).astype("float32")
    assert_same(accumulate(*pair), accumulate(*scaled))


@over_activities
@hypothesis.given(pair=activities, scale=strategies.floats(1e-3, 1e3))
def test_the_scale_of_a_pair_does_not_matter(pair, scale):
    pair = pair.astype("float64")
    for found, expected in zip(
        pair_terms(*(pair * scale)), pair_terms(*pair), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@over_activities
@hypothesis.given(pair=activities)
def test_swapping_the_versions_flips_specialisation_alone(pair):
    counts, invariance, specialisation = accumulate(*pair)
    swapped = accumulate(*pair[::-1])
    assert_same(swapped, (counts, invariance, -specialisation))


@over_activities
@hypothesis.given(pair=activities)
def test_no_change_is_full_invariance(pair):
    counts, invariance, specialisation = accumulate(pair[0], pair[0])
    assert (invariance[counts > 0] == 1).all()
    assert (specialisation[counts > 0] == 0).all()
    assert np.isnan(invariance[counts == 0]).all()


@over_activities
@hypothesis.given(pair=activities)
def test_neurons_that_die_have_no_invariance(pair):
    counts, invariance, specialisation = accumulate(pair[0], 0 * pair[0])
    assert (invariance[counts > 0] == 0).all()
    assert (specialisation[counts > 0] == -1).all()
    counts, invariance, _ = accumulate(pair[0], 0 * pair[0], rule="both")
    assert (counts == 0).all() and np.isnan(invariance).all()


@over_activities
@hypothesis.given(pair=activities, data=strategies.data())
def test_order_and_blocks_of_images_do_not_matter(pair, data):
    num_images = pair.shape[1]
    order = data.draw(strategies.permutations(range(num_images)))
    cut = data.draw(strategies.integers(0, num_images))
    accumulator = Accumulator(pair.max(axis=(0, 1)))
    for rows in (order[:cut], order[cut:]):
        if rows:
            accumulator.add(*pair[:, rows], np.zeros(len(rows), int))
    assert_same(accumulator.results([0]), accumulate(*pair), 1e-12)


@over_activities
@hypothesis.given(pair=activities)
def test_images_that_do_not_activate_a_neuron_change_nothing(pair):
    faint = np.stack([0 * pair[0], 0.04 * pair.max(axis=(0, 1)) + 0 * pair[1]])
    more = np.concatenate([pair, faint.astype("float32")], axis=1)
    expected = [values[:, 1:] for values in accumulate(*pair)]
    assert_same([values[:, 1:] for values in accumulate(*more)], expected)


@over_activities
@hypothesis.given(pair=activities)
def test_fewer_images_are_active_above_higher_thresholds(pair):
    either, both = accumulate(*pair)[0], accumulate(*pair, rule="both")[0]
    assert (np.diff(either) <= 0).all() and (np.diff(both) <= 0).all()
    assert (both <= either).all()
    is_alive = pair.max(axis=(0, 1)) > 0
    # The image of the largest activity is active below tau = 1.
    assert (either[is_alive, :-1] >= 1).all()
    assert (either[~is_alive] == 0).all() and (either[:, -1] == 0).all()


@over_activities
@hypothesis.given(pair=activities)
def test_the_measures_stay_in_their_ranges(pair):
    counts, invariance, specialisation = accumulate(*pair)
    invariance = invariance[counts > 0]
    assert ((invariance >= 0) & (invariance <= 1)).all()
    # The mean of a difference is at most the mean of its size, 1 - I.
    bound = 1 - invariance + 1e-12
    assert (np.abs(specialisation[counts > 0]) <= bound).all()


# Signed activity: the same numbers where nothing is negative, and no others
# where everything is; a change of sign is a change of response.

signed_activities = hypothesis.extra.numpy.arrays(
    "float32",
    hypothesis.extra.numpy.array_shapes(min_dims=2, max_dims=2, max_side=6).map(
        lambda shape: (2, *shape)
    ),
    elements=strategies.floats(-8, 8, width=32, allow_subnormal=False),
)


def accumulate_signed(original, transformed):
    maxima = np.abs([original, transformed]).max(axis=(0, 1))
    accumulator = Accumulator(maxima, is_signed=True)
    accumulator.add(original, transformed, np.zeros(len(original), int))
    return accumulator.results([0])


@over_activities
@hypothesis.given(pair=activities)
def test_signed_and_rectified_agree_where_nothing_is_negative(pair):
    pair = pair.astype("float32")
    assert_same(accumulate_signed(*pair), accumulate(*pair))


@over_activities
@hypothesis.given(pair=signed_activities)
def test_the_sign_of_a_neuron_does_not_matter(pair):
    assert_same(accumulate_signed(*-pair), accumulate_signed(*pair))


@over_activities
@hypothesis.given(pair=signed_activities)
def test_an_opposite_response_is_none_at_all(pair):
    counts, invariance, specialisation = accumulate_signed(pair[0], -pair[0])
    assert (invariance[counts > 0] == 0).all()
    assert (specialisation[counts > 0] == 0).all()


@over_activities
@hypothesis.given(pair=signed_activities)
def test_positive_and_negative_part_are_as_two_neurons(pair):
    """Their sums of h add up, as far as both versions have one sign."""
    original, transformed = pair
    terms, _ = pair_terms(original, transformed, is_signed=True)
    hypothesis.assume(original.any() and transformed.any())
    parts = [
        pair_terms(
            np.maximum(sign * original, 0), np.maximum(sign * transformed, 0)
        )
        for sign in (1, -1)
    ]
    for h, one, other, x, y in zip(
        *(each.ravel() for each in (terms, parts[0][0], parts[1][0])),
        original.ravel(),
        transformed.ravel(),
        strict=True,
    ):
        # A part that is 0 in both versions is not active, and not counted.
        counted = [
            part
            for part, sign in ((one, 1), (other, -1))
            if max(sign * x, sign * y) > 0
        ]
        assert h == pytest.approx(np.mean(counted) if counted else 1.0)


@over_activities
@hypothesis.given(pair=signed_activities)
def test_signed_measures_keep_to_their_ranges(pair):
    counts, invariance, specialisation = accumulate_signed(*pair)
    found = invariance[counts > 0]
    assert ((0 <= found) & (found <= 1)).all()
    assert (np.abs(specialisation[counts > 0]) <= 1 - found + 1e-9).all()
    same, one, _ = accumulate_signed(pair[0], pair[0])
    assert (one[same > 0] == 1).all()
