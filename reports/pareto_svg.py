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
    tick_label,
    ticks,
)
from reports.pareto import Pareto

_HEIGHT, _FOOT = 190, 36


def pareto_svg(picture: Pareto, name: str) -> str:
    """The picture as one ``<svg>`` element; ``name`` makes its ids unique in the page."""
    top, keys = legend(dict.fromkeys((spot.label, spot.style) for spot in picture.spots))
    left, right, bottom = LEFT + 14, WIDTH - RIGHT - 10, top + _HEIGHT
    across, up = (_Axis([getattr(spot, name) for spot in picture.spots]) for name in ("x", "y"))

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * across.share(x), bottom - _HEIGHT * up.share(y)

    parts = [*keys, label(0, top - 8, up.titled(picture.y_title), "axis")]
    for mark in up.marks:
        height = bottom - _HEIGHT * up.share(mark)
        parts.append(f'<path class="grid" d="M{LEFT} {height:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(label(LEFT - 6, height + 4, tick_label(mark), "axis end"))
    parts += [
        label(left + (right - left) * across.share(mark), bottom + 16, tick_label(mark), "axis middle")
        for mark in across.marks
    ]
    parts.append(label(WIDTH - RIGHT, bottom + 31, across.titled(picture.x_title), "axis end"))
    front = sorted({place(spot.x, spot.y) for spot in picture.spots if spot.front})
    steps = "".join(f"H{after[0]:.1f}V{after[1]:.1f}" for _, after in pairwise(front))
    parts.append(f'<path class="front" d="M{front[0][0]:.1f} {front[0][1]:.1f}{steps}"/>')
    for spot in picture.spots:
        x, y = place(spot.x, spot.y)
        ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="7"/>' if spot.front else ""
        parts.append(f'<g class="s{spot.style % STYLES}">{ring}{marker(x, y, spot.style, spot.told)}</g>')
    return drawing(picture, bottom + _FOOT, name, parts)


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
