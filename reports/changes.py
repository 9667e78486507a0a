"""What changed since a baseline, case by case, as a gate judges stored records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.gating import Gating
from bench.judge.finding import Finding, Verdict
from bench.judge.keys import differences
from bench.judge.stored import RUNS, ended_alike, measured, newest
from bench.record import Record
from bench.statistics import Estimate
from reports.cases import CaseRow
from reports.cell import Cell, Column, Table, Tone, absent
from reports.number import TIMES
from reports.ratio import bounds, ratio_cell
from reports.text import line

_GATING = Gating(metrics=("throughput",))
# The verdicts of a comparison, those that most need looking at first.
_WORDS = (
    "regressed",
    "suspect slower",
    "suspect",
    "incomparable",
    "suspect faster",
    "improved",
    "inconclusive",
    "unchanged",
    "ended alike",
)
_QUIET = ("inconclusive", "unchanged", "ended alike")
_TONES: dict[Verdict, Tone] = {"regressed": "bad", "incomparable": "warn", "inconclusive": "plain"}

CHANGE = (
    Column("vs baseline", TIMES, True, "Throughput, candidate over baseline; above 1 is faster."),
    Column("Interval", numeric=True, meaning="95 % of the ratio, over replicates."),
    Column("Verdict", meaning="Suspect: the interval leaves out 1, and two runs prove no more."),
)
_REMARK = (
    "Suspect: the interval leaves out 1. Runs differ by more than their replicates show, so two runs prove nothing; a "
    "paired gate does."
)


@dataclass(frozen=True)
class Change:
    """One case against the same case of the baseline: the ratio of throughputs, its interval, the verdict and why."""

    ratio: Cell
    interval: Cell
    verdict: Cell
    why: str

    @property
    def cells(self) -> tuple[Cell, Cell, Cell]:
        """What stands under `CHANGE`."""
        return self.ratio, self.interval, self.verdict


@dataclass(frozen=True)
class Changes:
    """All cases against a baseline: the ``verdict`` on the whole in one line, a ``table`` of all cases and one of those
    that must be looked at, and each ``of`` them by its case's anchor."""

    verdict: Cell
    notable: Table
    table: Table
    of: dict[str, Change]


def changes(baseline: Sequence[Record], rows: Sequence[CaseRow]) -> Changes:
    """Each case beside the same case of the baseline, of which the newest run counts."""
    before = newest(baseline)
    of = {row.anchor: _change(before.get(row.record.case.id), row.record) for row in rows}
    gone = len(before.keys() - {row.record.case.id for row in rows})
    remarks = (_REMARK, *([f"{gone} case{'s' * (gone > 1)} of the baseline not found here."] if gone else []))
    notable = [row for row in rows if of[row.anchor].verdict.text not in _QUIET]
    return Changes(
        _in_all(change.verdict.text for change in of.values()),
        _table(notable, of, remarks),
        _table(rows, of, remarks),
        of,
    )


def _table(rows: Sequence[CaseRow], of: dict[str, Change], remarks: tuple[str, ...]) -> Table:
    body = tuple((Cell(row.full_name), *of[row.anchor].cells, Cell(of[row.anchor].why)) for row in rows)
    return Table("Against the baseline", (Column("Case"), *CHANGE, Column("Why")), body, remarks=remarks)


def _in_all(verdicts: Iterable[str]) -> Cell:
    """How many cases there are of each verdict, the worst first."""
    found = Counter(verdicts)
    told = ", ".join(f"{found[word]} {word}" for word in _WORDS if found[word])
    worst = next((word for word in _WORDS if found[word]), "")
    tone: Tone = "bad" if worst in ("regressed", "suspect slower") else "good" if worst == "suspect faster" else "plain"
    return Cell(f"Against the baseline: {told}.", tone="warn" if worst == "incomparable" else tone)


def _change(baseline: Record | None, record: Record) -> Change:
    if baseline and ended_alike(baseline, record) and not differences(baseline, record)[0]:
        why = f"Both end {record.status}."
        return Change(absent(why), absent(why), Cell("ended alike"), why)
    (finding,) = measured(baseline, record, _GATING)
    ratio = _ratio(finding)
    # The remark under the table says for all rows what each finding says for itself.
    why = line(" ".join(reason for reason in finding.reasons if reason != RUNS), limit=2000)
    return Change(
        ratio_cell(ratio) if ratio else absent(why),
        Cell(bounds(ratio)) if ratio and ratio.low else absent(why),
        _verdict(finding),
        why,
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
