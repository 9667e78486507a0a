"""Draws where training steps go as SVG: for each case a bar cut into its parts, and the shares in words below it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from reports.chart_svg import STYLES, WIDTH, drawing, label, legend, short
from reports.parts import StepParts
from reports.profile.pictures import Part

_BAR, _ROW = 14, 52  # heights of a bar, and of it with the words above and below


def parts_svg(picture: StepParts) -> str:
    """The picture as one ``<svg>`` element."""
    top, drawn = legend((name, style) for style, name in enumerate(picture.names))
    for place, (title, parts) in enumerate(picture.bars):
        at = top + place * _ROW
        drawn += [label(0, at, title, "label"), *_bar(parts, at + 5)]
        told = " · ".join(f"{one.label} {one.told}" for one in parts)
        drawn.append(label(0, at + 5 + _BAR + 13, told, "axis"))
    return drawing(picture, top + len(picture.bars) * _ROW - 10, drawn)


def _bar(parts: tuple[Part, ...], top: float) -> Iterator[str]:
    left = 0.0
    for one in parts:
        width = WIDTH * one.share
        seen = short(max(width - 1, 0.2))  # a line of the paper's colour keeps neighbours apart
        path = f'<path class="bar" d="M{short(left)} {short(top)}h{seen}v{_BAR}h-{seen}z">'
        yield f'<g class="s{one.style % STYLES}">{path}<title>{escape(f"{one.label}: {one.told}")}</title></path></g>'
        left += width
