"""The last sheet: what to look at before the plan is believed, as formulas over the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.plan import checks as said
from reports.plan.candidates import NO_CAVEAT
from reports.plan.checks import ANSWERS, OK, WAITING
from reports.plan.looks import RESULTS
from reports.plan.plan import Plan
from reports.plan.power import TOO_MUCH
from reports.plan.sheet import FIRST_ROW, Head

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "Checks"
_HEADS = (Head("title", "Check", width=32), Head("result", "Result", width=90))
_CHOSEN = "ISNUMBER(plan_place)"
_GIVEN = "ISNUMBER(inputs_value)"
_MEASURED = '(measured_status="ok")'


def write_checks(book: Workbook, plan: Plan, formulas: Sequence[str]) -> None:
    """Write each check with its result in words: ``ok`` is green, everything else is not. ``formulas`` are the ranges
    in which a formula may stand."""
    sheet = book.sheet(NAME, _HEADS, "Each says ok, or what is wrong.")
    written = _formulas(formulas)
    last = FIRST_ROW + len(plan.checks) - 1
    for row, check in enumerate(plan.checks, start=FIRST_ROW):
        book.write(sheet, row, 0, check.title)
        book.formula(sheet, row, 1, written[check.name], check.result)
    book.colour(sheet, (FIRST_ROW, 1), (last, 1), RESULTS)
    book.name("checks_result", NAME, FIRST_ROW, 1, last)


def _formulas(ranges: Sequence[str]) -> dict[str, str]:
    rows, chosen, measured = "ROWS(plan_place)", f"SUMPRODUCT({_CHOSEN}*1)", f"SUMPRODUCT({_MEASURED}*1)"
    old = f"{_MEASURED}*ISNUMBER(measured_started)*(measured_started<input_today-input_oldest)"
    sourced = f'(inputs_sourced<>"")*{_GIVEN}'
    unsourced = f'{sourced}*(1-ISNUMBER(inputs_date)*(inputs_source<>""))'
    priced = f'(inputs_sourced="price")*{_GIVEN}*ISNUMBER(inputs_date)*(inputs_source<>"")'
    limited = "ISNUMBER(inputs_least)"
    beyond = "(inputs_value<inputs_least)+ISNUMBER(inputs_most)*(inputs_value>inputs_most)"
    outside = f"{limited}*(ISTEXT(inputs_value)+{_GIVEN}*({beyond})>0)"
    lacking = "+".join(f'COUNTIFS(plan_{name},"{WAITING}*")' for name in ANSWERS)
    errors = "+".join(f"SUMPRODUCT(ISERROR({cells})*1)" for cells in ranges)
    told = {
        "points": (f"SUMPRODUCT(1-{_CHOSEN})", rows, said.POINTS),
        "edge": (f"SUMPRODUCT({_CHOSEN}*(plan_batch_size=plan_largest))", chosen, said.EDGE),
        "caveats": (f'SUMPRODUCT({_CHOSEN}*(plan_caveats<>"{NO_CAVEAT}"))', chosen, said.CAVEATS),
        "age": (f"IF(ISNUMBER(input_oldest),SUMPRODUCT({old}),0)", measured, said.AGE),
        "mixed": ('COUNTIFS(plan_others,">0")', rows, said.MIXED),
        "units": ('COUNTIFS(plan_units,">0")', rows, said.UNITS),
        "racks": (f'COUNTIFS(plan_in_rack,"{TOO_MUCH}")', rows, said.RACKS),
        "limits": (f"SUMPRODUCT({outside})", f"SUMPRODUCT({limited}*1)", said.LIMITS),
        "sources": (f"SUMPRODUCT({unsourced})", f"SUMPRODUCT({sourced})", said.SOURCES),
        "prices": (
            f"IF(ISNUMBER(input_oldest_price),SUMPRODUCT({priced}*(inputs_date<input_today-input_oldest_price)),0)",
            f"SUMPRODUCT({priced})",
            said.PRICES,
        ),
        "lacking": (lacking, f"{rows}*{len(ANSWERS)}", said.LACKING),
        "errors": (errors, '"all formulas"', said.ERRORS),
    }
    return {
        name: f'=IF(({count})=0,"{OK}",({count})&" of "&({of})&" {what}")' for name, (count, of, what) in told.items()
    }
