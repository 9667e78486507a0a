"""The plan as a workbook: live formulas over measured rows, which anyone can follow and change.

Functions are those that every spreadsheet has: no dynamic arrays, no structured references.
"""

from __future__ import annotations

from reports.plan.checks_sheet import write_checks
from reports.plan.inputs_sheet import write_inputs
from reports.plan.measured_sheet import write_measured
from reports.plan.plan import Plan
from reports.plan.readme_sheet import write_readme
from reports.plan.rows_sheet import write_rows
from reports.plan.what_if_sheet import write_what_if
from reports.plan.workbook import Workbook


def export(plan: Plan) -> bytes:
    """The workbook."""
    book = Workbook(str(plan.inputs.general["currency"]), plan.inputs.today)
    answers = write_readme(book, plan)
    places = write_inputs(book, plan.inputs)
    judged = write_measured(book, plan, places)
    followed = write_rows(book, plan, places)
    table = write_what_if(book, plan, places)
    write_checks(book, plan, [answers, judged, *followed, table])
    return book.close()
