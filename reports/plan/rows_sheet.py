"""The sheets with a row for each workload and device: the operating point, and every step that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reports.plan.checks import COMPARED
from reports.plan.inputs_sheet import Places
from reports.plan.looks import FIRST, NUMBERS, WORDS
from reports.plan.plan import RANKS, SHEETS, Plan
from reports.plan.point import JUDGED, OTHER_REASONS, REASONS, SERVED_IN, TAKEN, none_in, not_in
from reports.plan.sheet import FIRST_ROW, Head, address, cells_of, head_of
from reports.plan.step import NO_POINT, formula

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

POINT = "Operating point"
_GIVEN = (
    Head("problem", "Workload", width=34),
    Head("device", "Device", width=26),
    Head("item", "Item", width=11),
)
_JUDGED = {step.name: step for step in JUDGED}
POINT_HEADS = (  # after the row's number and what it is of
    Head("mode", "Mode", width=10),
    Head("place", "Operating point", "row of Measured", "0", 30),
    Head("setting", "Measured as", width=34),
    Head("precision", "Precision", width=18),
    Head("batch_size", "Batch size", "", "0", 11),
    Head("largest", "Largest batch size tried in this precision", "", "0", 14),
    head_of(_JUDGED["point"]),
    Head("throughput", "Mean throughput", "items/s", "#,##0.00", 15),
    Head("low", "Lower bound of throughput", "items/s", "#,##0.00", 15),
    Head("time", "Time per step", "s", '0.000000" s"', 14),
    head_of(_JUDGED["step"]),
    head_of(_JUDGED["allowed"]),
    head_of(_JUDGED["utilisation"]),
    Head("memory", "Memory", "B", '#,##0" B"', 18),
    Head("memory_high", "Upper bound of memory", "B", '#,##0" B"', 18),
    Head("power", "Mean power of a device", "W", '#,##0.0" W"', 22),
    Head("maximum", "Maximum power of a device", "W", '#,##0.0" W"', 22),
    Head("idle", "Idle power of a device", "W", '#,##0.0" W"', 22),
    Head("scope", "Scope of the power", width=16),
    Head("flop_item", "Model FLOPs per item", "FLOP", "0.000E+00", 14),
    Head("token_item", "Tokens per item, without padding where it is told apart", "tokens", "#,##0.0", 14),
    Head("measured_parameters", "Parameters", "", "#,##0", 16),
    Head("caveats", "Caveats", width=40),
    Head("environment", "Environment", "number", "0", 12),
    *(head_of(step, 18) for step in COMPARED),
    *(Head(name, f"Best served in {precision}", "items/s", "#,##0.00", 15) for name, precision in SERVED_IN.items()),
)
_HEADS = {
    POINT: (Head("number", "Row", "", "0", 6), *_GIVEN, *POINT_HEADS),
    **{name: (*_GIVEN, *map(head_of, steps)) for name, steps in SHEETS.items()},
}
_TOLD = {
    POINT: "For each workload on each device the measured case that serves most, and how busy it may be.",
    "Fleet": "How many devices and nodes the demand needs. A device runs one copy of a model: more were not measured.",
    "Power": "What must be provided, and what is drawn over a year: mean power is between idle and measured.",
    "Cost": "Rent includes electricity and housing; what is bought pays for both, and for upkeep where it is entered.",
    "Training": "Data times model FLOPs over measured compute, and where the compute-optimal token budget lies.",
    "Scenarios": "The same plan with less and more demand or data, by mean and lower bound, and in each precision.",
}


def write_rows(book: Workbook, plan: Plan, places: Places) -> list[str]:
    """Write the sheets, each with the same workload and device in the same row; returns where their formulas are."""
    last = FIRST_ROW + len(plan.rows) - 1
    for name, columns in _HEADS.items():
        kept = [head.name for head in columns].index("item") + 1
        sheet = book.sheet(name, columns, _TOLD[name], kept=kept)
        for row, known in enumerate(plan.rows, start=FIRST_ROW):
            inputs = places.of(str(known["problem"]), str(known["device"]))
            cells = {**inputs, **plan_cells(name, row), "entered_mode": inputs["mode"]}
            formulas = _formulas(name, cells)
            for column, head in enumerate(columns):
                if head.name in formulas:
                    book.formula(sheet, row, column, formulas[head.name], known[head.name], head.format)
                else:
                    book.write(sheet, row, column, known[head.name], "formula", head.format)
            # Twice as high at least, for texts that come when an input is emptied.
            book.height(sheet, row, [(known[head.name], head.width - 2) for head in columns], least=2)
        for column, head in enumerate(columns):
            if head.format:
                book.colour(sheet, (FIRST_ROW, column), (last, column), FIRST if head.name in RANKS else NUMBERS)
            elif name != POINT and head not in _GIVEN:
                book.colour(sheet, (FIRST_ROW, column), (last, column), WORDS)
            if name == POINT or head not in _GIVEN:
                book.name(f"plan_{head.name}", name, FIRST_ROW, column, last)
    return [cells_of(name, (FIRST_ROW, 0), (last, len(columns) - 1)) for name, columns in _HEADS.items()]


def plan_cells(here: str, row: int) -> dict[str, str]:
    """What formulas on a sheet call the quantities of a row of the plan: each stands on one sheet alone."""
    found = {}
    for name, columns in _HEADS.items():
        sheet = "" if name == here else f"'{name}'!" if " " in name else f"{name}!"
        for column, head in enumerate(columns):
            if name == POINT or head not in _GIVEN:
                found[head.name] = f"{sheet}{address(row, column)}"
    return found


def _formulas(name: str, cells: Mapping[str, str]) -> dict[str, str]:
    if name != POINT:
        return {step.name: formula(step, cells) for step in SHEETS[name]}
    return {
        "mode": f"={cells['entered_mode']}",
        "place": _place(cells["number"]),
        "largest": _largest(cells),
        **{taken: _look_up(taken, cells["place"]) for taken in TAKEN},
        **{step.name: formula(step, cells) for step in COMPARED},
        **{name: _served(cells["number"], precision) for name, precision in SERVED_IN.items()},
    }


def _place(number: str) -> str:
    """Which row of Measured is the operating point, or how many cases cannot be one and why."""
    counts = {words: f'COUNTIFS(measured_target,{number},measured_point,"{why}")' for why, words in REASONS.items()}
    all_of_them = f"COUNTIFS(measured_target,{number})"
    counts[OTHER_REASONS] = f"({all_of_them}-{'-'.join(counts.values())})"
    told = "&".join(f'IF({count}>0,", "&{count}&" {words}","")' for words, count in counts.items())
    why = f'"none of "&{all_of_them}&" qualifies: "&MID({told},3,1000)'
    found = f"MATCH({number},measured_pick,0)"
    return f"=IF(ISNUMBER({found}),{found}+{FIRST_ROW},{why})"


def _look_up(taken: str, place: str) -> str:
    return f'=IF(ISNUMBER({place}),INDEX(measured_{taken},{place}-{FIRST_ROW}),"{NO_POINT}")'


def _served(number: str, precision: str) -> str:
    place = f'MATCH({number}&" {precision}",measured_best,0)'
    cases = f'COUNTIFS(measured_target,{number},measured_precision,"{precision}")'
    none = f'IF({cases}>0,"{none_in(precision)}","{not_in(precision)}")'
    return f"=IF(ISNUMBER({place}),INDEX(measured_served,{place}),{none})"


def _largest(cells: Mapping[str, str]) -> str:
    own = f"(measured_target={cells['number']})*(measured_precision={cells['precision']})"
    return f'=IF(ISNUMBER({cells["place"]}),SUMPRODUCT(MAX({own}*measured_batch_size)),"{NO_POINT}")'
