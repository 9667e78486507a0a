"""How the workbook's sheets are laid out, and how their cells are called."""

from __future__ import annotations

from dataclasses import dataclass

from reports.plan.step import Step

FIRST_ROW = 3  # of data, counted from 0: above it a title, a remark and the heads


@dataclass(frozen=True)
class Head:
    """A column of a sheet; one with a number format holds numbers. The unit may name the ``{currency}``."""

    name: str
    title: str
    unit: str = ""
    format: str = ""
    width: float = 12

    @property
    def text(self) -> str:
        """What stands above the column."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


def head_of(step: Step, width: float = 16) -> Head:
    """The column of a step."""
    return Head(step.name, step.title, step.unit, step.format, width)


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


def cells_of(sheet: str, first: tuple[int, int], last: tuple[int, int]) -> str:
    """What formulas call a range of a sheet, from one row and column to another."""
    return f"'{sheet}'!{address(*first, '$')}:{address(*last, '$')}"
