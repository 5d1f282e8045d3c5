"""Claims C6 to C10 and C14 to C16: invariance of neurons (section 3.2)."""

import numpy as np
import pandas as pd

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import correlation_effects, effects_of
from invariance_tf.paper.claims.networks import (
    BY_SEED,
    KEYS,
    ROTATIONS,
    accuracy_of,
    at_common_tau,
    at_most,
    invariance_of,
    only_few,
    rise_of,
    values_of,
)
from invariance_tf.paper.selection import (
    all_seen,
    all_seen_neurons,
    never_transformed,
    num_categories,
    of_penultimate,
    own_tests,
    rows,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES


def training_gains_invariance(studies, study):
    """Compares networks trained with and without transformation (C6)."""
    layers = of_penultimate(studies[study], at_common_tau(studies[study]))
    layers = rows(layers, category_group="all")
    with_it = values_of(own_tests(all_seen(layers)), "mean_invariance", BY_SEED)
    without = values_of(
        never_transformed(layers), "mean_invariance", ("test_transform", "seed")
    )
    return effects_of(
        "gain of invariance by training with the transformation",
        with_it - without.rename_axis([*BY_SEED]),
        transforms_of(study),
        least=0,
    )


def invariance_rises(studies, study):
    """Measures the rise of invariance with the seen categories (C7)."""
    return effects_of(
        "rise of invariance from the fewest to the most seen categories",
        rise_of(invariance_of(studies[study])),
        transforms_of(study),
        least=0,
    )


def seen_and_unseen_agree(studies, study):
    """Compares the invariance for seen and unseen categories (C8)."""
    runs = studies[study]
    seen, unseen = (invariance_of(runs, group) for group in ("seen", "unseen"))
    gap = (seen - unseen).dropna()
    gap = gap.drop(only_few(gap, num_categories(runs)).index)
    return effects_of(
        "invariance for seen minus unseen categories, mean over n_seen that "
        "are not few",
        gap.groupby([*BY_SEED]).mean(),
        transforms_of(study),
        least=-limits.SAME_INVARIANCE,
        most=limits.SAME_INVARIANCE,
    )


def invariance_goes_with_across(studies, study):
    """Correlates invariance with both accuracies over networks (C9)."""
    runs = studies[study]
    found = []
    for kind, claimed in (
        ("across", {"least": limits.CORRELATED}),
        ("within", {"most": limits.CORRELATED}),
    ):
        pair = invariance_of(runs), accuracy_of(runs, kind)
        found += correlation_effects(
            f"correlation of invariance with {kind}-category accuracy",
            pd.concat(pair, axis=1).dropna(),
            transforms_of(study),
            **claimed,
        )
    return found


def invariance_builds_up(studies, study):
    """Fits a line to the invariance of the layers, from first to last (C10)."""
    layers = own_tests(at_common_tau(studies[study]))
    layers = rows(layers, category_group="all")
    names = layers.layer.unique() if len(layers) else []
    curves = values_of(layers, "mean_invariance", (*KEYS, "layer"))
    # Without networks of which inner layers were not measured.
    curves = curves.unstack("layer").reindex(columns=names).dropna()
    depth = np.linspace(-1, 1, len(names)) / 2
    slope = curves @ depth / (depth**2).sum()
    if len(names) < 2:
        slope = slope[:0]
    return effects_of(
        "rise of invariance from the first to the penultimate layer, by a "
        "line through all layers",
        at_most(slope),
        transforms_of(study),
        least=0,
    )


def rotations_specialise(studies, study):
    """Measures how specialised neurons are to either version (C14)."""
    thirds = {
        "specialised to original images": lambda x: x < -limits.SPECIALISED,
        "specialised to transformed images": lambda x: x > limits.SPECIALISED,
        "in between": lambda x: abs(x) <= limits.SPECIALISED,
    }
    found = []
    for words, is_in in thirds.items():
        found += effects_of(
            f"share of neurons {words}",
            _share_of_neurons(studies[study], "specialisation", is_in),
            ROTATIONS,
            least=limits.PRESENT,
        )
    return found


def _share_of_neurons(runs, column, is_counted):
    """Returns a share of the neurons that have a measure, all being seen.

    Args:
        runs: A `tables.Runs`.
        column: Name of the measure; neurons without it do not count.
        is_counted: Function from the measure to booleans.

    Returns:
        Series by transform and seed.
    """
    neurons = all_seen_neurons(runs)
    value = neurons.get(column, pd.Series(dtype="float64"))
    share = is_counted(value).where(value.notna())
    return values_of(neurons.assign(share=share), "share", BY_SEED)


def inception_agrees(studies, study):
    """Measures Inception's rise, and its invariant neurons (C15)."""
    inception, faces = studies[study], studies.get("faces")
    share, of_alexnet = (
        _share_of_neurons(
            runs, "invariance_coefficient", lambda x: x > limits.INVARIANT
        )
        for runs in (inception, inception if faces is None else faces)
    )
    if faces is None or not _same_images(inception, faces):
        of_alexnet = of_alexnet[:0]
    return [
        *invariance_rises(studies, study),
        *effects_of(
            "share of invariant neurons in Inception minus that in AlexNet",
            (share - of_alexnet).dropna(),
            transforms_of(study),
            least=0,
            each=False,
        ),
    ]


def _same_images(one, other):
    """Returns whether two studies are of the same images."""
    return {*one.runs.fingerprint} == {*other.runs.fingerprint}


def local_gains_twice(studies, study):
    """Divides the local transformations' gain by the geometric ones' (C16)."""
    gain = rise_of(invariance_of(studies[study])).unstack("transform")
    local, geometric = (
        gain.reindex(columns=[*names]).mean(axis=1, skipna=False)
        for names in (
            FAMILIES["convolutional"] + FAMILIES["noise"],
            FAMILIES["geometric"],
        )
    )
    # Without a geometric gain the local one is any multiple of it; where
    # neither gains there is no ratio.
    ratio = (local / geometric.clip(lower=0)).where(
        (local > 0) | (geometric > 0)
    )
    ratio = ratio.clip(-limits.LARGEST_RATIO, limits.LARGEST_RATIO)
    label = "local / geometric"
    found = effects_of(
        "ratio of the rises of invariance, local to geometric",
        pd.concat({label: ratio}, names=["transform"]).dropna(),
        (label,),
        least=limits.TWICE[0],
        most=limits.TWICE[1],
    )
    return found[1:]
