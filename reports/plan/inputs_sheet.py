"""The sheet of inputs: one row each, with its unit, its meaning, and, of prices and carbon, a date and a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from reports.plan.candidates import serial
from reports.plan.inputs import LARGEST, LONGEST, SECTIONS, Input, Inputs, Quantities, Source
from reports.plan.looks import INPUT
from reports.plan.sheet import FIRST_ROW, Head, address

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "Inputs"
_TOLD = "Yellow cells are yours. An empty one blocks what depends on it, unless it says what empty means."
_HEADS = (
    Head("of", "Of", width=32),
    Head("input", "Input", width=34),
    Head("value", "Value", width=18),
    Head("unit", "Unit", width=23),
    Head("date", "Date of the figure", width=13),
    Head("source", "Source of the figure", width=30),
    Head("meaning", "Meaning", width=74),
    Head("least", "At least", "", "General", 8),
    Head("most", "At most", "", "General", 8),
    Head("sourced", "Needs date and source", width=10),
)
_COLUMN = {head.name: column for column, head in enumerate(_HEADS)}
_NAMED = ("input", "value", "date", "source", "least", "most", "sourced")
_DATE = "yyyy-mm-dd"
_ALL = "Everything"


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
    rows = _Rows(book, inputs)
    rows.today()
    general = rows.write("general", "", inputs.general)
    workload = {owner: rows.write("workload", owner, values) for owner, values in inputs.workload.items()}
    device = {owner: rows.write("device", owner, values) for owner, values in inputs.device.items()}
    rows.close()
    return Places(general, workload, device)


class _Rows:
    """Writes one input after the other."""

    def __init__(self, book: Workbook, inputs: Inputs) -> None:
        self._book, self._inputs = book, inputs
        self._sheet = book.sheet(NAME, _HEADS, _TOLD, INPUT, kept=2)
        self._row = FIRST_ROW

    def today(self) -> None:
        """The day of the plan, before all inputs."""
        self._say("of", _ALL, "part")
        self._say("input", "Day of the plan", "text")
        self._say("meaning", "What ages count to.")
        self._put("value", serial(self._inputs.today), _DATE)
        self._take("value", _day("Day of the plan"))
        self._book.name("input_today", NAME, self._row, _COLUMN["value"])
        self._row += 1

    def write(self, section: str, owner: str, values: Quantities) -> dict[str, str]:
        """The inputs of one owner, below a line."""
        places = {}
        everything = section == "general"
        for index, entry in enumerate(SECTIONS[section]):
            self._say("of", _ALL if everything else owner, "note" if index or everything else "part")
            self._say("input", entry.title, "text")
            self._book.words(self._sheet, self._row, _COLUMN["unit"], entry.unit, "note")
            self._say("meaning", entry.meaning, "remark")
            self._book.height(self._sheet, self._row, [(entry.meaning, _HEADS[_COLUMN["meaning"]].width)])
            self._put("value", values[entry.name], "" if entry.choices or entry.words else entry.format)
            self._take("value", _rule(entry))
            if not entry.choices and not entry.words:
                for name, limit in (("least", entry.least), ("most", entry.most if entry.most < LARGEST else None)):
                    self._book.write(self._sheet, self._row, _COLUMN[name], limit, "note", "General")
            if entry.sourced:
                self._source(entry, self._inputs.sources.get((section, owner, entry.name)))
            places[entry.name] = f"{NAME}!{address(self._row, _COLUMN['value'], '$')}"
            if everything:
                places[entry.name] = f"input_{entry.name}"
                self._book.name(places[entry.name], NAME, self._row, _COLUMN["value"])
            self._row += 1
        return places

    def close(self) -> None:
        """Name the columns and let them be filtered."""
        for name in _NAMED:
            self._book.name(f"inputs_{name}", NAME, FIRST_ROW, _COLUMN[name], self._row - 1)
        self._sheet.autofilter(FIRST_ROW - 1, 0, self._row - 1, len(_HEADS) - 1)

    def _source(self, entry: Input, source: Source | None) -> None:
        self._put("date", serial(source.date) if source else None, _DATE)
        self._take("date", _day(f"Date of {entry.title}"))
        self._put("source", source.source if source else None)
        self._say("sourced", entry.sourced)

    def _say(self, column: str, text: str, kind: str = "note") -> None:
        self._book.write(self._sheet, self._row, _COLUMN[column], text, kind)

    def _put(self, column: str, value: Any, number: str = "") -> None:
        self._book.write(self._sheet, self._row, _COLUMN[column], value, "input", number)

    def _take(self, column: str, rule: Mapping[str, Any]) -> None:
        """Let the cell take only what makes sense."""
        cell = (self._row, _COLUMN[column])
        self._sheet.data_validation(*cell, *cell, {"error_title": "This cannot be", **rule})


def _rule(entry: Input) -> dict[str, Any]:
    told = {"input_title": entry.title[:32], "input_message": entry.meaning[:255]}
    told["error_message"] = f"{entry.title} {entry.limits}."[:255]
    if entry.choices:
        return {"validate": "list", "source": list(entry.choices), **told}
    if entry.words:
        return {"validate": "length", "criteria": "<=", "value": LONGEST, **told}
    kind = "integer" if entry.whole else "decimal"
    return {"validate": kind, "criteria": "between", "minimum": entry.least, "maximum": entry.most, **told}


def _day(title: str) -> dict[str, Any]:
    told = f"{title}: a day such as 2026-11-24, after the year 1999."
    return {"validate": "date", "criteria": ">=", "value": date(2000, 1, 1), "error_message": told}
