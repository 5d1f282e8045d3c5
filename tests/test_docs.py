"""The site: its examples run, its numbers are those of the tables."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_runs import OF_EVERY_RUN, made_up_runs
from test_questions import made_up as made_up_answers

import invariance_tf as itf
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.questions.verdicts import MOST_SEEDS
from invariance_tf.paper.tables import save_runs
from invariance_tf.settings import defaults

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "hooks"))

import answers  # noqa: E402
import findings  # noqa: E402
import learning  # noqa: E402
import noise  # noqa: E402
import registers  # noqa: E402
import screens  # noqa: E402
import studied  # noqa: E402
import themes  # noqa: E402
import values  # noqa: E402
import verdicts  # noqa: E402
from measured import Measurement  # noqa: E402

PAGES = sorted(DOCS.rglob("*.md"))
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
REGISTRIES = (
    FIGURES,
    defaults.TRANSFORMS,
    defaults.DATASETS,
    defaults.NETWORKS,
)
RESULTS = DOCS / "results" / "synthfaces"
FACES = DOCS / "results" / "faces"
INCEPTION = DOCS / "results" / "synthfaces_inception"
SYNTHFACES100 = DOCS / "results" / "synthfaces100"
OBJECTS = DOCS / "results" / "objects"
NOISE = DOCS / "results" / "synthfaces_noise"


def name_of(path):
    return str(path.relative_to(DOCS))


def read(name):
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name, language):
    """Code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", read(name), re.M | re.S)


@pytest.fixture
def run_page(tmp_path, monkeypatch):
    """Runs the Python blocks of a page, in order; returns their names."""
    # Pages read docs/results, and write where they are.
    os.symlink(DOCS, tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    before = [dict(registry) for registry in REGISTRIES]

    def run(name, stop=None, module=None):
        names = {"__name__": "page"}
        found = blocks(name, "python")[:stop]
        if module:
            # The page says to save its first example there.
            (tmp_path / "my_lab").mkdir()
            (tmp_path / "my_lab" / module).write_text(found[0], "utf-8")
        for block in found:
            exec(compile(block, name, "exec"), names)
        return names

    path = [*sys.path]
    yield run
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith("my_lab")]:
        del sys.modules[name]
    for registry, content in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(content)


@pytest.fixture
def changed(tmp_path):
    """Results of which every across-category accuracy is another number."""
    for path in FACES.glob("*.*"):
        if path.suffix in (".parquet", ".csv"):
            os.symlink(path, tmp_path / path.name)
    table = pd.read_parquet(FACES / "runs.parquet")
    (tmp_path / "runs.parquet").unlink()
    table.assign(across_accuracy=0.777).to_parquet(tmp_path / "runs.parquet")
    return values.Results(tmp_path)


@pytest.fixture(scope="module")
def faces():
    """Results on real faces."""
    return values.Results(FACES)


@pytest.fixture(scope="module")
def render():
    """Fills in a page as the site does, with other values for some names."""
    config = pytest.importorskip("mkdocs.config", reason="needs extra docs")
    config = config.load_config(str(ROOT / "mkdocs.yml"))
    plugin = config.plugins["macros"]
    plugin.on_config(config)

    def fill_in(text, **names):
        return plugin.env.from_string(text).render(
            {**plugin.variables, **names}
        )

    return fill_in


# What the site is made of.


def test_every_page_is_in_the_navigation():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    found = {*re.findall(r"[\w/]+\.md", yaml.dump(config["nav"]))}
    copies = {"contributing.md", "changelog.md"}
    made = {name_of(path.with_suffix(".md")) for path in NOTEBOOKS}
    assert found == {name_of(path) for path in PAGES} | copies | made


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_that_a_page_names_are_there(path):
    folders = "configs|docs|invariance_tf|tests|benchmarks"
    text = path.read_text(encoding="utf-8")
    for name in re.findall(rf"[`\s(]((?:{folders})/[\w./]*\w)", text):
        # Others stand for names, such as configs/sweeps/NAME.yaml.
        assert name != name.lower() or (ROOT / name).exists(), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and cells[0]["source"][0].startswith("# ")
    for cell in code:
        assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_every_public_name_has_a_place_in_the_reference():
    text = "".join(path.read_text("utf-8") for path in DOCS.glob("api/*.md"))
    documented = {*re.findall(r"^::: invariance_tf\.([\w.]+)", text, re.M)}
    for place, _ in itf._PLACES.values():
        assert any(f"{name}.".startswith(f"{place}.") for name in documented)


@pytest.fixture(scope="module")
def settings_listed(render):
    """The settings on their page: the cell with the default, by name."""
    text = render(read("experiments.md"))
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| \S.* \|$", text, re.M))


def listed_for(cell, name):
    """The default that a cell gives for a data set or network."""
    first, *others = re.findall(r"([^;]+?)(?: \((.*?)\))?(?:; |$)", cell)
    found = [value for value, names in others if f"`{name}`" in names]
    (value,) = found or [first[0]]
    return yaml.safe_load(value)


def test_every_setting_is_explained(settings_listed):
    settings = {field.name for field in dataclasses.fields(itf.Experiment)}
    assert settings <= {*settings_listed}


@pytest.mark.parametrize("name", defaults.DATASETS)
def test_a_listed_default_is_what_a_run_takes(name, settings_listed):
    chosen = {"tfds": {"dataset": "tfds:mnist"}, "folder": {"data_dir": "."}}
    settings = {"dataset": name} | chosen.get(name, {})
    resolved = itf.Experiment(**settings).resolve()
    for option in {*resolved.dataset_options(), "n_seen", "network"}:
        if option not in settings:
            cell = settings_listed[option]
            assert listed_for(cell, name) == getattr(resolved, option), option


@pytest.mark.parametrize("name", defaults.NETWORKS)
def test_a_listed_default_is_the_network_s(name, settings_listed):
    resolved = itf.Experiment(network=name).resolve()
    for (
        setting
    ) in "epochs learning_rate schedule weight_decay activity".split():
        cell = settings_listed[setting]
        assert listed_for(cell, name) == getattr(resolved, setting), setting


def test_no_page_writes_a_measured_number_itself():
    # In prose, decimals are those of the paper: tau, and what it may cost.
    of_the_paper = {"0.05", "0.95", "0.01"}
    own = [DOCS / f"{name}.md" for name in ("index", "tutorial", "replicate")]
    own += [DOCS / f"{name}.md" for name in ("measure", "method", "glossary")]
    own += [DOCS / "results" / "alexnet.md"]
    for path in [*own, *DOCS.glob("extend/*.md")]:
        text = re.sub(r"```.*?```|`[^`]*`|{{.*?}}", "", read(path), flags=re.S)
        typed = {*re.findall(r"(?<![\w.])0?\.\d{2,}", text)}
        assert typed <= of_the_paper, name_of(path)


# What the pages say of results.


@pytest.mark.slow
def test_a_page_shows_the_numbers_of_the_table_and_changes_with_it(
    changed, render
):
    table = pd.read_parquet(FACES / "runs.parquet")
    is_shown = (table["transform"] == "highpass") & (table.n_seen == 76)
    shown = f"and\n{table.across_accuracy[is_shown].mean():.2f} (8 of 84"
    assert shown in render(read("index.md"))
    text = render(read("index.md"), faces=changed)
    assert "and\n0.78 (8 of 84" in text and shown not in text
    assert "{{" not in text


def test_a_page_that_names_what_is_not_there_stops_the_build(render):
    with pytest.raises(Exception, match="'nothing' is undefined"):
        render("{{ nothing }}")
    with pytest.raises(LookupError, match="no run at .*7"):
        render('{{ synthfaces.mean("tau", n_seen=7) }}')
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    (options,) = (x["macros"] for x in config["plugins"] if "macros" in x)
    assert options["on_error_fail"] and options["on_undefined"] == "strict"


def test_the_readme_has_the_degrees_of_the_table(faces):
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"is shown individually: **{faces.degree('C1')}** (not" in readme
    assert f"invariance rises for **{faces.degree('C7')}**" in readme
    assert f"study of {faces.count_categories()} real people" in readme
    invented = values.Results(SYNTHFACES100)
    assert f"individually for **{invented.degree('C1')}**" in readme
    assert f"With {invented.count_categories()} synthetic people" in readme


def test_transformations_count_equally_however_many_seeds_they_have():
    runs = made_up_runs(transforms=("blur", "thinning"), n_seen=(4,))
    is_left_out = (runs.runs["transform"] == "blur") & (runs.runs.seed == 1)
    results = values.Results(FACES)
    results.tables = runs.select(~is_left_out)
    found = results.tables.runs[results.tables.runs.n_seen == 4]
    by_transform = found.groupby("transform").across_accuracy.mean()
    shown = results.mean("across_accuracy", decimals=6, n_seen=4)
    assert shown == f"{by_transform.mean():.6f}"
    assert shown != f"{found.across_accuracy.mean():.6f}"


@pytest.mark.slow
def test_every_claim_has_its_effects_and_the_verdicts_of_the_tables(faces):
    before = values.Results(RESULTS)
    inception = values.Results(INCEPTION)
    lines = verdicts.verdicts_table(faces, before, inception)
    lines = lines.split("\n")[2:]
    tables = before.first_claims, before.claims, faces.claims
    assert len(lines) == 16
    for line, *rows in zip(
        lines, *(table.itertuples() for table in tables), strict=True
    ):
        cells = line.split(" | ")
        assert cells[0].startswith(f"| **{rows[2].claim}** ")
        for cell, row in zip(cells[2:5], rows, strict=True):
            assert f" {row.verdict}<" in cell
        # The tables of runs and that of claims say the same.
        assert faces.verdicts[row.claim].verdict == row.verdict
        if row.effect != row.effect:
            # Faces has no Inception.
            row = inception.claims.set_index("claim").loc[row.claim]
        assert f" **{values.format_effect(row, decimals=3)}**" in cells[1]
    assert "2 of 10; not Grayscale, Blur" in lines[0]
    fewest = "accuracy at the fewest seen categories, above 0.95: mean over "
    assert f"{fewest}transformations **0.900 (0.860 to 0.940)**" in lines[1]
    counts = faces.claims.verdict.value_counts()
    assert {name: faces.num_verdicts(name) for name in counts.index} == {
        **counts
    }


@pytest.mark.slow
def test_each_network_of_further_studies_has_a_column_of_verdicts(faces):
    inception = values.Results(INCEPTION)
    table = verdicts.verdicts_table(faces, values.Results(RESULTS), inception)
    titles, _, *rows = (line.split(" | ") for line in table.splitlines())
    for network, study in (
        ("small AlexNet", "faces"),
        ("Inception", "inception"),
    ):
        found = inception.claims[inception.claims.study == study]
        found = found.set_index("claim").verdict
        assert len(found) > 10
        place = titles.index(f"synthfaces inception: {network}")
        for row in rows:
            (number,) = re.findall(r"\*\*(C\d+)\*\*", row[0])
            cell = re.sub("<.*?>. |<.*?>", "", row[place])
            assert cell == found.get(number, "")


@pytest.mark.slow
def test_beside_a_verdict_stands_what_it_rests_on(faces):
    others = values.Results(RESULTS), values.Results(INCEPTION)
    line = verdicts.verdicts_table(faces, *others)
    line = line.split("\n")[2]
    assert line.endswith(
        "Thinning<br>undecided without pooling: noise, Thinning |"
    )
    # By pandas alone: at the most seen, minus without training.
    tests = faces.tables.accuracy
    tests = tests[tests.test_transform != "identity"]
    never = tests[(tests.n_seen == 0) & (tests.category_group == "all")]
    own = tests[tests.test_transform == tests["transform"]]
    own = own[(own.n_seen == 76) & (own.category_group == "unseen")]
    gain = own.accuracy.mean() - never.accuracy.mean()
    assert (
        f"mean over transformations **{gain:.3f} ("
        in line.split("<details>")[1]
    )
    assert faces.effect("C1", "most seen categories").startswith(
        f"{gain:.2f} ("
    )
    assert faces.untrained(3) == f"{never.accuracy.mean():.3f}"
    never = never[never.test_transform == "blur"].accuracy.mean()
    assert faces.untrained(3, transform="blur") == f"{never:.3f}"
    (row,) = faces.claims[faces.claims.claim == "C5"].itertuples()
    low, high = f"{row.random_low:.2f}", f"{row.random_high:.2f}"
    assert faces.random_interval("C5") == f"{low} to {high}"


def test_in_group_helps_transformed_images_of_unseen_categories_most(faces):
    studies = (faces, values.Results(INCEPTION), values.Results(OBJECTS))
    _, _, *lines = studied.unseen_table(*studies).splitlines()
    measures = ["accuracy", "accuracy_in_group"]
    for results in studies:
        tests = results.tables.accuracy
        tests = tests[
            (tests.category_group == "unseen")
            & tests.accuracy.notna()
            & (tests["transform"] != "identity")
        ]
        original, transformed = (
            tests[tests.test_transform == names]
            .groupby(["network", "n_seen"])[measures]
            .mean()
            for names in ("identity", tests["transform"])
        )
        for key, row in transformed.iterrows():
            before = original.loc[key]
            cells = lines.pop(0).split(" | ")
            assert cells[2:6] == [
                f"{value:.2f}"
                for measure in measures
                for value in (before[measure], row[measure])
            ]
            assert (
                row.accuracy_in_group / row.accuracy
                > before.accuracy_in_group / before.accuracy
            )
            lost, lost_in_group = before - row
            share = (lost - lost_in_group) / lost
            assert cells[7] == f"{100 * share:.0f} % |"
    assert not lines


def test_values_of_networks_above_chance_leave_out_the_others():
    results = values.Results(SYNTHFACES100)
    tests = pd.read_parquet(SYNTHFACES100 / "accuracy.parquet")
    original = tests[
        (tests.test_transform == "identity") & (tests.category_group == "all")
    ].set_index("run")
    tests = tests[
        (tests.test_transform == tests["transform"])
        & (tests.category_group == "unseen")
        & (tests["transform"] == "salt_pepper")
        & (tests.n_seen == 50)
    ]
    learned = tests.run.map(original.accuracy) > 0.02
    assert 0 < learned.sum() < len(tests)
    found = tests[learned].accuracy_in_group.mean()
    keys = {"transform": "salt_pepper", "n_seen": 50}
    assert results.in_group(3, **keys) == f"{found:.3f}"
    counts = [results.count_weak(limit) for limit in (0.01, 0.1, 1.1)]
    runs = len(original) - results.count(is_at_chance=True)
    assert counts[0] == 0 < counts[1] < counts[2] == runs


def test_claims_are_named_by_their_verdicts(faces):
    verdicts_ = faces.claims.set_index("claim").verdict
    named = [
        re.findall(r"C\d+", faces.claims_with(verdict))
        for verdict in verdicts_.unique()
    ]
    assert sorted(sum(named, [])) == sorted(verdicts_.index)
    assert faces.claims_with("undecided").count(" and ") == 1


@pytest.mark.slow
def test_the_threshold_of_the_papers_rule_costs_at_most_a_percent(faces):
    table = faces.tables.ablation
    table = table[
        (table.n_seen == 84)
        & (table["transform"] != "identity")
        & (table.image_version == "transformed")
        & (table.category_group == "seen")
        & (table.layer == "fc6")
    ]
    whole = table[table.criterion == "none"].set_index("run").accuracy
    kept = table[(table.criterion == "tau") & (table.ablated == "inactive")]
    cost = (kept.run.map(whole) - kept.accuracy).groupby(kept.value.round(2))
    cost = cost.mean()
    tau = faces.tau_by_rule()
    assert cost[tau] <= 0.01 < cost[round(tau + 0.05, 2)]
    # The networks are judged at it, and the study stays as it is.
    assert (
        faces.at_tau(tau)
        .effect("C12", "inactive", 4)
        .startswith(f"{cost[tau]:.4f} (")
    )
    assert faces.effect("C12", decimals=4).startswith(f"{cost[0.1]:.4f} (")
    same = faces.at_tau(0.1).claims
    np.testing.assert_allclose(same.effect, faces.claims.effect, atol=1e-6)


def test_the_coefficient_is_made_of_floor_category_and_image(faces):
    _, _, *lines = studied.floors_table(faces).split("\n")
    assert len(lines) == 12
    for line in lines:
        cells = line.strip("| ").split(" | ")[1:]
        *parts, total, corrected = map(float, cells)
        assert sum(parts) == pytest.approx(total, abs=0.016)
        assert parts[0] < total and corrected <= total
    titles, _, whole, floor, corrected = studied.layers_table(faces).split("\n")
    assert titles.endswith("| conv1 | conv2 | conv3 | conv4 | conv5 | fc6 |")
    layers = faces.tables.layers
    layers = layers[
        (layers.n_seen == 84)
        & (layers.test_transform == layers["transform"])
        & (layers.category_group == "all")
        & np.isclose(layers.tau, 0.1)
        & (layers.layer == "conv2")
    ]
    for line, measure in ((whole, "invariance"), (floor, "control_shuffled")):
        mean = layers[f"mean_{measure}"].mean()
        assert line.split(" | ")[2] == f"{mean:.2f}"


def test_an_effect_that_no_claim_has_stops_the_build(faces):
    chosen = faces.effect("C9", "within transformations")
    assert chosen != faces.effect("C9") and " to " in chosen
    with pytest.raises(LookupError, match="no effect of C9 is about 'luck'"):
        faces.effect("C9", "luck")


@pytest.mark.slow
def test_effects_of_one_network_of_several_are_of_its_runs():
    results = values.Results(INCEPTION)
    of_role = results.claims.set_index(["claim", "study"])
    found = results.of_network("inception")
    for role, judged in (("faces", results), ("inception", found)):
        for claim in ("C1", "C4", "C8", "C16"):
            effect = values.format_effect(of_role.loc[claim, role], 4)
            assert judged.effect(claim, decimals=4) == effect
            # By words that every effect has, of the same network.
            assert judged.effect(claim, "", decimals=4) == effect
    assert found.effect("C8") != results.effect("C8")


def test_across_accuracy_stands_beside_the_images_it_is_measured_on(faces):
    titles, _, *rows = studied.across_table(faces).split("\n")
    assert titles.endswith("| 76 seen<br>(8 unseen: 80 images) |")
    table = pd.read_parquet(FACES / "accuracy_by_category.parquet")
    table = table[(table.n_seen == 76) & (table.category_group == "unseen")]
    table = table[table.test_transform == table["transform"]]
    assert set(table.groupby("run").num_images.sum()) == {80}
    # Everyone is unseen in some network.
    assert table.category.nunique() == 84
    correct = table[table["transform"] == "blur"].groupby("seed").num_correct
    shares = correct.sum() / 80
    cell = f"{shares.mean():.3f} ({shares.min():.3f} to {shares.max():.3f}) |"
    (row,) = (row for row in rows if row.startswith("| Blur |"))
    assert row.endswith(cell) and len(rows) == 12
    # Of networks that saw no transformed image all are unseen.
    assert "| 0 seen<br>(84 unseen: 840 images) |" in titles
    never = faces.tables.accuracy
    never = never[(never.n_seen == 0) & (never.test_transform == "blur")]
    never = never[never.category_group == "all"].accuracy
    assert row.startswith(f"| Blur | {never.mean():.3f} ({never.min():.3f} ")


def test_noise_is_compared_by_size_and_strength_without_lost_networks():
    titles, _, *rows = noise.noise_table().split("\n")
    assert "| across, 90 seen<br>(10 unseen) |" in titles
    names = [" | ".join(row.split(" | ")[:2]) for row in rows]
    assert names == [
        "| Blur | 48 pixels, sigma 4",
        "| Blur | 48 pixels, sigma 5",
        "| Blur | 48 pixels, sigma 7.5",
        "| Salt & pepper | 48 pixels, amount 0.5",
        "| Salt & pepper | 96 pixels, amount 0.5",
        "| White noise | 48 pixels, std 100",
        "| White noise | 48 pixels, std 125",
        "| White noise | 48 pixels, std 225",
        "| White noise | 96 pixels, std 100",
    ]
    # From other tables than those of the runs.
    tests = pd.read_parquet(NOISE / "accuracy.parquet")
    at_chance = tests[
        (tests.category_group == "all")
        & (tests.test_transform == "identity")
        & (tests.accuracy < 0.02)
    ].run
    own = tests[
        (tests.test_transform == tests["transform"])
        & (tests.category_group == "unseen")
        & (tests["transform"] == "salt_pepper")
        & (tests.n_seen == 90)
    ]
    lost = own.run.isin(at_chance)
    found = own.accuracy[~lost]
    assert lost.sum() == 1 and len(found) == 2
    cell = f"{found.mean():.2f} ({found.min():.2f} to {found.max():.2f})"
    assert f"| {cell}; 2 of 3 | 3 of 15 |" in rows[4]
    mean = noise.noise_mean(
        "across_accuracy", "salt_pepper", "96 pixels, amount 0.5", 90
    )
    assert mean == f"{found.mean():.2f}"
    # Single networks are dots, those at chance crosses.
    figure = noise.draw_noise(themes.THEMES["light"])
    (panel,) = (
        axes for axes in figure.axes if axes.get_title() == "Salt & pepper"
    )
    (crosses,) = (line for line in panel.lines if line.get_gid() == "at chance")
    assert crosses.get_xdata().tolist().count(90) == 1


def test_networks_are_compared_by_means_over_their_runs():
    results = values.Results(INCEPTION)
    titles, _, *rows = studied.networks_table(results).split("\n")
    assert titles.endswith(
        "| original | within-category | across-category | I | floor S | J |"
    )
    tests, layers = (
        table[table["transform"] != "identity"]
        for table in (
            results.tables.accuracy_by_category,
            results.tables.layers,
        )
    )
    keys = ["network", "n_seen"]
    expected = pd.DataFrame()
    for column, (version, group) in enumerate(
        [("identity", "all"), ("own", "seen"), ("own", "unseen")]
    ):
        tested = tests["transform"] if version == "own" else version
        counted = tests[tests.test_transform == tested]
        if group != "all":
            counted = counted[counted.category_group == group]
        counts = counted.groupby([*keys, "run"])[["num_correct", "num_images"]]
        counts = counts.sum()
        shares = counts.num_correct / counts.num_images
        expected[column] = shares.groupby(keys).mean()
    layers = layers[
        (layers.test_transform == layers["transform"])
        & (layers.category_group == "all")
        & np.isclose(layers.tau, 0.1)
    ]
    measures = ["invariance", "control_shuffled", "corrected_invariance"]
    for measure in measures:
        expected[measure] = layers.groupby(keys)[f"mean_{measure}"].mean()
    words = {"alexnet_small": "small AlexNet", "inception": "Inception"}
    assert [row.strip("| ").split(" | ") for row in rows] == [
        [
            words[network],
            f"{n_seen} ({40 - n_seen} unseen)",
            *("–" if np.isnan(mean) else f"{mean:.2f}" for mean in means),
        ]
        for (network, n_seen), *means in expected.itertuples()
    ]


def test_the_images_of_a_study_are_listed_and_not_published(faces):
    for results in (faces, values.Results(OBJECTS)):
        listed = results.files
        (num_images,) = results.tables.runs.num_images.unique()
        assert len(listed) == listed.file.nunique() == num_images
        assert listed.sha256.str.fullmatch("[0-9a-f]{64}").all()
        assert (listed.file.str.split("/").str[0] == listed.category).all()
        tests = results.tables.accuracy_by_category
        tested = tests.groupby("category").num_images.unique()
        counts = listed[listed.split == "test"].category.value_counts()
        assert tested.explode().to_dict() == counts.to_dict()
    assert "| LFW | 60 | 2,458 | 600 |" in studied.sources_table(faces)
    figures = {path.name for path in FACES.rglob("*.png")}
    assert figures == {"fig2c.png", "fig5c.png"}


def test_figures_have_the_claims_that_the_paper_makes_with_them():
    found = {f"C{i}": verdicts._figures_of(f"C{i}") for i in range(1, 17)}
    assert found["C1"] == {"2b", "2c"}
    assert found["C7"] == {"4a", "4b", "9", "10"}
    assert found["C15"] == {"13", "14"}
    assert found["C16"] == set()


def test_every_figure_has_its_sweep_and_what_came_out():
    text = verdicts.figures_table(values.Results(RESULTS))
    rows = {
        re.search(r"\*\*(\w+)\*\*", line)[1]: line
        for line in text.split("\n")[2:]
    }
    assert {*rows} == {*FIGURES}
    assert "`synthfaces`, `facescrub`" in rows["2c"]
    assert "synthfaces/report.html#picture-2c" in rows["2c"]
    assert "C1 <span" in rows["2c"]
    inception = values.Results(INCEPTION)
    both = verdicts.figures_table(values.Results(FACES), inception)
    assert "| `faces`, `synthfaces`, `facescrub` |" in both
    assert "synthfaces_inception/report.html#picture-14" in both
    assert "synthfaces_inception/report.html#picture-2c" not in both
    assert "no runs yet" in rows["2b"] and "`imagenet`" in rows["2b"]


def test_sweeps_say_hardware_and_time_as_their_files_do(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("# A sweep. Hardware: 2 CPU\n# cores, .5 hours. n is 3.\n")
    assert registers.said_of(path, "Hardware: ") == "2 CPU cores, .5 hours"
    assert registers.said_of(path, "Expect ") == ""
    assert registers.purpose_of(path) == "A sweep."
    text = registers.sweeps_table([values.Results(RESULTS)])
    for path in registers.SWEEP_FILES:
        assert f"`{path.stem}`" in text
        assert registers.said_of(path, "Hardware: ") in text
        assert registers.purpose_of(path) in text
    hours = pd.read_parquet(RESULTS / "runs.parquet").seconds.sum() / 3600
    assert f"170 runs, {hours:.1f} hours" in text


def test_strengths_are_those_of_the_records(tmp_path):
    path = tmp_path / "lfw-alexnet-64-white_noise"
    path.mkdir()
    (path / "calibration.json").write_text(
        '{"image_size": 64, "parameter": "std", "strength": 50, "below": 0.1}'
    )
    (path / "calibration.csv").write_text(
        "strength,accuracy,lower,upper\n0,.9,.8,1\n25,.1,0,.2\n50,.09,0,.1\n"
    )
    text = registers.calibrations_table(tmp_path)
    assert "| lfw, 64 pixels | White noise | `std` 50 | 0.1 | 0.100 (" in text


def test_no_photograph_is_published():
    """Where examples are shown, the people are invented."""
    calibrated = DOCS.glob("results/calibration/*/*.png")
    assert {path.parent.name.split("-")[0] for path in calibrated} == {
        "synthfaces"
    }
    # Nor a path of the machine that made the records.
    for path in DOCS.glob("results/*/*/*.json"):
        assert not re.search(r'": "/', path.read_text("utf-8")), path


def test_the_runs_of_the_tutorial_are_those_of_its_sweep_file():
    (content,) = re.findall("<<'END'\n(.*?)END", read("tutorial.md"), re.S)
    grid = yaml.safe_load(content)["grid"]
    assert grid | {"seed": 0} == findings.TUTORIAL
    expected = ["highpass", "rotate90"], [4, 20, 36]
    assert (grid["transform"], grid["n_seen"]) == expected


@pytest.mark.slow
def test_open_questions_are_shown_as_far_as_they_were_computed(
    render, tmp_path
):
    text = render(read("questions.md"))
    assert "{{" not in text and "ot computed yet" not in text

    def answer():
        return answers.Answer("recurrence", tmp_path)

    found = answer().summary()
    assert found.startswith("Not computed yet.")
    assert "`invariance-tf sweep configs/sweeps/recurrence.yaml`" in found
    assert answer().result("across, BL minus B") == "not computed yet"
    runs = made_up_answers()["recurrence"]
    save_runs(runs, tmp_path / "recurrence")
    found = answer().summary()
    assert "/drawings/question-recurrence-dark.svg#only-dark" in found
    row = "| across, BL minus B | 0.100 (0.075 to 0.125) | higher | higher: "
    assert f"{row}High-pass, Rotation 90° |  |" in found
    # Nothing but chance.
    undecided = "0.000 (−0.224 to 0.224), undecided"
    assert answer().result("across, BL minus BU") == undecided
    assert f"more than {MOST_SEEDS} |" in found
    hours = 18 * OF_EVERY_RUN["seconds"] / 3600
    assert f"18 runs, {hours:.1f} hours" in found
    with pytest.raises(LookupError, match="does not compare 'nothing'"):
        answer().result("nothing")
    # Of all transformations or of one.
    keys = {"minus": {"network_name": "B"}, "network_name": "BL"}
    for more in ({}, {"transform": "rotate90"}):
        found = answer().difference("across_accuracy", **keys, **more)
        assert found == "0.100 (0.075 to 0.125)"
    with pytest.raises(LookupError, match="nothing was measured at"):
        answer().difference("across_accuracy", **keys, step=9)


@pytest.mark.slow
def test_questions_that_were_computed_are_drawn(monkeypatch, tmp_path):
    save_runs(made_up_answers()["capacity"], tmp_path / "capacity")
    for name in values.REPLICATIONS:
        os.symlink(DOCS / "results" / name, tmp_path / name)
    monkeypatch.setattr(values, "RESULTS", tmp_path)
    drawn = findings.find_drawings()
    questions = [name for name in drawn if name.startswith("question-")]
    assert questions == ["question-capacity"]
    title = drawn["question-capacity"](None).get_suptitle()
    assert title == "Capacity and invariance: synthetic faces"


def test_starts_of_alexnet_are_those_of_the_tables():
    results = values.Results(DOCS / "results" / "initializers")
    history = results.tables.history
    lines = learning.starts_table(results).split("\n")[2:]
    drawn = learning.draw_starts(themes.THEMES["light"]).axes[0].lines
    assert len(lines) == len(results.tables.runs) == 6
    assert len(drawn) == 6 + 1
    for run in results.tables.runs.itertuples():
        last = history[history.run == run.run].cross_entropy.iloc[-1]
        (line,) = [line for line in lines if f"| {last:.2f} |" in line]
        assert ("| never |" in line) == run.is_at_chance
        assert f"| {run.clean_accuracy:.3f} |" in line
    # 2,760 training images: 87 steps of up to 32.
    np.testing.assert_allclose(drawn[0].get_xdata()[[0, -1]], [43.5, 1348.5])


def test_both_groups_of_people_are_shown_apart():
    results = values.Results(DOCS / "results" / "faces_alexnet")
    text = learning.whole_runs_table(results)
    for run in results.tables.runs.itertuples():
        within, across = f"{run.within_accuracy:.3f}", run.across_accuracy
        row = rf"`{run.transform}` \| 42 seen \| 420 \| \S+ \| {within} "
        assert re.search(row, text)
        row = rf"`{run.transform}` \| 42 unseen .* \| {across:.3f} \|"
        assert re.search(row, text)


# What the hooks do.


def test_formulas_become_mathml():
    pages = pytest.importorskip("pages", reason="needs the extra docs")
    page = '<p><span class="arithmatex">\\(x_1 &lt; 2\\)</span></p>'
    page += '<div class="arithmatex">\\[y\\]</div>'
    text = pages.on_page_content(page, None, None, None)
    assert text.count("<math") == 2 and "arithmatex" not in text
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in text
    assert 'display="block"' in text.split("</p>")[1]


def test_links_to_directories_become_text(tmp_path):
    pages = pytest.importorskip("pages", reason="needs the extra docs")
    (tmp_path / "here").mkdir()
    text = "[a](here) ![b](here) [c](there.md) [d](here/e.png)"
    expected = "a ![b](here) [c](there.md) [d](here/e.png)"
    assert pages.unlink_directories(text, tmp_path) == expected


def test_names_of_tests_become_sentences():
    pages = pytest.importorskip("pages", reason="needs the extra docs")
    text = pages.name_tests("a `tests/test_x.py::test_it_is_so` |")
    name = "tests/test_x.py::test_it_is_so"
    assert text == f'a <span class="test" title="{name}">it is so</span> |'


def test_links_of_copied_pages_stay_on_the_site():
    pages = pytest.importorskip("pages", reason="needs the extra docs")
    text = "[a](docs/claims.md#x) [b](CHANGELOG.md) [c](https://docs/x)"
    expected = "[a](claims.md#x) [b](changelog.md) [c](https://docs/x)"
    assert pages.relink(text) == expected


def test_docstrings_in_the_form_of_keras_become_those_of_google():
    docstrings = pytest.importorskip("docstrings", reason="needs docs")
    text = docstrings.rewrite_docstring(
        "Does it.\n\nCall arguments:\n    a: Float > 0,\n        in pixels.\n\n"
        "Example:\n\n>>> 1 + (\n...     1\n... )\n2\n\nLast."
    )
    assert text == (
        "Does it.\n\nOther Args:\n    a: Float > 0,\n        in pixels.\n\n"
        "**Example**\n\n```pycon\n>>> 1 + (\n...     1\n... )\n2\n```\n\nLast."
    )


def test_a_terminal_is_drawn_as_it_is_at_the_end():
    spinner = "0 wait\r\n\r\x1b[1A\x1b[2K"
    bar = "one 0 %\r\x1b[2Kone 50 %\r\x1b[2K\x1b[32mone 100 %\x1b[0m\r\n"
    text = f"{spinner}{bar}two\r\n"
    svg = screens.draw_terminal(text, "invariance-tf run")
    shown = re.sub(r"<style>.*?</style>|<[^>]*>", " ", svg, flags=re.S)
    shown = shown.replace("&#160;", " ").split()
    words = ["$", "invariance-tf", "run", "one", "100", "%", "two"]
    assert [word for word in shown if word in {*words, "0", "50"}] == words
    assert "@font-face" not in svg


# The examples. Each is run as it stands on its page.


@pytest.mark.slow
def test_a_transformation_is_added(run_page):
    names = run_page("extend/transform.md", module="transforms.py")
    np.testing.assert_array_equal(names["logits"], names["again"])
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3))
    out = np.asarray(names["Posterize"](3)(images, np.array([True, False])))
    # The nearest of 0, 127.5 and 255.
    assert set(out[0].ravel()) <= {0, 127.5, 255}
    assert abs(out[0] - images[0]).max() <= 127.5 / 2
    np.testing.assert_array_equal(out[1], images[1])
    with pytest.raises(ValueError, match="at least 2. Received: levels=1"):
        names["Posterize"](1)
    assert names["summary"]["transform"] == "my_lab.transforms:Posterize"
    faces = names["images"]
    flipped = np.asarray(names["flipped"])
    np.testing.assert_array_equal(flipped, faces[:, :, ::-1])
    assert 0 <= names["summary"]["across_accuracy"] <= 1


@pytest.mark.slow
def test_a_data_set_is_added(run_page):
    names = run_page("extend/dataset.md", module="data.py")
    dataset = names["dataset"]
    assert dataset.images.shape == (240, 32, 32, 3)
    assert dataset.is_test.sum() == 80
    # Bars of 90 degrees are the same in every column.
    bars = dataset.images[dataset.labels == 4].astype(int)
    assert abs(np.diff(bars, axis=2)).max() <= 1
    assert abs(np.diff(bars, axis=1)).max() > 20
    assert np.isfinite(names["history"].history["loss"]).all()
    assert names["accuracies"]["seen"][0] == 40
    assert names["summary"]["dataset"] == "my_lab.data:gratings"


@pytest.mark.slow
def test_a_network_is_added(run_page):
    names = run_page("extend/network.md", module="networks.py")
    assert names["layer_names"] == ["conv1", "conv2", "fc3"]
    assert names["penultimate"] == "fc3"
    kernels = 5 * 5 * 3 * 16 + 5 * 5 * 16 * 32 + 32 * 64 + 64 * 4
    biases = 16 + 32 + 64 + 4
    assert names["model"].count_params() == kernels + biases
    assert names["summary"]["network"] == "my_lab.networks:two_layers"
    assert names["summary"]["penultimate_layer"] == "fc3"


def test_a_measure_is_added(run_page):
    names = run_page("extend/measure.md")
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 20, 3))
    b[:, 2] = 1
    found = names["tuning_correlation"](a, b)
    expected = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(2)]
    np.testing.assert_allclose(found, [*expected, np.nan])
    assert names["correlations"].shape == (256,)
    assert len(names["neurons"]) == 256 and names["agreement"].shape == (2, 2)


def test_a_figure_is_added(run_page):
    names = run_page("extend/figure.md")
    assert pathlib.Path("loss.png").stat().st_size > 10_000
    assert names["missing"] == []
    table = pd.read_parquet(RESULTS / "runs.parquet")
    table = table[table["transform"] == "rotate90"]
    loss = (table.within_accuracy - table.across_accuracy).groupby(table.n_seen)
    (axes,) = names["drawn"].axes
    (line,) = (x for x in axes.lines if x.get_label() == "Rotation 90°")
    np.testing.assert_allclose(line.get_ydata(), loss.mean())


@pytest.mark.slow
def test_a_model_of_ones_own_is_measured(run_page):
    names = run_page("measure.md")
    summary = names["result"].summary
    assert [*summary.layer] == ["conv", "hidden"]
    assert summary.num_neurons.tolist() == [14 * 14 * 16, 64]
    assert len(names["neurons"]) == 64
    assert names["neurons"].control_shuffled.notna().any()
    assert pathlib.Path("rotation.png").stat().st_size > 5_000
    assert len(names["unit"].neurons) == 64
    num_neurons = {
        "resnet_result": {"conv4_block6_out": 1024, "avg_pool": 2048},
        "tuned_result": {"mobilenetv2_1.00_32/block_13_expand_relu": 2304},
        "signed": {"attention": 16 * 32, "pool": 32},
    }
    for name, expected in num_neurons.items():
        found = names[name].neurons.groupby("layer").size().to_dict()
        assert found == expected
    for name in ("geometry", "alike", "best", "version"):
        found = names[name]
        assert found.low <= found.value <= found.high
        assert found.control < found.value
    assert [each.value > each.control for each in names["category"]] == [1, 1]
    coefficients = names["signed"].neurons.invariance_coefficient
    assert coefficients.between(0, 1).all()


@pytest.fixture
def in_short(tmp_path):
    """The environment of programs that train for one epoch on few faces.

    Python imports `sitecustomize` first, in every process.
    """
    directory = tmp_path / "short"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(
        "from invariance_tf.settings import defaults\n"
        'defaults.NETWORKS["alexnet_small"].experiment["epochs"] = 1\n'
        'few = {"num_train": 10, "num_test": 5}\n'
        'defaults.DATASETS["synthfaces"].options.update(few)\n'
    )
    before = {
        "PATH": pathlib.Path(sys.executable).parent,
        "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}",
    }
    return os.environ | {
        name: f"{value}{os.pathsep}{os.environ.get(name, '')}"
        for name, value in before.items()
    }


@pytest.mark.slow
def test_the_tutorial_works_as_it_is_written(tmp_path, in_short):
    install, *commands = blocks("tutorial.md", "sh")
    assert install == "pip install -e .\n"
    python = [
        f"python - <<'PYTHON'\n{block}PYTHON\n"
        for block in blocks("tutorial.md", "python")
    ]
    for command in commands + python:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path,
            env=in_short,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    runs = itf.load_runs(tmp_path / "runs").runs
    curve = runs.pivot(
        index="n_seen", columns="transform", values="across_accuracy"
    )
    assert curve.shape == (3, 2) and curve.notna().all(axis=None)
    assert set(runs.epochs) == {1}
    assert (tmp_path / "figures" / "fig2c.png").stat().st_size > 10_000
    assert "rotate90" in (tmp_path / "report.html").read_text("utf-8")


def test_the_tutorial_says_what_came_out():
    runs = findings.select_tutorial().runs
    curve = runs.pivot(
        index="n_seen", columns="transform", values="across_accuracy"
    )
    # A rise for the one, none to speak of for the other, far beyond the
    # spread of seeds.
    assert curve.highpass[36] > curve.highpass[4] + 0.2
    assert curve.rotate90.max() < 0.2


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing(
    tmp_path, in_short
):
    for name in ("mkdocs", "nbconvert", "ipykernel"):
        pytest.importorskip(name, reason="needs the extra docs")
    tmp_path = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"]
        + ["--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=in_short,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    built = sorted(tmp_path.rglob("*.html"))
    assert len(built) > len(PAGES)
    for path in built:
        if "results" in path.parts and path.name == "report.html":
            continue  # a page of its own, tested in test_report
        text = path.read_text(encoding="utf-8")
        loading = re.findall(r"<(?:script|img|link|iframe)\b[^>]*>", text)
        for tag in loading:
            assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), tag
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "drawings/across-light.svg" in index and "{{" not in index
    assert "<math" in (tmp_path / "method" / "index.html").read_text("utf-8")
    for path in NOTEBOOKS:
        page = tmp_path / "notebooks" / path.stem / "index.html"
        text = page.read_text(encoding="utf-8")
        assert re.search(rf'src="../{path.stem}_\d+_\d+.png"', text)
        assert "Traceback" not in text
    tutorial = (tmp_path / "tutorial" / "index.html").read_text("utf-8")
    pictures = ["terminal.svg", "tensorboard.png", "report.png"]
    for name in pictures if screens.CHROMIUM else pictures[:1]:
        assert f"screens/{name}" in tutorial
        assert (tmp_path / "screens" / name).stat().st_size > 5_000


def test_speeds_are_those_of_the_file(tmp_path):
    text = "work,way,rate\na_b,ours,2.0\na_b,theirs,1.0\nc,ours,3\nd,ours,\n"
    (tmp_path / "step.csv").write_text(text)
    measured = Measurement("step", tmp_path)
    assert measured.value("rate", way="theirs") == "1.00"
    assert measured.extremes("rate", 1, work="a_b") == "1.0 to 2.0"
    assert measured.pivot("work", "way", "rate", 0).splitlines()[2:] == [
        "| a b | 2 | 1 |",
        "| c | 3 | – |",
    ]
    assert measured.table({"way": "how"}, work="c").splitlines()[0] == "| how |"
    with pytest.raises(LookupError, match="step.csv has no row"):
        measured.value("rate", way="nobody's")
    with pytest.raises(LookupError, match="step.csv has no row"):
        measured.extremes("rate", way="nobody's")
    assert measured.extremes("rate", way="nobody's", otherwise="no") == "no"
    (tmp_path / "step.csv").write_text("work,milliseconds\na,2.5\n")
    measured = Measurement("step", tmp_path)
    assert measured.hours(36e6, work="a") == "25"
