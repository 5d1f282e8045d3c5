"""What MkDocs asks for while it builds the site: see mkdocs.yml."""

import functools
import html
import pathlib
import re
import tempfile

import faces_drawn
import findings
import neurons_drawn
import notebooks
import screens
import themes
import values
from latex2mathml import converter
from mkdocs.structure.files import File

from invariance_tf.paper.report import write_report
from invariance_tf.paper.tables import load_runs

_DRAWINGS = {
    "people": faces_drawn.draw_people,
    "paradigm": faces_drawn.draw_paradigm,
    "coefficient": neurons_drawn.draw_coefficient,
    "active": neurons_drawn.draw_active,
    "ablation": neurons_drawn.draw_ablation,
    "calibration": neurons_drawn.draw_calibration,
    "own-model": neurons_drawn.draw_own_model,
}
_FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL
)
# Pages that are files of the repository, for readers of the site.
_COPIES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
# Their tables need the room.
_WIDE = ("claims.md", "fidelity.md", "results/README.md")


def on_files(files, config):
    """Adds pages that are files elsewhere, notebooks and pictures."""
    for page, name in _COPIES.items():
        text = (values.ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=relink(text)))
    for name, content in draw_all().items():
        files.append(
            File.generated(config, f"drawings/{name}", content=content)
        )
    for name, content in notebooks.execute_all().items():
        files.append(File.generated(config, name, content=content))
    for name, content in screens.take_all(config["site_dir"]).items():
        files.append(File.generated(config, f"screens/{name}", content=content))
    for name, content in write_reports().items():
        path = f"results/{name}/report.html"
        files.append(File.generated(config, path, content=content))
    return files


# Once for each start of MkDocs, which calls `on_files` for each change.
@functools.cache
def draw_all():
    """Makes every drawing as SVG, for light and for dark pages."""
    return {
        f"{name}-{scheme}.svg": themes.make_svg(draw, theme)
        for name, draw in {**_DRAWINGS, **findings.find_drawings()}.items()
        for scheme, theme in themes.THEMES.items()
    }


@functools.cache
def write_reports():
    """Writes the report of each replication in docs/results.

    Returns:
        Dictionary from the names of studies to HTML.
    """
    found = {}
    for name in values.REPLICATIONS:
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory) / "report.html"
            write_report(load_runs(values.RESULTS / name), out)
            found[name] = out.read_text(encoding="utf-8")
    return found


def on_page_markdown(markdown, page, config, files):
    """Prepares a page, whose values are filled in already, for the site."""
    if page.file.src_uri in _WIDE:
        page.meta["hide"] = ["toc"]
    directory = pathlib.Path(config.docs_dir, page.file.src_uri).parent
    # In the repository a link leads to the notebook itself.
    markdown = re.sub(r"(\(notebooks/\w+\.)ipynb\)", r"\1md)", markdown)
    return name_tests(unlink_directories(markdown, directory))


def on_page_content(content, page, config, files):
    """Turns formulas, as Arithmatex marks them, into MathML.

    Browsers show it without a script.
    """

    def convert(match):
        display = "block" if match[2] == "[" else "inline"
        return converter.convert(html.unescape(match[3]), display=display)

    return _FORMULA.sub(convert, content)


def relink(text):
    """Makes the links of a page of the repository those of the site."""
    text = re.sub(r"\]\(docs/([^)]*)\)", r"](\1)", text)
    for page, name in _COPIES.items():
        text = text.replace(f"]({name})", f"]({page})")
    return text


def unlink_directories(text, directory):
    """Unlinks directories, which a site does not list as a repository does."""

    def unlink(match):
        return match[1] if (directory / match[2]).is_dir() else match[0]

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", unlink, text)


def name_tests(text):
    """Shows the names of tests as the sentences that they are."""

    def make_sentence(match):
        sentence = match[2].replace("_", " ")
        name = html.escape(match[0].strip("` "))
        return f'<span class="test" title="{name}">{sentence}</span> '

    return re.sub(r"`tests/test_(\w+)\.py::test_(\w+)` ?", make_sentence, text)
