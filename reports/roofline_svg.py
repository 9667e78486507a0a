"""Draws a roofline as SVG: both axes logarithmic, the roof as lines, each case as a mark under it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.roof import Roof, si
from reports.chart_svg import (
    LEFT,
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
    text_width,
    tick_label,
)
from reports.roofline import Roofline

_HEIGHT, _FOOT = 230, 36
_ROOM = 1.6  # free beyond the outermost mark or line on each side, as a factor
_APART = 11  # labels of lines that are nearer than this would meet


def roofline_svg(picture: Roofline) -> str:
    """The picture as one ``<svg>`` element."""
    top, keys = legend(dict.fromkeys((one.label, one.style) for one in picture.marks))
    plot = _Plot(picture, top)
    parts = [*keys, label(0, top - 8, f"{picture.unit}, logarithmic", "axis"), *plot.scales()]
    parts += [*plot.roof(picture.stated, "stated"), *plot.roof(picture.measured, "roof"), *plot.names(picture)]
    parts += plot.marks(picture)
    return drawing(picture, top + _HEIGHT + _FOOT, parts)


class _Plot:
    """Where intensities and FLOP rates stand."""

    def __init__(self, picture: Roofline, top: float) -> None:
        roofs = (picture.measured, picture.stated)
        ceilings = [one.rate for roof in roofs for one in roof.compute.values()]
        ridges = [one.rate / roof.memory.rate for roof in roofs if roof.memory for one in roof.compute.values()]
        self._across = _Axis([*ridges, *(mark.intensity for mark in picture.marks)])
        self._up = _Axis([rate / picture.size for rate in (*ceilings, *(mark.rate for mark in picture.marks))])
        self._size, self._bottom = picture.size, top + _HEIGHT
        self._left, self._right = LEFT + 6, WIDTH - RIGHT

    def x(self, intensity: float) -> float:
        """The place of FLOP/B."""
        return self._left + (self._right - self._left) * self._across.share(intensity)

    def y(self, rate: float) -> float:
        """The place of FLOP/s."""
        return self._bottom - _HEIGHT * self._up.share(rate / self._size)

    def scales(self) -> Iterator[str]:
        """Lines and labels of both axes."""
        yield from scale_of(self._up.marks, lambda mark: self.y(mark * self._size))
        for mark in self._across.marks:
            yield label(self.x(mark), self._bottom + 16, tick_label(mark), "axis middle")
        yield label(WIDTH - RIGHT, self._bottom + 31, "arithmetic intensity, FLOP/B, logarithmic", "axis end")

    def roof(self, roof: Roof, kind: str) -> Iterator[str]:
        """A ceiling for each precision, from the slope of the memory on, or all along where no slope is known."""
        lines, highest = [], max((one.rate for one in roof.compute.values()), default=self._up.most * self._size)
        for one in roof.compute.values():
            ridge = one.rate / roof.memory.rate if roof.memory else self._across.least
            lines.append(f"M{spot(self.x(ridge), self.y(one.rate))}H{short(self._right)}")
        if roof.memory:
            bandwidth = roof.memory.rate
            first = max(self._across.least, self._up.least * self._size / bandwidth)
            last = min(self._across.most, highest / bandwidth)
            ends = [spot(self.x(at), self.y(at * bandwidth)) for at in (first, last)]
            lines.append(f"M{'L'.join(ends)}")
        if lines:
            yield f'<path class="{kind}" d="{"".join(lines)}"/>'

    def names(self, picture: Roofline) -> Iterator[str]:
        """What each measured line is, or the vendor's where nothing was measured: under the right ends of ceilings,
        where no dashed line comes between, and at the foot of the plot for the slope."""
        taken: list[float] = []
        ceilings = {**picture.stated.compute, **picture.measured.compute}
        for name, one in sorted(ceilings.items(), key=lambda named: -named[1].rate):
            place = self.y(one.rate) + 13
            if all(abs(place - other) >= _APART for other in taken):
                taken.append(place)
                yield label(self._right, place, f"{name} {si(one.rate, 'FLOP/s')}", "axis end")
        memory = picture.measured.memory or picture.stated.memory
        if memory:
            yield label(self._right, self._bottom - 8, f"slope: {si(memory.rate, 'B/s')}", "axis end")

    def marks(self, picture: Roofline) -> Iterator[str]:
        """A mark for each case, with its batch size where there is room beside it."""
        taken: list[tuple[float, float, float]] = []
        for one in picture.marks:
            x, y, words = self.x(one.intensity), self.y(one.rate), f"{one.batch:g}"
            yield f'<g class="s{one.style % STYLES}">{marker(x, y, one.style, one.told)}</g>'
            width = text_width(words)
            if all(abs(y - other) >= _APART or x + width + 8 < left or x > right for left, right, other in taken):
                taken.append((x, x + width + 8, y))
                yield label(x + 7, y + 4, words, "axis")


class _Axis:
    """A logarithmic axis a little beyond some values."""

    def __init__(self, values: list[float]) -> None:
        self.least, self.most = min(values) / _ROOM, max(values) * _ROOM
        self.marks = [mark for mark in decades(self.least, self.most) if self.least <= mark <= self.most]

    def share(self, value: float) -> float:
        """How far along the axis a value stands."""
        return math.log(value / self.least) / math.log(self.most / self.least)
