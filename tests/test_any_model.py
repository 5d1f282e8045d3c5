"""Layers of any Keras model, against extractions written by hand."""

import functools
import gc
import itertools
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

from invariance_tf import transforms
from invariance_tf.measures import activations
from invariance_tf.measures.measurement import measure_invariance
from invariance_tf.measures.responses import Responses

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), "uint8")
AGES = np.random.default_rng(1).random((6, 2)).astype("float32")
# `penultimate_layer` is to find it.
DEFAULT = None


def assert_extracts(model, expected, images=IMAGES, **options):
    """Compares layers with functions of images that give their activity.

    Args:
        model: A model.
        expected: Dictionary from the name of a layer to a function.
        images: Original images.
        **options: Arguments of `Responses`.
    """
    named = [name for name in expected if name is not DEFAULT]
    for names in (named, DEFAULT):
        if names == [] or names is DEFAULT and DEFAULT not in expected:
            continue
        responses = Responses(
            model,
            images,
            names,
            transform=transforms.get("rotate180"),
            activity="signed",
            **options,
        )
        for index, name in enumerate(names or [DEFAULT]):
            versions = images, images[:, ::-1, ::-1]
            found = responses.arrays(index)
            for activity, version in zip(found, versions, strict=True):
                by_hand = np.asarray(expected[name](version.astype("float32")))
                by_hand = by_hand.reshape(len(images), -1)
                np.testing.assert_allclose(activity, by_hand, 1e-3, 1e-4)
                assert by_hand.std() > 0


def cut(model, name):
    """Extracts a layer as Keras' guide does."""
    part = keras.Model(model.inputs[0], model.get_layer(name).output)
    return lambda images: part(images, training=False)


def small_backbone():
    """Layers as in MobileNet, for images of any size."""
    image = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(image)
    x = layers.Conv2D(4, 3, strides=2, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = short = layers.ReLU(6.0, name="relu6")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depth")(x)
    x = layers.Add(name="add")([x, short])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, x, name="backbone")


def after(backbone, kind):
    """A classifier with a backbone inside."""
    head = [layers.Dropout(0.5), layers.Dense(5, activation="softmax")]
    if kind == "functional":
        image = x = keras.Input((32, 32, 3))
        for layer in (backbone, *head):
            x = layer(x)
        return keras.Model(image, x)
    return keras.Sequential([backbone, *head])


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_layers_inside_a_nested_model_have_paths(kind):
    backbone = small_backbone()
    model = after(backbone, kind)
    names = activations.layer_names(model, (32, 32, 3))
    inner = "rescale conv norm relu6 depth add pool".split()
    assert names[:8] == [*(f"backbone/{name}" for name in inner), "backbone"]
    assert activations.penultimate_layer(model) == "backbone/pool"
    assert activations.rectified_layers(model) == [
        "backbone/relu6",
        "backbone/pool",
    ]
    assert_extracts(
        model,
        {
            "backbone/relu6": cut(backbone, "relu6"),
            "backbone": backbone,
            DEFAULT: backbone,
        },
    )


def test_a_model_two_levels_down_and_called_twice_is_reached():
    image = keras.Input((32, 32, 3))
    conv = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")
    inner = keras.Model(image, conv(image), name="inner")
    outer = keras.Sequential([inner, layers.Flatten(name="flat")], name="outer")
    flipped = outer(image[:, ::-1])
    model = keras.Model(
        image, layers.Subtract(name="less")([flipped, outer(image)])
    )
    names = activations.layer_names(model)
    assert [name for name in names if "conv" in name] == [
        "outer/inner/conv:1",
        "outer/inner/conv:2",
    ]
    assert_extracts(
        model,
        {
            "outer/inner/conv:1": lambda x: inner(x[:, ::-1]),
            "outer/inner/conv:2": inner,
            "outer:2": outer,
        },
    )


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_shared_layer_is_measured_call_by_call(is_turned):
    """Calls count as they were written, whatever order Keras runs them in."""
    image = keras.Input((32, 32, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    first, second = shared(image), shared(layers.ReLU()(image[:, ::-1] - 100))
    both = [second, first] if is_turned else [first, second]
    pool = layers.GlobalAveragePooling2D()(layers.Concatenate()(both))
    model = keras.Model(image, layers.Dense(2)(pool))
    assert_extracts(
        model,
        {
            f"shared:{number}": keras.Model(image, tensor)
            for number, tensor in enumerate((first, second), start=1)
        },
    )
    with pytest.raises(
        ValueError, match="several times.*shared:1, shared:2. .*'shared'"
    ):
        Responses(model, IMAGES, "shared", transform=transforms.get("identity"))


def test_a_layer_that_another_model_used_first_is_that_of_this_model():
    shared = layers.Dense(32, activation="relu", name="fc")
    image = keras.Input((32, 32, 3))
    keras.Model(image, shared(layers.GlobalMaxPooling2D()(image)))
    pool = layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, layers.Dense(2)(shared(pool)))
    assert_extracts(
        model, {"fc": lambda x: np.maximum(x.mean((1, 2)) @ shared.kernel, 0)}
    )


class Block(layers.Layer):
    """A layer of layers, with an operation at the end."""

    def __init__(self, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(3, 3, strides=2, name="conv")
        self.norm = layers.LayerNormalization(name="norm")

    def call(self, images):
        return ops.silu(self.norm(self.conv(images)))


class Subclassed(keras.Model):
    """A convolutional network as a subclass."""

    def __init__(self):
        super().__init__()
        self.blocks = [Block(name="block1"), Block(name="block2")]
        self.flat = layers.Flatten(name="flat")
        self.hidden = layers.Dense(7, activation="relu", name="hidden")
        self.dropout = layers.Dropout(0.5)
        self.logits = layers.Dense(3, name="logits")

    def features(self, images):
        for block in self.blocks:
            images = block(images)
        return self.hidden(self.flat(images))

    def call(self, images, training=False):
        hidden = self.dropout(self.features(images), training=training)
        return self.logits(hidden)


def test_layers_of_a_subclassed_model_are_found():
    model = Subclassed()
    with pytest.raises(ValueError, match="call it once, or say `image_shape`"):
        activations.layer_names(model)
    assert_extracts(
        model,
        {
            DEFAULT: model.features,
            "block2/norm": lambda x: model.blocks[1].norm(
                model.blocks[1].conv(model.blocks[0](x))
            ),
            "block1": model.blocks[0],
        },
    )
    names = "block1/conv block1/norm block1 block2/conv block2/norm block2"
    names += " flat hidden dropout logits"
    assert activations.layer_names(model) == names.split()
    assert "call" not in vars(model.flat)  # it is as it was
    assert_extracts(
        keras.Sequential([model, layers.Dense(2)]),
        {f"{model.name}/hidden": model.features},
    )


def test_a_subclassed_model_may_name_its_layers_alike():
    class Alike(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [
                layers.Dense(4, activation="relu", name="fc") for _ in "abc"
            ]

        def call(self, images):
            x = ops.mean(images, (1, 2))
            for part in self.parts:
                x = part(x)
            return x

    model = Alike()
    one, two, _ = model.parts
    assert_extracts(model, {"fc:2": lambda x: two(one(ops.mean(x, (1, 2))))})
    assert activations.penultimate_layer(model) == "fc:2"


def test_operations_are_layers_too():
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=4, name="conv")(image)
    x = rectified = ops.relu(x)
    x = layers.Flatten(name="flat")(x)
    model = keras.Model(image, layers.Dense(3)(x))
    name = rectified._keras_history.operation.name
    assert activations.layer_names(model)[:3] == ["conv", name, "flat"]
    assert activations.rectified_layers(model) == [name, "flat"]
    assert_extracts(model, {name: keras.Model(image, rectified)})


def small_vit():
    """A vision transformer of one block."""
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 8, strides=8, name="patches")(x)
    x = layers.Reshape((16, 8), name="tokens")(x)
    y = layers.LayerNormalization(name="norm")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    x = layers.Add(name="sum")([x, y])
    x = layers.Dense(16, activation="gelu", name="mlp")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(image, layers.Dense(3, name="logits")(x))


def test_layers_of_a_transformer_are_reached_and_signed(tmp_path):
    model = small_vit()
    assert activations.penultimate_layer(model) == "pool"
    attention = model.get_layer("attention")
    normed = cut(model, "norm")
    expected = {
        "attention": lambda x: attention(normed(x), normed(x)),
        "attention/value": lambda x: attention._value_dense(normed(x)),
        "mlp": cut(model, "mlp"),
    }
    assert_extracts(model, expected)
    with pytest.raises(ValueError, match='mlp has negative.*"signed"'):
        Responses(
            model, IMAGES, "mlp", transform=transforms.get("rotate180")
        ).arrays()
    path = tmp_path / "vit.keras"
    model.save(path)
    assert_extracts(str(path), {DEFAULT: cut(model, "pool")})


def two_inputs():
    """A model of an image and two numbers."""
    image = keras.Input((32, 32, 3), name="photo")
    age = keras.Input((2,), name="age")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    x = layers.Concatenate()([age, x])
    x = layers.Dense(6, activation="relu", name="hidden")(x)
    return keras.Model([age, image], layers.Dense(2)(x))


class TwoInputs(keras.Model):
    """The same as a subclass."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(6, name="hidden")
        self.logits = layers.Dense(2)

    def features(self, inputs):
        pool = ops.mean(inputs["photo"], (1, 2))
        return self.hidden(ops.concatenate([pool, inputs["age"]], axis=1))

    def call(self, inputs):
        return self.logits(self.features(inputs))


def test_other_inputs_are_given_by_name():
    model = two_inputs()
    part = keras.Model(model.inputs, model.get_layer("hidden").output)
    extract = {DEFAULT: lambda x: part([AGES, x])}
    assert_extracts(model, extract, inputs={"age": AGES})
    for memory in (0, 2**29):  # the rows follow their images
        result = measure_invariance(
            model,
            IMAGES,
            transforms.get("identity"),
            inputs={"age": AGES},
            labels=[2, 1, 0, 2, 1, 0],
            memory=memory,
        )
        values = result.neurons.invariance_coefficient.dropna()
        assert len(values) and (values == 1).all()
    model = TwoInputs()
    extract = {
        DEFAULT: lambda x: model.features(
            {"photo": ops.convert_to_tensor(x), "age": AGES}
        )
    }
    assert_extracts(model, extract, inputs={"age": AGES, "photo": None})
    assert_extracts(model, extract, inputs={"age": AGES})


@pytest.mark.parametrize(
    "inputs, message",
    [
        (None, "several inputs.*inputs: age, photo. Received: inputs=.."),
        ({"size": AGES}, "several inputs.*'size'"),
        ({"age": AGES, "photo": AGES}, "several inputs"),
        ({"age": AGES[:4]}, "a row for each of 6 images.*4 rows of age"),
        ({"age": 3.0}, "a row for each of 6 images.*0 rows of age"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        Responses(
            two_inputs(),
            IMAGES,
            transform=transforms.get("identity"),
            inputs=inputs,
        )


def test_models_that_keras_cannot_measure_are_refused(tmp_path):
    def measure(model, images=IMAGES, layer=None):
        measure_invariance(model, images, transforms.get("identity"), layer)

    with pytest.raises(FileNotFoundError, match="no model .*none.keras"):
        measure(tmp_path / "none.keras")
    with pytest.raises(
        ValueError, match='SavedModel.*model.save."model.keras"'
    ):
        measure(tmp_path)
    (tmp_path / "model.pt").touch()
    with pytest.raises(ValueError, match="must end in .keras"):
        measure(tmp_path / "model.pt")
    (tmp_path / "text.keras").write_text("no archive")
    with pytest.raises(ValueError, match="The file is damaged, or .*a ZIP"):
        measure(tmp_path / "text.keras")
    with pytest.raises(
        TypeError, match="must be a `keras.Model`.*builtins.int"
    ):
        measure(3)
    model = small_vit()
    with pytest.raises(ValueError, match=r"\(32, 32, 3\): resize.*\(8, 8, 1\)"):
        measure(model, IMAGES[:, :8, :8, :1])
    with pytest.raises(ValueError, match="at least one layer. .*layers=\\[\\]"):
        measure(model, layer=[])
    image = keras.Input((32, 32, 3), batch_size=2)
    with pytest.raises(ValueError, match="batches of one size.*size=2"):
        measure(keras.Model(image, layers.Dense(3)(image)))


def test_a_mistaken_layer_is_told_from_those_alike():
    model = after(small_backbone(), "functional")
    find = functools.partial(activations.submodel, model)
    with pytest.raises(ValueError, match="Legal: .*backbone/relu6.*'relu6'"):
        find(["relu6"])
    image = x = keras.Input((32, 32, 3))
    for number in range(30):
        x = layers.ReLU(name=f"relu{number}")(x)
    deep = keras.Model(image, x, name="deep")
    many = keras.Sequential([keras.Input((32, 32, 3)), deep])
    with pytest.raises(ValueError) as refused:
        activations.submodel(many, ["relu17"])
    assert str(refused.value).endswith(
        "Legal: deep/relu17 and others (all: activations.layer_names(model)). "
        "Received: layer='relu17'"
    )


def squared_relu(activity):
    return ops.square(ops.relu(activity))


@pytest.mark.parametrize(
    "make, is_rectified",
    [
        (lambda: layers.ReLU(), True),
        (lambda: layers.ReLU(max_value=6), True),
        (lambda: layers.ReLU(negative_slope=0.1), False),
        (lambda: layers.Activation("relu6"), True),
        (lambda: keras.activations.relu, True),
        (lambda: lambda x: keras.activations.relu(x, max_value=6), True),
        (lambda: lambda x: keras.activations.relu(x, 0.1), False),
        (lambda: lambda x: keras.activations.relu(x, threshold=-1), False),
        (lambda: ops.relu, True),
        (lambda: keras.activations.gelu, False),
        (lambda: layers.LeakyReLU(), False),
        (lambda: layers.Activation(ops.relu), True),
        (lambda: layers.Dense(3, activation="relu6"), True),
        (
            lambda: layers.Dense(
                3, activation=lambda x: ops.square(ops.relu(x))
            ),
            True,
        ),
        (lambda: layers.Dense(3, activation="leaky_relu"), False),
        (lambda: layers.Dense(3, activation="gelu"), False),
        (lambda: layers.Dense(3, activation="sigmoid"), False),
        (lambda: layers.Dense(3), False),
    ],
)
def test_rectified_activations_are_recognised_by_what_they_do(
    make, is_rectified
):
    layer = make()
    image = keras.Input((4, 4, 3))
    x = layer(image)
    name = x._keras_history.operation.name
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
    found = name in activations.rectified_layers(model)
    assert found == is_rectified


def test_a_model_of_integers_gets_rounded_images():
    image = keras.Input((32, 32, 3), dtype="uint8")
    x = layers.Flatten(name="flat")(layers.Rescaling(1.0)(image))
    model = keras.Model(image, layers.Dense(2)(x))

    def stretch(images):
        return 1.3 * images - 40

    found = Responses(model, IMAGES, transform=stretch).arrays()
    expected = np.clip(np.rint(1.3 * IMAGES.astype("float32") - 40), 0, 255)
    assert np.array_equal(found[1], expected.reshape(6, -1))
    assert np.array_equal(found[0], IMAGES.reshape(6, -1))


@pytest.mark.parametrize(
    "dtype, value_range, preprocess",
    [
        ("int16", (-128, 127), None),
        ("int32", (0, 65535), None),
        ("int16", None, lambda images: 3 * images - 300),
    ],
)
def test_a_model_of_integers_gets_its_own_range(dtype, value_range, preprocess):
    image = keras.Input((8, 8, 3), dtype=dtype)
    x = layers.Flatten(name="flat")(layers.Rescaling(1.0)(image))
    model = keras.Model(image, layers.Dense(2)(x))
    low, high = value_range or (0, 255)
    generator = np.random.default_rng(0)
    images = generator.integers(low, high + 1, (6, 8, 8, 3)).astype(dtype)
    images[0, 0, 0] = low, high, 0
    responses = Responses(
        model,
        images,
        transform=lambda images: 1.5 * images,
        value_range=value_range,
        preprocess=preprocess,
        activity="signed",
    )
    original, transformed = responses.arrays()
    expected = preprocess(images) if preprocess else images
    np.testing.assert_allclose(original, expected.reshape(6, -1), 1e-5)
    largest = preprocess(1.5 * 255) if preprocess else high
    assert transformed.max() == pytest.approx(largest, abs=1)


@pytest.mark.parametrize(
    "dtype, value_range, found",
    [
        ("int8", None, "int8, -128 to 127: .* from 0 to 255$"),
        ("uint8", (-1, 1), "uint8, 0 to 255: .* from -1 to 1$"),
        ("uint8", (0, 65535), "uint8, 0 to 255: .* from 0 to 65535$"),
    ],
)
def test_images_beyond_the_integers_of_a_model_are_refused(
    dtype, value_range, found
):
    image = keras.Input((8, 8, 3), dtype=dtype)
    x = layers.Flatten(name="flat")(layers.Rescaling(1.0)(image))
    model = keras.Model(image, layers.Dense(2)(x))
    images = np.zeros((6, 8, 8, 3))
    images[0] = 1
    if value_range is None:
        images[0] = 255
    settings = {"transform": "rotate180", "value_range": value_range}
    with pytest.raises(ValueError, match=found):
        Responses(model, images, **settings)
    ready = Responses(model, images, **settings, preprocess=np.sign)
    assert ready.num_images == 6


def test_the_default_layer_is_found_in_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        pool = layers.GlobalAveragePooling2D(name="pool")
        half = keras.Sequential([keras.Input((32, 32, 3)), pool], name="half")
    finally:
        keras.config.set_dtype_policy(policy)
    model = keras.Sequential([half, layers.Dense(3, dtype="float32")])
    assert activations.penultimate_layer(model) == "half/pool"


class Forked(keras.Model):
    """A trunk that feeds a projection, and the logits."""

    def __init__(self, is_cast=False):
        super().__init__()
        self.trunk = layers.Dense(8, activation="relu", name="trunk")
        self.projection = layers.Dense(8, name="projection")
        self.logits = layers.Dense(2, dtype="float32", name="logits")
        self.is_cast = is_cast

    def call(self, images):
        hidden = self.trunk(ops.mean(images, (1, 2)))
        self.add_loss(ops.mean(self.projection(hidden)))
        if self.is_cast:
            hidden = ops.cast(hidden, "float32")
        return self.logits(hidden)


def test_the_default_layer_is_the_one_whose_output_was_cast():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        forked, by_hand = Forked(), Forked(is_cast=True)
    finally:
        keras.config.set_dtype_policy(policy)
    shape = (32, 32, 3)
    assert activations.penultimate_layer(forked, shape) == "trunk"
    with pytest.raises(ValueError, match="not known.*Legal: trunk, projection"):
        activations.penultimate_layer(by_hand, shape)


def test_two_outputs_need_a_layer_by_name():
    image = keras.Input((4, 4, 3))
    x = layers.Flatten(name="flat")(image)
    model = keras.Model(image, [layers.Dense(2)(x), layers.Dense(3)(x)])
    with pytest.raises(ValueError, match="Legal: flat, .*: 2 outputs"):
        activations.penultimate_layer(model)


def test_exchanged_layers_are_not_measured_from_memory():
    first = keras.Input((32, 32, 3)), layers.GlobalAveragePooling2D()
    model = keras.Sequential([*first, layers.Dense(3, name="fc")])
    assert_extracts(model, {"fc": model})
    model.pop()
    model.add(layers.Dense(4, name="fc"))
    assert_extracts(model, {"fc": model})


class Gained(keras.Model):
    """A model that depends on an attribute which Keras does not know."""

    def __init__(self):
        super().__init__()
        self.fc = layers.Dense(4, activation="relu", name="fc")
        self.logits = layers.Dense(2)
        self.gain = 1.0

    def features(self, images):
        return self.fc(ops.mean(images, (1, 2)) * self.gain)

    def call(self, images):
        return self.logits(self.features(images))


def adapt(model):
    model.get_layer("fc").enable_lora(2)
    model.get_layer("fc").lora_kernel_a.assign(np.ones((3, 2)))
    model.get_layer("fc").lora_kernel_b.assign(np.ones((2, 4)))


def activate(model):
    model.get_layer("fc").activation = keras.activations.relu6


def amplify(model):
    model.gain = 3.0


def quantize(model):
    model.quantize("int8")


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`")
@pytest.mark.parametrize(
    "kind, change",
    [
        ("subclassed", amplify),
        *itertools.product(
            ["flat", "nested", "subclassed"], [adapt, activate, quantize]
        ),
    ],
)
def test_a_model_that_changed_is_measured_as_it_is(kind, change):
    model, image = Gained(), keras.Input((32, 32, 3))
    model(np.zeros((1, 32, 32, 3)))
    model.fc.kernel.assign(np.eye(3, 4))
    inner = model
    if kind != "subclassed":
        hidden = model.fc(layers.GlobalAveragePooling2D()(image))
        inner = model = keras.Model(image, model.logits(hidden), name="inner")
    if kind == "nested":
        model = keras.Sequential([image, inner])
    name = "inner/fc" if kind == "nested" else "fc"

    def extract(images):
        fc = inner.get_layer("fc")
        return fc(ops.mean(images, (1, 2)) * getattr(inner, "gain", 1.0))

    before = np.asarray(extract(IMAGES.astype("float32")))
    assert_extracts(model, {name: extract})
    change(inner)
    assert not np.array_equal(extract(IMAGES.astype("float32")), before)
    assert_extracts(model, {name: extract})


def test_a_model_that_did_not_change_is_not_traced_again():
    model = after(small_backbone(), "functional")
    model.compile("sgd", "sparse_categorical_crossentropy")
    cuts = []
    for _ in range(2):
        model.fit(IMAGES, np.zeros(6), verbose=0)
        measure_invariance(model, IMAGES, "rotate90", activity="signed")
        cuts.append(activations.submodel(model, ["backbone/pool"]))
    assert cuts[0] is cuts[1]


class Windows(layers.Layer):
    """Cuts images into windows of half their side."""

    def call(self, images):
        return ops.reshape(images, (-1, 16, 16, 3))


@pytest.mark.parametrize("is_layer", [False, True])
def test_layers_with_several_rows_for_an_image_are_not_listed(is_layer):
    image = keras.Input((32, 32, 3))
    x = Windows()(image) if is_layer else ops.reshape(image, (-1, 16, 16, 3))
    x = layers.Conv2D(2, 16, activation="relu", name="conv")(x)
    x = layers.Reshape((2,), name="flat")(x)
    x = ops.reshape(x, (-1, 8))
    model = keras.Model(image, layers.Dense(3, name="logits")(x))
    named = x._keras_history.operation.name
    assert activations.layer_names(model) == [named, "logits"]
    assert activations.rectified_layers(model) == [named]
    with pytest.raises(ValueError, match="Legal: .*logits. .*layer='conv'"):
        Responses(model, IMAGES, "conv", transform="rotate90")


def channels_first(norm_only=False):
    """A model of which a layer has its channels first."""
    image = keras.Input((32, 32, 3))
    x = layers.Permute((3, 1, 2))(image)
    if norm_only:
        x = layers.BatchNormalization(axis=1, name="first")(x)
    else:
        x = layers.MaxPooling2D(data_format="channels_first", name="first")(x)
    x = layers.Flatten(data_format="channels_last", name="flat")(x)
    return keras.Model(image, layers.Dense(2)(x))


@pytest.mark.parametrize("norm_only", [False, True])
def test_the_largest_activity_of_a_channel_needs_channels_last(norm_only):
    model = channels_first(norm_only)
    options = {"transform": "rotate90", "spatial": "max"}
    with pytest.raises(ValueError, match="channels are the last.*layer=first"):
        Responses(model, IMAGES, ["flat", "first"], **options)
    Responses(model, IMAGES, "first", transform="rotate90")
    size = 3 * 32 * 32 if norm_only else 3 * 16 * 16
    assert len(Responses(model, IMAGES, "flat", **options).maxima[0]) == size


class Positional(TwoInputs):
    """Takes an image and an age as two arguments."""

    def call(self, photo, age):
        return self.logits(self.features({"photo": photo, "age": age}))


class Paired(TwoInputs):
    """Takes a pair of an image and an age."""

    def call(self, inputs):
        photo, age = inputs
        return self.logits(self.features({"photo": photo, "age": age}))


@pytest.mark.parametrize("kind", [Positional, Paired])
@pytest.mark.parametrize("is_built", [False, True])
def test_a_model_that_takes_other_inputs_is_refused_in_one_line(kind, is_built):
    model = kind()
    if is_built:
        pair = IMAGES.astype("float32"), AGES
        model(*pair) if kind is Positional else model(pair)
    for inputs in ({"photo": None, "age": AGES}, None):
        with pytest.raises(
            ValueError, match="must take one tensor, or"
        ) as told:
            Responses(model, IMAGES, transform="rotate90", inputs=inputs)
        assert "\n" not in str(told.value) and "\x1b" not in str(told.value)
        assert model.name in str(told.value)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("memory", [0, 2**29])
def test_a_global_policy_changes_no_number_of_a_model(policy, memory):
    backbone = small_backbone()
    images = IMAGES * np.float32(0.987)

    def measure(model, layer):
        found = measure_invariance(
            model,
            images,
            transforms.get("contrast_inversion"),
            layer,
            activity="signed",
            memory=memory,
        )
        return found.neurons

    expected, found = [], []
    former = keras.config.dtype_policy()
    for numbers, name in ((expected, former), (found, policy)):
        # Models of their own: programs are made under the policy.
        models = after(backbone, "sequential"), small_backbone()
        models[1].set_weights(backbone.get_weights())
        keras.config.set_dtype_policy(name)
        try:
            numbers += map(measure, models, ("backbone/conv", "conv"))
        finally:
            keras.config.set_dtype_policy(former)
    for left, right in zip(found, expected, strict=True):
        assert left.equals(right)


@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_a_measured_model_is_saved_and_forgotten_as_any_other(tmp_path, kind):
    model = after(small_backbone(), "functional")
    if kind == "flat":
        model = small_vit()
    measure_invariance(
        model, IMAGES, transforms.get("identity"), activity="signed", memory=0
    )
    model.save(tmp_path / "model.keras")
    expected = model(IMAGES.astype("float32"))
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded(IMAGES.astype("float32")), expected)
    gone = weakref.ref(model)
    del model
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


# With the names of keras.applications, without their weights.

SLOW = pytest.mark.slow


MOBILE = keras.applications.MobileNetV2, ["block_3_expand_relu", "Conv_1"]
EFFICIENT = keras.applications.EfficientNetB0, ["block2a_dwconv", "top_conv"]


@SLOW
@pytest.mark.parametrize(
    "network, kind, has_top",
    [
        (MOBILE, "alone", True),
        (MOBILE, "alone", False),
        (MOBILE, "sequential", False),
        (EFFICIENT, "functional", True),
    ],
)
def test_pretrained_networks_are_measured_within_others(network, kind, has_top):
    make, names = network
    options = {} if has_top else {"pooling": "avg"}
    network = make(
        weights=None, include_top=has_top, input_shape=(32, 32, 3), **options
    )
    model, path = network, ""
    if kind != "alone":
        model, path = after(network, kind), f"{network.name}/"
    expected = {f"{path}{name}": cut(network, name) for name in names}
    if kind == "alone" and not has_top:
        with pytest.raises(ValueError, match="does not end in one.*Legal: "):
            activations.penultimate_layer(model)
    elif kind == "alone":
        expected[DEFAULT] = cut(network, network.layers[-2].name)
    else:
        expected[DEFAULT] = network
    assert_extracts(model, expected)


@SLOW
def test_a_deep_network_is_measured():
    convnext = keras.applications.ConvNeXtTiny(
        weights=None, input_shape=(32, 32, 3), classes=10
    )
    last = convnext.layers[-2].name
    gelu = next(x.name for x in convnext.layers if x.name.endswith("gelu"))
    names = {DEFAULT: last, gelu: gelu}
    assert_extracts(
        convnext, {name: cut(convnext, of) for name, of in names.items()}
    )
