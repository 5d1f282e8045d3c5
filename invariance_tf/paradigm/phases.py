"""Which categories are trained when: jointly, or the alternatives.

The paper trains seen and unseen categories jointly. Its Appendix C names two
alternatives, and why it does not follow them: two steps, which may forget the
transformation, and meta-learning, which it leaves open.
"""

import dataclasses

import numpy as np

PARADIGMS = ("joint", "two_step", "two_step_head", "prototypes")


@dataclasses.dataclass(frozen=True, eq=False)
class Phase:
    """A part of a training.

    Attributes:
        categories: Boolean array of shape `(num_categories,)`: those whose
            images are drawn.
        is_head_only: Whether only the last layer is trained.
        is_episodic: Whether batches are episodes, see `training.episodes`.
    """

    categories: np.ndarray
    is_head_only: bool = False
    is_episodic: bool = False


def list_phases(paradigm, is_seen):
    """Lists the phases of a training.

    Every phase has the same number of epochs. In an epoch of a step there are
    as many draws as its categories have training images, so that an image is
    drawn as often as in `joint`; an epoch of episodes has as many draws as one
    of `joint`.

    Args:
        paradigm: `"joint"`: all categories together, as in the paper.
            `"two_step"`: first the seen categories, then the others, on which
            the whole network is fine-tuned. `"two_step_head"`: as before, but
            the others train only the last layer. `"prototypes"`: episodes of
            seen categories.
        is_seen: Boolean array of shape `(num_categories,)`.

    Returns:
        List of `Phase`.

    Raises:
        ValueError: If the paradigm is unknown, or needs more categories of a
            group.

    Example:

    >>> first, second = list_phases("two_step", np.array([True, False]))
    >>> first.categories, second.categories
    (array([ True, False]), array([False,  True]))
    """
    if paradigm not in PARADIGMS:
        raise ValueError(
            f"`paradigm` must be one of {', '.join(PARADIGMS)}. "
            f"Received: paradigm={paradigm!r}"
        )
    if paradigm == "joint":
        return [Phase(np.ones(len(is_seen), bool))]
    least = 2 if paradigm == "prototypes" else 1
    most = len(is_seen) - 1
    if not least <= is_seen.sum() <= most:
        raise ValueError(
            f"The paradigm {paradigm} needs {least} to {most} of the "
            f"{len(is_seen)} categories to be seen transformed. "
            f"Received: n_seen={is_seen.sum()}"
        )
    if paradigm == "prototypes":
        return [Phase(is_seen, is_episodic=True)]
    is_head_only = paradigm == "two_step_head"
    return [Phase(is_seen), Phase(~is_seen, is_head_only)]
