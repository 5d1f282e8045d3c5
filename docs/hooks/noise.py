"""Blur and noise by the size of images and by strength: table and figure."""

import functools
import json

import pandas as pd
import values
from matplotlib.figure import Figure

from invariance_tf.drawing import layout, lines, style
from invariance_tf.paper.selection import trained
from invariance_tf.settings.calibrated import PARAMETERS

# The study of all transformations, and the one with what it leaves out.
_STUDIES = ("synthfaces100", "synthfaces_noise")
_LOOKS = (("-", "o"), ("-.", "D"), ("--", "s"), (":", "^"))


@functools.cache
def select_noise():
    """Returns the networks trained with blur or noise, of 100 people.

    Returns:
        DataFrame, rows of the runs of both studies, with further columns:
        version (image size and strength, in words) and accuracy_in_group (as
        `Results.in_group` has it).
    """
    found = pd.concat(
        trained(results.tables.runs).assign(
            accuracy_in_group=lambda runs, results=results: runs.run.map(
                results.accuracies_in_group()
            )
        )
        for name in _STUDIES
        for results in [values.Results(values.RESULTS / name)]
    )
    found = values.find_rows(found, {"transform": [*PARAMETERS]})
    columns = (found["transform"], found.image_size, found.transform_args)
    versions = [_name_version(*row) for row in zip(*columns, strict=True)]
    return found.assign(version=versions)


def noise_mean(measure, transform, version, n_seen):
    """Formats the mean over the networks that are above chance."""
    keys = {"transform": transform, "version": version, "n_seen": n_seen}
    found = values.select_rows(select_noise(), keys, "no run")
    return f"{_above_chance(found)[measure].mean():.2f}"


def _name_version(transform, image_size, transform_args):
    name = PARAMETERS[transform].name
    return f"{image_size} pixels, {name} {json.loads(transform_args)[name]:g}"


def noise_table():
    """Returns accuracies by transformation, image size and strength.

    Means over the networks above chance on original images, lowest and
    highest, and how many these are where others are not.
    """
    runs = select_noise()
    numbers = sorted(runs.n_seen[runs.across_accuracy.notna()].unique())
    (total,) = runs.num_categories.unique()
    rows = [
        (
            style.look_of(transform).label,
            version,
            _format_learned(found[found.n_seen == 50], "within_accuracy"),
            *(
                _format_learned(found[found.n_seen == n], "across_accuracy")
                for n in numbers
            ),
            f"{found.is_at_chance.sum()} of {len(found)}",
        )
        for (transform, version), found in runs.groupby(
            ["transform", "version"], sort=False
        )
    ]
    titles = ("transformation", "images, strength", "within, 50 seen")
    titles += tuple(
        f"across, {n} seen<br>({total - n} unseen)" for n in numbers
    )
    return values.make_table((*titles, "at chance"), sorted(rows))


def _format_learned(runs, measure):
    learned = _above_chance(runs)
    text = values.format_range(learned[measure], 2)
    if len(learned) < len(runs):
        text += f"; {len(learned)} of {len(runs)}"
    return text


def _above_chance(runs):
    return runs[~runs.is_at_chance.eq(True)]


def draw_noise(theme):
    """Draws both accuracies against the number of people seen transformed.

    Lines are of networks above chance on original images; the others are
    crosses.
    """
    runs = select_noise()
    numbers = sorted(runs.n_seen.unique())
    figure = Figure(figsize=(style.PAGE, 5))
    panels = layout.make_panels(figure, 2, 3, len(_LOOKS), 1.7)
    for (transform, found), column in zip(
        runs.groupby("transform"), panels.T, strict=True
    ):
        column[0].set_title(style.look_of(transform).label)
        for kind, axes in zip(("within", "across"), column[:2], strict=True):
            _draw_versions(found, axes, f"{kind}_accuracy", numbers)
            lines.draw_percent(axes, f"{kind}-category\naccuracy (%)")
        handles, _ = column[1].get_legend_handles_labels()
        layout.draw_legend(column[2], handles)
    layout.label_outer(panels[:2])
    return figure


def _draw_versions(runs, axes, measure, numbers):
    axes.axhline(1 / runs.num_categories.max(), **style.CHANCE)
    learned = _above_chance(runs)
    for index, (version, look) in enumerate(
        zip(sorted(runs.version.unique()), _LOOKS, strict=False)
    ):
        linestyle, marker = look
        lines.draw_line(
            learned[learned.version == version],
            axes,
            "n_seen",
            measure,
            numbers,
            label=version,
            color=f"C{index}",
            linestyle=linestyle,
            marker=marker,
        )
    lines.mark_at_chance(runs, axes, "n_seen", measure)
    lines.draw_n_seen(axes, numbers, runs.num_categories.max())
