"""Figures that the pages draw from the tables of docs/results."""

import functools
import pathlib
import re

import values
from matplotlib.figure import Figure

from invariance_tf.drawing import layout
from invariance_tf.drawing.lines import draw_n_seen
from invariance_tf.paper.figures import by_number
from invariance_tf.paper.figures.accuracy import draw_accuracies
from invariance_tf.paper.figures.relation import draw_relation
from invariance_tf.paper.questions.catalogue import QUESTIONS, draw_question
from invariance_tf.paper.selection import (
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


def drawings():
    """Returns the figures that pages show, by the names of their files.

    Returns:
        Dictionary from names to functions of a `themes.Theme` that return a
        figure.
    """
    found = {}
    for name in values.REPLICATIONS:
        results = values.Results(values.RESULTS / name)
        studies, _ = find_studies(results.tables)
        for number in ("2c", "5c"):
            found[f"{name}-{number}"] = functools.partial(
                _draw_figure, number, studies
            )
    for name in QUESTIONS:
        answer = values.Answer(name)
        if answer.comparisons:
            found[f"question-{name}"] = functools.partial(
                _draw_question, name, answer.results.tables
            )
    results = values.Results(values.RESULTS / "synthfaces")
    faces = find_studies(results.tables)[0]["faces"]
    chosen, _ = find_studies(select_tutorial())
    return {
        **found,
        "across": lambda theme: draw_across(faces),
        "relation": lambda theme: draw_invariance(faces),
        "loss": lambda theme: draw_loss(faces),
        "tutorial-2c": functools.partial(_draw_figure, "2c", chosen),
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


def draw_across(study):
    """Draws across-category accuracy against n_seen, without the families."""
    figure = Figure(figsize=(5, 4.6))
    ((axes,), (legend,)) = layout.make_panels(figure, 1, 1, 4, height=3.2)
    runs, faces = trained(study.runs), transforms_of("faces")
    draw_accuracies(runs, axes, "across_accuracy", faces, n_seen_values(study))
    draw_n_seen(axes, n_seen_values(study), num_categories(study))
    handles, _ = axes.get_legend_handles_labels()
    layout.draw_legend(legend, handles, num_columns=3)
    return figure


def draw_loss(study):
    """Draws the figure of extend/figure.md, by the code on that page."""
    page = pathlib.Path(__file__).parents[1] / "extend" / "figure.md"
    text = page.read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    figure = Figure(figsize=(5, 3.5))
    axes = figure.subplots()
    chosen = ["grayscale", "highpass", "rotate90"]
    names["draw_loss"](trained(study.runs), axes, chosen, n_seen_values(study))
    draw_n_seen(axes, n_seen_values(study), num_categories(study))
    return figure


def draw_invariance(study):
    """Draws across-category accuracy against invariance."""
    figure = Figure(figsize=(5, 4.6))
    ((axes,), (legend,)) = layout.make_panels(figure, 1, 1, 4)
    runs, faces = trained(study.runs), transforms_of("faces")
    draw_relation(runs, axes, "across_accuracy", faces)
    handles, _ = axes.get_legend_handles_labels()
    layout.draw_legend(legend, handles, num_columns=3)
    return figure
