"""How the workbook's sheets are laid out, and how their cells are called."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_ROW = 3  # of data, counted from 0: above it a title, a remark and the heads


@dataclass(frozen=True)
class Head:
    """A column of a sheet; one with a number format holds numbers."""

    name: str
    title: str
    unit: str = ""
    format: str = ""
    width: float = 12


def address(row: int, column: int, fixed: str = "") -> str:
    """What formulas call a cell, rows and columns counted from 0; ``fixed`` is ``$`` where it must not move.

    >>> address(3, 0), address(0, 27, "$")
    ('A4', '$AB$1')
    """
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{fixed}{letters}{fixed}{row + 1}"
