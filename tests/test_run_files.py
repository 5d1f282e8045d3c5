"""Which files a finished run has, and that they change all at once."""

import os
import pathlib

import pytest
from crash_points import states_of

from invariance_tf import files, run_files

OLD = {
    "config.yaml": "tau: 0.1\n",
    "accuracy.csv": "accuracy\n0.5\n",
    "layers.csv": "tau\n0.1\n",
    "ablation.csv": "tau\n0.1\n",
}
# As long as the old ones: only their hashes tell them apart.
NEW = {name: OLD[name].replace("0.1", "0.3") for name in OLD}
NEW["accuracy.csv"] = OLD["accuracy.csv"]


@pytest.fixture
def run_dir(tmp_path):
    """A directory of a finished run of four files."""
    path = tmp_path / "run"
    path.mkdir()
    for name, text in OLD.items():
        (path / name).write_text(text)
    run_files.write_summary(path, {"tau": 0.1, "seconds": {}})
    return path


@pytest.fixture
def copies(tmp_path):
    """An empty directory for the states that kills would leave."""
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


def replace_measures(run_dir):
    finished = run_files.find_finished(run_dir)
    with finished.replacing_files() as (directory, replace):
        for name in ("layers.csv", "ablation.csv", "config.yaml"):
            pathlib.Path(directory, name).write_text(NEW[name])
        return replace({**finished.summary, "tau": 0.3})


def content_of(run_dir):
    """What a reader finds: the summary's tau, and the text of each file."""
    finished = run_files.find_finished(run_dir)
    finished.check()
    texts = {
        name: pathlib.Path(finished.find(name)).read_text() for name in OLD
    }
    return finished.summary["tau"], texts


def test_files_are_replaced_together(run_dir):
    assert content_of(run_dir) == (0.1, OLD)
    summary = replace_measures(run_dir)
    assert content_of(run_dir) == (0.3, NEW)
    assert run_files.find_finished(run_dir).summary == summary
    names = {*OLD, "summary.json"}
    assert {path.name for path in run_dir.iterdir()} == names


def test_whenever_the_replacement_is_killed_a_reader_finds_old_or_new(
    run_dir, copies
):
    with states_of(run_dir, copies) as states:
        replace_measures(run_dir)
    found = []
    for _, copy in states:
        found.append(content_of(copy))
        # Before anything else, as every writer does.
        with files.locked(copy):
            run_files.settle(copy)
        assert content_of(copy) == found[-1]
        names = {".lock", "summary.json", *OLD}
        assert {path.name for path in copy.iterdir()} == names
        replace_measures(copy)
        assert content_of(copy) == (0.3, NEW)
    num_old = found.count((0.1, OLD))
    assert 0 < num_old < len(found) > 5
    num_new = len(found) - num_old
    assert found == [(0.1, OLD)] * num_old + [(0.3, NEW)] * num_new


def test_whenever_clearing_is_killed_nothing_is_finished_or_resumed(
    run_dir, copies
):
    (run_dir / "checkpoint.npz").write_text("weights")
    (run_dir / "tensorboard").mkdir()
    (run_dir / "tensorboard" / "events").write_text("loss")
    with states_of(run_dir, copies) as states:
        run_files.clear_run(run_dir)
    assert [change for change, _ in states[:2]] == [
        "os.remove summary.json",
        "os.remove checkpoint.npz",
    ]
    assert len(states) > 5
    for _, copy in states[2:]:
        assert run_files.find_finished(copy) is None
        assert not (copy / "checkpoint.npz").exists()


def test_damage_elsewhere_is_still_noticed_after_a_replacement(run_dir):
    (run_dir / "accuracy.csv").write_text("accuracy\n0.9\n")
    replace_measures(run_dir)
    finished = run_files.find_finished(run_dir)
    assert finished.find("layers.csv")
    with pytest.raises(files.DamagedFileError, match="accuracy.csv has chan"):
        finished.check()


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    "damage, fault",
    [
        (pathlib.Path.unlink, "is missing"),
        (lambda path: path.write_text(""), "has 0 bytes, not 13"),
        (lambda path: os.truncate(path, 5), "has 5 bytes, not 13"),
        (zero, "has changed since it was written"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "is not a file"),
        (
            lambda path: (path.unlink(), path.symlink_to(path)),
            "cannot be read (Too many levels of symbolic links)",
        ),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(run_dir, damage, fault):
    path = run_dir / "accuracy.csv"
    damage(path)
    finished = run_files.find_finished(run_dir)
    with pytest.raises(files.DamagedFileError) as caught:
        with finished.reading("accuracy.csv"):
            pytest.fail("it is read")
    message = str(caught.value)
    assert message.startswith(f"{path} {fault}. Restore it, or redo the run")
    assert "`run --overwrite`" in message


def test_sizes_are_compared_without_reading(run_dir):
    finished = run_files.find_finished(run_dir)
    zero(run_dir / "accuracy.csv")
    finished.check(only_sizes=True)
    with pytest.raises(files.DamagedFileError):
        finished.check()
    (run_dir / "accuracy.csv").write_text("")
    with pytest.raises(files.DamagedFileError):
        finished.check(only_sizes=True)


def test_measures_can_be_had_again_without_training(run_dir):
    (run_dir / "layers.csv").unlink()
    with pytest.raises(files.DamagedFileError, match="again with `analyze`"):
        run_files.find_finished(run_dir).check()


@pytest.mark.parametrize(
    "change, fault",
    [
        (lambda text: text.replace("0.1", "0.2"), "has changed since"),
        (lambda text: text.replace('"schema": 2', '"schema": 3'), "schema 3"),
        (lambda text: text[:-9], "cannot be read (JSONDecodeError"),
        (lambda text: "[]", "cannot be read"),
        (lambda text: "{}", "cannot be read (KeyError"),
    ],
)
def test_a_changed_summary_is_noticed(run_dir, change, fault):
    path = run_dir / "summary.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(files.DamagedFileError) as caught:
        run_files.find_finished(run_dir)
    assert str(caught.value).startswith(str(path)) and fault in str(
        caught.value
    )


def test_a_run_without_a_list_is_read_as_it_is(run_dir):
    """As those of the version before the list."""
    former = {"schema": 2, "tau": 0.1, "seconds": {"training": 2.0}}
    files.write_json(run_dir / "summary.json", former)
    finished = run_files.find_finished(run_dir)
    assert finished.summary == former and finished.seconds == 2.0
    finished.check()
    assert content_of(run_dir) == (0.1, OLD)
    assert finished.has("layers.csv") and not finished.has("history.csv")
    with pytest.raises(files.DamagedFileError, match="history.csv is missing"):
        with finished.reading("history.csv") as path:
            open(path)
    with pytest.raises(files.DamagedFileError, match=r"\(ZeroDivisionError"):
        with finished.reading("layers.csv"):
            raise ZeroDivisionError
    # Once measured again, it has one.
    replace_measures(run_dir)
    assert content_of(run_dir) == (0.3, NEW)
    assert {*run_files.find_finished(run_dir).summary["files"]} == {*OLD}
