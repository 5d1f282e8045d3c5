"""Tables of what the networks of a study do."""

import values

from invariance_tf.drawing.style import LOOKS
from invariance_tf.paper import selection
from invariance_tf.paper.studies import (
    find_studies,
    name_in_words,
    transforms_of,
)


def across_table(results):
    """Returns across-category accuracy, with the images it is measured on.

    Where nobody is seen, it is that of networks trained with original images.
    """
    tests = results.tables.accuracy
    tests = tests[
        (tests.category_group == "unseen")
        & (tests.num_images > 0)
        & (tests.test_transform != "identity")
        & ((tests.test_transform == tests["transform"]) | (tests.n_seen == 0))
    ]
    titles = ["transformation"]
    for n_seen, of_count in tests.groupby("n_seen"):
        # It is the same for every network, or this is no table.
        (count,) = of_count.num_images.unique()
        unseen = results.count_categories() - n_seen
        titles.append(f"{n_seen} seen<br>({unseen} unseen: {count} images)")
    cells = tests.groupby(["test_transform", "n_seen"]).accuracy
    cells = cells.apply(values.format_range).unstack(fill_value="–")
    trained = {*tests["transform"]}
    names = [name for name in transforms_of("faces") if name in trained]
    rows = [(LOOKS[name].label, *cells.loc[name]) for name in names]
    return values.make_table(titles, rows)


def networks_table(results):
    """Returns accuracy and invariance by network and number of seen categories.

    Means over transformations and seeds, of networks that saw one.
    """
    titles = {
        "clean_accuracy": "original",
        "within_accuracy": "within-category",
        "across_accuracy": "across-category",
        "invariance_all": "I",
        "invariance_floor_all": "floor S",
        "corrected_invariance_all": "J",
    }
    runs = selection.trained(results.tables.runs)
    means = runs.groupby(["network", "n_seen"])[[*titles]].mean()
    rows = [
        (
            name_in_words(network),
            f"{n_seen} ({results.count_categories() - n_seen} unseen)",
            *(values.format_value(value, 2) for value in found),
        )
        for (network, n_seen), *found in means.itertuples()
    ]
    return values.make_table(
        ("network", "seen transformed", *titles.values()), rows
    )


def unseen_table(*studies):
    """Returns how well networks recognise categories not seen transformed.

    Means over transformations and seeds, of original and of transformed images,
    among all categories and among the unseen ones only; and by how much the gap
    between the two versions is smaller among the latter.

    Args:
        *studies: `Results`.
    """
    rows = []
    for results in studies:
        tests = selection.rows(results.tables.accuracy, category_group="unseen")
        tests = selection.trained(tests[tests.num_images > 0])
        of_version = (
            tests[tests.test_transform == "identity"],
            selection.own_tests(tests),
        )
        # Every transformation counts equally, however many seeds it has.
        keys = ["network", "n_seen"]
        means = [
            table.groupby([*keys, "transform"])[measure]
            .mean()
            .groupby(keys)
            .mean()
            for measure in ("accuracy", "accuracy_in_group")
            for table in of_version
        ]
        original, transformed, *in_group = means
        gap, gap_in_group = original - transformed, in_group[0] - in_group[1]
        closed = 1 - gap_in_group / gap
        for network, n_seen in original.index:
            unseen = results.count_categories() - n_seen
            rows.append(
                (
                    f"{results.directory.name}: {name_in_words(network)}",
                    f"{n_seen} ({unseen} unseen)",
                    *(f"{mean[network, n_seen]:.2f}" for mean in means),
                    f"{1 / unseen:.2f}",
                    f"{100 * closed[network, n_seen]:.0f} %",
                )
            )
    titles = ("original", "transformed")
    titles += tuple(f"{title}, in group" for title in titles)
    titles = ("study: network", "seen transformed", *titles)
    titles += ("chance in group", "of the gap closed in group")
    return values.make_table(titles, rows)


def layers_table(results):
    """Returns the invariance of each layer, its floor S and J.

    Of networks with the most seen categories; mean over transformations.
    """
    (study,) = find_studies(results.tables)[0].values()
    found = selection.own_tests(selection.at_common_tau(study))
    found = selection.all_seen(selection.rows(found, category_group="all"))
    titles = {
        "mean_invariance": "I",
        "mean_control_shuffled": "floor S",
        "mean_corrected_invariance": "J",
    }
    of_layer = found.groupby("layer", sort=False)[[*titles]].mean()
    return values.make_table(
        ("mean over neurons and transformations", *of_layer.index),
        [
            (title, *(f"{value:.2f}" for value in of_layer[measure]))
            for measure, title in titles.items()
        ],
    )


def floors_table(results):
    """Returns what invariance is made of: floor, category and image."""
    (study,) = find_studies(results.tables)[0].values()
    neurons = selection.all_seen_neurons(study).groupby("transform")
    means = neurons.mean(numeric_only=True)
    rows = []
    for name in transforms_of("faces"):
        found = means.loc[name]
        floor = found.control_shuffled
        category = found.control_same_category
        total = found.invariance_coefficient
        parts = floor, category - floor, total - category, total
        rows.append(
            (
                LOOKS[name].label,
                *(f"{value:.2f}" for value in parts),
                f"{found.corrected_invariance:.2f}",
            )
        )
    titles = ("floor S", "category C − S", "image I − C", "I", "J")
    return values.make_table(("transformation", *titles), rows)


def sources_table(results):
    """Returns how many people and images are from each source."""
    rows = [
        (
            source,
            rows.category.nunique(),
            f"{len(rows):,}",
            f"{(rows.split == 'test').sum():,}",
        )
        for source, rows in results.files.groupby("source")
    ]
    titles = ("source", "people", "images", "of which for testing")
    return values.make_table(titles, rows)
