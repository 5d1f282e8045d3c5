"""Drawings of the measures of neurons, and of the choice of a strength."""

import numpy as np
import values
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from themes import WIDTH

from invariance_tf.measures import invariance

TAU = 0.1
GRID = np.linspace(0, 1, 201)


def draw_coefficient(theme):
    """Draws both measures of a pair of activities."""
    figure = Figure(figsize=(WIDTH, 3.1))
    panels = figure.subplots(1, 2)
    invariances, specialisations = invariance.pair_terms(
        *np.meshgrid(GRID, GRID)
    )
    heights = np.array([0.2, 0.4, 0.6, 0.8])
    both = np.concatenate([1 - heights, heights - 1])
    blue = theme.ramp(theme.page, theme.seen)
    amber_to_blue = theme.ramp(theme.unseen, theme.page, theme.seen)
    looks = (
        ("invariance h", invariances, blue, heights, both),
        ("specialisation s", specialisations, amber_to_blue, both[::2], None),
    )
    for axes, (title, measure, colors, levels, labelled) in zip(
        panels, looks, strict=True
    ):
        levels = np.sort(levels)
        axes.imshow(measure, cmap=colors, origin="lower", extent=(0, 1, 0, 1))
        lines = axes.contour(
            *(GRID[1:], GRID[1:], measure[1:, 1:], levels),
            colors=theme.ink,
            linewidths=0.7,
            linestyles="solid",
        )
        labelled = levels if labelled is None else labelled
        places = [_place(specialisation) for specialisation in labelled]
        axes.clabel(lines, fmt="%g", fontsize=8, manual=places)
        axes.set_title(title)
        _draw_inactive(axes, theme)
        _label_activities(axes)
    return figure


def _place(specialisation):
    """Returns a pair of activities with a specialisation, for its label."""
    ratio = (1 + specialisation) / (1 - specialisation)
    return 0.85 / max(ratio, 1), 0.85 * min(ratio, 1)


def _draw_inactive(axes, theme):
    """Draws the pairs for which a neuron is not active."""
    axes.add_patch(
        Rectangle(
            (0, 0),
            TAU,
            TAU,
            facecolor=theme.page,
            edgecolor=theme.ink,
            zorder=3,
        )
    )


def _label_activities(axes):
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xticks=(0, 0.5, 1),
        yticks=(0, 0.5, 1),
        xlabel="f(x), original image",
        ylabel="f(T(x)), transformed",
        aspect="equal",
    )


def draw_active(theme):
    """Draws the active images of two made-up neurons, with both measures."""
    figure = Figure(figsize=(WIDTH, 3.1))
    generator = np.random.default_rng(3)
    original = generator.exponential(0.18, (120, 1)).clip(0, 1)
    noise = generator.normal(1, 0.22, original.shape)
    answers = {
        "invariant": original * noise,
        "specialised": 0.22 * original * noise,
    }
    panels = figure.subplots(1, 2)
    for axes, (name, answer) in zip(panels, answers.items(), strict=True):
        _draw_neuron(axes, name, original, answer.clip(0, None), theme)
        _label_activities(axes)
    return figure


def _draw_neuron(axes, name, original, transformed, theme):
    """Draws a dot for each image, and writes the neuron's measures."""
    maxima = np.maximum(original, transformed).max(axis=0)
    pair = [
        (each / maxima).astype("float32") for each in (original, transformed)
    ]
    is_active = invariance.activity_levels(*pair, np.ones(1)) > TAU
    terms = invariance.pair_terms(*(each[is_active] for each in pair))
    means = [term.mean() for term in terms]
    axes.set_title(f"{name}: I = {means[0]:.2f}, S = {means[1]:.2f}")
    for chosen, color in ((~is_active, theme.faint), (is_active, theme.seen)):
        axes.plot(
            *(each[chosen] for each in pair),
            "o",
            color=color,
            markersize=3.5,
            clip_on=False,
        )
    axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=0.8, zorder=0)
    axes.plot(
        [0, TAU, TAU], [TAU, TAU, 0], color=theme.ink, linewidth=1, zorder=4
    )
    axes.text(TAU, -0.045, "τ", ha="center", va="top", fontsize=8)


def draw_ablation(theme):
    """Draws what is left of an image's activity, without either half."""
    figure = Figure(figsize=(WIDTH, 2.5))
    activity = np.random.default_rng(5).gamma(0.5, 0.4, (1, 26)).clip(0, 1)
    is_active = (
        invariance.activity_levels(activity, activity, np.ones(26)) > TAU
    )
    panels = figure.subplots(1, 3, sharey=True)
    for axes, title, is_kept in zip(
        panels,
        ("one image", "inactive ablated", "active ablated"),
        (is_active | True, is_active, ~is_active),
        strict=True,
    ):
        kept = np.where(is_kept, activity, 0)[0]
        colors = np.where(is_active[0], theme.seen, theme.unseen)
        axes.bar(range(len(kept)), kept, color=colors)
        axes.axhline(TAU, color=theme.ink, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.set(title=title, xlabel="neurons", xticks=[], ylim=(0, 1))
    panels[0].set(yticks=(0, TAU, 0.5, 1), ylabel="f(x)")
    panels[0].set_yticklabels(("0", "τ", "0.5", "1"))
    return figure


def draw_calibration(theme):
    """Draws where a blur becomes too strong for networks, as measured."""
    figure = Figure(figsize=(WIDTH, 2.7))
    axes = figure.subplots()
    looks = {"synthfaces": theme.seen, "lfw": theme.unseen}
    for dataset, color in looks.items():
        found, curve = values.calibration(dataset, "blur")
        last = curve.iloc[-1]
        axes.fill_between(
            curve.strength, curve.lower, curve.upper, color=color, alpha=0.25
        )
        axes.plot(curve.strength, curve.accuracy, ".-", color=color)
        axes.plot(last.strength, last.accuracy, "o", markersize=9, color=color)
        axes.text(
            last.strength,
            last.accuracy - 0.08,
            f"σ = {found['strength']:g}",
            color=color,
            ha="center",
        )
        axes.text(
            0,
            curve.accuracy[0] - 0.1,
            f"{dataset}, {found['image_size']} pixels",
        )
    axes.axhline(
        found["below"], color=theme.ink, linewidth=0.8, linestyle=(0, (3, 2))
    )
    axes.set(
        xlabel="σ of the blur in pixels",
        ylabel="accuracy on\ntransformed images",
        ylim=(0, 1),
    )
    return figure
