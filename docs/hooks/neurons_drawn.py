"""Drawings of the measures of neurons, and of the choice of a strength."""

import functools

import keras
import numpy as np
import themes
import values

from invariance_tf.measures import invariance
from invariance_tf.runs import conditions_measured
from invariance_tf.settings import conditions

TAU = 0.1
GRID = np.linspace(0, 1, 201)
ACTIVITIES = {
    "xlim": (0, 1),
    "ylim": (0, 1),
    "xticks": (0, 0.5, 1),
    "yticks": (0, 0.5, 1),
    "xlabel": "f(x), original image",
    "ylabel": "f(T(x)), transformed",
    "aspect": "equal",
}


def draw_coefficient(theme):
    """Draws both measures of a pair of activities."""
    figure, panels = themes.make_panels(3.1, 2)
    measures = invariance.pair_terms(*np.meshgrid(GRID, GRID))
    names = ("invariance h", "specialisation s")
    blue = theme.ramp(theme.page, theme.seen)
    amber_to_blue = theme.ramp(theme.unseen, theme.page, theme.seen)
    sides = np.array([-0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8])
    # An invariance is the same on both sides of the diagonal.
    levels, every_other = sides[4:], sides[[0, 2, 5, 7]]
    looks = ((blue, levels, sides), (amber_to_blue, every_other, every_other))
    for axes, name, measure, (colors, heights, places) in zip(
        panels, names, measures, looks, strict=True
    ):
        axes.imshow(measure, cmap=colors, origin="lower", extent=(0, 1, 0, 1))
        lines = axes.contour(
            *(GRID[1:], GRID[1:], measure[1:, 1:], heights),
            colors=theme.ink,
            linewidths=0.7,
            linestyles="solid",
        )
        manual = [find_pair(specialisation) for specialisation in places]
        axes.clabel(lines, fmt="%g", fontsize=8, manual=manual)
        look = {"facecolor": theme.page, "edgecolor": theme.ink, "zorder": 3}
        themes.add_box(axes, 0, 0, TAU, TAU, **look)
        axes.set(title=name, **ACTIVITIES)
    return figure


def find_pair(specialisation):
    """Returns a pair of activities with a specialisation, for its label."""
    ratio = (1 + specialisation) / (1 - specialisation)
    return 0.85 / max(ratio, 1), 0.85 * min(ratio, 1)


def draw_active(theme):
    """Draws the active images of two made-up neurons, with both measures."""
    figure, panels = themes.make_panels(3.1, 2)
    generator = np.random.default_rng(3)
    original = generator.exponential(0.18, (120, 1)).clip(0, 1)
    noise = generator.normal(1, 0.22, original.shape)
    gains = {"invariant": 1, "specialised": 0.22}
    for axes, (name, gain) in zip(panels, gains.items(), strict=True):
        transformed = (gain * original * noise).clip(0, None)
        maximum = max(original.max(), transformed.max())
        pair = np.array([original, transformed], "float32") / maximum
        is_active = invariance.activity_levels(*pair, np.ones(1)) > TAU
        terms = invariance.pair_terms(*pair[:, is_active])
        means = [term.mean() for term in terms]
        for chosen, color in (
            (~is_active, theme.faint),
            (is_active, theme.seen),
        ):
            look = {"color": color, "markersize": 3.5, "clip_on": False}
            axes.plot(*pair[:, chosen], "o", **look)
        look = {"color": theme.faint, "linewidth": 0.8, "zorder": 0}
        axes.plot([0, 1], [0, 1], **look)
        look = {"color": theme.ink, "linewidth": 1, "zorder": 4}
        axes.plot([0, TAU, TAU], [TAU, TAU, 0], **look)
        axes.text(TAU, -0.045, "τ", ha="center", va="top", fontsize=8)
        title = f"{name}: I = {means[0]:.2f}, S = {means[1]:.2f}"
        axes.set(title=title, **ACTIVITIES)
    return figure


def draw_ablation(theme):
    """Draws what is left of an image's activity, without either half."""
    figure, panels = themes.make_panels(2.5, 3, sharey=True)
    activity = np.random.default_rng(5).gamma(0.5, 0.4, (1, 26)).clip(0, 1)
    is_active = (
        invariance.activity_levels(activity, activity, np.ones(26))[0] > TAU
    )
    colors = np.where(is_active, theme.seen, theme.unseen)
    kept = {
        "one image": is_active | True,
        "inactive ablated": is_active,
        "active ablated": ~is_active,
    }
    for axes, (title, is_kept) in zip(panels, kept.items(), strict=True):
        axes.bar(range(26), activity[0] * is_kept, color=colors)
        themes.add_level(axes, TAU, theme)
        axes.set(title=title, xlabel="neurons", xticks=[], ylim=(0, 1))
    panels[0].set_yticks((0, TAU, 0.5, 1), ("0", "τ", "0.5", "1"))
    panels[0].set_ylabel("f(x)")
    return figure


@functools.cache
def measure_digits():
    """Measures the network for digits of measure.md, made by its code."""
    keras.utils.set_random_seed(0)
    names = values.run_example("measure.md")
    digits = names["digits"]
    return conditions_measured.measure_conditions(
        names["model"],
        digits.images[digits.is_test],
        digits.labels[digits.is_test],
        conditions.read_conditions(
            ["blur:1,4", "contrast_inversion", "rotate90"]
        ),
        lambda *_: None,
        layers=["conv", "hidden"],
        spatial="max",
        measures=["linear_cka"],
    )


def draw_own_model(theme):
    """Draws the measures of a user's model, as the command `measure` does."""
    return conditions_measured.draw_figures(*measure_digits())["layers.png"]


def draw_calibration(theme):
    """Draws where a blur becomes too strong for networks, as measured."""
    figure, (axes,) = themes.make_panels(2.7, 1)
    for dataset, color in (("synthfaces", theme.seen), ("lfw", theme.unseen)):
        found, curve = values.read_calibration(dataset, "blur")
        x, y = curve.strength, curve.accuracy
        axes.fill_between(x, curve.lower, curve.upper, color=color, alpha=0.25)
        axes.plot(x, y, ".-", color=color)
        axes.plot(x.iloc[-1:], y.iloc[-1:], "o", markersize=9, color=color)
        place = {"ha": "center", "color": color}
        text = f"σ = {found['strength']:g}"
        axes.text(x.iloc[-1], y.iloc[-1] - 0.08, text, **place)
        text = f"{dataset}, {found['image_size']} pixels"
        axes.text(0, y[0] - 0.1, text)
    themes.add_level(axes, found["below"], theme)
    axes.set(
        xlabel="σ of the blur in pixels",
        ylabel="accuracy on\ntransformed images",
        ylim=(0, 1),
    )
    return figure
