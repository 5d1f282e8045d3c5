"""Claims C1 to C5: robustness within and across categories (section 3.1)."""

import pandas as pd

from invariance_tf.paper.claims import limits
from invariance_tf.paper.claims.effects import (
    MEAN,
    Effect,
    contrast_of,
    effects_of,
)
from invariance_tf.paper.claims.networks import (
    BY_SEED,
    ROTATIONS,
    accuracy_of,
    at_all,
    at_common_n_seen,
    at_fewest,
    at_most,
    mean_over_n_seen,
    only_few,
    slope_of,
    untrained_accuracy,
    values_of,
)
from invariance_tf.paper.selection import (
    above_chance,
    all_seen,
    never_transformed,
    num_categories,
    own_tests,
    rows,
    trained,
)
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES


def across_rises(studies, study):
    """Measures the slope of across-category accuracy (C1)."""
    names = transforms_of(study)
    runs, total = studies[study], num_categories(studies[study])
    across = accuracy_of(runs, "across")
    slope = slope_of(across, total)
    n_seen = across.index.get_level_values("n_seen")
    beside = {"is_decisive": False, "least": 0}
    name = "slope of across-category accuracy on the share of seen categories"
    groups = {
        "color": FAMILIES["color"],
        "convolutional": FAMILIES["convolutional"],
        "noise": FAMILIES["noise"],
        "thinning": ("thinning",),
    }
    return [
        *effects_of(name, slope, names, exempt=ROTATIONS, least=0),
        *(
            contrast_of(f"{name}, by family", label, slope, members, least=0)
            for label, members in groups.items()
            if {*members} < {*names} and study != "imagenet"
        ),
        *effects_of(
            f"{name}, up to half of the categories",
            slope_of(across[n_seen <= total / 2], total),
            names,
            **beside,
        ),
        *(
            effect
            for words, at_end in (("fewest", at_fewest), ("most", at_most))
            for effect in effects_of(
                f"across-category accuracy at the {words} seen categories "
                "minus that of networks trained with original images only",
                at_end(across),
                names,
                baseline=untrained_accuracy(runs),
                **beside,
            )
        ),
    ]


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
    """Compares accuracies under the trained and other transformations (C3)."""
    names = transforms_of(study)
    tests = rows(studies[study].accuracy, category_group="all")
    own = own_tests(all_seen(tests))
    left = _left_of_original(all_seen(above_chance(studies[study], tests)))
    left = left[left.test_transform != left["transform"]]
    # The paper finds robustness to color without training, and of blur and
    # noise to each other.
    others = {*names} - {*FAMILIES["color"], *FAMILIES["noise"], "blur"}
    left = left[left.test_transform.isin(others)]
    return [
        *effects_of(
            "accuracy under the trained transformation minus that of networks "
            "trained otherwise",
            values_of(own, "accuracy", BY_SEED),
            names,
            baseline=_trained_otherwise(tests),
            least=0,
        ),
        *effects_of(
            "accuracy left under the other transformations but color, blur "
            "and noise",
            values_of(left, "left", BY_SEED),
            tuple(name for name in names if others - {name}),
            most=limits.ROBUST,
            each=False,
        ),
    ]


def _trained_otherwise(tests):
    """Averages accuracy over the networks trained without the transformation.

    Returns:
        Series by transform, that of the test, and seed. Where transformations
        have seeds of their own, their first ones count as one seed. Seeds that
        some lack count if there are not two that all have, and then if half
        of the transformations have them.
    """
    untrained = never_transformed(tests).assign(transform="identity")
    tests = pd.concat([all_seen(tests), untrained])
    tests = tests.loc[tests.get("test_transform") != tests["transform"]]
    tests = tests.assign(seed=tests.groupby("transform").seed.rank("dense"))
    trained_with = tests.groupby("seed")["transform"].transform("nunique")
    num_trained = tests["transform"].nunique()
    is_whole = trained_with == num_trained
    if tests.seed[is_whole].nunique() < 2:
        is_whole = 2 * trained_with >= num_trained
    tests = tests[is_whole]
    values = values_of(tests, "accuracy", ("test_transform", "seed"))
    return values.rename_axis([*BY_SEED])


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
    names = transforms_of(study)
    across = mean_over_n_seen(accuracy_of(studies[study], "across"))
    pairs = {
        ("color", "convolutional"): True,
        ("convolutional", "geometric"): True,
        ("thinning", "rotations"): True,
    } | {
        (name, "rotations"): False
        for name in names
        if name not in (*ROTATIONS, "thinning")
    }
    members = {**FAMILIES, "rotations": ROTATIONS}
    for left_out in (("blur",), ("blur", "highpass")):
        label = f"convolutional but {' and '.join(left_out)}"
        kept = [
            name for name in members["convolutional"] if name not in left_out
        ]
        members[label] = tuple(kept)
        pairs[label, "geometric"] = False
    return [
        contrast_of(
            "difference in across-category accuracy, mean over n_seen",
            f"{higher} - {lower}",
            across,
            members.get(higher, (higher,)),
            members[lower],
            least=0,
            is_decisive=is_decisive,
        )
        for (higher, lower), is_decisive in pairs.items()
    ]


def unseen_are_taken_for_seen(studies, study):
    """Measures which share of the misclassified is taken for seen (C5)."""
    runs = studies[study]
    total = num_categories(runs)
    unseen = rows(trained(runs.confusion), category_group="unseen")
    if "percent_as_seen" in unseen:
        # An unseen image that is taken for seen is misclassified.
        missed = 100 - unseen.percent_correct
        share = unseen.percent_as_seen / missed.where(missed > 0)
        unseen = unseen.assign(taken=share)
    taken = at_common_n_seen(only_few(values_of(unseen, "taken"), total))
    name = (
        "share of the misclassified transformed images of unseen categories "
        "that is taken for a seen category"
    )
    counts = sorted({*taken.index.get_level_values("n_seen")})
    found = []
    for n_seen in counts or [None]:
        of_number = taken[taken.index.get_level_values("n_seen") == n_seen]
        at = f"{name}, at {n_seen} seen" if n_seen else name
        found += effects_of(
            at,
            of_number.droplevel("n_seen"),
            transforms_of(study),
            least=limits.MAINLY,
            each=False,
        )
        if n_seen:
            found.append(
                Effect(
                    effect_name=f"{at}: by chance",
                    transform=MEAN,
                    effect=n_seen / (total - 1),
                )
            )
    return found
