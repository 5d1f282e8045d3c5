"""Batch normalisation's statistics at the end of a short training."""

import keras

# A moving average forgets a batch after some 1 / (1 - momentum) steps. Only
# after many times that has the learning rate fallen so far that the weights,
# and with them the statistics, have come to rest.
SHORT = 20
NUM_BATCHES = 100


def is_short(model, num_steps):
    """Tells whether moving statistics lag behind after so many steps.

    Args:
        model: A Keras model.
        num_steps: Integer, training steps in all.

    Returns:
        Boolean: whether one of `norm_layers` has
        `num_steps < SHORT / (1 - momentum)`.
    """
    return any(
        num_steps * (1 - layer.momentum) < SHORT for layer in norm_layers(model)
    )


def estimate_statistics(model, batches, num_batches=NUM_BATCHES):
    """Sets moving means and variances to their average over training batches.

    During training they are moving averages over weights that have changed
    since: with momentum 0.997, over the last 330 steps. Here the weights stay,
    and every batch counts alike.

    Args:
        model: A Keras model.
        batches: Iterable of `(inputs, labels)`, as for training.
        num_batches: Integer >= 1.
    """
    layers = norm_layers(model)
    momenta = [layer.momentum for layer in layers]
    try:
        for index, (inputs, _) in zip(
            range(num_batches), batches, strict=False
        ):
            for layer in layers:
                # The mean of the first index + 1 batches.
                layer.momentum = index / (index + 1)
            model(inputs, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def norm_layers(model):
    """Lists the trainable layers of batch normalisation, nested ones too.

    Args:
        model: A Keras model.
    """
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
    ]
