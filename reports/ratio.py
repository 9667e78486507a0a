"""Ratios of throughput in words: precisions against fp32, and a run against a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.comparison import Comparison, compare, throughput_ratio
from bench.record import Record
from bench.statistics import Estimate
from reports.axes import axes, order
from reports.cell import TIMES, Cell, Column, Table, Tone, absent, plain
from reports.number import number, spread
from reports.text import line

_TONES: dict[str, Tone] = {"faster": "good", "slower": "bad", "cannot tell": "plain", "not comparable": "warn"}


def speedups(records: Sequence[Record]) -> Callable[[Record], Cell]:
    """Gives a case's throughput over that of the same case in fp32, both from one run."""
    plain_ones = {_without_precision(record): record for record in records if record.case.precision == "fp32"}

    def speedup(record: Record) -> Cell:
        if record.case.precision == "fp32":
            return absent("this is the fp32 case")
        reference = plain_ones.get(_without_precision(record))
        ratio = throughput_ratio(reference, record) if reference else None
        return _cell(ratio) if ratio else absent("not measured in both precisions")

    return speedup


def against(baseline: Sequence[Record], candidates: Sequence[Record]) -> Table:
    """Each case beside the same case of the baseline; of several baseline runs the latest counts."""
    before = {record.case.id: record for record in sorted(baseline, key=lambda record: record.run.started)}
    rows = [_row(before.pop(record.case.id, None), record) for record in sorted(candidates, key=order)]
    return Table(
        "Against the baseline",
        (
            Column("Case"),
            Column("Throughput ratio", TIMES, True, "Candidate over baseline; above 1 is faster."),
            Column("95 % interval", numeric=True),
            Column("Verdict"),
            Column("Why"),
        ),
        tuple(rows),
        remarks=(
            "Faster and slower are said only where the interval leaves out 1.",
            *([f"{len(before)} cases of the baseline have no counterpart here."] if before else []),
        ),
    )


def _row(baseline: Record | None, record: Record) -> tuple[Cell, ...]:
    missing = Comparison("not comparable", reason="the baseline has no such case")
    found = compare(baseline, record) if baseline else missing
    reason = found.reason or ("the interval holds 1" if found.verdict == "cannot tell" else "")
    ratio = _cell(found.ratio) if found.ratio else absent(reason)
    return (
        plain(str(record.case)),
        ratio,
        Cell(_bounds(found.ratio)) if found.ratio and found.ratio.low else absent(reason),
        Cell(found.verdict, tone=_TONES[found.verdict]),
        Cell(line(reason)),
    )


def _cell(ratio: Estimate) -> Cell:
    text = number(ratio.value, ratio.low, ratio.high)
    if ratio.low is None or ratio.high is None:
        return Cell(text, TIMES, ratio.value, note="no interval: it needs two replicates a side")
    doubt = "; cannot tell: it holds 1" if ratio.low <= 1 <= ratio.high else ""
    note = f"95 % interval {_bounds(ratio)}{doubt}"
    return Cell(text, TIMES, ratio.value, spread(ratio.value, ratio.low, ratio.high), note=note)


def _bounds(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    return f"{number(ratio.low, ratio.low, ratio.high)} to {number(ratio.high, ratio.low, ratio.high)}"


def _without_precision(record: Record) -> tuple[Any, ...]:
    case = record.case
    return (record.run.id, case.workload, tuple(sorted(axes(record).items())), case.device, case.batch_size)
