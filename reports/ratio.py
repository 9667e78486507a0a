"""Ratios of throughput in words: precisions against fp32, and a run against a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.comparison import throughput_ratio
from bench.gating import Gating
from bench.judge.finding import Finding, Verdict
from bench.judge.stored import RUNS, measured, newest
from bench.record import Record
from bench.statistics import Estimate
from reports.axes import axes, order
from reports.cell import Cell, Column, Table, Tone, absent
from reports.number import TIMES, number, spread
from reports.text import line

_GATING = Gating(metrics=("throughput",))
# The verdicts of a comparison, those that most need looking at first, and the column in which they stand.
_WORDS = (
    "regressed",
    "suspect slower",
    "suspect",
    "incomparable",
    "suspect faster",
    "improved",
    "inconclusive",
    "unchanged",
)
_VERDICT = 3
_TONES: dict[Verdict, Tone] = {"regressed": "bad", "incomparable": "warn", "inconclusive": "plain"}


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
    """Each case beside the same case of the baseline, as a gate judges stored records; of several runs of the baseline
    the newest counts.

    ``names`` are what the candidates are called, in their `order`.
    """
    before = newest(baseline)
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
            "Suspect: the interval leaves out 1. Runs differ by more than their replicates show, so two runs prove "
            "nothing; a paired gate does.",
            *([f"{gone} case{'s' * (gone > 1)} of the baseline not found here."] if gone else []),
        ),
    )


def verdict(table: Table) -> Cell:
    """What a comparison with a baseline comes to, in one line: how many cases of each verdict, the worst first."""
    found = Counter(row[_VERDICT].text for row in table.rows)
    told = ", ".join(f"{found[word]} {word}" for word in _WORDS if found[word])
    worst = next((word for word in _WORDS if found[word]), "")
    tone: Tone = "bad" if worst in ("regressed", "suspect slower") else "good" if worst == "suspect faster" else "plain"
    return Cell(f"Against the baseline: {told}.", tone="warn" if worst == "incomparable" else tone)


def _row(name: str, baseline: Record | None, record: Record) -> tuple[Cell, ...]:
    (finding,) = measured(baseline, record, _GATING)
    found = _ratio(finding)
    # The remark under the table says for all rows what each finding says for itself.
    why = line(" ".join(reason for reason in finding.reasons if reason != RUNS), limit=2000)
    return (
        Cell(name),
        _cell(found) if found else absent(why),
        Cell(_bounds(found)) if found and found.low else absent(why),
        _verdict(finding),
        Cell(why),
    )


def _ratio(finding: Finding) -> Estimate | None:
    if finding.effect is None:
        return None
    low, high = (None if bound is None else 1 + bound for bound in (finding.low, finding.high))
    return Estimate(1 + finding.effect, low, high)


def _verdict(finding: Finding) -> Cell:
    if finding.verdict != "suspect" or finding.effect is None:
        return Cell(finding.verdict, tone=_TONES[finding.verdict])
    faster = finding.effect > 0
    return Cell("suspect faster" if faster else "suspect slower", tone="good" if faster else "bad")


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
