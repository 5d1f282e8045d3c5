"""What exists for speed has the values of Keras' own."""

import keras
import numpy as np
import pytest
from keras import ops

from invariance_tf.networks.normalization import BatchNormalization
from invariance_tf.training.momentum import MomentumSGD

STEPS = 3


def train(layers, dtype="float32", optimizer=MomentumSGD):
    """Trains a small network; returns its losses and all variables."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    images = generator.normal(3.0, 2.0, (6, 8, 8, 3)).astype("float32")
    image = keras.Input((8, 8, 3))
    convolution = keras.layers.Conv2D(4, 3, use_bias=False, dtype=dtype)
    x = convolution(image)
    for make in layers:
        x = make(momentum=0.8, epsilon=1e-3, dtype=dtype)(x)
    x = keras.layers.Flatten()(keras.layers.ReLU()(x))
    model = keras.Model(image, keras.layers.Dense(2, dtype="float32")(x))
    model.compile(
        optimizer(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    labels = np.arange(6) % 2
    losses = [float(model.train_on_batch(images, labels)) for _ in range(STEPS)]
    predictions = model.predict(images, verbose=0)
    return losses, predictions, model.get_weights()


def test_momentum_trains_as_keras_sgd_does():
    ours = train([])
    theirs = train([], optimizer=keras.optimizers.SGD)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
    for value, expected in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)


def test_without_momentum_it_is_plain_descent():
    optimizer = MomentumSGD(0.5, momentum=0.0)
    variable = keras.Variable([3.0])
    optimizer.apply([ops.convert_to_tensor([2.0])], [variable])
    np.testing.assert_allclose(ops.convert_to_numpy(variable), [2.0])


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)]
)
def test_batch_normalisation_trains_and_tests_as_keras_does(dtype, tolerance):
    ours = train([BatchNormalization], dtype)
    theirs = train([keras.layers.BatchNormalization], dtype)
    for value, expected in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=0.01)
    for value, expected in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_allclose(
            value, expected, rtol=tolerance, atol=tolerance
        )


def test_a_frozen_batch_normalisation_keeps_its_statistics():
    layer = BatchNormalization(epsilon=0.0, trainable=False)
    images = np.full((2, 1, 1, 1), 5.0)
    outputs = layer(images, training=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs), images)
    assert float(layer.moving_mean[0]) == 0.0


def test_batch_normalisation_keeps_the_biased_variance_of_a_batch():
    images = np.random.default_rng(1).normal(size=(4, 5, 5, 3))
    layer = BatchNormalization()
    expected = (images - images.mean((0, 1, 2))) / np.sqrt(
        images.var((0, 1, 2)) + layer.epsilon
    )
    outputs = ops.convert_to_numpy(layer(images, training=True))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    variance = ops.convert_to_numpy(layer.moving_variance)
    share = 1 - layer.momentum
    np.testing.assert_allclose(
        variance, layer.momentum + share * images.var((0, 1, 2)), rtol=1e-5
    )
