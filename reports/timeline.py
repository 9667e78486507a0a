"""Power, clock and temperature over the time of one replicate, with the windows in which it was measured and the times
in which something held its clock down: a picture as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from bench.metric import METRICS
from bench.record import Record, Replicate
from reports.number import Scale, number, quantity, scale

Moment = tuple[float, float]  # seconds since the picture begins, and what was read then
Span = tuple[float, float]  # seconds since the picture begins

_TRACKS = {
    "power": ("Power", "W"),
    "clock.sm": ("SM clock", METRICS["clock.sm"].unit),
    "temperature": ("Temperature", METRICS["temperature"].unit),
}
_CAUSES = {"power": "a power limit", "thermal": "heat", "reliability": "the voltage", "polled": "a limit"}
_PARTS = 100  # of the picture's width: within one only the least and the largest value are drawn
_MOST = 1e30  # beyond it, as beyond all numbers, nothing was measured
_GAP = 5  # times the usual time between values: where nothing came for longer, the line ends


@dataclass(frozen=True)
class Track:
    """One quantity over time in a display unit; each run is a line, and between runs nothing was read."""

    title: str
    unit: str
    runs: tuple[tuple[Moment, ...], ...]


@dataclass(frozen=True)
class Band:
    """The times in which one cause held the clock down."""

    title: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Timeline:
    """Tracks over one axis of ``seconds``, the windows that were measured, and what held the clock down."""

    title: str
    subject: str
    description: str
    seconds: float
    tracks: tuple[Track, ...]
    windows: tuple[Span, ...]
    bands: tuple[Band, ...] = ()
    note: str = "Shaded: the measured windows."


def timeline(subject: str, record: Record) -> Timeline | None:
    """The first replicate's timeline of which a meter kept one; None where there is none."""
    for replicate in record.replicates:
        for facts in replicate.meters.values():
            drawn = _timeline(subject, replicate, facts) if isinstance(facts, Mapping) else None
            if drawn:
                return drawn
    return None


def _timeline(subject: str, replicate: Replicate, facts: Mapping[str, Any]) -> Timeline | None:
    kept = facts.get("timeline")
    columns = {name: _numbers(column) for name, column in kept.items()} if isinstance(kept, Mapping) else {}
    moments = [moment for moment in columns.get("seconds", []) if moment is not None]
    if len(set(moments)) < 2:
        return None
    begin, seconds = min(moments), max(moments) - min(moments)
    tracks, told = [], []
    for name, (title, unit) in _TRACKS.items():
        pairs = zip(columns["seconds"], columns.get(name, []), strict=False)
        values = sorted((at - begin, value) for at, value in pairs if at is not None and value is not None)
        if len(values) > 1:
            shown = scale(unit, [value for _, value in values])
            tracks.append(Track(title, shown.unit, tuple(_thinned(run, seconds, shown) for run in _runs(values))))
            told.append(_told(title, [value / shown.size for _, value in values], shown))
    windows = tuple(_spans(facts.get("windows"), begin, seconds))
    told.append(f"{len(windows)} measured windows" if windows else "no measured window")
    bands = tuple(_bands(facts.get("throttled"), begin, seconds))
    told += [f"{band.title} for {quantity(sum(end - at for at, end in band.spans), 's')}" for band in bands]
    description = f"Over {quantity(seconds, 's')}: {'; '.join(told)}."
    title = f"Replicate {replicate.index} over time"
    return Timeline(title, subject, description, seconds, tuple(tracks), windows, bands) if tracks else None


def _numbers(column: object) -> list[float | None]:
    """A column's numbers; None for what is none: a reading that could not be had, or another program's idea of one."""
    if not isinstance(column, (list, tuple)):
        return []
    return [value if type(value) in (int, float) and abs(value) <= _MOST else None for value in column]


def _runs(values: Sequence[Moment]) -> Iterator[list[Moment]]:
    usual = median(after[0] - before[0] for before, after in pairwise(values))
    run = [values[0]]
    for before, after in pairwise(values):
        if after[0] - before[0] > _GAP * usual:
            yield run
            run = []
        run.append(after)
    yield run


def _thinned(run: Sequence[Moment], seconds: float, shown: Scale) -> tuple[Moment, ...]:
    """Of each part of the picture the least and the largest value, in the order in which they came."""
    parts: dict[int, list[Moment]] = {}
    for at, value in run:
        parts.setdefault(int(at / seconds * _PARTS), []).append((at, value / shown.size))
    ends = ((min(part, key=_value), max(part, key=_value)) for part in parts.values())
    return tuple(moment for pair in ends for moment in sorted(set(pair)))


def _bands(throttled: object, begin: float, seconds: float) -> Iterator[Band]:
    for cause, words in _CAUSES.items():
        spans = tuple(_spans(throttled.get(cause), begin, seconds)) if isinstance(throttled, Mapping) else ()
        if spans:
            yield Band(f"held down by {words}", spans)


def _spans(spans: object, begin: float, seconds: float) -> Iterator[Span]:
    for span in spans if isinstance(spans, (list, tuple)) else ():
        ends = [end for end in _numbers(span) if end is not None]
        if len(ends) == 2 and (left := max(ends[0] - begin, 0.0)) < (right := min(ends[1] - begin, seconds)):
            yield left, right


def _told(title: str, values: Sequence[float], shown: Scale) -> str:
    return f"{title} {number(min(values))} to {number(max(values))} {shown.unit}"


def _value(moment: Moment) -> float:
    return moment[1]
