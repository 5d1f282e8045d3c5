"""The rule by which a strength is chosen, and the ends that it meets.

The strength of a transformation is raised in steps until the accuracy on
transformed test images, of a network that was trained on original images
only, falls below a threshold (Appendix A).

Nothing here imports TensorFlow, so that mistakes are answered at once.
"""

import dataclasses

# So many steps are tried at most; those of the paper end before.
MOST_STEPS = 100


@dataclasses.dataclass(frozen=True)
class Parameter:
    """Says what the strength of a transformation is.

    Attributes:
        name: String, name of the transformation's argument.
        step: Float, the step in which it is raised by default.
        unit: String, in words.
    """

    name: str
    step: float
    unit: str


# Steps of the paper, but for salt and pepper, whose strength it gives.
PARAMETERS = {
    "blur": Parameter("sigma", 0.5, "pixels"),
    "white_noise": Parameter("std", 25.0, "grey levels"),
    "salt_pepper": Parameter("amount", 0.05, "share of the pixels"),
}


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Holds the accuracy at each strength, and what follows from it.

    Attributes:
        transform: String, name of the transformation.
        parameter: String, name of its argument.
        step: Float, the step in which the strength was raised.
        below: Float, the threshold of the accuracy.
        strengths: Tuple of floats; the first one, 0, means original images.
        num_correct: Tuple of integers, images classified correctly at each.
        num_images: Integer, test images.
        num_categories: Integer, categories that the network tells apart.
        seed: Integer, that of the noise.
        chosen: Float, the first strength whose accuracy is below the
            threshold, or `None`.
        reason: String, a sentence: why there is a strength, or none.
    """

    transform: str
    parameter: str
    step: float
    below: float
    strengths: tuple
    num_correct: tuple
    num_images: int
    num_categories: int
    seed: int
    chosen: float | None
    reason: str

    @property
    def accuracies(self):
        """List of the accuracies at each strength, from 0 to 1."""
        return [correct / self.num_images for correct in self.num_correct]

    def table(self):
        """Returns the columns of calibration.csv, a row for each strength."""
        # SciPy takes a second, in which a mistake has been answered.
        from invariance_tf.measures import intervals

        ends = (intervals.wilson(n, self.num_images) for n in self.num_correct)
        lower, upper = zip(*ends, strict=True)
        num_rows = len(self.strengths)
        return {
            "parameter": [self.parameter] * num_rows,
            "strength": [*self.strengths],
            "accuracy": self.accuracies,
            "num_images": [self.num_images] * num_rows,
            "lower": [*lower],
            "upper": [*upper],
        }


def parameter_of(transform, name=None):
    """Returns the `Parameter` that is the strength of a transformation.

    Args:
        transform: String, name of the transformation.
        name: String, name of its argument; `None` means the one there is.

    Raises:
        ValueError: If there is no such strength.
    """
    if transform not in PARAMETERS:
        legal = ", ".join(
            f"{each} ({parameter.name})"
            for each, parameter in PARAMETERS.items()
        )
        raise ValueError(
            "Only transformations with a strength are calibrated: "
            f"{legal}. Received: transform={transform}"
        )
    parameter = PARAMETERS[transform]
    if name not in (None, parameter.name):
        raise ValueError(
            f"The strength of {transform} is `{parameter.name}`. "
            f"Received: parameter={name}"
        )
    return parameter


def largest(transform, image_size):
    """Returns the largest strength that is tried.

    A blur must not reach beyond the image. White noise ends at four times
    the range of the images: their own standard deviation, at most 127.5, is
    then an eighth of the noise's. Salt and pepper end where no pixel is left.

    Args:
        transform: String, a key of `PARAMETERS`.
        image_size: Integer, height and width of the images in pixels.

    Example:

    >>> largest("blur", 100)
    33.0
    """
    return {
        "blur": (image_size - 1) / 3,
        "white_noise": 4 * 255.0,
        "salt_pepper": 1.0,
    }[transform]


def strengths(transform, step, image_size, below=0.1):
    """Lists the strengths to try, 0 (original images) first.

    Args:
        transform: String, a key of `PARAMETERS`.
        step: Float > 0; strength k is k times the step.
        image_size: Integer, height and width of the images in pixels.
        below: Float, the threshold, checked here with the rest.

    Returns:
        List of floats, up to the largest legal one, `MOST_STEPS` at most.

    Raises:
        ValueError: If the step or the threshold is illegal.

    Example:

    >>> strengths("salt_pepper", 0.3, 48)
    [0.0, 0.3, 0.6, 0.9]
    """
    end = largest(transform, image_size)
    if not 0 < step <= end:
        raise ValueError(
            f"`step` must be above 0 and, for {transform} on {image_size} "
            f"pixels, at most {end:.4g}. Received: step={step}"
        )
    if not 0 < below <= 1:
        raise ValueError(
            "`below` is an accuracy and must be above 0 and at most 1. "
            f"Received: below={below}"
        )
    # 3 times 0.05 is not quite 0.15.
    tried = (float(f"{k * step:.12g}") for k in range(MOST_STEPS + 1))
    return [strength for strength in tried if strength <= end]


def verdict(candidates, accuracies, below, num_categories):
    """Says how a calibration ends, or that it goes on.

    Args:
        candidates: List of `strengths`.
        accuracies: List of the accuracies of the first of them, so far.
        below: Float, the threshold.
        num_categories: Integer.

    Returns:
        `None` while the next strength is to be tried. Else a pair: the chosen
        strength or `None`, and the reason, a sentence.

    Example:

    >>> verdict([0.0, 0.5, 1.0], [0.9, 0.08], below=0.1, num_categories=40)
    (0.5, 'The accuracy fell below 0.1.')
    """
    chance = 1 / num_categories
    is_last = len(accuracies) == len(candidates)
    if chance >= below:
        if not is_last:
            return None
        return None, (
            f"Chance, 1 of {num_categories} categories or {chance:.3g}, is "
            f"not below the threshold {below:g}: to fall below it would take "
            "less than guessing."
        )
    if accuracies[0] < below:
        return None, (
            f"The network does not know the original images: its accuracy of "
            f"{accuracies[0]:.3f} on them is below the threshold {below:g}."
        )
    if accuracies[-1] < below:
        return candidates[len(accuracies) - 1], (
            f"The accuracy fell below {below:g}."
        )
    if not is_last:
        return None
    steps = f" in {MOST_STEPS} steps" if len(candidates) > MOST_STEPS else ""
    return None, (
        f"At no strength up to {candidates[-1]:g}{steps} did the accuracy fall "
        f"below {below:g}; the lowest was {min(accuracies):.3f}."
    )
