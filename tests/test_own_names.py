"""What a user's own package adds works by its name, without being trusted."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
import yaml
from conftest import read_csv

import invariance_tf as itf
from invariance_tf.commands import cli
from invariance_tf.settings import conditions, names
from invariance_tf.settings.config import Experiment

NETS = """
import keras


def bl(images, num_categories, *, weight_decay=0.0, width=4):
    x = keras.layers.Conv2D(width, 5, 4, activation="relu", name="conv")(images)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(8, activation="relu", name="fc")(x)
    return keras.layers.Dense(num_categories, dtype="float32", name="logits")(x)


def scaled(images, num_categories, *, weight_decay=0.0, scale=1.0):
    return bl(images, num_categories, width=int(4 * scale))


def plain(images, num_categories):
    return bl(images, num_categories)


def wrong(images, num_categories):
    return keras.layers.Flatten()(images)


def converted(images, num_categories):
    return keras.layers.Activation("linear", name="last")(
        bl(images, num_categories)
    )


def signed(images, num_categories):
    x = keras.layers.Flatten()(images)
    x = keras.layers.Dense(8, activation="tanh", name="fc")(x)
    return keras.layers.Dense(num_categories)(x)


def unbiased(images, num_categories):
    x = keras.layers.Flatten()(images)
    x = keras.layers.Dense(8, activation="relu", name="fc")(x)
    return keras.layers.Dense(num_categories, use_bias=False)(x)
"""

TRANSFORMS = """
import keras
import invariance_tf as itf


class Swirl(itf.transforms.Transform):
    def __init__(self, turns, is_left=True, **kwargs):
        super().__init__(**kwargs)
        self.turns, self.is_left = turns, is_left

    def transform(self, images):
        return keras.ops.roll(images, int(self.turns), axis=1)

    def get_config(self):
        own = {"turns": self.turns, "is_left": self.is_left}
        return {**super().get_config(), **own}


class Shift(itf.transforms.Transform):
    def __init__(self, pixels=2, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def transform(self, images):
        for _ in range(self.pixels):
            images = keras.ops.roll(images, 1, axis=1)
        return images


def mirror(images):
    return images[:, :, ::-1]


def noise(images):
    return images + 20 * keras.random.normal(keras.ops.shape(images))
"""

DATA = """
import numpy as np
import invariance_tf as itf


def plankton(image_size=24, num_categories=4, num_test=6, flavour="none"):
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(num_categories, dtype="int32"), 16)
    shape = (len(labels), image_size, image_size, 3)
    images = generator.integers(0, 60, shape) + 60 * labels[:, None, None, None]
    return itf.datasets.Dataset(
        name="plankton",
        images=images.clip(0, 255).astype("uint8"),
        labels=labels,
        is_test=np.tile(np.arange(16) < num_test, num_categories),
        categories=tuple(f"species {n}" for n in range(num_categories)),
    )


def unsized(num_test=3):
    pass


def needy(depth, image_size=24):
    pass


def empty(image_size=24):
    pass


def stubborn(image_size=24):
    return plankton(image_size=32)
"""

MODULES = {"nets": NETS, "transforms": TRANSFORMS, "data": DATA}

# As an installer writes them.
ENTRY_POINTS = """
[invariance_tf.networks]
bl = my_lab.nets:bl

[invariance_tf.transforms]
swirl = my_lab.transforms:Swirl

[invariance_tf.datasets]
plankton = my_lab.data:plankton
"""

SETTINGS = {
    "dataset": "my_lab.data:plankton",
    "network": "my_lab.nets:bl",
    "transform": "my_lab.transforms:Swirl",
    "transform_args": {"turns": 5},
    "n_seen": 2,
    "epochs": 1,
    "batch_size": 8,
}


def write_package(directory):
    package = pathlib.Path(directory) / "my_lab"
    package.mkdir()
    for name, text in MODULES.items():
        (package / f"{name}.py").write_text(text, "utf-8")


def forget_package():
    for name in [name for name in sys.modules if name.startswith("my_lab")]:
        del sys.modules[name]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current directory with the package, which is not installed."""
    write_package(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    forget_package()


@pytest.fixture
def installed(here):
    metadata = here / "my_lab-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: my-lab\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS, "utf-8")
    sys.path.append(str(here))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """The directory of a finished run of the three, by their dotted names."""
    directory = tmp_path_factory.mktemp("lab")
    write_package(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(sys, "path", [*sys.path])
        arguments = []
        for name, value in SETTINGS.items():
            if name == "transform_args":
                arguments += ["--transform_args.turns", "5"]
            else:
                arguments += [f"--{name}", str(value)]
        assert cli.main(["run", *arguments]) == 0
    forget_package()
    (found,) = (directory / "runs").iterdir()
    return found


def refusal(capsys, *arguments):
    """The one line in which a command is refused."""
    assert cli.main([*arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_all_three_work_on_the_command_line(run_dir):
    assert run_dir.name.startswith(
        "my_lab.data_plankton-my_lab.nets_bl-my_lab.transforms_Swirl-n2-s0-"
    )
    settings = yaml.safe_load((run_dir / "config.yaml").read_text("utf-8"))
    assert settings["transform_args"] == {"turns": 5.0, "is_left": True}
    assert settings["num_test"] == 6 and settings["num_train"] is None
    assert settings["learning_rate"] == 0.02
    neurons = pd.read_parquet(run_dir / "neurons.parquet")
    assert {*neurons.layer} == {"fc"} and len(neurons) == 3 * 8


@pytest.mark.slow
def test_finished_runs_are_in_figures_claims_and_the_report(run_dir):
    runs_dir = str(run_dir.parent)
    runs = itf.load_runs(runs_dir)
    studies, left_out = itf.studies.find_studies(runs)
    assert [*studies] == ["faces"] and not left_out
    assert "my_lab.nets:bl" in itf.studies.title_of(studies, "faces")
    out = str(run_dir.parent.parent / "figures")
    arguments = ["--out", out, "--figure", "2a", "2c", "--format", "svg"]
    assert cli.main(["figures", runs_dir, *arguments]) == 0
    for path in pathlib.Path(out).glob("*.svg"):
        assert "Swirl" in path.read_text("utf-8")
    for name in itf.claims.CLAIMS:
        assert itf.claims.judge_claim(name, studies)
    page = run_dir.parent.parent / "report.html"
    assert cli.main(["report", runs_dir, "--out", str(page)]) == 0
    text = page.read_text("utf-8")
    for name in ("dataset", "network", "transform"):
        said = f"The {name} {SETTINGS[name]} is not part of this package."
        assert said in text


def test_a_sweep_file_and_the_api_name_them_too(here):
    from invariance_tf.runs.sweep import plan

    sweep = {"base": SETTINGS, "grid": {"n_seen": [1, 2]}}
    (here / "sweep.yaml").write_text(yaml.safe_dump(sweep), "utf-8")
    assert len(plan.read_sweep("sweep.yaml")) == 2
    layer = itf.transforms.get("my_lab.transforms:mirror")
    again = type(layer).from_config(layer.get_config())
    assert again.function is sys.modules["my_lab.transforms"].mirror
    model = itf.model.build(
        itf.networks.get("my_lab.nets:bl"), "my_lab.transforms:mirror", 24, 3
    )
    assert model.output_shape == (None, 3)
    dataset = itf.datasets.get("my_lab.data:plankton", num_categories=2)
    assert dataset.num_categories == 2


def test_installed_packages_offer_short_names(installed):
    settings = {**SETTINGS, "network": "bl", "dataset": "plankton"}
    experiment = Experiment(**settings | {"transform": "swirl"}).resolve()
    assert experiment.name().startswith("plankton-bl-swirl-n2")
    with pytest.raises(ValueError, match="cornet_small, bl, or your own"):
        itf.networks.get("vgg")
    # They are trusted, as installing them was.
    names.check_origin({"network": "bl", "dataset": "tfds:mnist"}, "", "")


@pytest.mark.parametrize("given", [None, 3, 3.0])
def test_an_argument_that_is_a_whole_number_stays_one(here, given):
    arguments = {} if given is None else {"pixels": given}
    name = "my_lab.transforms:Shift"
    settings = {**SETTINGS, "transform": name, "transform_args": arguments}
    experiment = Experiment(**settings).resolve()
    (condition,) = conditions.read_conditions([f"{name}:{given or 2}"])
    for chosen in (experiment.transform_args, condition.arguments):
        pixels = itf.transforms.get(name, **chosen).pixels
        assert type(pixels) is int and pixels == (given or 2)
    # One without a default may be one, too; one that is a float is none.
    swirl = itf.transforms.get("my_lab.transforms:Swirl", turns=5.0)
    assert type(swirl.turns) is int
    assert type(itf.transforms.get("blur", sigma=3.0).sigma) is float


@pytest.mark.parametrize(
    "network, argument, is_one",
    [("scaled", "scale", True), ("bl", "width", False)],
)
def test_1_and_1_point_0_are_one_run_if_the_networks_default_is_a_float(
    here, network, argument, is_one
):
    settings = {**SETTINGS, "network": f"my_lab.nets:{network}"}
    found = {
        Experiment(**settings, network_args={argument: value}).resolve().name()
        for value in (1, 1.0)
    }
    assert len(found) == (1 if is_one else 2)


def test_an_entry_point_does_not_replace_a_name_of_the_package(installed, here):
    points = "[invariance_tf.networks]\nalexnet = my_lab.nets:bl\n"
    (here / "my_lab-1.0.dist-info" / "entry_points.txt").write_text(
        points, "utf-8"
    )
    assert itf.networks.get("alexnet").__module__.startswith("invariance_tf")


def test_a_run_directory_is_not_trusted(run_dir, here, capsys, monkeypatch):
    line = refusal(capsys, "analyze", str(run_dir))
    assert "--trust" in line and "network=my_lab.nets:bl" in line
    assert "my_lab.nets" not in sys.modules
    config = str(run_dir / "config.yaml")
    assert "copy it" in refusal(capsys, "run", "--config", config)
    assert "copy it" in refusal(capsys, "search", config, "--dry_run")
    assert "my_lab.nets" not in sys.modules
    itf.load_runs(str(run_dir.parent))
    assert "my_lab.nets" not in sys.modules
    assert cli.main(["analyze", str(run_dir), "--trust", "--tau", "0.2"]) == 0


@pytest.mark.parametrize("left", ["model.keras", "checkpoint.npz"])
@pytest.mark.parametrize("command", [["run", "--config"], ["search"]])
def test_what_is_left_of_a_run_directory_is_not_trusted(
    here, capsys, command, left
):
    config = here / "config.yaml"
    config.write_text("network: my_lab.nets:bl\n", "utf-8")
    (here / left).write_text("", "utf-8")
    assert "copy it" in refusal(capsys, *command, str(config))
    assert "my_lab.nets" not in sys.modules


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"network": "my_lab.nets:bel"},
            "`my_lab.nets:bel` cannot be imported",
        ),
        ({"network": "their_lab.nets:bl"}, "No module named 'their_lab'"),
        ({"transform": "my_lab.transform:Swirl"}, "No module named"),
        ({"transform_args": None}, "needs a value of turns"),
        ({"transform_args": {"twist": 1}}, "takes turns, is_left. Received"),
        ({"n_seen": None}, "needs a value of `n_seen`"),
        ({"num_train": 3}, "`num_train` does not apply"),
        ({"dataset": "my_lab.data:unsized"}, "the argument `image_size`"),
        ({"dataset": "my_lab.data:needy"}, "with depth"),
        ({"dataset": "os:getcwd"}, "not a function in Python|`image_size`"),
        ({"dataset": "my_lab.data:empty"}, "NoneType of dataset"),
        ({"dataset": "my_lab.data:stubborn"}, "32 instead of image_size=24"),
        ({"network_args": {"depth": 2}}, "bl takes width. Received"),
        (
            {"network_args": {"width": "wide"}},
            "`width` of the network my_lab.nets:bl must be a number",
        ),
        (
            {"network": "my_lab.nets:plain", "weight_decay": 0.1},
            "does not take `weight_decay`",
        ),
        ({"network": "my_lab.nets:wrong"}, "must return a tensor of 4 logits"),
        (
            {"network": "my_lab.nets:converted"},
            r"must end in a dense layer.* last layer=last \(Activation\)",
        ),
        (
            {"network": "my_lab.nets:signed"},
            "fc, has negative activity: .*activity=None, minimum=-",
        ),
        (
            {"network": "my_lab.nets:unbiased", "paradigm": "prototypes"},
            "last layer has a bias. Received: use_bias=False",
        ),
        (
            {"transform": "my_lab.nets:keras", "transform_args": None},
            "must be a name, a function",
        ),
        (
            {"transform": "my_lab.transforms:noise", "transform_args": None},
            "a `keras.random.SeedGenerator`.* transform=noise, differences",
        ),
    ],
)
def test_a_mistake_in_them_is_told_in_one_line(here, changes, message):
    from invariance_tf.runs import preparation

    with pytest.raises(ValueError, match=message) as caught:
        preparation.prepare(Experiment(**{**SETTINGS, **changes}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"activity": "signed"}, {"analysis": "none"}]
)
def test_negative_activity_is_refused_only_where_it_is_measured(here, changes):
    from invariance_tf.runs import preparation

    settings = {**SETTINGS, "network": "my_lab.nets:signed", **changes}
    prepared = preparation.prepare(Experiment(**settings))
    assert prepared.model.layers[-2].name == "fc"


def test_a_network_without_a_bias_is_trained_and_measured(here):
    settings = {**SETTINGS, "network": "my_lab.nets:unbiased"}
    summary = itf.run(Experiment(**settings, test_strengths=[1.0]))
    assert 0 <= summary["invariance_all"] <= 1
    (row,) = (
        row
        for row in read_csv(summary["run_dir"], "strengths.csv")
        if row["is_trained"] == "True" and row["category_group"] == "seen"
    )
    assert float(row["accuracy"]) == summary["within_accuracy"]


def test_a_fault_in_a_module_is_told_in_one_line(here, capsys):
    (here / "my_lab" / "broken.py").write_text("1 / 0\n", "utf-8")
    line = refusal(capsys, "run", "--network", "my_lab.broken:bl")
    assert "error: my_lab.broken, line 1: `my_lab.broken:bl` cannot" in line
    assert "ZeroDivisionError: division by zero" in line


@pytest.mark.parametrize(
    "lines, number",
    [
        ("raise ValueError('Too small.')", 2),
        # It is its own cause.
        ("error = ValueError('Too small.')\n    raise error from error", 3),
    ],
)
def test_a_fault_in_a_network_is_told_with_its_line(
    here, capsys, lines, number
):
    function = f"def flat(images, num_categories):\n    {lines}\n"
    (here / "my_lab" / "flat.py").write_text(function, "utf-8")
    network = "my_lab.flat:flat"
    line = refusal(capsys, "run", "--network", network, "--n_seen", "2")
    assert line == f"error: my_lab.flat, line {number}: Too small."


def test_no_line_of_pythons_own_modules_is_told(tmp_path):
    assert names.load("dataset", "os:getcwd") is os.getcwd
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as caught:
        os.makedirs(tmp_path / "file")
    assert names.find_line(caught.value) is None


@pytest.mark.slow
def test_what_keras_says_when_a_module_imports_it_is_not_shown(here):
    command = "run", "--network", "my_lab.nets:bl", "--network_args.depth", "2"
    done = subprocess.run(
        [sys.executable, "-m", "invariance_tf", *command],
        capture_output=True,
        text=True,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: The network my_lab.nets:bl takes width.")


def test_a_mistake_in_settings_names_no_line_of_code_that_works(here, capsys):
    network = "--network", "my_lab.nets:bl", "--network_args.depth", "2"
    line = refusal(capsys, "run", *network)
    assert line.startswith("error: The network my_lab.nets:bl takes width.")


def test_a_name_is_found_in_the_current_directory_without_being_on_the_path(
    here,
):
    program = textwrap.dedent(
        """
        import sys
        sys.path = [each for each in sys.path if each not in ("", sys.argv[1])]
        from invariance_tf.settings import names
        print(names.load("network", "my_nets:bl"))
        try:
            names.load("network", "my_other_nets:bl")
        except ValueError:
            print(sys.path.count(sys.argv[1]), "tensorflow" in sys.modules)
        """
    )
    (here / "my_nets.py").write_text("bl = 'found'\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program, os.getcwd()],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["found", "1", "False"], done.stderr
