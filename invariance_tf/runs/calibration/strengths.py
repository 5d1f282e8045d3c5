"""Accuracy at every strength of a transformation, in one program."""

import keras
import numpy as np
from keras import ops

from invariance_tf import transforms
from invariance_tf.measures.responses import arrange, paired_blocks
from invariance_tf.paradigm.model import Standardize, reseed_layer
from invariance_tf.runs.calibration import rule


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

    The accuracy at each strength is that of `evaluation.predict_labels`, with
    the same noise. All strengths go through one compiled program.

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

    >>> image = keras.Input((24, 24, 3))
    >>> brightest = keras.layers.GlobalMaxPooling2D()(image)
    >>> logits = keras.layers.Dense(20, name="logits")(brightest)
    >>> network = keras.Model(image, {"logits": logits})
    >>> images = np.zeros((20, 24, 24, 3), "uint8")
    >>> calibrate(network, images, np.arange(20), "blur").reason[:36]
    'The network fails on original images'
    """
    legal = rule.parameter_of(transform, parameter)
    step = legal.step if step is None else step
    candidates = rule.strengths(transform, step, min(images.shape[1:3]), below)
    layer = transforms.get(transform, **{legal.name: step})
    program = _make_program(network, layer, images.shape[1:])
    num_categories = program.output_shape[-1]
    num_correct, end = [], None
    while end is None:
        strength = candidates[len(num_correct)]
        reseed_layer(layer, seed)
        predicted = _predict_labels(program, images, labels, strength)
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
        layer = transforms.get("identity")
        if strength:
            layer = transforms.get(transform, **{parameter: strength})
        reseed_layer(layer, seed)
        seen.append(Standardize()(layer(images, flags)))
    return ops.convert_to_numpy(ops.stack(seen))


class _AtStrength(keras.layers.Layer):
    """Transforms every image by a strength that is a tensor.

    Args:
        transform: A `Transform` with a strength, whose own does not count.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, 3)`.
        strength: Float tensor of shape `()`; 0 leaves the images as they are.
    """

    def __init__(self, transform):
        super().__init__(dtype="float32")
        self.transform = transform

    def build(self, images_shape, strength_shape):
        self.transform.build(images_shape)

    def call(self, images, strength):
        transformed = self.transform.transform(images, strength)
        return ops.where(strength > 0, transformed, images)

    def compute_output_shape(self, images_shape, strength_shape):
        return images_shape


def _make_program(network, transform, image_shape):
    """Returns a model from images and a strength to logits."""
    image = keras.Input(image_shape, name="image")
    strength = keras.Input(batch_shape=(), name="strength")
    (logits,) = network(_AtStrength(transform)(image, strength)).values()
    program = keras.Model([image, strength], logits)
    # XLA of TensorFlow draws other noise from the same seed.
    program.jit_compile = keras.backend.backend() != "tensorflow"
    return program


def _predict_labels(program, images, labels, strength):
    """Predicts the category of every image at a strength."""
    predicted = np.empty(len(images), int)
    strength = np.array(strength, "float32")
    blocks = paired_blocks(
        images, transforms.get("identity"), order=arrange(labels)
    )
    for positions, originals, _ in blocks:
        logits = program.predict_on_batch([originals, strength])
        predicted[positions] = np.argmax(logits, axis=-1)
    return predicted
