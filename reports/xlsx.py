"""A capacity plan as a workbook: live formulas over measured rows, which anyone can follow and change.

Functions are those that every spreadsheet has: no dynamic arrays, no structured references.
"""

from __future__ import annotations

from reports.inputs_sheet import write_inputs
from reports.measured_sheet import write_measured
from reports.plan import candidates, examples, plan, targets, usable
from reports.plan_sheet import write_plan
from reports.readme_sheet import write_readme
from reports.report import Report
from reports.sheet import FIRST_ROW
from reports.workbook import Workbook


def export(report: Report) -> bytes:
    """The workbook."""
    inputs = examples(report.cases)
    cases = candidates(report.cases)
    wanted = targets(report.cases)
    rates = [usable(case, inputs) for case in cases]
    plans = [plan(target, cases, rates, inputs, FIRST_ROW + 1) for target in wanted]
    book = Workbook()
    write_readme(book, report)
    places = write_inputs(book, inputs, wanted)
    write_measured(book, cases, rates, places)
    write_plan(book, wanted, plans, places)
    return book.close()
