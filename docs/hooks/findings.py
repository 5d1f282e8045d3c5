"""Figures that the pages draw from the tables of docs/results."""

import io
import pathlib
import re

import matplotlib
from matplotlib.figure import Figure

from invariance_tf.drawing import layout, style
from invariance_tf.drawing.lines import draw_n_seen
from invariance_tf.paper.figures import by_number
from invariance_tf.paper.figures.accuracy import draw_accuracies
from invariance_tf.paper.figures.relation import draw_relation
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


def draw_all(results):
    """Draws what is shown on the first page and in the tutorial.

    Args:
        results: A `values.Results`.

    Returns:
        Dictionary from names of files to SVG, as bytes.
    """
    faces = find_studies(results.tables)[0]["faces"]
    runs = results.tables
    is_chosen = True
    for column, wanted in TUTORIAL.items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        is_chosen &= runs.runs[column].isin(wanted)
    studies, _ = find_studies(runs.select(is_chosen))
    drawn = {
        "across.svg": draw_across(faces),
        "relation.svg": draw_invariance(faces),
        "tutorial-2c.svg": by_number.draw_figure("2c", studies),
        "loss.svg": draw_loss(faces),
    }
    return {name: _save(figure) for name, figure in drawn.items()}


def _save(figure):
    """Returns a figure as SVG, on white as those of docs/results."""
    stream = io.BytesIO()
    with style.context():
        matplotlib.rcParams["svg.fonttype"] = "path"
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def draw_across(study):
    """Draws across-category accuracy against n_seen, without the families."""
    with style.context():
        figure = Figure(figsize=(5, 4.6))
        ((axes,), (legend,)) = layout.make_panels(figure, 1, 1, 4)
        draw_accuracies(
            trained(study.runs),
            axes,
            "across_accuracy",
            transforms_of("faces"),
            n_seen_values(study),
        )
        draw_n_seen(axes, n_seen_values(study), num_categories(study))
        layout.draw_legend(
            legend, axes.get_legend_handles_labels()[0], num_columns=3
        )
    return figure


def draw_loss(study):
    """Draws the figure of extend/figure.md, by the code on that page."""
    page = pathlib.Path(__file__).parents[1] / "extend" / "figure.md"
    text = page.read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    with style.context():
        figure = Figure(figsize=(5, 3.5))
        axes = figure.subplots()
        chosen = ["grayscale", "highpass", "rotate90"]
        names["draw_loss"](
            trained(study.runs), axes, chosen, n_seen_values(study)
        )
        draw_n_seen(axes, n_seen_values(study), num_categories(study))
    return figure


def draw_invariance(study):
    """Draws across-category accuracy against invariance, without a legend."""
    with style.context():
        figure = Figure(figsize=(5, 4.6))
        axes = figure.subplots()
        draw_relation(
            trained(study.runs),
            axes,
            "across_accuracy",
            transforms_of("faces"),
        )
    return figure
