"""The rule that chooses strengths, on networks whose answers are known."""

import keras
import numpy as np
import pytest
from keras import ops

from invariance_tf import transforms
from invariance_tf.measures import evaluation
from invariance_tf.paradigm.model import build, reseed_layer
from invariance_tf.runs.calibration import rule
from invariance_tf.runs.calibration.figure import (
    draw_calibration,
    steps_to_show,
)
from invariance_tf.runs.calibration.strengths import calibrate, examples
from invariance_tf.settings import calibrated, defaults

NUM_CATEGORIES = 20
LABELS = np.repeat(np.arange(NUM_CATEGORIES), 3)
SIZE = 24


class Knows(keras.layers.Layer):
    """Knows an image of 10 c + 20 on average, if neighbours differ rightly."""

    def __init__(self, least=0.0, most=1e3):
        super().__init__()
        self.least, self.most, self.num_calls = least, most, 0

    def call(self, images):
        self.num_calls += 1
        mean = ops.mean(images, (1, 2, 3))[:, None]
        contrast = ops.abs(images[:, :, 1:] - images[:, :, :-1])
        contrast = ops.mean(contrast, (1, 2, 3))[:, None]
        is_right = (contrast >= self.least) & (contrast <= self.most)
        places = 10.0 * np.arange(NUM_CATEGORIES, dtype="float32") + 20
        known = -ops.square(mean - places)
        # Else another category is taken for it, of a mean far away.
        return ops.where(is_right, known, ops.roll(known, 10, axis=1))


def knows(**limits):
    """A network around `Knows`."""
    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, {"logits": Knows(**limits)(image)})


def striped(amplitudes):
    """Images of each category with stripes, one pixel wide."""
    stripes = np.where(np.arange(SIZE) % 2, 1.0, -1.0)[None, None, :, None]
    means = 10.0 * LABELS + 20
    shape = (len(LABELS), SIZE, SIZE, 3)
    images = means[:, None, None, None] + stripes * np.reshape(
        amplitudes, (-1, 1, 1, 1)
    )
    return np.broadcast_to(images, shape).astype("float32")


def left_of_stripes(sigma):
    """Share of a contrast that a blur leaves, for stripes of one pixel."""
    if sigma == 0:
        return 1.0
    distance = np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1)
    gaussian = np.exp(-(distance**2) / (2 * sigma**2))
    return np.sum(gaussian * np.cos(np.pi * distance)) / np.sum(gaussian)


def test_a_blur_is_chosen_where_mathematics_has_it():
    amplitudes = np.linspace(2, 20, len(LABELS))
    found = calibrate(
        knows(least=3.0), striped(amplitudes), LABELS, "blur", step=0.1
    )
    expected = [
        np.mean(2 * amplitudes * left_of_stripes(strength) >= 3.0)
        for strength in found.strengths
    ]
    assert found.accuracies == expected
    assert min(found.accuracies[:-1]) >= 0.1 > found.accuracies[-1]
    assert found.chosen == found.strengths[-1] == 0.9
    assert "fell below 0.1" in found.reason


def test_white_noise_is_chosen_where_mathematics_has_it():
    # Two normal values of deviation s differ by 2 s / sqrt(pi) on average.
    most = 2 * 112 / np.sqrt(np.pi)
    found = calibrate(
        knows(most=most), striped(np.zeros(60)), LABELS, "white_noise"
    )
    assert found.strengths == (0, 25, 50, 75, 100, 125)
    assert found.chosen == 125
    assert found.accuracies[-1] == 0


def test_a_threshold_that_is_met_exactly_is_not_fallen_below():
    candidates = [0.0, 0.5, 1.0]
    arguments = {"below": 0.25, "num_categories": 40}
    assert rule.verdict(candidates, [0.9, 0.25], **arguments) is None
    chosen, _ = rule.verdict(candidates, [0.9, 0.25, 0.24], **arguments)
    assert chosen == 1.0


def test_where_chance_is_above_the_threshold_the_whole_curve_is_kept():
    found = calibrate(
        knows(least=3.0), striped(np.full(60, 20)), LABELS, "blur", below=0.05
    )
    assert found.strengths == tuple(0.5 * np.arange(16))
    assert found.accuracies[-1] == 0
    assert found.chosen is None
    assert "Chance level (1/20) is not below the threshold 0.05" in found.reason


def test_a_network_that_no_blur_disturbs_is_pointed_out():
    found = calibrate(knows(), striped(np.zeros(60)), LABELS, "blur")
    assert found.strengths[-1] == 7.5
    assert found.chosen is None
    assert "at any strength up to 7.5;" in found.reason
    assert "the lowest was 1.000" in found.reason


def test_a_network_that_knows_nothing_is_pointed_out():
    found = calibrate(
        knows(), striped(np.zeros(60)), (LABELS + 5) % 20, "salt_pepper"
    )
    assert found.strengths == (0,)
    assert found.chosen is None
    assert "fails on original images" in found.reason


def test_steps_that_end_before_the_strengths_do_say_so():
    candidates = rule.strengths("white_noise", 1, 48)
    assert len(candidates) == rule.MOST_STEPS + 1
    chosen, reason = rule.verdict(candidates, [0.5] * 101, 0.1, 40)
    assert chosen is None
    assert "up to 100 in 100 steps" in reason


def linear(images, num_categories):
    """Logits that are sums of all values, with random weights."""
    flat = keras.layers.Flatten()(images)
    return keras.layers.Dense(
        num_categories, kernel_initializer="he_normal", name="logits"
    )(flat)


@pytest.mark.parametrize(
    "name, step", [("blur", 0.5), ("white_noise", 25), ("salt_pepper", 0.05)]
)
def test_accuracies_are_those_of_predict_labels(name, step):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (80, SIZE, SIZE, 3)).astype("uint8")
    model = build(linear, transforms.get("identity"), SIZE, NUM_CATEGORIES)
    network = evaluation.classifier(model)
    identity = transforms.get("identity")
    # As if the network were always right on original images.
    labels = evaluation.predict_labels(
        network, images, np.zeros(80, int), identity
    )
    assert len(np.unique(labels)) > 10
    found = calibrate(network, images, labels, name, below=0.3, seed=7)
    assert found.step == step
    for strength, num_correct in zip(
        found.strengths, found.num_correct, strict=True
    ):
        argument = {found.parameter: strength}
        transform = transforms.get(name, **argument) if strength else identity
        predicted = evaluation.predict_labels(
            network, images, labels, transform, seed=7
        )
        assert num_correct == np.sum(predicted == labels), strength
    assert len(found.strengths) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", calibrated.PARAMETERS)
def test_the_network_is_compiled_once_for_all_strengths(name):
    network = knows()
    layer = network.layers[-1]
    before, seen = layer.num_calls, []
    calibrate(
        network,
        striped(np.zeros(60)),
        LABELS,
        name,
        below=0.05,
        watch=lambda strength, accuracy: seen.append(layer.num_calls),
    )
    # Python runs a layer only where a program is traced.
    assert len(seen) > 10
    assert {*seen} == {before + 1}


@pytest.mark.parametrize("name, parameter", [*calibrated.PARAMETERS.items()])
def test_every_strength_is_an_argument_with_a_default(name, parameter):
    assert parameter.name in defaults.TRANSFORMS[name].options
    for size in (16, 48, 100):
        largest = rule.strengths(name, parameter.step, size)[-1]
        layer = transforms.get(name, **{parameter.name: largest})
        layer.check_size(size, size)


def test_the_largest_blur_is_the_largest_legal_one():
    for size in range(16, 101):
        largest = rule.largest("blur", size)
        transforms.get("blur", sigma=largest).check_size(size, size)
        with pytest.raises(ValueError, match="at most"):
            transforms.get("blur", sigma=largest + 1e-6).check_size(size, size)


def test_steps_are_whole_multiples_that_do_not_add_up_errors():
    assert rule.strengths("blur", 0.5, 100) == [0.5 * k for k in range(67)]
    amounts = rule.strengths("salt_pepper", 0.05, 48)
    assert amounts[3] == 0.15 and amounts[-1] == 1.0 and len(amounts) == 21


@pytest.mark.parametrize(
    "transform, options, message",
    [
        ("highpass", {}, r"blur \(sigma\), .*transform=highpass"),
        ("blur", {"parameter": "std"}, "is `sigma`. Received: parameter=std"),
        ("blur", {"step": 0}, "above 0 .*7.667. Received: step=0"),
        ("blur", {"step": 9}, "at most 7.667. Received: step=9"),
        ("white_noise", {"below": 0}, "at most 1. Received: below=0"),
    ],
)
def test_a_mistake_is_answered_with_what_is_legal(transform, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(knows(), striped(np.zeros(60)), LABELS, transform, **options)


def test_examples_are_what_the_network_sees():
    images = striped(np.zeros(60))[:2]
    shown = examples(images, "white_noise", "std", (0, 50.0), seed=3)
    assert shown.shape == (2, 2, SIZE, SIZE, 3)
    assert not shown[0].any()
    layer = transforms.get("white_noise", std=50.0)
    reseed_layer(layer, 3)
    noisy = ops.convert_to_numpy(layer(images, np.ones(2, bool)))[1]
    assert np.allclose(shown[1, 1], (noisy - noisy.mean()) / noisy.std(), 1e-3)


def made_up(num_steps, chosen):
    """A calibration with so many steps."""
    return rule.Calibration(
        transform="blur",
        parameter="sigma",
        step=0.5,
        below=0.1,
        strengths=tuple(0.5 * k for k in range(num_steps)),
        num_correct=tuple(100 - 2 * k for k in range(num_steps)),
        num_images=100,
        num_categories=40,
        seed=0,
        chosen=chosen,
        reason="Made up.",
    )


@pytest.mark.parametrize("num_steps", [1, 2, 7, 12, 13, 14, 32, 101])
def test_the_first_and_the_last_step_have_a_picture(num_steps):
    shown = steps_to_show(num_steps)
    assert shown[0] == 0 and shown[-1] == num_steps - 1
    assert len(shown) <= 12
    gaps = np.diff(shown)
    assert num_steps < 3 or (gaps > 0).all() and len({*gaps[1:]}) <= 1


def test_the_picture_has_images_above_their_strengths():
    calibration = made_up(14, 6.5)
    steps = steps_to_show(14)
    images = np.zeros((len(steps), 3, 4, 4, 3))
    figure = draw_calibration(calibration, images, "a title")
    curve, strip = figure.axes
    assert strip.get_title(loc="left") == "a title"
    assert len(strip.images) == 3 * len(steps)
    assert curve.get_xlim() == strip.get_xlim()
    middles = {
        round(float(np.mean(image.get_extent()[:2])), 6)
        for image in strip.images
    }
    assert middles == {0.5 * step for step in steps}
    (marked,) = (line for line in curve.lines if line.get_gid() == "chosen")
    assert marked.get_xydata().tolist() == [[6.5, 0.74]]
    heights = {line.get_gid(): line.get_ydata()[0] for line in curve.lines}
    assert heights["threshold"] == 0.1 and heights["chance"] == 1 / 40


def test_without_a_strength_none_is_marked():
    images = np.zeros((3, 1, 4, 4, 3))
    figure = draw_calibration(made_up(3, None), images)
    assert "chosen" not in {line.get_gid() for line in figure.axes[0].lines}
    assert any("Made up." in text.get_text() for text in figure.texts)
