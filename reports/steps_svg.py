"""Draws single steps as SVG: a panel for each replicate over one axis of times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from reports.chart_svg import LEFT, RIGHT, WIDTH, drawing, label, scale_of, ticks
from reports.steps import Steps, StepTimes

_TOP, _HEIGHT, _FOOT = 26, 120, 24
_GAP, _BOX = 8, 12  # between panels, and the width of a replicate's box
_LABEL = 60  # a narrower panel has no room for a label


def steps_svg(picture: StepTimes) -> str:
    """The picture as one ``<svg>`` element."""
    bottom = _TOP + _HEIGHT
    marks = [mark for mark in ticks(picture.top, 2) if mark <= picture.top]
    parts = [label(0, 10, picture.unit, "axis"), *scale_of(marks, lambda mark: _y(picture, mark))]
    width = (WIDTH - LEFT - RIGHT + _GAP) / len(picture.replicates) - _GAP
    panels = [_Panel(picture, one, LEFT + at * (width + _GAP), width) for at, one in enumerate(picture.replicates)]
    parts.append(f'<path class="window" d="{"".join(panel.warmup for panel in panels)}"/>')
    parts.append(f'<g class="s0"><path class="dots" d="{_dots([dot for panel in panels for dot in panel.dots])}"/>')
    parts.append(f'<path class="box" d="{"".join(panel.box for panel in panels)}"/></g>')
    for panel in panels if width > _LABEL else panels[:1]:
        parts.append(label(panel.left, bottom + 16, panel.label, "axis"))
    return drawing(picture, bottom + _FOOT, parts)


class _Panel:
    """Where the steps of one replicate stand."""

    def __init__(self, picture: StepTimes, one: Steps, left: float, width: float) -> None:
        room, bottom = width - _BOX - 6, _TOP + _HEIGHT
        self.left = left
        self.label = one.label if width > 80 else one.label.split(" ")[-1]
        end = left + room * one.warmup / one.count
        self.warmup = f"M{left:.0f} {_TOP}H{end:.0f}V{bottom}H{left:.0f}z" if one.warmup else ""
        self.dots = [
            (round(left + room * (place + 0.5) / one.count), round(_y(picture, time))) for place, time in one.dots
        ]
        least, low, middle, high, most = (round(_y(picture, time)) for time in one.five)
        right, centre = round(left + width), round(left + width - _BOX / 2)
        box = f"M{right - _BOX} {low}H{right}V{high}H{right - _BOX}zM{right - _BOX} {middle}H{right}"
        self.box = f"M{centre} {least}V{low}M{centre} {high}V{most}{box}"


def _dots(places: Sequence[tuple[int, int]]) -> str:
    """Lines of no length with round ends, each told by its distance from the one before.

    >>> _dots([(49, 26), (56, 66), (63, 60)])
    'm49 26h0m7 40h0m7-6h0'
    """
    steps = [(after[0] - one[0], after[1] - one[1]) for one, after in pairwise([(0, 0), *places])]
    return "".join(f"m{right}{down}h0" if down < 0 else f"m{right} {down}h0" for right, down in steps)


def _y(picture: StepTimes, time: float) -> float:
    return _TOP + _HEIGHT * (1 - min(time, picture.top) / picture.top)
