"""Draws the change of every pair: a row of dots for each stage, the margin and no change behind, the interval below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.chart_svg import RIGHT, WIDTH, Place, drawing, label
from reports.gate.marks_svg import arrow, between, mark
from reports.gate.pictures import Effects, Mark

_LEFT = 84
_TOP = 18
_ROW = 34
_FOOT = 36
_COLOURS = (2, 3, 6, 4)  # of stages: none of those of base and head
_APART = 8  # between the middles of two dots


def effects_svg(picture: Effects) -> str:
    """The picture as one ``<svg>`` element."""
    bottom = _TOP + _ROW * (len(picture.stages) + 1)
    return drawing(picture, bottom + _FOOT, _body(picture, bottom))


def _body(picture: Effects, bottom: float) -> Iterator[str]:
    marks = between(*_ends(picture))
    low, high = marks[0], marks[-1]

    def x(value: float) -> float:
        return _LEFT + (WIDTH - RIGHT - _LEFT) * (min(max(value, low), high) - low) / (high - low)

    if picture.margin:
        left, right = x(-picture.margin), x(picture.margin)
        yield f'<path class="band" d="M{left:.1f} {_TOP - 6}H{right:.1f}V{bottom}H{left:.1f}z"/>'
        yield label((left + right) / 2, _TOP - 9, "margin", "axis middle")
    for value in marks:
        yield f'<path class="grid" d="M{x(value):.1f} {_TOP - 6}V{bottom}"/>'
        yield label(x(value), bottom + 15, f"{value:+.10g}" if value else "0", "axis middle")
    yield f'<path class="none" d="M{x(0):.1f} {_TOP - 6}V{bottom}"/>'
    yield label(WIDTH - RIGHT, bottom + 31, "change of head against base, %", "axis end")
    for row, stage in enumerate(picture.stages):
        middle = _TOP + _ROW * (row + 0.5)
        yield label(0, middle + 4, stage, "label")
        yield from _row([one for one in picture.marks if one.stage == row], x, middle, low, high)
    yield from _estimate(picture, x, bottom - _ROW / 2, low, high)


def _row(marks: Sequence[Mark], x: Place, middle: float, least: float, most: float) -> Iterator[str]:
    """The dots of a stage; those that would meet lie above and below each other."""
    placed: list[tuple[float, float]] = []
    for one in marks:
        if one.effect is None:
            continue
        across = x(one.effect)
        free = (
            offset
            for offset in (0, -_APART, _APART, -_APART / 2, _APART / 2)
            if all(abs(across - other) + abs(offset - taken) >= _APART for other, taken in placed)
        )
        offset = next(free, 0)
        placed.append((across, offset))
        yield mark(across, middle + offset, one.stage, _COLOURS[one.stage % len(_COLOURS)], one.spoiled, one.told)
        if not least <= one.effect <= most:
            yield arrow(across, middle + offset, 1 if one.effect > most else -1, 0)


def _estimate(picture: Effects, x: Place, middle: float, low: float, high: float) -> Iterator[str]:
    yield label(0, middle + 4, "all together" if picture.centre is not None else "no estimate", "label")
    if picture.low is not None and picture.high is not None:
        ends = "".join(f"M{x(end):.1f} {middle - 5}v10" for end in (picture.low, picture.high) if low <= end <= high)
        yield f'<path class="interval" d="M{x(picture.low):.1f} {middle}H{x(picture.high):.1f}{ends}"/>'
    if picture.centre is not None:
        yield f'<path class="centre" d="M{x(picture.centre):.1f} {middle - 8}v16"/>'


def _ends(picture: Effects) -> tuple[float, float]:
    """What the axis holds: no change, the margin, the interval and all dots but the spoiled ones.

    A spoiled pair may be off by many times the rest; it is drawn at the edge, and its title says how much.
    """
    values = [0.0, -picture.margin, picture.margin]
    values += [one.effect for one in picture.marks if one.effect is not None and not one.spoiled]
    values += [value for value in (picture.low, picture.centre, picture.high) if value is not None]
    return min(values), max(values)
