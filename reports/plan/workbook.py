"""A workbook in memory: how cells look, and the one way in which they are written.

Every formula carries the value that Python computed, for viewers that do not recalculate. Texts are never formulas,
whatever they begin with.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from reports.plan.inputs import Quantity
from reports.plan.sheet import FIRST_ROW, Head, address
from reports.text import FORMULA

_GOOD, _BAD = "#00694d", "#a63200"
_INPUT, _MEASURED, _NOTE = "#fff4cc", "#e8ebef", "#5b6470"
_BASE = {"font_name": "Calibri", "font_size": 11, "valign": "top"}
_KINDS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 16},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "text": {},
    "wrapped": {"text_wrap": True},
    "note": {"font_color": _NOTE},
    "input": {"bg_color": _INPUT, "border": 1, "border_color": "#c9b458", "locked": False},
    "measured": {"bg_color": _MEASURED, "bottom": 4, "bottom_color": "#c4cad1"},
    "formula": {"text_wrap": True, "bottom": 4, "bottom_color": "#c4cad1"},
}


class Workbook:
    """A workbook in memory. Every cell is written through `write` or `formula`."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        # Texts came with records: none may turn into a formula, a link or a number.
        never = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
        self._book = xlsxwriter.Workbook(self._file, {"in_memory": True, **never})
        self._formats: dict[tuple[Any, ...], Any] = {}

    def sheet(self, name: str, heads: Sequence[Head]) -> Any:
        """A new sheet with the widths of its columns, and their titles where they have some."""
        sheet = self._book.add_worksheet(name)
        sheet.set_row(0, 24)
        if any(head.title for head in heads):
            sheet.set_row(FIRST_ROW - 1, 48)
        for column, head in enumerate(heads):
            sheet.set_column(column, column, head.width)
            if head.title:
                title = f"{head.title}, {head.unit}" if head.unit else head.title
                self.write(sheet, FIRST_ROW - 1, column, title, "head", head.format)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        return sheet

    def write(self, sheet: Any, row: int, column: int, value: Quantity, kind: str = "text", number: str = "") -> None:
        """A text, a number in the given number format, or an empty cell."""
        if value is None:
            sheet.write_blank(row, column, None, self.format(kind, number))
        elif isinstance(value, str):
            # The prefix keeps a spreadsheet from reading the text as a formula when someone edits the cell.
            quoted = value.startswith(FORMULA)
            # XlsxWriter takes what stands between these tags for markup of its own, and writes it as it is.
            value += " " if value.startswith("<r>") and value.endswith("</r>") else ""
            sheet.write_string(row, column, value, self.format(kind, number if kind == "head" else "", quoted))
        else:
            sheet.write_number(row, column, value, self.format(kind, number))

    def formula(self, sheet: Any, row: int, column: int, text: str, value: Quantity, number: str = "") -> None:
        """A formula with the value that Python computed for it."""
        sheet.write_formula(row, column, text, self.format("formula", number), "" if value is None else value)

    def name(self, name: str, sheet: str, row: int, column: int, last_row: int | None = None) -> None:
        """Name a cell, or a column of cells."""
        last = "" if last_row is None else f":{address(last_row, column, '$')}"
        self._book.define_name(name, f"='{sheet}'!{address(row, column, '$')}{last}")

    def mark_texts(self, sheet: Any, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Colour what is text in a range of formulas: it says why there is no number."""
        self._colour(sheet, first, last, f"=ISTEXT({address(*first)})", _BAD)

    def mark_results(self, sheet: Any, first: tuple[int, int], last: tuple[int, int], good: str) -> None:
        """Colour one text in a range as good, and all others as not."""
        self._colour(sheet, first, last, f'={address(*first)}="{good}"', _GOOD)
        self._colour(sheet, first, last, f'={address(*first)}<>"{good}"', _BAD)

    def _colour(self, sheet: Any, first: tuple[int, int], last: tuple[int, int], when: str, colour: str) -> None:
        look = self._book.add_format({"font_color": colour})
        sheet.conditional_format(*first, *last, {"type": "formula", "criteria": when, "format": look})

    def format(self, kind: str, number: str = "", quoted: bool = False) -> Any:
        """A cell format, made once. Texts keep clear of a number to their left."""
        key = (kind, number, quoted)
        if key not in self._formats:
            place = {"num_format": number, "align": "right"} if number else {"align": "left", "indent": 1}
            made = self._book.add_format({**_BASE, **place, **_KINDS[kind]})
            if quoted:
                made.set_quote_prefix()
            self._formats[key] = made
        return self._formats[key]

    def close(self) -> bytes:
        """The finished file."""
        self._book.close()
        return self._file.getvalue()
