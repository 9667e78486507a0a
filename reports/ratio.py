"""Ratios of throughput in words, and that of each precision and variant to plain fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.case import REFERENCE
from bench.comparison import throughput_ratio
from bench.record import Record
from bench.statistics import Estimate
from reports.cell import Cell, absent
from reports.number import TIMES, interval, number, spread


def speedups(records: Sequence[Record]) -> Callable[[Record], Cell]:
    """Gives a case's throughput over that of the same work in fp32 and plain, both from one run."""
    plain_ones = {_work(record): record for record in records if record.case == record.case.reference}

    def speedup(record: Record) -> Cell:
        if record.case == record.case.reference:
            return absent(REFERENCE)
        reference = plain_ones.get(_work(record))
        ratio = throughput_ratio(reference, record) if reference else None
        return ratio_cell(ratio) if ratio else absent("not measured in plain fp32 too")

    return speedup


def ratio_cell(ratio: Estimate) -> Cell:
    """A ratio with its interval, and whether that leaves open which of the two is more."""
    text = number(ratio.value, ratio.low, ratio.high)
    if ratio.low is None or ratio.high is None:
        return Cell(text, TIMES, ratio.value, note="no interval: it needs two replicates a side")
    doubt = "; cannot tell: it holds 1" if ratio.low <= 1 <= ratio.high else ""
    note = f"95 % interval {bounds(ratio)}{doubt}"
    return Cell(text, TIMES, ratio.value, spread(ratio.value, ratio.low, ratio.high), note=note)


def bounds(ratio: Estimate) -> str:
    """The ends of a ratio's interval, or nothing where it has none."""
    return interval(ratio.low, ratio.high)


def _work(record: Record) -> tuple[str, str]:
    """What cases of a run that differ in their precision and in how they compute have in common."""
    return record.run.id, record.case.reference.id
