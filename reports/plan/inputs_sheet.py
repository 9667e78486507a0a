"""The sheet of inputs: one row each, with its unit, its meaning, and, of prices and carbon, a date and a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.plan.candidates import serial
from reports.plan.inputs import SECTIONS, Input, Inputs, Quantities, Source
from reports.plan.sheet import FIRST_ROW, Head, address

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "Inputs"
_HEADS = (
    Head("of", "Of", width=40),
    Head("input", "Input", width=36),
    Head("value", "Value", width=20),
    Head("unit", "Unit", width=22),
    Head("date", "Date", width=13),
    Head("source", "Source", width=34),
    Head("sourced", "Price or carbon", width=11),
    Head("meaning", "Meaning", width=90),
)
_COLUMN = {head.name: column for column, head in enumerate(_HEADS)}
_DATE = "yyyy-mm-dd"


@dataclass(frozen=True)
class Places:
    """Where the inputs are: general ones, and those of each workload and device by their names."""

    general: Mapping[str, str]
    workload: Mapping[str, Mapping[str, str]]
    device: Mapping[str, Mapping[str, str]]

    def of(self, problem: str, device: str) -> dict[str, str]:
        """The cells of all inputs of a workload on a device."""
        return {**self.general, **self.workload[problem], **self.device[device]}


def write_inputs(book: Workbook, inputs: Inputs) -> Places:
    """Write the inputs; returns where they are."""
    sheet = book.sheet(NAME, _HEADS)
    book.write(sheet, 0, 0, NAME, "title")
    told = "Yellow cells are yours. An empty one blocks what depends on it, unless it says what empty means."
    book.write(sheet, 1, 0, told, "note")
    rows = _Rows(book, sheet, inputs)
    rows.today()
    general = rows.write("general", "", "Everything", inputs.general)
    workload = {owner: rows.write("workload", owner, owner, values) for owner, values in inputs.workload.items()}
    device = {owner: rows.write("device", owner, owner, values) for owner, values in inputs.device.items()}
    for name in ("value", "date", "source", "sourced"):
        book.name(f"inputs_{name}", NAME, FIRST_ROW, _COLUMN[name], rows.row - 1)
    sheet.freeze_panes(FIRST_ROW, 2)
    sheet.protect("", {"format_columns": True, "format_rows": True})
    return Places(general, workload, device)


class _Rows:
    """Writes one input after the other."""

    def __init__(self, book: Workbook, sheet: Any, inputs: Inputs) -> None:
        self._book, self._sheet, self._inputs = book, sheet, inputs
        self.row = FIRST_ROW

    def today(self) -> None:
        self._say("of", "Everything")
        self._say("input", "Day of the plan")
        self._say("meaning", "What the age of a measurement counts to.")
        self._put("value", serial(self._inputs.today), _DATE)
        self._book.name("input_today", NAME, self.row, _COLUMN["value"])
        self.row += 1

    def write(self, section: str, owner: str, called: str, values: Quantities) -> dict[str, str]:
        places = {}
        for entry in SECTIONS[section]:
            self._say("of", called)
            self._say("input", entry.title)
            self._say("unit", entry.unit)
            self._say("meaning", entry.meaning)
            self._put("value", values[entry.name], entry.format if not entry.choices else "")
            self._check(entry)
            if entry.sourced:
                self._source(self._inputs.sources.get((section, owner, entry.name)))
            places[entry.name] = f"{NAME}!{address(self.row, _COLUMN['value'], '$')}"
            if not owner:
                places[entry.name] = f"input_{entry.name}"
                self._book.name(places[entry.name], NAME, self.row, _COLUMN["value"])
            self.row += 1
        return places

    def _source(self, source: Source | None) -> None:
        self._put("date", serial(source.date) if source else None, _DATE)
        self._put("source", source.source if source else None)
        self._say("sourced", "yes")

    def _say(self, column: str, text: str) -> None:
        self._book.write(self._sheet, self.row, _COLUMN[column], text, "text" if column == "of" else "note")

    def _put(self, column: str, value: Any, number: str = "") -> None:
        self._book.write(self._sheet, self.row, _COLUMN[column], value, "input", number)

    def _check(self, entry: Input) -> None:
        """Let the cell take only what makes sense."""
        if entry.choices:
            rule: dict[str, Any] = {"validate": "list", "source": list(entry.choices)}
        elif entry.most is None:
            rule = {"validate": "decimal", "criteria": ">=", "value": entry.least}
        else:
            rule = {"validate": "decimal", "criteria": "between", "minimum": entry.least, "maximum": entry.most}
        told = {"input_title": entry.title[:32], "input_message": entry.meaning[:255]}
        cell = (self.row, _COLUMN["value"])
        self._sheet.data_validation(*cell, *cell, {**rule, **told})
