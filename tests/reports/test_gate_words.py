"""Numbers of a gate in words: rounded once, signed once, and absent with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_judgements import ENERGY, FASTER, HARDLY_MORE, HEAD_DIED, MISSING, SAME, SAME_MEMORY, SLOWER, THROUGHPUT, case

from bench.judge.finding import Finding
from reports.gate import words


def counted(base: float | None, head: float | None, effect: float | None) -> Finding:
    return Finding(case(), "operators", "regressed", base=base, head=head, effect=effect)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (SLOWER, "3.12 % slower"),
        (FASTER, "2.03 % faster"),
        (THROUGHPUT, "2.07 % higher"),
        (replace(THROUGHPUT, effect=-0.0207), "2.07 % lower"),
        (counted(412, 448, 36 / 412), "8.7 % more"),
        (counted(448, 412, -36 / 448), "8.0 % less"),
        (SAME_MEMORY, "equal"),
        (HARDLY_MORE, "under 0.1 % more"),
        (replace(SLOWER, low=None, high=None), "3.1 % slower"),
        (replace(SLOWER, effect=0.1249, low=None, high=None), "12 % slower"),
        (replace(SLOWER, effect=0.0312, low=-0.2, high=0.3), "3 % slower"),
        (replace(SLOWER, effect=1e-5, low=-0.01, high=0.01), "under 0.1 % slower"),
        (replace(SLOWER, effect=12.0, low=None, high=None), "1200 % slower"),
    ],
)
def test_an_effect_says_how_much_in_which_direction_with_the_digits_that_its_interval_supports(
    finding: Finding, text: str
):
    assert words.effect(finding).text == text


def test_what_a_metric_changes_to_is_never_called_nothing_unless_it_is_equal():
    for effect in (1e-9, -1e-9, 0.0004, 0.00051):
        text = words.effect(replace(SAME, effect=effect, low=None, high=None)).text
        assert text.startswith(("0.1 %", "under 0.1 %"))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0214, 0.0404, "+2.14 % to +4.04 %"),
        (-0.0061, 0.0069, "-0.61 % to +0.69 %"),
        (-0.041, 0.079, "-4.1 % to +7.9 %"),
        (-0.2, 0.3, "-20 % to +30 %"),
        (-0.00004, 0.0204, "0.0 % to +2.0 %"),  # not -0.0
        (0.03, 0.03, "+3.0 % to +3.0 %"),
    ],
)
def test_an_interval_has_signs_and_two_digits_of_its_half_width(low: float, high: float, text: str):
    assert words.interval(replace(SLOWER, low=low, high=high)).text == text


def test_half_an_interval_is_none():
    assert words.interval(replace(SLOWER, high=None)).absent
    assert words.effect(replace(SLOWER, high=None)).text == "3.1 % slower"


@pytest.mark.parametrize(("p", "text"), [(0.00098, "0.00098"), (0.5, "0.5"), (1.0, "1"), (3e-7, "below 0.0001")])
def test_a_probability_keeps_two_digits_and_is_never_zero(p: float, text: str):
    assert words.probability(replace(SLOWER, p=p), "paired").text == text


def test_levels_share_a_unit_and_have_the_digits_that_the_interval_supports():
    base, head = words.levels(SLOWER)

    assert (base.full, head.full) == ("10.21 ms", "10.53 ms")
    assert (base.raw, head.raw) == (SLOWER.base, SLOWER.head)


def test_exact_levels_that_differ_never_look_alike():
    for more in (1, 32, 4096, 1e6, 1e9):
        base, head = words.levels(replace(HARDLY_MORE, head=HARDLY_MORE.base + more))
        assert base.text != head.text
    assert [cell.full for cell in words.levels(SAME_MEMORY)] == ["801 MB", "801 MB"]


def test_counts_are_shown_whole():
    assert [cell.text for cell in words.levels(counted(123456, 123457, 1 / 123456))] == [
        "123\u202f456",
        "123\u202f457",
    ]


def test_a_count_that_was_zero_has_no_effect_and_says_why():
    cell = words.effect(counted(0, 3, None))

    assert cell.absent
    assert cell.note == "the base is 0, of which nothing is a share"
    assert [cell.text for cell in words.levels(counted(0, 3, None))] == ["0", "3"]


@pytest.mark.parametrize("finding", [HEAD_DIED, MISSING, ENERGY])
def test_what_the_reasons_explain_is_absent_for_them(finding: Finding):
    cells = [words.effect(finding), words.interval(finding), words.smallest(finding), words.pairs(finding)]
    cells += [words.probability(finding, "paired"), words.levels(finding)[1]]

    assert all(cell.absent for cell in cells)
    assert {cell.note for cell in cells} == {finding.reasons[0]}


def test_reasons_that_explain_a_change_explain_no_absence():
    found = replace(SLOWER, p=None)

    assert words.probability(found, "paired").note == "no test was made"
    assert words.probability(found, "stored").note == "stored records carry no test"


def test_everything_absent_has_a_reason_and_no_number():
    bare = Finding(case(), "time.step", "inconclusive")
    cells = [words.effect(bare), words.interval(bare), words.smallest(bare), words.pairs(bare), *words.levels(bare)]

    assert all(cell.absent and cell.note and cell.raw is None for cell in cells)
    assert len({cell.note for cell in cells}) == len(cells)


def test_a_count_is_exact_and_a_time_never_is():
    assert words.margin(SAME_MEMORY).text == "exact"
    assert words.interval(SAME_MEMORY).note == "counted, so that nothing is estimated"
    assert words.margin(replace(SAME_MEMORY, margin=0.02)).text == "±2 %"
    faults = replace(SAME_MEMORY, metric="faults", margin=0.05, unit="1")
    assert words.interval(faults).note == "counted, so that nothing is estimated"
    assert words.margin(replace(SLOWER, margin=0.0)).text == "none"
    assert words.interval(replace(SLOWER, low=None)).note == "too little was measured for an interval"
    assert words.margin(SLOWER).text == "±3 %"


def test_contaminated_pairs_are_told_apart_from_those_used():
    assert (words.pairs(SLOWER).text, words.pairs(SLOWER).under) == ("10", "2 dropped")
    assert words.pairs(replace(SLOWER, pairs=0)).text == "0"
