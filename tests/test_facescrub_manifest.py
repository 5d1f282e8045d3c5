"""The journal, and what each row has become under the options of a call."""

import csv
import dataclasses
import subprocess
import sys

import pytest
from facescrub_server import row, write_list

from invariance_tf.datasets.facescrub.download import lists, manifest
from invariance_tf.datasets.facescrub.download.fates import FATES
from invariance_tf.datasets.facescrub.download.journal import Journal, Outcome

URL = "http://a.org/"


def read(tmp_path, *lines):
    return lists.read_lists([write_list(tmp_path / "actors.txt", lines)])


def ok(each, pixels, received=None):
    return Outcome("ok", "", received or each.sha256, pixels)


def fates(decided):
    return [each.fate for each in decided]


# The journal


def test_a_journal_remembers_the_last_outcome_of_each_row(tmp_path):
    path = tmp_path / "journal"
    first = Journal(path, 100)
    first.append({"a": Outcome("unreachable"), "b": Outcome("dead link")})
    first.append({"a": Outcome("ok", "", "1", "2")})
    first.close()
    again = Journal(path, 100)
    assert again.outcomes == {
        "a": Outcome("ok", "", "1", "2"),
        "b": Outcome("dead link"),
    }
    again.close()


def test_what_is_appended_survives_the_kill_of_the_program(tmp_path):
    path = tmp_path / "journal"
    program = (
        "import os, sys\n"
        "from invariance_tf.datasets.facescrub.download import journal\n"
        "opened = journal.Journal(sys.argv[1], 100)\n"
        "for number in range(50):\n"
        "    outcome = journal.Outcome('ok', str(number))\n"
        "    opened.append({f'{number}{half}': outcome for half in 'ab'})\n"
        "    print(number, flush=True)\n"
        "sys.stdin.read()\n"
    )
    for number in (0, 17, 49):
        with subprocess.Popen(
            [sys.executable, "-c", program, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            while process.stdout.readline() != f"{number}\n":
                pass
            process.kill()
        again = Journal(path, 100)
        assert {f"{n}{half}" for n in range(number + 1) for half in "ab"} <= {
            *again.outcomes
        }
        # Both outcomes of a call are there, or neither.
        assert len(again.outcomes) % 2 == 0
        again.append({"c": Outcome("ok"), "d": Outcome("ok")})
        again.close()


def test_every_beginning_of_a_write_ahead_log_can_be_continued(tmp_path):
    path, log = tmp_path / "journal", tmp_path / "journal-wal"
    journal = Journal(path, 100)
    for key in "ab":
        journal.append({key: Outcome("dead link", "HTTP status 404")})
    # What a crash of the machine leaves of it.
    content, whole = path.read_bytes(), log.read_bytes()
    journal.close()
    found = set()
    for length in [*range(0, len(whole), 512), len(whole)]:
        path.write_bytes(content)
        log.write_bytes(whole[:length])
        cut = Journal(path, 100)
        found.add("".join(sorted(cut.outcomes)))
        cut.append({"c": Outcome("ok")})
        cut.close()
        healed = Journal(path, 100)
        assert healed.outcomes == {**cut.outcomes, "c": Outcome("ok")}
        healed.close()
    assert found == {"", "a", "ab"}


def test_a_journal_remembers_for_whom_files_were_written(tmp_path):
    path = tmp_path / "journal"
    first = Journal(path, 100)
    first.claim({"León/1.png": "a", "León/2.png": "a"})
    first.claim({"León/2.png": "b"})
    first.close()
    again = Journal(path, 100)
    assert again.writers == {"León/1.png": "a", "León/2.png": "b"}
    again.close()


def test_crops_of_two_sizes_do_not_mix(tmp_path):
    path = tmp_path / "journal"
    Journal(path, 100).close()
    with pytest.raises(ValueError, match=r"100 pixels.*Received: size=64"):
        Journal(path, 64)
    path.write_text("name,fate\n" * 100)
    with pytest.raises(ValueError, match="is not a journal of this program"):
        Journal(path, 100)


def test_a_disk_that_fails_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="nowhere.*unable to open"):
        Journal(tmp_path / "nowhere" / "journal", 100)


# Fates


def test_a_row_is_pending_until_its_outcome_is_there(tmp_path):
    rows = read(tmp_path, row(1, URL), row(2, URL), "nonsense")
    outcomes = {rows[1].key: Outcome("dead link", "HTTP status 404")}
    decided = manifest.decide_outcomes(rows, outcomes, {})
    assert fates(decided) == ["pending", "dead link", "bad row"]
    assert decided[2].detail == rows[2].problem
    assert set(fates(decided)) <= set(FATES)


def test_the_first_of_the_same_pixels_in_an_identity_counts(tmp_path):
    rows = read(
        tmp_path,
        row(1, URL + "gone"),
        row(2, URL + "a"),
        row(3, URL + "b"),
        row(4, URL + "b", name="Bob"),
        row(5, URL + "c", name="ANN LEE"),
    )
    outcomes = {each.key: ok(each, "same") for each in reversed(rows[1:])}
    outcomes[rows[0].key] = Outcome("dead link")
    decided = manifest.decide_outcomes(rows, outcomes, {})
    expected = ["dead link", "ok", "duplicate", "ok", "duplicate"]
    assert fates(decided) == expected
    assert decided[2].detail == "the pixels of actors.txt line 3"
    outcomes[rows[0].key] = ok(rows[0], "same")
    assert fates(manifest.decide_outcomes(rows, outcomes, {}))[:2] == [
        "ok",
        "duplicate",
    ]


def test_the_same_face_again_is_a_duplicate_whatever_its_address(tmp_path):
    rows = read(
        tmp_path, row(1, URL + "a"), row(1, URL + "b"), row(1, URL, name="Bob")
    )
    decided = manifest.decide_outcomes(rows, {}, {})
    assert fates(decided) == ["pending", "duplicate", "pending"]
    assert decided[1].detail == "the face of actors.txt line 2"


def test_a_crop_that_another_row_overwrote_is_pending(tmp_path):
    rows = read(tmp_path, row(1, URL + "a"), row(2, URL + "b"), row(3, URL))
    outcomes = {each.key: ok(each, str(each.line)) for each in rows[:2]}
    outcomes[rows[2].key] = Outcome("dead link")
    # Of the second nothing is known, as in a journal of an earlier version.
    writers = {rows[0].file: "another", rows[2].file: "another"}
    decided = manifest.decide_outcomes(rows, outcomes, writers)
    assert fates(decided) == ["pending", "ok", "dead link"]
    writers[rows[0].file] = rows[0].key
    decided = manifest.decide_outcomes(rows, outcomes, writers)
    assert fates(decided) == ["ok", "ok", "dead link"]


def test_noise_lists_and_changed_files_are_matters_of_the_call(tmp_path):
    rows = read(tmp_path, row(1, URL), row(2, URL))
    outcomes = {
        rows[0].key: ok(rows[0], "p", received="other"),
        rows[1].key: ok(rows[1], "q"),
    }

    def decide(rows, outcomes, **options):
        return manifest.decide_outcomes(rows, outcomes, {}, **options)

    assert fates(decide(rows, outcomes)) == ["hash mismatch", "ok"]
    changed = decide(rows, outcomes, allow_changed=True)
    assert fates(changed) == ["changed", "ok"]
    assert changed[0].received_sha256 == "other"
    assert fates(decide(rows, outcomes, excluded={2, 9})) == [
        "hash mismatch",
        "excluded",
    ]


def test_a_changed_file_that_does_not_count_does_not_hide_a_good_one(tmp_path):
    rows = read(tmp_path, row(1, URL + "a"), row(2, URL + "b"))
    outcomes = {
        rows[0].key: ok(rows[0], "same", received="other"),
        rows[1].key: ok(rows[1], "same"),
    }
    decided = manifest.decide_outcomes(rows, outcomes, {})
    assert fates(decided) == ["hash mismatch", "ok"]


# Files


def test_crops_that_do_not_count_are_set_aside_and_come_back(tmp_path):
    rows = read(tmp_path, row(1, URL), row(2, URL), "nonsense")
    outcomes = {each.key: ok(each, str(each.line)) for each in rows[:2]}
    for each in rows[:2]:
        path = tmp_path / each.file
        path.parent.mkdir(exist_ok=True)
        path.write_text(each.file)
    foreign = tmp_path / "Ann_Lee" / "mine.png"
    foreign.write_text("mine")

    def visible(excluded):
        decided = manifest.decide_outcomes(rows, outcomes, {}, excluded)
        missing = manifest.move_crops(tmp_path, rows, decided)
        names = sorted(path.name for path in tmp_path.glob("[!.]*/*"))
        names.remove("mine.png")
        return names, missing

    names = [each.file.split("/")[1] for each in rows[:2]]
    assert visible({1, 2}) == ([], set())
    assert visible({2}) == (names[:1], set())
    assert visible(set()) == (names, set())
    (tmp_path / rows[1].file).unlink()
    assert visible(set()) == (names[:1], {rows[1].file})
    assert (tmp_path / rows[0].file).read_text() == rows[0].file
    assert foreign.read_text() == "mine"


def test_the_same_face_twice_does_not_set_its_own_crop_aside(tmp_path):
    rows = read(tmp_path, row(1, URL + "a"), row(1, URL + "b"))
    path = tmp_path / rows[0].file
    path.parent.mkdir()
    path.touch()
    outcomes = {rows[0].key: ok(rows[0], "p")}
    decided = manifest.decide_outcomes(rows, outcomes, {})
    assert manifest.move_crops(tmp_path, rows, decided) == set()
    assert path.exists()


def test_the_manifest_has_every_row_in_the_order_of_the_lists(tmp_path):
    bad = 'a\t"b",\tc'
    rows = read(tmp_path, row(2, URL, name="León"), bad, row(1, URL))
    outcomes = {rows[0].key: ok(rows[0], "pixels")}
    decided = manifest.decide_outcomes(rows, outcomes, {})
    manifest.write_manifest(tmp_path, rows, decided)
    path = tmp_path / "manifest.csv"
    with open(path, encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [each["line"] for each in found] == ["2", "3", "4"]
    assert [each["fate"] for each in found] == ["ok", "bad row", "pending"]
    assert found[0] == {
        "list": "actors.txt",
        "line": "2",
        "name": "León",
        "image_id": "2",
        "face_id": "2",
        "url": URL,
        "bbox": "10,5,30,25",
        "sha256": rows[0].sha256,
        "fate": "ok",
        "detail": "",
        "received_sha256": rows[0].sha256,
        "pixels_sha256": "pixels",
        "file": "León/León_2_2.png",
    }
    assert (found[1]["image_id"], found[1]["url"]) == ('"b",', "")
    assert found[2]["file"] == ""
    before = path.read_bytes()
    manifest.write_manifest(
        tmp_path, rows, [dataclasses.replace(d) for d in decided]
    )
    assert path.read_bytes() == before
