"""Draws both processes of every pair, joined by a line: whether processes fall into kinds is seen at a glance."""

from __future__ import annotations

from collections.abc import Iterator

from reports.chart_svg import LEFT, RIGHT, WIDTH, Place, drawing, label, text_width, tick_label
from reports.gate.marks_svg import arrow, between, mark
from reports.gate.pictures import Levels, Mark

_TOP = 40
_PLOT = 130
_FOOT = 36
_SHAPES = {"base": 0, "head": 3}  # a circle and a diamond
_COLOURS = {"base": 0, "head": 1}


def levels_svg(picture: Levels) -> str:
    """The picture as one ``<svg>`` element."""
    return drawing(picture, _TOP + _PLOT + _FOOT, [*_legend(), *_body(picture)])


def _legend() -> Iterator[str]:
    left = 0.0
    for arm in _SHAPES:
        yield mark(left + 6, 6, _SHAPES[arm], _COLOURS[arm], False, "")
        yield label(left + 16, 10, arm, "label")
        left += 60


def _body(picture: Levels) -> Iterator[str]:
    marks = between(*_ends(picture))
    low, high = marks[0], marks[-1]
    bottom = _TOP + _PLOT
    step = (WIDTH - RIGHT - LEFT - 16) / max(len(picture.marks), 1)

    def x(index: float) -> float:
        return LEFT + 8 + step * (index + 0.5)

    def y(value: float) -> float:
        return bottom - _PLOT * (min(max(value, low), high) - low) / (high - low)

    yield label(0, _TOP - 10, picture.unit, "axis")
    for value in marks:
        yield f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>'
        yield label(LEFT - 6, y(value) + 4, tick_label(value), "axis end")
    for stage, name in enumerate(picture.stages):
        places = [index for index, one in enumerate(picture.marks) if one.stage == stage]
        first, last = x(places[0] - 0.5), x(places[-1] + 0.5)
        if last - first < text_width(name):  # no room to say which it is
            continue
        if places[0]:
            yield f'<path class="none" d="M{first:.1f} {_TOP}V{bottom + 6}"/>'
        yield label((first + last) / 2, bottom + 16, name, "axis middle")
    paired = any(one.base is not None and one.head is not None for one in picture.marks)
    what = "pairs" if paired else "processes"
    yield label(WIDTH - RIGHT, bottom + 31, f"{what}, in the order of their measuring", "axis end")
    for index, one in enumerate(picture.marks):
        yield from _pair(one, x(index), y)
        for level in (one.base, one.head):
            if level is not None and not low <= level <= high:
                yield arrow(x(index), y(level), 0, 1 if level > high else -1)


def _pair(pair: Mark, x: float, y: Place) -> Iterator[str]:
    levels = {arm: level for arm, level in (("base", pair.base), ("head", pair.head)) if level is not None}
    if len(levels) == 2:
        yield f'<path class="pair" d="M{x:.1f} {y(levels["base"]):.1f}V{y(levels["head"]):.1f}"/>'
    for arm, level in levels.items():
        yield mark(x, y(level), _SHAPES[arm], _COLOURS[arm], pair.spoiled, pair.told)


def _ends(picture: Levels) -> tuple[float, float]:
    """What the axis holds: every level but those of spoiled pairs, which are drawn at its edge if they lie beyond."""
    found = [(one.spoiled, level) for one in picture.marks for level in (one.base, one.head) if level is not None]
    kept = [level for spoiled, level in found if not spoiled] or [level for _, level in found]
    return min(kept), max(kept)
