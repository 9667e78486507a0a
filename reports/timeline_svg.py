"""Draws a timeline as SVG: one strip for each track above a common axis of seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter

from reports.chart_svg import LEFT, RIGHT, WIDTH, drawing, label, scale_of, short, tick_label, ticks
from reports.timeline import Band, Moment, Span, Timeline, Track

_PARTS = 100  # of the picture's width: within one only the least and the largest value are drawn
_STRIP = 64  # height of a track
_HEAD = 30  # above each track, for its title
_FOOT = 34
_BAND = 26  # height of a band with its title
_BREAK = 8  # between the tracks and the bands


def timeline_svg(timeline: Timeline) -> str:
    """The timeline as one ``<svg>`` element."""
    below = len(timeline.tracks) * (_STRIP + _HEAD)
    below += _BREAK * bool(timeline.bands)
    bottom = below + len(timeline.bands) * _BAND
    height = bottom + _FOOT
    parts: list[str] = []
    for row, track in enumerate(timeline.tracks):
        parts += _strip(timeline, track, row)
    for row, band in enumerate(timeline.bands):
        parts += _band(timeline, band, below + row * _BAND)
    for mark in (mark for mark in ticks(timeline.seconds, 5) if mark <= timeline.seconds):
        parts.append(label(_x(timeline, mark), bottom + 16, tick_label(mark), "axis middle"))
    parts.append(label(WIDTH - RIGHT, bottom + 31, "seconds", "axis end"))
    return drawing(timeline, height, parts)


def _strip(timeline: Timeline, track: Track, row: int) -> Iterator[str]:
    top = row * (_STRIP + _HEAD) + _HEAD
    bottom = top + _STRIP
    runs = [_thinned(run, timeline.seconds) for run in track.runs(timeline.moments)]
    marks = ticks(max(value for run in runs for _, value in run), 2)

    def place(moment: Moment) -> tuple[int, int]:
        return round(_x(timeline, moment[0])), round(bottom - _STRIP * max(moment[1], 0) / marks[-1])

    if timeline.windows:
        yield f'<path class="window" d="{_boxes(timeline, timeline.windows, top, bottom)}"/>'
    yield label(0, top - 9, f"{track.title}, {track.unit}", "axis")
    yield from scale_of(marks, lambda mark: bottom - _STRIP * mark / marks[-1])
    path = "".join(_line(map(place, run)) for run in runs)
    yield f'<g class="s{row}"><path class="line trace" d="{path}"/></g>'


def _thinned(run: Sequence[Moment], seconds: float) -> list[Moment]:
    """Of each part of the picture the least and the largest value, in the order in which they came."""
    parts: dict[int, list[Moment]] = {}
    for moment in run:
        parts.setdefault(int(moment[0] / seconds * _PARTS), []).append(moment)
    ends = ({min(part, key=itemgetter(1)), max(part, key=itemgetter(1))} for part in parts.values())
    return [moment for both in ends for moment in sorted(both)]


def _line(places: Iterable[tuple[int, int]]) -> str:
    """A line through places, each told by its distance from the one before; of one place a dot.

    >>> _line([(47, 39), (49, 46), (50, 40)])
    'M47 39l2 7 1-6'
    """
    (left, up), *others = places
    steps = ((after[0] - one[0], after[1] - one[1]) for one, after in pairwise([(left, up), *others]))
    path = " ".join(f"{right}{down}" if down < 0 else f"{right} {down}" for right, down in steps)
    return f"M{left} {up}l{path}" if path else f"M{left} {up}h0"  # no length and round ends


def _band(timeline: Timeline, band: Band, top: int) -> Iterator[str]:
    yield label(LEFT, top + 12, band.title, "axis")
    yield f'<path class="held" d="{_boxes(timeline, band.spans, top + 16, top + 22)}"/>'


def _boxes(timeline: Timeline, spans: Iterable[Span], top: int, bottom: int) -> str:
    ends = ((short(_x(timeline, begin)), short(_x(timeline, end))) for begin, end in spans)
    return "".join(f"M{left} {top}H{right}V{bottom}H{left}z" for left, right in ends)


def _x(timeline: Timeline, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / timeline.seconds
