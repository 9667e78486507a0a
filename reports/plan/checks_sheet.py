"""The last sheet: what to look at before the plan is believed, as formulas over the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan.checks import ANSWERS, OK
from reports.plan.plan import SHEETS, Plan
from reports.plan.rows_sheet import POINT
from reports.plan.sheet import FIRST_ROW, Head, address

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "Checks"
_HEADS = (Head("title", "Check", width=30), Head("result", "Result", width=80))


def write_checks(book: Workbook, plan: Plan) -> None:
    """Write each check with its result in words: ``ok`` is green, everything else is not."""
    sheet = book.sheet(NAME, _HEADS)
    book.write(sheet, 0, 0, NAME, "title")
    book.write(sheet, 1, 0, "Each says ok, or what is wrong.", "note")
    formulas = _formulas(plan)
    for row, check in enumerate(plan.checks, start=FIRST_ROW):
        book.write(sheet, row, 0, check.title)
        book.formula(sheet, row, 1, formulas[check.name], check.result)
    book.mark_results(sheet, (FIRST_ROW, 1), (FIRST_ROW + len(plan.checks) - 1, 1), OK)


def _formulas(plan: Plan) -> dict[str, str]:
    numbered = "ISNUMBER(plan_place)"
    rows, measured = "ROWS(plan_place)", 'COUNTIFS(measured_status,"ok")'
    old = 'COUNTIFS(measured_status,"ok",measured_started,"<"&(input_today-input_oldest))'
    lacking = "+".join(f'COUNTIFS(plan_{name},"enter *")' for name in ANSWERS)
    given = '(inputs_sourced="yes")*ISNUMBER(inputs_value)'
    last = FIRST_ROW + len(plan.rows) - 1
    sheets = [(POINT, 30), *((name, len(steps) + 3) for name, steps in SHEETS.items())]
    errors = "+".join(
        f"SUMPRODUCT(ISERROR('{name}'!{address(FIRST_ROW, 0, '$')}:{address(last, most, '$')})*1)"
        for name, most in sheets
    )
    return {
        "points": _told(f"SUMPRODUCT(1-{numbered})", rows, "without one"),
        "edge": _told(
            f"SUMPRODUCT({numbered}*(plan_batch_size=plan_largest))",
            rows,
            "at the largest measured: a larger one may do better",
        ),
        "age": _told(f"IF(ISNUMBER(input_oldest),{old},0)", measured, "older than allowed"),
        "mixed": _told('COUNTIFS(plan_others,">0")', rows, "beside one from another environment"),
        "sources": _told(
            f'SUMPRODUCT({given}*(1-ISNUMBER(inputs_date)*(inputs_source<>"")))',
            f"SUMPRODUCT({given})",
            "without a date or a source",
        ),
        "lacking": _told(lacking, f"{len(plan.rows) * len(ANSWERS)}", "wait for an input"),
        "errors": _told(errors, "all formulas", "end in an error"),
    }


def _told(count: str, of: str, what: str) -> str:
    whole = of if of[0].isdigit() or "(" in of else f'"{of}"'
    return f'=IF(({count})=0,"{OK}",({count})&" of "&{whole}&" {what}")'
