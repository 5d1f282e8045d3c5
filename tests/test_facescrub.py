"""FaceScrub's arrangements of folders, and what is said without it."""

import unicodedata

import pytest
from PIL import Image

from invariance_tf.datasets import get
from invariance_tf.datasets.facescrub import load_facescrub
from invariance_tf.datasets.folder import load_folder

NAMES = ["Brad_Pitt", "León Ümit"]


def save(path, value=0, size=16):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), value).save(path)


def load(data_dir, tmp_path, **options):
    options = {"num_test": 1, "min_images": 2, **options}
    return load_facescrub(data_dir, cache_dir=tmp_path / "cache", **options)


@pytest.mark.parametrize(
    "pattern",
    [
        "actors/faces/{name}/{number}.png",
        "actors/images/{name}/{number}.png",
        "Actresses/Faces/{name}/{number}.png",
        "actor_faces/{name}/{number}.png",
        "download/{name}/face/{number}.png",
        "{name}/face/{number}.png",
        "{name}/images/{number}.png",
        "facescrub_aligned/{name}/{number}.png",
        "{name}/{number}.PNG",
        "images/train/{name}/{number}.png",
    ],
)
def test_every_arrangement_gives_the_identities(tmp_path, pattern):
    for name in NAMES:
        for number in range(3):
            path = pattern.format(name=name, number=number)
            save(tmp_path / "data" / path)
    dataset = load(tmp_path / "data", tmp_path)
    assert dataset.categories == tuple(NAMES)
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.is_test.tolist() == [True, False, False] * 2
    assert dataset.skipped == ()
    assert dataset.name == "facescrub"


@pytest.mark.parametrize(
    ("faces", "others"),
    [
        ("actors/faces/{}", "actors/images/{}"),
        ("actor_faces/{}", "actor_images/{}"),
        ("download/{}/face", "download/{}"),
        ("download/{}/face", "download/{}/image"),
    ],
)
def test_faces_are_preferred_to_full_images(tmp_path, faces, others):
    for name in NAMES:
        for number in range(2):
            file = f"{number}.png"
            save(tmp_path / "data" / faces.format(name) / file, value=200)
            save(tmp_path / "data" / others.format(name) / file, value=10)
    # An identity without any face keeps its full images.
    for number in range(2):
        save(tmp_path / "data" / others.format("Zoe") / f"{number}.png", 10)
    dataset = load(tmp_path / "data", tmp_path)
    assert dataset.images[:, 0, 0, 0].tolist() == [200] * 4 + [10] * 2


def test_actors_and_actresses_are_one_data_set(tmp_path):
    for group, name in [("actors", "B"), ("actresses", "A"), ("actors", "C")]:
        for number in range(2):
            save(tmp_path / "data" / group / "faces" / name / f"{number}.png")
    assert load(tmp_path / "data", tmp_path).categories == ("A", "B", "C")


def test_a_category_may_be_called_faces(tmp_path):
    for name in ["Faces", "Faces_easy", "anchor"]:
        for number in range(2):
            path = f"101_ObjectCategories/{name}/{number}.png"
            save(tmp_path / "data" / path)
    dataset = load_folder(tmp_path / "data", num_test=1, cache_dir=tmp_path)
    assert dataset.categories == ("Faces", "Faces_easy", "anchor")


def test_folders_of_the_same_name_are_one_category(tmp_path):
    for part in ["val", "train"]:
        for name in ["cat", "dog"]:
            save(tmp_path / "data" / part / name / "1.png", len(part) * 10)
    dataset = load(tmp_path / "data", tmp_path)
    assert dataset.categories == ("cat", "dog")
    assert dataset.images[:, 0, 0, 0].tolist() == [50, 30, 50, 30]


def test_two_spellings_of_an_accent_are_one_category(tmp_path):
    for number, form in enumerate(["NFC", "NFD"]):
        for name in NAMES:
            spelling = unicodedata.normalize(form, name)
            save(tmp_path / "data" / spelling / f"{number}.png")
    dataset = load(tmp_path / "data", tmp_path)
    assert dataset.categories == tuple(NAMES)
    assert len(dataset.images) == 4


def test_hidden_files_and_other_files_are_ignored(tmp_path):
    for name in NAMES:
        for number in range(2):
            save(tmp_path / "data" / name / f"{number}.png")
        save(tmp_path / "data" / name / ".0.png")
        save(tmp_path / "data" / ".cache" / name / "0.png")
        save(tmp_path / "data" / "__MACOSX" / name / "0.png")
        (tmp_path / "data" / name / "faces.txt").write_text("x1,y1,x2,y2")
    dataset = load(tmp_path / "data", tmp_path)
    assert (len(dataset.images), dataset.skipped) == (4, ())


def test_images_outside_of_any_category_are_reported(tmp_path):
    save(tmp_path / "data" / "contact_sheet.png")
    for name in NAMES:
        for number in range(2):
            save(tmp_path / "data" / "faces" / name / f"{number}.png")
    dataset = load(tmp_path / "data", tmp_path)
    assert dataset.skipped == (
        ("contact_sheet.png", "is not in a category's folder"),
    )


def test_links_are_followed_but_never_in_a_loop(tmp_path):
    for name in NAMES:
        for number in range(2):
            save(tmp_path / "elsewhere" / name / f"{number}.png")
    data_dir = tmp_path / "data"
    real = data_dir / "own" / "Real"
    for number in range(2):
        save(real / f"{number}.png")
    (data_dir / "linked").symlink_to(tmp_path / "elsewhere")
    (data_dir / "Alias").symlink_to(real)
    (data_dir / "loop").symlink_to(data_dir)
    (data_dir / "above").symlink_to(tmp_path.parent)
    (real / "self").symlink_to("self")
    dataset = load(data_dir, tmp_path)
    assert dataset.categories == (NAMES[0], NAMES[1], "Real")
    assert len(dataset.images) == 6


def test_the_default_directory_is_in_the_working_directory(
    tmp_path, monkeypatch
):
    for name in NAMES:
        for number in range(2):
            save(tmp_path / "data" / "facescrub" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    assert load(None, tmp_path).num_categories == 2


def test_without_facescrub_one_line_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        get("facescrub")
    message = str(caught.value)
    assert "\n" not in message
    for part in [
        "FaceScrub faces are missing",
        str(tmp_path / "data" / "facescrub"),
        "Ng & Winkler",
        "http://vintage.winklerbros.net/facescrub.html",
        "--data_dir",
        "Received: data_dir=None",
    ]:
        assert part in message
