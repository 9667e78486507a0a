"""Draws cases by two quantities as SVG, with a line through those that no other case beats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from reports.chart_svg import (
    LEFT,
    LOG_FROM,
    RIGHT,
    STYLES,
    WIDTH,
    decades,
    drawing,
    label,
    legend,
    marker,
    scale_of,
    short,
    spot,
    tick_label,
    ticks,
)
from reports.pareto import Pareto

_HEIGHT, _FOOT = 190, 36


def pareto_svg(picture: Pareto) -> str:
    """The picture as one ``<svg>`` element."""
    top, keys = legend(dict.fromkeys((one.label, one.style) for one in picture.spots))
    left, right, bottom = LEFT + 14, WIDTH - RIGHT - 10, top + _HEIGHT
    across, up = (_Axis([getattr(one, name) for one in picture.spots]) for name in ("x", "y"))

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * across.share(x), bottom - _HEIGHT * up.share(y)

    parts = [*keys, label(0, top - 8, up.titled(picture.y_title), "axis")]
    parts += scale_of(up.marks, lambda mark: bottom - _HEIGHT * up.share(mark))
    parts += [
        label(left + (right - left) * across.share(mark), bottom + 16, tick_label(mark), "axis middle")
        for mark in across.marks
    ]
    parts.append(label(WIDTH - RIGHT, bottom + 31, across.titled(picture.x_title), "axis end"))
    front = sorted({place(one.x, one.y) for one in picture.spots if one.front})
    # Whoever needs more than a case gives pays for the next one at once.
    steps = "".join(f"V{short(after[1])}H{short(after[0])}" for _, after in pairwise(front))
    parts.append(f'<path class="front" d="M{spot(*front[0])}{steps}"/>')
    for one in picture.spots:
        x, y = place(one.x, one.y)
        ring = f'<circle class="ring" cx="{short(x)}" cy="{short(y)}" r="7"/>' if one.front else ""
        parts.append(f'<g class="s{one.style % STYLES}">{ring}{marker(x, y, one.style, one.told)}</g>')
    return drawing(picture, bottom + _FOOT, parts)


class _Axis:
    """Round marks around some values: from 0, or logarithmic where they lie far apart."""

    def __init__(self, values: Sequence[float]) -> None:
        self._logarithmic = 0 < min(values) * LOG_FROM < max(values)
        self.marks = decades(min(values), max(values)) if self._logarithmic else ticks(max(values))

    def share(self, value: float) -> float:
        """How far along the axis a value stands."""
        if self._logarithmic:
            return math.log(value / self.marks[0]) / math.log(self.marks[-1] / self.marks[0])
        return value / self.marks[-1]

    def titled(self, title: str) -> str:
        """The axis' title, which says what is not linear."""
        return f"{title}, logarithmic" if self._logarithmic else title
