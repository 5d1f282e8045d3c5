"""FaceScrub's lists: what is read, and what is refused."""

import unicodedata

import pytest
from facescrub_server import HEADER, row, write_list

from invariance_tf.datasets.facescrub.download import lists

HASH = "ab" * 32
GOOD = ["Ann Lee", "1", "2", "http://a.org/1.jpg", "1,2,3,4", HASH]


def read(tmp_path, *lines):
    return lists.read_lists([write_list(tmp_path / "actors.txt", lines)])


def read_changed(tmp_path, column, value):
    fields = [*GOOD]
    fields[HEADER.split("\t").index(column)] = value
    return read(tmp_path, "\t".join(fields))[0]


def test_a_row_says_what_to_cut_from_where_and_where_to_write_it(tmp_path):
    (read_row,) = read(tmp_path, "\t".join(GOOD))
    assert read_row.problem == ""
    assert read_row.place == "actors.txt line 2"
    assert read_row.file == "Ann_Lee/Ann_Lee_1_2.png"
    assert (read_row.url, read_row.box) == (GOOD[3], (1, 2, 3, 4))
    assert read_row.sha256 == HASH


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("Stellan Skarsgård", "Stellan_Skarsgård"),
        (unicodedata.normalize("NFD", "Adam Rodríguez"), "Adam_Rodríguez"),
        ("Rosie O'Donnell", "Rosie_O'Donnell"),
        ("Robert Downey, Jr.", "Robert_Downey,_Jr."),
        ("Nikolaj Coster-Waldau", "Nikolaj_Coster-Waldau"),
        ("  Ann   Lee ", "Ann_Lee"),
    ],
)
def test_a_name_becomes_a_composed_folder_name(tmp_path, name, identity):
    found = read_changed(tmp_path, "name", name)
    assert (found.problem, found.identity) == ("", identity)


@pytest.mark.parametrize(
    "name",
    [
        "../Ann",
        "..",
        ".",
        "",
        ".hidden",
        "/etc/passwd",
        "Ann/../../Lee",
        "Ann\\Lee",
        "C:Ann",
        "Ann\x00Lee",
        "Ann\x1b[31m",
        "__MACOSX",
        "~ann",
        "A" * 101,
        "é" * 51,
    ],
)
def test_a_name_that_is_not_a_folder_of_its_own_makes_a_bad_row(tmp_path, name):
    found = read_changed(tmp_path, "name", name)
    assert found.problem.startswith("`name` must begin with a letter")
    assert found.problem.endswith(f"Received: name={name.strip()[:80]!r}")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("image_id", "-1"),
        ("image_id", "1.0"),
        ("face_id", ""),
        ("face_id", "../1"),
        ("face_id", "٣"),
        ("face_id", "1" * 13),
        ("url", "file:///etc/passwd"),
        ("url", "ftp://a.org/1.jpg"),
        ("url", "//a.org/1.jpg"),
        ("url", "http:///1.jpg"),
        ("url", "http://a.org:99999/1.jpg"),
        ("url", "http://[::1/1.jpg"),
        ("url", "http://a.org/\x0b1.jpg"),
        ("url", "http://a.org/" + "1" * 2000),
        ("bbox", "1,2,3"),
        ("bbox", "1,2,3,4,5"),
        ("bbox", "-1,2,3,4"),
        ("bbox", "1.5,2,3,4"),
        ("bbox", "3,2,3,4"),
        ("bbox", "1,4,3,2"),
        ("bbox", "1 2 3 4"),
        ("sha256", "ab" * 31),
        ("sha256", "xy" * 32),
    ],
)
def test_a_value_that_is_not_legal_makes_a_bad_row(tmp_path, column, value):
    found = read_changed(tmp_path, column, value)
    assert found.problem.startswith(f"`{column}` must be ")
    assert found.problem.endswith(f"Received: {column}={value[:80]!r}")


def test_a_bad_row_leaves_the_others_alone(tmp_path):
    rows = read(tmp_path, row(1, "http://a.org"), "", "x\ty", "x" + "\t" * 9)
    assert [each.line for each in rows] == [2, 4, 5]
    assert rows[0].problem == ""
    for each, num_columns in zip(rows[1:], [2, 10], strict=True):
        assert each.problem.endswith(f"Received: {num_columns} columns")


@pytest.mark.parametrize(
    "header", ["", "name,image_id", HEADER.upper(), HEADER + "\tx", "\x89PNG"]
)
def test_another_header_is_a_mistake_in_one_line(tmp_path, header):
    path = tmp_path / "actors.txt"
    path.write_bytes(header.encode("latin-1") + b"\n" + b"1\t2\n")
    with pytest.raises(ValueError) as caught:
        lists.read_lists([path])
    assert str(caught.value).startswith(f"{path} line 1: a list of FaceScrub ")
    assert str(caught.value).endswith(f"Received: {header!r}")
    assert "\n" not in str(caught.value)


def test_lists_of_other_systems_are_read(tmp_path):
    path = tmp_path / "actors.txt"
    lines = [HEADER, row(1, "http://a.org", name="León Ümit")]
    for encoding in ["utf-8-sig", "latin-1"]:
        path.write_bytes("\r\n".join(lines).encode(encoding))
        (found,) = lists.read_lists([path])
        assert (found.problem, found.identity) == ("", "León_Ümit")


def test_several_lists_are_read_in_their_order(tmp_path):
    paths = [
        write_list(tmp_path / name, [row(number, "http://a.org")])
        for number, name in enumerate(["b.txt", "a.txt"])
    ]
    rows = lists.read_lists(paths)
    assert [each.list_name for each in rows] == ["b.txt", "a.txt"]
    assert [each.face_id for each in rows] == [0, 1]


def test_lists_without_rows_or_files_are_mistakes(tmp_path):
    with pytest.raises(ValueError, match="only a header, no rows"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="winklerbros"):
        lists.read_lists([tmp_path / "nowhere.txt"])


def test_faces_to_leave_out_are_read_from_lines(tmp_path):
    path = tmp_path / "noise.txt"
    path.write_text("# by hand\n12\n\n 7 \r\n12\n")
    assert lists.read_excluded([path]) == {7, 12}
    assert lists.read_excluded([]) == set()
    path.write_text("12\nAnn\n")
    with pytest.raises(ValueError, match=r"line 2: .* Received: 'Ann'"):
        lists.read_excluded([path])


def test_rows_are_the_same_only_if_all_that_matters_is(tmp_path):
    (first,) = read(tmp_path, "\t".join(GOOD))
    keys = {first.key}
    assert read(tmp_path, "\t".join(GOOD))[0].key == first.key
    for column, value in [
        ("name", "Bob"),
        ("image_id", "9"),
        ("face_id", "9"),
        ("url", "http://a.org"),
        ("bbox", "1,2,3,5"),
        ("sha256", "cd" * 32),
    ]:
        keys.add(read_changed(tmp_path, column, value).key)
    assert len(keys) == 7
