"""A table of what if: devices of one row of the plan, over demand and utilisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan.inputs_sheet import Places
from reports.plan.plan import Plan
from reports.plan.scenarios import DEMANDS, UTILISATIONS, WHAT_IF
from reports.plan.sheet import FIRST_ROW, Head, address
from reports.plan.step import formula

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "What if"
_CELLS = {name: f"INDEX(plan_{name},what_if_row)" for name in ("peak_demand", "point")}


def write_what_if(book: Workbook, plan: Plan, places: Places) -> None:
    """Write the table; the yellow cell says which row of the plan it is of."""
    sheet = book.sheet(NAME, [Head("", "", width=34), *(Head("", "", width=14) for _ in DEMANDS)])
    book.write(sheet, 0, 0, NAME, "title")
    book.write(sheet, 1, 0, "Devices that one row of the plan needs, over its demand and the utilisation.", "note")
    book.write(sheet, 2, 0, "Row of the plan")
    book.write(sheet, 2, 1, 1, "input", "0")
    book.name("what_if_row", NAME, 2, 1)
    whole = {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": len(plan.rows)}
    sheet.data_validation(2, 1, 2, 1, whole)
    first = plan.rows[0]
    for row, name in enumerate(("problem", "device"), start=3):
        book.write(sheet, row, 0, name.replace("problem", "workload").capitalize())
        book.formula(sheet, row, 1, f"=INDEX(plan_{name},what_if_row)", first[name])
    top = FIRST_ROW + 3
    book.write(sheet, top, 0, "Utilisation (down), demand over that given (across)", "head")
    for column, demand in enumerate(DEMANDS, start=1):
        book.write(sheet, top, column, demand, "head", "0.00")
    for row, share in enumerate(UTILISATIONS, start=top + 1):
        book.write(sheet, row, 0, share, "head", "0%")
        for column in range(1, len(DEMANDS) + 1):
            cells = {**places.general, **_CELLS, "times": address(top, column), "share": address(row, 0)}
            book.formula(sheet, row, column, formula(WHAT_IF, cells), plan.grid[row - top - 1][column - 1], "#,##0")
    sheet.freeze_panes(top + 1, 1)
