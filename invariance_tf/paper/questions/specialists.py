"""Do specialised neurons carry robustness where there is no invariance?"""

from matplotlib.lines import Line2D

from invariance_tf.paper.questions.chosen import (
    add_rows,
    by_seed,
    choose_runs,
    is_joint,
)
from invariance_tf.paper.questions.panels import (
    ZERO,
    describe_seeds,
    draw_line,
    fill_columns,
)
from invariance_tf.paper.selection import of_penultimate, rows

CRITERION = "specialised_percent"
# Of the neurons: how many are ablated in what is compared.
PERCENT = 20

_LOOKS = {
    "transformed": ("specialised to transformed", "#D55E00", "o", "-"),
    "matched_transformed": ("their controls", "#D55E00", "o", ":"),
    "original": ("specialised to original", "#0072B2", "s", "-"),
    "matched_original": ("their controls", "#0072B2", "s", ":"),
}
_VERSIONS = ("transformed", "original")


def select_specialists(runs):
    """Selects what networks lose without specialised neurons.

    Args:
        runs: A `tables.Runs`.

    Returns:
        DataFrame, rows of `runs.ablation` about test images of seen and of
        unseen categories, with the column lost: the accuracy of the intact
        network minus that without the neurons.
    """
    table = of_penultimate(runs, runs.ablation)
    ablated = rows(table, criterion=CRITERION)
    is_asked = runs.runs.run.isin(ablated.run) & is_joint(runs)
    found = add_rows(choose_runs(runs, is_asked), ablated)
    if not len(found):
        return found
    # Networks trained with several have a row for each; they are not chosen.
    intact = rows(table[table.run.isin(found.run)], criterion="none")
    keys = ["run", "image_version", "category_group"]
    intact = intact.set_index(keys).accuracy
    return found.assign(
        lost=intact.reindex(found.set_index(keys).index).to_numpy()
        - found.accuracy
    )


def fill_specialists(part, table):
    """Draws the accuracy lost: on transformed images above original ones."""
    handles = [
        Line2D([], [], label=label, color=color, marker=marker, linestyle=line)
        for label, color, marker, line in _LOOKS.values()
    ]
    table = rows(table, category_group="seen")
    lost = table.lost.dropna()
    limits = (min(0, lost.min()) - 0.03, max(0.1, lost.max()) + 0.03)

    def draw_column(column, of_transform):
        for axes, version in zip(column, _VERSIONS, strict=True):
            of_panel = rows(of_transform, image_version=version)
            percents = sorted({*of_panel.value})
            axes.axhline(0, **ZERO)
            for number, (ablated, look) in enumerate(_LOOKS.items()):
                label, color, marker, line = look
                shift = 0.5 * (number - (len(_LOOKS) - 1) / 2)
                of_line = rows(of_panel, ablated=ablated)
                draw_line(
                    of_line.assign(place=of_line.value + shift),
                    axes,
                    "place",
                    "lost",
                    [percent + shift for percent in percents],
                    label=label,
                    color=color,
                    marker=marker,
                    linestyle=line,
                )
            axes.set(ylim=limits, xticks=percents)
            axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:g}")
            axes.set_ylabel(f"lost on {version}\nimages (points)")
            axes.grid(axis="y")
        column[-1].set_xlabel("neurons ablated (%)")

    height = fill_columns(part, table, 2, draw_column, handles)
    return height, (
        f"{describe_seeds(table)} Accuracy of the intact network minus that "
        "without the neurons, for test images of seen categories. Controls: as "
        "many other neurons that are about as active. Lines are shifted "
        "sideways."
    )


def compare_specialists(table):
    """Compares specialised neurons with others of the same activity.

    Returns:
        Dictionary from what is compared to a Series by transform and seed.
    """
    table = rows(table, category_group="seen", value=float(PERCENT))

    def lost_beyond(version):
        of_version = rows(table, image_version=version)
        return by_seed(
            rows(of_version, ablated="transformed"), "lost"
        ) - by_seed(rows(of_version, ablated="matched_transformed"), "lost")

    on_transformed, on_original = map(lost_beyond, _VERSIONS)
    words = "lost beyond the control"
    return {
        f"{words}, transformed images": on_transformed,
        f"{words}, original images": on_original,
        f"{words}, transformed minus original images": on_transformed
        - on_original,
    }
