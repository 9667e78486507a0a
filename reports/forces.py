"""What holds each case back, in words: the verdicts of `bench.force`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bench.errors import Unavailable
from bench.force import Bound, reached
from reports.cell import Cell, Column, Table, absent
from reports.number import TIMES, number, quantity
from reports.text import line

if TYPE_CHECKING:
    from reports.cases import CaseRow

TITLE = "What holds each case back"
ONE = "What holds it back"
_NONE = "none shown"
_REACHING = {
    "data": "without waiting for input",
    "compute": "at the measured limits",
    "memory": "at the measured limits",
    "overhead": "without the overhead",
}
_FORCE = Column(
    "Held back by",
    meaning="Data: waiting for input. Compute, memory: that side of the measured roof. Overhead: the device idles, or "
    "the step is outside of operators. Named where it is shown for half of the step, or of the roof.",
)
_EVIDENCE = Column("Evidence")
_GAIN = Column(
    "Gain",
    TIMES,
    True,
    "How many times as fast: without waiting (data), without the overhead, or with each of these operators at its "
    "measured limit (compute, memory). Fewer or fused operators may gain more.",
)


def force_cell(bound: Bound) -> Cell:
    """The force, with its evidence behind it."""
    return Cell(bound.force or _NONE, note=line(bound.evidence))


def forces_table(rows: Sequence[CaseRow]) -> Table:
    """The verdict on each case that was measured; what nothing can be said of is gathered by reason."""
    measured = [row for row in rows if row.ok]
    known = [row for row in measured if row.bound.judged]
    cells = tuple((Cell(row.full_name), *_cells(row.bound)) for row in known)
    return Table(TITLE, (Column("Case"), _FORCE, _EVIDENCE, _GAIN), cells, remarks=tuple(_unknown(measured)))


def held(bound: Bound) -> Table:
    """The verdict on one case."""
    if not bound.judged:
        return Table(
            ONE, (_FORCE,), (), remarks=(f"What holds it back is not known: {line(bound.evidence).rstrip('.')}.",)
        )
    return Table(ONE, (_FORCE, _EVIDENCE, _GAIN), (_cells(bound),))


def mixture(row: CaseRow) -> Table | None:
    """What a step consists of under the roof of its device; None where its operators were not told apart."""
    try:
        under = reached(row.record, row.values, row.roof)
    except Unavailable:
        return None
    if len(under.groups) == 1:
        return None
    columns = (
        Column("Operators at", "FLOP/B", True, "Those alike in arithmetic intensity, to a factor of two."),
        Column("FLOPs", numeric=True),
        Column("Bytes", numeric=True, meaning="As if there were no cache and nothing were fused."),
        Column("Limited by", meaning="The side of the measured roof at that intensity."),
        Column("At that limit", "%", True, "Share of the measured step that they would take there."),
    )
    rows = tuple(
        (
            Cell(number(one.flop / one.size), raw=one.flop / one.size) if one.size else absent("they move no bytes"),
            Cell(quantity(one.flop, "FLOP"), raw=one.flop),
            Cell(quantity(one.size, "B"), raw=one.size),
            Cell(one.side),
            Cell(number(100 * one.share), "%", one.share, size=0.01),
        )
        for one in under.groups
    )
    return Table("Its operators under the roof", columns, rows)


def _cells(bound: Bound) -> tuple[Cell, ...]:
    if bound.force is None or bound.gain is None:
        return Cell(_NONE), Cell(line(bound.evidence)), absent("no force is shown")
    gain = Cell(number(bound.gain), TIMES, bound.gain, note=_REACHING[bound.force])
    return Cell(bound.force), Cell(line(bound.evidence)), gain


def _unknown(rows: Iterable[CaseRow]) -> Iterable[str]:
    """What nothing can be said of, and why: one sentence for each reason."""
    of_reason: dict[str, int] = {}
    for row in rows:
        if not row.bound.judged:
            reason = line(row.bound.evidence).rstrip(".")
            of_reason[reason] = of_reason.get(reason, 0) + 1
    return [f"Not known of {many} case{'s' * (many != 1)}: {reason}." for reason, many in of_reason.items()]
