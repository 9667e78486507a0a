"""How near cases come to the limits of their device: the roofline model, a picture for each device of a problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import Unavailable
from bench.force import NO_BANDWIDTH, reached
from bench.metric import METRICS
from bench.roof import Roof, arithmetic, si, vendor
from reports.cases import CaseRow, why_absent
from reports.cell import Cell, Column, absent
from reports.forces import force_cell
from reports.number import number
from reports.text import line

_TITLE = "Roofline"
_NONE = Roof()
_NOTE = (
    "Bytes are what operators read and write without a cache: with one, less comes from memory, and a case can lie "
    "above the slope. Beside a mark: its batch size."
)
_RATE = "flop.rate.computed"
_NEEDED = (_RATE, "intensity")


@dataclass(frozen=True)
class Mark:
    """One case: its intensity (FLOP/B) and what it did (FLOP/s)."""

    label: str
    style: int
    batch: int
    intensity: float
    rate: float
    told: str


@dataclass(frozen=True)
class Roofline:
    """Cases under the roof of their device. ``measured`` and ``stated`` have the ceilings of the cases' precisions;
    ``unit`` and ``size`` are of the FLOP/s as shown. What cannot be drawn says in ``missing`` why."""

    title: str
    subject: str
    description: str
    marks: tuple[Mark, ...] = ()
    measured: Roof = _NONE
    stated: Roof = _NONE
    unit: str = ""
    size: float = 1.0
    missing: str = ""
    note: str = ""


def rooflines(problem: str, rows: Sequence[CaseRow], styles: Sequence[str]) -> tuple[Roofline, ...]:
    """A picture for each device on which the problem was measured."""
    devices: dict[str, list[CaseRow]] = {}
    for row in rows:
        devices.setdefault(row.device_words, []).append(row)
    return tuple(
        _of_device(_TITLE if len(devices) == 1 else f"{_TITLE} of {device}", problem, cases, styles)
        for device, cases in devices.items()
    )


def roof_columns(rows: Sequence[CaseRow]) -> tuple[list[Column], list[tuple[Cell, ...]]]:
    """Columns on how near each case came to its roof, and their cells row by row; none where nothing is known of it."""
    if not any(_there(row) for row in rows):
        return [], [()] * len(rows)
    unit = next(row.cells[_RATE].unit for row in rows if row.values[_RATE].value is not None)
    columns = [
        Column("Intensity", "FLOP/B", True, METRICS["intensity"].meaning),
        Column("Computed FLOP/s", unit, True, METRICS[_RATE].meaning),
        Column(
            "Of the roof",
            "%",
            True,
            "Computed FLOP/s over what the measured roof allows, each operator at its own intensity.",
        ),
        Column("Held back by", meaning="As the table of what holds each case back says it, with its evidence."),
    ]
    return columns, [(row.cells["intensity"], row.cells[_RATE], _under(row), _held(row)) for row in rows]


def _under(row: CaseRow) -> Cell:
    """The share of what the measured roof allows the case's operators, and on which side of it most of them are."""
    try:
        found = reached(row.record, row.values, row.roof)
    except Unavailable as why:
        return absent(line(str(why)))
    note = f"of {si(found.most, 'FLOP/s')}, the {found.side} side of the roof"
    return Cell(number(100 * found.share), "%", found.share, note=note, size=0.01)


def _held(row: CaseRow) -> Cell:
    return force_cell(row.bound) if row.bound.judged else absent(line(row.bound.evidence))


def _of_device(title: str, problem: str, rows: Sequence[CaseRow], styles: Sequence[str]) -> Roofline:
    there = [row for row in rows if _there(row)]
    if not there:
        lacking = next((name for name in _NEEDED if all(row.values[name].value is None for row in rows)), _NEEDED[1])
        return Roofline(title, problem, "", missing=why_absent(rows, lacking))
    precisions = {arithmetic(row.precision) for row in there}
    measured, stated = (_only(roof, precisions) for roof in (there[0].roof, vendor(there[0].record.environment)))
    if not (measured.compute or measured.memory or stated.compute):
        return Roofline(title, problem, "", missing=_unmeasured(there))
    marks = tuple(_mark(row, styles) for row in there)
    ceilings = [*measured.compute.values(), *filter(None, [measured.memory]), *stated.compute.values()]
    roof = "; ".join(line(one.source) for one in [*ceilings, *filter(None, [stated.memory])])
    cell = there[0].cells[_RATE]
    told = "; ".join(mark.told for mark in marks)
    return Roofline(
        title,
        problem,
        f"{told}. Roof: {roof}.",
        marks,
        measured,
        stated,
        cell.unit,
        cell.size,
        note=f"{_lines(measured, stated)} {_NOTE}",
    )


def _lines(measured: Roof, stated: Roof) -> str:
    """Which roof is drawn how."""
    rates = [si(one.rate, "FLOP/s") + f" {name}" for name, one in stated.compute.items()]
    rates += [si(stated.memory.rate, "B/s")] if stated.memory else []
    vendors = f"dashed: as the vendor states it ({', '.join(rates)})" if rates else "no vendor states one"
    return f"Solid: the roof as measured{'' if measured.compute or measured.memory else ' (nothing was)'}; {vendors}."


def _there(row: CaseRow) -> bool:
    return row.ok and all(row.values[name].value is not None for name in _NEEDED)


def _only(roof: Roof, precisions: set[str]) -> Roof:
    return Roof({name: one for name, one in roof.compute.items() if name in precisions}, roof.memory)


def _unmeasured(rows: Sequence[CaseRow]) -> str:
    """Why there is no roof over a case."""
    if rows[0].roof.memory is None:
        return NO_BANDWIDTH
    return why_absent(rows, "mfu.measured")


def _mark(row: CaseRow, styles: Sequence[str]) -> Mark:
    rate, intensity = row.values[_RATE].value, row.values["intensity"].value
    assert rate is not None
    assert intensity is not None
    share = _under(row)
    under = share.note if share.absent else f"{share.full} {share.note}"
    told = f"{row.name}: {row.cells[_RATE].full} at {row.cells['intensity'].full}, {under}"
    return Mark(row.series, styles.index(row.series), row.batch_size, intensity, rate, told)
