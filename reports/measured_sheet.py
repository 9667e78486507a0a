"""The sheet of what was measured: raw numbers, locked, and beside each case whether the plan may use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.capacity import USABLE, Quantities, Quantity, formula
from reports.inputs_sheet import Places
from reports.plan import Candidate
from reports.sheet import FIRST_ROW, Head, address

if TYPE_CHECKING:
    from reports.workbook import Workbook

_HEADS = (
    Head("target", "Row of the plan", "", "0", 9),
    Head("run", "Run", width=22),
    Head("case", "Case", width=44),
    Head("problem", "Workload", width=34),
    Head("device", "Device", width=26),
    Head("precision", "Precision", width=11),
    Head("batch_size", "Batch size", "", "0", 8),
    Head("status", "Status", width=13),
    Head("throughput", "Throughput", "items/s", "#,##0.000", 14),
    Head("low", "Lower bound", "items/s", "#,##0.000", 14),
    Head("time", "Time per step", "s", '0.000000" s"', 14),
    Head("memory", "Memory to plan with", "B", '#,##0" B"', 20),
    Head("power", "Mean power", "W", '#,##0.0" W"', 14),
    Head("idle", "Idle power", "W", '#,##0.0" W"', 14),
    Head("energy", "Gross energy per item", "J", '0.000000" J"', 14),
    Head("net", "Net energy per item", "J", '0.000000" J"', 14),
    Head("method", "Method of power and energy", width=36),
    Head("scope", "Scope of power and energy", width=25),
    Head("error", "Method's error", "share", "0.0%", 11),
    Head("replicates", "Replicates", "", "0", 11),
    Head("reason", "Reason", width=40),
    Head("caveats", "Caveats", width=40),
    Head("usable", USABLE.title, USABLE.unit, USABLE.format, 24),
    Head("pick", "Operating point of", "row of the plan", "0", 16),
)
_COLUMN = {head.name: column for column, head in enumerate(_HEADS)}

_PICK = '=IF(ISNUMBER({usable}),IF({usable}=_xlfn.MAXIFS(measured_usable,measured_target,{target}),{target},""),"")'


def write_measured(book: Workbook, cases: Sequence[Candidate], rates: Sequence[Quantity], places: Places) -> None:
    """Write a row for each case. ``rates`` are the throughputs to plan with, or the reasons against it."""
    sheet = book.sheet("Measured", _HEADS)
    book.write(sheet, 0, 0, "Measured", "title")
    book.write(sheet, 1, 0, "One row a case, failures too, in SI units. The last two columns are formulas.", "note")
    last = FIRST_ROW + len(cases) - 1
    for name, column in _COLUMN.items():
        book.name(f"measured_{name}", "Measured", FIRST_ROW, column, last)
    best = _best(cases, rates)
    for row, (case, rate) in enumerate(zip(cases, rates, strict=True), start=FIRST_ROW):
        for name, value in _facts(case).items():
            book.write(sheet, row, _COLUMN[name], value, "measured", _HEADS[_COLUMN[name]].format)
        cells = {name: address(row, column) for name, column in _COLUMN.items()}
        known = {**places.everything, **cells, "device_memory": places.device[case.row.device_label]["device_memory"]}
        book.formula(sheet, row, _COLUMN["usable"], formula(USABLE, known), rate, USABLE.format)
        chosen = rate is not None and rate == best.get(case.target)
        book.formula(sheet, row, _COLUMN["pick"], _PICK.format(**cells), case.target if chosen else "", "0")
    sheet.freeze_panes(FIRST_ROW, _COLUMN["problem"] + 1)
    sheet.autofilter(FIRST_ROW - 1, 0, last, len(_HEADS) - 1)
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True})


def _best(cases: Sequence[Candidate], rates: Sequence[Quantity]) -> dict[int, float]:
    best: dict[int, float] = {}
    for case, rate in zip(cases, rates, strict=True):
        if isinstance(rate, (int, float)):
            best[case.target] = max(rate, best.get(case.target, rate))
    return best


def _facts(case: Candidate) -> Quantities:
    row = case.row
    return {
        "target": case.target,
        "run": row.run,
        "case": row.case,
        "problem": row.problem,
        "device": row.device_label,
        "precision": row.precision,
        "batch_size": row.batch_size,
        "status": row.status.text,
        "reason": row.status.note or None,
        "caveats": "; ".join(row.caveats) or None,
        "replicates": row.values["throughput"].replicates,
        **case.known,
    }
