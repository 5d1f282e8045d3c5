"""Builds the network of an experiment and checks what it has to have."""

import inspect

import keras
import numpy as np

from invariance_tf import networks, transforms
from invariance_tf.measures import activations
from invariance_tf.paradigm import model as models
from invariance_tf.settings import defaults
from invariance_tf.settings.arguments import KINDS, check_argument


def options(experiment):
    """Returns the options of the network.

    Args:
        experiment: A `config.Experiment`.

    Returns:
        Dictionary of keyword arguments.

    Raises:
        ValueError: If the network does not take an option or a value.
    """
    network = networks.get(experiment.network)
    # The first two are the images and the number of categories.
    parameters = inspect.signature(network).parameters
    legal = [*parameters][2:]
    takes_decay = "weight_decay" in legal
    legal = [name for name in legal if name != "weight_decay"]
    chosen = experiment.network_args
    if "weight_decay" in chosen:
        raise ValueError(
            "Weight decay is not one of `network_args`: use the setting "
            f"`weight_decay`. Received: network_args={chosen}"
        )
    if not {*chosen} <= {*legal}:
        raise ValueError(
            f"The network {experiment.network} takes "
            f"{', '.join(legal) or 'no arguments'}. "
            f"Received: network_args={chosen}"
        )
    for name, value in chosen.items():
        default = parameters[name].default
        if isinstance(default, KINDS):
            check_argument(
                value,
                default,
                f"`{name}` of the network {experiment.network}",
                f"network_args={chosen}",
            )
    if takes_decay:
        return {"weight_decay": experiment.weight_decay, **chosen}
    if experiment.weight_decay:
        raise ValueError(
            f"The network {experiment.network} does not take `weight_decay`. "
            f"Received: weight_decay={experiment.weight_decay}"
        )
    return chosen


def build(experiment, dataset):
    """Builds the untrained model.

    Args:
        experiment: A resolved `config.Experiment`.
        dataset: Its `datasets.Dataset`.

    Returns:
        The Keras model, with the transformation inside it.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(experiment.seed)
    transform = transforms.get(
        experiment.transform, **experiment.transform_args, name="transform"
    )
    return models.build(
        networks.get(experiment.network),
        transform,
        dataset.image_size,
        dataset.num_categories,
        precision=experiment.precision,
        **options(experiment),
    )


def check(experiment, dataset, parts, model):
    """Raises if a network can be trained, but not used afterwards.

    Args:
        experiment: A resolved `config.Experiment`.
        dataset: Its `datasets.Dataset`.
        parts: The parts of its images; see `preparation.Prepared`.
        model: The untrained Keras model.

    Raises:
        ValueError: If the network lacks what training, measures or ablation
            need.
    """
    head = activations.dense_head(model)
    penultimate = activations.penultimate_layer(model)
    if experiment.paradigm == "prototypes" and head.bias is None:
        raise ValueError(
            "The paradigm prototypes needs a network whose last layer has a "
            f"bias. Received: use_bias=False, network={experiment.network}"
        )
    _check_rectified(experiment, dataset, parts, model, penultimate)
    _check_ablated(experiment, model)


def _check_rectified(experiment, dataset, parts, model, penultimate):
    """Raises if the measured activity of a user's network can be negative."""
    is_own = experiment.network not in defaults.NETWORKS
    if not is_own or experiment.analysis == "none" or experiment.activity:
        return
    few = dataset.images[np.flatnonzero(parts == "train")[:8]]
    network = activations.submodel(model, [penultimate])
    (found,) = network.predict_on_batch(np.asarray(few, "float32")).values()
    if (lowest := float(np.min(found))) < 0:
        raise ValueError(
            "The measures are for rectified activity, but the penultimate "
            f"layer, {penultimate}, has negative activity: let it end in a "
            "ReLU, or choose `activity` signed or `analysis` none. Received: "
            f"activity=None, minimum={lowest:.3g}, network={experiment.network}"
        )


def _check_ablated(experiment, model):
    """Raises if the layer to ablate is none that can be."""
    # No gate can be put after operations, or layers inside others.
    layers = {layer.name for layer in model.layers}
    legal = [
        name
        for name in activations.rectified_layers(
            model, activity=experiment.activity
        )
        if name in layers
    ]
    if experiment.ablate_layer not in (None, *legal):
        raise ValueError(
            f"`ablate_layer` must be a layer with ReLU: {', '.join(legal)}. "
            f"Received: ablate_layer={experiment.ablate_layer}"
        )
