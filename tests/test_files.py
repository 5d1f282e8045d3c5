"""Files of a run are complete or not there."""

import errno
import json
import math
import multiprocessing
import os

import pytest

from invariance_tf import files


def test_a_failure_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_csv(path, [{"a": 1}])
    with pytest.raises(KeyError):
        with files.replacing(path) as temporary_path:
            with open(temporary_path, "w") as file:
                file.write("half of ")
            raise KeyError
    assert path.read_text() == "a\n1\n"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_an_error_while_writing_keeps_its_message(tmp_path):
    with pytest.raises(OSError, match="^cannot write mode RGBA$"):
        with files.replacing(tmp_path / "picture.png"):
            raise OSError("cannot write mode RGBA")


def test_nan_is_null_in_json(tmp_path):
    path = tmp_path / "summary.json"
    files.write_json(path, {"a": math.nan, "b": [math.inf, 0.5], "c": "nan"})
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content == {"a": None, "b": [None, 0.5], "c": "nan"}
    assert files.read_json(path) == content


def test_a_missing_json_file_reads_as_none(tmp_path):
    assert files.read_json(tmp_path / "summary.json") is None


def test_yaml_keeps_small_numbers_and_order(tmp_path):
    path = tmp_path / "config.yaml"
    files.write_yaml(path, {"b": 1e-4, "a": None})
    assert path.read_text() == "b: 0.0001\na: null\n"


def hold_lock(run_dir, is_locked, may_end):
    with files.locked(run_dir):
        is_locked.set()
        may_end.wait(60)


def test_two_processes_do_not_work_on_one_run(tmp_path):
    context = multiprocessing.get_context("spawn")
    is_locked, may_end = context.Event(), context.Event()
    process = context.Process(
        target=hold_lock, args=(tmp_path / "run", is_locked, may_end)
    )
    process.start()
    assert is_locked.wait(60)
    with pytest.raises(BlockingIOError, match="Another process is working"):
        with files.locked(tmp_path / "run"):
            pytest.fail("both processes hold the lock")
    # A dead process does not leave its lock behind.
    process.kill()
    process.join()
    with files.locked(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()


def test_clearing_keeps_nothing_but_the_lock(tmp_path):
    with files.locked(tmp_path):
        (tmp_path / "tensorboard").mkdir()
        (tmp_path / "tensorboard" / "events").write_text("x")
        (tmp_path / "summary.json").write_text("{}")
        files.clear_directory(tmp_path)
        assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".writing-1-accuracy.csv").write_text("half")
    (tmp_path / "accuracy.csv").write_text("whole")
    with files.locked(tmp_path):
        assert {entry.name for entry in tmp_path.iterdir()} == {
            *(".lock", "accuracy.csv")
        }


def test_a_full_disk_names_the_file_and_other_messages_stay(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(OSError, match="No space.*table.csv"):
        with files.replacing(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match="^The disk is tired$"):
        with files.replacing(path):
            raise OSError("The disk is tired")
    assert not [*tmp_path.iterdir()]
