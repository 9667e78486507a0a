"""Whole numbers and comparisons that a hair of binary arithmetic does not change, alike in Python and in a formula.

A spreadsheet takes numbers that differ in their last digits for equal, here and there. So nothing is left to it.
"""

from __future__ import annotations

import math

_BELOW, _ABOVE = 0.999999999, 1.000000001


def up(value: float) -> int:
    """Rounded up. What binary arithmetic puts a hair above a whole number is not one more; the least bit is one.

    >>> up(3.0000000001), up(3.1), up(0.0000001), up(0)
    (3, 4, 1, 0)
    """
    return math.ceil(value * _BELOW)


def down(value: float) -> int:
    """Rounded down, but for a hair below a whole number.

    >>> down(2.9999999999), down(2.9)
    (3, 2)
    """
    return math.floor(value * _ABOVE)


def above(one: float, other: float) -> bool:
    """Whether a number is above another by more than a hair.

    >>> above(0.1 + 0.2, 0.3), above(0.31, 0.3)
    (False, True)
    """
    return one > other * _ABOVE


def below(one: float, other: float) -> bool:
    """Whether a number is below another by more than a hair.

    >>> below(0.3, 0.1 + 0.2), below(0.29, 0.3)
    (False, True)
    """
    return one < other * _BELOW


def up_formula(text: str) -> str:
    """`up` as a formula."""
    return f"ROUNDUP(({text})*{_BELOW},0)"


def down_formula(text: str) -> str:
    """`down` as a formula."""
    return f"ROUNDDOWN(({text})*{_ABOVE},0)"


def above_formula(one: str, other: str) -> str:
    """`above` as a formula, also over a column ``one``; what is text in it is above."""
    return f"({one}>{other}*{_ABOVE})"


def below_formula(one: str, other: str) -> str:
    """`below` as a formula, also over a column ``one``; what is text in it is not below."""
    return f"({one}<{other}*{_BELOW})"
