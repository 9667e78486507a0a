"""Derives every published number from a record. Arithmetic on one record ends here; reports only word it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from bench.errors import Unavailable
from bench.figures import LATENCY, NO_METER, NOT_KEPT, READ, RULES, Figure, Rule, of_case, worst
from bench.metric import METRICS, unit_of
from bench.reach import INTENSITY, PEAKS, intensity
from bench.record import Record, Replicate
from bench.roof import Roofs
from bench.statistics import STEPS_FOR_PERCENTILE, Estimate, estimate, percentile

_HELD = ("intensity", *PEAKS)  # what takes more than a replicate: its counters, and the peaks of its device
_METERED = READ.keys() - set(_HELD)


class Value(NamedTuple):
    """A number ready to be shown: a finite ``value`` with its 95 % interval over replicates, or the ``reason`` for
    its absence. ``low`` and ``high`` are None where the replicates cannot carry an interval. ``source`` is the method;
    ``scope`` is what the value is of and ``error`` how far the method may be off, as a share, where meters say so."""

    metric: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    replicates: int = 0
    samples: int = 0
    source: str | None = None
    scope: str | None = None
    error: float | None = None


NOT_MEASURED = Roofs()


def values(record: Record, roofs: Roofs = NOT_MEASURED) -> list[Value]:
    """Every metric of a record in the order of `bench.metric.METRICS`, measured or absent; ``roofs`` are the measured
    peaks of devices (`bench.measured_peaks`), which other records hold."""
    return [value(record, metric, roofs) for metric in METRICS]


def value(record: Record, metric: str, roofs: Roofs = NOT_MEASURED) -> Value:
    """One metric of a record.

    Raises:
        KeyError: no such metric.
    """
    item = record.item or "item"
    if not record.samples or not record.publishes:
        return _absent(metric, item, record.reason or "nothing was measured")
    if metric.startswith(LATENCY):
        return _latency(record, metric)
    found_by = _found_by(record, metric)
    if found_by in _METERED and found_by not in record.metered:  # as most metrics of most records
        return _absent(metric, item, NOT_KEPT.get(metric, NO_METER))
    try:
        figures = list(map(_rule(record, found_by, roofs), record.measured))
    except Unavailable as why:
        return _absent(metric, item, str(why))
    numbers, sources, scopes, errors = zip(*figures, strict=True)
    found = Estimate(of_case(metric, numbers), None, None) if METRICS[metric].of_case else estimate(numbers)
    return Value(
        metric,
        unit_of(metric, item),
        found.value,
        found.low,
        found.high,
        None,
        len(figures),
        len(record.samples),
        *_method(sources, scopes, errors),
    )


def alone(record: Record, replicate: Replicate, metric: str) -> float | None:
    """What one of a record's replicates says of a metric by itself, whatever became of the record; None where it has no
    value. Percentiles are of all replicates together and of none alone.

    Raises:
        KeyError: no such metric.
    """
    rule = _rule(record, _found_by(record, metric), NOT_MEASURED)
    try:
        return rule(replicate).number if replicate.samples else None
    except Unavailable:
        return None


def _found_by(record: Record, metric: str) -> str:
    """The metric whose rule finds another one: of all but one its own."""
    if metric == "memory.planning":
        return "memory.host" if record.case.device == "cpu" else "memory.process"
    return metric


@lru_cache(maxsize=10_000)  # many records lack the same
def _absent(metric: str, item: str, reason: str) -> Value:
    return Value(metric, unit_of(metric, item), None, reason=reason)


def _rule(record: Record, metric: str, roofs: Roofs) -> Rule:
    if metric == "intensity":
        return lambda replicate: Figure(intensity(record), INTENSITY)
    return _share(record, metric, roofs) if metric in PEAKS else RULES[metric]


def _latency(record: Record, metric: str) -> Value:
    """A percentile of all single steps; it has no interval, since steps of one process are not independent."""
    rank = int(metric.removeprefix(LATENCY))
    steps = record.single_steps
    found = percentile(steps, rank)
    needed = STEPS_FOR_PERCENTILE[rank]
    reason = None if found is not None else f"{len(steps)} steps measured, {needed} are needed to claim p{rank}"
    source = record.measured[0].clock if found is not None else None
    counted = len(record.measured), len(record.samples)
    return Value(metric, METRICS[metric].unit, found, None, None, reason, *counted, source)


def _share(record: Record, metric: str, roofs: Roofs) -> Rule:
    """The FLOP rate over a peak of the device (`bench.reach`), which is one for all replicates."""
    peak = cache(lambda: PEAKS[metric](record, roofs))

    def rule(replicate: Replicate) -> Figure:
        rate = RULES["flop.rate"](replicate).number
        return Figure(rate / peak().rate, peak().source)

    return rule


@lru_cache(maxsize=10_000)  # many records were measured alike
def _method(
    sources: tuple[str | None, ...], scopes: tuple[str | None, ...], errors: tuple[float | None, ...]
) -> tuple[str | None, str | None, float | None]:
    """Source, scope and error of several figures together."""
    return _named(sources), _named(scopes), worst(errors)


def _named(names: Iterable[str | None]) -> str | None:
    """The different names, joined."""
    return ", ".join(dict.fromkeys(filter(None, names))) or None
