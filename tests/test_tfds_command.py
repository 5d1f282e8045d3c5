"""Whole runs on sets of TensorFlow Datasets, by the command line."""

import os
import re

import pytest
import tensorflow_datasets as tfds
import yaml
from conftest import read_csv
from facescrub_server import Server
from fake_records import encode, photo, prepare, write_imagenet

from invariance_tf import Experiment
from invariance_tf.commands.run import run_experiment


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keeps decoded images and lists of images in the test's directory."""
    monkeypatch.setenv("INVARIANCE_TF_CACHE", str(tmp_path / "cache"))


def run(tmp_path, capsys, arguments):
    """Runs one experiment; returns its status, output and error."""
    status = run_experiment(
        [
            *arguments.split(),
            *("--data_dir", str(tmp_path / "data")),
            *("--runs_dir", str(tmp_path / "runs")),
        ]
    )
    return status, *capsys.readouterr()


def directory(tmp_path):
    [run_dir] = (tmp_path / "runs").iterdir()
    return run_dir


@pytest.mark.parametrize("dataset", ["imagenet", "tfds:imagenet2012"])
@pytest.mark.parametrize("lacking", ["both", "train"])
def test_missing_archives_are_one_line(tmp_path, capsys, dataset, lacking):
    manual_dir = tmp_path / "data" / "downloads" / "manual"
    if lacking == "train":
        write_imagenet(tmp_path / "data", 2, 1)
        (manual_dir / "ILSVRC2012_img_train.tar").unlink()
    status, _, error = run(tmp_path, capsys, f"--dataset {dataset}")
    assert status == 2
    *_, line = error.splitlines()
    assert line.startswith("error: ") and error.count("error: ") == 1
    for part in (
        "The archives of imagenet2012 must be downloaded by hand",
        "ILSVRC2012_img_train.tar",
        "ILSVRC2012_img_val.tar",
        f"manual_dir is {manual_dir}",
        "https://image-net.org/download-images",
        "Received: dataset=imagenet2012",
    ):
        assert part in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--dataset tfds:cifar1000", "Did you mean tfds:cifar100?"),
        ("--dataset tfds:cifar100:9.9.9", "Received: dataset=tfds:cifar100:9"),
        ("--dataset tfds:cifar100/fine", "BuilderConfig fine not found"),
        ("--dataset tfds:cifar100/a=1", "unexpected keyword argument 'a'"),
        ("--dataset tfds", "Legal: synthfaces, digits"),
        ("--dataset imagenet --crops resnet --stream maybe", "`stream` must"),
        ("--dataset digits --stream true", "does not apply to the data set"),
        ("--dataset tfds:cifar100 --crops five", "must be central or resnet"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, arguments, message):
    status, _, error = run(tmp_path, capsys, arguments)
    assert status == 2 and message in error and error.count("\n") == 1


class Downloaded(tfds.core.GeneratorBasedBuilder):
    """A set whose archive is on a server that behaves as the test says."""

    VERSION = tfds.core.Version("1.0.0")
    url = None

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, manager):
        return {"train": self._generate_examples(manager)}

    def _generate_examples(self, manager):
        manager.download_and_extract(self.url)
        yield from ()


PAGE = b"<html>moved</html>"


@pytest.mark.parametrize(
    "status, is_known, message",
    [
        (404, False, "DownloadError: Failed to get url .*HTTP code: 404"),
        (200, True, "NonMatchingChecksumError: .* has wrong checksum"),
        (200, False, "ExtractError: Error while extracting"),
    ],
)
def test_a_failed_download_is_one_line(
    tmp_path, capsys, monkeypatch, status, is_known, message
):
    # The machine's proxy does not lead to the server.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        url = server.serve("/set.tar.gz", PAGE, status)
        monkeypatch.setattr(Downloaded, "url", url)
        info = tfds.core.download.checksums.UrlInfo(9, "0" * 64, "set.tar.gz")
        infos = {url: info} if is_known else {}
        monkeypatch.setattr(Downloaded, "url_infos", infos)
        found, _, error = run(tmp_path, capsys, "--dataset tfds:downloaded")
    assert found == 2 and error.count("error: ") == 1
    *_, line = error.splitlines()
    assert line.startswith("error: downloaded could not be downloaded and ")
    assert re.search(message, line)
    advice = f"Try again later, or copy a prepared set to {tmp_path / 'data'}"
    assert advice in line and line.endswith("Received: dataset=downloaded")
    assert not (tmp_path / "runs").exists()


SMALL = (
    "--dataset tfds:made_up --image_size 32 --epochs 1 --batch_size 8 "
    "--n_seen 2 --analysis none --network two_layers "
)


def make_small(tmp_path):
    """Prepares a set of three categories, with two images too damaged."""
    parts = {
        part: [
            (encode(photo(32, 32, 50 * label + number)), label)
            for label in range(3)
            for number in numbers
        ]
        for part, numbers in (("train", range(12)), ("test", range(12, 15)))
    }
    parts["train"] += [
        (b"no image", 0),
        (encode(photo(32, 32), "JPEG", mode="CMYK"), 1),
    ]
    prepare(tmp_path / "data", parts, ["cat", "dog", "eel"])


@pytest.mark.slow
def test_a_small_set_is_run_in_memory_and_streamed_alike(
    tmp_path, capsys, two_layers
):
    make_small(tmp_path)
    status, output, _ = run(tmp_path, capsys, SMALL)
    assert status == 0 and "Finished" in output
    run_dir = directory(tmp_path)
    reasons = [row["reason"] for row in read_csv(run_dir, "skipped.csv")]
    assert sorted(reasons) == [
        "is a CMYK image",
        "is not a readable JPEG, PNG, GIF, BMP or WebP image",
    ]
    status, output, _ = run(tmp_path, capsys, SMALL)
    assert status == 0 and "This run is already finished" in output
    status, _, error = run(tmp_path, capsys, f"{SMALL} --stream true")
    assert status == 0, error
    kept, streamed = (
        [read_csv(path, name) for name in ("splits.csv", "accuracy.csv")]
        for path in (tmp_path / "runs").iterdir()
    )
    assert kept == streamed


@pytest.mark.slow
def test_the_splits_of_a_run_are_replayed(tmp_path, capsys, two_layers):
    make_small(tmp_path)
    assert run(tmp_path, capsys, f"{SMALL} --seed 3 --stream true")[0] == 0
    path = directory(tmp_path) / "splits.csv"
    expected = path.read_text()
    path = path.rename(tmp_path / "splits.csv")
    status, _, error = run(
        tmp_path, capsys, f"{SMALL} --stream true --splits {path}"
    )
    assert status == 0, error
    [found] = (tmp_path / "runs").glob("*s0*/splits.csv")
    assert found.read_text() == expected


@pytest.mark.slow
def test_imagenet_is_run_from_its_archives(tmp_path, capsys, two_layers):
    categories = write_imagenet(tmp_path / "data")
    usual = Experiment(dataset="imagenet", n_seen=3).resolve()
    assert (usual.network, usual.image_size) == ("resnet18", 224)
    small = "--image_size 32 --network two_layers --n_seen 3 "
    small += "--epochs 1 --batch_size 8 --transform blur --dataset "
    names = ("imagenet", "tfds:imagenet2012 --stream true --crops resnet")
    for number, name in enumerate(names, 1):
        status, _, error = run(tmp_path, capsys, small + name)
        assert status == 0, error
        runs = [*(tmp_path / "runs").iterdir()]
        assert len(runs) == number
        run_dir = max(runs, key=os.path.getmtime)
        rows = read_csv(run_dir, "splits.csv")
        assert {row["category"] for row in rows} == {*categories}
        tested = [row["file"] for row in rows if row["split"] == "test"]
        assert sorted(tested) == [
            f"validation/ILSVRC2012_val_{number + 1:08d}.JPEG"
            for number in range(8)
        ]
        assert len(rows) == 8 + 4 * len(categories)
        with open(run_dir / "config.yaml") as file:
            assert yaml.safe_load(file)["crops"] == "resnet"
        assert len(read_csv(run_dir, "history.csv")) == 1
