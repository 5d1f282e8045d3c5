"""What MkDocs asks for while it builds the site: see mkdocs.yml."""

import functools
import html
import pathlib
import re

import drawings
import findings
import jinja2
import registers
import speeds
import values
from latex2mathml import converter
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from invariance_tf.settings import defaults

# What a page may name between `{{` and `}}`. A name that is not here, and a
# value that no table has, stops the build.
_RESULTS = values.ROOT / "docs" / "results"
NAMES = {
    "calibration": lambda *names: values.calibration(*names)[0],
    "calibrations_table": registers.calibrations_table,
    "datasets_table": registers.datasets_table,
    "figures_table": registers.figures_table,
    "defaults": defaults.DATASETS,
    "drawing": lambda name, text: (
        f"![{text}](/drawings/{name}-light.svg#only-light)"
        f"![{text}](/drawings/{name}-dark.svg#only-dark)"
    ),
    "measured": speeds.Measurement,
    "lfw": values.Results(_RESULTS / "lfw"),
    "sweeps_table": registers.sweeps_table,
    "synthfaces": values.Results(_RESULTS / "synthfaces"),
    "transforms_table": registers.transforms_table,
}
_ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    # Markdown has uses of its own for these.
    block_start_string="{%%",
    block_end_string="%%}",
    comment_start_string="{##",
    comment_end_string="##}",
    keep_trailing_newline=True,
)
_FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL
)
# Pages that are files of the repository, for readers of the site.
_COPIES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
# Their tables need the room.
_WIDE = ("claims.md", "fidelity.md")


def on_files(files, config):
    """Adds the pages that are files elsewhere, and the drawings."""
    for page, name in _COPIES.items():
        text = (values.ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=relink(text)))
    for name, content in draw().items():
        files.append(
            File.generated(config, f"drawings/{name}", content=content)
        )
    return files


@functools.cache
def draw():
    """Makes every drawing, once for each start of MkDocs."""
    return {**drawings.draw_all(), **findings.draw_all(NAMES["synthfaces"])}


def on_page_markdown(markdown, page, config, files):
    """Fills in the values of a page, and writes it for the site."""
    if page.file.src_uri in _WIDE:
        page.meta["hide"] = ["toc"]
    directory = pathlib.Path(config.docs_dir, page.file.src_uri).parent
    try:
        text = without_directories(markdown, directory)
        return fill_in(with_sentences(text))
    except (LookupError, jinja2.TemplateError) as error:
        raise PluginError(f"{page.file.src_uri}: {error}") from error


def on_page_content(content, page, config, files):
    """Turns formulas into MathML, which browsers show without a script."""
    return with_formulas(content)


def relink(text):
    """Makes the links of a page of the repository those of the site."""
    text = re.sub(r"\]\(docs/([^)]*)\)", r"](\1)", text)
    for page, name in _COPIES.items():
        text = text.replace(f"]({name})", f"]({page})")
    return text


def without_directories(text, directory):
    """Unlinks directories, which a site does not list as a repository does."""

    def unlink(match):
        return match[1] if (directory / match[2]).is_dir() else match[0]

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", unlink, text)


def with_sentences(text):
    """Writes the names of tests as the sentences that they are."""

    def write(match):
        sentence = match[2].replace("_", " ")
        name = html.escape(match[0].strip("` "))
        return f'<span class="test" title="{name}">{sentence}</span> '

    return re.sub(r"`tests/test_(\w+)\.py::test_(\w+)` ?", write, text)


def fill_in(markdown, **names):
    """Replaces what stands between `{{` and `}}` by its value.

    Args:
        markdown: String, text of a page.
        **names: Values in place of those of `NAMES`.

    Raises:
        jinja2.UndefinedError: If a name is none of `NAMES`.
        LookupError: If a table has no such value.
    """
    if "{{" not in markdown:
        return markdown
    return _ENVIRONMENT.from_string(markdown).render({**NAMES, **names})


def with_formulas(page):
    """Replaces formulas in TeX, as Arithmatex marks them, by MathML."""

    def convert(match):
        display = "block" if match[2] == "[" else "inline"
        return converter.convert(html.unescape(match[3]), display=display)

    return _FORMULA.sub(convert, page)
