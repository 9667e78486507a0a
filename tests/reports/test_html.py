"""The page: complete without a script and without a network, in light and in dark."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from made_records import record

from reports import Report, build
from reports.cell import Cell
from reports.chart import Chart, Point, Series
from reports.chart_svg import decades, svg, ticks
from reports.groups import case_groups
from reports.html import export


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return export(report).decode()


@pytest.fixture(scope="module")
def unscripted(page: str) -> str:
    """The page as someone without scripts has it."""
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_nothing_on_the_page_comes_from_elsewhere(page: str):
    assert (
        re.findall(
            r"(?:src|href|action|poster|data|srcset)=[\"'](?!#|data:,|data:application/x-xz;base64,)[^\"']*", page
        )
        == []
    )
    assert not re.search(r"@import|url\(|https?:", page)


def test_the_policy_allows_only_this_style_sheet_and_this_script(page: str):
    def digest(tag: str) -> str:
        found = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert found
        return "sha256-" + base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    told = policy[1].replace("&#39;", "'").replace("&#34;", '"')
    assert told.startswith("default-src 'none'; ")
    assert f"style-src '{digest('style')}'" in told
    assert f"script-src '{digest('script')}'" in told
    assert not re.search(r"\son\w+=|\sstyle=", page)  # the policy would stop both


def test_every_case_and_every_shown_number_is_there_without_a_script(unscripted: str, report: Report):
    for row in report.cases:
        assert unscripted.count(f'id="{row.anchor}"') == 1
        for metric in ("throughput", "memory.planning"):
            assert row.cells[metric].absent or f">{row.cells[metric].text}<" in unscripted


def test_failures_stand_with_their_reason_and_the_end_of_stderr(unscripted: str):
    failures = unscripted.partition('<section id="failures">')[2].partition("</section>")[0]

    assert "died of signal 11 (SIGSEGV)" in failures
    assert "Segmentation fault" in failures
    assert "CUDA out of memory" in failures


def test_caveats_stand_above_the_results(unscripted: str):
    assert unscripted.index("1 of 3 replicates measured") < unscripted.index('<section id="results">')


def test_links_lead_somewhere_and_ids_are_unique(page: str):
    ids = re.findall(r'\sid="([^"]+)"', page)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_every_picture_is_an_image_with_a_title_and_its_numbers_in_words(any_report: Report):
    page = export(any_report).decode()
    drawn = [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    charts = [chart for group in any_report.charts for chart in group.pictures if not chart.missing]
    rows = [row for group in case_groups(any_report.cases) for row in group.cases]
    pictures = [*charts, *(picture for row in rows for picture in row.pictures)]

    assert len(drawn) == len(pictures)
    for element, picture in zip(drawn, pictures, strict=True):
        assert element.get("role") == "img"
        assert (element.findtext("title"), element.findtext("desc")) == (
            f"{picture.title}: {picture.subject}", picture.description,
        )  # fmt: skip
        if isinstance(picture, Chart):
            assert all(point.cell.text in picture.description for one in picture.series for point in one.points)


def test_a_chart_without_data_is_a_sentence(page: str):
    assert "Not charted: Gross energy per item, Throughput and gross energy per item (no energy counter here" in page


class Regions(HTMLParser):
    """Which tables stand in a region that the keyboard can scroll, and says its name."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[bool] = []
        self.tables: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "div":
            self.open.append(told.get("tabindex") == "0" and told.get("role") == "region" and "aria-label" in told)
        elif tag == "table":
            self.tables.append(any(self.open))

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self.open.pop()


def test_a_table_can_be_reached_by_keyboard_and_names_its_columns(page: str):
    regions = Regions()
    regions.feed(page)
    assert regions.tables.count(True) == len(regions.tables) == page.count("<table") > 0
    assert page.count("<caption>") == page.count("<table")
    assert all(
        "<th" not in body for body in re.findall("<tbody>(.*?)</table>", page, re.DOTALL)
    )  # so a <th> is a column's


def test_numbers_line_up_by_their_decimal_mark_and_read_as_they_are():
    seconds = {1: (0.1, 0.1, 0.1), 16: (0.01, 0.01, 0.01)}

    page = export(build([record(batch_size=size, seconds=times) for size, times in seconds.items()])).decode()

    assert ">10.00<td" in page
    assert '>1600<span data-pad=".00"></span><td' in page  # room, not digits: nothing to read or copy


def luminance(colour: str) -> float:
    parts = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_colour_has_the_contrast_that_wcag_asks_for(page: str, scheme: int):
    block = re.findall(r":root \{(.*?)\}", page, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))

    for back in ("paper", "faint", "warn-back", "bad-back"):
        for text in ("ink", "quiet", "link", "good", "warn", "bad"):
            lighter, darker = sorted((luminance(colours[text]), luminance(colours[back])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, back)


def test_a_thousand_cases_stay_a_page():
    many = [
        record(precision=precision, batch_size=size, parameters={"sequence_length": length, "layers": layers})
        for precision in ("fp32", "bf16")
        for size in range(1, 11)
        for length in range(10)
        for layers in range(5)
    ]

    assert len(many) == 1000
    assert len(export(build(many))) < 10_000_000


def line(*points: Point, label: str = "a", style: int = 0) -> Series:
    return Series(label, style, points)


def point(x: float, y: float, low: float | None = None, high: float | None = None) -> Point:
    return Point(x, y, Cell(f"{y:g}", "ms"), low, high)


def test_an_axis_begins_at_zero_and_ends_at_or_above_the_largest_value():
    for most in (0.0007, 0.9, 1.0, 87.0, 99.9, 101.0, 123456.0):
        marks = ticks(most)
        assert marks[0] == 0
        assert marks[-2] < most <= marks[-1] * (1 + 1e-9)
        assert 3 <= len(marks) <= 8


def test_values_far_apart_are_drawn_on_a_logarithmic_axis_that_says_so():
    chart = Chart(
        "T", "s", "d", "ms", "batch size", (line(point(1, 2), point(2, 3)), line(point(1, 900), point(2, 950)))
    )

    assert "ms, logarithmic" in svg(chart)
    assert decades(2, 950) == [1, 3, 10, 30, 100, 300, 1000]


def test_an_interval_of_many_times_its_value_does_not_flatten_the_chart():
    chart = Chart("T", "s", "d", "ms", "batch size", (line(point(1, 10, 0.1, 900), point(2, 12, 11, 13)),))

    assert not re.search(r">\d{3,}<", svg(chart))


def test_labels_of_a_chart_are_text_whatever_they_hold():
    chart = Chart("<b>", "&", "<script>", "</svg>", "x", (line(point(1, 1), point(2, 2), label="<img>"),))

    ElementTree.fromstring(svg(chart))
