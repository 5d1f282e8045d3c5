"""What an installation holds, and how its config files are found."""

import email
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from invariance_tf.commands import cli
from invariance_tf.settings.shipped import find_config

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.*")
)
# What a checkout holds in folders, but for those of tools.
FOLDERS = ("benchmarks", "configs", "docs", "invariance_tf", "tests")
BUILD = "import sys, setuptools.build_meta as b; b.{}(sys.argv[1])"


def build(hook, source, out):
    """Builds as pip does, with what is installed here; returns the file."""
    out.mkdir()
    program = BUILD.format(hook)
    subprocess.run(
        [sys.executable, "-c", program, str(out)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution of the checkout."""
    work = tmp_path_factory.mktemp("sdist")
    checkout = work / "checkout"
    # Of a copy: building leaves files where it is done.
    for name in FOLDERS:
        shutil.copytree(ROOT / name, checkout / name)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, checkout)
    return build("build_sdist", checkout, work / "out")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel that is built from the source distribution alone."""
    work = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    (source,) = work.iterdir()
    return build("build_wheel", source, work / "out")


def test_the_source_distribution_has_tests_docs_and_configs(sdist):
    with tarfile.open(sdist) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    expected = {
        path.relative_to(ROOT).as_posix()
        for name in FOLDERS
        for path in (ROOT / name).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert expected <= found
    assert {"tests/oracle/oracle.npz", "docs/index.md", "LICENSE"} <= found
    assert not any(name.endswith(".pyc") for name in found)


def test_the_wheel_has_every_module_and_every_file_of_data(wheel):
    modules = (ROOT / "invariance_tf").rglob("*.*")
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in modules
        if path.is_file() and path.suffix != ".pyc"
    }
    expected |= {f"invariance_tf/{path.as_posix()}" for path in CONFIGS}
    with zipfile.ZipFile(wheel) as archive:
        found = {
            name for name in archive.namelist() if ".dist-info/" not in name
        }
    assert found == expected
    assert "invariance_tf/configs/sweeps/quick.yaml" in found


@pytest.fixture(scope="module")
def metadata(wheel):
    """The metadata of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_metadata_say_what_it_is_and_for_which_python(metadata):
    assert {*metadata["Requires-Python"].split(",")} == {">=3.11", "<3.14"}
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Author"] and metadata["Keywords"]
    assert metadata["License"] == "Apache-2.0"
    extras = {"addons", "docs", "gpu", "jax", "ray", "test", "torch"}
    assert {*metadata.get_all("Provides-Extra")} == extras


def test_the_long_description_needs_no_file_of_the_checkout(metadata):
    text = metadata.get_payload()
    assert text.lstrip().startswith("# invariance_tf")
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", text)
    assert "- Tutorial; replicate: every figure" in text
    assert "```sh\npython run_experiment.py" in text


def test_the_lock_file_meets_what_installation_and_tests_require(metadata):
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = dict(line.split("==") for line in lines if line[0] != "#")
    locked = {canonicalize_name(name): locked[name] for name in locked}
    required = map(Requirement, metadata.get_all("Requires-Dist"))
    for each in required:
        if each.marker is None or each.marker.evaluate({"extra": "test"}):
            version = locked[canonicalize_name(each.name)]
            assert each.specifier.contains(version), each


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_shipped_config_is_found_by_its_name(path):
    is_sweep = path.parent.name == "sweeps"
    for name in (path.stem, path.name):
        assert pathlib.Path(find_config(name, is_sweep)) == ROOT / path


def test_a_file_comes_before_a_name_and_a_directory_does_not(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthfaces").mkdir()
    shipped = str(ROOT / "configs" / "synthfaces.yaml")
    assert find_config("synthfaces") == shipped
    (tmp_path / "synthfaces.yaml").write_text("seed: 1\n")
    assert find_config("synthfaces.yaml") == "synthfaces.yaml"
    assert find_config("synthfaces") == shipped


@pytest.mark.parametrize(
    "command, legal",
    [
        ("run --config no.yaml", "facescrub_alexnet, "),
        ("run --config=no.yaml", "lfw, synthfaces."),
        ("sweep no.yaml", "quick, recurrence, several, strengths, synth"),
    ],
)
def test_an_unknown_name_is_answered_with_the_legal_ones(
    capsys, command, legal
):
    assert cli.main(command.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert legal in error and error.endswith("Received: no.yaml\n")


@pytest.mark.parametrize("flag", ["--config synthfaces", "--config=synthfaces"])
def test_settings_are_read_by_name(capsys, flag):
    flags = [*flag.split(), "--seed", "7", "--print_config"]
    assert cli.main(["run", *flags]) == 0
    settings = capsys.readouterr().out
    assert "schedule: cosine" in settings and "seed: 7" in settings


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="measured on x86"
)
@pytest.mark.parametrize(
    "chosen, first, expected",
    [
        (None, "", "1"),
        ("0", "", "0"),
        # Imported before, TensorFlow reads the variable no more.
        (None, "sys.modules['tensorflow'] = sys", "None"),
    ],
)
def test_onednn_is_on_unless_somebody_else_decided(chosen, first, expected):
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    variables.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if chosen:
        variables["TF_ENABLE_ONEDNN_OPTS"] = chosen
    program = f"import os, sys\n{first}\nimport invariance_tf\n"
    program += "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected
