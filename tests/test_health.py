"""What is said of a run that has not learned."""

import math

import pytest

from invariance_tf.runs import health
from invariance_tf.training.learning import advise


def examine(
    *,
    original=(400, 0.8),
    transformed=(200, 0.7),
    training=0.9,
    rates=(0.02, 0.001),
    learned_at=250.0,
    schedule="cosine",
    paradigm="joint",
):
    history = [
        {"accuracy": training, "learning_rate": rate, "learned_at_step": at}
        for rate, at in zip(rates, (math.nan, learned_at), strict=True)
    ]
    return health.examine_run(
        history, original, transformed, 40, paradigm, schedule, 0.02, advise({})
    )


def test_a_run_that_learned_has_no_warnings():
    found = examine()
    assert found["warnings"] == [] and not found["is_at_chance"]
    assert found["chance"] == 1 / 40
    assert found["last_rate_over_peak"] == pytest.approx(0.05)
    assert found["learned_at_step"] == 250


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"original": (400, 0.03)}, "its invariance says nothing"),
        ({"transformed": (200, 0.03)}, "Look at examples.png"),
        ({"original": (400, 0.3)}, "learned its training images by heart"),
        ({"rates": (0.02, 0.02)}, "still 1.00 of the highest"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(changes, words):
    assert words in " ".join(examine(**changes)["warnings"])


def test_the_rate_is_blamed_only_if_training_never_left_chance():
    for learned_at, is_blamed in ((250.0, False), (math.nan, True)):
        found = examine(original=(400, 0.03), learned_at=learned_at)
        advice = found["warnings"][0]
        assert ("Train longer" in advice) != is_blamed
        assert ("--learning_rate" in advice) == is_blamed


def test_a_step_of_other_categories_is_not_said_to_be_learned_by_heart():
    """The last training accuracy is that of the second step only."""
    assert examine(original=(400, 0.3), paradigm="two_step")["warnings"] == []


@pytest.mark.parametrize("paradigm", ["two_step", "two_step_head"])
def test_a_second_step_may_have_forgotten_what_the_first_learned(paradigm):
    """Without it, the strength of the transformation would be blamed."""
    found = examine(transformed=(200, 0.03), paradigm=paradigm)
    (warning,) = found["warnings"]
    assert "forgotten in the second step" in warning
    assert "strength" not in warning


def test_a_network_that_learned_in_the_first_step_has_learned():
    """The second step is not watched."""
    history = [
        {"accuracy": 0.9, "learning_rate": 0.02, "learned_at_step": 250.0},
        {"accuracy": 0.9, "learning_rate": 0.001},
    ]
    found = health.examine_run(
        *(history, (400, 0.8), (200, 0.7), 40, "two_step", "cosine", 0.02, "")
    )
    assert found["learned_at_step"] == 250


def test_a_constant_rate_ends_at_its_peak_rightly():
    found = examine(rates=(0.02, 0.02), schedule="constant")
    assert found["last_rate_over_peak"] == 1 and not found["warnings"]


def test_a_training_that_never_left_chance_has_no_step():
    assert examine(learned_at=math.nan)["learned_at_step"] is None


def test_without_seen_categories_nothing_is_said_of_them():
    assert examine(transformed=(0, math.nan))["warnings"] == []


@pytest.mark.parametrize(
    "num_correct, is_at_chance", [(5, True), (10, True), (24, False)]
)
def test_chance_is_within_the_interval_of_the_accuracy(
    num_correct, is_at_chance
):
    # Of 400 images of 40 categories 10 are right by chance; the standard
    # error is 3.1 images.
    assert health.is_at_chance(num_correct / 400, 400, 40) == is_at_chance
