"""What each gain costs: cases by two quantities, and those that no other case beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.cases import CaseRow, why_absent
from reports.cell import Cell

# Of a step's percentiles the slowest cases have none; what a step takes on average is known of every case.
_AGAINST = {"energy.item": "Gross energy per item", "time.step": "Time per step"}


@dataclass(frozen=True)
class Spot:
    """One case: more is better along x, less along y, both in display units. ``front``: no case is better in both."""

    label: str
    style: int
    x: float
    y: float
    told: str
    front: bool


@dataclass(frozen=True)
class Pareto:
    """Cases of one problem by throughput and by its cost. What cannot be drawn says in ``missing`` why."""

    title: str
    subject: str
    description: str
    x_title: str = ""
    y_title: str = ""
    spots: tuple[Spot, ...] = ()
    missing: str = ""
    note: str = "Ringed: no case here beats it in both."


def paretos(problem: str, rows: Sequence[CaseRow], styles: Sequence[str]) -> tuple[Pareto, ...]:
    """Throughput against energy and against latency; joules of several methods or scopes are not one axis."""
    return tuple(_pareto(problem, rows, metric, styles) for metric in _AGAINST)


def _pareto(problem: str, rows: Sequence[CaseRow], metric: str, styles: Sequence[str]) -> Pareto:
    title = f"Throughput and {_AGAINST[metric][0].lower()}{_AGAINST[metric][1:]}"
    needed = ("throughput", metric)
    there = [row for row in rows if row.ok and all(row.values[name].value is not None for name in needed)]
    if not there:
        return Pareto(title, problem, "", missing=why_absent(rows, metric))
    if metric == "energy.item" and len({(row.values[metric].source, row.values[metric].scope) for row in there}) > 1:
        why = "its joules are of several methods or scopes, which are not one quantity"
        return Pareto(title, problem, "", missing=why)
    if len(there) < 2:
        return Pareto(title, problem, "", missing="one case alone has both")
    spots = tuple(_spot(row, metric, there, styles) for row in there)
    first = there[0]
    units = [first.cells[name].unit for name in ("throughput", metric)]
    front = "; ".join(spot.told for spot in spots if spot.front)
    return Pareto(
        title,
        problem,
        f"{len(spots)} cases; not beaten in both: {front}.",
        f"throughput, {units[0]}",
        f"{_AGAINST[metric][0].lower()}{_AGAINST[metric][1:]}, {units[1]}",
        spots,
    )


def _spot(row: CaseRow, metric: str, rows: Sequence[CaseRow], styles: Sequence[str]) -> Spot:
    rate, cost = _value(row, "throughput"), _value(row, metric)
    beaten = any(
        (_value(other, "throughput") >= rate and _value(other, metric) <= cost)
        and (_value(other, "throughput") > rate or _value(other, metric) < cost)
        for other in rows
    )
    cells: tuple[Cell, Cell] = (row.cells["throughput"], row.cells[metric])
    told = f"{row.name}: {cells[0].full}, {cells[1].full}"
    return Spot(row.series, styles.index(row.series), rate / cells[0].size, cost / cells[1].size, told, not beaten)


def _value(row: CaseRow, metric: str) -> float:
    value = row.values[metric].value
    assert value is not None
    return value
