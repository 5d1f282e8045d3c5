"""The rules of docs/architecture.md, read off the code."""

import ast
import functools
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "invariance_tf"
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = FUNCTIONS | ast.ClassDef

# From the street to the cellar: a room imports only rooms that stand below it.
ROOMS = {
    "__main__": {"commands"},
    "commands": {"paper", "runs", "datasets", "measures", "settings"}
    | {"files", "foreign"},
    "paper": {"drawing", "datasets", "measures", "paradigm", "transforms"}
    | {"settings", "run_files", "files", "foreign"},
    "runs": {"drawing", "datasets", "training", "measures", "paradigm"}
    | {"networks", "transforms", "settings", "run_files"}
    | {"files", "foreign"},
    "drawing": {"measures", "settings", "files", "foreign"},
    "datasets": {"settings", "arrays", "memory", "files", "foreign"},
    "training": {"paradigm", "files"},
    "measures": {"paradigm", "transforms", "arrays", "memory", "files"},
    "paradigm": {"transforms", "foreign"},
    "networks": {"settings"},
    "transforms": {"settings"},
    "settings": {"foreign"},
    "arrays": {"memory"},
    "memory": set(),
    "run_files": {"files"},
    "files": {"foreign"},
    "foreign": set(),
}

# What draws itself if it is asked to: the one import of a room above.
UPWARD = {("measures/measured.py", "drawing")}

# Where a library may be imported; elsewhere the code runs on every backend of
# Keras, starts without it, and says nothing on the terminal.
HOMES = {
    "tensorflow": {
        "datasets/tfds/",
        "networks/normalization.py",
        "paradigm/pipeline.py",
        "training/devices.py",
        "training/momentum.py",
        "training/precision.py",
    },
    "tensorflow_datasets": {
        "datasets/facescrub/builder.py",
        "datasets/tfds/builders.py",
    },
    "tensorboard": {"runs/tensorboard.py"},
    "matplotlib": {
        "drawing/",
        "paper/figures/",
        "paper/questions/",
        "runs/calibration/figure.py",
        "runs/search/figure.py",
    },
    "pandas": {
        "files.py",
        "measures/measured.py",
        "measures/measurement.py",
        "paper/columns.py",
        "paper/claims/",
        "paper/figures/accuracy.py",
        "paper/one_run.py",
        "paper/questions/verdicts.py",
        "paper/selection.py",
        "paper/tables.py",
        "runs/accuracies.py",
        "runs/analysis.py",
        "runs/conditions_measured.py",
    },
    "PIL": {"datasets/"},
    "aiohttp": {"datasets/facescrub/download/fetching.py"},
    "jinja2": {"paper/report/"},
    "jsonargparse": {
        "commands/",
        "runs/sweep/plan.py",
        "settings/shipped.py",
    },
    "ray": {"runs/sweep/on_ray.py"},
    "rich": {
        "commands/",
        "datasets/images/decoding.py",
        "training/progress.py",
    },
}


@functools.cache
def modules():
    """Path below the package -> syntax tree, of every module."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(
            path.read_text("utf-8"), str(path)
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def nodes(*kinds):
    """Every node of a kind: `(path, place, node)`; a place can be clicked."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield path, f"invariance_tf/{path}:{node.lineno}", node


def imports():
    """Every import: `(path, place, dotted name of what is imported)`."""
    for path, place, node in nodes(ast.Import, ast.ImportFrom):
        start = ""
        if isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "") + "."
        for alias in node.names:
            yield path, place, start + alias.name


def room_of(path):
    return path.split("/")[0].removesuffix(".py")


def listed(offenders):
    """The message of a failed rule: one offender a line."""
    return "\n".join(["", *sorted(offenders)])


def test_rooms_import_only_rooms_below_them():
    order = [*ROOMS]
    allowed = {(room, other) for room in ROOMS for other in ROOMS[room]}
    used, offenders = set(), []
    for room, other in allowed:
        if order.index(other) <= order.index(room):
            offenders.append(f"the table lets {room} import up: {other}")
    for path, place, name in imports():
        if name.startswith("."):
            offenders.append(f"{place} imports {name}: name it in full")
        package, _, inside = name.partition(".")
        # Below every room lies the package itself, which has its version.
        if package != "invariance_tf" or inside in ("", "__version__"):
            continue
        arrow = room_of(path), inside.split(".")[0]
        if (path, arrow[1]) in UPWARD:
            continue
        used.add(arrow)
        if arrow not in allowed and arrow[0] != arrow[1]:
            offenders.append(f"{place} imports {name}")
    for _, place, node in nodes(ast.Attribute):
        name = ast.unparse(node)
        if name.startswith("invariance_tf.") and node.attr != "__version__":
            offenders.append(f"{place} reaches {name} through the package")
    for room, other in allowed - used:
        offenders.append(f"the table lets {room} import {other} for nothing")
    rooms = {room_of(path) for path in modules()}
    offenders += [f"no row for {room}" for room in rooms - {"__init__", *ROOMS}]
    assert not offenders, listed(offenders)


def test_libraries_are_imported_where_they_belong():
    allowed = {(library, home) for library in HOMES for home in HOMES[library]}
    used, offenders = set(), []
    for path, place, name in imports():
        library = name.split(".")[0]
        homes = HOMES.get(library, ())
        found = {(library, home) for home in homes if path.startswith(home)}
        used |= found
        if homes and not found:
            offenders.append(f"{place} imports {name}")
    for library, home in allowed - used:
        offenders.append(f"{home} does not import {library}")
    assert not offenders, listed(offenders)


def is_forbidden(node):
    """Whether it prints, evaluates, unpickles, asserts or catches all."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", None)
        return name in ("print", "eval", "exec")
    if isinstance(node, ast.ExceptHandler):
        return node.type is None
    if isinstance(node, ast.Attribute):
        return node.attr in ("pickle", "unsafe_load")
    if isinstance(node, ast.keyword):
        is_given = node.arg == "allow_pickle"
        return is_given and getattr(node.value, "value", None) is not False
    return isinstance(node, ast.Assert)


def test_nothing_prints_evaluates_text_or_swallows_every_error():
    kinds = ast.Call, ast.ExceptHandler, ast.Attribute, ast.keyword, ast.Assert
    offenders = [
        f"{place} {ast.unparse(node).splitlines()[0]}"
        for _, place, node in nodes(*kinds)
        if is_forbidden(node)
    ]
    offenders += [
        f"{place} imports {name}"
        for _, place, name in imports()
        if name.split(".")[0] in ("pickle", "dill", "marshal")
    ]
    assert not offenders, listed(offenders)


def test_what_is_public_has_a_docstring():
    offenders = []
    for path, tree in modules().items():
        public = [
            node
            for node in tree.body
            if isinstance(node, DEFINITIONS) and not node.name.startswith("_")
        ]
        offenders += [
            f"invariance_tf/{path}:{getattr(node, 'lineno', 1)}"
            for node in (tree, *public)
            if not ast.get_docstring(node)
        ]
    assert not offenders, listed(offenders)


def test_modules_and_functions_are_short_and_about_one_thing():
    offenders = []
    for path in modules():
        length = (PACKAGE / path).read_text("utf-8").count("\n")
        if length > 400:
            offenders.append(f"invariance_tf/{path}:1 has {length} lines")
        stem = pathlib.PurePath(path).stem
        if stem in ("utils", "base", "core", "helpers", "common"):
            offenders.append(
                f"invariance_tf/{path}:1 does not say what it holds"
            )
    for _, place, node in nodes(FUNCTIONS):
        docstring = (ast.get_docstring(node) or "").count("\n")
        length = node.end_lineno - node.lineno - docstring
        if length > 50:
            offenders.append(f"{place} {node.name} has {length} lines")
    assert not offenders, listed(offenders)


def names_bound(tree):
    """What a module binds at its top: `(name, line, where it is from)`."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, node.lineno, node.module
        elif isinstance(node, DEFINITIONS):
            yield node.name, node.lineno, None
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield getattr(target, "id", None), node.lineno, None


def test_no_module_is_hidden_by_a_name_of_its_package():
    offenders = []
    for path, tree in modules().items():
        folder = (PACKAGE / path).parent
        if not path.endswith("__init__.py"):
            continue
        package = ".".join(folder.relative_to(PACKAGE.parent).parts)
        beside = {inner.stem for inner in folder.glob("*.py")}
        beside |= {inner.parent.name for inner in folder.glob("*/__init__.py")}
        offenders += [
            f"invariance_tf/{path}:{line} {name} hides {package}.{name}"
            for name, line, source in names_bound(tree)
            if name in beside and source != package
        ]
    assert not offenders, listed(offenders)


def test_help_and_mistakes_are_answered_without_tensorflow(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("base: {n_sen: 3}")
    asked = [[name, "--help"] for name in ("run", "calibrate")]
    asked += [["run", "--n_seen", "99"], ["search", "synthfaces", "--seeds"]]
    asked += [["search", "synthfaces", "--n_seen", "99"], ["sweep", str(path)]]
    program = (
        "import sys\n"
        "from invariance_tf.commands import cli\n"
        f"for arguments in {asked!r}:\n"
        "    expected = 0 if '--help' in arguments else 2\n"
        "    is_wrong = cli.main(arguments) != expected\n"
        "    heavy = {'tensorflow', 'keras', 'numpy', 'pandas', 'scipy'}\n"
        "    if is_wrong or heavy & {*sys.modules}: sys.exit(str(arguments))\n"
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
