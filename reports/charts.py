"""Which charts a report has: throughput, memory and energy over the batch size, for each problem."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from reports.cases import CaseRow, why_absent
from reports.chart import Chart, Point, Series
from reports.origin import by_origin, is_power, origin

_CHARTED = {
    "throughput": "Throughput",
    "memory.planning": "Memory",
    "energy.item": "Gross energy per item",
}


def charts(rows: Sequence[CaseRow]) -> tuple[tuple[Chart, ...], ...]:
    """For each problem its three charts; one that has no data says why."""
    labels = tuple(dict.fromkeys(map(_label, rows)))
    problems = ((problem, tuple(cases)) for problem, cases in groupby(rows, key=lambda row: row.problem))
    return tuple(tuple(_chart(problem, cases, metric, labels) for metric in _CHARTED) for problem, cases in problems)


def _chart(problem: str, rows: tuple[CaseRow, ...], metric: str, labels: tuple[str, ...]) -> Chart:
    title = _CHARTED[metric]
    lines: dict[str, list[CaseRow]] = {}
    for row in rows:
        lines.setdefault(_label(row), []).append(row)
    series = tuple(
        Series(label, labels.index(label), points)  # one style in all charts of the report
        for label, cases in lines.items()
        if (points := tuple(_point(row, metric) for row in cases if row.ok and row.values[metric].value is not None))
    )
    if not series:
        return Chart(title, problem, "", missing=f"{title} is not charted: {why_absent(rows, metric)}.")
    told = "; ".join(f"{one.label}: {_told(one)}" for one in series)
    unit = series[0].points[0].cell.unit
    description = f"{title} in {unit} over batch size. {told}."
    return Chart(title, problem, description, unit, "batch size", series, note=_note(rows, metric))


def _note(rows: tuple[CaseRow, ...], metric: str) -> str:
    """Where watts and joules come from, by device if not all from one meter."""
    shown = [(row.device_words, row.values[metric]) for row in rows if row.ok and is_power(row.values[metric])]
    origins = by_origin(value for _, value in shown)
    if len(origins) < 2:
        return "".join(f"{origin(*values)}." for values in origins.values())
    told = []
    for values in origins.values():
        devices = dict.fromkeys(device for device, value in shown if value in values)
        told.append(f"{', '.join(devices)}: {origin(*values)}")
    return f"{'; '.join(told)}."


def _label(row: CaseRow) -> str:
    """Everything of a case's name but the batch size."""
    return row.name.replace(f" · batch {row.batch_size}", "", 1)


def _point(row: CaseRow, metric: str) -> Point:
    cell, value = row.cells[metric], row.values[metric]
    assert value.value is not None
    low, high = (bound if bound is None else bound / cell.size for bound in (value.low, value.high))
    return Point(row.batch_size, value.value / cell.size, cell, low, high)


def _told(series: Series) -> str:
    """The points in words, for those who do not see the chart."""
    return ", ".join(f"{point.cell.text} at batch {point.x:g}" for point in series.points)
