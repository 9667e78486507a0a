"""The sheet of the plan: formulas from the inputs and the measured rows to devices, power and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reports.capacity import NO_POINT, PLAN, Quantities, Quantity, formula
from reports.inputs_sheet import Places
from reports.plan import Target
from reports.sheet import FIRST_ROW, Head, address

if TYPE_CHECKING:
    from reports.workbook import Workbook

_HEADS = (
    Head("number", "Row", "", "0", 6),
    Head("problem", "Workload", width=34),
    Head("device", "Device", width=26),
    Head("item", "Item", width=11),
    Head("place", "Operating point", "row of Measured", "0", 30),
    Head("precision", "Precision", width=18),
    Head("batch_size", "Batch size", "", "0", 11),
    Head("point", "Throughput to plan with", "items/s", "#,##0.00", 15),
    Head("memory", "Memory", "B", '#,##0" B"', 18),
    Head("power", "Mean power of a device", "W", '#,##0.0" W"', 22),
    Head("scope", "Scope of the power", width=16),
    *(Head(step.name, step.title, step.unit, step.format, 15) for step in PLAN),
)
_COLUMN = {head.name: column for column, head in enumerate(_HEADS)}

# What is looked up in the operating point's row, by its name there.
_TAKEN = {
    "precision": "precision",
    "batch_size": "batch_size",
    "point": "usable",
    "memory": "memory",
    "power": "power",
    "scope": "scope",
}


def write_plan(book: Workbook, targets: Sequence[Target], plans: Sequence[Quantities], places: Places) -> None:
    """Write a row for each workload and device; ``plans`` are the values of its formulas."""
    sheet = book.sheet("Plan", _HEADS)
    book.write(sheet, 0, 0, "Plan", "title")
    told = "How many of each device each workload would need by itself, and what they would cost."
    book.write(sheet, 1, 0, told, "note")
    for row, (target, known) in enumerate(zip(targets, plans, strict=True), start=FIRST_ROW):
        given: tuple[Quantity, ...] = (target.number, target.problem, target.device, target.item)
        for column, value in enumerate(given):
            book.write(sheet, row, column, value, "formula", _HEADS[column].format)
        cells = {name: address(row, column) for name, column in _COLUMN.items()}
        cells |= {**places.everything, **places.device[target.device], "demand": places.demand[target.problem]}
        # The device's memory and power stand on both sides: what was measured wins.
        cells |= {name: address(row, _COLUMN[name]) for name in _TAKEN}
        formulas = {"place": _place(cells), **{name: _look_up(name, cells) for name in _TAKEN}}
        formulas |= {step.name: formula(step, cells) for step in PLAN}
        for name, text in formulas.items():
            book.formula(sheet, row, _COLUMN[name], text, known[name], _HEADS[_COLUMN[name]].format)
        texts = [(known[head.name], head.width) for head in _HEADS if head.name in formulas]
        sheet.set_row(
            row, 15 * max(math.ceil(len(str(text)) / width) for text, width in texts if isinstance(text, str))
        )
    # What could not be planned says why; its colour makes it stand out.
    last = FIRST_ROW + len(targets) - 1
    for first, to in (("place", "place"), ("batch_size", "power"), (PLAN[0].name, PLAN[-1].name)):
        book.mark_texts(sheet, (FIRST_ROW, _COLUMN[first]), (last, _COLUMN[to]))
    sheet.freeze_panes(FIRST_ROW, _COLUMN["device"] + 1)


def _place(cells: Mapping[str, str]) -> str:
    """Which row of Measured is the operating point, or how many cases fail to be one and why."""
    own = f"measured_target,{cells['number']}"
    failed = f'COUNTIFS({own},measured_status,"<>ok")'
    large = f'COUNTIFS({own},measured_usable,"does not fit the memory")'
    why = (
        f'"none of the "&COUNTIFS({own})&" qualifies: "&{failed}&" not measured, "&{large}&" do not fit the memory, "'
        f'&(COUNTIFS({own})-{failed}-{large})&" without memory or lower bound"'
    )
    found = f"MATCH({cells['number']},measured_pick,0)"
    return f"=IF(ISNUMBER({found}),{found}+{FIRST_ROW},{why})"


def _look_up(name: str, cells: Mapping[str, str]) -> str:
    place = cells["place"]
    return f'=IF(ISNUMBER({place}),INDEX(measured_{_TAKEN[name]},{place}-{FIRST_ROW}),"{NO_POINT}")'
