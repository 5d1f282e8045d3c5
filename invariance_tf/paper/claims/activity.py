"""Claims C11 to C13: which neurons are active, and what they carry."""

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import effects_of
from invariance_tf.paper.claims.networks import BY_SEED, at_most, values_of
from invariance_tf.paper.selection import (
    all_seen,
    all_seen_neurons,
    at_own_tau,
    num_categories,
    of_penultimate,
    rows,
    trained,
)
from invariance_tf.paper.studies import transforms_of


def neurons_are_selective(studies, study):
    """Measures how many neurons and images have the paper's range (C11)."""
    neurons = all_seen_neurons(studies[study])
    images = all_seen(studies[study].active_counts)
    shares = {
        "share of neurons that 1 to 20 % of the images activate": _share_within(
            neurons, "num_active_images", "num_images", limits.ACTIVE_IMAGES
        ),
        "share of images in which 10 to 20 % of the neurons are active": (
            _share_within(
                images,
                "num_active_neurons",
                "num_neurons",
                limits.ACTIVE_NEURONS,
            )
        ),
    }
    return [
        effect
        for name, share in shares.items()
        for effect in effects_of(
            name, share, transforms_of(study), least=limits.MAINLY, each=False
        )
    ]


def _share_within(table, part, whole, ends):
    """Returns for each network how many rows have a share between two ends."""
    if part not in table:
        return values_of(table, part, BY_SEED)
    is_within = (table[part] / table[whole]).between(*ends)
    return values_of(table.assign(is_within=is_within), "is_within", BY_SEED)


def active_neurons_carry_accuracy(studies, study):
    """Measures the accuracy without inactive and active neurons (C12)."""
    names = transforms_of(study)
    cost, left = _ablate_neurons(studies[study])
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
    names = transforms_of(study)
    (cost, left), (wide_cost, _) = (
        _ablate_neurons(studies[study], percent)
        for percent in (limits.TOP, limits.WIDE_TOP)
    )
    lost = "within-category accuracy lost without the neurons inactive by top"
    return [
        *effects_of(
            f"{lost} {limits.TOP} %", cost, names, least=limits.INACTIVE_COST
        ),
        *effects_of(
            "within-category accuracy left without the neurons active by top "
            f"{limits.TOP} %",
            left,
            names,
            least=limits.LITTLE,
        ),
        *effects_of(
            f"{lost} {limits.WIDE_TOP} %",
            wide_cost,
            names,
            least=limits.INACTIVE_COST,
        ),
    ]


def _ablate_neurons(runs, top_percent=None):
    """Finds accuracies after ablation, at the most seen categories.

    Args:
        runs: A `tables.Runs`.
        top_percent: Number, the images that a neuron is active for; `None`
            means by each run's own tau.

    Returns:
        Two Series by transform and seed: accuracy lost without the inactive
        neurons, and the share above chance left without the active ones.
    """
    table = rows(
        trained(of_penultimate(runs, runs.ablation)),
        image_version="transformed",
        category_group="seen",
    )
    whole = values_of(rows(table, criterion="none"), "accuracy")
    if top_percent is None:
        table = at_own_tau(runs, rows(table, criterion="tau"), "value")
    else:
        table = rows(table, criterion="top_percent", value=float(top_percent))
    kept, lost = (
        values_of(rows(table, ablated=ablated), "accuracy")
        for ablated in ("inactive", "active")
    )
    chance = 1 / num_categories(runs)
    above = (whole - chance).where(whole > chance)
    return tuple(
        at_most(measure.dropna())
        for measure in (whole - kept, (lost - chance) / above)
    )
