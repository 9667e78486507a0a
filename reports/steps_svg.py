"""Draws single steps as SVG: a panel for each replicate over one axis of times."""

from __future__ import annotations

from collections.abc import Iterator

from reports.chart_svg import LEFT, RIGHT, STYLES, WIDTH, drawing, label, tick_label, ticks
from reports.steps import Steps, StepTimes

_TOP, _HEIGHT, _FOOT = 26, 120, 24
_GAP, _BOX = 8, 12  # between panels, and the width of a replicate's box


def steps_svg(picture: StepTimes, name: str) -> str:
    """The picture as one ``<svg>`` element; ``name`` makes its ids unique in the page."""
    bottom = _TOP + _HEIGHT
    marks = [mark for mark in ticks(picture.top, 2) if mark <= picture.top]
    parts = [
        label(0, 10, picture.unit, "axis"),
    ]
    lines = "".join(f"M{LEFT} {_y(picture, mark):.0f}H{WIDTH - RIGHT}" for mark in marks)
    parts.append(f'<path class="grid" d="{lines}"/>')
    parts += [label(LEFT - 6, _y(picture, mark) + 4, tick_label(mark), "axis end") for mark in marks]
    width = (WIDTH - LEFT - RIGHT + _GAP) / len(picture.replicates) - _GAP
    for index, one in enumerate(picture.replicates):
        left = LEFT + index * (width + _GAP)
        parts += _panel(picture, one, index, left, width)
    return drawing(picture, bottom + _FOOT, name, parts)


def _panel(picture: StepTimes, one: Steps, index: int, left: float, width: float) -> Iterator[str]:
    room = width - _BOX - 6
    bottom = _TOP + _HEIGHT

    def x(place: float) -> float:
        return left + room * (place + 0.5) / one.count

    if one.warmup:
        end = left + room * one.warmup / one.count
        yield f'<path class="window" d="M{left:.0f} {_TOP}H{end:.0f}V{bottom}H{left:.0f}z"/>'
    dots = "".join(f"M{x(place):.0f} {_y(picture, time):.0f}h0" for place, time in one.dots)
    yield f'<g class="s{index % STYLES}"><path class="dots" d="{dots}"/>'
    least, low, middle, high, most = (round(_y(picture, time)) for time in one.five)
    right, centre = round(left + width), round(left + width - _BOX / 2)
    box = f"M{right - _BOX} {low}H{right}V{high}H{right - _BOX}zM{right - _BOX} {middle}H{right}"
    yield f'<path class="box" d="M{centre} {least}V{low}M{centre} {high}V{most}{box}"/></g>'
    if width > 60 or not index:
        yield label(left, bottom + 16, one.label if width > 80 else one.label.split(" ")[-1], "axis")


def _y(picture: StepTimes, time: float) -> float:
    return _TOP + _HEIGHT * (1 - min(time, picture.top) / picture.top)
