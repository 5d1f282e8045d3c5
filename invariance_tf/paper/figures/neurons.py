"""Whole figures of violins: 3a, 3b, 3c, 4, 9, 10 and 12."""

from functools import partial

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from invariance_tf.drawing import layout, lines, style
from invariance_tf.drawing.violins import CONTROLS
from invariance_tf.paper.figures import violins
from invariance_tf.paper.figures.parts import describe_tau, num_seeds
from invariance_tf.paper.selection import (
    all_seen,
    all_seen_neurons,
    at_own_tau,
    n_seen_values,
    never_transformed,
    num_categories,
    of_penultimate,
    own_tests,
    rows,
)

INVARIANCE = "invariance_coefficient"
CORRECTED = "mean_corrected_invariance"

# The paper does not say which it shows in Fig. 4: one or two of each family.
FEW = ("grayscale", "blur", "highpass", "white_noise", "rotate90", "thinning")

# Height of the slanted names of transformations, in inches.
_NAMES = 0.62


def fill_active(part, study, role, transforms):
    """Draws Fig. 3a: how many images a neuron answers to, and vice versa.

    Bands are the paper's: for most neurons 1 to 20 % of the images make it
    active, and in most images 10 to 20 % of the neurons are active.
    """
    neurons, counts = all_seen_neurons(study), all_seen(study.active_counts)
    shares = (
        (neurons, "num_active_images", "num_images", (1, 20)),
        (counts, "num_active_neurons", "num_neurons", (10, 20)),
    )
    labels = (
        "images that activate\na neuron (%)",
        "neurons that an image\nactivates (%)",
    )

    def fill_panel(place, share, label):
        axes = place.subplots()
        table, active, whole, band = share
        axes.axhspan(*band, color="#E9E9E9", zorder=0, gid="band")
        if len(table):
            table = table.assign(percent=100 * table[active] / table[whole])
        violins.draw_by_transform([table], axes, "percent", transforms)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.set_ylabel(label)
        return 1.35 + _NAMES + 0.15

    height = layout.beside(
        part,
        [
            partial(fill_panel, share=share, label=label)
            for share, label in zip(shares, labels, strict=True)
        ],
        smallest=3.3,
    )
    return height, (
        "Networks that saw all categories transformed. Violins: neurons of the "
        "penultimate layer and test images of all seeds. White dot: median; "
        "bar: quartiles; line across: mean. Grey band: the paper's 1 to "
        "20 % of the images and 10 to 20 % of the neurons."
        f"{describe_tau(study)}"
    )


def fill_with_and_without(part, study, role, transforms, measure=INVARIANCE):
    """Draws Figs. 3b, 3c and 12: networks trained with T beside without."""
    is_wide = layout.width_of(part) > 5
    handles = [
        Patch(facecolor="#555555", label="x + T(x): all categories seen"),
        Patch(label="x: original images only", **style.ORIGINAL_ONLY),
    ]
    note = violins.NOTE
    if measure == INVARIANCE:
        handles += [Line2D([], [], **look) for look in CONTROLS.values()]
        note += (
            " Dashed and dotted: coefficient of the same networks as the "
            "violin with T of another image instead of T(x), mean over neurons."
        )
    num_lines = len(handles) // 2 if is_wide else len(handles)
    (axes,), (legend,) = layout.make_panels(part, 1, 1, num_lines, height=1.6)
    without = rows(never_transformed(study.neurons), category_group="all")
    if len(without):
        without = without.assign(transform=without.test_transform)
    pair = [all_seen_neurons(study), without]
    controls = CONTROLS if measure == INVARIANCE else ()
    violins.draw_by_transform(pair, axes, measure, transforms, controls)
    if measure == INVARIANCE:
        axes.set(ylim=(-0.02, 1.02), ylabel="invariance coefficient")
    else:
        axes.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
        violins.write_ends(pair, axes, measure, transforms)
        axes.set(ylim=(-1.2, 1.2), yticks=(-1, -0.5, 0, 0.5, 1))
        axes.set_ylabel("specialisation\n(x only: −1, T(x) only: +1)")
        note += (
            " Numbers: percent of the neurons beyond 0.99 (above) and −0.99 "
            "(below)."
        )
    axes.grid(axis="y")
    layout.draw_legend(legend, handles, num_columns=2 if is_wide else 1)
    height = 1.6 + _NAMES + layout.legend_height(num_lines) + 0.2
    return height, note + describe_tau(study)


def fill_by_n_seen(part, study, role, transforms):
    """Draws Figs. 9 and 10: a panel of violins for each transformation.

    Below each, if it was measured, the invariance corrected for its floor.

    Args:
        part: Matplotlib `Figure` or `SubFigure` to fill.
        study: A `tables.Runs`.
        role: String, the study.
        transforms: List of names of transformations.
    """
    table, positions = own_tests(study.neurons), n_seen_values(study)
    means = _mean_corrected(study, positions)
    smallest = max(1.65, 0.42 + 0.17 * len(positions))
    bands = layout.split(part, [*transforms], smallest)
    fill_band = partial(
        _fill_row,
        table=table,
        means=means,
        positions=positions,
        heights=(1.15, 0.42) if len(means) else (1.15,),
        num_columns=layout.num_columns(part, len(bands[0])),
    )
    label = f"seen categories (of {num_categories(study)})"
    handles = [
        Patch(label="seen categories", **style.SEEN),
        Patch(label="unseen categories", **style.UNSEEN),
        Line2D([], [], **style.FLOOR),
    ]
    num_columns = 3 if layout.width_of(part) > 5 else 1
    height = layout.stack(
        part,
        [
            layout.legend_band(handles, num_columns),
            *(partial(fill_band, transforms=names) for names in bands[:-1]),
            partial(fill_band, transforms=bands[-1], label=label),
        ],
    )
    note = violins.NOTE
    if len(means):
        note += (
            f" J: mean over neurons of the corrected coefficient. "
            f"{style.CORRECTED_NOTE} {lines.describe_lines(num_seeds(study))}"
        )
    return height, note + describe_tau(study)


def _fill_row(
    band, transforms, table, means, positions, heights, num_columns, label=""
):
    """Draws a row of panels, and below them what is corrected for the floor."""
    width = layout.width_of(band) / num_columns
    panels = band.subplots(
        len(heights),
        num_columns,
        sharex=True,
        sharey="row",
        squeeze=False,
        height_ratios=heights,
    )
    for column, transform in zip(panels.T, transforms, strict=False):
        of_transform = rows(table, transform=transform)
        _draw_panel(of_transform, column[0], transform, positions, width)
        if len(heights) > 1:
            _draw_corrected(
                rows(means, transform=transform),
                column[1],
                positions,
                lines.lowest_of(means[CORRECTED]),
            )
        column[-1].set_xlabel(label)
    layout.leave_empty(panels[:, len(transforms) :])
    for axes, text in zip(panels[:, 0], ("invariance I", "J"), strict=False):
        axes.set_ylabel(text)
    return sum(heights) + (0.55 if label else 0.4)


def fill_few(part, study, role, transforms, few=FEW):
    """Draws Fig. 4: Fig. 9 or 10 of a few transformations, if there are any."""
    chosen = [name for name in transforms if name in few] or transforms
    return fill_by_n_seen(part, study, role, chosen)


def _draw_panel(table, axes, transform, positions, width):
    """Draws the violins of one transformation, in a panel of so many inches."""
    violins.draw_seen_and_unseen(table, axes, INVARIANCE, positions)
    label, family = style.look_of(transform).label, style.family_of(transform)
    layout.write_panel_title(axes, label, size=7, weight="bold")
    # Beside the name, if there is room.
    if len(label) + len(family) < 17.5 * width:
        axes.set_title(family, loc="right", color=style.GREY, size=style.NOTE)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(axis="y")


def _mean_corrected(study, positions):
    """Returns the mean corrected invariance of each network's neurons.

    Returns:
        DataFrame, rows of `layers` with the place of n_seen on the x axis; no
        rows if it was not measured.
    """
    table = own_tests(of_penultimate(study, study.layers))
    if CORRECTED not in table:
        return table.iloc[:0]
    places = {n_seen: place for place, n_seen in enumerate(positions)}
    table = table.assign(place=table.n_seen.map(places))
    return at_own_tau(study, table).dropna(subset=[CORRECTED])


def _draw_corrected(means, axes, positions, lowest):
    """Draws the mean of the corrected invariance against n_seen."""
    for group, face in (("seen", style.SEEN), ("unseen", style.UNSEEN)):
        of_group = rows(means, category_group=group)
        if len(of_group):
            lines.draw_line(
                of_group,
                axes,
                "place",
                CORRECTED,
                range(len(positions)),
                label=group,
                color=face["facecolor"],
                marker="o",
                markersize=2.4,
            )
    axes.set(ylim=(lowest - 0.1, 1.02), yticks=(0, 0.5, 1))
    axes.grid(axis="y")
