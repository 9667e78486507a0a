"""Draws a timeline as SVG: one strip for each track above a common axis of seconds."""

from __future__ import annotations

from collections.abc import Iterator

from reports.chart_svg import LEFT, RIGHT, WIDTH, drawing, label, scale_of, short, spot, tick_label, ticks
from reports.timeline import Moment, Timeline, Track

_STRIP = 64  # height of a track
_HEAD = 30  # above each track, for its title
_FOOT = 34


def timeline_svg(timeline: Timeline) -> str:
    """The timeline as one ``<svg>`` element."""
    height = len(timeline.tracks) * (_STRIP + _HEAD) + _FOOT
    parts: list[str] = []
    for row, track in enumerate(timeline.tracks):
        parts += _strip(timeline, track, row)
    bottom = height - _FOOT
    for mark in (mark for mark in ticks(timeline.seconds, 5) if mark <= timeline.seconds):
        parts.append(label(_x(timeline, mark), bottom + 16, tick_label(mark), "axis middle"))
    parts.append(label(WIDTH - RIGHT, bottom + 31, "seconds", "axis end"))
    return drawing(timeline, height, parts)


def _strip(timeline: Timeline, track: Track, row: int) -> Iterator[str]:
    top = row * (_STRIP + _HEAD) + _HEAD
    bottom = top + _STRIP
    marks = ticks(max(value for run in track.runs for _, value in run), 2)

    def place(moment: Moment) -> str:
        return f"{_x(timeline, moment[0]):.0f} {bottom - _STRIP * max(moment[1], 0) / marks[-1]:.0f}"

    for begin, end in timeline.windows:
        left, right = _x(timeline, begin), _x(timeline, end)
        yield f'<path class="window" d="M{spot(left, top)}H{short(right)}V{bottom}H{short(left)}z"/>'
    yield label(0, top - 9, f"{track.title}, {track.unit}", "axis")
    yield from scale_of(marks, lambda mark: bottom - _STRIP * mark / marks[-1])
    for run in track.runs:
        dot = "h0" if len(run) == 1 else ""  # a line of no length with round ends
        yield f'<g class="s{row}"><path class="line trace" d="M{"L".join(map(place, run))}{dot}"/></g>'


def _x(timeline: Timeline, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / timeline.seconds
