"""The rule that chooses the strength of a transformation (Appendix A).

The strength is raised in steps until a network that was trained on original
images only falls below a threshold of accuracy on transformed test images.

Nothing here imports TensorFlow: mistakes are answered at once.
"""

import dataclasses

# More than the paper needs.
MOST_STEPS = 100


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Holds the accuracy at each strength, and the chosen strength.

    Attributes:
        transform: String, name of the transformation.
        parameter: String, name of its argument.
        step: Float, by which the strength was raised.
        below: Float, the threshold of the accuracy.
        strengths: Tuple of floats; the first, 0, means original images.
        num_correct: Tuple of integers, correctly classified images at each.
        num_images: Integer, number of test images.
        num_categories: Integer, number of categories of the network.
        seed: Integer, seed of the noise.
        chosen: Float, the first strength whose accuracy is below the
            threshold, or `None`.
        reason: String, a sentence: why it was chosen, or why none was.
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
        # Not at the top: SciPy takes a second to import.
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


def largest(transform, image_size):
    """Returns the largest strength that is tried.

    A blur must not reach beyond the image. White noise ends at four times the
    range of grey levels: the standard deviation of an image, at most 127.5, is
    then an eighth of the noise's. Salt and pepper ends where it has replaced
    all pixels.

    Args:
        transform: String, a key of `calibrated.PARAMETERS`.
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
        transform: String, a key of `calibrated.PARAMETERS`.
        step: Float > 0; strength k is k times the step.
        image_size: Integer, height and width of the images in pixels.
        below: Float, the threshold, which is only checked.

    Returns:
        List of floats, up to `largest` and at most `MOST_STEPS` steps.

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
    # In floating point 3 * 0.05 is not 0.15.
    tried = (float(f"{k * step:.12g}") for k in range(MOST_STEPS + 1))
    return [strength for strength in tried if strength <= end]


def verdict(candidates, accuracies, below, num_categories):
    """Decides whether a calibration is finished, and how.

    Args:
        candidates: List of `strengths`.
        accuracies: List of the accuracies at the first of them, so far.
        below: Float, the threshold.
        num_categories: Integer.

    Returns:
        `None` if the next strength is to be tried. Otherwise a pair: the chosen
        strength or `None`, and the reason, a sentence.

    Example:

    >>> verdict([0.0, 0.5, 1.0], [0.9, 0.08], below=0.1, num_categories=40)
    (0.5, 'The accuracy fell below 0.1.')
    """
    is_last = len(accuracies) == len(candidates)
    if 1 / num_categories >= below:
        if not is_last:
            return None
        return None, (
            f"Chance level (1/{num_categories}) is not below the threshold "
            f"{below:g}, so no strength can reach it."
        )
    if accuracies[0] < below:
        return None, (
            f"The network fails on original images: its accuracy there, "
            f"{accuracies[0]:.3f}, is below the threshold {below:g}."
        )
    if accuracies[-1] < below:
        return candidates[len(accuracies) - 1], (
            f"The accuracy fell below {below:g}."
        )
    if not is_last:
        return None
    steps = f" in {MOST_STEPS} steps" if len(candidates) > MOST_STEPS else ""
    return None, (
        f"The accuracy did not fall below {below:g} at any strength up to "
        f"{candidates[-1]:g}{steps}; the lowest was {min(accuracies):.3f}."
    )
