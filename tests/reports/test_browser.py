"""What a reader's browser makes of our pages: no complaint, no request, no fault of access, and a script that works."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import hostile
import pytest
from chromium import Opened, axe, faults, needs_chromium, started
from made_judgements import judgement, nothing, paired
from made_records import many
from metered_records import powered
from playwright.sync_api import Browser
from test_packed import gpu_page

from reports import build
from reports.gate import build as build_gate
from reports.gate.html import export as export_gate
from reports.html import export
from reports.packed import LARGEST
from reports.text import line

pytestmark = needs_chromium


@cache
def report_page() -> bytes:
    """A report with measurements, failures, a baseline and earlier runs."""
    now = many()
    before = [replace(one, run=replace(one.run, id="before", started="2026-01-02T00:00:00+00:00")) for one in now]
    return export(build(now, before, before))


@cache
def metered_page() -> bytes:
    return export(build(powered()))


@cache
def gate_page() -> bytes:
    return export_gate(build_gate(paired()))


@cache
def empty_gate_page() -> bytes:
    return export_gate(build_gate(nothing()))


PAGES: dict[str, Callable[[], bytes]] = {
    "report": report_page,
    "metered": metered_page,
    "packed": gpu_page,
    "gate": gate_page,
    "empty gate": empty_gate_page,
}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@every_page
def test_a_page_runs_our_script_complains_of_nothing_and_asks_for_nothing(page, browser: Browser, tmp_path: Path):
    opened = Opened(browser, page(), tmp_path)
    for details in opened.page.locator("details").all()[:20]:
        details.evaluate("(details) => { details.open = true; }")

    assert opened.page.locator("input[type=search]").count() == 1  # what the script adds
    assert opened.errors == []
    assert opened.asked_for_more == []


def test_a_complaint_and_a_request_would_be_noticed(browser: Browser, tmp_path: Path):
    ours = b'<img src="https://wattmark.invalid/x.png"><script>throw Error("ours")</script></body>'

    opened = Opened(browser, gate_page().replace(b"</body>", ours), tmp_path)

    assert any("Content Security Policy" in error for error in opened.errors)


@every_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(page, scheme, browser: Browser, tmp_path: Path, pytestconfig: pytest.Config):
    opened = Opened(browser, page(), tmp_path, color_scheme=scheme)
    for details in opened.page.locator("details").all()[:6]:
        details.evaluate("(details) => { details.open = true; }")

    assert faults(opened.page, axe(pytestconfig.cache.mkdir("axe-core"))) == []


def test_axe_would_find_a_fault(browser: Browser, tmp_path: Path, pytestconfig: pytest.Config):
    faded = gate_page().replace(b'<html lang="en">', b"<html>")

    found = faults(Opened(browser, faded, tmp_path).page, axe(pytestconfig.cache.mkdir("axe-core")))

    assert [fault.split(":")[0] for fault in found] == ["html-has-lang"]


@every_page
@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 27)")])
def test_a_page_follows_the_readers_colour_scheme(page, scheme, paper: str, browser: Browser, tmp_path: Path):
    opened = Opened(browser, page(), tmp_path, color_scheme=scheme)

    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == paper


@every_page
def test_a_page_is_never_wider_than_a_narrow_window(page, browser: Browser, tmp_path: Path):
    opened = Opened(browser, page(), tmp_path, viewport={"width": 360, "height": 800})

    assert opened.page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0


def whole(content: bytes, browser: Browser, folder: Path) -> Opened:
    """A page with everything open that can be opened."""
    opened = Opened(browser, content, folder)
    opened.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    opened.page.wait_for_function("!document.querySelector('[data-packed]')")
    for timeline in opened.page.locator("figure.closer > svg").all():
        timeline.focus()
        opened.page.keyboard.press("ArrowRight")
    return opened


def elements(opened: Opened) -> set[str]:
    """Of each kind of element on a page its name, and the names of its attributes."""
    script = "[...document.querySelectorAll('*')].map((one) => [one.localName, ...one.getAttributeNames()].join(' '))"
    return set(opened.page.evaluate(script))


def report_of(*texts: str) -> bytes:
    """A page of cases with a text in all places, which are packed where they are many."""
    return export(build([one for text in texts for one in hostile.records(text)[::2]]))


def gate_of(*texts: str) -> bytes:
    found = [finding for text in texts for finding in hostile.judgement(text).findings]
    return export_gate(build_gate(judgement(*found, notes=texts)))


MARKUP = [text for text in hostile.TEXTS.values() if set(text) & set("<>&\"'`{:\x1b\u202e\ud800")]


@pytest.mark.parametrize(
    ("page", "usual", "largest", "texts"),
    [
        (report_of, report_page, 1, MARKUP),  # so that all that can be packed is
        (report_of, metered_page, LARGEST, MARKUP[:3]),
        (gate_of, gate_page, LARGEST, MARKUP),
    ],
    ids=["packed", "whole", "gate"],
)
def test_the_browser_makes_no_element_of_hostile_text_and_shows_it(
    page, usual, largest, texts, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reports.html.LARGEST", largest)
    opened = whole(page(*texts), browser, tmp_path)
    calm = elements(whole(page("dull"), browser, tmp_path)) | elements(whole(usual(), browser, tmp_path))

    assert elements(opened) <= calm
    assert opened.page.locator("script:not([type])").count() == 1
    shown = opened.page.evaluate("document.body.textContent")
    assert [text for text in texts if line(text)[:400] not in shown] == []
    assert opened.page.title().startswith("Wattmark ")
    assert opened.errors == []
    assert opened.asked_for_more == []


def test_rows_can_be_sorted_by_mouse_and_keyboard_with_absent_values_last(browser: Browser, tmp_path: Path):
    page = Opened(browser, report_page(), tmp_path).page
    table = page.locator("table.results").first
    head = table.locator("th", has_text=re.compile("^Throughput"))
    column = head.evaluate("(head) => head.cellIndex")

    def ends() -> tuple[str, str]:
        shown = table.locator("tbody tr").evaluate_all(f"(rows) => rows.map((row) => row.cells[{column}].innerText)")
        return shown[0].split("\n")[0], shown[-1]

    head.locator("[role=button]").click()
    assert (ends(), head.get_attribute("aria-sort")) == (("16.05", "—"), "ascending")
    head.locator("[role=button]").press("Enter")
    assert (ends(), head.get_attribute("aria-sort")) == (("9280", "—"), "descending")


def test_rows_can_be_filtered_by_words(browser: Browser, tmp_path: Path):
    page = Opened(browser, report_page(), tmp_path).page
    rows = page.locator("table.results tbody tr")
    before = rows.count()

    page.locator("input[type=search]").fill("BF16 cuda:0")

    shown = [row for row in rows.all() if row.is_visible()]
    assert 0 < len(shown) < before
    assert all("bf16" in row.inner_text() and "cuda:0" in row.inner_text() for row in shown)

    page.locator("input[type=search]").fill("bf16 -cuda:0 -")

    others = [row for row in rows.all() if row.is_visible()]
    assert 0 < len(others) < before
    assert all("bf16" in row.inner_text() and "cuda:0" not in row.inner_text() for row in others)


@pytest.mark.parametrize("page", [report_page, gpu_page], ids=["whole", "packed"])
def test_a_link_opens_its_case_and_a_number_that_is_pointed_at_tells_what_it_is_made_of(
    page, browser: Browser, tmp_path: Path
):
    opened = Opened(browser, page(), tmp_path).page

    opened.evaluate("location.hash = '#case-3'")
    opened.locator("#case-3 table").first.wait_for()
    assert opened.locator("#case-3 svg").count() >= 1

    head = opened.locator("table.results").first.locator("th[data-metric=throughput]")
    row = opened.locator("table.results tr", has=opened.locator('a[href="#case-4"]')).first
    number = row.locator("td").nth(head.evaluate("(head) => head.cellIndex"))
    number.hover()
    opened.wait_for_function("(cell) => cell.title", arg=number.element_handle())
    told = (number.get_attribute("title") or "").split("\n")
    assert told[0] == "Metric: throughput"
    assert told[1].startswith(f"Value: {number.inner_text()}")
    assert "Replicates: 3" in told
    assert all(line.split(": ")[1] for line in told)


@pytest.mark.parametrize("page", [report_page, gpu_page], ids=["whole", "packed"])
@pytest.mark.parametrize("link", ['nav a[href="#cases"]', 'nav a[href="#failures"]', "table.results a.chip >> nth=20"])
def test_a_link_ends_where_it_leads_to_though_nothing_above_was_laid_out(page, link, browser: Browser, tmp_path: Path):
    opened = Opened(browser, page(), tmp_path).page

    opened.locator(link).click()
    opened.wait_for_timeout(500)

    target = opened.locator(opened.evaluate("location.hash"))
    margin = float(target.evaluate("(one) => parseFloat(getComputedStyle(one).scrollMarginTop)"))
    assert target.evaluate("(one) => one.getBoundingClientRect().top") == pytest.approx(margin, abs=2)


def test_what_is_out_of_sight_is_laid_out_only_on_paper(browser: Browser, tmp_path: Path):
    page = Opened(browser, gpu_page(), tmp_path).page
    each = "[...document.querySelectorAll('section')].map((one) => getComputedStyle(one).contentVisibility)"

    assert set(page.evaluate(each)) == {"auto"}
    page.emulate_media(media="print")
    assert set(page.evaluate(each)) == {"visible"}


def test_the_records_can_be_downloaded(browser: Browser, tmp_path: Path):
    opened = Opened(browser, report_page(), tmp_path)

    with opened.page.expect_download() as found:
        opened.page.locator("a[download]").click()

    assert found.value.suggested_filename == "records.tar.xz"
    with tarfile.open(found.value.path()) as tar:
        assert len(tar.getnames()) == len(many())
    assert opened.errors == []
