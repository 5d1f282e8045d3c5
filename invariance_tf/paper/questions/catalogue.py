"""The questions by name: what each shows, compares and is made by."""

import dataclasses
from collections.abc import Callable
from functools import partial

from matplotlib.figure import Figure

from invariance_tf.drawing import layout, style
from invariance_tf.paper.questions.capacity import (
    compare_capacity,
    fill_capacity,
    select_capacity,
)
from invariance_tf.paper.questions.clusters import (
    compare_clusters,
    fill_clusters,
    select_clusters,
)
from invariance_tf.paper.questions.paradigms import (
    compare_paradigms,
    fill_paradigms,
    select_paradigms,
)
from invariance_tf.paper.questions.recurrence import (
    compare_recurrence,
    fill_recurrence,
    select_recurrence,
)
from invariance_tf.paper.questions.scale import (
    compare_scale,
    fill_scale,
    select_scale,
)
from invariance_tf.paper.questions.several import (
    compare_several,
    fill_several,
    select_several,
)
from invariance_tf.paper.questions.specialists import (
    compare_specialists,
    fill_specialists,
    select_specialists,
)
from invariance_tf.paper.questions.strengths import (
    compare_strengths,
    fill_strengths,
    select_strengths,
)
from invariance_tf.paper.questions.verdicts import judge_differences
from invariance_tf.paper.studies import name_in_words

_NETWORK = ("network_name", "n_seen", "num_categories")


@dataclasses.dataclass(frozen=True)
class Question:
    """Describes a question that the paper left open.

    Attributes:
        title: String.
        description: String, a sentence for those who do not see the figure.
        sweep: String, the file of configs/sweeps that makes its runs.
        select: Function of a `tables.Runs` that returns what the question is
            about, a tidy DataFrame; empty if no run can answer it.
        fill: Function of a part of a figure and of such a table that draws
            it, and returns the part's height, in inches, and a note.
        compare: Function of such a table that returns a dictionary from what
            is compared to a Series of differences by transform and seed.
        apart: Tuple of columns by whose values the table is taken apart, to
            be drawn and judged separately.
    """

    title: str
    description: str
    sweep: str
    select: Callable
    fill: Callable
    compare: Callable
    apart: tuple = _NETWORK


QUESTIONS = {
    "strengths": Question(
        "Beyond the strength of the training",
        "Curves of accuracy and of mean invariance against the strength of a "
        "transformation, for seen and for unseen categories.",
        "strengths",
        select_strengths,
        fill_strengths,
        compare_strengths,
    ),
    "several": Question(
        "Several transformations",
        "Accuracy and corrected invariance of networks trained with one "
        "transformation, with several in the same or in disjoint categories, "
        "or with one after the other.",
        "several",
        select_several,
        fill_several,
        compare_several,
    ),
    "clusters": Question(
        "Clusters of neurons",
        "Curves of the variance between clusters of neurons against their "
        "number, by layer, beside made-up neurons.",
        "several",
        select_clusters,
        fill_clusters,
        compare_clusters,
    ),
    "specialists": Question(
        "Accuracy lost without specialised neurons",
        "Curves of the accuracy lost on transformed and on original images "
        "against the share of neurons ablated, beside controls.",
        "paradigms",
        select_specialists,
        fill_specialists,
        compare_specialists,
    ),
    "paradigms": Question(
        "Joint training and its alternatives",
        "Accuracies of networks trained jointly, in two steps or by "
        "prototypes, for each transformation.",
        "paradigms",
        select_paradigms,
        fill_paradigms,
        compare_paradigms,
    ),
    "capacity": Question(
        "Capacity and invariance",
        "Across-category accuracy and invariance for unseen categories "
        "against the number of parameters, a line for each transformation.",
        "capacity",
        select_capacity,
        fill_capacity,
        compare_capacity,
        apart=_NETWORK[1:],
    ),
    "recurrence": Question(
        "Recurrent processing and invariance",
        "Across-category accuracy of recurrent networks beside feed-forward "
        "controls, and corrected invariance of layers over time steps.",
        "recurrence",
        select_recurrence,
        fill_recurrence,
        compare_recurrence,
        apart=_NETWORK[1:],
    ),
    "scale": Question(
        "More categories, more images",
        "Across-category accuracy against the number of training images of "
        "each category, and against the number of categories.",
        "synthfaces_scale",
        select_scale,
        fill_scale,
        compare_scale,
        apart=("network_name", "percent_seen"),
    ),
}


def draw_question(name, runs, width=style.PAGE):
    """Draws what runs say about a question.

    Args:
        name: String, one of the keys of `QUESTIONS`, such as `"capacity"`.
        runs: A `tables.Runs` that has something to say about it.
        width: Float, in inches.

    Returns:
        A matplotlib `Figure`, as `by_number.draw_figure` returns it.
    """
    entry = QUESTIONS[name]
    table = entry.select(runs)
    parts = _take_apart(entry, table)
    notes = {}

    def fill_part(part, words):
        part.suptitle(
            words, x=0.01, ha="left", fontsize=7.5, fontweight="normal"
        )
        height, notes[words] = entry.fill(part, parts[words])
        return height + 0.16

    with style.context():
        figure = Figure(figsize=(width, width))
        title = f"{entry.title}: {name_in_words(table.data_name.iloc[0])}"
        height = layout.write_title(figure, title)
        grid = figure.subfigures(1, 1)
        height += layout.stack(
            grid, [partial(fill_part, words=words) for words in parts]
        )
        height += layout.write_note(figure, _join_notes(notes))
        figure.set_size_inches(width, height)
    return figure


def judge_question(name, runs):
    """Judges the differences that a question asks about.

    Args:
        name: String, one of the keys of `QUESTIONS`.
        runs: A `tables.Runs`.

    Returns:
        List of `verdicts.Comparison`; empty if no run can answer it.
    """
    entry = QUESTIONS[name]
    parts = _take_apart(entry, entry.select(runs))
    return judge_differences(
        {
            f"{words}: {compared}" if len(parts) > 1 else compared: values
            for words, part in parts.items()
            for compared, values in entry.compare(part).items()
        }
    )


def _take_apart(entry, table):
    """Returns the parts of a question's table by what they are about."""
    found = {}
    if len(table):
        for key, part in table.groupby([*entry.apart], sort=True):
            values = dict(zip(entry.apart, key, strict=True))
            words = "{n_seen} of {num_categories} categories seen transformed"
            if "percent_seen" in values:
                words = "{percent_seen:.0f} % of categories seen transformed"
            if "network_name" in values:
                words = "{network_name}, " + words
            found[words.format(**values)] = part
    return found


def _join_notes(notes):
    """Returns the notes of all parts; one that all have stands alone."""
    texts = [*dict.fromkeys(notes.values())]
    if len(texts) > 1:
        texts = [f"{words}: {note}" for words, note in notes.items()]
    return " ".join(texts)
