"""The notebooks as pages: the build executes them, and keeps no output."""

import functools
import os
import re

import values

NOTEBOOKS = sorted((values.ROOT / "docs" / "notebooks").glob("*.ipynb"))


@functools.cache
def execute_all():
    """Executes the notebooks; one that fails stops the build.

    Returns:
        Dictionary from paths on the site to pages and their pictures.
    """
    # Not at the top: MkDocs' settings are read without them.
    import nbformat
    from nbconvert import MarkdownExporter
    from nbconvert.preprocessors import ExecutePreprocessor

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    found = {}
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        where = {"metadata": {"path": str(path.parent)}}
        ExecutePreprocessor(timeout=600).preprocess(notebook, where)
        for cell in notebook.cells:
            # TensorFlow says on its way what is of no use to a reader.
            cell.outputs = [
                output
                for output in cell.get("outputs", ())
                if output.get("name") != "stderr"
            ]
        text, resources = MarkdownExporter().from_notebook_node(
            notebook, {"unique_key": path.stem}
        )
        link = f"[This page is a notebook.]({path.name})\n\n"
        # The site lets wide tables without a class scroll.
        text = re.sub(r'<table [^>]*class="dataframe"[^>]*>', "<table>", text)
        title, rest = text.lstrip().split("\n", 1)
        found[f"notebooks/{path.stem}.md"] = f"{title}\n\n{link}{rest}"
        for name, content in resources["outputs"].items():
            found[f"notebooks/{name}"] = content
    return found
