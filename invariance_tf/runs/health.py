"""Whether a finished run has learned, and what to do if it has not."""

import math

from invariance_tf.measures.intervals import wilson

# Held-out accuracy below this share of the training accuracy is pointed out,
# and a last learning rate above this share of the highest.
HALF = 0.5


def is_at_chance(accuracy, num_images, num_categories):
    """Returns whether an accuracy is no better than guessing.

    Args:
        accuracy: Float from 0 to 1, or nan.
        num_images: Integer, images that it was measured on.
        num_categories: Integer; a guess is right once in so many times.

    Returns:
        Boolean: whether the 95 % interval of the accuracy (Wilson's) reaches
        down to chance; `False` where there is no image.

    Example:

    >>> is_at_chance(0.03, 400, 40), is_at_chance(0.2, 400, 40)
    (True, False)
    """
    if not num_images or math.isnan(accuracy):
        return False
    low, _ = wilson(round(accuracy * num_images), num_images)
    return low <= 1 / num_categories


def examine_run(
    history,
    original,
    transformed,
    num_categories,
    paradigm,
    schedule,
    peak,
    advice,
):
    """Examines how a training went.

    Args:
        history: List of dictionaries by epoch, as `training.fit` returns it.
        original: Number of original test images, and the accuracy on them.
        transformed: Number of transformed test images of seen categories, and
            the accuracy on them.
        num_categories: Integer.
        paradigm: String, see `phases.list_phases`.
        schedule: String, name of the learning-rate schedule.
        peak: Float, the highest rate of the schedule.
        advice: String, what to do if the network has never left chance.

    Returns:
        Dictionary: chance, training_accuracy (of the last epoch, with
        dropout), original_accuracy, transformed_accuracy (of seen
        categories), last_rate_over_peak, learned_at_step (`None`: never),
        is_at_chance (of original images) and warnings, a list of sentences
        that say what is wrong and what to do.
    """
    last = history[-1]
    # A second step has none.
    steps = [row.get("learned_at_step", math.nan) for row in history]
    learned_at = [int(step) for step in steps if not math.isnan(step)]
    found = {
        "chance": 1 / num_categories,
        "training_accuracy": last["accuracy"],
        "original_accuracy": original[1],
        "transformed_accuracy": transformed[1],
        "last_rate_over_peak": last["learning_rate"] / peak,
        "learned_at_step": learned_at[-1] if learned_at else None,
        "is_at_chance": is_at_chance(*reversed(original), num_categories),
    }
    return {
        **found,
        "warnings": _warnings(found, transformed, paradigm, schedule, advice),
    }


def _warnings(found, transformed, paradigm, schedule, advice):
    """Says in sentences what is wrong with a run."""
    chance, training = found["chance"], found["training_accuracy"]
    original = found["original_accuracy"]
    warnings = []
    has_not_learned = found["learned_at_step"] is None
    if found["is_at_chance"]:
        warnings.append(
            f"The network is at chance on original test images ({original:.3f},"
            f" chance {chance:.3f}): its invariance says nothing about the "
            "transformation. "
            f"{advice if has_not_learned else 'Train longer.'}"
        )
    elif is_at_chance(*reversed(transformed), round(1 / chance)):
        cause = (
            "the transformation may leave nothing to recognise. Look at "
            "examples.png, or lower its strength."
        )
        if paradigm.startswith("two_step"):
            cause = (
                "they may have been forgotten in the second step, which "
                "trains the other categories only. Compare --paradigm joint."
            )
        warnings.append(
            "The network is at chance on transformed images of the categories "
            f"that it saw transformed ({transformed[1]:.3f}, chance "
            f"{chance:.3f}): {cause}"
        )
    # Else the last training accuracy is that of some categories only.
    is_joint = paradigm == "joint"
    if is_joint and original < HALF * training and training > 2 * chance:
        warnings.append(
            f"Original test images are classified far worse ({original:.3f}) "
            f"than training images ({training:.3f}): the network has learned "
            "its training images by heart. Use more images, more "
            "--weight_decay, or fewer --epochs."
        )
    if schedule != "constant" and found["last_rate_over_peak"] > HALF:
        warnings.append(
            f"The learning rate of the last epoch is still "
            f"{found['last_rate_over_peak']:.2f} of the highest: the schedule "
            f"{schedule} is made for more --epochs."
        )
    return warnings
