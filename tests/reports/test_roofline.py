"""The roofline: cases under the roof of their device, the numbers beside it, and why there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from made_records import H100, counted, peak, record

from bench.record import Record, absent
from reports import build
from reports.cell import Table
from reports.draw import draw
from reports.roofline import Roofline


def roofs(records: Sequence[Record]) -> list[Roofline]:
    report = build(records)
    return [one for group in report.charts for one in group.pictures if isinstance(one, Roofline)]


def table(records: Sequence[Record]) -> Table:
    return build(records).charts[0].table


# 15 GFLOP a sequence: 8 of them in 0.1 s are 1.2 TFLOP/s, 16 in 0.1 s twice that.
CASES = [counted(record(batch_size=8)), counted(record(batch_size=16, seconds=(0.1, 0.1, 0.1)), size=1e9)]
ROOF = [peak(4e12), peak(5e11, memory=True)]


def test_each_case_is_held_against_the_roof_at_its_intensity() -> None:
    found = table([*CASES, *ROOF])
    titles = [column.title for column in found.columns]
    last = [tuple(cell.text for cell in row[titles.index("Intensity") :]) for row in found.rows]

    # 3 FLOP/B x 0.5 TB/s = 1.5 TFLOP/s; 15 FLOP/B would be fed 7.5, and 4 can be computed.
    assert titles[-4:] == ["Intensity", "Computed FLOP/s", "Of the roof", "Held back by"]
    assert [(row[0], row[2], row[3]) for row in last] == [("3.000", "80.0", "memory"), ("15.00", "60.0", "compute")]
    assert found.rows[0][-2].raw == pytest.approx(1.2 / 1.5, rel=0.01)


def test_a_padded_case_stands_where_it_computed_and_not_where_it_was_of_use(
    requiring: Callable[[Record, float], Record],
) -> None:
    (full,), (quarter,) = (roofs([one, *ROOF]) for one in (CASES[0], requiring(CASES[0], 0.25)))

    assert [mark.rate for mark in quarter.marks] == [mark.rate for mark in full.marks]
    assert table([requiring(CASES[0], 0.25), *ROOF]).rows[0][-3].raw == pytest.approx(1.2e12, rel=0.01)


def test_the_picture_says_in_words_what_it_shows() -> None:
    (picture,) = roofs([*CASES, *ROOF])
    svg = draw(picture)

    assert not picture.missing
    assert [mark.intensity for mark in picture.marks] == [3.0, 15.0]
    assert "<title>Roofline: bert:Pretrain</title>" in svg
    description = svg.partition("<desc>")[2].partition("</desc>")[0]
    assert "at 3.000 FLOP/B, 80.0 % of 1.5 TFLOP/s, the memory side of the roof" in description
    assert "Roof: 4 TFLOP/s measured by mm, run" in description
    assert svg.count('class="marker"') == len(CASES) + 1  # and one in the legend
    assert 'class="roof"' in svg
    assert 'class="stated"' not in svg  # no vendor's peak is known of this CPU


def places(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", path)]


def test_the_slope_meets_the_ceiling_at_the_ridge() -> None:
    (picture,) = roofs([*CASES, *ROOF])
    path = re.search(r'class="roof" d="([^"]+)"', draw(picture))
    assert path
    x, y, _, _, _, *end = places(path[1])

    assert end == pytest.approx([x, y], abs=0.2)


def test_a_vendors_roof_is_dashed_beside_the_measured_one() -> None:
    case = counted(record(precision="bf16", environment=H100))
    measured = [peak(7e14, "bf16", H100), peak(3e12, environment=H100, memory=True)]
    (picture,) = roofs([case, *measured])
    svg = draw(picture)

    assert picture.stated.compute["bf16"].rate == 989.4e12
    assert 'class="stated"' in svg
    assert "bf16 700 TFLOP/s<" in svg
    assert "slope: 3 TB/s<" in svg
    assert picture.note.startswith(
        "Solid: the roof as measured; dashed: as the vendor states it (989.4 TFLOP/s bf16, 3.35 TB/s)."
    )


def test_a_vendors_roof_alone_is_drawn_too_and_no_share_is_made_of_it() -> None:
    case = counted(record(precision="bf16", environment=H100))
    (picture,) = roofs([case])

    assert 'class="roof"' not in draw(picture)
    assert "bf16 989.4 TFLOP/s<" in draw(picture)
    assert picture.note.startswith("Solid: the roof as measured (nothing was); dashed: as the vendor states it (989.4 ")
    assert table([case]).rows[0][-2].text == "—"


def test_only_the_ceilings_of_precisions_that_are_shown_are_drawn() -> None:
    (picture,) = roofs([*CASES, *ROOF, peak(9e12, "bf16")])

    assert picture.measured.compute.keys() == {"fp32"}


def test_devices_have_roofs_of_their_own() -> None:
    found = roofs([CASES[0], counted(record(environment=H100)), *ROOF, peak(6e13, environment=H100)])

    assert [picture.title for picture in found] == ["Roofline of cpu", "Roofline of cuda:0"]
    assert [len(picture.marks) for picture in found] == [1, 1]
    assert found[0].measured != found[1].measured


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (CASES, "no bandwidth of this device in these stores; wattmark peaks -o STORE measures it"),
        ([record()], "nothing was counted"),
        ([replace(CASES[0], counters={"flop.dispatched": absent("two steps differed")})], "two steps differed"),
    ],
)
def test_what_cannot_be_drawn_says_why(records: list[Record], why: str) -> None:
    (picture,) = roofs(records)

    assert picture.missing == why
    assert f"Roofline ({why})." in draw_page(records)


def draw_page(records: list[Record]) -> str:
    from reports.html import export

    return export(build(records)).decode()


def test_half_a_roof_is_drawn_and_no_share_is_made_of_it() -> None:
    for half in (ROOF[:1], ROOF[1:]):
        (picture,) = roofs([*CASES, *half])
        assert 'class="roof"' in draw(picture)
        assert {row[-2].text for row in table([*CASES, *half]).rows} == {"—"}


def test_one_case_alone_under_a_roof_without_a_slope_is_drawn() -> None:
    (picture,) = roofs([CASES[0], ROOF[0]])

    assert draw(picture).count('class="marker"') == 2


def test_a_case_above_its_roof_is_shown_where_it_is() -> None:
    (picture,) = roofs([*CASES, peak(4e12), peak(1e11, memory=True)])

    assert picture.marks[0].rate > 3 * 1e11
    assert table([*CASES, peak(4e12), peak(1e11, memory=True)]).rows[0][-2].text == "400"


def test_peaks_are_no_cases_and_have_a_table_of_their_own() -> None:
    report = build([*CASES, *ROOF, peak(3e12)])
    found = report.results[-1]

    assert len(report.cases) == len(CASES)
    assert report.subtitle.startswith("2 cases on cpu")
    assert found.title == "Measured peaks"
    assert [(row[1].text, row[2].text) for row in found.rows] == [("fp32", "4.00 TFLOP/s"), ("memory", "500 GB/s")]
    assert found.rows[0][3].text.startswith("mm, the best of 2, run ")
    assert {row[4].text for row in found.rows} == {"—"}
    assert len(report.records) == len(CASES) + 3


def test_a_store_of_peaks_alone_is_reported_as_cases() -> None:
    report = build(ROOF)

    assert {row.workload for row in report.cases} == {"peak:Product", "peak:Stream"}


def test_a_measured_peak_is_held_against_the_vendors() -> None:
    report = build([counted(record(precision="bf16", environment=H100)), peak(7e14, "bf16", H100)])

    assert report.results[-1].rows[0][4].text == "70.7"


def test_a_peak_that_a_case_exceeds_is_a_caveat_of_that_case() -> None:
    report = build([*CASES, peak(1e12), ROOF[1]])

    assert all("the measured peak is too low: 1 TFLOP/s measured by mm" in row.caveats[0] for row in report.cases)
    assert not build([*CASES, *ROOF]).caveats


def test_peaks_are_no_cases_of_a_baseline_and_have_no_history() -> None:
    now = [CASES[0], *ROOF]
    earlier = [replace(one, run=replace(one.run, id=name)) for one in now for name in "ab"]

    report = build(now, earlier, earlier)

    assert report.changes is not None
    assert len(report.changes.table.rows) == 1
    assert not any("not found here" in remark for remark in report.changes.table.remarks)
    assert [history.subject for history in report.history] == [report.cases[0].full_name]
