"""What do more people and more images of each do?"""

import functools

import numpy as np

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.claims.inference import slopes
from invariance_tf.paper.questions.chosen import (
    choose_runs,
    is_joint,
    sort_transforms,
)
from invariance_tf.paper.questions.panels import (
    describe_seeds,
    draw_lines_on_log_axis,
    legend_band,
)
from invariance_tf.paper.selection import rows

_ACROSS = "across_accuracy"
_CATEGORIES, _IMAGES = "num_categories", "images_of_each"

# Of an axis with fewer values there is no panel.
_FEWEST = 3


def select_scale(runs):
    """Selects networks trained on several numbers of categories and images.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame, rows of `runs.runs` with two more columns: images_of_each,
        the training images of a category, held-out ones included, on the mean;
        and percent_seen, of the categories.
    """
    is_asked = is_joint(runs)
    table = choose_runs(runs, is_asked, several="num_images", alike="recipe")
    if not len(table):
        return table.assign(images_of_each=np.nan, percent_seen=np.nan)
    tested = rows(runs.accuracy, category_group="all")
    num_tested = tested.groupby("run").num_images.first()
    num_trained = table.num_images - table.run.map(num_tested)
    return table.assign(
        images_of_each=num_trained / table.num_categories,
        percent_seen=(100 * table.n_seen / table.num_categories).round(),
    )


def fill_scale(part, table):
    """Draws accuracy against the images of each category, and categories."""
    fills = [
        functools.partial(_fill_panel, table=found, axis=axis, title=title)
        for title, axis, found in _list_panels(table)
    ]
    handles = lines.make_handles(sort_transforms(table))
    height = layout.stack(
        part,
        [
            functools.partial(layout.beside, fills=fills, smallest=2),
            legend_band(part, handles),
        ],
    )
    return height, (
        f"{describe_seeds(table)} Dotted: chance. Lines are shifted sideways."
    )


def _list_panels(table):
    """Lists the titles, axes and rows of all panels.

    One of the two numbers varies along the axis, and the other is the same.
    """
    words = {_CATEGORIES: "{:g} categories", _IMAGES: "{:g} images of each"}
    return [
        (words[same].format(value), axis, found)
        for same, axis in ((_CATEGORIES, _IMAGES), (_IMAGES, _CATEGORIES))
        for value, found in table.groupby(same)
        if found[axis].nunique() >= _FEWEST
    ]


def _fill_panel(part, table, axis, title):
    """Draws across-category accuracy, a line for each transformation."""
    axes = part.subplots()
    axes.set_title(title)
    names = sort_transforms(table)
    draw_lines_on_log_axis(table, axes, axis, _ACROSS, names)
    chance = 1 / table.groupby(axis)[_CATEGORIES].first()
    axes.plot(chance.index, chance, **style.CHANCE)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(chance.index, [f"{value:g}" for value in chance.index])
    what = "categories" if axis == _CATEGORIES else "images of each category"
    axes.set_xlabel(what)
    lines.draw_percent(axes, "across-category\naccuracy (%)")
    return 2.2


def compare_scale(table):
    """Fits across-category accuracy to the logarithms of both numbers.

    Returns:
        Dictionary from what is compared to a Series by transform and seed:
        the rise if there are twice as many.
    """
    words = {_CATEGORIES: "categories", _IMAGES: "images of each"}
    return {
        f"across, per doubling of {words[axis]}, {title}": slopes(
            found.set_index(["transform", axis, "seed"])[_ACROSS],
            np.log2,
            by=axis,
        )
        for title, axis, found in _list_panels(table)
    }
