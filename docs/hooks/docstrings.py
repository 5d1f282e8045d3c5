"""Docstrings in Keras' form become Markdown, for the API pages."""

import re
import textwrap

import griffe

SECTIONS = {
    "Args": "Arguments",
    "Attributes": "Attributes",
    "Call arguments": "Arguments of a call",
    "Example": "Example",
    "Raises": "Raises",
    "Reference": "Reference",
    "Returns": "Returns",
    "Yields": "Yields",
}
_HEADING = re.compile(f"^({'|'.join(SECTIONS)}):$", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}\w+): ", re.MULTILINE)
_DOCTEST = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)


class KerasDocstrings(griffe.Extension):
    """Turns every docstring that Griffe has read into Markdown."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(docstring):
    """Turns a docstring in Keras' form into Markdown.

    Args:
        docstring: String without the indentation of its code.

    Returns:
        String. Names become lists, doctests become highlighted code.
    """
    description, *parts = _HEADING.split(docstring)
    texts = [_mark_code(description)]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        body, rest = _split_indented(body)
        if name in ("Args", "Attributes", "Call arguments", "Raises"):
            body = _list_entries(body)
        texts += [f"**{SECTIONS[name]}**", _mark_code(body), _mark_code(rest)]
    return "\n\n".join(text.strip("\n") for text in texts if text.strip())


def _split_indented(body):
    """Splits a section's text from what follows without indentation."""
    lines = body.strip("\n").split("\n")
    if not lines[0].startswith(" "):
        return "", body
    length = next(
        (i for i, line in enumerate(lines) if line and line[0] != " "),
        len(lines),
    )
    indented = textwrap.dedent("\n".join(lines[:length]))
    return indented, "\n".join(lines[length:])


def _list_entries(body):
    """Makes a list of names with descriptions."""
    first, *parts = _ENTRY.split(body)
    entries = [first.strip()] if first.strip() else []
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        text = textwrap.indent(textwrap.dedent(f"    {text}").strip(), "    ")
        entries.append(f"- `{name}`: {text.strip()}")
    return "\n".join(entries)


def _mark_code(text):
    """Fences doctests, whose prompts Markdown would take for quotations."""
    return _DOCTEST.sub(lambda code: f"```pycon\n{code[0]}\n```", text)
