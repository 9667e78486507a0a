"""What each gain costs: cases by two quantities, and those that no other case beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

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
    front = _front(there, metric)
    spots = tuple(_spot(row, metric, row.anchor in front, styles) for row in there)
    first = there[0]
    units = [first.cells[name].unit for name in ("throughput", metric)]
    return Pareto(
        title,
        problem,
        f"{len(spots)} cases; not beaten in both: {'; '.join(spot.told for spot in spots if spot.front)}.",
        f"throughput, {units[0]}",
        f"{_AGAINST[metric][0].lower()}{_AGAINST[metric][1:]}, {units[1]}",
        spots,
    )


def _front(rows: Sequence[CaseRow], metric: str) -> set[str]:
    """The anchors of the cases that no other one beats: of each throughput, from the highest down, the least costly,
    where it costs less than all that are faster."""
    found: set[str] = set()
    least = math.inf
    by_rate = sorted(rows, key=lambda row: _value(row, "throughput"), reverse=True)
    for _, alike in groupby(by_rate, key=lambda row: _value(row, "throughput")):
        costs = {row.anchor: _value(row, metric) for row in alike}
        if (cost := min(costs.values())) < least:
            found |= {anchor for anchor, one in costs.items() if one == cost}
            least = cost
    return found


def _spot(row: CaseRow, metric: str, front: bool, styles: Sequence[str]) -> Spot:
    rate, cost = _value(row, "throughput"), _value(row, metric)
    cells: tuple[Cell, Cell] = (row.cells["throughput"], row.cells[metric])
    told = f"{row.name}: {cells[0].full}, {cells[1].full}"
    return Spot(row.series, styles.index(row.series), rate / cells[0].size, cost / cells[1].size, told, front)


def _value(row: CaseRow, metric: str) -> float:
    value = row.values[metric].value
    assert value is not None
    return value
