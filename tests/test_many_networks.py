"""Networks trained by one program equal their lone trainings, on JAX."""

import importlib
import pathlib

import keras
import numpy as np
import pytest

from invariance_tf import networks, transforms
from invariance_tf.paradigm import model as models
from invariance_tf.training import fitting

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="needs KERAS_BACKEND=jax"
)
SEEDS, NUM_STEPS = (0, 1, 2), 4


@pytest.fixture(scope="module")
def many_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(pathlib.Path(__file__).parents[1])
        yield importlib.import_module("benchmarks.many_networks")


@pytest.fixture(scope="module")
def step(many_networks):
    return many_networks.make_step(make_model(0))


@pytest.fixture
def states(many_networks):
    """The variables of three untrained networks."""
    return [many_networks.state_of(make_model(seed)) for seed in SEEDS]


def make_model(seed):
    """A small AlexNet with all that is random, and with weight decay."""
    keras.utils.set_random_seed(seed)
    model = models.build(
        networks.get("alexnet_small"),
        transforms.get("white_noise", std=40.0),
        image_size=24,
        num_categories=5,
        weight_decay=0.01,
    )
    models.reseed(model, seed, 0)
    fitting.compile_model(model, learning_rate=0.01)
    model.optimizer.build(model.trainable_variables)
    return model


def make_batches(seed, share_transformed=0.5):
    """Batches of a network's own images, flags and labels."""
    generator = np.random.default_rng(seed)
    return [
        (
            {
                "image": generator.integers(0, 256, (8, 24, 24, 3), "uint8"),
                "is_transformed": generator.random(8) < share_transformed,
            },
            generator.integers(0, 5, 8),
        )
        for _ in range(NUM_STEPS)
    ]


def flatten(state):
    return [np.asarray(array) for group in state for array in group]


def train_together(many_networks, step, states, batches):
    """Returns the variables of three networks, and their losses by step."""
    state, losses = many_networks.stack(states), []
    for batch in zip(*batches, strict=True):
        loss, state = step(state, many_networks.stack(batch))
        losses.append(np.asarray(loss))
    return flatten(state), np.array(losses)


def train_alone(many_networks, model, state, batches):
    """Returns the variables of one network, by Keras, and its losses."""
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
    )
    for variables, values in zip(groups, state, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    losses = []
    for inputs, labels in batches:
        model.reset_metrics()
        loss, *_ = model.train_on_batch(inputs, labels)
        losses.append(loss)
    return flatten(many_networks.state_of(model)), losses


def test_each_of_three_networks_equals_its_lone_training(
    many_networks, step, states
):
    """By Keras' own step.

    Each of four steps rounds a weight below 1 by up to 3e-8, and sums in
    another order differ by some 1e-7 of their largest terms. The weights move
    by some 1e-3: a ten-thousandth of it is room enough, and nothing beside
    what other noise or dropout would change.
    """
    batches = [make_batches(seed, seed / 2) for seed in SEEDS]
    together, losses = train_together(many_networks, step, states, batches)
    # Keras uses up the states themselves.
    before = flatten(many_networks.stack(states))
    model = make_model(0)
    for number, state in enumerate(states):
        alone, lone_losses = train_alone(
            many_networks, model, state, batches[number]
        )
        assert losses[:, number] == pytest.approx(lone_losses, rel=1e-5)
        for many, one, start in zip(together, alone, before, strict=True):
            if one.dtype == "float32":
                moved = abs(one - start[number]).max()
                assert abs(many[number] - one).max() <= 1e-4 * moved
            else:
                # Counts of steps, and the states of noise and dropout.
                assert (many[number] == one).all()


def test_a_network_does_not_depend_on_its_neighbours(
    many_networks, step, states
):
    batches = [make_batches(seed) for seed in SEEDS]
    first, losses = train_together(many_networks, step, states, batches)
    batches[2] = make_batches(9, share_transformed=1.0)
    second, others = train_together(many_networks, step, states, batches)
    for one, other in zip(first, second, strict=True):
        assert (one[:2] == other[:2]).all()
    assert (losses[:, :2] == others[:, :2]).all()
    assert (losses[:, 2] != others[:, 2]).all()


def test_networks_draw_their_own_noise_and_dropout(many_networks, step):
    """With equal weights and batches, but other random states."""
    model, states = make_model(0), []
    for seed in (0, 0, 1):
        models.reseed(model, seed, 0)
        states.append(many_networks.state_of(model))
    batches = [make_batches(0)] * len(states)
    _, losses = train_together(many_networks, step, states, batches)
    assert losses[0, 0] == losses[0, 1] != losses[0, 2]
