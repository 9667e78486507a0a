"""Numbers as people read them: the digits that their interval supports, in a unit of a readable size.

Prefixes are those of the SI everywhere, so 1 MB is 1 000 000 B.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from bench.metric import Kind

# Units that take a prefix, with the smallest and the largest exponent that people use with them.
_PREFIXED = {"s": (-9, 0), "B": (0, 15), "W": (-3, 6), "J": (-9, 6), "FLOP": (0, 18), "Hz": (0, 9)}
_PREFIX = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}

_LEAST_PERCENT = 1e-4  # relative errors below this are told in parts per million

THIN = "\u202f"  # narrow no-break space: groups digits without looking like a decimal mark to anyone
TIMES = "\xd7"  # the multiplication sign, unit of a ratio


class Scale(NamedTuple):
    """A display unit and what one of it is in the SI unit."""

    unit: str
    size: float = 1.0


def scale(unit: str, values: Iterable[float], kind: Kind = "quantity") -> Scale:
    """One unit for numbers that stand in one column: most of them come out between 1 and 1000.

    >>> scale("s", [0.0021, 0.0105, 0.8])
    Scale(unit='ms', size=0.001)
    >>> scale("1", [4e-8, 8e-5], "error").unit, scale("1", [4e-8, 8e-5, 0.01], "error").unit
    ('ppm', 'ppm')
    """
    if unit == "1" and kind == "error":
        small = median([abs(value) for value in values if value] or [1.0]) < _LEAST_PERCENT
        return Scale("ppm", 1e-6) if small else Scale("%", 0.01)
    if unit == "1":
        return {"share": Scale("%", 0.01), "ratio": Scale(TIMES)}.get(kind, Scale(""))
    base, slash, per = unit.partition("/")
    sizes = [abs(value) for value in values if value]
    if base not in _PREFIXED or not sizes:
        return Scale(unit)
    smallest, largest = _PREFIXED[base]
    exponent = min(max(3 * (magnitude(median(sizes)) // 3), smallest), largest)
    return Scale(f"{_PREFIX[exponent]}{base}{slash}{per}", 10.0**exponent)


def number(value: float, low: float | None = None, high: float | None = None) -> str:
    """The digits that the interval supports, four at most, or all before the decimal mark; three without an interval.

    >>> number(123.4567, 119.2, 127.8), number(0.0123456), number(12345.6)
    ('123.5', '0.0123', '12\\u202f346')
    """
    if value == 0:
        return "0"
    if low is None or high is None:
        return rounded(value, max(3, magnitude(value) + 1))
    half = (high - low) / 2
    whole = magnitude(value) + 1
    supported = whole - magnitude(half) + 1 if half > 0 else math.inf  # down to the second digit of the half-width
    return rounded(value, int(min(max(supported, 2), max(4, whole))))


def count(value: float) -> str:
    """A count with all its digits; between two whole numbers, as the middle of two replicates may be, with three.

    >>> count(16.0), count(4.4721), count(12345.0)
    ('16', '4.47', '12\\u202f345')
    """
    whole = round(value)
    if abs(value - whole) > 1e-6:
        return number(value)
    return f"{whole:_}".replace("_", THIN if abs(whole) >= 10_000 else "")


def quantity(value: float, unit: str) -> str:
    """A single number with its unit.

    >>> quantity(0.1004, "s"), quantity(3.1e9, "B"), quantity(700.0, "W")
    ('100 ms', '3.10 GB', '700 W')
    """
    shown = scale(unit, [value])
    return f"{number(value / shown.size)} {shown.unit}".strip()


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval, or nothing where there is none.

    >>> interval(119.24, 127.81)
    '119.2 to 127.8'
    """
    if low is None or high is None:
        return ""
    return f"{number(low, low, high)} to {number(high, low, high)}"


def spread(value: float, low: float | None, high: float | None) -> str:
    """The wider side of an interval in percent of the value, or nothing where there is no interval.

    >>> spread(100.0, 97.0, 103.4)
    '±3.4 %'
    """
    if low is None or high is None or value == 0:
        return ""
    wider = 100 * max(high - value, value - low) / abs(value)
    if wider > 999:
        return "±>999 %"
    return f"±{wider:.0f} %" if wider >= 9.95 else f"±{wider:.1f} %" if wider >= 0.095 else "±<0.1 %"


def magnitude(value: float) -> int:
    """The exponent of the leading digit.

    >>> magnitude(999.0), magnitude(0.02)
    (2, -2)
    """
    return math.floor(math.log10(abs(value)))


def rounded(value: float, digits: int) -> str:
    """So many digits, none of them zero for want of room: at least those before the decimal mark must be asked for.

    >>> rounded(12.3456, 4), rounded(999.96, 4)
    ('12.35', '1000')
    """
    text = f"{value:#.{digits}g}"
    exact = float(text)
    if "e" not in text and abs(exact) < 10_000:  # as are most
        return text.removesuffix(".")
    decimals = max(0, digits - 1 - magnitude(exact))  # of what was rounded: 999.96 has the magnitude of 1000
    return f"{exact:_.{decimals}f}".replace("_", THIN if abs(exact) >= 10_000 else "")
