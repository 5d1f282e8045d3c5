"""Networks have the layers, weights and neurons of their papers."""

import functools
import re

import keras
import numpy as np
import pytest

from invariance_tf.measures import (
    ablation,
    activations,
    evaluation,
    measurement,
)
from invariance_tf.measures.responses import Responses
from invariance_tf.networks import get
from invariance_tf.networks.alexnet import LocalResponseNormalization
from invariance_tf.paradigm import model as models
from invariance_tf.settings.defaults import NETWORKS
from invariance_tf.transforms import Rotate90

SMALLEST = {
    "alexnet": 19,
    "alexnet_small": 15,
    "resnet18": 32,
    "inception": 32,
    "vit_small": 8,
    "convnext_small": 16,
    "bl_small": 8,
    "cornet_small": 32,
}

# Those whose neurons have negative activity too.
SIGNED = ("vit_small", "convnext_small")

# Layers whose outputs are neurons, with their channels, down to the
# penultimate layer. Those of Inception are the column "output size" of table 1
# in Szegedy et al.
NEURONS = {
    "alexnet": "conv1=96 conv2=256 conv3=384 conv4=384 conv5=256 fc6=4096 "
    "fc7=4096",
    "alexnet_small": "conv1=24 conv2=48 conv3=64 conv4=64 conv5=48 fc6=256",
    "resnet18": "conv1_relu=64 block1_2_relu=64 block2_1_relu1=128 "
    "block2_1_relu=128 block3_2_relu=256 block4_2_relu=512 global_pool=512",
    "inception": "conv1_relu=64 conv2_relu=192 inception_3a=256 "
    "inception_3b=480 inception_4a=512 inception_4b=512 inception_4c=512 "
    "inception_4d=528 inception_4e=832 inception_5a=832 inception_5b=1024 "
    "global_pool=1024",
    "vit_small": "block1_mlp1=384 block6_mlp1=384 global_pool=96",
    "convnext_small": "stage1_block1_mlp1=128 stage3_block2_mlp1=512 norm=128",
    "bl_small": "conv1_step1=24 conv2_step4=48 conv3_step2=64 conv4_step4=64 "
    "global_pool=64",
    "cornet_small": "v1=16 v2_step2=32 v4_step3=64 it_step2=128 "
    "global_pool=128",
}

every_network = pytest.mark.parametrize("name", NETWORKS)


def build(name, image_size, num_categories=10, **options):
    images = keras.Input((image_size, image_size, 3))
    return keras.Model(images, get(name)(images, num_categories, **options))


@functools.cache
def smallest(name):
    """Builds a network for the smallest images; it must not be trained."""
    return build(name, SMALLEST[name])


@functools.cache
def outline(name, *arguments, policy="float32", **options):
    """Builds a network in a tenth of the time: its weights have no values."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        with keras.StatelessScope(initialize_variables=False):
            return build(name, *arguments, **options)
    finally:
        keras.config.set_dtype_policy(former)


def compute(model, inputs):
    outputs = model(inputs, training=False)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def count_trainable(model):
    return sum(np.prod(weight.shape) for weight in model.trainable_weights)


def draw_images(image_size):
    shape = (4, image_size, image_size, 3)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def smallest_images(name):
    return draw_images(SMALLEST[name])


@every_network
def test_a_network_gives_float32_logits_for_every_category(name):
    logits = compute(smallest(name), smallest_images(name))
    assert logits.shape == (4, 10)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


@every_network
def test_logits_are_float32_under_a_policy_of_mixed_precision(name):
    model = outline(name, 32, policy="mixed_bfloat16", weight_decay=0.01)
    assert model.layers[2].compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


@every_network
def test_all_neurons_are_within_reach_and_rectified_or_signed(name):
    model = smallest(name)
    neurons = dict(layer.split("=") for layer in NEURONS[name].split())
    outputs = {layer: model.get_layer(layer).output for layer in neurons}
    extract = keras.Model(model.input, outputs)
    values = compute(extract, smallest_images(name))
    for layer, num_channels in neurons.items():
        assert values[layer].shape[-1] == int(num_channels), layer
        assert (values[layer].min() < 0) == (name in SIGNED), layer
        assert values[layer].max() > 0, layer
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert model.layers[-1].name == "logits"
    recipe = NETWORKS[name].experiment
    assert (recipe.get("activity") == "signed") == (name in SIGNED)
    if name.startswith("alexnet"):
        assert activations.rectified_layers(model) == [*neurons]


@every_network
def test_the_head_on_penultimate_activations_gives_the_logits(name):
    model = smallest(name)
    head = model.get_layer("logits")
    penultimate = activations.penultimate_layer(model)
    assert NEURONS[name].split()[-1].startswith(f"{penultimate}=")
    outputs = [model.get_layer(penultimate).output, model.output]
    extract = keras.Model(model.input, outputs)
    activity, logits = compute(extract, smallest_images(name))
    kernel, bias = head.get_weights()
    np.testing.assert_allclose(activity @ kernel + bias, logits, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "alexnet_small",
        "convnext_small",
        "bl_small",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in NETWORKS
            if name not in ("alexnet_small", "convnext_small", "bl_small")
        ),
    ],
)
def test_a_network_saves_reloads_and_trains(name, tmp_path):
    model = smallest(name)
    path = tmp_path / "network.keras"
    model.save(path)
    copy = keras.models.load_model(path, safe_mode=True)
    path.unlink()  # AlexNet's takes 100 MB.
    images = smallest_images(name)
    np.testing.assert_allclose(
        compute(copy, images), compute(model, images), rtol=1e-5, atol=1e-6
    )
    copy.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    assert np.isfinite(copy.train_on_batch(images, np.array([0, 1, 2, 3])))
    before = [weight.numpy() for weight in model.trainable_weights]
    for weight, old in zip(copy.trainable_weights, before, strict=True):
        if weight.path.endswith("key/bias"):
            continue  # Attention does not depend on it.
        assert not np.array_equal(weight.numpy(), old), weight.path


@every_network
def test_weights_decay_but_for_biases_and_normalisation(name):
    model = outline(name, 32, policy="mixed_bfloat16", weight_decay=0.01)
    for weight in model.trainable_weights:
        is_decayed = weight.path.endswith("/kernel")
        # As in the official ResNet.
        is_decayed |= name == "resnet18" and weight.path == "logits/bias"
        decay = weight.regularizer.l2 if weight.regularizer else 0
        assert decay == (0.01 / 2 if is_decayed else 0), weight.path
    assert not smallest(name).losses


def test_weight_decay_is_half_the_sum_of_squares():
    model = build("alexnet_small", 15, weight_decay=0.01)
    squares = (
        np.sum(weight.numpy() ** 2)
        for weight in model.trainable_weights
        if weight.path.endswith("/kernel")
    )
    np.testing.assert_allclose(
        float(sum(model.losses)), 0.01 / 2 * sum(squares), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in NETWORKS] + [("bl_small", {"connections": "BU"})],
)
def test_every_kernel_starts_from_random_numbers_of_its_own(name, options):
    network = build(name, SMALLEST[name], **options)
    starts = [
        keras.ops.convert_to_numpy(weight).ravel()[:500]
        for weight in network.trainable_weights
        if weight.path.endswith("kernel")
    ]
    length = min(map(len, starts))
    correlations = np.corrcoef([start[:length] for start in starts])
    assert length >= 100
    np.testing.assert_allclose(correlations, np.eye(len(starts)), atol=0.5)


@every_network
def test_images_that_are_too_small_are_refused(name):
    size = SMALLEST[name]
    message = f"`{name}`.* {size} pixels a side.*image_size={size - 1}"
    with pytest.raises(ValueError, match=message):
        build(name, size - 1)


def test_an_unknown_name_is_answered_with_the_legal_ones():
    message = ", ".join(NETWORKS) + r", or your own.* Received: network=vgg"
    with pytest.raises(ValueError, match=message):
        get("vgg")
    message = "Legal: .*he.* Received: initializer='uniform'"
    with pytest.raises(ValueError, match=message):
        build("alexnet_small", 15, initializer="uniform")


def test_alexnet_for_100_pixels_has_the_parameters_of_its_kernels():
    model = outline("alexnet", 100, 388)
    # (100 - 11) // 4 + 1 = 23 positions a side, (23 - 3) // 2 + 1 = 11 pooled.
    assert model.get_layer("conv1").output.shape[1:3] == (23, 23)
    assert model.get_layer("pool5").output.shape[1:3] == (11, 11)
    expected = 11 * 11 * 3 * 96 + 5 * 5 * 96 * 256 + 3 * 3 * 256 * 384
    expected += 3 * 3 * 384 * 384 + 3 * 3 * 384 * 256
    expected += 11 * 11 * 256 * 4096 + 4096 * 4096 + 4096 * 388
    expected += 96 + 256 + 384 + 384 + 256 + 4096 + 4096 + 388  # biases
    assert count_trainable(model) == expected


def test_small_alexnet_has_less_than_half_a_million_parameters():
    # (48 - 7) // 4 + 1 = 11 positions a side, (11 - 3) // 2 + 1 = 5 pooled.
    expected = 7 * 7 * 3 * 24 + 5 * 5 * 24 * 48 + 3 * 3 * 48 * 64
    expected += 3 * 3 * 64 * 64 + 3 * 3 * 64 * 48
    expected += 5 * 5 * 48 * 256 + 256 * 40
    expected += 24 + 48 + 64 + 64 + 48 + 256 + 40  # biases
    assert count_trainable(outline("alexnet_small", 48, 40)) == expected
    assert round(expected / 1e6, 2) == 0.44


def test_alexnet_can_start_as_in_2012():
    model = build("alexnet", 19, initializer="alexnet")
    for layer in model.layers:
        if not layer.weights:
            continue
        kernel, bias = layer.get_weights()
        tolerance = 5 * 0.01 / np.sqrt(kernel.size)
        assert abs(kernel.mean()) < tolerance
        assert abs(kernel.std() - 0.01) < tolerance
        assert abs(kernel).max() > 0.03  # not truncated
        is_one = layer.name in ("conv2", "conv4", "conv5", "fc6", "fc7")
        assert (bias == is_one).all(), layer.name


def test_alexnet_can_start_by_glorots_rule_with_small_biases():
    model = build("alexnet_small", 15, initializer="glorot")
    for layer in model.layers:
        if not layer.weights:
            continue
        kernel, bias = layer.get_weights()
        area = kernel[..., 0, 0].size
        std = np.sqrt(2 / (area * sum(kernel.shape[-2:])))
        assert abs(kernel.std() / std - 1) < 5 / np.sqrt(kernel.size)
        is_end = layer.name in ("conv1", "logits")
        assert bias == pytest.approx(0 if is_end else 0.1), layer.name


def test_hidden_layers_are_as_many_as_are_listed():
    model = build("alexnet_small", 15, hidden=(7, 5, 3))
    widths = [model.get_layer(f"fc{n}").units for n in (6, 7, 8)]
    assert widths == [7, 5, 3]
    for hidden in ((), (0,), (2.5,)):
        with pytest.raises(ValueError, match="one or more layers"):
            build("alexnet_small", 15, hidden=hidden)


@pytest.mark.parametrize(
    "name, gain", [("alexnet_small", 2), ("resnet18", 1), ("inception", 2)]
)
def test_the_variance_of_other_kernels_follows_from_their_inputs(name, gain):
    for weight in smallest(name).trainable_weights:
        if len(weight.shape) == 4:
            kernel = weight.numpy()
            std = np.sqrt(gain / np.prod(kernel.shape[:3]))
            assert abs(kernel.std() / std - 1) < 5 / np.sqrt(kernel.size)
            # Truncation at 2 shrinks the standard deviation to 0.8796.
            assert abs(kernel).max() < 2.001 / 0.8796 * std
        elif weight.path.endswith("/bias"):
            assert not weight.numpy().any()


def test_the_options_of_alexnet_reach_its_layers():
    lrn = dict(radius=1, bias=1.0, alpha=2e-5, beta=0.5)
    options = {f"lrn_{key}": value for key, value in lrn.items()}
    model = outline("alexnet_small", 15, dropout=0.3, **options)
    for name in ("lrn1", "lrn2"):
        config = model.get_layer(name).get_config()
        assert {key: config[key] for key in lrn} == lrn
    assert model.get_layer("dropout6").rate == 0.3


def test_resnet18_has_11_69_million_parameters():
    model = outline("resnet18", 224, 1000)
    expected = 7 * 7 * 3 * 64 + 2 * 64
    num_inputs = 64
    for num_filters in (64, 128, 256, 512):
        expected += num_inputs * num_filters  # projection
        expected += 9 * num_inputs * num_filters + 3 * 9 * num_filters**2
        expected += 5 * 2 * num_filters  # batch normalisation
        num_inputs = num_filters
    expected += 512 * 1000 + 1000
    assert count_trainable(model) == expected
    assert round(expected / 1e6, 2) == 11.69
    sizes = [
        model.get_layer(f"block{g}_2_relu").output.shape[1] for g in range(1, 5)
    ]
    assert sizes == [56, 28, 14, 7]
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.997, 1e-5)


@pytest.mark.parametrize("image_size", [48, 49])
def test_strides_of_resnet18_are_centred_on_even_pixels(image_size):
    model = outline("resnet18", image_size)
    first = keras.Model(model.input, model.get_layer("conv1").output)
    first = keras.models.clone_model(first)
    kernel = np.zeros(first.weights[0].shape)
    kernel[3, 3, 0, 0] = 1
    first.set_weights([kernel])
    images = draw_images(image_size)
    values = compute(first, images)
    np.testing.assert_array_equal(values[..., 0], images[:, ::2, ::2, 0])


def test_inception_has_the_parameters_of_table_1():
    # Inputs, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
    rows = [
        (192, 64, 96, 128, 16, 32, 32),
        (256, 128, 128, 192, 32, 96, 64),
        (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64),
        (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128),
        (832, 256, 160, 320, 32, 128, 128),
        (832, 384, 192, 384, 48, 128, 128),
    ]
    expected = 7 * 7 * 3 * 64 + 64 * 64 + 3 * 3 * 64 * 192
    expected += 2 * (64 + 64 + 192)  # batch normalisation
    for inputs, one, reduce_three, three, reduce_five, five, pool in rows:
        expected += inputs * (one + reduce_three + reduce_five + pool)
        expected += 9 * reduce_three * three + 25 * reduce_five * five
        expected += 2 * (one + reduce_three + three + reduce_five + five + pool)
    expected += 1024 * 10 + 10
    model = outline("inception", 224)
    assert count_trainable(model) == expected
    for name, size in {"3a": 28, "3b": 28, "4a": 14, "5a": 7, "5b": 7}.items():
        output = model.get_layer(f"inception_{name}").output
        assert output.shape[1:3] == (size, size)


@pytest.mark.parametrize(
    "name", [name for name in NETWORKS if name not in ("resnet18", "inception")]
)
def test_width_multiplies_the_neurons_of_every_layer(name):
    layers = dict(layer.split("=") for layer in NEURONS[name].split())
    wide = outline(name, SMALLEST[name], width=1.5)
    for layer, num_neurons in layers.items():
        output = wide.get_layer(layer).output
        assert output.shape[-1] == 1.5 * int(num_neurons), layer
    for width in (0, -1, float("inf"), "2"):
        with pytest.raises(ValueError, match=f"positive.*width={width!r}"):
            outline(name, SMALLEST[name], width=width)


def test_small_vision_transformer_has_the_parameters_of_its_blocks():
    expected = 4 * 4 * 3 * 96 + 96 + 144 * 96  # patches and positions
    attention = 4 * (96 * 96 + 96)
    perceptron = 96 * 384 + 384 + 384 * 96 + 96
    expected += 6 * (attention + perceptron + 2 * 2 * 96)
    expected += 2 * 96 + 96 * 40 + 40
    assert count_trainable(outline("vit_small", 48, 40)) == expected
    with pytest.raises(ValueError, match="fill the images.*50.*patch=4"):
        outline("vit_small", 50)


def test_small_convnext_has_the_parameters_of_its_blocks():
    expected = 4 * 4 * 3 * 32 + 32 + 2 * 32  # stem and its normalisation
    for size in (32, 64, 128):
        block = 7 * 7 * size + size + 2 * size
        block += size * 4 * size + 4 * size + 4 * size * size + size
        expected += 2 * block
        if size > 32:  # normalisation and halving
            expected += 2 * size // 2 + 2 * 2 * size // 2 * size + size
    expected += 2 * 128 + 128 * 40 + 40
    assert count_trainable(outline("convnext_small", 48, 40)) == expected


def count_kernels(model):
    return sum(
        np.prod(weight.shape)
        for weight in model.trainable_weights
        if weight.path.endswith("/kernel")
    )


def count_multiplications(model):
    """Multiplications of all convolutions, each call of a layer by itself."""
    return sum(
        np.prod(node.outputs[0].shape[1:]) * np.prod(layer.kernel.shape[:3])
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        for node in layer._inbound_nodes
    )


def test_the_controls_match_the_recurrent_network():
    models = {
        name: outline("bl_small", 48, 40, connections=name)
        for name in ("BL", "B", "BK", "BF", "BD", "BU")
    }
    kernels = {name: count_kernels(model) for name, model in models.items()}
    sizes = [(3, 24, 48), (24, 48, 24), (48, 64, 12), (64, 64, 6)]
    bottom_up = sum(9 * inputs * size for inputs, size, _ in sizes)
    lateral = sum(9 * size * size for _, size, _ in sizes)
    head = 64 * 40
    assert kernels["BL"] == kernels["BD"] == bottom_up + lateral + head
    assert kernels["B"] == bottom_up + head
    assert kernels["BK"] == 25 / 9 * bottom_up + head
    assert 1 < kernels["BK"] / kernels["BL"] < 1.25
    assert 1 < kernels["BF"] / kernels["BL"] < 1.75
    # The image is convolved once, everything else at each of four steps.
    steps = 0
    for inputs, size, side in sizes:
        times = 1 if inputs == 3 else 4
        steps += 9 * side**2 * size * (times * inputs + 3 * size)
    assert count_multiplications(models["BL"]) == steps
    assert count_multiplications(models["BU"]) == steps
    of_b = sum(9 * side**2 * size * inputs for inputs, size, side in sizes)
    assert count_multiplications(models["B"]) == of_b


def randomise(model):
    """Gives all weights values, normalisation too, that no one expects."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return model


@pytest.mark.parametrize("readout", ["last", "every"])
def test_unrolling_is_a_loop_over_time_steps_and_layers(readout):
    model = randomise(build("bl_small", 16, readout=readout, steps=3))
    images = draw_images(16)
    ops, layer = keras.ops, model.get_layer
    states = {}
    for step in (1, 2, 3):
        x = images
        for n in (1, 2, 3, 4):
            if n > 1:
                x = ops.max_pool(x, 2, 2)
            drive = ops.conv(x, layer(f"conv{n}_bottom_up").kernel, 1, "same")
            if step > 1:
                kernel = layer(f"conv{n}_lateral").kernel
                drive += ops.conv(states[step - 1, n], kernel, 1, "same")
            norm = layer(f"conv{n}_bn{step}")
            x = (drive - norm.moving_mean) / ops.sqrt(
                norm.moving_variance + norm.epsilon
            )
            x = states[step, n] = ops.relu(norm.gamma * x + norm.beta)
    steps = (3,) if readout == "last" else (1, 2, 3)
    pooled = [ops.mean(states[step, 4], (1, 2)) for step in steps]
    head = layer("logits")
    expected = np.mean([x @ head.kernel + head.bias for x in pooled], axis=0)
    np.testing.assert_allclose(compute(model, images), expected, rtol=1e-4)
    unrolled = keras.Model(model.input, layer("conv3_step2").output)
    np.testing.assert_allclose(
        compute(unrolled, images), states[2, 3], rtol=1e-4, atol=1e-5
    )


def test_the_invariance_of_each_time_step_is_measured():
    model = randomise(build("bl_small", 16))
    control = build("bl_small", 16, connections="B")
    # Copied: models do not share arrays on JAX.
    values = {
        weight.path: np.array(keras.ops.convert_to_numpy(weight))
        for weight in model.weights
    }
    for weight in control.weights:
        weight.assign(values[weight.path])
    images = np.random.default_rng(0).uniform(0, 255, (6, 16, 16, 3))
    layers = [f"conv2_step{step}" for step in (1, 2, 3, 4)]
    measured = measurement.measure_invariance(
        model, images, "rotate90", layers, verbose=0
    ).neurons
    of_control = measurement.measure_invariance(
        control, images, "rotate90", "conv2_step1", verbose=0
    ).neurons
    by_step = {layer: rows for layer, rows in measured.groupby("layer")}
    columns = ["max_activity", "invariance_coefficient"]
    # Lateral connections act from the second step on. Sums near 0 of hundreds
    # of numbers in float32 are rounded differently by two programs.
    np.testing.assert_allclose(
        *(by_step["conv2_step1"][columns], of_control[columns]),
        rtol=1e-5,
        atol=1e-4,
    )
    for layer in layers[1:]:
        assert not np.allclose(
            by_step[layer][columns], of_control[columns], equal_nan=True
        )


def test_a_state_of_a_recurrent_network_can_be_ablated(monkeypatch):
    monkeypatch.setattr(ablation, "THRESHOLDS", [0.0])
    model = randomise(models.build(get("bl_small"), "rotate90", 16, 3))
    images = np.random.default_rng(0).uniform(0, 255, (9, 16, 16, 3))
    labels, is_seen = np.arange(9) % 3, np.array([True, True, False])
    responses = Responses(model, images, "conv3_step2", labels=labels)
    rows = ablation.ablate_layer(model, responses, images, Rotate90(), is_seen)
    predicted = evaluation.predict_labels(
        evaluation.classifier(model), images, labels, "rotate90"
    )
    whole = np.mean(predicted == labels)
    description = {
        "value": 0,
        "ablated": "inactive",
        "image_version": "transformed",
        "category_group": "all",
    }
    (row,) = (row for row in rows if description.items() <= row.items())
    assert row["accuracy"] == whole and 0 < row["share_ablated"] < 1


def test_cornet_of_full_width_has_the_parameters_of_the_authors():
    model = outline("cornet_small", 224, 1000, width=4)
    # Counted in the authors' model, which has 1000 categories.
    assert count_trainable(model) == 53_416_616
    sizes = {"v1": 56, "v2_step2": 28, "v4_step4": 14, "it_step1": 7}
    for name, size in sizes.items():
        assert model.get_layer(name).output.shape[1] == size


def test_an_area_of_cornet_halves_images_at_its_first_step_only():
    model = randomise(build("cornet_small", 32, width=0.5, steps=(2, 1, 1)))
    ops, layer = keras.ops, model.get_layer
    names = ["v1", "v2_step1", "v2_step2"]
    outputs = [layer(name).output for name in names]
    extract = keras.Model(model.input, outputs)
    v1, *states = compute(extract, draw_images(32))

    def normalise(x, name):
        norm = layer(name)
        x = (x - norm.moving_mean) / ops.sqrt(
            norm.moving_variance + norm.epsilon
        )
        return norm.gamma * x + norm.beta

    x = ops.conv(v1, layer("v2_input").kernel)
    for step, state in enumerate(states, start=1):
        strides = 2 if step == 1 else 1
        shortcut = x
        if step == 1:
            shortcut = ops.conv(x, layer("v2_shortcut").kernel, 2)
            shortcut = normalise(shortcut, "v2_shortcut_bn")
        x = ops.conv(x, layer("v2_conv1").kernel)
        x = ops.relu(normalise(x, f"v2_bn1_{step}"))
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = ops.conv(x, layer("v2_conv2").kernel, strides)
        x = ops.relu(normalise(x, f"v2_bn2_{step}"))
        x = normalise(ops.conv(x, layer("v2_conv3").kernel), f"v2_bn3_{step}")
        x = ops.relu(x + shortcut)
        np.testing.assert_allclose(x, state, rtol=1e-4, atol=1e-5)


def test_controls_of_cornet_have_no_recurrence():
    shared = outline("cornet_small", 48)
    own = outline("cornet_small", 48, shares_weights=False)
    assert count_multiplications(shared) == count_multiplications(own)
    wide = np.array([32, 64, 128]) * 4
    again = np.array([1, 3, 1])  # further time steps
    bottleneck = 2 * wide * wide // 4 + 9 * wide**2
    assert count_kernels(own) - count_kernels(shared) == again @ bottleneck
    single = outline("cornet_small", 48, steps=(1, 1, 1))
    assert count_kernels(single) == count_kernels(shared)


@pytest.mark.parametrize(
    "name, option, value",
    [
        ("bl_small", "connections", "BT"),
        ("bl_small", "readout", "first"),
        ("bl_small", "steps", 0),
        ("cornet_small", "steps", (2, 4)),
    ],
)
def test_an_illegal_option_of_a_recurrent_network_is_named(name, option, value):
    received = re.escape(f"Received: {option}={value!r}")
    with pytest.raises(ValueError, match=received):
        build(name, 32, **{option: value})


def normalise_by_definition(x, radius, bias, alpha, beta):
    output = np.zeros(x.shape)
    for channel in range(x.shape[-1]):
        first, last = max(channel - radius, 0), channel + radius
        energy = np.sum(x[..., first : last + 1] ** 2, axis=-1)
        output[..., channel] = x[..., channel] / (bias + alpha * energy) ** beta
    return output


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "arguments",
    [
        (2, 2.0, 1e-4, 0.75),
        (0, 1.0, 0.5, 0.75),
        (1, 1.0, 2e-5, 0.5),
        (9, 3, 1, 1),
    ],
)
def test_local_response_normalisation_follows_its_formula(arguments, dtype):
    layer = LocalResponseNormalization(*arguments, dtype=dtype)
    layer = type(layer).from_config(layer.get_config())
    x = np.random.default_rng(0).integers(-100, 100, (3, 4, 5, 7)) / 2**5
    outputs = layer(keras.ops.cast(x, dtype))
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
    # bfloat16 has 8 bits: the result is rounded once, not at every step.
    tolerance = 1e-6 if dtype == "float32" else 1.001 * 2**-8
    expected = normalise_by_definition(x, *arguments)
    np.testing.assert_allclose(outputs, expected, rtol=tolerance)


@pytest.mark.parametrize(
    "option, value",
    [("radius", -1), ("radius", 1.5), ("bias", 0), ("alpha", -1), ("beta", -1)],
)
def test_local_response_normalisation_names_an_illegal_argument(option, value):
    with pytest.raises(ValueError, match=re.escape(f"{option}={value}")):
        LocalResponseNormalization(**{option: value})
