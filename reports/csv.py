"""The tidy table: one row for each case and metric, every digit, SI units.

A spreadsheet takes a text that begins with = + - or @ for a formula; such texts get a leading apostrophe. An axis that
is called like a column of ours stands under ``parameter.`` and its name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import lru_cache

from bench.case import Scalar
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
    axes = tuple(dict.fromkeys(name for row in report.cases for name in row.axes))
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*BEFORE_AXES, *map(_column, axes), *AFTER_AXES])
    for row in report.cases:
        table.writerows(_rows(row, axes))
    return text.getvalue().encode()


def _rows(row: CaseRow, axes: tuple[str, ...]) -> Iterator[list[object]]:
    told = map(_safe, (row.run, row.case, row.workload, row.device, row.precision))
    start = [*told, row.batch_size, *map(_axis, map(row.axes.get, axes)), _safe(row.status.text)]
    caveats, ended = _safe("; ".join(row.caveats)), row.status.note
    for metric, unit, value, low, high, reason, replicates, samples, source, scope, error in row.values.values():
        named = [_safe(reason or ended), _safe(metric), _safe(unit)]
        yield [*start, *named, value, low, high, replicates, samples, caveats, _safe(source), _safe(scope), error]


def _column(axis: str) -> str | None:
    return _safe(f"parameter.{axis}" if axis in (*BEFORE_AXES, *AFTER_AXES) else axis)


def _axis(value: Scalar) -> Scalar:
    return _safe(value) if isinstance(value, str) else value


@lru_cache(maxsize=10_000)  # most rows have the same texts
def _safe(text: str | None) -> str | None:
    return f"'{text}" if text and text.startswith(FORMULA) else text
