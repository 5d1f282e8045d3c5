"""Sub-models, the order of images, and the activity of neurons."""

import functools
import logging

import keras
import numpy as np
import pytest

from invariance_tf import transforms
from invariance_tf.measures import activations, partners, responses
from invariance_tf.measures.ablation import ablate
from invariance_tf.measures.measurement import measure_invariance
from invariance_tf.paradigm.model import build, reseed_layer
from invariance_tf.settings import defaults

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 12, 12, 3), "uint8")
LABELS = np.random.default_rng(1).integers(0, 6, 70)


@functools.cache
def plain_model():
    """A model of Keras alone, as a user may have it."""
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(8, name="fc"),
            keras.layers.Activation("relu", name="fc_relu"),
            keras.layers.Dropout(0.5, name="drop1"),
            keras.layers.Dropout(0.5, name="drop2"),
            keras.layers.Dense(6, activation="softmax", name="predictions"),
        ]
    )
    # Not the first moments, which would change nothing.
    model.get_layer("norm").set_weights(
        [np.array(row, "float32") for row in np.arange(1, 17).reshape(4, 4)]
    )
    return model


@functools.cache
def built_model():
    """A model as an experiment builds it, with noise."""

    def network(images, num_categories):
        conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
        dense = keras.layers.Dense(8, activation="relu", name="fc")
        hidden = dense(keras.layers.Flatten(name="flat")(conv(images)))
        hidden = keras.layers.Dropout(0.5, name="dropout")(hidden)
        return keras.layers.Dense(num_categories, name="logits")(hidden)

    return build(network, transforms.get("white_noise", std=30.0), 12, 6)


def test_layers_are_listed_without_inputs_and_whole_numbers():
    image = keras.Input((8, 8, 3), name="image")
    hidden = keras.layers.Flatten(name="flat")(image)
    whole = keras.layers.Discretization(bin_boundaries=[0.0])(hidden)
    logits = keras.layers.Dense(2, name="logits")(hidden)
    model = keras.Model(image, [logits, whole])
    assert activations.layer_names(model) == ["flat", "logits"]
    names = "standardize conv flat fc dropout logits"
    assert activations.layer_names(built_model()) == names.split()


def test_the_penultimate_layer_is_found_before_dropout():
    assert activations.penultimate_layer(plain_model()) == "fc_relu"
    assert activations.penultimate_layer(built_model()) == "fc"


def test_a_model_that_does_not_end_in_a_dense_layer_has_no_penultimate():
    image = keras.Input((8, 8, 3))
    hidden = keras.layers.Dense(3, name="fc")(keras.layers.Flatten()(image))
    model = keras.Model(
        image, keras.layers.UnitNormalization(name="unit")(hidden)
    )
    with pytest.raises(
        ValueError,
        match=r"Legal: flatten, fc, unit.*layer=unit \(UnitNormalization\)",
    ):
        activations.penultimate_layer(model)


def test_an_activation_after_the_dense_layer_is_a_part_of_it():
    image = keras.Input((8, 8, 3))
    hidden = keras.layers.Flatten(name="flat")(image)
    logits = keras.layers.Dense(3, name="fc")(hidden)
    for ending in (
        keras.layers.Softmax(),
        keras.layers.Activation("softmax"),
        keras.activations.softmax,
        keras.ops.sigmoid,
    ):
        model = keras.Model(image, ending(logits))
        assert activations.penultimate_layer(model) == "flat"


def test_rectified_layers_are_those_with_relu_and_the_penultimate():
    assert activations.rectified_layers(plain_model()) == ["conv", "fc_relu"]
    assert activations.rectified_layers(built_model()) == ["conv", "fc"]
    image = keras.Input((8, 8, 3))
    hidden = keras.layers.ReLU(name="relu")(image)
    hidden = keras.layers.Conv2D(2, 3, activation="tanh")(hidden)
    hidden = keras.layers.GlobalAveragePooling2D(name="pool")(hidden)
    model = keras.Model(image, keras.layers.Dense(2)(hidden))
    assert activations.rectified_layers(model) == ["relu", "pool"]
    model = keras.Model(image, hidden)  # that does not end in a dense layer
    assert activations.rectified_layers(model) == ["relu"]


def test_with_signed_activity_layers_with_any_activation_are_listed():
    image = keras.Input((8,))
    x = keras.layers.Dense(4, activation="gelu", name="gelu")(image)
    x = keras.layers.Dense(4, name="linear")(x)
    x = keras.layers.Dense(4, activation="tanh", name="tanh")(x)
    x = keras.layers.LayerNormalization(name="norm")(x)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x))
    assert activations.rectified_layers(model) == ["norm"]
    layers = activations.rectified_layers(model, activity="signed")
    assert layers == ["gelu", "tanh", "norm"]


def test_with_signed_activity_every_activation_of_keras_counts():
    others = {"get", "serialize", "deserialize", "linear", "threshold"}
    # Which Keras applies to arrays only.
    others |= {"hard_silu", "hard_swish", "mish", "sparsemax"}
    made = [
        getattr(keras.activations, name)
        for name in sorted({*dir(keras.activations)} - others)
        if not name.startswith("_")
    ]
    made += [
        keras.ops.hard_silu,
        lambda x: keras.activations.threshold(x, 1.0, -1.0),
        keras.layers.ELU(),
        keras.layers.LeakyReLU(),
        keras.layers.PReLU(),
        keras.layers.ReLU(negative_slope=0.1),
        keras.layers.Softmax(),
    ]
    image = keras.Input((8,))
    x = keras.layers.Dense(4, name="linear")(image)
    found = [activation(x) for activation in made]
    x = keras.layers.Concatenate(name="joined")(found)
    model = keras.Model(image, keras.layers.Dense(2, name="logits")(x))
    layers = activations.rectified_layers(model, activity="signed")
    names = [each._keras_history.operation.name for each in found]
    assert len(names) > 25 and {*layers} == {*names, "joined"}


def test_the_softmax_of_attention_is_no_layer_of_its_own():
    image = keras.Input((4, 8))
    attention = keras.layers.MultiHeadAttention(2, 4, dropout=0.1, name="mix")
    x = keras.layers.Flatten(name="flat")(attention(image, image))
    model = keras.Model(image, keras.layers.Dense(2)(x))
    assert "mix/softmax" in activations.layer_names(model)
    layers = activations.rectified_layers(model, activity="signed")
    assert layers == ["flat"]


def test_an_unknown_layer_is_refused():
    with pytest.raises(ValueError, match="Legal: conv, norm.*layer='fc9'"):
        activations.submodel(plain_model(), ["fc", "fc9"])


def test_a_plain_model_needs_a_transform():
    with pytest.raises(ValueError, match="name one.*transform=None"):
        responses.Responses(plain_model(), IMAGES)


def test_negative_activity_is_refused_or_rectified():
    model, transform = plain_model(), transforms.get("rotate180")
    with pytest.raises(ValueError, match="layer fc has negative.*minimum=-"):
        measure_invariance(model, IMAGES, transform, ["fc"])
    rectified, expected = (
        responses.Responses(
            model, IMAGES, [layer], transform=transform, activity=activity
        ).arrays()
        for layer, activity in (("fc", "rectified"), ("fc_relu", None))
    )
    for left, right in zip(rectified, expected, strict=True):
        assert np.array_equal(left, right)


def test_an_unknown_kind_of_neuron_is_refused():
    with pytest.raises(
        ValueError, match="all or max. Received: spatial='mean'"
    ):
        responses.Responses(plain_model(), IMAGES, spatial="mean")


def test_images_are_read_in_pairs_and_turns():
    order = responses.reading_order(LABELS)
    assert sorted(order.tolist()) == [*range(len(LABELS))]
    turns = LABELS[order]
    # As long as every category has two images left, they come in pairs.
    num_turns = np.bincount(LABELS).min() // 2
    whole = turns[: num_turns * 12].reshape(num_turns, 6, 2)
    assert (whole == np.arange(6)[:, None]).all()
    for label in range(6):
        of_label = order[turns == label]
        assert (np.diff(of_label) > 0).all()


def test_the_reading_order_skips_missing_categories():
    labels = np.array([7, 2, 7, 7, 2, 9])
    assert responses.reading_order(labels).tolist() == [1, 4, 0, 2, 5, 3]
    assert responses.reading_order(np.array([], int)).tolist() == []


def test_the_next_image_of_a_category_is_found_around_the_block():
    found = partners.next_of_category(np.array([0, 0, 1, 1, 0, 2]))
    assert found.tolist() == [1, 4, 3, 2, 0, -1]
    assert partners.next_of_category(np.array([4])).tolist() == [-1]


def test_blocks_hold_each_image_once_and_repeat_their_noise():
    noise = transforms.get("salt_pepper", amount=0.3)
    order = responses.reading_order(LABELS)

    def read(seed):
        blocks = responses.paired_blocks(IMAGES, noise, seed, order)
        return [*map(np.concatenate, zip(*blocks, strict=True))]

    positions, originals, transformed = read(3)
    assert np.array_equal(positions, order)
    assert np.array_equal(originals, IMAGES[order])
    assert originals.dtype == transformed.dtype == np.float32
    assert np.array_equal(transformed, read(3)[2])
    assert not np.array_equal(transformed, read(4)[2])
    assert not np.array_equal(transformed, originals)


@pytest.mark.parametrize("name", defaults.TRANSFORMS)
def test_a_traced_transformation_is_the_layer_itself(name):
    # Blocks of 64 and of 6 images, and noise that goes on between them.
    layer = transforms.get(name, **defaults.TRANSFORMS[name].options)
    blocks = [*responses.paired_blocks(IMAGES, layer, seed=2)]
    reseed_layer(layer, 2)
    for _, originals, transformed in blocks:
        expected = keras.ops.convert_to_numpy(layer(originals))
        np.testing.assert_allclose(transformed, expected, 1e-6, 1e-4)


def test_a_function_that_needs_arrays_is_not_traced():
    def flip(images):
        return np.flip(np.asarray(images), axis=2)

    ((_, originals, transformed),) = responses.paired_blocks(IMAGES[:5], flip)
    assert np.array_equal(transformed, originals[:, :, ::-1])


@pytest.mark.parametrize("memory", [0, 2**30])
def test_the_activity_is_that_of_the_model(memory):
    model = plain_model()
    layers = ["fc_relu", "conv"]
    reader = responses.Responses(
        model,
        IMAGES,
        layers,
        labels=LABELS,
        transform=transforms.get("rotate180"),
        memory=memory,
    )
    versions = IMAGES, IMAGES[:, ::-1, ::-1]
    for index, name in enumerate(layers):
        direct = keras.Model(model.inputs, model.get_layer(name).output)
        found = reader.arrays(index)
        for activity, images in zip(found, versions, strict=True):
            expected = direct.predict(images.astype("float32"), verbose=0)
            expected = expected.reshape(len(IMAGES), -1)
            np.testing.assert_allclose(activity, expected, 1e-5, 1e-3)
        largest = np.concatenate(found).max(axis=0)
        assert np.array_equal(reader.maxima[index], largest)


def test_the_activity_of_a_built_model_is_transformed_once_and_standardised():
    model = built_model()
    images = IMAGES[:20].astype("float32")
    found = responses.Responses(model, images, seed=7).arrays()
    direct = keras.Model(model.inputs, model.get_layer("fc").output)
    for activity, is_transformed in zip(found, (False, True), strict=True):
        reseed_layer(activations.transform_of(model), 7)
        inputs = {
            "image": images,
            "is_transformed": np.full(20, is_transformed),
        }
        expected = direct.predict(inputs, verbose=0)
        np.testing.assert_allclose(activity, expected, 1e-4, 1e-5)


def test_a_saved_model_of_a_run_is_measured_as_before(tmp_path):
    built_model().save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    names = activations.layer_names(built_model())
    assert activations.layer_names(loaded) == names
    before, after = (
        responses.Responses(model, IMAGES, "fc").arrays()
        for model in (built_model(), loaded)
    )
    assert np.array_equal(before, after)


@pytest.mark.parametrize("is_flagged", [False, True])
def test_a_transformation_within_a_model_is_one_of_its_layers(is_flagged):
    """Unlike that at the start, which `model.build` puts there."""
    image = keras.Input((12, 12, 3), name="image")
    flags = keras.Input((), dtype="bool", name="flags")
    x = keras.layers.Rescaling(0.5)(image)
    grey = transforms.get("grayscale", name="grey")
    x = grey(x, flags) if is_flagged else grey(x)
    x = keras.layers.Flatten(name="flat")(x)
    inputs = [image, flags] if is_flagged else image
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    names = activations.layer_names(model)
    assert names == ["rescaling", "grey", "flat", "dense"]
    chosen = np.arange(70) % 2 == 0
    others = {"inputs": {"flags": chosen}} if is_flagged else {}
    found = responses.Responses(
        model, IMAGES, transform="identity", **others
    ).arrays()[0]
    both = [IMAGES, chosen] if is_flagged else IMAGES
    expected = keras.Model(inputs, x).predict(both, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="name one.*transform=None"):
        responses.Responses(model, IMAGES, **others)


def test_the_largest_activity_of_a_channel_is_over_places():
    model, transform = plain_model(), transforms.get("rotate180")
    every, largest = (
        responses.Responses(
            model, IMAGES, ["conv"], transform=transform, spatial=spatial
        ).arrays()
        for spatial in ("all", "max")
    )
    for whole, of_channel in zip(every, largest, strict=True):
        expected = whole.reshape(70, 10 * 10, 4).max(axis=1)
        assert np.array_equal(of_channel, expected)


def test_activities_are_kept_only_if_all_fit():
    def num_passes(memory):
        """Reads three times; counts how often images are transformed."""
        calls = []

        def flip(images):
            calls.append(1)
            return keras.ops.flip(images, axis=1)

        reader = responses.Responses(
            plain_model(), IMAGES, transform=flip, memory=memory
        )
        for _ in range(3):
            reader.arrays()
        # A first block is transformed twice before, to see that it repeats.
        return len(calls) / 2 - 1

    size = 2 * 70 * 8 * 4
    assert num_passes(size) == 1
    # The first use finds the maxima, and each later one reads again.
    assert num_passes(size - 1) == num_passes(0) == 4


class NumPyFlip(transforms.Transform):
    """Needs arrays: what stands for them in a program it cannot flip."""

    def transform(self, images):
        return np.flip(keras.ops.convert_to_numpy(images), 1).copy()


@pytest.mark.parametrize("is_part", [False, True])
def test_a_transformation_of_a_user_s_may_need_arrays(is_part):
    transform = NumPyFlip()
    if is_part:
        transform = transforms.Composed([transform])
    _, flipped = responses.Responses(
        plain_model(), IMAGES, transform=transform
    ).arrays()
    _, expected = responses.Responses(
        plain_model(),
        IMAGES,
        transform=lambda images: keras.ops.flip(images, axis=1),
    ).arrays()
    np.testing.assert_array_equal(flipped, expected)


def test_images_are_preprocessed_after_the_transformation():
    model, transform = plain_model(), transforms.get("rotate180")

    def preprocess(images):
        assert images.shape[0] % 2 == 0 and images.dtype == np.float32
        ramp = np.arange(12, dtype="float32")[:, None, None]
        return images / 255 + ramp

    found = responses.Responses(
        model, IMAGES, transform=transform, preprocess=preprocess
    ).arrays()
    direct = keras.Model(model.inputs, model.get_layer("fc_relu").output)
    for activity, images in zip(
        found, (IMAGES, IMAGES[:, ::-1, ::-1]), strict=True
    ):
        scaled = images.astype("float32") / 255
        scaled += np.arange(12, dtype="float32")[:, None, None]
        expected = direct.predict(scaled, verbose=0)
        np.testing.assert_allclose(activity, expected, 1e-5, 1e-5)


def test_a_tensorflow_data_set_gives_what_an_array_gives():
    tf = pytest.importorskip("tensorflow")
    model, transform = plain_model(), transforms.get("rotate180")
    plain = tf.data.Dataset.from_tensor_slices(IMAGES).batch(16)
    labelled = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(16)
    for images, labels in ((plain, None), (labelled, LABELS)):
        expected = measure_invariance(model, IMAGES, transform, labels=labels)
        found = measure_invariance(model, images, transform)
        assert found.neurons.equals(expected.neurons)
        assert found.layers.equals(expected.layers)


def test_analysis_leaves_the_weights_as_they_are():
    model, images = built_model(), IMAGES[:20]
    before = [weight.copy() for weight in model.get_weights()]
    layers = activations.rectified_layers(model)
    measure_invariance(model, images, layers=layers, memory=0)
    arrays = responses.Responses(model, images).arrays()
    head = activations.dense_head(model).get_weights()
    ablate(*arrays, *head, LABELS[:20], np.arange(6) < 3)
    after = model.get_weights()
    assert len(before) == len(after)
    for left, right in zip(before, after, strict=True):
        assert np.array_equal(left, right)


def test_tracing_networks_of_our_own_is_no_warning():
    logger, shown = logging.getLogger("tensorflow"), []
    handler = logging.Handler()
    handler.emit = lambda record: shown.append(record.getMessage())
    logger.addHandler(handler)
    logger.warning("5 of make_predict_function triggered retracing")
    logger.warning("5 of their_function triggered retracing")
    logger.removeHandler(handler)
    assert shown == ["5 of their_function triggered retracing"]
