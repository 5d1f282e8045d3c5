"""The tables of measures, against the paper's equations by loops."""

import functools

import keras
import numpy as np
import pytest
from test_invariance import reference
from test_partners import draw_all

from invariance_tf import transforms
from invariance_tf.measures import (
    decoding,
    evaluation,
    measurement,
    passes,
    population,
    population_measures,
    responses,
)
from invariance_tf.measures.accumulator import Accumulator
from invariance_tf.measures.invariance import THRESHOLDS
from invariance_tf.measures.measured import Measurement
from invariance_tf.measures.measurement import measure_invariance
from invariance_tf.paradigm.model import build
from invariance_tf.settings.defaults import LAYER_MEASURES

IS_SEEN = np.array([True, False, True, False, True])
GROUPS = {"seen": IS_SEEN, "unseen": ~IS_SEEN, "all": IS_SEEN | True}
LABELS = np.random.default_rng(3).integers(0, 5, 75)
IMAGES = np.random.default_rng(4).integers(0, 256, (75, 6, 6, 3), "uint8")
# Whole numbers, of which float32 makes no rounding errors.
KERNELS = {
    "conv": np.random.default_rng(5).integers(-2, 3, (3, 3, 3, 4)),
    "fc": np.random.default_rng(6).integers(-2, 3, (64, 9)),
}
KERNELS["fc"][:, 2] = -1
BIASES = {"conv": np.array([0, 60, -900, 0]), "fc": np.zeros(9)}


@functools.cache
def make_model():
    """Makes a model of a convolutional and a dense layer with ReLU, once."""
    image = keras.Input((6, 6, 3))
    conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
    dense = keras.layers.Dense(9, activation="relu", name="fc")
    hidden = dense(keras.layers.Flatten()(conv(image)))
    model = keras.Model(image, keras.layers.Dense(5, name="logits")(hidden))
    for layer in (conv, dense):
        layer.set_weights([KERNELS[layer.name], BIASES[layer.name]])
    return model


def activity(images, spatial):
    """Computes the activity of both layers of that model with NumPy."""
    windows = np.lib.stride_tricks.sliding_window_view(
        images.astype("float64"), (3, 3), axis=(1, 2)
    )
    conv = np.einsum("nyxcij,ijco->nyxo", windows, KERNELS["conv"])
    conv = np.maximum(conv + BIASES["conv"], 0)
    flat = conv.reshape(len(conv), -1)
    fc = np.maximum(flat @ KERNELS["fc"] + BIASES["fc"], 0)
    return {"conv": conv.max((1, 2)) if spatial == "max" else flat, "fc": fc}


def activity_pairs(spatial="all"):
    """Returns the activities by layer, for images and upside down."""
    original = activity(IMAGES, spatial)
    transformed = activity(IMAGES[:, ::-1, ::-1], spatial)
    return {name: (original[name], transformed[name]) for name in original}


def measure(**options):
    return measure_invariance(
        make_model(),
        IMAGES,
        transforms.get("rotate180"),
        options.pop("layers", ["conv", "fc"]),
        labels=LABELS,
        is_seen=IS_SEEN,
        **options,
    )


def part(table, layer, group):
    """Returns the rows of a layer and category group."""
    is_part = (table.layer == layer) & (table.category_group == group)
    return table[is_part]


def tables(measurement):
    return measurement.neurons, measurement.layers, measurement.active_counts


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("block", [1, 7, 64, 75])
@pytest.mark.parametrize("rule", ["either", "both"])
@pytest.mark.parametrize("spatial", ["all", "max"])
def test_neurons_are_measured_as_in_the_paper(
    monkeypatch, block, rule, spatial
):
    monkeypatch.setattr(responses, "BLOCK", block)
    found = measure(tau=0.15, rule=rule, spatial=spatial).neurons
    for layer, pair in activity_pairs(spatial).items():
        maxima = np.concatenate(pair).max(axis=0)
        for group, of_group in GROUPS.items():
            rows = of_group[LABELS]
            table = part(found, layer, group)
            counts, invariance, specialisation = reference(
                pair[0][rows], pair[1][rows], 0.15, rule, maxima
            )
            assert table.neuron.tolist() == [*range(len(maxima))]
            assert (table.num_images == rows.sum()).all()
            assert np.array_equal(table.num_active_images, counts)
            assert np.array_equal(table.max_activity, maxima)
            assert_close(table.invariance_coefficient, invariance)
            assert_close(table.specialisation, specialisation)
    assert len(found) == 3 * (len(activity_pairs(spatial)["conv"][0].T) + 9)


@pytest.mark.parametrize("rule", ["either", "both"])
@pytest.mark.parametrize("spatial", ["all", "max"])
def test_layers_are_measured_for_every_threshold(rule, spatial):
    found = measure(rule=rule, spatial=spatial).layers
    assert len(found) == 2 * 3 * 21
    for layer, pair in activity_pairs(spatial).items():
        maxima = np.concatenate(pair).max(axis=0)
        for group, of_group in GROUPS.items():
            rows = of_group[LABELS]
            table = part(found, layer, group)
            assert table.tau.tolist() == THRESHOLDS.tolist()
            for row in table.itertuples():
                counts, invariance, specialisation = reference(
                    pair[0][rows], pair[1][rows], row.tau, rule, maxima
                )
                is_active = counts > 0
                assert row.num_neurons == len(counts)
                assert row.num_never_active == (~is_active).sum()
                means = [np.nan] * 3
                if is_active.any():
                    means = (
                        np.mean(invariance[is_active]),
                        np.median(invariance[is_active]),
                        np.mean(specialisation[is_active]),
                    )
                assert_close(row.mean_invariance, means[0])
                assert_close(row.median_invariance, means[1])
                assert_close(row.mean_specialisation, means[2])


@pytest.mark.parametrize("rule", ["either", "both"])
def test_active_neurons_are_counted_for_each_image(rule):
    choose = {"either": np.maximum, "both": np.minimum}[rule]
    found = measure(tau=0.3, rule=rule).active_counts
    for layer, pair in activity_pairs().items():
        maxima = np.maximum(np.concatenate(pair).max(axis=0), 1)
        expected = (choose(*pair) / maxima > 0.3).sum(axis=1)
        table = found[found.layer == layer]
        assert table.image.tolist() == [*range(75)]
        assert np.array_equal(table.num_active_neurons, expected)
        assert (table.num_neurons == len(maxima)).all()


def take_turns(labels):
    """Puts two images of each category in turn, until none is left."""
    left = {label: [] for label in sorted(set(labels.tolist()))}
    for image, label in enumerate(labels.tolist()):
        left[label].append(image)
    order = []
    while any(left.values()):
        for images in left.values():
            order += images[:2]
            del images[:2]
    return order


def same_category_pairs(block):
    """Lists pairs of an image and the next one of its category and block."""
    order = take_turns(LABELS)
    pairs = []
    for start in range(0, len(order), block):
        of_block = order[start : start + block]
        for place, image in enumerate(of_block):
            others = of_block[place + 1 :] + of_block[:place]
            alike = [x for x in others if LABELS[x] == LABELS[image]]
            pairs += [(image, other) for other in alike[:1]]
    return np.array(pairs, int).reshape(-1, 2)


def shuffled_pairs(block):
    """Lists pairs of an image and its random partner."""
    order = np.array(take_turns(LABELS))
    group = (~IS_SEEN[LABELS[order]]).astype(int)
    other = draw_all(LABELS[order], group, 2, block=block)
    return np.stack([order, order[other]], axis=1)[other >= 0]


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("rule", ["either", "both"])
def test_controls_are_the_coefficient_with_another_images_transform(
    monkeypatch, block, rule
):
    monkeypatch.setattr(responses, "BLOCK", block)
    found = measure(tau=0.2, rule=rule).neurons
    for layer, (original, transformed) in activity_pairs().items():
        maxima = np.maximum(original.max(axis=0), transformed.max(axis=0))
        for kind, pairs in (
            ("shuffled", shuffled_pairs(block)),
            ("same_category", same_category_pairs(block)),
        ):
            for group, of_group in GROUPS.items():
                image, other = pairs[of_group[LABELS[pairs[:, 0]]]].T
                _, expected, _ = reference(
                    original[image], transformed[other], 0.2, rule, maxima
                )
                table = part(found, layer, group)
                assert_close(table[f"control_{kind}"], expected)
                if (kind, block) == ("same_category", 1):
                    assert table[f"control_{kind}"].isna().all()


def test_corrected_invariance_is_1_without_change_and_0_at_the_floor():
    tables = measure(tau=0.123)
    found = tables.neurons
    floor, coefficient = found.control_shuffled, found.invariance_coefficient
    assert_close(
        found.corrected_invariance, (coefficient - floor) / (1 - floor)
    )
    # The tau of the controls has a row of its own beside the grid.
    layers = tables.layers
    assert (
        layers.mean_control_shuffled.notna() == np.isclose(layers.tau, 0.123)
    ).all()
    for (layer, group), at_tau in layers[np.isclose(layers.tau, 0.123)].groupby(
        ["layer", "category_group"]
    ):
        means = part(found, layer, group).mean(numeric_only=True)
        row = at_tau.iloc[0]
        assert row.mean_control_shuffled == pytest.approx(
            means.control_shuffled
        )
        assert row.mean_corrected_invariance == pytest.approx(
            means.corrected_invariance
        )
        assert row.mean_invariance == pytest.approx(
            means.invariance_coefficient
        )


@pytest.mark.parametrize(
    "transform, arguments", [("rotate180", {}), ("white_noise", {"std": 60.0})]
)
@pytest.mark.parametrize("spatial", ["all", "max"])
def test_streaming_changes_no_number(transform, arguments, spatial):
    model = make_model()

    def measured(memory):
        return measure_invariance(
            model,
            IMAGES,
            transforms.get(transform, **arguments),
            ["conv", "fc", "logits"],
            labels=LABELS,
            is_seen=IS_SEEN,
            spatial=spatial,
            activity="rectified",
            memory=memory,
        )

    held = tables(measured(2**30))
    # Nothing is held, or only a first block would fit.
    for memory in (0, 64 * 2 * 4 * (64 + 9 + 5)):
        for left, right in zip(held, tables(measured(memory)), strict=True):
            assert left.equals(right)


@pytest.mark.parametrize("memory", [0, 2**30])
def test_negative_activity_is_refused_in_a_stream_too(memory):
    with pytest.raises(ValueError, match="layer logits has neg.*minimum=-"):
        measure(layers=["fc", "logits"], memory=memory)


@pytest.mark.parametrize("memory", [0, 2**30])
@pytest.mark.parametrize("activity", [None, "signed"])
def test_infinite_activity_is_refused(memory, activity):
    image = keras.Input(IMAGES.shape[1:])
    x = keras.layers.Flatten()(image)
    x = keras.layers.Rescaling(1e30, name="large")(x)
    x = keras.layers.Rescaling(1e30, name="infinite")(x)
    with pytest.raises(ValueError, match="layer infinite has.*(inf|nan)$"):
        measure_invariance(
            keras.Model(image, keras.layers.Dense(2)(x)),
            IMAGES,
            transforms.get("rotate180"),
            ["large", "infinite"],
            activity=activity,
            memory=memory,
        )


def test_without_labels_all_images_are_one_group():
    model, transform = make_model(), transforms.get("rotate180")
    found = measure_invariance(model, IMAGES, transform, ["fc"], tau=0.15)
    expected = measure(layers=["fc"], tau=0.15).neurons
    expected = expected.query("category_group == 'all'").reset_index()
    assert (found.neurons.category_group == "all").all()
    for column in ("invariance_coefficient", "specialisation"):
        assert_close(found.neurons[column], expected[column])
    # Every image is a category of its own.
    assert found.neurons.control_same_category.isna().all()
    assert found.neurons.control_shuffled.notna().any()


def test_the_noise_is_that_of_the_accuracy():
    """Both read the same transformed images, and so does a second pass."""
    noise = transforms.get("white_noise", std=60.0)

    def network(images, num_categories):
        hidden = keras.layers.Dense(20, activation="relu", name="fc")
        hidden = hidden(keras.layers.Flatten()(images))
        return keras.layers.Dense(num_categories, name="logits")(hidden)

    model = build(network, noise, 6, 5)
    reader = responses.Responses(
        model, IMAGES, ["fc"], labels=LABELS, seed=7, memory=0
    )
    (_, first), (_, second) = reader.arrays(), reader.arrays()
    assert np.array_equal(first, second)
    kernel, bias = model.get_layer("logits").get_weights()
    predicted = evaluation.predict_labels(
        evaluation.classifier(model), IMAGES, LABELS, noise, seed=7
    )
    assert np.array_equal((first @ kernel + bias).argmax(axis=1), predicted)
    other = responses.Responses(
        model, IMAGES, ["fc"], labels=LABELS, seed=8, memory=0
    )
    assert not np.array_equal(other.arrays()[1], first)


class Shaken(keras.layers.Layer):
    """Adds noise, with or without a training."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seed)
        return keras.ops.relu(x + 100 * noise)


def noisy(images):
    factors = np.random.uniform(0.3, 1.7, (len(images), 1, 1, 1))
    return np.asarray(images) * factors.astype("float32")


@pytest.mark.parametrize("memory", [0, 2**30])
@pytest.mark.parametrize("argument", ["transform", "preprocess"])
def test_functions_that_draw_at_random_are_refused(memory, argument):
    options = {"transform": "rotate180", "memory": memory, argument: noisy}
    with pytest.raises(ValueError, match="the same of an image each.*up to"):
        measure_invariance(make_model(), IMAGES, layers="fc", **options)


def test_activity_that_is_higher_than_before_is_refused():
    sums = Accumulator(np.array([1.0, 2.0], "float32"), tau=0.12)
    once, higher = np.full((2, 3, 2), 1.0, "float32"), np.float32(1.0001)
    # By rounding: it is in the highest bin, and in none of the next neuron.
    sums.add(once[0] * higher, once[1], np.zeros(3, int))
    count, _, _ = sums.results([0], [0.12, 0.45, 0.5])
    assert count.tolist() == [[3, 3, 3], [3, 3, 3]]
    with pytest.raises(ValueError, match="higher than before.*activity=1.5"):
        sums.add(once[0] * np.float32(1.5), once[1], np.zeros(3, int))


def test_random_layers_are_seeded_and_left_as_they_were():
    image = keras.Input((6, 6, 3))
    hidden = Shaken(name="shaken")(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Dense(2)(hidden))
    flip = keras.layers.RandomFlip(seed=3)

    def states():
        seeds = model.get_layer("shaken").seed.state, *flip.variables
        return [np.array(keras.ops.convert_to_numpy(x)) for x in seeds]

    former = states()
    found = [
        measure_invariance(
            model, IMAGES, flip, "shaken", memory=memory, seed=seed
        ).neurons
        for memory, seed in ((2**29, 1), (2**29, 1), (0, 1), (0, 2))
    ]
    assert found[1].equals(found[0]) and found[2].equals(found[0])
    assert not found[3].equals(found[0])
    assert len(former) == 2
    for state, expected in zip(states(), former, strict=True):
        assert np.array_equal(state, expected)


def test_a_layer_in_training_mode_is_measured_as_in_predict():
    image = keras.Input((6, 6, 3))
    hidden = keras.layers.Flatten()(image)
    hidden = keras.layers.Dropout(0.5, name="drop")(hidden, training=True)
    model = keras.Model(image, keras.layers.Dense(2)(hidden))
    for memory in (0, 2**29):
        found = measure_invariance(
            model, IMAGES, "identity", "drop", memory=memory
        ).neurons
        assert (found.invariance_coefficient == 1).all()
        assert np.array_equal(found.max_activity, IMAGES.reshape(75, -1).max(0))


def test_a_transformation_that_changed_is_traced_again():
    transform = transforms.get("white_noise", std=1.0)
    before = measure_invariance(make_model(), IMAGES, transform, "fc").neurons
    transform.std = 60.0
    found = measure_invariance(make_model(), IMAGES, transform, "fc").neurons
    expected = measure_invariance(
        make_model(), IMAGES, transforms.get("white_noise", std=60.0), "fc"
    ).neurons
    assert found.equals(expected) and not found.equals(before)


@pytest.mark.parametrize("tau", [0.1 + 0.2, np.float32(0.3), 0.3 - 1e-12])
def test_a_threshold_of_the_grid_may_be_rounded(tau):
    found, expected = measure(tau=tau), measure(tau=0.3)
    assert found.tau == 0.3
    assert len(found.summary) == 2 * 3
    for left, right in zip(tables(found), tables(expected), strict=True):
        assert left.equals(right)


@pytest.mark.parametrize("tau", [-0.1, 1, 1 - 1e-9, np.nan])
def test_an_illegal_threshold_is_refused(tau):
    with pytest.raises(ValueError, match="from 0 to below 1.*tau="):
        measure(tau=tau)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="either or both.*rule='any'"):
        measure(rule="any")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"labels": [0, 1]}, "one label for each of"),
        ({"is_seen": [True, False]}, "only with `labels`"),
    ],
)
def test_labels_that_do_not_fit_are_refused(options, message):
    images = np.zeros((5, 6, 6, 3), "float32")
    with pytest.raises(ValueError, match=message):
        measure_invariance(
            make_model(), images, transforms.get("identity"), ["fc"], **options
        )


@pytest.mark.parametrize("shape", [(0, 6, 6, 3), (6, 6, 3)])
def test_what_is_not_a_batch_of_images_is_refused(shape):
    with pytest.raises(ValueError, match="at least one image. Received"):
        measure_invariance(
            make_model(), np.zeros(shape), transforms.get("identity"), ["fc"]
        )


def test_undefined_images_are_refused():
    images = np.full((5, 6, 6, 3), np.nan, "float32")
    with pytest.raises(ValueError, match="finite values"):
        measure_invariance(
            make_model(), images, transforms.get("identity"), ["fc"]
        )


def test_a_range_is_declared_and_comes_back_to_the_model():
    """Images of 0..1 for a model of 0..1: as if preprocessed from 0..255."""
    model = make_model()
    inversion = transforms.get("contrast_inversion")
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        scale = (high - low) / 255

        def preprocess(images, scale=scale, low=low):
            return images * np.float32(scale) + np.float32(low)

        expected = measure_invariance(
            model, IMAGES, inversion, ["conv"], preprocess=preprocess
        )
        found = measure_invariance(
            model,
            preprocess(IMAGES.astype("float32")),
            inversion,
            ["conv"],
            value_range=(low, high),
        )
        for column in ("invariance_coefficient", "max_activity"):
            np.testing.assert_allclose(
                found.neurons[column], expected.neurons[column], 1e-4, 1e-4
            )
        same = measure_invariance(
            model,
            preprocess(IMAGES.astype("float32")),
            transforms.get("identity"),
            ["conv"],
            value_range=(low, high),
        )
        coefficients = same.neurons.invariance_coefficient.dropna()
        assert len(coefficients) and (coefficients == 1).all()


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_the_batch_size_of_the_network_changes_no_number(batch_size):
    for memory in (0, 2**29):
        found = measure(batch_size=batch_size, memory=memory)
        for left, right in zip(tables(found), tables(measure()), strict=True):
            assert left.equals(right)
    with pytest.raises(ValueError, match="positive integer.*batch_size=0"):
        measure(batch_size=0)


def test_progress_is_shown_if_wanted(capsys):
    measure(verbose=0)
    measure(verbose="auto")
    assert capsys.readouterr().out == ""
    measure(verbose=1)
    assert "75/75" in capsys.readouterr().out
    with pytest.raises(ValueError, match="0, 1 or auto. .*verbose='yes'"):
        measure(verbose="yes")


def signed_pairs():
    """Signed activity of the dense layer before its rectifier."""
    pairs = activity_pairs()["conv"]
    return [conv @ KERNELS["fc"] for conv in pairs]


def signed_reference(original, transformed, tau):
    """The formula of signed activity, one pair after the other."""
    maxima = np.abs([original, transformed]).max(axis=(0, 1))
    rows = []

    def size(x, y):
        return abs(x) + abs(y)

    for a, b, largest in zip(original.T, transformed.T, maxima, strict=True):
        terms = [
            (
                1 - abs(y - x) / (abs(x) + abs(y)),
                (abs(y) - abs(x)) / (abs(x) + abs(y)),
            )
            for x, y in zip(a.tolist(), b.tolist(), strict=True)
            if max(abs(x), abs(y)) / largest > tau
        ]
        rows.append((len(terms), *np.mean(terms, axis=0)))
    return np.array(rows).T


def test_signed_activity_is_measured_by_its_formula():
    model = make_model()
    image = keras.Input((6, 6, 3))
    flat = keras.layers.Flatten()(model.get_layer("conv")(image))
    dense = keras.layers.Dense(9, name="fc")
    signed = keras.Model(image, dense(flat))
    dense.set_weights([KERNELS["fc"], BIASES["fc"]])
    for memory in (0, 2**29):
        found = measure_invariance(
            signed,
            IMAGES,
            transforms.get("rotate180"),
            ["fc"],
            activity="signed",
            tau=0.2,
            labels=LABELS,
            memory=memory,
        ).neurons
        original, transformed = signed_pairs()
        counts, invariance, specialisation = signed_reference(
            original, transformed, 0.2
        )
        assert (np.sign(original) != np.sign(transformed)).any()
        assert np.array_equal(found.num_active_images, counts)
        assert_close(found.invariance_coefficient, invariance)
        assert_close(found.specialisation, specialisation)
        image, other = same_category_pairs(64).T
        _, control, _ = signed_reference_of_control(
            original, transformed, image, other, 0.2
        )
        assert_close(found.control_same_category, control)


def signed_reference_of_control(original, transformed, image, other, tau):
    """The same, with the scale of all images."""
    largest = np.abs([original, transformed]).max(axis=(0, 1))
    pair = np.concatenate([original[image], largest[None]])
    partner = np.concatenate([transformed[other], largest[None]])
    counts, invariance, rest = signed_reference(pair, partner, tau)
    # Without the row that was added for the scale.
    return counts - 1, (invariance * counts - 1) / (counts - 1), rest


def test_what_is_not_for_seen_and_unseen_is_refused():
    for is_seen, found in (([0, 3], "int64"), ([True], "bool")):
        with pytest.raises(ValueError, match=f"boolean.*have 5.*dtype={found}"):
            measure_invariance(
                make_model(),
                IMAGES,
                transforms.get("identity"),
                ["fc"],
                labels=LABELS,
                is_seen=is_seen,
            )


def test_labels_of_any_kind_give_the_same_numbers():
    names = np.array([*"abcde"])[LABELS]
    for labels in (names, np.eye(5)[LABELS], 10**12 + LABELS):
        found = measure_invariance(
            make_model(),
            IMAGES,
            transforms.get("rotate180"),
            ["fc"],
            labels=labels,
        )
        expected = measure_invariance(
            make_model(),
            IMAGES,
            transforms.get("rotate180"),
            ["fc"],
            labels=LABELS,
        )
        assert found.neurons.equals(expected.neurons)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("tau", "high", "number from 0 to below 1"),
        ("tau", None, "number from 0 to below 1"),
        ("seed", -1, "integer >= 0"),
        ("seed", 0.5, "integer >= 0"),
        ("memory", "2 GB", "integer >= 0"),
        ("batch_size", True, "positive integer"),
        ("rule", "any", "either or both"),
        ("activity", "both", "None, rectified or signed"),
        ("preprocess", 255, "function from images to images"),
        ("layers", 3, "name or a list of names"),
        ("layers", ["fc", 3], "name or a list of names"),
        ("inputs", ["age"], "dictionary"),
        ("num_images", 0, "positive integer"),
        ("measures", 5, "name or a list of names"),
    ],
)
def test_a_mistaken_argument_is_told_in_one_line(name, value, message):
    with pytest.raises((TypeError, ValueError), match=message) as refused:
        measure(**{name: value})
    assert name in str(refused.value) and "\n" not in str(refused.value)


def test_a_measurement_names_its_transformation():
    def upside_down(images):
        return keras.ops.flip(images, axis=1)

    found = measure_invariance(make_model(), IMAGES, upside_down, "fc")
    assert repr(found).startswith("Invariance to upside_down: 9 neurons")
    found = measure_invariance(
        make_model(), IMAGES, lambda images: images, "fc"
    )
    assert "<p>Invariance to &lt;lambda&gt;: 9" in found._repr_html_()


@pytest.mark.parametrize(
    "name, arguments, expected",
    [
        ("blur", {"sigma": 3.0}, "GaussianBlur(sigma=3.0)"),
        # As it was saved before texts were written.
        ("highpass", {}, "HighPass"),
        ("highpass", {"kernel": "separable"}, "HighPass(kernel='separable')"),
        ("grayscale", {}, "Grayscale"),
        (
            "blur+rotate90",
            {},
            "Composed([GaussianBlur(sigma=3.0), Rotate90(angle=90.0)])",
        ),
    ],
)
def test_a_transformation_is_described_with_all_arguments(
    name, arguments, expected
):
    transform = transforms.get(name, **arguments)
    assert passes.describe_transform(transform) == expected


def test_every_measure_of_layers_has_a_name_and_a_function():
    assert [*population_measures.MEASURES] == [*LAYER_MEASURES]


def test_no_measures_of_layers_may_be_none():
    assert not len(measure(measures=None).population)


def test_a_measurement_with_a_seed_of_numpys_is_stored(tmp_path):
    measure(seed=np.int64(3)).save(tmp_path)
    assert Measurement.load(tmp_path).settings["seed"] == 3


def test_whole_layers_are_measured_for_each_category_group():
    found = measure(measures="all").population
    names = [*LAYER_MEASURES, "decode_categories_transformed"]
    assert {*found.measure} == {*names} and len(found) == 2 * 3 * len(names)
    for layer, pair in activity_pairs().items():
        for group, is_in_group in GROUPS.items():
            is_chosen = is_in_group[LABELS]
            both = [each[is_chosen] for each in pair]
            table = part(found, layer, group).set_index("measure")
            expected = {
                "linear_cka": population.linear_cka(*both).value,
                "rsa": population.rsa(*both).value,
                "normalized_variance": population.median_variance(*both).value,
                "goodfellow_score": population.goodfellow_score(
                    *both, rate=1 / len(both[0])
                ).value,
            }
            for name, value in expected.items():
                assert np.isclose(table.value[name], value), name
            is_within = table.value.between(table.low, table.high)
            assert is_within.all() and table.control.notna().all()
            expected = decoding.decode_transformed(*both).value
            # Folds are drawn by the position of an image.
            assert abs(table.value["decode_transformed"] - expected) < 0.2


def test_each_of_three_category_groups_is_measured_by_its_own_images():
    images = np.random.default_rng(9).integers(0, 256, (54, 6, 6, 3), "uint8")
    labels = np.repeat(np.arange(9), 6)
    groups = np.arange(9) % 3
    read = functools.partial(
        responses.Responses, make_model(), transform="rotate180", layers="fc"
    )
    found = measurement.measure(
        read(images, labels=labels),
        is_seen=groups == 0,
        is_other=groups == 2,
        measures=["linear_cka"],
    ).population.set_index("category_group")
    for group, number in (("seen", 0), ("unseen", 1), ("other", 2)):
        chosen = images[groups[labels] == number]
        both = read(chosen).arrays()
        expected = population.linear_cka(*both).value
        assert found.value[group] == pytest.approx(expected), group


def test_measures_that_do_not_fit_in_memory_are_refused(monkeypatch):
    monkeypatch.setattr(population_measures, "find_memory", lambda: 64 * 4999)
    check = population_measures.check_memory
    check(["goodfellow_score", "normalized_variance"], 10**6)
    check(["all"], 70)
    for measures in (["rsa"], ["all"]):
        with pytest.raises(ValueError, match="rsa.*: 71 images need"):
            check(measures, 71)
    with pytest.raises(ValueError, match="linear_cka compare"):
        monkeypatch.setattr(population_measures, "find_memory", lambda: 63)
        measure(measures="linear_cka")


def test_large_layers_are_measured_from_files():
    at_once, streamed = (
        measure(measures="all", memory=memory) for memory in (2**29, 0)
    )
    numbers = ["value", "low", "high", "control"]
    assert streamed.neurons.equals(at_once.neurons)
    np.testing.assert_allclose(
        streamed.population[numbers], at_once.population[numbers]
    )


def test_categories_are_decoded_only_where_there_are_some():
    options = {"layers": "fc", "measures": "all"}
    found = measure_invariance(make_model(), IMAGES, "rotate180", **options)
    assert "decode_categories" not in {*found.population.measure}
    options["measures"] = ["decode_categories"]
    with pytest.raises(ValueError, match="only with `labels`, of two or more"):
        measure_invariance(make_model(), IMAGES, "rotate180", **options)
    with pytest.raises(ValueError, match="must be linear_cka, rsa, .* or all"):
        measure(measures="cka")
    # One seen category has nothing to decode; the others do.
    one = measure_invariance(
        make_model(),
        IMAGES,
        "rotate180",
        labels=LABELS,
        is_seen=np.arange(5) == 0,
        **options,
    ).population.set_index("category_group")
    assert one.value["seen"].isna().all()
    assert one.value[["unseen", "all"]].notna().all()


@pytest.mark.parametrize("memory, passes", [(2**29, 1), (0, 2)])
def test_a_function_can_follow_the_images_that_are_read(memory, passes):
    counts = []
    measure(verbose=counts.append, memory=memory)
    assert counts == passes * [64, 11]
