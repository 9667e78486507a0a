"""What the workbook's sheets are written with: safe texts, formulas with their values, and a few formats."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from reports.capacity import Quantity

_INPUT, _MEASURED, _HEAD, _NOTE = "#fff4cc", "#eef0f3", "#1b1f24", "#5b6470"
_BASE = {"font_name": "Calibri", "font_size": 11, "valign": "top"}
_KINDS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 16},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "head number": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom", "align": "right"},
    "text": {},
    "wrapped": {"text_wrap": True},
    "note": {"font_color": _NOTE, "text_wrap": True},
    "input": {"bg_color": _INPUT, "border": 1, "border_color": "#c9b458", "locked": False},
    "measured": {"bg_color": _MEASURED},
    "formula": {},
}


class Workbook:
    """A workbook in memory. Every cell is written through `write` or `formula`."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        # Texts came with records: none may turn into a formula, a link or a number.
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self.book = xlsxwriter.Workbook(self._file, options)
        self._formats: dict[tuple[Any, ...], Any] = {}

    def sheet(self, name: str, widths: Sequence[float]) -> Any:
        """A new sheet with the widths of its columns."""
        sheet = self.book.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
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
            quoted = value.startswith(("=", "+", "-", "@"))
            sheet.write_string(row, column, value, self.format(kind, "", quoted))
        else:
            sheet.write_number(row, column, value, self.format(kind, number))

    def formula(self, sheet: Any, row: int, column: int, text: str, value: Quantity, number: str = "") -> None:
        """A formula with the value that Python computed for it."""
        sheet.write_formula(row, column, text, self.format("formula", number), "" if value is None else value)

    def name(self, name: str, sheet: str, row: int, column: int, last_row: int | None = None) -> None:
        """Name a cell, or a column of cells."""
        first = xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)
        last = "" if last_row is None else ":" + xl_rowcol_to_cell(last_row, column, row_abs=True, col_abs=True)
        self.book.define_name(name, f"={sheet}!{first}{last}")

    def format(self, kind: str, number: str = "", quoted: bool = False) -> Any:
        """A cell format, made once."""
        key = (kind, number, quoted)
        if key not in self._formats:
            made = self.book.add_format({**_BASE, **_KINDS[kind], **({"num_format": number} if number else {})})
            if quoted:
                made.set_quote_prefix()
            self._formats[key] = made
        return self._formats[key]

    def close(self) -> bytes:
        """The finished file."""
        self.book.close()
        return self._file.getvalue()
