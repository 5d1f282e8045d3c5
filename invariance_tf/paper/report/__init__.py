"""One self-contained HTML page about a set of runs.

The page works offline: style, script and figures are inside, and a content
security policy keeps everything else out. Whatever comes from the runs, names
above all, is text, never markup.
"""

import os

from invariance_tf import files
from invariance_tf.paper.claims import judge
from invariance_tf.paper.figures.by_number import find_left_out
from invariance_tf.paper.report import (
    evidence,
    headlines,
    listing,
    origins,
    pictures,
    rendering,
)
from invariance_tf.paper.studies import STUDY_NAMES, find_studies, title_of

__all__ = ["write_report"]


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

    >>> import pathlib, tempfile
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
        groups=pictures.draw_pictures(studies, runs),
        report_dir=os.path.dirname(os.path.abspath(path)),
    )
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    files.write_text(path, page)
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
    return rendering.render_template(
        "page.html.jinja",
        headlines=headlines.describe_headlines(runs, studies, verdicts),
        evidence=evidence.describe_effects(verdicts),
        form=evidence.FORM,
        groups=groups,
        table=listing.describe_runs(runs, studies, left_out, report_dir),
        origins=origins.describe_origins(runs),
        unused=find_left_out(runs),
        runs=runs,
        titles={name: title_of(studies, name) for name in STUDY_NAMES},
    )
