"""Claims C1 to C5: robustness within and across categories (section 3.1)."""

import pandas as pd

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import effects_of
from invariance_tf.paper.claims.networks import (
    BY_SEED,
    ROTATIONS,
    accuracy_of,
    at_all,
    at_fewest,
    only_few,
    rise_of,
    values_of,
)
from invariance_tf.paper.selection import (
    all_seen,
    num_categories,
    own_tests,
    rows,
    trained,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES


def across_rises(studies, study):
    """Measures the rise of across-category accuracy (C1)."""
    return effects_of(
        "rise of across-category accuracy from the fewest to the most seen "
        "categories",
        rise_of(accuracy_of(studies[study], "across")),
        transforms_of(study),
        least=0,
    )


def within_falls(studies, study):
    """Measures the fall of within-category accuracy, and its start (C2)."""
    total = num_categories(studies[study])
    within = accuracy_of(studies[study], "within")
    start = at_fewest(only_few(within, total))
    return [
        *effects_of(
            "fall of within-category accuracy from the fewest to all seen "
            "categories",
            start - at_all(within, total),
            transforms_of(study),
            least=0,
        ),
        *effects_of(
            "within-category accuracy at the fewest seen categories",
            start,
            transforms_of(study),
            least=limits.CLOSE_TO_ONE,
            each=False,
        ),
    ]


def robust_to_the_trained(studies, study):
    """Measures what is left of the accuracy on transformed images (C3)."""
    names = transforms_of(study)
    tests = rows(all_seen(studies[study].accuracy), category_group="all")
    left = _left_of_original(tests)
    others = left[left.test_transform.isin({*names} - {*FAMILIES["color"]})]
    others = others[others.test_transform != others["transform"]]
    return [
        *effects_of(
            "accuracy left under the trained transformation",
            values_of(own_tests(left), "left", BY_SEED),
            names,
            least=limits.ROBUST,
        ),
        *effects_of(
            "accuracy left under the other transformations without color",
            values_of(others, "left", BY_SEED),
            names,
            most=limits.ROBUST,
        ),
    ]


def _left_of_original(tests):
    """Adds `left`: the accuracy above chance, as a share of the original's."""
    if "test_transform" not in tests:
        return tests.assign(test_transform=None, left=None)
    chance = 1 / tests.num_categories
    original = rows(tests, test_transform="identity").set_index("run").accuracy
    above = tests.run.map(original).astype("float64") - chance
    return tests.assign(left=(tests.accuracy - chance) / above.where(above > 0))


def families_are_ordered(studies, study):
    """Compares the across-category accuracy of families (C4)."""
    across = accuracy_of(studies[study], "across").unstack("transform")
    across = across.reindex(columns=transforms_of(study))
    others = [name for name in across if name not in ROTATIONS]
    pairs = {
        "color - convolutional": ("color", "convolutional"),
        "convolutional - geometric": ("convolutional", "geometric"),
        **{f"{name} - rotations": (name, "rotations") for name in others},
    }
    members = {**FAMILIES, "rotations": ROTATIONS}
    differences = {
        label: _mean(across, members.get(higher, [higher]))
        - _mean(across, members[lower])
        for label, (higher, lower) in pairs.items()
    }
    # Both sides at the same n_seen.
    differences = pd.concat(differences, names=["transform"]).dropna()
    found = effects_of(
        "difference in across-category accuracy, mean over n_seen",
        differences.groupby([*BY_SEED]).mean(),
        tuple(pairs),
        least=0,
    )
    # A mean over comparisons has no meaning.
    return found[1:]


def _mean(across, names):
    """Averages over transformations, where all of them are there."""
    return across[[*names]].mean(axis=1, skipna=False)


def unseen_are_taken_for_seen(studies, study):
    """Measures which share of unseen images is taken for seen (C5)."""
    runs = studies[study]
    unseen = rows(trained(runs.confusion), category_group="unseen")
    taken = values_of(unseen, "percent_as_seen")
    return effects_of(
        "share of transformed images of unseen categories that is taken for "
        "a seen category, at the fewest seen categories",
        at_fewest(only_few(taken, num_categories(runs))) / 100,
        transforms_of(study),
        least=limits.MAINLY,
        each=False,
    )
