"""The report: one page, all text, no network."""

import base64
import collections
import csv
import dataclasses
import hashlib
import html.parser
import json
import os
import pathlib
import re
import urllib.parse

import pytest
from made_up_runs import across, invariance, made_up_runs, within
from matplotlib.figure import Figure
from test_questions import made_up as made_up_answers

from invariance_tf.paper import claims, report
from invariance_tf.paper.figures import by_number
from invariance_tf.paper.report import (
    headlines,
    listing,
    origins,
    pictures,
    rendering,
)
from invariance_tf.paper.studies import find_studies

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'


class Page(html.parser.HTMLParser):
    """Collects elements, their attributes and the text of a page."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.texts = [], []
        self.source = pathlib.Path(path).read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.texts.append(text)

    def attributes(self, key, *tags):
        return [
            attributes[key]
            for tag, attributes in self.elements
            if key in attributes and (not tags or tag in tags)
        ]

    def tags(self):
        return collections.Counter(tag for tag, _ in self.elements)


@pytest.fixture(scope="module", autouse=True)
def two_figures():
    """Leaves two figures, as drawing all takes longer than the other tests."""
    with pytest.MonkeyPatch.context() as patch:
        few = {
            number: by_number.FIGURES[number] for number in ("2c", "3a", "14")
        }
        patch.setattr(by_number, "FIGURES", few)
        yield


def few_runs(**kinds):
    kinds = {"transforms": ("blur", "rotate90"), "n_seen": (1, 36)} | kinds
    return made_up_runs(num_neurons=4, **kinds)


def rename(runs, is_selected, **values):
    """Changes columns of some rows of `runs` and the names in all tables."""
    names = runs.runs.run[is_selected]
    tables = {}
    for key, table in runs.tables().items():
        table = table.copy()
        rows = table.run.isin(names)
        for column, value in values.items():
            if column in table:
                table.loc[rows, column] = value
        tables[key] = table
    return dataclasses.replace(runs, **tables)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs whose directories are there, but for the last."""
    runs = few_runs()
    root = tmp_path_factory.mktemp("all runs #1, 50%: new")
    runs.runs["run_dir"] = [str(root / name) for name in runs.runs.run]
    for run_dir in runs.runs.run_dir[:-1]:
        os.mkdir(run_dir)
    return runs


@pytest.fixture(scope="module")
def path(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("reports") / "new" / "report.html"
    assert report.write_report(runs, path) == path
    return path


@pytest.fixture(scope="module")
def page(path):
    return Page(path)


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes(runs, path):
    again = path.with_name("again.html")
    report.write_report(runs, again)
    assert again.read_bytes() == path.read_bytes()
    assert sorted(os.listdir(path.parent)) == ["again.html", "report.html"]


def test_every_run_links_to_its_directory(runs, path, page):
    links = [link for link in page.attributes("href", "a") if link[0] != "#"]
    targets = [
        os.path.normpath(path.parent / urllib.parse.unquote(link))
        for link in links
    ]
    assert targets == list(runs.runs.run_dir[:-1])
    assert all("#" not in link and ":" not in link for link in links)


def test_a_run_without_its_directory_is_named(runs, page):
    assert runs.runs.run.iloc[-1] in page.text


def test_a_directory_cannot_pass_for_a_scheme(tmp_path):
    (tmp_path / "javascript:alert(1)").mkdir()
    link = listing.link_to(str(tmp_path / "javascript:alert(1)"), tmp_path)
    assert link == "javascript%3Aalert%281%29/"


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.search(r"(https?:)?//\w+\.", page.source)
    sources = page.attributes("src") + page.attributes("href", "link", "image")
    assert all(source.startswith("data:") for source in sources)
    assert not {"iframe", "object", "embed", "base"} & page.tags().keys()
    assert not re.search(r"@import|url\((?!#)", page.source)


def test_the_policy_allows_the_script_of_the_page_only(page):
    script = re.search(r"<script>(.*?)</script>", page.source, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    (policy,) = (text for text in page.attributes("content") if "-src" in text)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest.decode()}'" in policy


def test_names_are_unique_and_every_reference_has_its_target(page):
    names = page.attributes("id")
    assert len(names) == len({*names})
    within_page = [
        link[1:]
        for link in page.attributes("href", "a", "use")
        if link.startswith("#")
    ]
    labels = page.attributes("aria-labelledby")
    labels += page.attributes("aria-describedby") + page.attributes("for")
    used = re.findall(r"url\(#([^)]+)\)", page.source)
    assert within_page and labels and used
    assert {*within_page, *labels, *used} <= {*names}


def test_names_of_runs_stay_text(tmp_path):
    runs = few_runs(seeds=(0,))
    foreign = runs.runs.run == runs.runs.run[0]
    runs = rename(
        runs,
        foreign,
        run=SCRIPT + "of the run",
        study="another",
        network=SCRIPT + "of the network",
        transform=IMAGE + "of the transform",
        processor=IMAGE + "of the processor",
        git_commit=SCRIPT + "of the commit",
        transform_args='{"' + SCRIPT.replace("/", "\\/") + 'of the args": 1}',
        run_dir=str(tmp_path),
    )
    # Also in the figures.
    runs = rename(runs, ~foreign, data_name=SCRIPT + "of the data set")
    runs.unfinished.append(IMAGE + "of the unfinished")
    runs.refused[SCRIPT + "of the refused"] = IMAGE + "of the reason"
    (tmp_path / "summary.json").write_text('{"schema": 2, "seconds": {}}')
    with open(tmp_path / "skipped.csv", "w", newline="") as file:
        rows = [("file", "reason"), (SCRIPT + "of the file", IMAGE)]
        csv.writer(file).writerows(rows)
    page = Page(report.write_report(runs, tmp_path / "report.html"))
    assert page.tags()["script"] == 1 and page.tags()["img"] == 0
    assert not any(
        key.startswith("on") for _, keys in page.elements for key in keys
    )
    for what in "run network commit args file refused".split():
        assert f"{SCRIPT}of the {what}" in page.text
    # The title, which is left out where a caption has it.
    figure = by_number.draw_figure("2c", find_studies(runs)[0])
    drawn = pictures.inline_svg(figure, "titled")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;of the data set" in drawn
    for what in ("transform", "processor", "unfinished", "reason"):
        assert f"{IMAGE}of the {what}" in page.text


def test_the_tiles_count_what_judge_says(runs, page):
    studies, _ = find_studies(runs)
    verdicts = claims.judge(studies)
    counts = collections.Counter(verdict.verdict for verdict in verdicts)
    tiles = re.findall(
        r"<dt>(claims?) ([^<]*)</dt><dd><span[^>]*>.</span> (\d+)", page.source
    )
    of_words = {
        "hold": "holds",
        "hold on average": "holds on average",
        "holds on average": "holds on average",
        "do not hold": "does not hold",
        "does not hold": "does not hold",
        "holds": "holds",
        "undecided": "undecided",
    }
    assert {of_words[words]: int(num) for _, words, num in tiles} == {
        verdict: counts[verdict] for verdict in headlines.VERDICTS
    }
    for verdict in verdicts:
        assert verdict.statement in page.text
        assert verdict.criterion in page.text


@pytest.mark.slow
def test_open_questions_that_the_runs_answer_are_drawn(tmp_path, page):
    runs = made_up_answers()["capacity"]
    report.write_report(runs, tmp_path / "report.html")
    found = Page(tmp_path / "report.html")
    assert "Capacity and invariance" in found.text
    assert 'id="figure-group-capacity"' in found.source
    assert "width 0.5: 1 k" in found.text
    assert "Capacity and invariance" not in page.text


def test_a_verdict_is_told_in_words_beside_its_symbol(page):
    badges = re.findall('class="verdict .*?>(.*?)\n', page.source)
    words = {
        re.sub("<.*?>", "", badge).split(" decides")[0] for badge in badges
    }
    symbols = {name: words[0] for name, words in headlines.VERDICTS.items()}
    assert words and words <= {
        f"{symbol} {name}" for name, symbol in symbols.items()
    }


@pytest.mark.slow
def test_an_effect_of_one_seed_stands_without_brackets(tmp_path, page):
    one = Page(report.write_report(few_runs(seeds=(0,)), tmp_path / "a.html"))
    name = "slope of invariance on the share"
    for source, has_interval in ((page.source, True), (one.source, False)):
        before, _, _ = source.partition(name)
        effect = before.rpartition('<td class="effect">')[2]
        assert 'class="value"' in effect
        assert ('class="interval"' in effect) == has_interval


def test_means_are_those_of_the_families():
    (study,) = find_studies(few_runs(seeds=(0, 1)))[0].values()
    table = headlines.average_by_family(study)
    assert table["ends"] == [1, 36] and table["num_categories"] == 40
    for row, name in zip(table["rows"], ("blur", "rotate90"), strict=True):
        assert row["transforms"] == [name]
        for end, means in zip(table["ends"], row["means"], strict=True):
            share = end / 40
            values = [
                [
                    within(name, share, seed),
                    across(name, share, seed),
                    invariance(name, share, seed, "unseen"),
                ]
                for seed in (0, 1)
            ]
            expected = [sum(pair) / 2 for pair in zip(*values, strict=True)]
            assert list(means.values()) == pytest.approx(expected)


def test_a_single_run_at_another_number_is_not_the_end_of_the_means():
    runs = few_runs(n_seen=(1, 36, 38), seeds=(0, 1))
    is_extra = runs.runs.n_seen == 38
    is_first = runs.runs.run == runs.runs.run[is_extra].iloc[0]
    (study,) = find_studies(runs.select(~is_extra | is_first))[0].values()
    assert headlines.average_by_family(study)["ends"] == [1, 36]


@pytest.mark.slow
def test_runs_that_only_a_question_shows_are_not_left_out(tmp_path):
    runs = made_up_answers()["several"]
    unused = by_number.find_left_out(runs)
    assert {*unused} < {*find_studies(runs)[1]}
    page = Page(report.write_report(runs, tmp_path / "report.html"))
    # These were trained twice.
    assert f"{len(unused)} left out of figures and claims" in page.text


def test_runs_that_stand_for_nothing_say_why():
    runs = few_runs(seeds=(0,))
    studies, _ = find_studies(runs)
    name = runs.runs.run[0]
    table = listing.describe_runs(runs, studies, {name: "another study"}, ".")
    assert table["rows"][0]["cells"][-1][0] == "faces"
    table = listing.describe_runs(runs, {}, {name: "another study"}, ".")
    assert table["rows"][0]["cells"][-1][0] == "none: another study"
    assert table["rows"][1]["cells"][-1][0] == "none"


def test_sources_are_counted():
    runs = few_runs(seeds=(0, 1, 2))
    of_others = runs.runs.seed == 2
    runs = rename(runs, of_others, keras="3.16.0", git_is_modified=True)
    found = origins.describe_origins(runs)
    counts = {(name, value): num for name, value, num in found["sources"]}
    total, num_others = len(runs.runs), int(of_others.sum())
    assert counts["Keras", "3.15.1"] == total - num_others
    assert counts["Keras", "3.16.0"] == num_others
    assert counts["commit of this package", "0" * 40 + ", with changes"] == (
        num_others
    )
    assert dict(found["seeds"]) == dict.fromkeys(range(3), total // 3)


def test_skipped_files_are_listed(tmp_path):
    runs = few_runs(seeds=(0,))
    runs = rename(runs, runs.runs.seed == 0, num_skipped=1)
    runs.runs["run_dir"] = str(tmp_path)
    (tmp_path / "summary.json").write_text('{"schema": 2, "seconds": {}}')
    (tmp_path / "skipped.csv").write_text('file,reason\n"a,b.jpg",too small\n')
    (data,) = origins.describe_origins(runs)["datasets"]
    assert data["num_skipped"] == 1 and data["fingerprint"] == "0" * 64
    assert data["skipped"] == [("a,b.jpg", "too small")]


def test_differences_from_the_paper_are_told():
    runs = few_runs(seeds=(0, 1), network="alexnet_small")
    runs = rename(runs, runs.runs.seed == 0, epochs=2)
    runs = rename(
        runs,
        runs.runs["transform"] == "blur",
        transform_args='{"sigma": 4.0, "kernel": "odd"}',
        git_is_modified=True,
    )
    text = " ".join(origins.describe_origins(runs)["deviations"])
    for part in (
        "Synthetic faces stand in for FaceScrub",
        "small AlexNet",
        "Trials of each point: 2; in the paper 3",
        "1, 36 of 40 categories",
        "thinning",
        "trained for 2, 15 epochs instead of 15",
        "(row A5): blur sigma 4.0.",
        "had uncommitted changes",
    ):
        assert part in text


def test_several_transformations_are_told_apart():
    runs = few_runs(seeds=(0,))
    args = {"rotate90": {}, "highpass": {"kernel": "odd", "sigma": 1.5}}
    own = {"blur": {"sigma": 4}, "lab:T+lab:S": {"lab:T": {"a": {"b": 2}}}}
    for name, (transform, values) in {
        "blur": ("rotate90+highpass", args),
        "rotate90": ("blur,lab:T+lab:S", own),
    }.items():
        runs = rename(
            runs,
            runs.runs["transform"] == name,
            transform=transform,
            transform_args=json.dumps(values),
        )
    told = origins.describe_origins(runs)["deviations"]
    assert [text for text in told if "not part of" in text] == [
        f"The transform {name} is not part of this package."
        for name in ("lab:S", "lab:T")
    ]
    strengths = "blur sigma 4, highpass sigma 1.5, lab:T a b 2"
    assert any(text.endswith(f"(row A5): {strengths}.") for text in told)
    (missing,) = (text for text in told if text.startswith("No runs with"))
    assert not re.search("blur|highpass|rotate90", missing)


def test_runs_that_saw_all_categories_are_runs_with_a_transformation():
    told = origins.describe_origins(few_runs(n_seen=()))["deviations"]
    (missing,) = (text for text in told if text.startswith("No runs with"))
    assert "thinning" in missing and "blur" not in missing


def test_images_of_ones_own_stand_in_for_those_of_the_network_s_study():
    runs = few_runs(seeds=(0,))
    runs = rename(runs, runs.runs.seed == 0, dataset="folder")
    for is_imagenet, name in (
        (runs.runs.seed < 0, "FaceScrub"),
        (runs.runs.n_seen == 1, "FaceScrub and ImageNet"),
        (runs.runs.seed == 0, "ImageNet"),
    ):
        told = origins.describe_origins(
            rename(runs, is_imagenet, network="resnet18")
        )["deviations"]
        assert f"user's own images stands in for {name}." in told[0]


def test_as_many_trials_as_the_papers_are_no_difference():
    deviations = origins.describe_origins(few_runs(seeds=(0, 1, 2)))[
        "deviations"
    ]
    assert not any("Trials" in text for text in deviations)


def test_figures_of_a_study_without_runs_are_not_drawn(page):
    assert page.text.count("There are no runs for this figure.") == 1
    assert page.tags()["svg"] == page.tags()["figure"] - 1 == 2


def test_figures_have_descriptions_and_say_what_is_missing(runs, page):
    studies, _ = find_studies(runs)
    for number, entry in by_number.FIGURES.items():
        assert f"Figure {number}. {entry.title}" in page.text
        assert entry.description in page.text
        for text in by_number.missing_runs(number, studies):
            assert text in page.text


def test_the_names_within_a_figure_begin_with_its_own():
    svgs = []
    for name in ("one", "other"):
        figure = Figure()
        figure.subplots().plot([0, 1], marker="o", label='<b> & "url(#x)"')
        figure.axes[0].legend()
        svgs.append(pictures.inline_svg(figure, name))
        names = re.findall(r'\bid="([^"]*)"', svgs[-1])
        assert names and all(text.startswith(f"{name}-") for text in names)
    assert svgs[0].replace("one-", "other-") == svgs[1]
    assert '&lt;b&gt; &amp; "url(#x)"' in svgs[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (-0.5, "−0.500"),
        (12345, "12345"),
        ("-a-", "-a-"),
    ],
)
def test_numbers_are_written_for_readers(value, text):
    assert rendering.format_number(value, ".3f") == text


def test_a_page_without_runs_says_so(tmp_path):
    from invariance_tf.paper.tables import load_runs

    page = Page(report.write_report(load_runs(tmp_path), tmp_path / "a.html"))
    assert "No runs were found" in page.text
    assert page.tags()["svg"] == 0
