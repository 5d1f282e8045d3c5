"""The rules of docs/architecture.md, read off the code."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "invariance_tf"
MODULES = sorted(PACKAGE.rglob("*.py"))
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

# Where a library may be imported; elsewhere the code runs on every backend of
# Keras, and starts without it.
HOMES = {
    "tensorflow": (
        "datasets/",
        "pipeline.py",
        "devices.py",
        "momentum.py",
        "networks/normalization.py",
    ),
    "tensorflow_datasets": ("datasets/",),
    "tensorboard": ("tensorboard.py",),
    "matplotlib": ("figures/",),
    "pandas": ("results.py", "tables.py", "figures/", "claims/", "report.py"),
    "PIL": ("datasets/", "facescrub/cropping.py"),
    "aiohttp": ("facescrub/fetching.py",),
    "jinja2": ("report/",),
    "ray": ("sweep/on_ray.py",),
}


def name_of(path):
    return str(path.relative_to(PACKAGE))


def imports(tree):
    """Top-level names of what a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_libraries_are_imported_where_they_belong(path):
    for library in imports(ast.parse(path.read_text())):
        homes = HOMES.get(library)
        assert homes is None or name_of(path).startswith(homes), library


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_prints_evaluates_text_or_swallows_every_error(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Assert)
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "eval", "exec")
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("pickle", "unsafe_load")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert node.value.value is False


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_public_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, FUNCTIONS | ast.ClassDef):
            is_public = not node.name.startswith("_")
            assert ast.get_docstring(node) or not is_public, node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_are_short(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, FUNCTIONS):
            length = node.end_lineno - node.lineno
            docstring = (ast.get_docstring(node) or "").count("\n")
            assert length - docstring <= 50, node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_there_is_no_module_for_everything(path):
    assert path.stem not in ("utils", "base", "core", "helpers", "common")


def test_the_package_and_its_help_start_without_tensorflow():
    program = (
        "import sys, invariance_tf, invariance_tf.commands.cli\n"
        "try: invariance_tf.commands.cli.main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pandas'} & {*sys.modules}\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--n_seen" in done.stdout


def test_every_public_name_can_be_reached():
    import invariance_tf

    for name in invariance_tf.__all__:
        assert getattr(invariance_tf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        invariance_tf.nothing  # noqa: B018
