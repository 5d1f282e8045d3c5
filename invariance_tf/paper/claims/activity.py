"""Claims C11 to C13: which neurons are active, and what they carry."""

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import effects_of
from invariance_tf.paper.claims.networks import BY_SEED, at_most, values_of
from invariance_tf.paper.selection import (
    above_chance,
    all_seen,
    all_seen_neurons,
    num_categories,
    of_penultimate,
    of_tau,
    rows,
    tau_of,
    trained,
)
from invariance_tf.paper.studies import transforms_of


def neurons_are_selective(studies, study):
    """Measures how many images activate a neuron (C11)."""
    names = transforms_of(study)
    runs, tau = studies[study], tau_of(studies[study])
    neurons = all_seen_neurons(runs, tau)
    images = of_tau(runs, all_seen(runs.active_counts), tau)
    of_images = _share(neurons, "num_active_images", "num_images")
    of_neurons = _share(images, "num_active_neurons", "num_neurons")
    within = {
        "share of neurons that 1 to 20 % of the images activate": (
            neurons,
            of_images.between(*limits.ACTIVE_IMAGES),
        ),
        "share of images in which 10 to 20 % of the neurons are active": (
            images,
            of_neurons.between(*limits.ACTIVE_NEURONS),
        ),
    }
    return [
        *effects_of(
            "share of the images that activate a neuron, mean over neurons",
            values_of(neurons.assign(share=of_images), "share", BY_SEED),
            names,
            most=limits.ACTIVE,
            each=False,
        ),
        *(
            effect
            for name, (table, is_within) in within.items()
            for effect in effects_of(
                name,
                values_of(table.assign(share=is_within), "share", BY_SEED),
                names,
                is_decisive=False,
            )
        ),
    ]


def _share(table, part, whole):
    """Divides one column by another; without them there are no rows."""
    if not {part, whole} <= {*table}:
        return table.n_seen.iloc[:0].astype("float64")
    return table[part] / table[whole]


def active_neurons_carry_accuracy(studies, study):
    """Measures the accuracy without inactive and active neurons (C12)."""
    names = transforms_of(study)
    found = _ablate_neurons(studies[study])
    return [
        *effects_of(
            "within-category accuracy lost without the inactive neurons",
            found["cost"],
            names,
            most=limits.INACTIVE_COST,
            each=False,
        ),
        *effects_of(
            "within-category accuracy without the active neurons minus that "
            "without as many random ones",
            found["beyond_random"],
            names,
            most=0,
            each=False,
        ),
        *effects_of(
            "within-category accuracy left without the active neurons, as a "
            "share of what is above chance",
            found["left"],
            names,
            is_decisive=False,
        ),
    ]


def top_images_miss_accuracy(studies, study):
    """Measures the same for neurons active on their top images (C13)."""
    names = transforms_of(study)
    at_tau, top, wide = (
        _ablate_neurons(studies[study], percent)
        for percent in (None, limits.TOP, limits.WIDE_TOP)
    )
    lost = "within-category accuracy lost without the neurons inactive by top"
    return [
        *effects_of(
            f"{lost} {limits.TOP} %",
            top["cost"],
            names,
            least=limits.SUBSTANTIAL_COST,
            each=False,
        ),
        *effects_of(
            f"{lost} {limits.WIDE_TOP} %, minus that lost by tau",
            wide["cost"] - at_tau["cost"],
            names,
            least=0,
            each=False,
        ),
        *effects_of(
            "within-category accuracy left without the neurons active by top "
            f"{limits.TOP} %, as a share of what is above chance",
            top["left"],
            names,
            is_decisive=False,
        ),
    ]


def _ablate_neurons(runs, top_percent=None):
    """Finds accuracies after ablation, at the most seen categories.

    Args:
        runs: A `tables.Runs`.
        top_percent: Number, the images that a neuron is active for; `None`
            means by the study's tau.

    Returns:
        Dictionary of Series by transform and seed: cost, the accuracy lost
        without the inactive neurons; left, the share above chance left
        without the active ones; beyond_random, the accuracy without the
        active ones minus that without as many random ones.
    """
    table = rows(
        trained(of_penultimate(runs, runs.ablation)),
        image_version="transformed",
        category_group="seen",
    )
    unablated = rows(table, criterion="none")
    whole = values_of(unablated, "accuracy")
    chance = 1 / num_categories(runs)
    above = values_of(above_chance(runs, unablated), "accuracy") - chance
    if top_percent is None:
        table = rows(table, criterion="tau", value=tau_of(runs))
    else:
        table = rows(table, criterion="top_percent", value=float(top_percent))
    without = {
        ablated: values_of(rows(table, ablated=ablated), "accuracy")
        for ablated in ("inactive", "active", "random")
    }
    measures = {
        "cost": whole - without["inactive"],
        "left": (without["active"] - chance) / above.where(above > 0),
        "beyond_random": without["active"] - without["random"],
    }
    return {name: at_most(each.dropna()) for name, each in measures.items()}
