"""Which charts a report has of each problem, and the table of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bench.metric import METRICS
from reports.cases import CaseRow, why_absent
from reports.cell import Cell, Column, Table, plain
from reports.chart import Chart, Limit, Point, Series, point
from reports.number import TIMES
from reports.origin import Origin, by_origin, is_power, origin
from reports.pareto import Pareto, paretos
from reports.parts import StepParts, part_columns, step_parts
from reports.roofline import Roofline, roof_columns, rooflines
from reports.scaling import scaling

_CHARTED = {
    "throughput": "Throughput",
    "memory.planning": "Memory",
    "energy.item": "Gross energy per item",
}
_RATE = "throughput"
_SPEEDUP = "Speed-up over fp32"


@dataclass(frozen=True)
class Charts:
    """The pictures of one problem, and their numbers as a table."""

    problem: str
    pictures: tuple[Chart | Pareto | Roofline | StepParts, ...]
    table: Table

    @property
    def missing(self) -> tuple[str, ...]:
        """What has no picture and why: a sentence for each reason."""
        of_reason: dict[str, list[str]] = {}
        for picture in self.pictures:
            if picture.missing:
                of_reason.setdefault(picture.missing, []).append(picture.title)
        return tuple(f"Not charted: {', '.join(titles)} ({why})." for why, titles in of_reason.items())


def charts(rows: Sequence[CaseRow]) -> tuple[Charts, ...]:
    """The charts of each problem; one that has no data says why."""
    labels = tuple(dict.fromkeys(row.series for row in rows))
    return tuple(
        _of_problem(problem, tuple(cases), labels) for problem, cases in groupby(rows, key=lambda row: row.problem)
    )


def _of_problem(problem: str, rows: tuple[CaseRow, ...], labels: tuple[str, ...]) -> Charts:
    pictures: list[Chart | Pareto | Roofline | StepParts] = [
        _chart(problem, rows, metric, labels) for metric in _CHARTED
    ]
    pictures += [_speedup(problem, rows, labels), *_devices(problem, rows, labels)]
    pictures += [*scaling(problem, rows, labels), *paretos(problem, rows, labels)]
    pictures += [*rooflines(problem, rows, labels), *step_parts(problem, rows)]
    return Charts(problem, tuple(pictures), _table(problem, rows))


def _table(problem: str, rows: tuple[CaseRow, ...]) -> Table:
    shown = [name for name in (*_CHARTED, "latency.p50") if any(row.values[name].value is not None for row in rows)]
    titles = {**_CHARTED, "latency.p50": "Latency p50"}
    columns = [Column("Case"), Column("Batch", numeric=True)]
    for name in shown:
        unit = next(row.cells[name].unit for row in rows if row.values[name].value is not None)
        columns.append(Column(titles[name], unit, True, METRICS[name].meaning))
    roof, under = roof_columns(rows)
    parts, split = part_columns(rows)
    columns += [Column(_SPEEDUP, TIMES, True), *roof, *parts]
    body = (
        (Cell(row.series), plain(row.batch_size), *(row.cells[name] for name in shown), row.speedup, *cells, *shares)
        for row, cells, shares in zip(rows, under, split, strict=True)
    )
    return Table(f"Charts of {problem}", tuple(columns), tuple(body))


def _lines(rows: Sequence[CaseRow]) -> dict[str, list[CaseRow]]:
    lines: dict[str, list[CaseRow]] = {}
    for row in rows:
        lines.setdefault(row.series, []).append(row)
    return lines


def _chart(problem: str, rows: tuple[CaseRow, ...], metric: str, labels: tuple[str, ...]) -> Chart:
    title = _CHARTED[metric]
    series = tuple(
        Series(label, labels.index(label), points, _limit(cases) if metric == _RATE else None)
        for label, cases in _lines(rows).items()  # one style in all charts of the report
        if (points := tuple(_point(row, metric) for row in cases if row.ok and row.values[metric].value is not None))
    )
    if not series:
        return Chart(title, problem, "", missing=why_absent(rows, metric))
    told = "; ".join(f"{one.label}: {_told(one)}" for one in series)
    unit = series[0].points[0].cell.unit
    description = f"{title} in {unit} over batch size. {told}."
    note = " ".join(part for part in (_note(rows, metric), _limits(series)) if part)
    return Chart(title, problem, description, unit, "batch size", series, note=note)


def _speedup(problem: str, rows: tuple[CaseRow, ...], labels: tuple[str, ...]) -> Chart:
    """Throughput over that of the same case in fp32, over the batch size."""
    series = tuple(
        Series(label, labels.index(label), points)
        for label, cases in _lines(rows).items()
        if (points := tuple(Point(row.batch_size, row.speedup.raw, row.speedup) for row in cases
                            if isinstance(row.speedup.raw, float)))
    )  # fmt: skip
    if not series:
        return Chart(_SPEEDUP, problem, "", missing="no case was measured in fp32 and in another precision")
    told = "; ".join(f"{one.label}: {_told(one)}" for one in series)
    description = f"{_SPEEDUP} over batch size. {told}."
    return Chart(_SPEEDUP, problem, description, TIMES, "batch size", series)


def _devices(problem: str, rows: tuple[CaseRow, ...], labels: tuple[str, ...]) -> tuple[Chart, ...]:
    """The best throughput of each device and precision side by side; none where there is but one device."""
    there = [row for row in rows if row.ok and row.values[_RATE].value is not None]
    if len({row.device_words for row in there}) < 2:
        return ()
    best = [max(cases, key=lambda row: row.values[_RATE].value or 0) for cases in _lines(there).values()]
    series = tuple(
        Series(f"{row.series} · batch {row.batch_size}", labels.index(row.series), (replace(_point(row, _RATE), x=0),))
        for row in best
    )
    told = "; ".join(f"{one.label}: {one.points[0].cell.full}" for one in series)
    title = "Best throughput of each device"
    return (Chart(title, problem, f"{title}. {told}.", best[0].cells[_RATE].unit, series=series),)


def _limit(cases: Sequence[CaseRow]) -> Limit | None:
    """Where a line ends because the memory does."""
    fits = [row.batch_size for row in cases if row.ok]
    too_large = [row.batch_size for row in cases if row.status.text == "oom" and row.batch_size > max(fits, default=0)]
    return Limit(max(fits), min(too_large)) if fits and too_large else None


def _limits(series: Sequence[Series]) -> str:
    told = [f"{one.label} {one.limit.fits:g} ({one.limit.too_large:g} is out of memory)" for one in series if one.limit]
    return f"Largest batch that fits: {'; '.join(told)}." if told else ""


def _note(rows: tuple[CaseRow, ...], metric: str) -> str:
    """Where watts and joules come from, by device if not all from one meter."""
    shown = [(row.device_words, row.values[metric]) for row in rows if row.ok and is_power(row.values[metric])]
    origins = by_origin(value for _, value in shown)
    if len(origins) < 2:
        return "".join(f"{origin(*values)}." for values in origins.values())
    devices: dict[Origin, dict[str, None]] = {}
    for device, value in shown:
        devices.setdefault((value.source, value.scope), {})[device] = None
    told = (f"{', '.join(devices[key])}: {origin(*values)}" for key, values in origins.items())
    return f"{'; '.join(told)}."


def _point(row: CaseRow, metric: str) -> Point:
    return point(row.batch_size, row.values[metric], row.cells[metric])


def _told(series: Series) -> str:
    """The points in words, for those who do not see the chart."""
    return ", ".join(f"{point.cell.text} at batch {point.x:g}" for point in series.points)
