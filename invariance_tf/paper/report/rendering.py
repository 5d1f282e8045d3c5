"""What the pages of the package have in common: style, script, numbers."""

import base64
import hashlib
import numbers
import pathlib

import jinja2
import markupsafe

from invariance_tf import foreign
from invariance_tf.paper.report.headlines import is_missing

_HERE = pathlib.Path(__file__).parent


def render_template(name, **content):
    """Renders a page; all content is text, never markup, unless it says so.

    Args:
        name: String, the template's file.
        **content: What the template names, beside style, script and the hash
            of the script.

    Returns:
        The page, a string of HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        # What is not from the tables comes from the disk: paths, reasons.
        finalize=foreign.escape_all,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = format_number
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(script.encode()).digest()
    return environment.get_template(name).render(
        # Both files are our own.
        style=markupsafe.Markup((_HERE / "page.css").read_text("utf-8")),
        script=markupsafe.Markup(script),
        script_hash=base64.b64encode(digest).decode(),
        **content,
    )


def format_number(value, form=".3g"):
    """Formats a number for a reader; a dash where it is missing.

    Example:

    >>> format_number(0.12345), format_number(None), format_number(-2)
    ('0.123', '–', '−2')
    """
    if is_missing(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, numbers.Real):
        return str(value)
    if isinstance(value, numbers.Integral):
        form = "d"
    return format(value, form).replace("-", "−")
