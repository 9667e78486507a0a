"""Draws charts as SVG: no script, no font and no address from anywhere else.

Colours are classes that the page's style sheet sets for light and dark; a series also has its own dash and marker, so
that nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Protocol

from reports.chart import Chart, Point, Series
from reports.number import THIN

WIDTH = 400
LEFT, RIGHT = 46, 12  # of the plot's sides
_BOTTOM = 36
_PLOT = 190  # height of the plot of a line chart
_BAR = 30  # height of one bar with its label
_CHARACTER = 6.1  # width of a character at 11 px, of a wide one, so that texts never meet

LOG_FROM = 20  # lines that lie this far apart are drawn on a logarithmic axis

STYLES = 8  # colours, then dashes and markers, come round again after as many series
_FAR = 4  # times the largest batch that was measured
Place = Callable[[float], float]  # where a value stands in the picture

# Where each marker begins, to the left of its place and above it, and its path.
_SHAPES = (
    (3.5, 0.0, "a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z"),
    (3.2, 3.2, "h6.4v6.4h-6.4z"),
    (0.0, 4.2, "l4 7h-8z"),
    (0.0, 4.4, "l4.4 4.4l-4.4 4.4l-4.4-4.4z"),
)
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 3", "6 2 2 2 2 2", "4 6")


def svg(chart: Chart) -> str:
    """The chart as one ``<svg>`` element."""
    if chart.bars:
        body, height = _bars(chart)
        return drawing(chart, height, body)
    top, keys = legend((one.label, one.style) for one in chart.series)
    body, height = _lines(chart, top)
    return drawing(chart, height, [*keys, *body])


class Subject(Protocol):
    """What every picture says in words."""

    @property
    def title(self) -> str:
        """What it shows."""

    @property
    def subject(self) -> str:
        """Of what."""

    @property
    def description(self) -> str:
        """Its numbers, for those who do not see it."""


def drawing(picture: Subject, height: float, body: Iterable[str]) -> str:
    """A picture as one ``<svg>`` element, called by its title and described by its numbers."""
    title, subject, description = map(escape, (picture.title, picture.subject, picture.description))
    head = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img">',
        f"<title>{title}: {subject}</title>",
        f"<desc>{description}</desc>",
    )
    return "\n".join([*head, *body, "</svg>"])


def ticks(most: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 to at least ``most``.

    >>> ticks(87.0)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    if most <= 0:
        return [0.0, 1.0]
    step = round_step(most / wanted)
    return [index * step for index in range(math.ceil(most / step - 1e-9) + 1)]


def round_step(rough: float) -> float:
    """The round number that is nearest to a positive one.

    >>> round_step(21.75)
    20.0
    """
    unit = 10.0 ** math.floor(math.log10(rough))
    return min((unit * factor for factor in (1, 2, 2.5, 5, 10)), key=lambda size: abs(size - rough))


def decades(least: float, most: float) -> list[float]:
    """Powers of ten around some values, with 3 between them where there are few.

    >>> decades(14.0, 900.0)
    [10.0, 30.0, 100.0, 300.0, 1000.0]
    """
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    between = (1, 3) if last - first < 4 else (1,)
    marks = [10.0**exponent * factor for exponent in range(first, last) for factor in between]
    return [*marks, 10.0**last]


def _top_of(series: Sequence[Series]) -> float:
    """How high the plot reaches: over all values and intervals, but an interval of many times its value is cut."""
    values = [point.y for one in series for point in one.points]
    highs = [point.high or point.y for one in series for point in one.points]
    return min(max(highs), 1.5 * max(values)) if max(values) > 0 else 1.0


def _lines(chart: Chart, top: float) -> tuple[Iterator[str], float]:
    values = [point.y for one in chart.series for point in one.points]
    # A phone and a data centre in one chart: on a linear axis the lower lines would all be 0.
    logarithmic = 0 < min(values) * LOG_FROM < max(values)
    marks = decades(min(values), max(values)) if logarithmic else ticks(_top_of(chart.series))
    limits = [one.limit.too_large for one in chart.series if one.limit]
    measured = {point.x for one in chart.series for point in one.points}
    # A size that is far too large would press all others together: it stands at the edge, without its number.
    edge = _FAR * max(measured)
    places = sorted({*measured, *(limit for limit in limits if limit <= edge)})
    first, last = math.log2(places[0]), math.log2(min(max(*measured, *limits), edge))
    right, bottom = WIDTH - RIGHT - 10, top + _PLOT
    left = LEFT + 14

    def x(value: float) -> float:
        return left + (right - left) * min((math.log2(value) - first) / (last - first), 1.0)

    def y(value: float) -> float:
        kept = min(max(value, marks[0]), marks[-1])
        share = math.log(kept / marks[0]) / math.log(marks[-1] / marks[0]) if logarithmic else kept / marks[-1]
        return bottom - _PLOT * share

    def body() -> Iterator[str]:
        yield label(0, top - 8, f"{chart.unit}, logarithmic" if logarithmic else chart.unit, "axis")
        yield from scale_of(marks, y)
        for place in _apart(places, x):
            yield label(x(place), bottom + 16, f"{place:g}", "axis middle")
        yield label(WIDTH - RIGHT, bottom + 31, chart.x_title, "axis end")
        for one in chart.series:
            path = "L".join(spot(x(point.x), y(point.y)) for point in one.points)
            yield f'<g class="s{one.style % STYLES}"><path class="line" d="M{path}"{_dashes(one.style)}/>'
            if whiskers := "".join(_whisker(x(point.x), point, y, marks[-1]) for point in one.points):
                yield f'<path class="whisker" d="{whiskers}"/>'
            for point in one.points:
                yield marker(x(point.x), y(point.y), one.style, _told(chart, one, point))
            if one.limit:
                told = f"{one.label}: out of memory at {chart.x_title} {one.limit.too_large:g}"
                cross = f'd="M{spot(x(one.limit.too_large) - 4, bottom - 4)}l8 8m0-8l-8 8"'
                yield f'<path class="limit" {cross}><title>{escape(told)}</title></path>'
            yield "</g>"

    return body(), bottom + _BOTTOM


def _bars(chart: Chart) -> tuple[Iterator[str], float]:
    most = _top_of(chart.series)
    room = max(text_width(point.cell.full) for one in chart.series for point in one.points) + 14
    right = WIDTH - room

    def x(value: float) -> float:
        return right * min(value, most) / most

    def body() -> Iterator[str]:
        for row, one in enumerate(chart.series):
            point, base = one.points[0], 8 + row * _BAR
            yield label(0, base + 8, one.label, "label")
            yield f'<g class="s{one.style % STYLES}"><path class="bar" d="M0 {base + 13}h{short(x(point.y))}v9H0z">'
            yield f"<title>{escape(_told(chart, one, point))}</title></path>"
            if point.low is not None and point.high is not None:
                low, high = x(max(point.low, 0)), x(point.high)
                caps = f"M{spot(low, base + 14)}v7" + (f"M{spot(high, base + 14)}v7" if point.high <= most else "")
                yield f'<path class="whisker over" d="M{spot(low, base + 17.5)}H{short(high)}{caps}"/>'
            yield "</g>"
            end = max(x(point.y), x(point.high) if point.high is not None else 0)
            yield label(end + 7, base + 22, point.cell.full, "value")
        yield f'<path class="grid" d="M0 4V{8 + len(chart.series) * _BAR}"/>'

    return body(), 12 + len(chart.series) * _BAR


def legend(lines: Iterable[tuple[str, int]]) -> tuple[float, list[str]]:
    """Where the plot begins, and the legend of labels and styles above it, in as many lines as it needs."""
    left, base, parts = 0.0, 10.0, []
    for words, style in lines:
        width = 32 + text_width(words) + 14
        if left and left + width > WIDTH:
            left, base = 0.0, base + 17
        parts.append(
            f'<g class="s{style % STYLES}"><path class="line" d="M{spot(left, base - 4)}h26"{_dashes(style)}/>'
            f"{marker(left + 13, base - 4, style, '')}</g>{label(left + 32, base, words, 'label')}"
        )
        left += width
    return base + 30, parts


def _dashes(style: int) -> str:
    dash = _DASHES[style % STYLES]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _whisker(x: float, point: Point, y: Place, most: float) -> str:
    if point.low is None or point.high is None:
        return ""
    low, high = y(max(point.low, 0)), y(point.high)
    cap = "m-3 0h6" if point.high <= most else ""  # an interval that is cut ends without a cap
    return f"M{spot(x - 3, low)}h6m-3 0V{short(high)}{cap}"


def marker(x: float, y: float, style: int, told: str) -> str:
    """The mark of a series: circle, square, triangle, diamond, and the same again hollow."""
    left, up, path = _SHAPES[style % len(_SHAPES)]
    hollow = " hollow" if style % STYLES >= len(_SHAPES) else ""
    head = f'<path class="marker{hollow}" d="M{spot(x - left, y - up)}{path}"'
    return f"{head}><title>{escape(told)}</title></path>" if told else f"{head}/>"


def _apart(places: Sequence[float], x: Place) -> Iterator[float]:
    """The places whose labels do not meet, the largest always."""
    before = math.inf
    kept = []
    for place in reversed(places):
        if before - x(place) >= text_width(f"{place:g}") + 8:
            kept.append(place)
            before = x(place)
    return reversed(kept)


def _told(chart: Chart, series: Series, point: Point) -> str:
    place = f", {chart.x_title} {point.x:g}" if chart.x_title else ""
    return f"{series.label}{place}: {point.cell.full} {point.cell.spread}".strip()


def tick_label(value: float) -> str:
    """A round number, with its thousands apart."""
    return f"{value:_.10g}".replace("_", THIN) if value >= 10_000 else f"{value:.10g}"


def short(place: float) -> str:
    """A coordinate to a tenth, and no longer than it must be.

    >>> short(40.0), short(214.83)
    ('40', '214.8')
    """
    return f"{round(place, 1):g}"


def spot(x: float, y: float) -> str:
    """A place in a path."""
    return f"{short(x)} {short(y)}"


def scale_of(marks: Iterable[float], y: Place) -> Iterator[str]:
    """The lines of an axis across the plot, and their labels at its left."""
    found = list(marks)
    lines = "".join(f"M{spot(LEFT, y(mark))}H{WIDTH - RIGHT}" for mark in found)
    yield f'<path class="grid" d="{lines}"/>'
    for mark in found:
        yield label(LEFT - 6, y(mark) + 4, tick_label(mark), "axis end")


def label(x: float, y: float, text: str, classes: str) -> str:
    """A text in the picture; the classes say where it is anchored."""
    return f'<text class="{classes}" x="{short(x)}" y="{short(y)}">{escape(text)}</text>'


def text_width(text: str) -> float:
    """How wide a text is at most."""
    return _CHARACTER * len(text)
