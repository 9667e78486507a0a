"""The page of a gate and its pictures: complete without a script, and every pair a dot that can be told from others."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from made_judgements import (
    MODES,
    SAME,
    SLOWER,
    UNCERTAIN,
    bare,
    history,
    judgement,
    nothing,
    paired,
    stored,
)
from test_formats import Text

from bench.judge.finding import Dot, Finding
from reports.gate import build
from reports.gate.html import export
from reports.gate.marks_svg import between


def page_of(*findings: Finding) -> str:
    return export(build(judgement(*findings))).decode()


def drawn(page: str) -> list[Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


@pytest.fixture(scope="module")
def page() -> str:
    return export(build(paired())).decode()


@pytest.mark.parametrize("mode", MODES)
def test_nothing_on_the_page_comes_from_elsewhere(mode: str):
    page = export(build(MODES[mode]())).decode()

    assert re.findall(r"(?:src|href|action|poster|data|srcset)=[\"'](?!#|data:,)[^\"']*", page) == []
    assert not re.search(r"@import|url\(|https?:", page)
    assert not re.search(r"\son\w+=|\sstyle=", page)  # the policy would stop both


@pytest.mark.parametrize("mode", MODES)
def test_links_lead_somewhere_and_ids_are_unique(mode: str):
    page = export(build(MODES[mode]())).decode()
    ids = re.findall(r'\sid="([^"]+)"', page)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_every_finding_stands_with_its_reasons_and_command_without_a_script(page: str):
    text = Text(re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL).encode()).text

    for row in build(paired()).rows:
        assert f"{row.full_name}: {row.change}" in text
        assert row.evidence in text
        assert row.repeat.command in text
        assert all(reason in text for reason in row.reasons)


def test_what_needs_looking_at_is_open_and_what_does_not_is_folded(page: str):
    groups = re.findall(r'<details class="case"( open)?>\s*<summary><span class="chip \w+">([\w, ]+)</span>', page)

    assert {word for opened, word in groups if opened} == {"regressed", "incomparable"}
    assert {word for opened, word in groups if not opened} == {
        *("inconclusive", "improved", "unchanged", "regressed, not gated")
    }


@pytest.mark.parametrize("found", [nothing(), bare()], ids=["nothing", "bare"])
def test_a_page_without_a_picture_is_a_page(found):
    page = export(build(found)).decode()

    assert "<svg" not in page
    assert "The environments of base and head are not recorded." in page


def test_every_pair_is_a_dot_and_the_spoiled_ones_are_hollow_and_crossed():
    effects, levels = drawn(page_of(SLOWER))
    marks = [one for one in effects.iter("path") if (one.get("class") or "").startswith("marker")]

    assert len(marks) == len(SLOWER.dots) == 18
    assert [one.get("class") for one in marks].count("marker hollow") == 2
    assert [one.get("class") for one in effects.iter("path")].count("cross") == 2
    assert [one.get("class") for one in levels.iter("path")].count("pair") == 18
    assert [one.get("class") for one in levels.iter("path")].count("cross") == 4


def shape(mark: Element) -> str:
    """A marker without its place."""
    return re.sub(r"^M[\d.]+ [\d.]+", "", mark.get("d") or "")


def test_stages_and_arms_differ_in_shape_and_share_no_colour():
    effects, levels = (
        {(group.get("class"), shape(mark)) for group in picture.iter("g") for mark in group if "z" in mark.get("d", "")}
        for picture in drawn(page_of(SLOWER))
    )

    assert len({shape for _, shape in effects}) == len({colour for colour, _ in effects}) == 2  # screen and confirm
    assert len({shape for _, shape in levels}) == len({colour for colour, _ in levels}) == 2  # base and head
    assert {colour for colour, _ in effects}.isdisjoint({colour for colour, _ in levels})


def test_every_dot_says_its_numbers_to_whoever_points_at_it():
    titles = [one.text for one in drawn(page_of(SLOWER))[0].iter("title")][1:]

    assert titles[0] == "1, screen: +3.6 %, 10.3 ms base, 10.6 ms head"
    assert titles[6].endswith(", contaminated")


@pytest.mark.parametrize("mode", MODES)
def test_every_picture_is_an_image_with_a_title_and_its_numbers_in_words(mode: str):
    face = build(MODES[mode]())
    found = drawn(export(face).decode())
    pictures = [picture for row in face.rows for picture in row.pictures]

    assert len(found) == len(pictures)
    for element, picture in zip(found, pictures, strict=True):
        assert element.get("role") == "img"
        assert element.findtext("title") == f"{picture.title}: {picture.subject}"
        assert element.findtext("desc") == picture.description
        assert picture.description.endswith(".")


def test_the_words_of_a_picture_leave_spoiled_pairs_out():
    effects, levels = build(judgement(SLOWER)).rows[0].pictures

    assert "from +1.2 % to +4.5 %" in effects.description
    assert "95 % interval: +2.14 % to +4.04 %. Margin: ±3 %. Pairs: 10." in effects.description
    assert "13" not in levels.description  # the level of the first spoiled pair


def places(picture: Element, kind: str) -> list[tuple[float, float]]:
    found = [one.get("d", "") for one in picture.iter("path") if (one.get("class") or "").split()[0] == kind]
    return [tuple(map(float, re.match(r"M([-\d.]+) ([-\d.]+)", path).groups())) for path in found]


def test_no_change_and_the_margin_are_always_in_the_picture():
    far = replace(SLOWER, dots=tuple(replace(dot, effect=0.5) for dot in SLOWER.dots), effect=0.5, low=0.49, high=0.51)

    (picture, _) = drawn(page_of(far))

    ((left, _),) = places(picture, "band")
    (zero, _) = places(picture, "none")[0]
    assert 84 <= left < zero < min(x for x, _ in places(picture, "marker"))


def test_a_pair_that_was_disturbed_by_much_does_not_flatten_the_others():
    calm = drawn(page_of(replace(SLOWER, dots=tuple(dot for dot in SLOWER.dots if dot.status == "ok"))))
    wild = drawn(page_of(replace(SLOWER, dots=(*SLOWER.dots, Dot("confirm", "contaminated", 0.01, 9.9, 989.0)))))

    for one, other in zip(calm, wild, strict=True):
        assert [label.text for label in one.iter("text")] == [label.text for label in other.iter("text")]
    assert sum(one.get("class") == "arrow" for one in wild[0].iter("path")) == 2  # it, and the one that was there
    assert not any(one.get("class") == "arrow" for one in calm[0].iter("path"))


@pytest.mark.parametrize("mode", MODES)
def test_everything_drawn_lies_within_its_picture(mode: str):
    for picture in drawn(export(build(MODES[mode]())).decode()):
        _, _, width, height = map(float, picture.get("viewBox").split())
        for kind in ("marker", "pair", "interval", "centre", "band", "none", "grid"):
            for x, y in places(picture, kind):
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_dots_that_would_meet_lie_above_and_below_each_other():
    dots = tuple(Dot("screen", "ok", 1.0, 1.01, 0.01) for _ in range(3))

    (picture, _) = drawn(page_of(replace(SLOWER, dots=dots)))

    assert len(set(places(picture, "marker"))) == 3


def test_single_processes_are_shown_without_a_line_between_them():
    (picture,) = drawn(export(build(stored())).decode())

    assert len(places(picture, "marker")) == 6 + 2  # with the legend
    assert places(picture, "pair") == []
    assert "processes, in the order of their measuring" in [one.text for one in picture.iter("text")]
    (picture,) = drawn(export(build(history())).decode())
    assert places(picture, "none") == []  # eight stages of one process each: no room to divide and name them


def test_processes_of_two_kinds_lie_at_two_heights():
    kinds = [(22.5, 22.6), (25.5, 22.4), (22.4, 25.6), (25.4, 25.5), (22.6, 25.4), (25.6, 22.5)]
    dots = tuple(Dot("screen", "ok", base / 1e3, head / 1e3, head / base - 1) for base, head in kinds)

    (_, picture) = drawn(page_of(replace(UNCERTAIN, dots=dots)))

    heights = sorted(y for _, y in places(picture, "marker")[2:])  # without the legend
    gaps = sorted(below - above for above, below in pairwise(heights))
    assert gaps[-1] > 10 * max(gaps[-2], 1)


@pytest.mark.parametrize(
    ("least", "most"), [(-3.0, 4.5), (10.1, 10.7), (0.0, 0.0), (5.0, 5.0), (-900.0, 12.0), (1e-9, 3e-9)]
)
def test_an_axis_is_round_and_holds_its_values(least: float, most: float):
    marks = between(least, most)

    assert marks[0] <= least + 1e-12
    assert marks[-1] >= most - 1e-12
    assert 2 <= len(marks) <= 9
    assert marks == sorted(set(marks))


def test_the_same_finding_makes_the_same_page():
    assert page_of(SAME, SLOWER) == page_of(SLOWER, SAME)
