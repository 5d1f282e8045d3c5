"""Accuracy at every strength of a transformation."""

import numpy as np
from keras import ops

from invariance_tf import transforms
from invariance_tf.measures import evaluation
from invariance_tf.paradigm.model import Standardize, reseed_layer
from invariance_tf.runs.calibration import rule
from invariance_tf.settings import calibrated


def calibrate(
    network,
    images,
    labels,
    transform,
    parameter=None,
    step=None,
    below=0.1,
    seed=0,
    watch=None,
):
    """Raises the strength of a transformation until the accuracy is too low.

    Images are transformed before they enter the network, which is therefore
    compiled once for all strengths. Each strength has the same random state.

    Args:
        network: A model made by `evaluation.classifier`.
        images: Array or memory map of shape `(num_images, height, width, 3)`
            with values from 0 to 255, for testing.
        labels: Integer array of shape `(num_images,)`.
        transform: String, name of a transformation with a strength.
        parameter: String, name of its argument; `None` means the one there is.
        step: Float > 0, in which the strength is raised; `None` means the
            paper's.
        below: Float above 0 to 1, threshold of the accuracy.
        seed: Integer >= 0, decides the noise of noise transformations.
        watch: Function of the strength and its accuracy, called after each,
            or `None`.

    Returns:
        A `rule.Calibration`.

    Raises:
        ValueError: If the transformation has no strength, or an argument is
            illegal.

    Example:

    >>> import keras
    >>> image = keras.Input((24, 24, 3))
    >>> brightest = keras.layers.GlobalMaxPooling2D()(image)
    >>> logits = keras.layers.Dense(20, name="logits")(brightest)
    >>> network = keras.Model(image, {"logits": logits})
    >>> images = np.zeros((20, 24, 24, 3), "uint8")
    >>> calibrate(network, images, np.arange(20), "blur").reason[:36]
    'The network fails on original images'
    """
    legal = calibrated.parameter_of(transform, parameter)
    step = legal.step if step is None else step
    candidates = rule.strengths(transform, step, min(images.shape[1:3]), below)
    (logits,) = network.output.values()
    num_categories = logits.shape[-1]
    num_correct, end = [], None
    while end is None:
        strength = candidates[len(num_correct)]
        layer = _at_strength(transform, legal.name, strength)
        predicted = evaluation.predict_labels(
            network, images, labels, layer, seed
        )
        num_correct.append(int(np.sum(predicted == labels)))
        accuracies = [correct / len(images) for correct in num_correct]
        if watch is not None:
            watch(strength, accuracies[-1])
        end = rule.verdict(candidates, accuracies, below, num_categories)
    return rule.Calibration(
        transform=transform,
        parameter=legal.name,
        step=step,
        below=below,
        strengths=tuple(candidates[: len(num_correct)]),
        num_correct=tuple(num_correct),
        num_images=len(images),
        num_categories=num_categories,
        seed=seed,
        chosen=end[0],
        reason=end[1],
    )


def examples(images, transform, parameter, strengths, seed=0):
    """Transforms a few images by each strength, as a network sees them.

    Args:
        images: Array of shape `(num_images, height, width, 3)` with values
            from 0 to 255.
        transform: String, name of the transformation.
        parameter: String, name of its argument.
        strengths: Sequence of floats; 0 means the images as they are.
        seed: Integer >= 0, decides the noise of noise transformations.

    Returns:
        Float32 array of shape `(num_strengths, num_images, height, width,
        3)`, standardised.
    """
    flags = np.ones(len(images), bool)
    seen = []
    for strength in strengths:
        layer = _at_strength(transform, parameter, strength)
        reseed_layer(layer, seed)
        seen.append(Standardize()(layer(images, flags)))
    return ops.convert_to_numpy(ops.stack(seen))


def _at_strength(transform, parameter, strength):
    """Returns the transformation; of strength 0, the identity."""
    if strength == 0:
        return transforms.get("identity")
    return transforms.get(transform, **{parameter: strength})
