"""Claims C6 to C10 and C14 to C16: invariance of neurons (section 3.2)."""

import dataclasses

import numpy as np
import pandas as pd

from invariance_tf.paper.claims import inference, limits
from invariance_tf.paper.claims.correlations import correlate_all, correlations
from invariance_tf.paper.claims.effects import (
    POOLED,
    contrast_of,
    effect_from,
    effects_of,
)
from invariance_tf.paper.claims.networks import (
    BY_SEED,
    KEYS,
    ROTATIONS,
    accuracy_of,
    at_fewest,
    at_most,
    invariance_of,
    mean_over_n_seen,
    only_few,
    slope_of,
    untrained_accuracy,
    untrained_invariance,
    values_of,
)
from invariance_tf.paper.selection import (
    all_seen_neurons,
    at_common_tau,
    num_categories,
    own_tests,
    rows,
    tau_of,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES

# The coefficient I, which decides, and J, which stands beside it.
_MEASURES = {
    "invariance": "mean_invariance",
    "invariance above its floor (J)": "mean_corrected_invariance",
}


def training_gains_invariance(studies, study):
    """Compares networks trained with and without transformation (C6)."""
    runs = studies[study]
    total = num_categories(runs)
    found = []
    for name, measure in _MEASURES.items():
        invariance = invariance_of(runs, measure=measure)
        is_all = invariance.index.get_level_values("n_seen") == total
        found += effects_of(
            f"gain of {name} by training with the transformation",
            invariance[is_all].droplevel("n_seen"),
            transforms_of(study),
            baseline=untrained_invariance(runs, measure),
            is_decisive=measure == "mean_invariance",
            least=0,
        )
    return found


def invariance_rises(studies, study):
    """Measures the slope of invariance on the seen categories (C7)."""
    runs = studies[study]
    return [
        effect
        for name, measure in _MEASURES.items()
        for effect in effects_of(
            f"slope of {name} on the share of seen categories",
            slope_of(
                invariance_of(runs, measure=measure), num_categories(runs)
            ),
            transforms_of(study),
            is_decisive=measure == "mean_invariance",
            least=0,
        )
    ]


def seen_and_unseen_agree(studies, study):
    """Compares the invariance for seen and unseen categories (C8)."""
    runs = studies[study]
    total = num_categories(runs)
    both = {group: invariance_of(runs, group) for group in ("seen", "unseen")}
    both = pd.DataFrame(both).dropna()
    both = both.drop(only_few(both, total).index)
    both = both.apply(mean_over_n_seen)
    untrained = untrained_invariance(runs)
    is_compared = both.index.isin(untrained.index.unique(0), "transform")
    compared = both[is_compared]
    return [
        *effects_of(
            "invariance for seen minus unseen categories, mean over n_seen "
            "that are not few",
            both.seen - both.unseen,
            transforms_of(study),
            least=-limits.SAME_INVARIANCE,
            most=limits.SAME_INVARIANCE,
            each=False,
        ),
        effect_from(
            "gain of invariance over untrained networks for unseen "
            "categories, divided by that for seen ones",
            "unseen / seen",
            inference.ratio(compared.unseen, compared.seen, untrained),
            compared.groupby("transform").size(),
            is_decisive=False,
        ),
    ]


def invariance_goes_with_across(studies, study):
    """Correlates invariance with accuracies over networks (C9)."""
    runs = studies[study]
    names = transforms_of(study)
    total = num_categories(runs)
    invariance = invariance_of(runs)
    within = accuracy_of(runs, "within")
    start = at_fewest(only_few(invariance, total))
    untrained = [untrained_invariance(runs), untrained_accuracy(runs)]
    untrained = pd.concat(untrained, axis=1).dropna()
    untrained = untrained[untrained.index.isin(names, "transform")]
    return [
        *correlations(invariance, accuracy_of(runs, "across"), "across", names),
        *effects_of(
            "within-category accuracy at the fewest seen categories",
            at_fewest(only_few(within, total)),
            names,
            least=limits.HIGH,
            each=False,
        ),
        *effects_of(
            "invariance at the fewest seen categories minus that of untrained "
            "networks",
            start,
            names,
            baseline=untrained_invariance(runs),
            most=limits.SAME_INVARIANCE,
            each=False,
        ),
        *(
            dataclasses.replace(one, is_decisive=False, is_claimed=False)
            for one in correlations(invariance, within, "within", names)
        ),
        effect_from(
            "correlation of invariance with accuracy on transformed images, "
            "in networks trained with original images only",
            POOLED,
            correlate_all(untrained),
            untrained.groupby("transform").size(),
            is_decisive=False,
        ),
    ]


def invariance_builds_up(studies, study):
    """Fits a line to the invariance of the layers, from first to last (C10).

    The floor of the coefficient differs between layers: J counts.
    """
    found = []
    for name, measure in reversed(_MEASURES.items()):
        for is_whole, layers in (
            (True, "penultimate layer, by a line through all layers"),
            (False, "layer before the penultimate, by a line"),
        ):
            found += effects_of(
                f"rise of {name} from the first to the {layers}",
                _slope_over_layers(studies[study], measure, is_whole),
                transforms_of(study),
                is_decisive=is_whole and measure == "mean_corrected_invariance",
                least=0,
            )
    return found


def _slope_over_layers(runs, measure, is_whole):
    """Returns the rise by transform and seed, at the most seen categories."""
    layers = rows(own_tests(at_common_tau(runs)), category_group="all")
    # In their order, by a network of which all layers were measured; those of
    # which inner layers were not do not count.
    names = []
    if len(layers):
        names = max(layers.groupby("run").layer.unique(), key=len)
    names = names if is_whole else names[:-1]
    curves = values_of(layers, measure, (*KEYS, "layer"))
    curves = curves.unstack("layer").reindex(columns=names).dropna()
    depth = np.linspace(-1, 1, len(names)) / 2
    slope = curves @ depth / (depth**2).sum()
    return at_most(slope if len(names) > 1 else slope[:0])


def rotations_specialise(studies, study):
    """Compares how neurons specialise in either version (C14)."""
    runs = studies[study]
    neurons = all_seen_neurons(runs, tau_of(runs))
    value = neurons.get("specialisation", pd.Series(dtype="float64"))
    keys = [neurons[key] for key in BY_SEED]
    spread = value.groupby(keys, observed=True).std(ddof=0).dropna()
    name = "spread of specialisation over neurons (standard deviation)"
    others = {
        **{family: FAMILIES[family] for family in FAMILIES},
        "thinning": ("thinning",),
    }
    del others["geometric"]
    return [
        *(
            contrast_of(
                f"{name}, difference",
                f"rotations - {label}",
                spread,
                ROTATIONS,
                members,
                least=0,
            )
            for label, members in others.items()
        ),
        *effects_of(name, spread, transforms_of(study), is_decisive=False),
    ]


def inception_agrees(studies, study):
    """Measures Inception's slope, and its invariant neurons (C15)."""
    inception, faces = studies[study], studies.get("faces")
    found = invariance_rises(studies, study)
    for name, measure in (
        ("invariant neurons", "invariance_coefficient"),
        ("neurons invariant above their floor (J)", "corrected_invariance"),
    ):
        share, of_alexnet = (
            _share_of_invariant(runs, measure)
            for runs in (inception, inception if faces is None else faces)
        )
        if faces is None or not _are_comparable(inception, faces):
            of_alexnet = of_alexnet[:0]
        found += effects_of(
            f"share of {name} in Inception minus that in AlexNet",
            (share - of_alexnet).dropna(),
            transforms_of(study),
            least=0,
            each=False,
            is_decisive=measure == "invariance_coefficient",
        )
    return found


def _share_of_invariant(runs, measure):
    """Returns the share of invariant neurons, all categories being seen.

    Neurons that no image activates do not count.
    """
    neurons = all_seen_neurons(runs, tau_of(runs))
    value = neurons.get(measure, pd.Series(dtype="float64"))
    share = (value > limits.INVARIANT).where(value.notna())
    return values_of(neurons.assign(share=share), "share", BY_SEED)


def _are_comparable(one, other):
    """Returns whether two studies have the same images and threshold."""
    is_same = {*one.runs.fingerprint} == {*other.runs.fingerprint}
    return is_same and bool(np.isclose(tau_of(one), tau_of(other)))


def local_gains_twice(studies, study):
    """Divides the local transformations' gain by the geometric ones' (C16)."""
    runs = studies[study]
    geometric = FAMILIES["geometric"]
    pairs = {
        "convolutional and noise / geometric": (
            FAMILIES["convolutional"] + FAMILIES["noise"]
        ),
        "blur and highpass / geometric": ("blur", "highpass"),
    }
    found = []
    for name, measure in _MEASURES.items():
        gain = invariance_of(runs, measure=measure)
        gain = slope_of(gain, num_categories(runs))
        seeds = gain.groupby("transform").size()
        found += [
            effect_from(
                f"binary logarithm of the ratio of the slopes of {name} "
                "(1 means twice)",
                label,
                inference.log_ratio(gain, local, geometric),
                seeds.reindex([*local, *geometric]),
                is_decisive=measure == "mean_invariance",
                least=0,
            )
            for label, local in pairs.items()
        ]
    return found
