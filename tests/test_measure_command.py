"""The command `measure`: a user's model and images, without Python."""

import json
import os
import re
import shutil

import keras
import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from invariance_tf import transforms
from invariance_tf.commands import cli, terminal
from invariance_tf.measures.measurement import measure_invariance
from invariance_tf.runs import own_model
from invariance_tf.settings import conditions

matplotlib.use("Agg")
FILES = {
    "layers.csv",
    "layers.png",
    "measurement.json",
    "neurons.parquet",
    "neurons.png",
    "report.html",
}


def make_model(size=16, channels=3):
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, channels))
    x = keras.layers.Conv2D(6, 5, 2, activation="relu", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(8, activation="relu", name="fc")(x)
    return keras.Model(image, keras.layers.Dense(3, name="logits")(x))


def draw(number):
    generator = np.random.default_rng(number)
    return generator.integers(0, 256, (16, 16, 3), "uint8")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A model, images in three categories, and the same without folders."""
    root = tmp_path_factory.mktemp("own")
    make_model().save(root / "model.keras")
    for number in range(12):
        category = ["cat", "dog", "<b>emu</b>".replace("/", "-")][number // 4]
        for directory in (root / "images" / category, root / "flat"):
            directory.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw(number)).save(directory / f"{number:02}.png")
    return root


@pytest.fixture(scope="module")
def measured(places):
    """The directory of a finished measurement with the default options."""
    places = [str(places / name) for name in ("model.keras", "images", "done")]
    model, images, out = places
    assert cli.main(["measure", model, "--images", images, "--out", out]) == 0
    return out


@pytest.fixture
def measure(places, tmp_path, capsys):
    """Runs the command; returns its status, output and error."""

    def run(*arguments, model="model.keras", images="images"):
        path = places / model
        status = cli.main(
            [
                *("measure", str(path if path.exists() else model)),
                *("--images", str(places / images)),
                *("--out", str(tmp_path / "out"), *arguments),
            ]
        )
        return status, *capsys.readouterr()

    return run


def read(tmp_path):
    out = tmp_path / "out"
    return pd.read_csv(out / "layers.csv"), pd.read_parquet(
        out / "neurons.parquet"
    )


def test_its_numbers_are_those_of_python(measure, tmp_path):
    status, output, _ = measure(
        *("--transform", "blur:1,2", "rotate90", "--layers", "all"),
        *("--measures", "linear_cka", "--preprocess", "-1..1"),
    )
    assert status == 0 and "Measured on 12 of 12 images." in output
    assert {*os.listdir(tmp_path / "out")} - {".lock"} == FILES
    layers, neurons = read(tmp_path)
    images = np.stack([draw(number) for number in [8, 9, 10, 11, *range(8)]])
    for name, options, strength in (
        ("blur", {"sigma": 1.0}, 1),
        ("blur", {"sigma": 2.0}, 2),
        ("rotate90", {}, np.nan),
    ):
        expected = measure_invariance(
            make_model(),
            images,
            transforms.get(name, **options),
            ["conv", "fc"],
            labels=np.repeat([0, 1, 2], 4),
            preprocess=lambda images: images / 127.5 - 1,
            spatial="max",
            measures=["linear_cka"],
        )

        def part(table, name=name, strength=strength):
            is_strength = table.strength.eq(strength) | np.isnan(strength)
            return table[(table["transform"] == name) & is_strength]

        found = part(neurons)
        for column in ("invariance_coefficient", "control_shuffled"):
            np.testing.assert_allclose(
                found[column], expected.neurons[column], rtol=1e-5
            )
        means = part(layers).set_index(["measure", "layer"])
        for row in expected.summary.itertuples():
            invariance = means.loc[("invariance_coefficient", row.layer)]
            assert invariance.value == pytest.approx(row.mean_invariance)
            assert invariance.control == pytest.approx(
                row.mean_control_shuffled
            )
            is_outside = (
                invariance.value < invariance.low
                or invariance.value > invariance.high
            )
            assert not is_outside
        for row in expected.population.itertuples():
            whole = means.loc[("linear_cka", row.layer)]
            assert [whole.value, whole.control] == pytest.approx(
                [row.value, row.control], rel=1e-4
            )


def test_a_directory_without_folders_has_no_categories(measure, tmp_path):
    status, output, _ = measure("--transform", "rotate180", images="flat")
    assert status == 0
    record = json.loads((tmp_path / "out" / "measurement.json").read_text())
    assert record["layers"] == ["fc"] and record["images"]["categories"] == []
    _, neurons = read(tmp_path)
    assert neurons.control_same_category.isna().all()
    expected = measure_invariance(
        make_model(),
        np.stack([draw(number) for number in range(12)]),
        "rotate180",
    ).neurons
    np.testing.assert_allclose(
        neurons.corrected_invariance, expected.corrected_invariance, rtol=1e-5
    )


def test_it_reads_a_part_of_the_images_evenly(measure, tmp_path):
    arguments = ("--max_images", "6", "--layers", "conv,fc", "--seed")
    records = []
    for seed in ("0", "1"):
        assert measure(*arguments, seed, "--overwrite")[0] == 0
        path = tmp_path / "out" / "measurement.json"
        records.append(json.loads(path.read_text()))
        assert records[-1]["images"]["num_images"] == 6
        assert records[-1]["images"]["num_found"] == 12
        assert len(records[-1]["images"]["categories"]) == 3
    first, second = (each["settings"]["image_files"] for each in records)
    assert first != second
    assert {*read(tmp_path)[1].num_images} == {6}


def test_images_that_are_left_out_are_named(measure, places, tmp_path):
    shutil.copytree(places / "images", places / "damaged")
    (places / "damaged" / "cat" / "00.png").write_bytes(b"no image")
    Image.fromarray(draw(0)).save(places / "damaged" / "loose.png")
    status, output, error = measure(images="damaged")
    assert status == 0 and "Measured on 11 of 13 images." in output
    assert "2 images were left out, such as loose.png: is not in a" in error
    page = (tmp_path / "out" / "report.html").read_text()
    assert "cat/00.png</code>: is not a readable" in page


def test_what_is_finished_is_shown_and_only_replaced_on_request(
    measure, tmp_path
):
    assert measure("--transform", "rotate90")[0] == 0
    path = tmp_path / "out" / "layers.csv"
    os.utime(path, (0, 0))
    status, output, _ = measure("--transform", "rotate90", "--batch_size", "2")
    assert status == 0 and "already finished" in output
    assert "rotate90" in output and path.stat().st_mtime == 0
    status, _, error = measure("--transform", "rotate180", "--tau", "0.2")
    assert status == 2 and path.stat().st_mtime == 0
    assert "a measurement with other transform, tau: choose another" in error
    assert measure("--transform", "rotate180", "--overwrite")[0] == 0
    assert {*read(tmp_path)[0]["transform"]} == {"rotate180"}


@pytest.mark.parametrize(
    "module, name, message",
    [
        # While the other one measures, and just before it begins to.
        (own_model, "find_size", "Another process is working on"),
        (terminal, "start_logging", None),
    ],
)
def test_of_two_at_a_time_the_later_does_not_replace_the_earlier(
    measure, tmp_path, monkeypatch, module, name, message
):
    done, original = [], getattr(module, name)

    def interrupted(*arguments):
        monkeypatch.setattr(module, name, original)
        done.append(measure("--transform", "rotate180"))
        return original(*arguments)

    monkeypatch.setattr(module, name, interrupted)
    first = measure("--transform", "rotate90")
    earlier, later = (first, *done) if message else (*done, first)
    assert earlier[0] == 0 and later[0] == 2
    message = message or "a measurement with other transform: choose another"
    assert message in later[2] and later[2].count("\n") == 1
    kept = "rotate90" if earlier is first else "rotate180"
    assert {*read(tmp_path)[0]["transform"]} == {kept}


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("layers.csv", None, "is missing"),
        ("layers.csv", "", "it has no rows"),
        ("layers.csv", "transform\nblur\n", "cannot be read"),
        ("measurement.json", "[]", "cannot be read"),
        ("measurement.json", "{}", "cannot be read"),
        ("measurement.json", "{tru", "cannot be read"),
    ],
)
def test_a_damaged_measurement_is_named_and_can_be_redone(
    measure, measured, tmp_path, name, content, message
):
    shutil.copytree(measured, tmp_path / "out")
    path = tmp_path / "out" / name
    path.unlink() if content is None else path.write_text(content)
    status, output, error = measure()
    assert (status, error.count("\n"), output) == (2, 1, "")
    assert error.startswith(f"error: {path} ") and message in error
    assert error.endswith("Use --overwrite to redo it.\n")


def test_a_single_image_can_be_measured(measure, tmp_path):
    assert measure("--max_images", "1")[0] == 0
    assert {*read(tmp_path)[1].num_images} == {1}
    assert {*os.listdir(tmp_path / "out")} - {".lock"} == FILES


def test_no_other_directory_is_written_to(measure, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "neurons.parquet").write_text("of a run")
    for arguments in ([], ["--overwrite"]):
        status, _, error = measure(*arguments)
        assert status == 2 and "is not empty and has no measurement" in error
    assert os.listdir(tmp_path / "out") == ["neurons.parquet"]


def test_an_interrupted_measurement_is_begun_again(measure, tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "measurement.json"
    path.write_text(json.dumps({"is_finished": False, "settings": {}}))
    assert measure()[0] == 0
    assert json.loads(path.read_text())["is_finished"]


def test_the_page_stands_alone_and_shows_names_as_text(measure, tmp_path):
    measure("--transform", "blur", "--measures", "rsa", "--layers", "all")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b>emu" not in page and "Content-Security-Policy" in page
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert page.count("<svg") == 2 and "http" not in re.sub(
        r"xmlns\S*", "", page
    ).replace("http-equiv", "")
    assert "How invariant are the neurons of model.keras?" in page
    assert "Blur, sigma 3" in page and "RSA" in page


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--transform highpass:1", "highpass has no strength"),
        ("--transform blurr", "Did you mean blur?"),
        ("--transform blur:-1", "Received: sigma=-1"),
        ("--transform 3", "Unknown transform"),
        ("--layers cnov", "Legal: conv, pool, fc"),
        ("--layers logits", "negative activity"),
        ("--measures cka", "linear_cka, rsa, goodfellow_score"),
        ("--tau 1", "from 0 to below 1"),
        ("--preprocess resnet5", "a range such as 0..1 or -1..1, or one of"),
        ("--preprocess 1..0", "a range such as 0..1 or -1..1, or one of"),
        ("--preprocess 0..inf", "a range such as 0..1 or -1..1, or one of"),
        ("--preprocess 0..1e39", "a range such as 0..1 or -1..1, or one of"),
        ("--transform white_noise:1e300", "Received: std=1e+300"),
        ("--image_size 20", "takes images of 16 pixels a side"),
        ("--weights a.h5", "A file has its own weights"),
        ("--max_images 0", "max_images"),
        ("--seed -1", "seed"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    measure, tmp_path, arguments, message
):
    status, _, error = measure(*arguments.split())
    assert (status, error.count("\n")) == (2, 1), error
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "model, arguments, message",
    [
        ("no.keras", "", "The file does not exist"),
        ("ResNet50", "", "either --weights FILE or --download"),
        ("ResNet50", "--weights w --download", "either --weights FILE or"),
        ("ResNet50", "--weights w", "does not exist. Received: weights=w"),
        ("ResNet51", "--download", "Did you mean ResNet50?"),
    ],
)
def test_nothing_is_downloaded_unless_asked(
    measure, monkeypatch, model, arguments, message
):
    def download(*_, **__):
        raise AssertionError("downloaded")

    monkeypatch.setattr(keras.utils, "get_file", download)
    status, _, error = measure(*arguments.split(), model=model)
    assert status == 2 and message in error and error.count("\n") == 1


def test_a_network_of_keras_has_its_own_preprocessing(
    measure, monkeypatch, tmp_path
):
    made = {}

    def network(weights, input_shape):
        made.update(weights=weights, input_shape=input_shape)
        return make_model(*input_shape[1:])

    network.__module__ = "keras.src.applications.mobilenet"
    monkeypatch.setattr(keras.applications, "MobileNet", network)
    weights = tmp_path / "own.weights.h5"
    weights.write_bytes(b"")
    status, _, error = measure(
        *("--weights", str(weights), "--image_size", "16"),
        model="MobileNet",
        images="flat",
    )
    assert status == 0, error
    assert made == {"weights": str(weights), "input_shape": (16, 16, 3)}
    expected = measure_invariance(
        make_model(),
        np.stack([draw(number) for number in range(12)]),
        "highpass",
        preprocess=keras.applications.mobilenet.preprocess_input,
    ).neurons
    np.testing.assert_allclose(
        read(tmp_path)[1].invariance_coefficient,
        expected.invariance_coefficient,
        rtol=1e-5,
    )


def test_models_of_any_size_and_of_one_channel(measure, places, tmp_path):
    make_model(None, 1).save(places / "grey.keras")
    status, _, error = measure(model="grey.keras")
    assert status == 2 and "of any size: give `image_size`" in error
    assert measure("--image_size", "24", model="grey.keras")[0] == 0
    record = json.loads((tmp_path / "out" / "measurement.json").read_text())
    assert record["images"]["image_size"] == 24


@pytest.fixture
def first_channels():
    """Keras' global settings as of a keras.json with channels first."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_keras_own_settings_change_no_number(
    measure, places, tmp_path, channels, request
):
    make_model(16, channels).save(places / "any.keras")
    tables = []
    preprocess = ("--preprocess", "resnet50") if channels == 3 else ()
    for arguments in ((), ("--overwrite",)):
        status, _, error = measure(
            *(*preprocess, "--layers", "all", "--transform", "blur"),
            *arguments,
            model="any.keras",
        )
        assert status == 0, error
        tables.append(read(tmp_path)[1])
        request.getfixturevalue("first_channels")
    assert keras.config.image_data_format() == "channels_first"
    assert tables[0].equals(tables[1])


def test_code_of_a_model_is_imported_only_if_it_is_trusted(
    measure, places, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_layers.py").write_text(
        "import keras\n"
        "class Twice(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_layers

    image = keras.Input((16, 16, 3))
    x = keras.layers.Flatten()(my_layers.Twice()(image))
    x = keras.layers.Dense(4, activation="relu", name="fc")(x)
    keras.Model(image, keras.layers.Dense(2)(x)).save(places / "own.keras")
    status, _, error = measure(model="own.keras")
    assert status == 2 and "say --trust on the command line" in error
    assert error.count("\n") == 1
    assert measure("--trust", model="own.keras")[0] == 0


def test_strengths_follow_a_colon():
    def read_all(*texts):
        return [str(each) for each in conditions.read_conditions(texts)]

    assert read_all("blur:1,2.5", "rotate90,blur:1") == [
        "blur, sigma 1",
        "blur, sigma 2.5",
        "rotate90",
    ]
    assert read_all("white_noise") == ["white_noise, std 100"]
    every = read_all("all")
    assert len(every) == 12 and "identity" not in every
    with pytest.raises(ValueError, match="at least one transformation"):
        read_all(",")
