"""Draws the split of a step as SVG: a bar cut into phases, each named and numbered below it in the bar's order."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from reports.chart_svg import STYLES, WIDTH, drawing, label, short
from reports.profile.pictures import Part, Split

_BAR, _LINE = 18, 17  # heights of the bar and of a line below it


def split_svg(split: Split) -> str:
    """The picture as one ``<svg>`` element."""
    parts: list[str] = []
    top = 0.0
    for title, phases in split.bars:
        parts.append(label(0, top + 12, title, "axis"))
        parts += _bar(phases, top + 20)
        parts += _key(phases, top + 20 + _BAR + _LINE)
        top += 20 + _BAR + _LINE * (len(phases) + 1)
    return drawing(split, top, parts)


def _bar(phases: tuple[Part, ...], top: float) -> Iterator[str]:
    left = 0.0
    for one in phases:
        width = WIDTH * one.share
        # A line of the paper's colour keeps neighbours apart, whatever their colours look like.
        drawn = f"M{short(left)} {short(top)}h{short(max(width - 1, 0.2))}v{_BAR}h-{short(max(width - 1, 0.2))}z"
        yield f'<g class="s{one.style % STYLES}"><path class="bar" d="{drawn}"><title>{_told(one)}</title></path></g>'
        left += width


def _key(phases: tuple[Part, ...], base: float) -> Iterator[str]:
    for row, one in enumerate(phases):
        at = base + row * _LINE
        yield f'<g class="s{one.style % STYLES}"><path class="bar" d="M0 {short(at - 9)}h10v10h-10z"/></g>'
        yield label(17, at, one.label, "label")
        yield label(WIDTH, at, one.told, "end")


def _told(one: Part) -> str:
    return escape(f"{one.label}: {one.told}")
