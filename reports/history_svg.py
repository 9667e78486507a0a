"""Draws a case over its runs as SVG, the runs at equal distances, with a line where a new level began."""

from __future__ import annotations

from reports.chart_svg import LEFT, RIGHT, WIDTH, drawing, label, marker, scale_of, short, spot, ticks
from reports.history import History

_TOP, _HEIGHT, _FOOT = 24, 130, 24


def history_svg(picture: History) -> str:
    """The picture as one ``<svg>`` element."""
    marks = ticks(max(moment.high or moment.y for moment in picture.moments), 3)
    last, bottom = len(picture.moments) - 1, _TOP + _HEIGHT
    left, right = LEFT + 8, WIDTH - RIGHT - 8

    def x(place: float) -> float:
        return left + (right - left) * place / last

    def y(value: float) -> float:
        return bottom - _HEIGHT * min(max(value, 0), marks[-1]) / marks[-1]

    parts = [label(0, 10, picture.unit, "axis"), *scale_of(marks, y)]
    for at in picture.changes:
        parts.append(f'<path class="front" d="M{spot(x(at - 0.5), _TOP)}V{bottom}"/>')
    line = "L".join(spot(x(place), y(moment.y)) for place, moment in enumerate(picture.moments))
    parts.append(f'<g class="s0"><path class="line" d="M{line}"/>')
    for place, moment in enumerate(picture.moments):
        if moment.low is not None and moment.high is not None:
            parts.append(f'<path class="whisker" d="M{spot(x(place), y(moment.low))}V{short(y(moment.high))}"/>')
        parts.append(marker(x(place), y(moment.y), 0, moment.told))
    parts.append("</g>")
    parts.append(label(left, bottom + 16, picture.moments[0].date, "axis"))
    parts.append(label(right, bottom + 16, picture.moments[-1].date, "axis end"))
    return drawing(picture, bottom + _FOOT, parts)
