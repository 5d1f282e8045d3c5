"""Docstrings in Keras' form, made readable for Griffe's parser of Google's."""

import re

import griffe

# Doctests, whose prompts Markdown would take for quotations.
_DOCTEST = re.compile(r"^( *)>>> .*(?:\n(?!\n).*)*", re.MULTILINE)


class KerasDocstrings(griffe.Extension):
    """Rewrites every docstring that Griffe has read."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = rewrite_docstring(obj.docstring.value)


def rewrite_docstring(docstring):
    """Fences doctests, and names sections as Google's form has them.

    Args:
        docstring: String without the indentation of its code.
    """
    text = re.sub(r"^Call arguments:$", "Other Args:", docstring, flags=re.M)
    text = re.sub(r"^Example:$", "**Example**", text, flags=re.M)
    return _DOCTEST.sub(r"\1```pycon\n\g<0>\n\1```", text)
