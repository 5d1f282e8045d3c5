"""Every file of a run, damaged in every way, and every command that reads it.

A command names the file and goes on with the other runs, or never reads it.
"""

import dataclasses
import os
import pathlib
import shutil

import conftest
import pytest
import yaml

from invariance_tf import files, load_runs, run_files
from invariance_tf.commands import cli
from invariance_tf.commands.sweep import run_sweep
from invariance_tf.paper.tables import TABLES
from invariance_tf.runs import experiment

pytestmark = pytest.mark.usefixtures("two_layers")

FILES = (*run_files.LISTED, run_files.SUMMARY)


@pytest.fixture(scope="module")
def other(finished, tmp_path_factory):
    """Another finished run, with another seed."""
    settings = dataclasses.replace(
        finished[0], seed=4, runs_dir=str(tmp_path_factory.mktemp("other"))
    )
    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        return settings, pathlib.Path(experiment.run(settings)["run_dir"])


@pytest.fixture
def both(run_dir, other):
    """A copy of the finished run, to be damaged, beside the other one."""
    path = pathlib.Path(run_dir)
    shutil.copytree(other[1], path.parent / other[1].name)
    return path


def replace_by_directory(path, other):
    path.unlink()
    path.mkdir()


def make_unreadable(path, other):
    # Permissions do not keep root from reading.
    path.unlink()
    path.symlink_to(path)


def zero_half(path, other):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size - size // 2))


DAMAGE = {
    "missing": lambda path, other: path.unlink(),
    "empty": lambda path, other: path.write_bytes(b""),
    "truncated": lambda path, other: os.truncate(
        path, path.stat().st_size // 2
    ),
    "zeroed": zero_half,
    "garbage": lambda path, other: path.write_bytes(
        (b"\xff\x00{'" * path.stat().st_size)[: path.stat().st_size]
    ),
    "other run's": lambda path, other: shutil.copy(other / path.name, path),
    "directory": replace_by_directory,
    "unreadable": make_unreadable,
}

# Enough for every day: files of each format, read in different places.
SAMPLE = [
    ("neurons.parquet", "truncated"),
    ("config.yaml", "other run's"),
    ("summary.json", "zeroed"),
    ("model.keras", "garbage"),
]
ALL = [(name, kind) for name in FILES for kind in DAMAGE]


def cases(*sample):
    """All cases for the slow tests, and some for every day."""
    return pytest.mark.parametrize(
        "name, kind",
        [
            pytest.param(
                *case, marks=() if case in sample else pytest.mark.slow
            )
            for case in ALL
        ],
    )


def damage(path, kind, other):
    """Damages a file; skips what is not damage to it."""
    before = path.read_bytes()
    DAMAGE[kind](path, other)
    if path.is_file() and path.read_bytes() == before:
        pytest.skip("the other run has the same file")
    return before


def is_unfinished(name, kind):
    """Without a summary a run is not damaged but not finished."""
    return (name, kind) == (run_files.SUMMARY, "missing")


@cases(*SAMPLE)
def test_readers_leave_the_run_out_and_say_why(both, other, name, kind):
    damage(both / name, kind, other[1])
    runs = load_runs(both.parent)
    read = {*TABLES.values(), "config.yaml", "provenance.json", "summary.json"}
    if is_unfinished(name, kind):
        assert runs.unfinished == [str(both)] and not runs.refused
    elif name in read:
        assert [*runs.refused] == [str(both)]
        (message,) = runs.refused.values()
        # A summary of another run fits none of this one's files.
        if (name, kind) != (run_files.SUMMARY, "other run's"):
            assert message.startswith(f"{both / name} ")
        assert "--overwrite" in message and "\n" not in message
        assert [*runs.runs.run] == [other[1].name]
    else:
        assert not runs.refused and len(runs.runs) == 2


@cases(("history.csv", "garbage"))
def test_collect_goes_on_without_the_run(
    both, other, tmp_path, capsys, name, kind
):
    damage(both / name, kind, other[1])
    arguments = [str(both.parent), "--out", str(tmp_path / "tables")]
    assert cli.main(["collect", *arguments]) == 0
    captured = capsys.readouterr()
    is_left_out = captured.out.startswith("1 runs")
    assert is_left_out != captured.out.startswith("2 runs")
    says_so = f"{both} was left out: " in captured.err
    assert says_so == (is_left_out and not is_unfinished(name, kind))
    assert len(load_runs(tmp_path / "tables").runs) == 2 - is_left_out


@cases(*SAMPLE)
def test_run_names_the_file_until_it_is_overwritten(
    finished, both, other, name, kind
):
    settings = dataclasses.replace(finished[0], runs_dir=str(both.parent))
    damage(both / name, kind, other[1])
    if is_unfinished(name, kind):
        assert not experiment.run(settings)["was_done"]
        return
    with pytest.raises(files.DamagedFileError, match="--overwrite") as caught:
        experiment.run(settings)
    if (name, kind) != (run_files.SUMMARY, "other run's"):
        assert str(caught.value).startswith(f"{both / name} ")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["missing", "zeroed", "directory"])
def test_overwriting_heals_every_damage(finished, both, other, name, kind):
    settings = dataclasses.replace(finished[0], runs_dir=str(both.parent))
    damage(both / name, kind, other[1])
    done = experiment.run(settings, overwrite=True)
    assert not done["was_done"]
    assert done["across_accuracy"] == finished[1]["across_accuracy"]
    run_files.find_finished(both).check()


@cases(("config.yaml", "garbage"), ("layers.csv", "empty"))
def test_a_sweep_reports_the_run_and_does_the_others(
    finished, both, other, tmp_path, here, capsys, name, kind
):
    """Sizes are compared in a sweep, not the hashes of what it does not read.

    Gigabytes of models would be read before its first run.
    """
    damage(both / name, kind, other[1])
    # The second run is left to do.
    (both.parent / other[1].name / "summary.json").unlink()
    base = {
        key: value
        for key, value in dataclasses.asdict(finished[0]).items()
        if value is not None
    } | {"runs_dir": str(both.parent)}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"base": base, "grid": {"seed": [3, 4]}}))
    status = run_sweep([str(path)])
    output = capsys.readouterr().out
    assert "Traceback" not in output
    assert (both.parent / other[1].name / "summary.json").exists()
    if status == 1:
        assert "1 done, 1 failed" in output
        assert f"failed: {both}: DamagedFileError: " in output
    else:
        assert "2 done, 0 failed" in output
        keeps_its_size = kind in ("zeroed", "garbage", "other run's")
        assert keeps_its_size or is_unfinished(name, kind)
        assert name not in ("config.yaml", "provenance.json")


@cases(("model.keras", "zeroed"), ("provenance.json", "garbage"))
def test_analyze_names_what_it_needs_and_heals_its_own(
    finished, both, other, capsys, name, kind
):
    damage(both / name, kind, other[1])
    status = cli.main(["analyze", str(both)])
    error = capsys.readouterr().err
    needed = {"config.yaml", "model.keras", "provenance.json", "summary.json"}
    if name in needed:
        assert status == 2 and error.count("\n") == 1
        assert error.startswith("error: ") and str(both) in error
        return
    if kind == "directory" and name in run_files.MEASURES:
        # It may hold something of the user's.
        assert status == 2 and error.count("\n") == 1
    else:
        assert status == 0, error
    finished = run_files.find_finished(both)
    if name in run_files.MEASURES:
        finished.check()
    else:
        with pytest.raises(files.DamagedFileError):
            finished.find(name)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["figures", "report"])
@pytest.mark.parametrize(
    "name, kind",
    [
        ("skipped.csv", "garbage"),
        ("skipped.csv", "missing"),
        ("neurons.parquet", "zeroed"),
        ("summary.json", "directory"),
    ],
)
def test_figures_and_report_go_on(
    both, other, tmp_path, capsys, command, name, kind
):
    damage(both / name, kind, other[1])
    out = tmp_path / ("report.html" if command == "report" else "figures")
    assert cli.main([command, str(both.parent), "--out", str(out)]) == 0
    if name != "skipped.csv":
        assert f"{both} was left out: " in capsys.readouterr().err
    elif command == "report":
        assert f"{both / name} " in out.read_text()


# A run that was interrupted.


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def interrupted(finished, tmp_path_factory):
    """A run that was interrupted after its first epoch, and its directory."""
    from invariance_tf.runs import accuracies

    settings = dataclasses.replace(
        finished[0], epochs=1, runs_dir=str(tmp_path_factory.mktemp("part"))
    )

    def interrupt(*arguments):
        raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        conftest.register_two_layers(patch)
        patch.setattr(accuracies, "measure_accuracies", interrupt)
        for seed in (3, 4):
            with pytest.raises(Interrupted):
                experiment.run(dataclasses.replace(settings, seed=seed))
    first, second = sorted(pathlib.Path(settings.runs_dir).iterdir())
    assert "-s3-" in first.name
    return settings, first, second


@pytest.mark.parametrize(
    "name, kind",
    [
        pytest.param(
            name,
            kind,
            marks=() if kind == "other run's" else pytest.mark.slow,
        )
        for name in ("checkpoint.npz", "provenance.json")
        for kind in DAMAGE
    ],
)
def test_nothing_damaged_is_resumed(interrupted, tmp_path, name, kind):
    settings, first, second = interrupted
    copy = tmp_path / first.name
    shutil.copytree(first, copy)
    damage(copy / name, kind, second)
    settings = dataclasses.replace(settings, runs_dir=str(tmp_path))
    if kind == "missing":
        # The checkpoint itself says which images it is of.
        assert not experiment.run(settings)["was_done"]
        return
    if (name, kind) == ("provenance.json", "other run's"):
        with pytest.raises(FileExistsError, match="different images"):
            experiment.run(settings)
        return
    with pytest.raises(files.DamagedFileError, match="--overwrite") as caught:
        experiment.run(settings)
    assert str(caught.value).startswith(f"{copy / name} ")


# Runs and tables of the version before the lists.


@pytest.mark.parametrize(
    "name, kind",
    [
        pytest.param(*case, marks=() if case in SAMPLE else pytest.mark.slow)
        for case in ALL
        if case[1] != "other run's"
    ],
)
def test_a_run_without_a_list_is_never_a_traceback(both, other, name, kind):
    path = both / run_files.SUMMARY
    summary = files.read_json(path)
    del summary["files"], summary["sha256"]
    files.write_json(path, summary)
    assert len(load_runs(both.parent).runs) == 2
    damage(both / name, kind, other[1])
    runs = load_runs(both.parent)
    assert len(runs.runs) == 2 - len(runs.refused) - len(runs.unfinished)
    for message in runs.refused.values():
        assert message.startswith(f"{both / name} ")


@pytest.mark.parametrize("kind", ["empty", "truncated", "garbage", "directory"])
def test_damaged_tables_are_named(both, other, tmp_path, capsys, kind):
    tables = tmp_path / "tables"
    assert cli.main(["collect", str(both.parent), "--out", str(tables)]) == 0
    capsys.readouterr()
    damage(tables / "layers.parquet", kind, None)
    assert cli.main(["collect", str(tables), "--out", str(tmp_path / "x")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tables / 'layers.parquet'} ")
    assert error.count("\n") == 1 and "Collect the tables again" in error
