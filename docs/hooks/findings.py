"""Figures that the pages draw from the tables of docs/results."""

import functools

import answers
import learning
import noise
import pandas as pd
import values
from matplotlib.figure import Figure

from invariance_tf.drawing import layout
from invariance_tf.drawing.lines import draw_n_seen
from invariance_tf.paper.claims.networks import untrained_accuracy
from invariance_tf.paper.figures import by_number
from invariance_tf.paper.figures.accuracy import draw_accuracies
from invariance_tf.paper.figures.relation import draw_relation
from invariance_tf.paper.questions.catalogue import QUESTIONS, draw_question
from invariance_tf.paper.selection import (
    cost_of_inactive,
    n_seen_values,
    num_categories,
    trained,
)
from invariance_tf.paper.studies import find_studies, transforms_of

# What the tutorial runs.
TUTORIAL = {
    "transform": ["highpass", "rotate90"],
    "n_seen": [4, 20, 36],
    "seed": 0,
}

# Figures that a page shows of a study of the paper.
_NUMBERS = {
    "faces": ("2c", "5c"),
    "imagenet": ("2b", "10"),
    "inception": ("13", "14"),
}


def find_drawings():
    """Returns the figures that pages show, by the names of their files.

    Returns:
        Dictionary from names to functions of a `themes.Theme` that return a
        figure.
    """
    studies = {
        name: find_studies(values.Results(values.RESULTS / name).tables)[0]
        for name in values.REPLICATIONS
    }
    found = {
        f"{name}-{number}": functools.partial(_draw_figure, number, studied)
        for name, studied in studies.items()
        for number in _NUMBERS[[*studied][-1]]
    }
    for name in QUESTIONS:
        answer = answers.Answer(name)
        if answer.comparisons:
            found[f"question-{name}"] = functools.partial(
                _draw_question, name, answer.results.tables
            )
    tutorial, _ = find_studies(select_tutorial())
    faces = studies["faces"]["faces"]
    invented = studies["synthfaces"]["faces"]
    by_people = {
        f"{num_categories(study)} {kind} people": study
        for kind, study in (
            ("real", faces),
            ("synthetic", studies["synthfaces100"]["faces"]),
            ("synthetic", invented),
        )
    }
    return {
        **found,
        "across": functools.partial(_draw_faces, _draw_across, faces, 3.2),
        "relation": functools.partial(_draw_faces, _draw_relation, faces, 1.2),
        "tau": functools.partial(_draw_tau, by_people),
        "noise": noise.draw_noise,
        "starts": learning.draw_starts,
        "loss": functools.partial(_draw_loss, invented),
        "tutorial-2c": functools.partial(_draw_figure, "2c", tutorial),
    }


def select_tutorial():
    """Returns the runs of the tutorial among those in docs/results."""
    results = values.Results(values.RESULTS / "synthfaces")
    chosen = results.select(**TUTORIAL).index
    return results.tables.select(results.tables.runs.index.isin(chosen))


def _draw_figure(number, studies, theme):
    return by_number.draw_figure(number, studies)


def _draw_question(name, runs, theme):
    return draw_question(name, runs)


def _draw_faces(draw_panel, study, height, theme):
    """Draws one panel of the transformations of faces, and their legend."""
    figure = Figure(figsize=(5, 4.6))
    ((axes,), (legend,)) = layout.make_panels(figure, 1, 1, 4, height)
    draw_panel(study, axes, transforms_of("faces"))
    handles, _ = axes.get_legend_handles_labels()
    layout.draw_legend(legend, handles, num_columns=3)
    return figure


def _draw_across(study, axes, faces):
    """Draws across-category accuracy against n_seen, without the families.

    Curves begin with networks that saw nobody transformed.
    """
    untrained = untrained_accuracy(study).rename("across_accuracy")
    untrained = untrained.reset_index().assign(n_seen=0)
    runs = pd.concat([untrained, trained(study.runs)])
    numbers = [0, *n_seen_values(study)]
    draw_accuracies(runs, axes, "across_accuracy", faces, numbers)
    draw_n_seen(axes, numbers, num_categories(study))


def _draw_relation(study, axes, faces):
    """Draws across-category accuracy against invariance."""
    draw_relation(trained(study.runs), axes, "across_accuracy", faces)


def _draw_tau(studies, theme):
    """Draws what the inactive neurons carry, pooled, against tau."""
    figure = Figure(figsize=(5, 3.2))
    axes = figure.subplots()
    for (label, study), look in zip(
        studies.items(), ("o-", "D-.", "s--"), strict=True
    ):
        cost = cost_of_inactive(study)
        cost = 100 * cost[cost.index <= 0.5]
        axes.plot(cost.index, cost, look, label=label, markersize=4)
    axes.axhline(1, color="#888888", linewidth=0.8, linestyle=":")
    axes.set_xlabel("threshold τ")
    axes.set_ylabel("accuracy lost without\nthe inactive neurons (%)")
    axes.legend()
    return figure


def _draw_loss(study, theme):
    """Draws the figure of extend/figure.md, by the code on that page."""
    draw_loss = values.run_example("extend/figure.md")["draw_loss"]
    figure = Figure(figsize=(5, 3.5))
    axes = figure.subplots()
    chosen = ["grayscale", "highpass", "rotate90"]
    draw_loss(trained(study.runs), axes, chosen, n_seen_values(study))
    draw_n_seen(axes, n_seen_values(study), num_categories(study))
    return figure
