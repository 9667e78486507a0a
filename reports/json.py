"""The report as one JSON document: every cell as shown, beside the raw value it came from, in SI units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reports.cases import CaseRow
from reports.cell import Cell, Table
from reports.failures import Failure
from reports.report import Report
from reports.text import line

SCHEMA = "wattmark.report/1"


def export(report: Report) -> bytes:
    """The document as UTF-8 text; a number that is not finite would be an error, not a token."""
    document = {
        "schema": SCHEMA,
        "title": report.title,
        "subtitle": report.subtitle,
        "runs": _table(report.runs),
        "summary": _table(report.summary),
        "baseline": _table(report.changes.table) if report.changes else None,
        "comparability": [_table(table) for table in report.comparability],
        "results": [_table(table) for table in report.results],
        "forces": _table(report.forces),
        "pipelines": _table(report.pipelines) if report.pipelines else None,
        "profiles": _table(report.profiles) if report.profiles else None,
        "history": [_table(table) for table in (report.over_runs, *(one.table for one in report.history)) if table],
        "failures": [_failure(one) for one in report.failures],
        "cases": [_case(row) for row in report.cases],
        "environment": _table(report.environment),
        "method": dict(report.method),
        "metrics": _table(report.metrics),
    }
    return (json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _failure(one: Failure) -> dict[str, Any]:
    return {
        "status": one.status.text,
        "reason": one.reason,
        "next_step": one.next_step,
        "cases": [row.case for row in one.rows],
    }


def _case(row: CaseRow) -> dict[str, Any]:
    return {
        "run": row.run,
        "case": row.case,
        "workload": row.workload,
        "device": row.device,
        "device_label": row.device_label,
        "precision": row.precision,
        "batch_size": row.batch_size,
        "axes": row.axes,
        "status": row.status.text,
        "reason": row.status.note or None,
        "caveats": list(row.caveats),
        "speedup": _cell(row.speedup),
        "bound": {"force": row.bound.force, "evidence": line(row.bound.evidence), "gain": row.bound.gain},
        "metrics": {name: _metric(row, name) for name in row.values},
        "stderr": row.stderr or None,
        "profile": _printable(row.record.profile),
    }


def _printable(part: Any) -> Any:
    """Anything that a record holds, its texts on printable lines as everywhere."""
    if isinstance(part, Mapping):
        return {line(name): _printable(value) for name, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_printable(value) for value in part]
    return line(part, limit=10_000) if isinstance(part, str) else part


def _metric(row: CaseRow, name: str) -> dict[str, Any]:
    value = row.values[name]
    return {
        **_cell(row.cells[name]),
        "value": value.value,
        "si_unit": value.unit,
        "low": value.low,
        "high": value.high,
        "replicates": value.replicates,
        "samples": value.samples,
        "source": value.source,
        "scope": value.scope,
        "error": value.error,
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [{"title": column.title, "unit": column.unit} for column in table.columns],
        "rows": [[_cell(cell) for cell in row] for row in table.rows],
        "remarks": list(table.remarks),
        "notes": list(table.notes),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    """What a cell shows; ``raw`` is null where there is no value, and ``note`` then says why."""
    shown = {"unit": cell.unit, "spread": cell.spread, "under": cell.under, "note": cell.note}
    return {"text": cell.text, "raw": cell.raw, **{name: part for name, part in shown.items() if part}}
