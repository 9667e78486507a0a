"""The sheet of what was measured: raw numbers, locked, and beside each case whether the plan may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan.candidates import USABLE, Candidate
from reports.plan.inputs import Quantities, Quantity
from reports.plan.inputs_sheet import Places
from reports.plan.plan import Plan
from reports.plan.sheet import FIRST_ROW, Head, address
from reports.plan.step import formula

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "Measured"
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
    Head("p50", "Latency p50", "s", '0.000000" s"', 14),
    Head("p95", "Latency p95", "s", '0.000000" s"', 14),
    Head("p99", "Latency p99", "s", '0.000000" s"', 14),
    Head("memory", "Memory to plan with", "B", '#,##0" B"', 20),
    Head("power", "Mean power", "W", '#,##0.0" W"', 14),
    Head("maximum", "Maximum power", "W", '#,##0.0" W"', 14),
    Head("idle", "Idle power", "W", '#,##0.0" W"', 14),
    Head("energy", "Gross energy per item", "J", '0.000000" J"', 14),
    Head("net", "Net energy per item", "J", '0.000000" J"', 14),
    Head("method", "Method of power and energy", width=36),
    Head("scope", "Scope of power and energy", width=25),
    Head("error", "Method's error", "share", "0.0%", 11),
    Head("flop_item", "Model FLOPs per item", "FLOP", "0.000E+00", 14),
    Head("token_item", "Tokens per item", "tokens", "#,##0.0", 12),
    Head("measured_parameters", "Parameters", "", "#,##0", 16),
    Head("replicates", "Replicates", "", "0", 11),
    Head("started", "Measured on", "", "yyyy-mm-dd", 13),
    Head("environment", "Environment", "number", "0", 12),
    Head("reason", "Reason", width=40),
    Head("caveats", "Caveats", width=40),
    Head("usable", USABLE.title, USABLE.unit, USABLE.format, 26),
    Head("pick", "Operating point of", "row of the plan", "0", 16),
)
_COLUMN = {head.name: column for column, head in enumerate(_HEADS)}

_PICK = '=IF(ISNUMBER({usable}),IF({usable}=_xlfn.MAXIFS(measured_usable,measured_target,{target}),{target},""),"")'


def write_measured(book: Workbook, plan: Plan, places: Places) -> None:
    """Write a row for each case, and name the columns."""
    sheet = book.sheet(NAME, _HEADS)
    book.write(sheet, 0, 0, NAME, "title")
    told = "One row a case, failures too, in SI units; nothing here can be edited. The last two columns are formulas."
    book.write(sheet, 1, 0, told, "note")
    last = FIRST_ROW + len(plan.candidates) - 1
    for name, column in _COLUMN.items():
        book.name(f"measured_{name}", NAME, FIRST_ROW, column, last)
    best = _best(plan)
    for row, (case, rate) in enumerate(zip(plan.candidates, plan.rates, strict=True), start=FIRST_ROW):
        for name, value in _facts(case).items():
            book.write(sheet, row, _COLUMN[name], value, "measured", _HEADS[_COLUMN[name]].format)
        cells = {name: address(row, column) for name, column in _COLUMN.items()}
        known = {**places.of(case.row.problem, case.row.device_label), **cells}
        book.formula(sheet, row, _COLUMN["usable"], formula(USABLE, known), rate, USABLE.format)
        chosen = rate is not None and rate == best.get(case.target)
        book.formula(sheet, row, _COLUMN["pick"], _PICK.format(**cells), case.target if chosen else "", "0")
    book.mark_texts(sheet, (FIRST_ROW, _COLUMN["usable"]), (last, _COLUMN["usable"]))
    sheet.freeze_panes(FIRST_ROW, _COLUMN["problem"] + 1)
    sheet.autofilter(FIRST_ROW - 1, 0, last, len(_HEADS) - 1)
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True})


def _best(plan: Plan) -> dict[int, float]:
    best: dict[int, float] = {}
    for case, rate in zip(plan.candidates, plan.rates, strict=True):
        if isinstance(rate, (int, float)):
            best[case.target] = max(rate, best.get(case.target, rate))
    return best


def _facts(case: Candidate) -> Quantities:
    row = case.row
    facts: dict[str, Quantity] = {
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
    }
    return {**facts, **case.known}
