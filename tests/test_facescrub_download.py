"""Downloads from a real server that misbehaves in every way."""

import collections
import gzip
import pathlib
import socket
import sqlite3
import time

import numpy as np
import pytest
from facescrub_server import Server, digest, encode, photo, row, write_list
from PIL import Image

from invariance_tf.commands.progress import FaceBar
from invariance_tf.datasets.facescrub.download import (
    addresses,
    collecting,
    fetching,
    lists,
    preparing,
)
from invariance_tf.datasets.facescrub.download.options import Options
from invariance_tf.datasets.facescrub.download.photos import MAX_SILENT, Photos

GOOD = encode(photo())


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "LONGEST_PAUSE_SECONDS", 0.02)


@pytest.fixture
def prepare(tmp_path):
    """Prepares rows in a directory; each call goes on from the last."""

    def prepare(lines, excluded=frozenset(), **options):
        rows = lists.read_lists([write_list(tmp_path / "list.txt", lines)])
        options = {"timeout": 5.0, "allow_private": True, **options}
        decided = preparing.prepare_faces(
            rows,
            Options(str(tmp_path / "out"), **options),
            FaceBar,
            excluded,
        )
        return [(each.fate, each.detail) for each in decided]

    return prepare


def written(tmp_path):
    """Returns the names of all files that are not hidden."""
    out = tmp_path / "out"
    paths = (path.relative_to(out) for path in out.rglob("*.png"))
    return sorted(str(path) for path in paths if path.parts[0][0] != ".")


def one(prepare, url, content=GOOD, **options):
    return prepare([row(1, url, content)], **options)[0]


def test_a_photo_becomes_a_crop_of_each_of_its_faces(prepare, server, tmp_path):
    url = server.serve("/a", GOOD)
    lines = [row(1, url, GOOD), row(2, url, GOOD, box="0,0,20,20")]
    assert prepare(lines, size=20) == [("ok", "")] * 2
    assert server.num_requests["/a"] == 1
    for number, left, top in [(1, 10, 5), (2, 0, 0)]:
        path = tmp_path / "out" / "Ann_Lee" / f"Ann_Lee_{number}_{number}.png"
        face = np.asarray(Image.open(path))
        expected = np.asarray(photo())[top : top + 20, left : left + 20]
        np.testing.assert_array_equal(face, expected)


def test_the_server_is_told_who_asks_and_may_not_pack(prepare, server):
    one(prepare, server.serve("/a", GOOD))
    headers = server.headers["/a"]
    assert headers["User-Agent"].startswith("invariance_tf/")
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Referer", "Authorization"} & {*headers}


def test_proxies_of_the_environment_are_not_asked(prepare, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert one(prepare, server.serve("/a", GOOD), retries=0) == ("ok", "")


@pytest.mark.parametrize("status", [204, 304, 400, 403, 404, 410])
def test_dead_links_are_asked_once(prepare, server, status):
    url = server.serve("/a", status=status)
    for _ in range(2):
        assert one(prepare, url) == ("dead link", f"HTTP status {status}")
    assert server.num_requests["/a"] == 1
    server.serve("/a", GOOD)
    assert one(prepare, url)[0] == "dead link"
    assert one(prepare, url, retry=True) == ("ok", "")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_now_and_next_time(
    prepare, server, status
):
    url = server.serve("/a", status=status, Retry_After=1)
    expected = ("unreachable", f"HTTP status {status}")
    assert one(prepare, url, retries=2) == expected
    assert server.num_requests["/a"] == 3
    server.serve("/a", GOOD)
    assert one(prepare, url) == ("ok", "")


@pytest.mark.parametrize(
    ("content", "answer"),
    [(b"", {"status": 500}), (GOOD[:500], {"Content_Length": len(GOOD)})],
    ids=["an error", "a part"],
)
def test_a_failure_and_then_an_answer_is_an_answer(
    prepare, server, content, answer
):
    server.serve("/good", GOOD)
    server.serve("/bad", content, **answer)

    def choose(handler):
        is_first = server.num_requests["/a"] == 1
        server.answers["/bad" if is_first else "/good"](handler)

    assert one(prepare, server.do("/a", choose)) == ("ok", "")
    assert server.num_requests["/a"] == 2
    fate, detail = one(prepare, server.url + "/bad", retries=0)
    reason = "ClientPayloadError" if content else "HTTP status 500"
    assert (fate, reason in detail) == ("unreachable", True)


def test_an_answer_that_comes_too_slowly_does_not_count(prepare, server):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for value in GOOD[:100]:
            handler.wfile.write(bytes([value]))
            time.sleep(0.05)

    url = server.do("/a", drip)
    fate, detail = one(prepare, url, timeout=0.3, retries=0)
    assert (fate, detail) == ("unreachable", "no complete answer in time")
    url = server.do("/b", lambda handler: time.sleep(1))
    detail = "no answer in time"
    assert one(prepare, url, timeout=0.3, retries=0) == (fate, detail)


def test_no_answer_at_all_is_unreachable(prepare, server):
    nothing = server.do("/a", lambda handler: None)
    assert one(prepare, nothing, retries=0)[0] == "unreachable"
    nonsense = server.do("/b", lambda handler: handler.wfile.write(b"\0" * 99))
    assert one(prepare, nonsense, retries=0)[0] == "unreachable"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert one(prepare, url, retries=0)[0] == "unreachable"
    assert one(prepare, "http://a.invalid/", retries=0)[0] == "unreachable"
    assert one(prepare, "http://a..b/", retries=0)[0] == "dead link"


@pytest.mark.parametrize("length", [None, len(GOOD) - 9, "nonsense"])
def test_a_wrong_length_never_passes_for_the_file(prepare, server, length):
    content = GOOD if length else GOOD[:-9]
    url = server.serve("/a", content, Content_Length=length)
    fate, _ = one(prepare, url, retries=0)
    assert fate in ("hash mismatch", "not an image", "unreachable")


def test_redirections_are_followed_but_not_forever(prepare, server):
    server.serve("/good", GOOD)
    url = server.serve("/a", status=301, Location="/good")
    assert one(prepare, url) == ("ok", "")
    url = server.serve("/loop", status=302, Location="/loop")
    assert one(prepare, url) == ("dead link", "redirected 10 times")
    assert server.num_requests["/loop"] == 10


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://a.org/", "data:,a", "javascript:1"]
)
def test_redirections_out_of_the_web_are_refused(prepare, server, target):
    url = server.serve("/a", status=302, Location=target)
    fate, detail = one(prepare, url)
    assert fate == "refused"
    assert detail.startswith("redirected out of the web")


def test_bytes_that_are_not_text_do_not_end_the_download(prepare, server):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n")
        handler.wfile.write(b"Location: ftp://a\xff\xfe.org/\r\n\r\n")

    fate, detail = one(prepare, server.do("/a", answer))
    assert (fate, r"ftp://a\xff\xfe.org/" in detail) == ("dead link", True)


def test_a_redirection_to_nowhere_is_a_dead_link(prepare, server):
    url = server.serve("/a", status=302, Location="http://[")
    assert one(prepare, url)[0] == "dead link"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
    ],
)
def test_private_addresses_get_no_connection(prepare, server, host):
    server.serve("/a", GOOD)
    url = f"http://{host}:{server.server_port}/a"
    fate, detail = one(prepare, url, allow_private=False)
    # Some spellings of numbers are legal addresses for a browser only.
    is_illegal = fate == "dead link" and "not a legal address" in detail
    refusal = ("refused", "leads to an address that is not public")
    assert is_illegal or (fate, detail) == refusal
    assert is_illegal <= (host in ["2130706433", "0x7f.1", "127.1", "0"])
    assert not server.num_requests


def test_a_redirection_to_a_private_address_gets_none_either(
    prepare, server, monkeypatch
):
    # Only this address counts as public here.
    monkeypatch.setattr(
        addresses, "is_public", lambda each: each == "127.0.0.1"
    )
    with Server("127.0.0.2") as private:
        target = private.serve("/secret", GOOD)
        url = server.serve("/a", status=302, Location=target)
        fate, _ = one(prepare, url, allow_private=False)
        assert (fate, dict(private.num_requests)) == ("refused", {})
        assert one(prepare, url, retry=True) == ("ok", "")


def test_a_name_that_changes_its_address_gains_nothing(
    prepare, server, monkeypatch
):
    server.serve("/a", GOOD)
    look_up = socket.getaddrinfo
    num_asked = collections.Counter()

    def rebind(host, *arguments, **options):
        num_asked[host] += 1
        return look_up("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    url = f"http://public.example:{server.server_port}/a"
    assert one(prepare, url, allow_private=False)[0] == "refused"
    # One look-up: the address that is checked is the one to connect to.
    assert (num_asked["public.example"], dict(server.num_requests)) == (1, {})


def test_more_bytes_than_a_photo_has_are_not_read(prepare, server, monkeypatch):
    monkeypatch.setattr(fetching, "MAX_BYTES", 10_000)
    url = server.serve("/a", b"", Content_Length=10_001)
    assert one(prepare, url)[0] == "too large"

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(5_000))

    url = server.do("/b", endless)
    assert one(prepare, url) == ("too large", "more than 10,000 bytes")


def test_packed_answers_are_not_unpacked(prepare, server, monkeypatch):
    monkeypatch.setattr(fetching, "MAX_BYTES", 10_000)
    bomb = gzip.compress(bytes(5_000_000))
    url = server.serve("/a", bomb, Content_Encoding="gzip")
    assert one(prepare, url)[0] == "not an image"


def test_a_web_page_is_not_an_image(prepare, server):
    page = b"<!DOCTYPE html><title>Not found</title>"
    url = server.serve("/a", page, Content_Type="image/jpeg")
    assert one(prepare, url)[0] == "not an image"
    assert one(prepare, url, retry=True)[0] == "not an image"


def test_another_image_counts_only_where_that_is_allowed(
    prepare, server, tmp_path
):
    other = encode(photo(1))
    url = server.serve("/a", other)
    assert one(prepare, url) == ("hash mismatch", "")
    assert written(tmp_path) == []
    assert one(prepare, url, allow_changed=True) == ("changed", "")
    assert written(tmp_path) == ["Ann_Lee/Ann_Lee_1_1.png"]
    assert server.num_requests["/a"] == 2
    # Back and forth without another download.
    assert one(prepare, url) == ("hash mismatch", "")
    assert written(tmp_path) == []
    assert one(prepare, url, allow_changed=True) == ("changed", "")
    assert server.num_requests["/a"] == 2
    manifest = (tmp_path / "out" / "manifest.csv").read_text()
    assert digest(other) in manifest


def test_a_box_outside_does_not_hinder_the_other_faces(prepare, server):
    url = server.serve("/a", GOOD)
    lines = [row(1, url, GOOD, box="0,0,61,40"), row(2, url, GOOD)]
    assert [fate for fate, _ in prepare(lines)] == ["box outside", "ok"]


def test_names_lead_nowhere_else(prepare, server, tmp_path):
    url = server.serve("/a", GOOD)
    names = ["../../Ann", "Leo\u0301n Ümit", "/tmp/Ann", "..", "A/B"]
    lines = [row(n, url, GOOD, name) for n, name in enumerate(names)]
    fates = [fate for fate, _ in prepare(lines)]
    assert fates == ["bad row", "ok", *["bad row"] * 3]
    assert written(tmp_path) == ["León_Ümit/León_Ümit_1_1.png"]
    assert {path.name for path in tmp_path.iterdir()} == {"list.txt", "out"}


def test_what_is_done_is_not_done_again(prepare, server, tmp_path):
    lines = [
        row(number, server.serve(f"/{number}", encode(image)), encode(image))
        for number, image in enumerate(map(photo, range(3)))
    ]
    assert prepare(lines[:2]) == [("ok", "")] * 2
    assert prepare(lines) == [("ok", "")] * 3
    assert prepare(lines, excluded={0}) == [("excluded", ""), *[("ok", "")] * 2]
    assert prepare(lines) == [("ok", "")] * 3
    assert set(server.num_requests.values()) == {1}
    (tmp_path / "out" / "Ann_Lee" / "Ann_Lee_1_1.png").unlink()
    assert prepare(lines) == [("ok", "")] * 3
    assert len(written(tmp_path)) == 3
    assert server.num_requests == {"/0": 1, "/1": 2, "/2": 1}


def test_a_row_that_changes_is_done_again(prepare, server, tmp_path):
    url = server.serve("/a", GOOD)
    prepare([row(1, url, GOOD)])
    server.serve("/a", status=404)
    new = row(1, url, GOOD, box="0,0,20,20")
    assert prepare([new])[0][0] == "dead link"
    # The crop of the old box does not pass for that of the new one.
    assert written(tmp_path) == []
    # But it was not lost.
    assert one(prepare, url) == ("ok", "")
    assert len(written(tmp_path)) == 1
    server.serve("/a", GOOD)
    assert prepare([new], retry=True) == [("ok", "")]
    assert len(written(tmp_path)) == 1


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_row_that_changes_back_has_its_own_crop(
    prepare, server, tmp_path, monkeypatch, is_killed
):
    url = server.serve("/a", GOOD)
    old, new = row(1, url, GOOD), row(1, url, GOOD, box="0,0,20,20")
    assert prepare([old], size=20) == [("ok", "")]
    with monkeypatch.context() as patch:
        if is_killed:
            # Between the crop and its outcome.
            patch.setattr(preparing.Journal, "append", fail_to_append)
            with pytest.raises(OSError, match="full"):
                prepare([new], size=20)
        else:
            assert prepare([new], size=20) == [("ok", "")]
    assert prepare([old], size=20) == [("ok", "")]
    path = tmp_path / "out" / "Ann_Lee" / "Ann_Lee_1_1.png"
    expected = np.asarray(photo())[5:25, 10:30]
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)
    pixels = digest(expected.tobytes())
    assert pixels in (tmp_path / "out" / "manifest.csv").read_text()
    assert server.num_requests["/a"] == 3
    # The crop of another row does not stand in for one that is gone.
    server.serve("/a", status=404)
    assert prepare([new], size=20)[0][0] == "dead link"
    assert written(tmp_path) == []


def fail_to_append(journal, outcomes):
    raise OSError("The disk is full.")


def test_a_journal_of_an_earlier_version_goes_on(prepare, server, tmp_path):
    lines = [row(1, server.serve("/a", GOOD), GOOD)]
    prepare(lines)
    path = tmp_path / "out" / preparing.JOURNAL
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE writers")
    database.close()
    assert prepare(lines) == [("ok", "")]
    assert server.num_requests["/a"] == 1


def test_a_retry_leaves_changed_images_that_were_kept(
    prepare, server, tmp_path
):
    url = server.serve("/a", encode(photo(1)))
    changed, mismatch = ("changed", ""), ("hash mismatch", "")
    assert one(prepare, url, allow_changed=True) == changed
    server.serve("/a", status=404)
    assert one(prepare, url, retry=True) == mismatch
    assert written(tmp_path) == []
    assert one(prepare, url, allow_changed=True, retry=True) == changed
    assert len(written(tmp_path)) == server.num_requests["/a"] == 1
    # Until somebody removes the crop.
    assert one(prepare, url) == mismatch
    (tmp_path / "out" / ".set_aside" / "Ann_Lee/Ann_Lee_1_1.png").unlink()
    assert one(prepare, url) == mismatch
    assert one(prepare, url, retry=True)[0] == "dead link"


def test_kept_photos_need_no_second_download(prepare, server, tmp_path):
    kept = str(tmp_path / "photos")
    url = server.serve("/a", GOOD)
    lines = [row(1, url, GOOD), row(2, url + "?", GOOD)]
    server.serve("/a?", GOOD)
    prepare(lines, originals_dir=kept)
    path = tmp_path / "photos" / digest(GOOD)[:2] / digest(GOOD)
    assert path.read_bytes() == GOOD
    (tmp_path / "out").rename(tmp_path / "old")
    before = dict(server.num_requests)
    expected = [("ok", ""), ("duplicate", "the pixels of list.txt line 2")]
    assert prepare(lines, originals_dir=kept, size=50) == expected
    assert server.num_requests == before


def test_a_damaged_photo_is_downloaded_again(prepare, server, tmp_path):
    kept = str(tmp_path / "photos")
    lines = [row(1, server.serve("/a", GOOD), GOOD)]
    prepare(lines, originals_dir=kept)
    path = tmp_path / "photos" / digest(GOOD)[:2] / digest(GOOD)
    path.write_bytes(GOOD[:-9] + bytes(9))
    (tmp_path / "out").rename(tmp_path / "old")
    assert prepare(lines, originals_dir=kept) == [("ok", "")]
    assert path.read_bytes() == GOOD
    assert server.num_requests["/a"] == 2


def test_no_host_is_asked_more_often_at_once_than_allowed(prepare, server):
    now, most = [0], [0]

    def answer(handler):
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.02)
        now[0] -= 1
        handler.send_response(404)
        handler.end_headers()

    lines = [row(n, server.do(f"/{n}", answer)) for n in range(20)]
    assert {fate for fate, _ in prepare(lines, per_host=3)} == {"dead link"}
    assert sum(server.num_requests.values()) == 20
    assert most[0] <= 3


def test_hosts_take_turns(tmp_path):
    lines = [row(n, f"http://{h}/{n}") for h in "ab" for n in range(3)]
    lines.append(row(9, "http://a/0"))
    rows = lists.read_lists([write_list(tmp_path / "list.txt", lines)])
    photos = Photos(rows, per_host=2)
    first = [photos.take() for _ in range(4)]
    assert [host for host, _ in first] == ["a", "b", "a", "b"]
    assert [len(members) for _, members in first] == [2, 1, 1, 1]
    assert photos.take() is None
    photos.give_back("b")
    assert photos.take()[0] == "b"
    photos.give_back("b")
    assert photos.take() is None


def test_a_host_that_is_silent_is_not_asked_forever(prepare, monkeypatch):
    num_asked = collections.Counter()

    async def fetch(session, url, retries):
        num_asked[url] += 1
        raise fetching.Unreachable("no connection", is_host_silent=True)

    monkeypatch.setattr(fetching, "fetch_file", fetch)
    lines = [row(n, f"http://a/{n}") for n in range(9)]
    details = prepare(lines, per_host=1)
    assert len(num_asked) == MAX_SILENT
    before = ("unreachable", "the host was silent before")
    assert details.count(before) == 9 - MAX_SILENT
    prepare(lines, per_host=1)
    assert sum(num_asked.values()) == 2 * MAX_SILENT


def test_a_host_that_accepts_and_says_nothing_is_left(prepare, server):
    def say_nothing(handler):
        time.sleep(1)

    lines = [row(n, server.do(f"/{n}", say_nothing)) for n in range(9)]
    details = prepare(lines, per_host=1, retries=0, timeout=0.1)
    assert server.num_requests.total() == MAX_SILENT
    assert details.count(("unreachable", "no answer in time")) == MAX_SILENT
    before = ("unreachable", "the host was silent before")
    assert details.count(before) == 9 - MAX_SILENT


def test_a_host_that_is_slow_is_not_silent(prepare, server):
    def say_little(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        handler.wfile.flush()
        time.sleep(0.5)

    lines = [row(n, server.do(f"/{n}", say_little)) for n in range(5)]
    details = prepare(lines, per_host=1, retries=0, timeout=0.1)
    assert details == [("unreachable", "no complete answer in time")] * 5


def test_a_full_disk_stops_everything_and_loses_nothing(
    prepare, server, tmp_path, monkeypatch
):
    lines = [
        row(number, server.serve(f"/{number}", encode(image)), encode(image))
        for number, image in enumerate(map(photo, range(6)))
    ]

    def fail(out_dir, file, face, write=collecting._write_crop):
        if "_4" in file:
            raise OSError(28, "No space left on device")
        write(out_dir, file, face)

    with monkeypatch.context() as patch:
        patch.setattr(collecting, "_write_crop", fail)
        with pytest.raises(OSError, match="No space left"):
            prepare(lines, connections=1)
    fates = (tmp_path / "out" / "manifest.csv").read_text()
    assert (fates.count(",ok,"), fates.count(",pending,")) == (4, 2)
    assert prepare(lines) == [("ok", "")] * 6


def test_a_manifest_is_there_at_any_time(
    prepare, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(preparing, "MANIFEST_SECONDS", 0.0)
    path = tmp_path / "out" / "manifest.csv"
    seen = []

    def answer(handler):
        seen.append(path.read_text().count(",pending,"))
        handler.send_response(404)
        handler.end_headers()

    lines = [row(n, server.do(f"/{n}", answer)) for n in range(4)]
    prepare(lines, connections=1)
    assert seen == [4, 3, 2, 1]


def test_two_processes_do_not_write_to_one_directory(prepare, tmp_path):
    from invariance_tf import files

    with files.locked(tmp_path / "out"):
        with pytest.raises(BlockingIOError, match="Another process"):
            prepare([row(1, "http://a")])
    assert not pathlib.Path(tmp_path, "out", "manifest.csv").exists()
