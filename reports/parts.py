"""Where a training step goes: its forward and backward pass, its optimizer and the rest, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.metric import METRICS
from bench.profile import PHASES
from reports.cases import CaseRow, why_absent
from reports.cell import Cell, Column, absent
from reports.number import quantity
from reports.profile.pictures import Part
from reports.profile.tables import percent

_TITLE = "Where a training step goes"


@dataclass(frozen=True)
class StepParts:
    """A bar for each case, cut into the parts of its marked steps; ``names`` are the parts in the order of their
    styles. What cannot be drawn says in ``missing`` why."""

    title: str
    subject: str
    description: str
    names: tuple[str, ...] = ()
    bars: tuple[tuple[str, tuple[Part, ...]], ...] = ()
    missing: str = ""
    note: str = ""


def step_parts(problem: str, rows: Sequence[CaseRow]) -> tuple[StepParts, ...]:
    """The picture of a problem that trains; none of one that does not."""
    there = [row for row in rows if row.ok and _seconds(row)]
    if not there:
        trains = any(row.values["loss.first"].value is not None for row in rows)
        return (StepParts(_TITLE, problem, "", missing=why_absent(rows, _metric(PHASES[0]))),) if trains else ()
    bars = tuple((f"{row.name}: {quantity(sum(_seconds(row)), 's')}", _parts(_seconds(row))) for row in there)
    told = "; ".join(f"{title}: {', '.join(f'{one.label} {one.told}' for one in parts)}" for title, parts in bars)
    note = "Of marked steps, which ran after the windows that all other numbers are of."
    return (StepParts(_TITLE, problem, f"{told}.", PHASES, bars, note=note),)


def part_columns(rows: Sequence[CaseRow]) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    """Columns with the share of each part, and their cells row by row; none where no step was split."""
    if not any(row.ok and _seconds(row) for row in rows):
        return [], [()] * len(rows)
    columns = [Column(name.capitalize(), "%", True, METRICS[_metric(name)].meaning) for name in PHASES]
    return columns, [_shares(row) for row in rows]


def _shares(row: CaseRow) -> tuple[Cell, ...]:
    seconds = _seconds(row) if row.ok else ()
    if not seconds:
        why = row.cells[_metric(PHASES[0])]
        return (absent(why.note if why.absent else row.status.note),) * len(PHASES)
    whole = sum(seconds)
    return tuple(Cell(percent(one, whole), "%", one / whole, size=0.01) for one in seconds)


def _parts(seconds: Sequence[float]) -> tuple[Part, ...]:
    whole = sum(seconds)
    return tuple(
        Part(name, one / whole, f"{percent(one, whole)} %", style)
        for style, (name, one) in enumerate(zip(PHASES, seconds, strict=True))
    )


def _seconds(row: CaseRow) -> tuple[float, ...]:
    """The parts of a step in the order of `PHASES`. Units: s. None at all where one of them is not known."""
    found = [row.values[_metric(name)].value for name in PHASES]
    there = tuple(one for one in found if one is not None)
    return there if len(there) == len(found) and sum(there) > 0 else ()


def _metric(phase: str) -> str:
    return f"time.{phase}"
