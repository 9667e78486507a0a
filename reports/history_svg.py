"""Draws a case over its runs as SVG, the runs at equal distances, with a line where a new level began."""

from __future__ import annotations

from reports.chart_svg import LEFT, RIGHT, WIDTH, drawing, label, marker, tick_label, ticks
from reports.history import History

_TOP, _HEIGHT, _FOOT = 24, 130, 24


def history_svg(picture: History, name: str) -> str:
    """The picture as one ``<svg>`` element; ``name`` makes its ids unique in the page."""
    marks = ticks(max(moment.high or moment.y for moment in picture.moments), 3)
    last, bottom = len(picture.moments) - 1, _TOP + _HEIGHT
    left, right = LEFT + 8, WIDTH - RIGHT - 8

    def x(place: float) -> float:
        return left + (right - left) * place / last

    def y(value: float) -> float:
        return bottom - _HEIGHT * min(max(value, 0), marks[-1]) / marks[-1]

    parts = [label(0, 10, picture.unit, "axis")]
    for mark in marks:
        parts.append(f'<path class="grid" d="M{LEFT} {y(mark):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(label(LEFT - 6, y(mark) + 4, tick_label(mark), "axis end"))
    for at in picture.changes:
        parts.append(f'<path class="front" d="M{x(at - 0.5):.1f} {_TOP}V{bottom}"/>')
    line = "L".join(f"{x(place):.1f} {y(moment.y):.1f}" for place, moment in enumerate(picture.moments))
    parts.append(f'<g class="s0"><path class="line" d="M{line}"/>')
    for place, moment in enumerate(picture.moments):
        if moment.low is not None and moment.high is not None:
            parts.append(f'<path class="whisker" d="M{x(place):.1f} {y(moment.low):.1f}V{y(moment.high):.1f}"/>')
        parts.append(marker(x(place), y(moment.y), 0, moment.told))
    parts.append("</g>")
    parts.append(label(left, bottom + 16, picture.moments[0].date, "axis"))
    parts.append(label(right, bottom + 16, picture.moments[-1].date, "axis end"))
    return drawing(picture, bottom + _FOOT, name, parts)
