"""The tidy table: one row for each case and metric, every digit, SI units.

A spreadsheet takes a text that begins with = + - or @ for a formula; such texts get a leading apostrophe. An axis that
is called like a column of ours stands under ``parameter.`` and its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.cases import CaseRow
from reports.report import Report
from reports.text import FORMULA

BEFORE_AXES = ("run", "case", "workload", "device", "precision", "batch_size")
AFTER_AXES = (
    "status", "reason", "metric", "unit", "value", "low", "high", "replicates", "samples", "caveats",
    "source", "scope", "error",
)  # fmt: skip


def export(report: Report) -> bytes:
    """The table as UTF-8 text."""
    import pandas

    axes = tuple(dict.fromkeys(name for row in report.cases for name in row.axes))
    lines = [cells for row in report.cases for cells in _rows(row, axes)]
    # Objects, so that integers stay integers beside absent values.
    table = pandas.DataFrame(lines, columns=[*BEFORE_AXES, *map(_column, axes), *AFTER_AXES], dtype=object)
    return table.to_csv(index=False, lineterminator="\n").encode()


def _rows(row: CaseRow, axes: tuple[str, ...]) -> Iterator[list[object]]:
    start = [row.run, row.case, row.workload, row.device, row.precision, row.batch_size]
    start += [row.axes.get(name) for name in axes]
    for value in row.values.values():
        reason = value.reason or row.status.note or None
        numbers = (value.value, value.low, value.high)
        counted = (value.replicates, value.samples)
        end = [row.status.text, reason, value.metric, value.unit, *numbers, *counted, "; ".join(row.caveats)]
        method = (value.source, value.scope, value.error)
        yield [_safe(cell) for cell in (*start, *end, *method)]


def _column(axis: str) -> object:
    return _safe(f"parameter.{axis}" if axis in (*BEFORE_AXES, *AFTER_AXES) else axis)


def _safe(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return f"'{cell}" if cell.startswith(FORMULA) else cell
