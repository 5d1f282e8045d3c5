"""Every file of a run, damaged in every way, and every reader of runs.

Whoever needs the file names it; whoever reads many runs goes on with the rest.
One test tries all damages, one after the other, on what finds them in every
command; around it, each command is tried with the few that differ to it.
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
from invariance_tf.paper.figures import by_number
from invariance_tf.paper.tables import TABLES
from invariance_tf.runs import experiment, preparation
from invariance_tf.runs.sweep import worker

pytestmark = pytest.mark.usefixtures("two_layers")

# Not every run has strengths, or clusters.
FILES = tuple(
    name
    for name in (*run_files.LISTED, run_files.SUMMARY)
    if not name.startswith(("strengths", "clusters"))
)


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

# Files of each format, read in different places.
SOME = [
    ("neurons.parquet", "truncated"),
    ("config.yaml", "other run's"),
    ("summary.json", "zeroed"),
    ("model.keras", "garbage"),
]
ALL = [(name, kind) for name in FILES for kind in DAMAGE]

every_damage = pytest.mark.parametrize(
    "cases",
    [
        pytest.param(SOME, id="some"),
        pytest.param(ALL, id="all", marks=pytest.mark.slow),
    ],
)


def each_damage(run_dir, other, cases):
    """Damages a file, yields its name and how, and repairs it; then the next.

    What is not damage, as where the other run has the same file, is left out.
    """
    for name, kind in cases:
        path = pathlib.Path(run_dir, name)
        before = path.read_bytes()
        DAMAGE[kind](path, other)
        if not path.is_file() or path.read_bytes() != before:
            yield name, kind
        files.remove(path)
        path.write_bytes(before)


def is_unfinished(name, kind):
    """Without a summary a run is not damaged but not finished."""
    return (name, kind) == (run_files.SUMMARY, "missing")


def names_file(message, path, kind):
    """Whether a message names the damaged file, and what to do."""
    # A summary of another run fits none of this one's files.
    is_other = (path.name, kind) == (run_files.SUMMARY, "other run's")
    names = str(path.parent) if is_other else f"{path} "
    return (
        message.startswith(names)
        and "--overwrite" in message
        and "\n" not in message
    )


@every_damage
def test_readers_leave_the_run_out_and_say_why(run_dir, other, cases):
    read = {*TABLES.values(), "config.yaml", "provenance.json", "summary.json"}
    for name, kind in each_damage(run_dir, other[1], cases):
        runs = load_runs(os.path.dirname(run_dir))
        if is_unfinished(name, kind):
            assert runs.unfinished == [run_dir] and not runs.refused
        elif name in read:
            message = runs.refused[run_dir]
            path = pathlib.Path(run_dir, name)
            assert names_file(message, path, kind), (name, kind, message)
            assert not len(runs.runs)
        else:
            assert not runs.refused and len(runs.runs) == 1, (name, kind)


@every_damage
def test_run_names_the_file_until_it_is_overwritten(
    finished, run_dir, other, cases
):
    settings = dataclasses.replace(
        finished[0], runs_dir=os.path.dirname(run_dir)
    )
    prepared = preparation.prepare(settings)
    for name, kind in each_damage(run_dir, other[1], cases):
        if is_unfinished(name, kind):
            # As one that was killed at its end: tests/test_killed_runs.py.
            continue
        with pytest.raises(files.DamagedFileError) as caught:
            experiment.run_prepared(prepared)
        path = pathlib.Path(run_dir, name)
        assert names_file(str(caught.value), path, kind), (name, kind)


@every_damage
def test_a_run_without_a_list_is_never_a_traceback(run_dir, other, cases):
    """Runs of the version before the lists: nothing notices the damage."""
    path = pathlib.Path(run_dir, run_files.SUMMARY)
    summary = files.read_json(path)
    del summary["files"], summary["sha256"]
    files.write_json(path, summary)
    cases = [(name, kind) for name, kind in cases if kind != "other run's"]
    for name, kind in each_damage(run_dir, other[1], cases):
        runs = load_runs(os.path.dirname(run_dir))
        num_left_out = len(runs.refused) + len(runs.unfinished)
        assert len(runs.runs) == 1 - num_left_out, (name, kind)
        for message in runs.refused.values():
            assert message.startswith(f"{os.path.join(run_dir, name)} ")


@pytest.mark.slow
def test_overwriting_heals_every_file(finished, run_dir):
    settings = dataclasses.replace(
        finished[0], runs_dir=os.path.dirname(run_dir)
    )
    for name in FILES:
        replace_by_directory(pathlib.Path(run_dir, name), None)
    done = experiment.run(settings, overwrite=True)
    assert not done["was_done"]
    assert done["across_accuracy"] == finished[1]["across_accuracy"]
    run_files.find_finished(run_dir).check()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, kind",
    [
        ("history.csv", "garbage"),
        ("model.keras", "missing"),
        ("summary.json", "missing"),
    ],
)
def test_collect_goes_on_without_the_run(
    both, other, tmp_path, capsys, name, kind
):
    DAMAGE[kind](both / name, other[1])
    arguments = [str(both.parent), "--out", str(tmp_path / "tables")]
    assert cli.main(["collect", *arguments]) == 0
    captured = capsys.readouterr()
    is_read = name != "model.keras"
    assert captured.out.startswith(f"{2 - is_read} runs")
    says_so = f"{both} was left out: " in captured.err
    assert says_so == (is_read and not is_unfinished(name, kind))
    assert ("1 unfinished" in captured.out) == is_unfinished(name, kind)
    assert len(load_runs(tmp_path / "tables").runs) == 2 - is_read


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, kind",
    [("skipped.csv", "garbage"), ("neurons.parquet", "zeroed")],
)
def test_the_report_goes_on(
    both, other, tmp_path, capsys, monkeypatch, name, kind
):
    few = {"2c": by_number.FIGURES["2c"]}
    monkeypatch.setattr(by_number, "FIGURES", few)
    DAMAGE[kind](both / name, other[1])
    out = tmp_path / "report.html"
    assert cli.main(["report", str(both.parent), "--out", str(out)]) == 0
    if name == "skipped.csv":
        assert f"{both / name} " in out.read_text()
    else:
        assert f"{both} was left out: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_finds_damage_before_its_first_run(finished, run_dir, other):
    """It compares sizes, and the hashes of what it reads.

    Gigabytes of models would be hashed before its first run. A damaged run is
    not done, so that its turn comes, and with it the report of the damage.
    """
    settings = dataclasses.replace(
        finished[0], runs_dir=os.path.dirname(run_dir)
    ).resolve()
    names = ("config.yaml", "provenance.json", "summary.json", "layers.csv")
    cases = [case for case in ALL if case[0] in names]
    size = os.path.getsize(os.path.join(run_dir, "layers.csv"))
    for name, kind in each_damage(run_dir, other[1], cases):
        (run,), _ = worker.survey_runs([settings])
        path = pathlib.Path(run_dir, name)
        is_missed = (
            name == "layers.csv"
            and path.is_file()
            and path.stat().st_size == size
        )
        assert run.is_done == is_missed, (name, kind)
    (run,), _ = worker.survey_runs([settings])
    assert run.is_done


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, kind", [("config.yaml", "garbage"), ("layers.csv", "empty")]
)
def test_a_sweep_reports_the_run_and_does_the_others(
    finished, both, other, tmp_path, here, capsys, name, kind
):
    DAMAGE[kind](both / name, other[1])
    if name == "config.yaml":
        # Else the second run is done.
        (both.parent / other[1].name / "summary.json").unlink()
    base = {
        key: value
        for key, value in dataclasses.asdict(finished[0]).items()
        if value is not None
    } | {"runs_dir": str(both.parent)}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"base": base, "grid": {"seed": [3, 4]}}))
    assert run_sweep([str(path)]) == 1
    output = capsys.readouterr().out
    assert "1 done, 1 failed" in output and "Traceback" not in output
    assert f"failed: {both}: DamagedFileError: " in output
    assert (both.parent / other[1].name / "summary.json").exists()


@pytest.mark.slow
def test_analyze_names_what_it_needs(run_dir, other, capsys):
    cases = [
        ("config.yaml", "garbage"),
        ("model.keras", "zeroed"),
        ("provenance.json", "garbage"),
        ("provenance.json", "missing"),
        ("summary.json", "truncated"),
        ("summary.json", "missing"),
    ]
    for name, kind in each_damage(run_dir, other[1], cases):
        assert cli.main(["analyze", run_dir]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and run_dir in error
        assert error.count("\n") == 1, (name, kind)


@pytest.mark.slow
def test_analyze_heals_what_it_writes(run_dir, other, capsys):
    kinds = "missing", "truncated", "zeroed", "unreadable"
    written = [name for name in run_files.MEASURES if name in FILES]
    for name, kind in zip(written, kinds, strict=True):
        DAMAGE[kind](pathlib.Path(run_dir, name), other[1])
    assert cli.main(["analyze", run_dir]) == 0, capsys.readouterr().err
    run_files.find_finished(run_dir).check()
    path = pathlib.Path(run_dir, run_files.MEASURES[0])
    replace_by_directory(path, None)
    capsys.readouterr()
    # It may hold something of the user's.
    assert cli.main(["analyze", run_dir]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert path.is_dir()
    # The new measures are the run's all the same.
    run_files.find_finished(run_dir).check()


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


RESUMED = [
    (name, kind)
    for name in ("checkpoint.npz", "provenance.json")
    for kind in DAMAGE
]


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(
            [case for case in RESUMED if case[1] == "other run's"], id="some"
        ),
        pytest.param(RESUMED, id="all", marks=pytest.mark.slow),
    ],
)
def test_nothing_damaged_is_resumed(interrupted, tmp_path, cases):
    settings, first, second = interrupted
    copy = tmp_path / first.name
    shutil.copytree(first, copy)
    prepared = preparation.prepare(
        dataclasses.replace(settings, runs_dir=str(tmp_path))
    )
    for name, kind in each_damage(copy, second, cases):
        if kind == "missing":
            # The checkpoint itself says which images it is of.
            continue
        expected = files.DamagedFileError, "--overwrite"
        if (name, kind) == ("provenance.json", "other run's"):
            expected = FileExistsError, "different images"
        with pytest.raises(expected[0], match=expected[1]) as caught:
            experiment.run_prepared(prepared)
        assert str(copy / name) in str(caught.value) or "other" in kind


@pytest.mark.slow
@pytest.mark.parametrize("name", ["checkpoint.npz", "provenance.json"])
def test_without_checkpoint_or_provenance_the_run_is_done(
    interrupted, tmp_path, name
):
    settings, first, _ = interrupted
    shutil.copytree(first, tmp_path / first.name)
    (tmp_path / first.name / name).unlink()
    settings = dataclasses.replace(settings, runs_dir=str(tmp_path))
    assert not experiment.run(settings)["was_done"]


def test_damaged_tables_are_named(both, tmp_path, capsys):
    tables = tmp_path / "tables"
    assert cli.main(["collect", str(both.parent), "--out", str(tables)]) == 0
    capsys.readouterr()
    kinds = "empty", "truncated", "garbage", "directory"
    cases = [("layers.parquet", kind) for kind in kinds]
    for _ in each_damage(tables, None, cases):
        arguments = ["collect", str(tables), "--out", str(tmp_path / "x")]
        assert cli.main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {tables / 'layers.parquet'} ")
        assert error.count("\n") == 1
        assert "Collect the tables again" in error
