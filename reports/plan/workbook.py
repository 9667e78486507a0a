"""A workbook in memory: the one way in which its sheets are set up and its cells are written.

Every formula carries the value that Python computed, for viewers that do not recalculate. Texts are never formulas,
whatever they begin with. Every sheet is protected, without a password: only yellow cells can be edited.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import xlsxwriter

from reports.plan.inputs import Quantity
from reports.plan.looks import BASE, KINDS, Look
from reports.plan.sheet import FIRST_ROW, Head, address
from reports.text import FORMULA

_LINE = 15  # points, of a line of text
_TALLEST = 409  # points of a row that Excel takes
_PAGE = 280  # characters that a printed page of A4 is wide, and still can be read
_A3, _A4 = 8, 9
_MAY = {"format_columns": True, "format_rows": True, "autofilter": True}


class Workbook:
    """A workbook in memory. Every cell is written through `write` or `formula`."""

    def __init__(self, currency: str, day: date) -> None:
        """Prices are in a currency; the day is when the plan was made."""
        self._file = io.BytesIO()
        self._currency = currency
        # Texts came with records: none may turn into a formula, a link or a number.
        never = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
        self._book = xlsxwriter.Workbook(self._file, {"in_memory": True, **never})
        self._book.set_properties({"title": "Capacity plan", "created": datetime(day.year, day.month, day.day)})
        self._formats: dict[tuple[Any, ...], Any] = {}

    def sheet(self, name: str, heads: Sequence[Head], told: str = "", colour: str = "", kept: int = 0) -> Any:
        """A new sheet with a title, a remark, and its columns; the first ``kept`` of them stay in sight."""
        sheet = self._book.add_worksheet(name)
        self.write(sheet, 0, 0, name, "title")
        self.write(sheet, 1, 0, told, "note")
        sheet.set_row(0, 24)
        for column, head in enumerate(heads):
            sheet.set_column(column, column, head.width)
        if any(head.title for head in heads):
            self.heads(sheet, FIRST_ROW - 1, heads)
            sheet.freeze_panes(FIRST_ROW, kept)
            sheet.repeat_rows(FIRST_ROW - 1)
        if colour:
            sheet.set_tab_color(colour)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(_A4 if sum(head.width for head in heads) <= _PAGE else _A3)
        sheet.set_margins(0.4, 0.4, 0.5, 0.6)
        sheet.set_footer("&L&A&RPage &P of &N")
        sheet.fit_to_pages(1, 0)
        sheet.protect("", _MAY)
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

    def formula(
        self, sheet: Any, row: int, column: int, text: str, value: Quantity, number: str = "", kind: str = "formula"
    ) -> None:
        """A formula with the value that Python computed for it."""
        sheet.write_formula(row, column, text, self.format(kind, number), "" if value is None else value)

    def words(self, sheet: Any, row: int, column: int, text: str, kind: str, number: str = "") -> None:
        """Words of ours that may name the ``{currency}``, which is then the one in Inputs."""
        before, named, after = text.partition("{currency}")
        if named:
            value = f"{before}{self._currency}{after}"
            self.formula(sheet, row, column, f'="{before}"&input_currency&"{after}"', value, number, kind)
        else:
            self.write(sheet, row, column, text, kind, number)

    def heads(self, sheet: Any, row: int, heads: Sequence[Head]) -> None:
        """What stands above columns."""
        for column, head in enumerate(heads):
            self.words(sheet, row, column, head.text, "head", head.format)
        self.height(sheet, row, [(head.text, 0.8 * head.width) for head in heads])

    def height(self, sheet: Any, row: int, texts: Iterable[tuple[Quantity, float]], least: int = 1) -> None:
        """Make a row as high as its wrapped texts need in columns of their widths."""
        lines = [len(textwrap.wrap(text, max(1, int(1.05 * width)))) for text, width in texts if isinstance(text, str)]
        sheet.set_row(row, min(_LINE * max([least, *lines]) + 1, _TALLEST))

    def name(self, name: str, sheet: str, row: int, column: int, last_row: int | None = None) -> None:
        """Name a cell, or a column of cells."""
        last = "" if last_row is None else f":{address(last_row, column, '$')}"
        self._book.define_name(name, f"='{sheet}'!{address(row, column, '$')}{last}")

    def colour(self, sheet: Any, first: tuple[int, int], last: tuple[int, int], looks: Sequence[Look]) -> None:
        """Colour the cells of a range by what they say: the first look of which the condition is true counts."""
        for when, look in looks:
            rule = {"type": "formula", "criteria": f"={when.format(cell=address(*first))}", "stop_if_true": True}
            sheet.conditional_format(*first, *last, {**rule, "format": self._book.add_format(look)})

    def format(self, kind: str, number: str = "", quoted: bool = False) -> Any:
        """A cell format, made once. Texts keep clear of a number to their left."""
        key = (kind, number, quoted)
        if key not in self._formats:
            place = {"num_format": number, "align": "right"} if number else {"align": "left", "indent": 1}
            made = self._book.add_format({**BASE, **place, **KINDS[kind]})
            if quoted:
                made.set_quote_prefix()
            self._formats[key] = made
        return self._formats[key]

    def close(self) -> bytes:
        """The finished file."""
        self._book.close()
        return self._file.getvalue()
