"""What input pipelines cost: cases that differ in their loader workers alone, side by side, and where waiting ends."""

from __future__ import annotations

from collections.abc import Sequence

from bench.case import WAYS
from bench.comparison import throughput_ratio
from bench.metric import METRICS
from reports.cases import CaseRow
from reports.cell import Cell, Column, Table, absent, plain
from reports.number import TIMES
from reports.ratio import ratio_cell

_AXIS = "pipeline"
# A step that waits for less than this share of its time is as fast as without, as far as most machines can tell.
ENDED = 0.01
_SHOWN = ("throughput", "data.wait", "data.rate")
_TITLES = ("Throughput", "Waiting", "Pipeline alone")


def pipelines_table(rows: Sequence[CaseRow]) -> Table | None:
    """The table over all cases that some pipeline feeds, and those beside them that none does; None without any."""
    groups = [group for group in _groups(rows) if any(_workers(row) is not None for row in group)]
    if not groups:
        return None
    columns = [Column("Case"), Column("Loader workers", numeric=True)]
    shown = [row for group in groups for row in group]
    for name, title in zip(_SHOWN, _TITLES, strict=True):
        unit = next((row.cells[name].unit for row in shown if not row.cells[name].absent), "")
        columns.append(Column(title, unit, True, METRICS[name].meaning, metric=name))
    columns.append(Column("Of none", TIMES, True, "Throughput over that of batches that lie on the device."))
    body = tuple(_row(row, group) for group in groups for row in group)
    remarks = tuple(_ends(group) for group in groups)
    names = tuple(_name(group[0]) for group in groups for _ in group)
    return Table("Input pipelines", tuple(columns), body, remarks=remarks, groups=names)


def _groups(rows: Sequence[CaseRow]) -> list[list[CaseRow]]:
    """Cases of one run that differ in their pipeline alone, the one without it first."""
    found: dict[tuple[str, ...], list[CaseRow]] = {}
    for row in rows:
        found.setdefault((row.run, _name(row)), []).append(row)
    return [
        sorted(group, key=lambda row: -1 if _workers(row) is None else _workers(row) or 0) for group in found.values()
    ]


def _name(row: CaseRow) -> str:
    return f"{row.problem} · {row.name_without(_AXIS)}"


def _workers(row: CaseRow) -> int | None:
    """The number of workers, or None where there is no pipeline."""
    text = str(row.axes.get(_AXIS, WAYS[_AXIS]))
    return int(text) if text.isascii() and text.isdigit() else None


def _row(row: CaseRow, group: Sequence[CaseRow]) -> tuple[Cell, ...]:
    workers = _workers(row)
    cells = [row.cells[name] for name in _SHOWN]
    number = absent("no pipeline: batches lie on the device") if workers is None else plain(workers)
    return (Cell(_name(row)), number, *cells, _of_none(row, group))


def _of_none(row: CaseRow, group: Sequence[CaseRow]) -> Cell:
    none = next((one for one in group if _workers(one) is None), None)
    if row is none:
        return absent("this is the case without a pipeline")
    ratio = throughput_ratio(none.record, row.record) if none else None
    return ratio_cell(ratio) if ratio else absent("not measured without a pipeline")


def _stock(group: Sequence[CaseRow], workers: int) -> str:
    """What is to be known of a step that does not wait, though its pipeline by itself is slower than the step."""
    row = next(row for row in group if _workers(row) == workers)
    alone, step = row.values["data.rate"].value, row.values["throughput"].value
    if alone is None or step is None or alone >= step:
        return ""
    return f", though by itself it gives only {row.cells['data.rate'].full}: a stock of batches was used up"


def _ends(group: Sequence[CaseRow]) -> str:
    """The fewest workers with which the step no longer waits, of those that were measured."""
    waits = [(_workers(row), row.cells["data.wait"], row.values["data.wait"].value) for row in group]
    known = [(workers, cell, value) for workers, cell, value in waits if workers is not None and value is not None]
    name = _name(group[0])
    if not known:
        return f"{name}: nothing is known of waiting."
    ended = next((one for one in known if one[2] < ENDED), None)
    workers, cell, _ = ended or known[-1]
    many = f"{workers} worker{'s' * (workers != 1)}"
    if ended:
        return f"{name}: waiting ends with {many}, {cell.full} of the time{_stock(group, workers)}."
    return f"{name}: {cell.full} of the time is still waited with {many}, the most measured."
