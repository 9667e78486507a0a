"""What holds each case back is said alike in all outputs, and as the roofline says it."""

from __future__ import annotations

import json
from dataclasses import replace

from made_records import counted, failure, peak, record
from profiled_records import ON_CUDA, profiled

from bench.record import Reading, Record
from reports import Report, build
from reports.html import export as export_html
from reports.json import export as export_json
from reports.md import export as export_md
from reports.terminal import export as export_terminal

# 15 GFLOP a sequence: 8 of them in 0.1 s are 1.2 TFLOP/s, at 3 FLOP/B; 16 in 0.1 s twice that, at 15.
FED = counted(record(batch_size=8, seconds=(0.1, 0.1, 0.1)))
BUSY = counted(record(batch_size=16, seconds=(0.1, 0.1, 0.1)), size=1e9)
ROOF = [peak(4e12), peak(5e11, memory=True)]
MIXED = {"flop.dispatched": 1.5e10, "bytes.dispatched": 6e9}
IDLE = {**ON_CUDA.shares, "idle": Reading(0.6, "torch.profiler")}


def words(records: list[Record]) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in row) for row in build(records).forces.rows]


def test_each_case_is_named_with_its_force_the_evidence_and_what_it_could_gain() -> None:
    found = words([FED, BUSY, *ROOF])

    fed = "at the measured limits the step would take 80% of its time to move bytes (500 GB/s without a cache)"
    busy = "2.4 TFLOP/s, 60% of the measured peak of 4 TFLOP/s, at 15 FLOP/B"
    assert [row[1:] for row in found] == [("memory", fed, "1.25"), ("compute", busy, "1.67")]
    assert [row[0] for row in found] == [row.full_name for row in build([FED, BUSY, *ROOF]).cases]


def test_the_table_the_case_and_the_roofline_cannot_disagree() -> None:
    report = build([FED, BUSY, *ROOF])
    (column,) = [at for at, one in enumerate(report.charts[0].table.columns) if one.title == "Held back by"]

    under = [row[column] for row in report.charts[0].table.rows]
    assert [cell.text for cell in under] == [row[1].text for row in report.forces.rows]
    assert [cell.note for cell in under] == [row[2].text for row in report.forces.rows]
    for row, shown in zip(report.cases, report.forces.rows, strict=True):
        (own,) = [table for table in row.details if table.title == "What holds it back"]
        assert own.rows == (shown[1:],)


def test_a_case_shows_its_operators_under_the_roof_and_their_shares_are_those_of_the_evidence() -> None:
    counts = {name: {"value": number, "source": "made"} for name, number in MIXED.items()}
    groups = [{"flop": 0, "bytes": 4e9}, {"flop": 1e9, "bytes": 1e9}, {"flop": 1.4e10, "bytes": 1e9}]
    counts["bytes.dispatched"] |= {"by_intensity": groups}
    report = build([replace(FED, counters=counts), BUSY, *ROOF])
    mixed, whole = report.cases

    (shown,) = [table for table in mixed.details if table.title == "Its operators under the roof"]
    assert [[cell.text for cell in row] for row in shown.rows] == [
        ["0", "0 FLOP", "4.00 GB", "memory", "64.0"],
        ["1.00", "1.00 GFLOP", "1.00 GB", "memory", "16.0"],
        ["14.0", "14.0 GFLOP", "1.00 GB", "compute", "28.0"],
    ]
    assert sum(row[-1].raw for row in shown.rows) == 1.08
    assert "80% of its time to move bytes" in mixed.bound.evidence
    assert "28% of its time to compute" in mixed.bound.evidence
    assert not [table for table in whole.details if table.title == "Its operators under the roof"]  # not told apart


def test_all_formats_say_it() -> None:
    report = build([FED, BUSY, *ROOF])
    document = json.loads(export_json(report))

    assert [case["bound"]["force"] for case in document["cases"]] == ["memory", "compute"]
    assert document["cases"][0]["bound"]["gain"] == 1.25
    assert document["forces"]["rows"][1][1]["text"] == "compute"
    for export in (export_html, export_md, export_terminal):
        assert all(word in flat(export(report)) for word in ("would take 80%", "500 GB/s"))


def flat(page: bytes) -> str:
    return " ".join(page.decode().split())


def test_a_profile_that_shows_an_idle_device_names_the_overhead() -> None:
    ((_, force, evidence, gain),) = words([profiled(replace(ON_CUDA, shares=IDLE))])

    assert (force, gain) == ("overhead", "2.50")
    assert evidence == "the device works for 40 ms of a step of 100 ms, by a profile"


def test_what_is_far_below_its_roof_is_held_by_none_and_gains_nothing() -> None:
    ((_, force, evidence, gain),) = words([BUSY, peak(4e13), peak(5e12, memory=True)])

    assert (force, gain) == ("none shown", "—")
    told = "at the measured limits the step would take 6% of its time to compute (40 TFLOP/s); no force is shown"
    assert evidence.startswith(told)


def test_cases_of_which_too_little_was_measured_are_counted_by_reason() -> None:
    report: Report = build([record(batch_size=1), record(batch_size=2), FED, failure("oom", "too large")])

    assert report.forces.rows == ()
    assert report.forces.remarks == (
        "Not known of 2 cases: nothing was counted.",
        "Not known of 1 case: no bandwidth of this device in these stores; wattmark peaks -o STORE measures it.",
    )
    assert "Not known of 2 cases: nothing was counted." in export_html(report).decode()
    assert "What holds each case back" not in export_md(report).decode()
