"""One self-contained HTML page about a set of runs.

The page works offline: style, script and figures are inside, and a content
security policy keeps everything else out. Whatever comes from the runs, names
above all, is text, never markup.
"""

import base64
import hashlib
import numbers
import os
import pathlib

import jinja2
import markupsafe

from invariance_tf import files, foreign
from invariance_tf.paper.claims import judge
from invariance_tf.paper.report import (
    evidence,
    headlines,
    listing,
    origins,
    pictures,
)
from invariance_tf.paper.studies import STUDY_NAMES, find_studies, title_of

__all__ = ["write_report"]

_HERE = pathlib.Path(__file__).parent


def write_report(runs, path):
    """Writes the report of a set of runs as one HTML file, atomically.

    The same runs give the same bytes.

    Args:
        runs: A `tables.Runs`.
        path: Path of the HTML file; its directory is created if it is
            missing. Directories of runs are linked relative to it.

    Returns:
        The path.

    Example:

    >>> import tempfile
    >>> from invariance_tf.paper.tables import load_runs
    >>> directory = tempfile.mkdtemp()
    >>> path = write_report(
    ...     load_runs(directory), os.path.join(directory, "report.html")
    ... )
    >>> "No runs" in pathlib.Path(path).read_text(encoding="utf-8")
    True
    """
    studies, left_out = find_studies(runs)
    page = render_page(
        runs,
        studies,
        left_out,
        verdicts=judge(studies),
        groups=pictures.draw_pictures(studies),
        report_dir=os.path.dirname(os.path.abspath(path)),
    )
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with files.replacing(path) as temporary_path:
        pathlib.Path(temporary_path).write_text(page, encoding="utf-8")
    return path


def render_page(runs, studies, left_out, *, verdicts, groups, report_dir):
    """Renders the page from verdicts and pictures.

    Args:
        runs: A `tables.Runs`.
        studies: Dictionary from the name of a study to its `tables.Runs`.
        left_out: Dictionary from the names of runs to the reason.
        verdicts: List of `claims.Verdict`.
        groups: List of groups of `pictures.Picture`.
        report_dir: Directory that links are relative to.

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
    return environment.get_template("page.html.jinja").render(
        # Both files are our own.
        style=markupsafe.Markup((_HERE / "page.css").read_text("utf-8")),
        script=markupsafe.Markup(script),
        script_hash=base64.b64encode(digest).decode(),
        headlines=headlines.describe_headlines(runs, studies, verdicts),
        evidence=evidence.describe_effects(verdicts),
        form=evidence.FORM,
        groups=groups,
        table=listing.describe_runs(runs, studies, left_out, report_dir),
        origins=origins.describe_origins(runs),
        left_out=left_out,
        runs=runs,
        titles={name: title_of(studies, name) for name in STUDY_NAMES},
    )


def format_number(value, form=".3g"):
    """Formats a number for a reader; a dash where it is missing.

    Example:

    >>> format_number(0.12345), format_number(None), format_number(-2)
    ('0.123', '–', '−2')
    """
    if headlines.is_missing(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, numbers.Real):
        return str(value)
    if isinstance(value, numbers.Integral):
        form = "d"
    return format(value, form).replace("-", "−")
