"""Power, clock and temperature over the time of each replicate, with the windows in which it was measured and the times
in which something held its clock down: pictures as data, with every sample that the record keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from operator import itemgetter
from statistics import median
from typing import Any

from bench.metric import METRICS
from bench.record import Record
from reports.number import Scale, number, quantity, scale

Moment = tuple[float, float]  # seconds since the picture begins, and what was read then
Span = tuple[float, float]  # seconds since the picture begins

_TRACKS = {
    "power": ("Power", "W"),
    "clock.sm": ("SM clock", METRICS["clock.sm"].unit),
    "temperature": ("Temperature", METRICS["temperature"].unit),
}
_CAUSES = {"power": "a power limit", "thermal": "heat", "reliability": "the voltage", "polled": "a limit"}
_MOST = 1e30  # beyond it, as beyond all numbers, nothing was measured
_GAP = 5  # times the usual time between values: where nothing came for longer, the line ends


@dataclass(frozen=True)
class Track:
    """One quantity over time in a display unit: a value, or None where none was read, for each moment of the timeline.
    Between values that are further apart than ``gap`` seconds nothing was read, and no line is drawn."""

    title: str
    unit: str
    values: tuple[float | None, ...]
    gap: float

    def runs(self, moments: Sequence[float]) -> Iterator[list[Moment]]:
        """The lines to draw: what was read, cut at the gaps."""
        run: list[Moment] = []
        for at, value in _read(moments, self.values):
            if run and at - run[-1][0] > self.gap:
                yield run
                run = []
            run.append((at, value))
        yield run


@dataclass(frozen=True)
class Band:
    """The times in which one cause held the clock down."""

    title: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Timeline:
    """Tracks over one axis of ``seconds``, with their ``moments`` on it; the windows that were measured, and what held
    the clock down. ``replicate`` says whose course it is, where it is that of one."""

    title: str
    subject: str
    description: str
    seconds: float
    moments: tuple[float, ...]
    tracks: tuple[Track, ...]
    windows: tuple[Span, ...]
    bands: tuple[Band, ...] = ()
    note: str = "Shaded: the measured windows."
    replicate: int | None = None


@dataclass(frozen=True)
class _Kept:
    """What a meter kept of a replicate: moments (s), and of each quantity, in its SI unit, what was read at them."""

    replicate: int
    facts: Mapping[str, Any]
    moments: Sequence[float]
    columns: Mapping[str, Sequence[float | None]]


def timelines(subject: str, record: Record) -> tuple[Timeline, ...]:
    """Of each replicate the first timeline that a meter kept, all in the same units."""
    found = [next(_kept(one.index, one.meters.values()), None) for one in record.replicates]
    kept = [one for one in found if one]
    shown = {
        name: scale(unit, [value for one in kept for value in one.columns.get(name, ()) if value is not None])
        for name, (_, unit) in _TRACKS.items()
    }
    return tuple(_timeline(subject, one, shown) for one in kept)


def _kept(replicate: int, meters: Iterable[object]) -> Iterator[_Kept]:
    for facts in meters:
        line = facts.get("timeline") if isinstance(facts, Mapping) else None
        if isinstance(facts, Mapping) and isinstance(line, Mapping):
            seconds, *read = (_numbers(line.get(name)) for name in ("seconds", *_TRACKS))
            rows = [(at, *row) for at, *row in zip_longest(seconds, *read) if at is not None]
            moments, *columns = zip(*sorted(rows, key=itemgetter(0)), strict=True) if rows else ((),)
            full = {name: one for name, one in zip(_TRACKS, columns, strict=False) if len(one) - one.count(None) > 1}
            if full and moments[0] < moments[-1]:
                yield _Kept(replicate, facts, moments, full)


def _timeline(subject: str, kept: _Kept, shown: Mapping[str, Scale]) -> Timeline:
    begin, seconds = kept.moments[0], kept.moments[-1] - kept.moments[0]
    moments = tuple(at - begin for at in kept.moments)
    tracks = tuple(_track(name, column, moments, shown[name]) for name, column in kept.columns.items())
    windows = tuple(_spans(kept.facts.get("windows"), begin, seconds))
    bands = tuple(_bands(kept.facts.get("throttled"), begin, seconds))
    told = [
        *(_told(track) for track in tracks),
        f"{len(windows) or 'no'} measured window{'s' * (len(windows) > 1)}",
        *(f"{band.title} for {quantity(sum(end - at for at, end in band.spans), 's')}" for band in bands),
    ]
    description = f"Over {quantity(seconds, 's')}: {'; '.join(told)}."
    title = f"Replicate {kept.replicate} over time"
    return Timeline(title, subject, description, seconds, moments, tracks, windows, bands, replicate=kept.replicate)


def _track(name: str, column: Sequence[float | None], moments: Sequence[float], shown: Scale) -> Track:
    title, _ = _TRACKS[name]
    values = tuple(None if value is None else value / shown.size for value in column)
    usual = median(after - before for (before, _), (after, _) in pairwise(_read(moments, values)))
    return Track(title, shown.unit, values, _GAP * usual)


def _read(moments: Sequence[float], values: Sequence[float | None]) -> Iterator[Moment]:
    return ((at, value) for at, value in zip(moments, values, strict=True) if value is not None)


def _numbers(column: object) -> list[float | None]:
    """A column's numbers; None for what is none: a reading that could not be had, or another program's idea of one."""
    if not isinstance(column, (list, tuple)):
        return []
    return [value if type(value) in (int, float) and abs(value) <= _MOST else None for value in column]


def _bands(throttled: object, begin: float, seconds: float) -> Iterator[Band]:
    for cause, words in _CAUSES.items():
        spans = tuple(_spans(throttled.get(cause), begin, seconds)) if isinstance(throttled, Mapping) else ()
        if spans:
            yield Band(f"clock held down by {words}", spans)


def _spans(spans: object, begin: float, seconds: float) -> Iterator[Span]:
    for span in spans if isinstance(spans, (list, tuple)) else ():
        ends = [end for end in _numbers(span) if end is not None]
        if len(ends) == 2 and (left := max(ends[0] - begin, 0.0)) < (right := min(ends[1] - begin, seconds)):
            yield left, right


def _told(track: Track) -> str:
    values = [value for value in track.values if value is not None]
    return f"{track.title} {number(min(values))} to {number(max(values))} {track.unit}"
