"""Claims C6 to C10 and C14 to C16: invariance of neurons (section 3.2)."""

import numpy as np
import pandas as pd

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import correlation_effects, effects_of
from invariance_tf.paper.claims.networks import (
    KEYS,
    ROTATIONS,
    all_seen,
    all_seen_neurons,
    at_most,
    at_tau,
    invariance,
    means,
    num_categories,
    only_few,
    own,
    penultimate_layers,
    rise,
    rows,
    values_of,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES

_BY = ("transform", "seed")


def training_gains_invariance(studies, study):
    """Compares networks trained with and without transformation (C6)."""
    layers = rows(penultimate_layers(studies[study]), category_group="all")
    trained = values_of(own(all_seen(layers)), "mean_invariance", _BY)
    is_untrained = (layers["transform"] == "identity") | (layers.n_seen == 0)
    untrained = means(
        layers[is_untrained], "mean_invariance", ("test_transform", "seed")
    )
    return effects_of(
        "gain of invariance by training with the transformation",
        trained - untrained.rename_axis([*_BY]),
        transforms_of(study),
        least=0,
    )


def invariance_rises(studies, study):
    """Measures the rise of invariance with the seen categories (C7)."""
    return effects_of(
        "rise of invariance from the fewest to the most seen categories",
        rise(invariance(studies[study])),
        transforms_of(study),
        least=0,
    )


def seen_and_unseen_agree(studies, study):
    """Compares the invariance for seen and unseen categories (C8)."""
    runs = studies[study]
    gap = (invariance(runs, "seen") - invariance(runs, "unseen")).dropna()
    gap = gap.drop(only_few(gap, num_categories(runs)).index)
    return effects_of(
        "invariance for seen minus unseen categories, mean over n_seen that "
        "are not few",
        gap.groupby([*_BY]).mean(),
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
        accuracy = values_of(runs.runs, f"{kind}_accuracy")
        found += correlation_effects(
            f"correlation of invariance with {kind}-category accuracy",
            pd.concat([invariance(runs), accuracy], axis=1).dropna(),
            transforms_of(study),
            **claimed,
        )
    return found


def invariance_builds_up(studies, study):
    """Fits a line to the invariance of the layers, from first to last (C10)."""
    layers = rows(own(at_tau(studies[study])), category_group="all")
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
    neurons = all_seen_neurons(studies[study])
    score = neurons.get("specialisation", pd.Series(dtype="float64"))
    neurons = neurons.assign(
        original=(score < -limits.SPECIALISED).where(score.notna()),
        both=(score.abs() <= limits.SPECIALISED).where(score.notna()),
        transformed=(score > limits.SPECIALISED).where(score.notna()),
    )
    ends = {
        "original": "specialised to original images",
        "transformed": "specialised to transformed images",
        "both": "in between",
    }
    found = []
    for column, words in ends.items():
        found += effects_of(
            f"share of neurons {words}",
            values_of(neurons, column, _BY),
            ROTATIONS,
            least=limits.PRESENT,
        )
    return found


def inception_agrees(studies, study):
    """Measures Inception's rise, and its invariant neurons (C15)."""
    inception, faces = studies[study], studies.get("faces")
    names = transforms_of(study)
    share = _invariant_neurons(inception)
    if faces is None or not _same_images(inception, faces):
        share = share[:0]
    else:
        share = (share - _invariant_neurons(faces)).dropna()
    return [
        *invariance_rises(studies, study),
        *effects_of(
            "share of invariant neurons in Inception minus that in AlexNet",
            share,
            names,
            least=0,
            each=False,
        ),
    ]


def _invariant_neurons(runs):
    """Returns the share of neurons that are invariant, where all are seen."""
    neurons = all_seen_neurons(runs)
    value = neurons.get("invariance_coefficient", pd.Series(dtype="float64"))
    is_invariant = (value > limits.INVARIANT).where(value.notna())
    return values_of(
        neurons.assign(is_invariant=is_invariant), "is_invariant", _BY
    )


def _same_images(one, other):
    """Tells whether two studies are of the same images."""
    return {*one.runs.fingerprint} == {*other.runs.fingerprint}


def local_gains_twice(studies, study):
    """Divides the local transformations' gain by the geometric ones' (C16)."""
    gain = rise(invariance(studies[study])).unstack("transform")
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
    largest = limits.LARGEST_RATIO
    label = "local / geometric"
    found = effects_of(
        "ratio of the rises of invariance, local to geometric",
        pd.concat(
            {label: ratio.clip(-largest, largest)},
            names=["transform"],
        ).dropna(),
        (label,),
        least=limits.TWICE[0],
        most=limits.TWICE[1],
    )
    return found[1:]
