"""Claims C11 to C13: which neurons are active, and what they carry."""

import numpy as np

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import effects_of
from invariance_tf.paper.claims.networks import (
    all_seen,
    all_seen_neurons,
    at_most,
    penultimate,
    rows,
    values_of,
)
from invariance_tf.paper.studies import transforms_of

_BY = ("transform", "seed")


def neurons_are_selective(studies, study):
    """Measures how many neurons and images have the paper's range (C11)."""
    runs, names = studies[study], transforms_of(study)
    neurons = all_seen_neurons(runs)
    images = all_seen(runs.active_counts)
    return [
        *effects_of(
            "share of neurons that 1 to 20 % of the images activate",
            _share_within(
                neurons, "num_active_images", "num_images", limits.ACTIVE_IMAGES
            ),
            names,
            least=limits.MAINLY,
            each=False,
        ),
        *effects_of(
            "share of images in which 10 to 20 % of the neurons are active",
            _share_within(
                images,
                "num_active_neurons",
                "num_neurons",
                limits.ACTIVE_NEURONS,
            ),
            names,
            least=limits.MAINLY,
            each=False,
        ),
    ]


def _share_within(table, part, whole, ends):
    """Returns for each network how many rows have a share between two ends."""
    if part not in table:
        return values_of(table, part, _BY)
    is_within = (table[part] / table[whole]).between(*ends)
    return values_of(table.assign(is_within=is_within), "is_within", _BY)


def active_neurons_carry_accuracy(studies, study):
    """Measures the accuracy without inactive and active neurons (C12)."""
    names = transforms_of(study)
    cost, left = _ablate(studies[study], "tau")
    return [
        *effects_of(
            "within-category accuracy lost without the inactive neurons",
            cost,
            names,
            most=limits.INACTIVE_COST,
        ),
        *effects_of(
            "within-category accuracy left without the active neurons",
            left,
            names,
            most=limits.LITTLE,
        ),
    ]


def top_images_miss_accuracy(studies, study):
    """Measures the same for neurons active on their top images (C13)."""
    runs, names = studies[study], transforms_of(study)
    found = []
    for percent in (limits.TOP, limits.WIDE_TOP):
        cost, left = _ablate(runs, "top_percent", percent)
        found += effects_of(
            f"within-category accuracy lost without the neurons inactive by "
            f"top {percent} %",
            cost,
            names,
            least=limits.INACTIVE_COST,
        )
        if percent == limits.TOP:
            found += effects_of(
                f"within-category accuracy left without the neurons active "
                f"by top {percent} %",
                left,
                names,
                least=limits.LITTLE,
            )
    return found


def _ablate(runs, criterion, value=None):
    """Finds accuracies after ablation, at the most seen categories.

    Args:
        runs: A `tables.Runs`.
        criterion: `"tau"` or `"top_percent"`.
        value: Number; `None` means each run's own tau.

    Returns:
        Two Series by transform and seed: accuracy lost without the inactive
        neurons, and the share above chance left without the active ones.
    """
    table = rows(
        runs.ablation,
        layer=penultimate(runs),
        image_version="transformed",
        category_group="seen",
    )
    whole = values_of(rows(table, criterion="none"), "accuracy")
    table = rows(table, criterion=criterion)
    if value is None and len(table):
        of_run = table.run.map(runs.runs.set_index("run").tau)
        table = table[np.isclose(table.value, of_run.astype("float64"))]
    elif value is not None:
        table = rows(table, value=float(value))
    kept, lost = (
        values_of(rows(table, ablated=ablated), "accuracy")
        for ablated in ("inactive", "active")
    )
    chance = 1 / runs.runs.num_categories.iloc[0]
    above = (whole - chance).where(whole > chance)
    return tuple(
        at_most(measure.dropna())
        for measure in (whole - kept, (lost - chance) / above)
    )
