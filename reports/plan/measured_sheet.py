"""The sheet of what was measured: raw numbers, locked, and beside each case whether the plan may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan.candidates import Candidate
from reports.plan.inputs import Quantities, Quantity
from reports.plan.inputs_sheet import Places
from reports.plan.looks import MEASURED, NUMBERS, RESULTS
from reports.plan.plan import Plan
from reports.plan.point import BEST, BEST_IN_PRECISION, JUDGED, best
from reports.plan.sheet import FIRST_ROW, Head, address, cells_of, head_of
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
    Head("setting", "Measured as", width=34),
    Head("precision", "Precision", width=11),
    Head("batch_size", "Batch size", "", "0", 8),
    Head("item", "Item", width=11),
    Head("status", "Status", width=13),
    Head("throughput", "Throughput", "items/s", "#,##0.000", 14),
    Head("low", "Lower bound", "items/s", "#,##0.000", 14),
    Head("time", "Time per step", "s", '0.000000" s"', 14),
    Head("p50", "Latency p50", "s", '0.000000" s"', 14),
    Head("p95", "Latency p95", "s", '0.000000" s"', 14),
    Head("p99", "Latency p99", "s", '0.000000" s"', 14),
    Head("memory", "Memory", "B", '#,##0" B"', 20),
    Head("memory_high", "Upper bound of memory", "B", '#,##0" B"', 20),
    Head("power", "Mean power", "W", '#,##0.0" W"', 14),
    Head("maximum", "Maximum power", "W", '#,##0.0" W"', 14),
    Head("idle", "Idle power", "W", '#,##0.0" W"', 14),
    Head("energy", "Gross energy per item", "J", '0.000000" J"', 14),
    Head("net", "Net energy per item", "J", '0.000000" J"', 14),
    Head("method", "Method of power and energy", width=36),
    Head("scope", "Scope of power and energy", width=25),
    Head("error", "Method's error", "share", "0.0%", 11),
    Head("mfu", "MFU", "share", "0.0%", 11),
    Head("throttled", "Time throttled", "share", "0.0%", 11),
    Head("temperature", "Temperature", "°C", "0", 13),
    Head("flop_item", "Model FLOPs per item", "FLOP", "0.000E+00", 14),
    Head("token_item", "Tokens per item, without padding where it is told apart", "tokens", "#,##0.0", 14),
    Head("measured_parameters", "Parameters", "", "#,##0", 16),
    Head("replicates", "Replicates", "", "0", 11),
    Head("started", "Measured on", "", "yyyy-mm-dd", 13),
    Head("environment", "Environment", "number", "0", 12),
    Head("reason", "Reason", width=40),
    Head("caveats", "Caveats", width=40),
    *(head_of(step, 26) for step in JUDGED),
    Head("pick", "Operating point of", "row of the plan", "0", 16),
    Head("best", "Best in its precision, of", "row of the plan", width=20),
)
_COLUMN = {head.name: column for column, head in enumerate(_HEADS)}

_TOLD = "One row a case, failures too, in SI units; locked, but for the filters. The last columns are formulas."


def write_measured(book: Workbook, plan: Plan, places: Places) -> str:
    """Write a row for each case, and name the columns; returns where the formulas are."""
    sheet = book.sheet(NAME, _HEADS, _TOLD, MEASURED, kept=_COLUMN["precision"])
    last = FIRST_ROW + len(plan.candidates) - 1
    for name, column in _COLUMN.items():
        book.name(f"measured_{name}", NAME, FIRST_ROW, column, last)
    firsts = zip(plan.candidates, best(plan.candidates), best(plan.candidates, in_precision=True), strict=True)
    for row, (case, chosen, first) in enumerate(firsts, start=FIRST_ROW):
        for name, value in _facts(case).items():
            book.write(sheet, row, _COLUMN[name], value, "measured", _HEADS[_COLUMN[name]].format)
        cells = {name: address(row, column) for name, column in _COLUMN.items()}
        known = {**places.of(case.row.problem, case.row.device_label), **cells}
        for step in JUDGED:
            book.formula(sheet, row, _COLUMN[step.name], formula(step, known), case.known[step.name], step.format)
        book.formula(sheet, row, _COLUMN["pick"], f"={BEST.format(**cells)}", case.target if chosen else "", "0")
        told = f"{case.target} {case.row.precision}" if first else ""
        book.formula(sheet, row, _COLUMN["best"], f"={BEST_IN_PRECISION.format(**cells)}", told)
    book.colour(sheet, (FIRST_ROW, _COLUMN["status"]), (last, _COLUMN["status"]), RESULTS)
    book.colour(sheet, (FIRST_ROW, _COLUMN[JUDGED[0].name]), (last, _COLUMN[JUDGED[-1].name]), NUMBERS)
    sheet.autofilter(FIRST_ROW - 1, 0, last, len(_HEADS) - 1)
    return cells_of(NAME, (FIRST_ROW, _COLUMN[JUDGED[0].name]), (last, _COLUMN["best"]))


def _facts(case: Candidate) -> Quantities:
    row = case.row
    facts: dict[str, Quantity] = {
        "target": case.target,
        "run": row.run,
        "case": row.case,
        "problem": row.problem,
        "device": row.device_label,
        "status": row.status.text,
        "reason": row.status.note or None,
        "replicates": row.values["throughput"].replicates,
    }
    judged = {step.name for step in JUDGED}
    return {**facts, **{name: value for name, value in case.known.items() if name not in judged}}
