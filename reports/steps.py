"""The steps of one case, one by one: warm-up and windows of every replicate, and how they are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.record import Record, Replicate
from reports.number import Scale, number, scale

_MOST = 96  # dots of a picture: of more steps, the least and the largest of every stretch are drawn
_CUT = 3.0  # times the median: what lies beyond is drawn at the edge

Dot = tuple[float, float]  # place among the replicate's steps, counted from 0, and its time in the display unit


@dataclass(frozen=True)
class Steps:
    """A replicate's steps: ``warmup`` of them were not measured. ``five`` are the least, the quartiles and the most of
    the measured ones."""

    label: str
    warmup: int
    count: int
    dots: tuple[Dot, ...]
    five: tuple[float, float, float, float, float]


@dataclass(frozen=True)
class StepTimes:
    """All replicates side by side over one axis of times; ``top`` is its end, and what lies beyond is told."""

    title: str
    subject: str
    description: str
    unit: str
    top: float
    replicates: tuple[Steps, ...]
    note: str


def step_times(subject: str, record: Record) -> StepTimes | None:
    """The picture of a case's steps; None where single steps were not timed."""
    timed = [(one, measured) for one in record.measured if (measured := _measured(one))]
    if not timed:
        return None
    shown = scale("s", [seconds for _, measured in timed for seconds in measured])
    most = max(_MOST // len(timed), 2)
    found = tuple(_steps(one, measured, shown, most) for one, measured in timed)
    top = _CUT * median(one.five[2] for one in found)
    beyond = sum(seconds / shown.size > top for one, measured in timed for seconds in (*one.warmup_seconds, *measured))
    note = f"{beyond} step{'s' * (beyond != 1)} beyond {number(top)} {shown.unit} drawn at the edge." if beyond else ""
    told = ", ".join(number(one.five[2]) for one in found)
    description = f"Medians by replicate, {shown.unit}: {told}. Their least and most are in the table of replicates."
    return StepTimes("Single steps", subject, description, shown.unit, top, found, note)


def _measured(one: Replicate) -> list[float]:
    return [seconds for sample in one.samples for seconds in sample.step_seconds]


def _steps(one: Replicate, measured: Sequence[float], shown: Scale, most: int) -> Steps:
    times = [seconds / shown.size for seconds in (*one.warmup_seconds, *measured)]
    kept = sorted(seconds / shown.size for seconds in measured)
    low, middle, high = quantiles(kept, n=4, method="inclusive") if len(kept) > 1 else kept * 3
    warmup = len(one.warmup_seconds)
    dots = (*_thinned(times[:warmup], 0, most), *_thinned(times[warmup:], warmup, most))
    return Steps(f"replicate {one.index}", warmup, len(times), dots, (kept[0], low, middle, high, kept[-1]))


def _thinned(times: Sequence[float], first: int, most: int) -> tuple[Dot, ...]:
    dots = [(float(first + place), time) for place, time in enumerate(times)]
    if len(dots) <= most:
        return tuple(dots)
    each = -(-len(dots) // (most // 2))
    parts = (dots[at : at + each] for at in range(0, len(dots), each))
    ends = ({min(part, key=_time), max(part, key=_time)} for part in parts)
    return tuple(dot for both in ends for dot in sorted(both))


def _time(dot: Dot) -> float:
    return dot[1]
