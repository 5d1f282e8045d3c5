"""The figures, as SVG that can stand in the page beside others."""

import dataclasses
import io
import re
import string
import xml.etree.ElementTree

import markupsafe

from invariance_tf.drawing import style
from invariance_tf.paper.figures import by_number
from invariance_tf.paper.questions.catalogue import QUESTIONS, draw_question

# Coordinates are in 1/72 inch: nobody sees more decimals.
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_URL = re.compile(r"url\(#([^)]+)\)")
_COORDINATES = ("d", "x", "y", "points")
_LEFT_OUT = ("metadata", "style")


@dataclasses.dataclass(frozen=True)
class Picture:
    """Holds a figure of the page.

    Attributes:
        number: String. Number in the paper, such as 2a, or a question's name.
        title: String.
        description: String, what the figure shows.
        missing: List of strings: the runs that it lacks.
        svg: Markup of the picture, `None` if there are no runs for it.
    """

    number: str
    title: str
    description: str
    missing: list
    svg: markupsafe.Markup | None


def draw_pictures(studies, runs):
    """Draws every figure, in groups of those with the same number.

    Args:
        studies: Dictionary from the name of a study to its `tables.Runs`.
        runs: A `tables.Runs`, for the open questions that it answers.

    Returns:
        Dictionary from the number, such as 2, or the name of a question to a
        list of `Picture`.
    """
    groups = {}
    for number, entry in by_number.FIGURES.items():
        picture = Picture(
            number=number,
            title=entry.title,
            description=entry.description,
            missing=by_number.missing_runs(number, studies),
            svg=_draw(number, entry, studies),
        )
        group = number.rstrip(string.ascii_lowercase)
        groups.setdefault(group, []).append(picture)
    for name, entry in QUESTIONS.items():
        if len(entry.select(runs)):
            figure = draw_question(name, runs)
            figure.suptitle("")
            svg = inline_svg(figure, f"figure-{name}")
            groups[name] = [
                Picture(name, entry.title, entry.description, [], svg)
            ]
    return groups


def _draw(number, entry, studies):
    """Draws a figure; `None` if there are no runs of any study it shows."""
    roles = {need.role for need in entry.needs}
    if roles and not roles & studies.keys():
        return None
    figure = by_number.draw_figure(number, studies)
    # The caption has the title.
    figure.suptitle("")
    return inline_svg(figure, f"figure-{number}")


def inline_svg(figure, name):
    """Turns a figure into SVG for the inside of an HTML page.

    Names inside are made unique, since those of all figures share the page,
    and the same figure always gives the same text.

    Args:
        figure: A matplotlib `Figure`.
        name: String. What all names inside begin with; `{name}-title` and
            `{name}-description` are those of the elements that describe it.

    Returns:
        Markup.
    """
    buffer = io.BytesIO()
    with style.context():
        figure.savefig(buffer, format="svg")
    tree = xml.etree.ElementTree.fromstring(buffer.getvalue())
    for element in tree.iter():
        # Namespaces are not needed within HTML.
        element.tag = _local(element.tag)
        for child in [*element]:
            if _local(child.tag) in _LEFT_OUT:
                element.remove(child)
        element.attrib = {
            _local(key): value for key, value in element.attrib.items()
        }
    referred = dict.fromkeys(
        old for element in tree.iter() for old in _references(element)
    )
    names = {old: f"{name}-{count}" for count, old in enumerate(referred)}
    for element in tree.iter():
        _rewrite(element, names)
    # The picture shrinks with the page, and never grows beyond its size.
    tree.set("style", f"max-width: {tree.attrib.pop('width')}")
    tree.attrib.pop("height")
    tree.set("role", "img")
    tree.set("aria-labelledby", f"{name}-title")
    tree.set("aria-describedby", f"{name}-description")
    return markupsafe.Markup(
        xml.etree.ElementTree.tostring(tree, encoding="unicode")
    )


def _local(name):
    """Returns a name without its namespace."""
    return name.rpartition("}")[2]


def _references(element):
    """Yields the names of the elements that an element refers to."""
    for key, value in element.attrib.items():
        if key == "href" and value.startswith("#"):
            yield value[1:]
        yield from _URL.findall(value)


def _rewrite(element, names):
    """Renames what an element is called and refers to; rounds coordinates."""
    if element.attrib.get("id") not in names:
        element.attrib.pop("id", None)
    for key, value in element.attrib.items():
        if key == "id":
            value = names[value]
        elif key in _COORDINATES:
            value = _DECIMALS.sub(r"\1", value)
        elif key == "href" and value.startswith("#"):
            value = f"#{names[value[1:]]}"
        else:
            value = _URL.sub(lambda match: f"url(#{names[match[1]]})", value)
        element.set(key, value)
