"""Decimal marks under each other: what a number lacks behind it to be as long as its column's longest fraction.

That helps only where numbers share a unit, so it is done only in columns that have one.
"""

from __future__ import annotations

import re

from reports.cell import Table
from reports.number import THIN

_NUMBER = re.compile(rf"-?[0-9{THIN}]+(\.[0-9]+)?")


def paddings(table: Table) -> tuple[tuple[str, ...], ...]:
    """For each cell the characters, such as ``.00``, whose room it needs behind it; words and dashes need none."""
    padded = [
        _column([row[index].text for row in table.rows]) if column.unit else [""] * len(table.rows)
        for index, column in enumerate(table.columns)
    ]
    return tuple(zip(*padded, strict=True))


def _column(texts: list[str]) -> list[str]:
    fractions = [(match[1] or "") if (match := _NUMBER.fullmatch(text)) else None for text in texts]
    longest = max((len(fraction) for fraction in fractions if fraction is not None), default=0)
    zeros = "." + "0" * (longest - 1) if longest else ""
    return ["" if fraction is None else zeros[len(fraction) :] for fraction in fractions]
