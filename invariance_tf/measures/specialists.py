"""Accuracy without the neurons that are specialised to one image version.

The paper proposes that networks without invariance recognise transformed
images by specialised neurons (section 3.2). If so, transformed images need the
neurons specialised to them, and original images do not.
"""

import bisect

import numpy as np

from invariance_tf.measures.ablation import classify, group_rows
from invariance_tf.measures.accumulator import Accumulator

# In percent of the neurons that are active for some image.
PERCENTS = (5, 10, 20, 30)

_NUM_DRAWS = 5


def ablate_specialists(
    original, transformed, kernel, bias, labels, is_seen, tau, seed=0
):
    """Measures the accuracy without the most specialised neurons.

    Neurons are ablated for all images. They are chosen by their specialisation
    (`invariance.pair_terms`) over the test images of seen categories, or of
    all if none is seen. No image is classified without neurons that it helped
    to choose: they are chosen by one half of each category's images and
    ablated for the other half.

    As a control, as many other neurons are ablated that are about as active,
    which is repeated 5 times. Negative activity counts by its size.

    Args:
        original: Float32 array of shape `(num_images, num_neurons)`: activity
            of the penultimate layer for original images.
        transformed: Array of that shape, for the transformed images.
        kernel: Float array of shape `(num_neurons, num_categories)`.
        bias: Float array of shape `(num_categories,)`.
        labels: Integer array of shape `(num_images,)`.
        is_seen: Boolean array of shape `(num_categories,)`.
        tau: Float from 0 to below 1, the threshold of activity.
        seed: Integer >= 0, determines the other neurons.

    Returns:
        List of dictionaries as `ablation.ablate` returns, with the criterion
        specialised_percent: `ablated` is transformed or original (specialised
        to these), or matched_transformed or matched_original (their
        controls). Empty if there are too few images, or active neurons.
    """
    is_first = _is_first_half(labels)
    is_used = is_seen[labels] if is_seen.any() else np.ones(len(labels), bool)
    if not (is_first & is_used).any() or not (~is_first & is_used).any():
        return []
    sizes = np.abs(original), np.abs(transformed)
    maxima = np.maximum(*(size.max(axis=0) for size in sizes))
    chosen = []
    for half in (is_first, ~is_first):
        images = half & is_used
        pair = [size[images] for size in sizes]
        accumulator = Accumulator(maxima, tau)
        accumulator.add(*pair, np.zeros(images.sum(), int))
        *_, scores = accumulator.results([0], [tau])
        means = sum(activity.mean(axis=0) for activity in pair)
        generator = np.random.default_rng([seed, 3, len(chosen)])
        chosen.append(_choose(scores[:, 0], means, generator))
    rows = []
    for (ablated, percent), draws in chosen[0].items():
        if (ablated, percent) not in chosen[1]:
            continue
        for version, activity in (
            ("original", original),
            ("transformed", transformed),
        ):
            description = {
                "criterion": "specialised_percent",
                "value": percent,
                "ablated": ablated,
                "image_version": version,
            }
            repeated = []
            for first, second in zip(
                draws, chosen[1][ablated, percent], strict=True
            ):
                # Chosen by the first half: for the second.
                is_ablated = np.where(is_first[:, None], second, first)
                predicted = classify(activity, ~is_ablated, kernel, bias)
                shares = is_ablated.mean(axis=1)
                repeated.append(
                    group_rows(
                        description, (predicted, labels, is_seen, shares)
                    )
                )
            rows += [_average(same) for same in zip(*repeated, strict=True)]
    return rows


def _average(rows):
    """Averages the accuracy of repeated rows."""
    accuracy = float(np.mean([row["accuracy"] for row in rows]))
    return {**rows[0], "accuracy": accuracy}


def _is_first_half(labels):
    """Returns whether an image is in the first half of its category's."""
    is_first = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        # Every other one: images of a category may be in a meaningful order.
        is_first[np.flatnonzero(labels == label)[::2]] = True
    return is_first


def _choose(scores, activity, generator):
    """Chooses the neurons to ablate.

    Args:
        scores: Array of shape `(num_neurons,)`: specialisation, nan if never
            active.
        activity: Array of that shape, mean activity.
        generator: A NumPy generator.

    Returns:
        Dictionary from what is ablated and a percentage to a list of boolean
        arrays of shape `(num_neurons,)`, one for each draw.
    """
    order = np.argsort(scores, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(scores))]
    chosen = {}
    for percent in PERCENTS:
        num = max(1, round(percent / 100 * len(order)))
        others = order[num:-num]
        if len(others) < num:
            continue  # Too few neurons are active.
        for version, most in (
            ("transformed", order[-num:]),
            ("original", order[:num]),
        ):
            chosen[version, percent] = [_mask(most, len(scores))]
            chosen[f"matched_{version}", percent] = [
                _mask(_match(activity, most, others, generator), len(scores))
                for _ in range(_NUM_DRAWS)
            ]
    return chosen


def _match(activity, neurons, others, generator):
    """Draws another neuron of similar activity for each one.

    Args:
        activity: Array of mean activities of all neurons.
        neurons: Integer array, neurons to match.
        others: Integer array of at least as many, from which each is drawn
            among the two next more and the two next less active ones, without
            replacement.
        generator: A NumPy generator.

    Returns:
        Integer array of the shape of `neurons`.
    """
    pool = others[np.argsort(activity[others], kind="stable")].tolist()
    levels = activity[pool].tolist()
    drawn = []
    for neuron in generator.permutation(neurons):
        place = bisect.bisect(levels, activity[neuron])
        near = range(max(0, place - 2), min(len(pool), place + 2))
        place = generator.choice(near)
        drawn.append(pool.pop(place))
        levels.pop(place)
    return np.array(drawn)


def _mask(neurons, num_neurons):
    mask = np.zeros(num_neurons, bool)
    mask[neurons] = True
    return mask
