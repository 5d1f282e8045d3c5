"""The report in a real browser: Chromium without a window."""

import itertools
import math
import os
import shutil

import pytest
from made_up_runs import made_up_runs

from invariance_tf.paper.report import listing, write_report

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NUMBERS = {column: form for column, _, form in listing.COLUMNS if form}


@pytest.fixture(scope="module")
def runs():
    return made_up_runs(
        transforms=("blur", "highpass", "rotate90"),
        n_seen=(4, 12),
        num_neurons=8,
    )


@pytest.fixture(scope="module")
def path(runs, tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    runs.runs["run_dir"] = [str(root / name) for name in runs.runs.run]
    for run_dir in runs.runs.run_dir:
        os.mkdir(run_dir)
    return write_report(runs, root / "report.html")


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed"
    )
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        # Chromium's own sandbox does not work for the superuser.
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=options
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, path):
    """Opens the report; what the console and the network say is kept."""
    contexts = []

    def open_with(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.said, page.requested = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', event => "
            "console.error('policy', event.violatedDirective))"
        )
        page.goto(path.as_uri())
        return page

    yield open_with
    for context in contexts:
        context.close()


def column_of(page, column):
    """Returns what a column of the table of runs shows, from top to bottom."""
    return page.evaluate(
        """column => {
            const table = document.querySelector("table.sortable");
            const heading = table.querySelector(`[data-column=${column}]`);
            return Array.from(
                table.tBodies[0].rows,
                row => row.cells[heading.cellIndex].textContent.trim()
            );
        }""",
        column,
    )


def numbers_of(page, column):
    return [
        math.nan if text == "–" else float(text.replace("−", "-"))
        for text in column_of(page, column)
    ]


def test_the_page_renders_without_a_complaint_and_alone(open_page, path):
    page = open_page()
    assert page.title().startswith("Robustness to transformations")
    assert page.locator("svg").count() > 10
    assert page.said == []
    assert {url for url in page.requested if url[:5] != "data:"} == {
        path.as_uri()
    }
    assert os.path.getsize(path) < 10e6


def test_the_policy_stops_scripts_and_pictures_from_elsewhere(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            document.body.insertAdjacentHTML(
                "beforeend", "<img src='x.png' onerror='window.bad = 1'>"
            );
            const script = document.createElement("script");
            script.textContent = "window.bad = 1";
            document.body.append(script);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.bad") is None
    assert any("policy" in text for text in page.said)


def test_numbers_are_sorted_as_numbers_both_ways(open_page, runs):
    page = open_page()
    ways = (("ascending", False), ("descending", True))
    for column, (order, is_falling) in itertools.product(NUMBERS, ways):
        heading = page.locator(f"th[data-column={column}]")
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == order
        shown = numbers_of(page, column)
        there = [value for value in shown if not math.isnan(value)]
        assert there == sorted(there, reverse=is_falling)
        # What is missing comes last.
        assert not any(map(math.isnan, shown[: len(there)]))
        assert len(there) == runs.runs[column].notna().sum(), column
    assert page.locator("th[aria-sort=none]").count() == (
        len(listing.COLUMNS) - 1
    )


def test_ten_comes_after_nine_in_names_too(open_page):
    page = open_page()
    page.locator("th[data-column=run] button").click()
    blurred = [name for name in column_of(page, "run") if "blur" in name]
    counts = [int(name.split("-n")[1].split("-")[0]) for name in blurred]
    assert counts == sorted(counts) and {4, 12} < {*counts}


def test_the_table_is_sorted_by_keyboard(open_page):
    page = open_page()
    button = page.locator("th[data-column=n_seen] button")
    page.locator("#filter").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=ascending]").inner_text()[:4] == "seen"


def test_the_filter_keeps_the_runs_with_every_word(open_page, runs):
    page = open_page()
    page.get_by_label("Filter runs").fill("BLUR s1")
    rows = page.locator("table.sortable tbody tr:visible")
    table = runs.runs
    expected = table.run[table.run.str.contains("blur.*s1")]
    names = rows.locator("th").all_inner_texts()
    assert names == list(expected)
    said = page.locator("#count").inner_text()
    assert said == f"{len(expected)} of {len(table)} runs"
    page.get_by_label("Filter runs").fill("")
    assert rows.count() == len(table)


def test_links_lead_to_the_directories(open_page, runs):
    page = open_page()
    page.locator("table.sortable tbody a").nth(3).click()
    page.wait_for_url("**/")
    assert page.url.endswith(f"/{runs.runs.run[3]}/")


def test_nothing_is_wider_than_the_window(open_page):
    page = open_page()
    for element in page.locator("details").all():
        element.evaluate("element => { element.open = true; }")
    for width in (1280, 800, 400, 320):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.scrollingElement.scrollWidth")
        assert wide <= width
        for svg in page.locator("svg").all():
            assert svg.bounding_box()["width"] <= width
    page.locator("th[data-column=seconds] button").click()
    page.locator("#filter").fill("rotate90")
    assert page.locator("table.sortable tbody tr:visible").count() > 0


def test_every_figure_and_region_has_an_accessible_name(open_page):
    page = open_page()
    for svg in page.locator("svg").all():
        told = svg.aria_snapshot()
        assert told.startswith('- img "Figure ')
        assert svg.evaluate(
            "svg => document.getElementById("
            "svg.getAttribute('aria-describedby')).textContent.length"
        )
    for role in ("region", "navigation"):
        for element in page.get_by_role(role).all():
            assert f'{role} "' in element.aria_snapshot()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page_in_both_schemes(open_page, scheme):
    page = open_page(color_scheme=scheme)
    for selector in (".lead", ".note", "nav a", ".verdict", ".symbol"):
        ink, paper = page.locator(selector).first.evaluate(
            """element => [
                getComputedStyle(element).color,
                getComputedStyle(document.body).backgroundColor,
            ].map(text => text.match(/\\d+/g).slice(0, 3).map(Number))"""
        )
        darker, lighter = sorted((luminance(ink), luminance(paper)))
        # What WCAG 2 asks of small text.
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, selector


def luminance(color):
    linear = [
        value / 255 / 12.92
        if value / 255 <= 0.04045
        else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in color
    ]
    return sum(
        weight * value
        for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def test_print_hides_controls_and_opens_details(open_page):
    page = open_page(color_scheme="dark")
    assert page.locator(".controls").is_visible()
    assert not page.locator("details p:visible").count()
    page.emulate_media(media="print", color_scheme="dark")
    for selector in (".controls", "nav", ".arrow >> nth=0"):
        assert not page.locator(selector).is_visible()
    hidden = page.evaluate(
        "Array.from(document.querySelectorAll('details > :not(summary)'))"
        ".filter(element => !element.checkVisibility()).length"
    )
    assert page.locator("details").count() and hidden == 0
    body = page.locator("body")
    shade = "element => getComputedStyle(element).backgroundColor"
    assert body.evaluate(shade) == "rgb(255, 255, 255)"


def test_printing_leaves_the_page_as_it_was(open_page, tmp_path):
    page = open_page()
    page.locator("details").first.evaluate("element => { element.open = 1; }")
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert page.locator("details[open]").count() == 1
    assert page.said == []
