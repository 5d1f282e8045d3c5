"""Keras' training step on JAX as a function: of one network, or of many."""

import jax
import numpy as np


def make_step(model):
    """Compiles a training step of many networks of one architecture.

    Returns:
        Function from the networks' states (`stack` of `state_of`), which it
        uses up, and their batches, stacked as well, to the losses, of shape
        `(num_networks,)`, and the new states.
    """
    return jax.jit(jax.vmap(step_of(model)), donate_argnums=0)


def step_of(model):
    """Makes Keras' own training step but for the metrics, of one network.

    The variables of `model`, a compiled one with one loss, stay as they are.

    Returns:
        Function from a state (`state_of`) and a batch to loss and new state.
    """

    def loss_of(trainable, others, inputs, labels):
        logits, others, penalties = model.stateless_call(
            trainable, others, inputs, training=True, return_losses=True
        )
        return model.loss(labels, logits) + sum(penalties), others

    def step(state, batch):
        trainable, others, optimizer = state
        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            trainable, others, *batch
        )
        trainable, optimizer = model.optimizer.stateless_apply(
            optimizer, gradients, trainable
        )
        return loss, (trainable, others, optimizer)

    return step


def state_of(model):
    """Returns the values of all variables that a training step changes.

    The states of random layers are among those that are not trainable: each of
    many networks draws its own noise and dropout.
    """
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
    )
    return tuple([variable.value for variable in group] for group in groups)


def stack(trees):
    """Stacks states or batches, array by array, along a new first axis."""
    return jax.tree.map(lambda *arrays: np.stack(arrays), *trees)
