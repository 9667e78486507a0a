"""What the pictures of a gate share: the mark of a pair, and an axis that need not begin at 0."""

from __future__ import annotations

import math

from reports.chart_svg import STYLES, marker, round_step

_SHAPES = 4  # of `marker`, which are hollow the second time round


def between(least: float, most: float, wanted: int = 5) -> list[float]:
    """Round numbers around some values.

    >>> between(-1.2, 4.1)
    [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    if most - least <= 1e-9 * max(abs(least), abs(most)):  # all the same
        room = abs(least) / 10 or 1.0
        least, most = least - room, most + room
    step = round_step((most - least) / wanted)
    first, last = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def mark(x: float, y: float, shape: int, colour: int, spoiled: bool, told: str) -> str:
    """The mark of a process or a pair; one that was spoiled is hollow and crossed."""
    drawn = marker(x, y, shape % _SHAPES + _SHAPES * spoiled, told)
    cross = f'<path class="cross" d="M{x - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10"/>' if spoiled else ""
    return f'<g class="s{colour % STYLES}">{drawn}{cross}</g>'


def arrow(x: float, y: float, across: int, up: int) -> str:
    """Beside a mark that lies beyond the axis: where it would be, to the left, to the right, above or below."""
    tip_x, tip_y = x + 12 * across, y - 12 * up
    path = f"M{tip_x - 4 * across - 4 * up:.1f} {tip_y + 4 * up - 4 * across:.1f}L{tip_x:.1f} {tip_y:.1f}"
    path += f"L{tip_x - 4 * across + 4 * up:.1f} {tip_y + 4 * up + 4 * across:.1f}"
    return f'<path class="arrow" d="{path}"/>'
