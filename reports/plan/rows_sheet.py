"""The sheets with a row for each workload and device: the operating point, and every step that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reports.plan.candidates import OTHERS, WHY_NOT
from reports.plan.inputs import Quantities
from reports.plan.inputs_sheet import Places
from reports.plan.plan import SHEETS, TAKEN, Plan
from reports.plan.sheet import FIRST_ROW, Head, address
from reports.plan.step import NO_POINT, formula

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

POINT = "Operating point"
_GIVEN = (
    Head("problem", "Workload", width=34),
    Head("device", "Device", width=26),
    Head("item", "Item", width=11),
)
_POINT = (
    Head("number", "Row", "", "0", 6),
    *_GIVEN,
    Head("mode", "Mode", width=10),
    Head("place", "Operating point", "row of Measured", "0", 30),
    Head("precision", "Precision", width=18),
    Head("batch_size", "Batch size", "", "0", 11),
    Head("largest", "Largest batch size measured", "", "0", 11),
    Head("point", "Throughput to plan with", "items/s", "#,##0.00", 15),
    Head("throughput", "Mean throughput", "items/s", "#,##0.00", 15),
    Head("low", "Lower bound of throughput", "items/s", "#,##0.00", 15),
    Head("time", "Time per step", "s", '0.000000" s"', 14),
    Head("memory", "Memory", "B", '#,##0" B"', 18),
    Head("power", "Mean power of a device", "W", '#,##0.0" W"', 22),
    Head("maximum", "Maximum power of a device", "W", '#,##0.0" W"', 22),
    Head("idle", "Idle power of a device", "W", '#,##0.0" W"', 22),
    Head("scope", "Scope of the power", width=16),
    Head("flop_item", "Model FLOPs per item", "FLOP", "0.000E+00", 14),
    Head("token_item", "Tokens per item", "tokens", "#,##0.0", 14),
    Head("measured_parameters", "Parameters", "", "#,##0", 16),
    Head("environment", "Environment", "number", "0", 12),
    Head(OTHERS.name, OTHERS.title, OTHERS.unit, OTHERS.format, 18),
)
_TOLD = {
    POINT: "For each workload on each device the fastest measured case that fits and keeps the objective.",
    "Fleet": "How many devices and nodes the demand needs. The utilisation of online work is a queueing model.",
    "Power": "What must be provided, and what is drawn over a year: mean power is between idle and measured.",
    "Cost": "Rent includes electricity and housing; what is bought pays for its electricity. In your currency.",
    "Training": "Data times model FLOPs over measured compute, and where the compute-optimal token budget lies.",
    "Scenarios": "The same plan at other demands and rates.",
}
_TALLEST = 409  # points of a row that Excel takes
# What is looked up in the operating point's row, by its name there.
_COLUMNS = {**{name: name for name in TAKEN}, "point": "usable"}


def write_rows(book: Workbook, plan: Plan, places: Places) -> None:
    """Write the sheets, each with the same workload and device in the same row."""
    heads = {POINT: _POINT, **{name: _heads(name) for name in SHEETS}}
    for name, columns in heads.items():
        sheet = book.sheet(name, columns)
        book.write(sheet, 0, 0, name, "title")
        book.write(sheet, 1, 0, _TOLD[name], "note")
        for row, known in enumerate(plan.rows, start=FIRST_ROW):
            inputs = places.of(str(known["problem"]), str(known["device"]))
            cells = {**inputs, **_cells(heads, name, row), "entered_mode": inputs["mode"]}
            _write_row(book, sheet, row, columns, known, _formulas(name, cells))
        last = FIRST_ROW + len(plan.rows) - 1
        first = next(column for column, head in enumerate(columns) if head.name not in ("number", *_names(_GIVEN)))
        for column, head in enumerate(columns):
            if head.format:
                book.mark_texts(sheet, (FIRST_ROW, column), (last, column))
        sheet.freeze_panes(FIRST_ROW, first)
        own = [head for head in columns if name == POINT or head not in _GIVEN]
        for head in own:
            book.name(f"plan_{head.name}", name, FIRST_ROW, columns.index(head), last)


def _heads(name: str) -> tuple[Head, ...]:
    return (*_GIVEN, *(Head(step.name, step.title, step.unit, step.format, 15) for step in SHEETS[name]))


def _names(heads: tuple[Head, ...]) -> list[str]:
    return [head.name for head in heads]


def _cells(heads: Mapping[str, tuple[Head, ...]], here: str, row: int) -> dict[str, str]:
    """What formulas call the quantities of a row from a sheet: each stands on one sheet alone."""
    found = {}
    for name, columns in heads.items():
        sheet = "" if name == here else f"'{name}'!" if " " in name else f"{name}!"
        for column, head in enumerate(columns):
            if name == POINT or head not in _GIVEN:
                found[head.name] = f"{sheet}{address(row, column)}"
    return found


def _formulas(name: str, cells: Mapping[str, str]) -> dict[str, str]:
    if name != POINT:
        return {step.name: formula(step, cells) for step in SHEETS[name]}
    looked_up = {taken: _look_up(column, cells) for taken, column in _COLUMNS.items() if taken != "largest"}
    return {
        "mode": f"={cells['entered_mode']}",
        "place": _place(cells),
        "largest": _largest(cells),
        **looked_up,
        OTHERS.name: formula(OTHERS, cells),
    }


def _write_row(
    book: Workbook, sheet: Any, row: int, heads: tuple[Head, ...], known: Quantities, formulas: Mapping[str, str]
) -> None:
    for column, head in enumerate(heads):
        if head.name in formulas:
            book.formula(sheet, row, column, formulas[head.name], known[head.name], head.format)
        else:
            book.write(sheet, row, column, known[head.name], "formula", head.format)
    texts = [(known[head.name], head.width) for head in heads]
    lines = max(math.ceil(len(text) / (width - 2)) for text, width in texts if isinstance(text, str))
    sheet.set_row(row, min(15 * lines, _TALLEST))


def _place(cells: Mapping[str, str]) -> str:
    """Which row of Measured is the operating point, or how many cases fail to be one and why."""
    own = f"measured_target,{cells['number']}"
    failed = f'COUNTIFS({own},measured_status,"<>ok")'
    counts = [f'COUNTIFS({own},measured_usable,"{why}")' for why in WHY_NOT]
    told = "".join(f'&", "&{count}&" {words}"' for count, words in zip(counts, WHY_NOT.values(), strict=True))
    rest = f"COUNTIFS({own})-{failed}-{'-'.join(counts)}"
    why = f'"none of the "&COUNTIFS({own})&" qualifies: "&{failed}&" not measured"{told}'
    why += f'&", "&({rest})&" without what it takes"'
    found = f"MATCH({cells['number']},measured_pick,0)"
    return f"=IF(ISNUMBER({found}),{found}+{FIRST_ROW},{why})"


def _look_up(column: str, cells: Mapping[str, str]) -> str:
    place = cells["place"]
    return f'=IF(ISNUMBER({place}),INDEX(measured_{column},{place}-{FIRST_ROW}),"{NO_POINT}")'


def _largest(cells: Mapping[str, str]) -> str:
    most = f'_xlfn.MAXIFS(measured_batch_size,measured_target,{cells["number"]},measured_status,"ok")'
    return f'=IF(ISNUMBER({cells["place"]}),{most},"{NO_POINT}")'
