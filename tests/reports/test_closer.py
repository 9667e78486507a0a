"""A reader looks into a timeline: by mouse and by keyboard, and reads there what the record holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from chromium import Opened, axe, faults, needs_chromium, started
from metered_records import gpu, powered
from playwright.sync_api import Browser, Locator, Page
from test_packed import full
from test_traces import watched

from reports import build
from reports.html import export

pytestmark = needs_chromium

SECONDS = [place / 10 for place in range(401)]
POWER = [[replicate * 100 + place / 5 for place in range(401)] for replicate in range(1, 4)]
POWER[0][7] = None


@cache
def page() -> bytes:
    """One case of three replicates, whose watts tell replicate and place."""
    return export(build([watched(*POWER, seconds=SECONDS)]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


def looked_into(opened: Opened, case: str = "case-1") -> Locator:
    """The case's timeline, after the case has been opened."""
    opened.page.evaluate(f"location.hash = '#{case}'")
    figure = opened.page.locator(f"#{case} figure.closer")
    figure.locator("> svg").scroll_into_view_if_needed()
    return figure


def caption(figure: Locator) -> str:
    return figure.locator("figcaption").inner_text()


def drag(page: Page, figure: Locator, begin: float, end: float) -> None:
    """From one share of the plot's width to another."""
    box = figure.locator("> svg").bounding_box()
    assert box
    left, width = box["x"] + 46, box["width"] - 58
    page.mouse.move(left + begin * width, box["y"] + 70)
    page.mouse.down()
    page.mouse.move(left + end * width, box["y"] + 90, steps=3)
    page.mouse.up()


def test_each_sample_under_the_cursor_is_the_records(browser: Browser, tmp_path: Path):
    figure = looked_into(Opened(browser, page(), tmp_path))
    figure.locator("> svg").focus()

    told = []
    for _ in range(12):
        figure.page.keyboard.press("ArrowRight")
        told.append(figure.locator("output").inner_text().split(" · "))

    assert [one[0] for one in told] == [f"{place / 10:.3f} s" for place in range(12)]
    assert [one[1] for one in told] == [
        f"Power {watts:.1f} W" if watts else "Power not read" for watts in POWER[0][:12]
    ]
    assert [one[2] for one in told] == ["Temperature 38 °C", *["Temperature 64 °C"] * 5, *["Temperature not read"] * 6]
    assert [one[3:] for one in told[:5]] == [
        [],
        ["measured window 1 of 1"],
        ["measured window 1 of 1"],
        ["measured window 1 of 1", "clock held down by a power limit"],
        ["measured window 1 of 1"],
    ]
    assert figure.locator("output").get_attribute("aria-live") == "polite"


def test_a_stretch_that_is_dragged_over_is_shown_and_a_double_click_shows_the_whole_again(
    browser: Browser, tmp_path: Path
):
    opened = Opened(browser, page(), tmp_path)
    figure = looked_into(opened)
    assert caption(figure) == "Replicate 0 over time"

    drag(opened.page, figure, 0.25, 0.5)

    ends = re.fullmatch(r"Replicate 0 over time, ([\d.]+) to ([\d.]+) s", caption(figure))
    assert ends
    begin, end = map(float, ends.groups())
    assert (begin, end) == (pytest.approx(0.25 * 40, abs=0.1), pytest.approx(0.5 * 40, abs=0.1))
    # What is pointed at in the middle is the sample in the middle of the stretch, and the record's.
    box = figure.locator("> svg").bounding_box()
    assert box
    opened.page.mouse.move(box["x"] + 46 + (box["width"] - 58) / 2, box["y"] + 70)
    at, watts, *_ = figure.locator("output").inner_text().split(" · ")
    place = round(float(at.removesuffix(" s")) * 10)
    assert place / 10 == pytest.approx((begin + end) / 2, abs=0.1)
    assert watts == f"Power {POWER[0][place]:.1f} W"
    assert figure.locator("output").get_attribute("aria-live") == "off"

    figure.locator("> svg").dblclick()

    assert caption(figure) == "Replicate 0 over time"
    assert opened.errors == []


@pytest.mark.parametrize("by", ["keyboard", "buttons"])
def test_what_is_shown_can_be_changed_without_a_mouse(by: str, browser: Browser, tmp_path: Path):
    figure = looked_into(Opened(browser, page(), tmp_path))
    keys = {"Zoom in": "+", "Zoom out": "-", "Earlier": "PageUp", "Later": "PageDown", "Whole time": "Escape"}

    def shown(*acts: str) -> str:
        for act in acts:
            if by == "keyboard":
                figure.locator("> svg").press(keys[act])
            else:
                figure.get_by_role("button", name=act).press("Enter")
        return caption(figure).removeprefix("Replicate 0 over time")

    assert shown("Zoom in") == ", 10.0 to 30.0 s"
    assert shown("Zoom in") == ", 15.0 to 25.0 s"
    assert shown("Earlier") == ", 10.0 to 20.0 s"
    assert shown("Later", "Later") == ", 20.0 to 30.0 s"
    assert shown(*["Earlier"] * 5) == ", 0.0 to 10.0 s"
    assert shown("Zoom out", "Zoom out", "Zoom out") == ""
    assert shown("Zoom in", "Whole time") == ""
    shown(*["Zoom in"] * 20)
    assert figure.locator("> svg .trace").first.get_attribute("d") != ""


def test_a_cursor_that_leaves_what_is_shown_takes_it_along(browser: Browser, tmp_path: Path):
    figure = looked_into(Opened(browser, page(), tmp_path))
    svg = figure.locator("> svg")

    svg.press("+")
    svg.press("Home")
    svg.press("Shift+ArrowLeft")

    assert figure.locator("output").inner_text().startswith("9.000 s · Power 118.0 W")
    assert caption(figure) == "Replicate 0 over time, 0.0 to 20.0 s"
    svg.press("End")
    assert figure.locator("output").inner_text().startswith("20.000 s")


def test_another_replicate_can_be_chosen(browser: Browser, tmp_path: Path):
    figure = looked_into(Opened(browser, page(), tmp_path))
    svg = figure.locator("> svg")
    assert figure.locator("option").all_inner_texts() == ["0", "1", "2"]

    svg.press("End")
    figure.get_by_role("combobox", name="Replicate").select_option("2")
    assert figure.locator("output").inner_text() == ""
    svg.press("ArrowRight")

    assert caption(figure) == "Replicate 2 over time"
    assert figure.locator("output").inner_text().startswith("0.000 s · Power 300.0 W")
    assert "Power 300 to 380 W" in (svg.get_attribute("aria-label") or "")


def test_heights_begin_at_0_or_fit_what_is_shown(browser: Browser, tmp_path: Path):
    figure = looked_into(Opened(browser, page(), tmp_path))

    def heights() -> list[str]:
        return figure.locator("> svg > text.end").all_text_contents()[:-1]

    assert heights() == ["0", "50", "100", "150", "200", "0", "20", "40", "60", "80"]
    figure.get_by_label("Fit heights").check()
    assert heights()[:3] == ["100", "125", "150"]
    assert heights()[-3:] == ["40", "50", "60"]
    figure.get_by_role("button", name="Zoom in").click()
    assert heights()[:3] == ["120", "130", "140"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_it(scheme, browser: Browser, tmp_path: Path, pytestconfig: pytest.Config):
    opened = Opened(browser, page(), tmp_path, color_scheme=scheme)
    looked_into(opened).locator("> svg").press("ArrowRight")

    assert faults(opened.page, axe(pytestconfig.cache.mkdir("axe-core"))) == []


@pytest.mark.parametrize("width", [360, 1300])
def test_it_complains_of_nothing_asks_for_nothing_and_is_no_wider_than_the_window(
    width: int, browser: Browser, tmp_path: Path
):
    opened = Opened(browser, export(build(powered())), tmp_path, viewport={"width": width, "height": 800})
    for details in opened.page.locator("details.case").all():
        details.evaluate("(details) => { details.open = true; }")
    opened.page.locator("figure.closer").nth(1).wait_for()
    opened.page.set_viewport_size({"width": width - 40, "height": 800})

    assert opened.page.locator("figure.closer").count() == 2  # of the GPUs; a slice and CPUs have no timeline
    assert opened.page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    assert opened.errors == []
    assert [url for url in opened.requests[1:] if not url.startswith("data:")] == []


def test_what_is_hidden_and_has_no_width_is_not_drawn_inside_out(browser: Browser, tmp_path: Path):
    figure = looked_into(Opened(browser, page(), tmp_path))

    figure.evaluate("(figure) => { figure.hidden = true; }")
    figure.get_by_text("Fit heights").locator("input").evaluate("(box) => box.click()")

    widths = figure.locator("svg svg").evaluate_all("(all) => all.map((one) => Number(one.getAttribute('width')))")
    assert min(widths) > 0


def test_the_timeline_of_a_packed_case_can_be_looked_into(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reports.html.LARGEST", 130_000)
    opened = Opened(browser, export(build([full(gpu(), at) for at in range(1, 11)])), tmp_path)
    assert opened.page.locator("[data-packed]").count() == 10

    figure = looked_into(opened, "case-10")

    assert figure.locator("option").count() == 3
    assert opened.errors == []


def test_what_is_shown_is_printed_without_the_tools(browser: Browser, tmp_path: Path):
    opened = Opened(browser, page(), tmp_path)
    figure = looked_into(opened)
    drag(opened.page, figure, 0.25, 0.5)

    opened.page.emulate_media(media="print")

    assert figure.locator("> svg").is_visible()
    assert not [part for part in (".tools", "output", ".help", ".over") if figure.locator(part).is_visible()]


def test_a_reader_without_a_script_has_the_picture_and_is_told(browser: Browser, tmp_path: Path):
    opened = Opened(browser, page(), tmp_path, java_script_enabled=False)
    opened.page.locator("details.case summary").click()

    assert opened.page.locator("figure svg .trace").first.is_visible()
    assert "with its script this page shows every sample of all" in opened.page.locator("noscript p").inner_text()
    assert opened.page.locator(".tools").count() == 0
