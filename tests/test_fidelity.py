"""Every row of docs/fidelity.md names existing code and existing tests."""

import ast
import pathlib
import re

from invariance_tf.settings import defaults

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
LINES = [line.strip("| ").split(" | ") for line in PAGE.splitlines()]
ROWS = [
    (cells[0].strip("*`"), *cells[-2:])
    for cells in LINES
    if len(cells) > 3 and cells[-1] != "test" and "---" not in cells[0]
]


def names_in(body, prefix=""):
    """Dotted names of what is defined, methods and fields included."""
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = getattr(node, "targets", None) or [node.target]
            yield from (prefix + ast.unparse(target) for target in targets)
        elif isinstance(
            node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ):
            yield prefix + node.name
            yield from names_in(node.body, f"{prefix}{node.name}.")


def definitions(folder):
    """Names defined by the modules of a folder, from the module's name on."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        prefix = "".join(f"{part}." for part in parts if part != "__init__")
        names.update(names_in(ast.parse(path.read_text("utf-8")).body, prefix))
    return names


def test_every_row_of_the_requirements_is_there_once():
    last = {"P": 6, "N": 10, "D": 6, "I": 12, "C": 16}
    ids = [row for row, _, _ in ROWS]
    assert len(ids) == len({*ids})
    wanted = {
        f"{key}{i}" for key, num in last.items() for i in range(1, num + 1)
    }
    assert {*ids} >= wanted | defaults.TRANSFORMS.keys()


def test_every_row_names_code_and_test_or_says_not_yet():
    defined = definitions("invariance_tf")
    for row, code, test in ROWS:
        references = {*re.findall(r"`([\w.]+)`", code)}
        assert bool(references) == ("::" in test), row
        assert references or "not yet" in code and "not yet" in test, row
        assert not references - defined, row


def test_every_test_that_is_named_exists():
    named = re.findall(r"`tests/(\w+)\.py::(\w+)`", PAGE)
    named = {f"{module}.{name}" for module, name in named}
    assert named and not named - definitions("tests")
