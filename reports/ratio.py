"""Ratios of throughput in words: precisions against fp32, and a run against a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.comparison import Comparison, compare, throughput_ratio
from bench.record import Record
from bench.statistics import Estimate
from reports.axes import axes, order
from reports.cell import Cell, Column, Table, Tone, absent
from reports.number import TIMES, number, spread
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


def against(baseline: Sequence[Record], candidates: Sequence[Record], names: Sequence[str]) -> Table:
    """Each case beside the same case of the baseline; of several baseline runs the latest counts.

    ``names`` are what the candidates are called, in their `order`.
    """
    before = {record.case.id: record for record in sorted(baseline, key=lambda record: record.run.started)}
    pairs = zip(sorted(candidates, key=order), names, strict=True)
    rows = [_row(name, before.get(record.case.id), record) for record, name in pairs]
    gone = len(before.keys() - {record.case.id for record in candidates})
    return Table(
        "Against the baseline",
        (
            Column("Case"),
            Column("Throughput ratio", TIMES, True, "Candidate over baseline; above 1 is faster."),
            Column("Interval", numeric=True, meaning="95 %, over replicates."),
            Column("Verdict"),
            Column("Why"),
        ),
        tuple(rows),
        remarks=(
            "Faster and slower are said only where the interval leaves out 1.",
            *([f"{gone} case{'s' * (gone > 1)} of the baseline not found here."] if gone else []),
        ),
    )


def _row(name: str, baseline: Record | None, record: Record) -> tuple[Cell, ...]:
    missing = Comparison("not comparable", reason="the baseline has no such case")
    found = compare(baseline, record) if baseline else missing
    reason = found.reason or ""
    ratio = _cell(found.ratio) if found.ratio else absent(reason)
    return (
        Cell(name),
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
