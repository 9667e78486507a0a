"""A table of what if: devices of one row of the plan, over demand and utilisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan.inputs_sheet import Places
from reports.plan.looks import NUMBERS
from reports.plan.plan import Plan
from reports.plan.scenarios import ACROSS, DEMANDS, DOWN, UTILISATIONS, WHAT_IF
from reports.plan.sheet import FIRST_ROW, Head, address, cells_of
from reports.plan.step import formula

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "What if"
_TOLD = "Devices that one row of the plan needs, over its demand and the utilisation; the yellow cell says which row."


def _of_row(name: str) -> str:
    return f"INDEX(plan_{name},what_if_row)"


def write_what_if(book: Workbook, plan: Plan, places: Places) -> str:
    """Write the table; returns where its formulas are."""
    sheet = book.sheet(NAME, [Head("", "", width=48), *(Head("", "", width=14) for _ in DEMANDS)], _TOLD)
    first = plan.rows[0]
    book.write(sheet, 2, 0, "Row of the plan, as Operating point numbers them")
    book.write(sheet, 2, 1, 1, "input", "0")
    book.name("what_if_row", NAME, 2, 1)
    told = {"error_title": "This cannot be", "error_message": f"A whole number from 1 to {len(plan.rows)}."}
    whole = {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": len(plan.rows), **told}
    sheet.data_validation(2, 1, 2, 1, whole)
    for row, (name, title) in enumerate({"problem": "Workload", "device": "Device"}.items(), start=3):
        book.write(sheet, row, 0, title)
        book.formula(sheet, row, 1, f"={_of_row(name)}", first[name], kind="words")
    top = FIRST_ROW + 3
    training = f'{_of_row("mode")}="training"'
    words = f"{DOWN[first['mode'] == 'training']}; {ACROSS}"
    book.formula(sheet, top, 0, f'=IF({training},"{DOWN[True]}","{DOWN[False]}")&"; {ACROSS}"', words, kind="head")
    sheet.set_row(top, 33)
    for column, demand in enumerate(DEMANDS, start=1):
        book.write(sheet, top, column, demand, "head", "0.00")
    of_row = {name: _of_row(name) for name in ("mode", "work", "planned_share", "allowed")}
    known = {**places.general, **of_row, "minimum": _of_row("fewest")}
    for row, share in enumerate(UTILISATIONS, start=top + 1):
        book.write(sheet, row, 0, share, "head", "0%")
        for column in range(1, len(DEMANDS) + 1):
            cells = {**known, "times": address(top, column), "share": address(row, 0)}
            book.formula(sheet, row, column, formula(WHAT_IF, cells), plan.grid[row - top - 1][column - 1], "#,##0")
    last = (top + len(UTILISATIONS), len(DEMANDS))
    book.colour(sheet, (top + 1, 1), last, NUMBERS)
    sheet.freeze_panes(top + 1, 1)
    return cells_of(NAME, (FIRST_ROW, 0), last)
