"""The layers are Keras layers: they keep its contract and its habits."""

import keras
import numpy as np
import pytest
from keras.src.testing import TestCase

import invariance_tf as itf
from invariance_tf import transforms
from invariance_tf.networks.alexnet import LocalResponseNormalization
from invariance_tf.networks.normalization import BatchNormalization
from invariance_tf.networks.vit import PositionEmbedding
from invariance_tf.paradigm.model import Standardize, reseed_layer
from invariance_tf.settings import defaults, names


@keras.saving.register_keras_serializable(package="test_layers")
def mirror(images):
    return images[:, :, ::-1]


# Every layer that the package registers with Keras, by its class.
ARGUMENTS = {
    names.load("transform", name): entry.options
    for name, entry in defaults.TRANSFORMS.items()
} | {
    Standardize: {},
    LocalResponseNormalization: {},
    BatchNormalization: {},
    PositionEmbedding: {},
    transforms.Wrapped: {"function": mirror},
    transforms.Composed: {
        "parts": [transforms.get("blur"), transforms.get("rotate90")]
    },
}

every_transform = pytest.mark.parametrize("name", defaults.TRANSFORMS)
every_format = pytest.mark.parametrize(
    "data_format", ["channels_last", "channels_first"]
)


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def transformed(layer, images, *flags):
    """Images of a layer whose noise always starts alike."""
    reseed_layer(layer, 7)
    return to_numpy(layer(images, *flags))


@pytest.fixture(params=["channels_last", "channels_first"])
def data_format(request):
    """Keras' global setting."""
    former = keras.config.image_data_format()
    keras.config.set_image_data_format(request.param)
    yield request.param
    keras.config.set_image_data_format(former)


def test_the_contract_is_about_every_registered_layer():
    registered = {
        layer
        for name, layer in keras.saving.get_custom_objects().items()
        if name.startswith("invariance_tf>")
        and issubclass(layer, keras.layers.Layer)
    }
    # Which of several an image undergoes has to be said.
    assert registered == {*ARGUMENTS, transforms.Either}


@pytest.mark.filterwarnings("ignore:.*trainable weights:UserWarning")
@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed:UserWarning")
@pytest.mark.parametrize("layer", ARGUMENTS, ids=lambda layer: layer.__name__)
def test_a_layer_keeps_the_contract_of_keras(layer):
    TestCase().run_layer_test(
        layer, ARGUMENTS[layer], input_shape=(2, 24, 24, 3)
    )


@pytest.mark.filterwarnings("ignore:.*trainable weights:UserWarning")
@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed:UserWarning")
@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3), (2, 3, 3, 3, 2)])
@pytest.mark.parametrize(
    "layer", [LocalResponseNormalization, BatchNormalization]
)
def test_normalisation_takes_any_number_of_axes(layer, shape):
    TestCase().run_layer_test(layer, {}, input_shape=shape)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 4), (6, 5, 4, 3)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"axis": 1},
        {"scale": False},
        {"center": False},
        {"dtype": "float64"},
        {"dtype": "mixed_bfloat16"},
        {"dtype": "bfloat16"},
    ],
)
def test_batch_normalisation_is_that_of_keras(options, shape):
    if "float64" in options.values() and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless asked.")
    generator = np.random.default_rng(0)
    inputs = generator.normal(3, 2, shape).astype("float32")
    ours = BatchNormalization(**options)
    kerass = keras.layers.BatchNormalization(**options)
    for training in (True, True, False):
        outputs = [layer(inputs, training=training) for layer in (ours, kerass)]
        assert outputs[0].dtype == outputs[1].dtype
        # The last bit of bfloat16.
        atol = 2e-2 if "bfloat16" in options.get("dtype", "") else 1e-5
        a, b = (to_numpy(keras.ops.cast(each, "float32")) for each in outputs)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)
    for own, other in zip(ours.weights, kerass.weights, strict=True):
        assert own.dtype == other.dtype
        own, other = (
            to_numpy(keras.ops.cast(each, "float32")) for each in (own, other)
        )
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


@every_transform
def test_without_flags_every_image_is_transformed(name, images):
    layer = transforms.get(name)
    every = np.ones(len(images), bool)
    expected = transformed(layer, images, every)
    np.testing.assert_array_equal(transformed(layer, images), expected)


@every_transform
def test_channels_may_come_first(name, images):
    last = transforms.get(name, data_format="channels_last")
    first = transforms.get(name, data_format="channels_first")
    flags = np.array([True, False, True, True])
    expected = transformed(last, images, flags)
    result = transformed(first, images.transpose(0, 3, 1, 2), flags)
    np.testing.assert_array_equal(result, expected.transpose(0, 3, 1, 2))


@every_transform
def test_the_format_is_that_of_keras_and_is_saved(name, data_format, images):
    layer = transforms.get(name)
    assert layer.data_format == data_format
    if data_format == "channels_first":
        images = images.transpose(0, 3, 1, 2)
    result = transformed(layer, images)
    keras.config.set_image_data_format("channels_last")
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(transformed(again, images), result)


def test_a_layer_saved_before_there_was_a_choice_has_channels_last(data_format):
    config = transforms.get("blur").get_config()
    del config["data_format"]
    layer = transforms.GaussianBlur.from_config(config)
    assert layer.data_format == "channels_last"


def test_a_model_is_built_and_measured_whatever_the_format_of_keras(
    data_format, images
):
    network = itf.networks.get("alexnet_small")
    model = itf.model.build(network, "rotate90", 24, 3)
    assert keras.config.image_data_format() == data_format
    for transform in (None, "rotate180", mirror):
        found = itf.measure_invariance(model, images, transform, ["conv1"])
        assert len(found.neurons) == 5 * 5 * 24


@every_transform
def test_a_grey_image_is_treated_as_one_of_equal_channels(name, images):
    options = dict(defaults.TRANSFORMS[name].options)
    if name == "white_noise":  # It is drawn anew for each channel.
        options["std"] = 1e-3
    grey = images[..., :1]
    result = transformed(transforms.get(name, **options), grey)
    assert result.shape == grey.shape
    same = np.repeat(grey, 3, axis=-1)
    expected = transformed(transforms.get(name, **options), same)
    if name != "salt_pepper":  # So is its chance, in other shapes.
        # Luma sums to 0.9999.
        np.testing.assert_allclose(result, expected[..., :1], atol=0.03)
    assert transformed(transforms.get(name), same).shape == same.shape


def test_the_size_of_images_may_be_unknown(images):
    layers = {name: transforms.get(name) for name in defaults.TRANSFORMS}
    image = keras.Input((None, None, 3))
    standardize = Standardize()
    outputs = {name: standardize(layers[name](image)) for name in layers}
    model = keras.Model(image, outputs)
    model.jit_compile = False
    for size in (24, 20):
        smaller = images[:, :size, :size]
        for layer in layers.values():
            reseed_layer(layer, 7)
        result = model.predict(smaller, verbose=0)
        for name, layer in layers.items():
            expected = standardize(transformed(layer, smaller))
            np.testing.assert_allclose(
                result[name], to_numpy(expected), atol=1e-4, err_msg=name
            )


NOISE = ("white_noise", "salt_pepper")


def test_images_need_not_be_square(images):
    oblong = images[:, :20]
    for name in ("blur", "thinning", "rotate180"):
        turned = oblong.transpose(0, 2, 1, 3)
        result = transformed(transforms.get(name), oblong)
        if name == "thinning":  # The width only.
            expected = transformed(transforms.get(name), images)[:, :20]
        else:
            expected = transformed(transforms.get(name), turned)
            expected = expected.transpose(0, 2, 1, 3)
        np.testing.assert_allclose(result, expected, atol=1e-3)


@every_transform
@pytest.mark.parametrize("is_batched", [False, True])
def test_a_layer_maps_over_a_tf_data_dataset(name, is_batched, images):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Layers of other backends cannot be mapped.")
    layer = transforms.get(name)
    dataset = tf.data.Dataset.from_tensor_slices(images)
    dataset = dataset.batch(4) if is_batched else dataset
    reseed_layer(layer, 7)
    result = np.stack([*dataset.map(layer).as_numpy_iterator()])
    result = result.reshape(images.shape)
    if name in NOISE:
        assert np.abs(result - images).max(axis=(1, 2, 3)).all()
    else:
        expected = transformed(layer, images)
        np.testing.assert_allclose(result, expected, atol=1e-3)


def test_labels_in_place_of_flags_are_refused(images):
    for labels in (np.arange(4), np.ones(4), np.ones(4, "uint8")):
        with pytest.raises(ValueError, match="must be boolean; labels"):
            transforms.get("blur")(images, labels)


def test_another_number_of_flags_is_refused(images):
    with pytest.raises(ValueError, match="each of 4 images. Received: 1 flags"):
        transforms.get("blur")(images, np.ones(1, bool))


def test_layers_stand_in_a_sequential_model_and_twice_in_another(images):
    chain = [transforms.get("blur", sigma=1.0) for _ in range(2)]
    sequential = keras.Sequential([*chain, keras.layers.Flatten()])
    image = keras.Input((24, 24, 3))
    functional = keras.Model(image, chain[1](chain[0](image)))
    flat = sequential.predict(images, verbose=0)
    twice = functional.predict(images, verbose=0)
    np.testing.assert_allclose(flat.reshape(twice.shape), twice, atol=1e-4)
    # Variances add up.
    once = to_numpy(transforms.get("blur", sigma=2**0.5)(images))
    assert np.abs(twice - once).max() < 2


@pytest.mark.parametrize(
    "shape", [(24, 24), (2, 24, 24, 2), (2, 3, 24, 24), (2, 2, 24, 24, 3)]
)
def test_what_is_not_an_image_is_refused(shape):
    with pytest.raises(ValueError, match="must have the shape .*Received"):
        transforms.get("blur")(np.zeros(shape))


def test_images_of_another_size_are_checked_again(images):
    layer = transforms.get("rotate90")
    layer(images)
    with pytest.raises(ValueError, match="square"):
        layer(images[:, :20])


@pytest.mark.parametrize("name", ["highpass", "horizontal", "thinning"])
def test_images_smaller_than_a_kernel_are_refused(name):
    with pytest.raises(ValueError, match="needs images.*Received"):
        transforms.get(name)(np.zeros((1, 1, 1, 3)))


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="channels_first. Received.*'NCHW'"):
        transforms.get("blur", data_format="NCHW")


# What stands for a transformation.


def probe(images):
    """Responses of a small model to any transformation of images."""
    image = keras.Input((24, 24, 3))
    hidden = keras.layers.Conv2D(4, 5, activation="relu", name="conv")(image)
    model = keras.Model(image, hidden)

    def measure(transform):
        found = itf.measure_invariance(
            model, images, transform, layers=["conv"], seed=3
        )
        return found.neurons.invariance_coefficient

    return measure


def test_names_functions_and_layers_are_measured_alike(images):
    measure = probe(images)
    expected = measure(transforms.get("rotate180"))
    assert 0 < expected.mean() < 0.9
    same = (
        "rotate180",
        lambda images: images[:, ::-1, ::-1],
        lambda images: np.asarray(images)[:, ::-1, ::-1],
        keras.layers.Lambda(lambda images: images[:, ::-1, ::-1]),
    )
    for transform in same:
        assert measure(transform).equals(expected)


def test_random_layers_of_keras_transform_with_the_seed_of_the_measure(images):
    measure = probe(images)
    twice = [measure(keras.layers.RandomRotation(0.3)) for _ in range(2)]
    assert twice[0].equals(twice[1])
    assert twice[0].mean() < measure("identity").mean()


def test_a_model_is_built_with_what_stands_for_a_transformation(images):
    model = itf.model.build(
        itf.networks.get("alexnet_small"), mirror, 24, num_categories=2
    )
    flags = np.ones(4, bool)
    result = to_numpy(model.get_layer("transform")(images, flags))
    np.testing.assert_array_equal(result, images[:, :, ::-1])


def test_a_registered_function_is_saved_and_another_refused(images, tmp_path):
    layer = transforms.as_transform(mirror)
    keras.Sequential([keras.Input((24, 24, 3)), layer]).save(
        tmp_path / "model.keras"
    )
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), images[:, :, ::-1])
    with pytest.raises(ValueError, match="saved only if it has a name"):
        transforms.as_transform(lambda images: images).get_config()


def test_functions_and_layers_see_the_format_of_the_layer(images):
    first = images.transpose(0, 3, 1, 2)
    layer = transforms.as_transform(
        lambda images: images[:, ::-1], data_format="channels_first"
    )
    np.testing.assert_array_equal(to_numpy(layer(first)), first[:, ::-1])


@pytest.mark.parametrize(
    "transform, message",
    [
        (3, "must be a name.*Received: transform=3"),
        (transforms.Rotate90, "must be a name.*Rotate90"),
        ("blurr", "Did you mean blur"),
        (lambda images: images[:, 1:], "not change the shape"),
        (lambda images: images[0], "not change the shape"),
        (keras.layers.Conv2D(3, 1), "must not be trained"),
        (
            keras.layers.RandomFlip(data_format="channels_first"),
            "must expect channels_last.*Received: data_format='channels_first'",
        ),
    ],
)
def test_what_does_not_stand_for_a_transformation_is_refused(
    transform, message, images
):
    with pytest.raises(ValueError, match=message):
        transforms.as_transform(transform)(images)
