"""Derives every published number from a record. Arithmetic on one record ends here; reports only word it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from bench.metric import METRICS, unit_of
from bench.record import Reading, Record, Replicate, Sample
from bench.statistics import STEPS_FOR_PERCENTILE, estimate, percentile

_LATENCY = "latency.p"
_NO_METER = "no meter of this run measures it"


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


def values(record: Record) -> list[Value]:
    """Every metric of a record in the order of `bench.metric.METRICS`, measured or absent."""
    return [value(record, metric) for metric in METRICS]


def value(record: Record, metric: str) -> Value:
    """One metric of a record.

    Raises:
        KeyError: no such metric.
    """
    item = record.item or "item"
    if not record.samples or record.status not in ("ok", "interrupted"):
        return _absent(metric, item, record.reason or "nothing was measured")
    if metric.startswith(_LATENCY):
        return _latency(record, metric)
    found_by = _found_by(record, metric)
    if found_by in _READ and found_by not in record.metered:  # as most metrics of most records
        return _absent(metric, item, _NO_METER)
    try:
        figures = list(map(_RULES[found_by], record.measured))
    except _Absent as absent:
        return _absent(metric, item, str(absent))
    numbers, sources, scopes, errors = zip(*figures, strict=True)
    found = estimate(numbers)
    source, scope, error = _method(sources, scopes, errors)
    return Value(
        metric,
        unit_of(metric, item),
        found.value,
        found.low,
        found.high,
        None,
        len(figures),
        len(record.samples),
        source,
        scope,
        error,
    )


def alone(record: Record, replicate: Replicate, metric: str) -> float | None:
    """What one of a record's replicates says of a metric by itself, whatever became of the record; None where it has no
    value. Percentiles are of all replicates together and of none alone.

    Raises:
        KeyError: no such metric.
    """
    rule = _RULES[_found_by(record, metric)]
    try:
        return rule(replicate).number if replicate.samples else None
    except _Absent:
        return None


def _found_by(record: Record, metric: str) -> str:
    """The metric whose rule finds another one: of all but one its own."""
    if metric == "memory.planning":
        return "memory.host" if record.case.device == "cpu" else "memory.process"
    return metric


@lru_cache(maxsize=10_000)  # many records lack the same
def _absent(metric: str, item: str, reason: str) -> Value:
    return Value(metric, unit_of(metric, item), None, reason=reason)


def _latency(record: Record, metric: str) -> Value:
    """A percentile of all single steps; it has no interval, since steps of one process are not independent."""
    rank = int(metric.removeprefix(_LATENCY))
    steps = record.single_steps
    found = percentile(steps, rank)
    needed = STEPS_FOR_PERCENTILE[rank]
    reason = None if found is not None else f"{len(steps)} steps measured, {needed} are needed to claim p{rank}"
    source = record.measured[0].clock if found is not None else None
    counted = len(record.measured), len(record.samples)
    return Value(metric, METRICS[metric].unit, found, None, None, reason, *counted, source)


class _Absent(Exception):
    """A metric is absent in a replicate; the message is the reason."""


class _Figure(NamedTuple):
    """What one replicate, or one window of it, says of a metric."""

    number: float
    source: str | None
    scope: str | None = None
    error: float | None = None


Rule = Callable[[Replicate], _Figure]


def _ratio(
    numerator: Callable[[Sample], float], denominator: Callable[[Sample], float], source: str = "wall clock"
) -> Rule:
    """Totals over the replicate's windows, divided: never a mean of ratios, which is biased high."""

    def rule(replicate: Replicate) -> _Figure:
        above, below = sum(map(numerator, replicate.samples)), sum(map(denominator, replicate.samples))
        return _Figure(above / below, source)

    return rule


_seconds: Callable[[Sample], float] = attrgetter("seconds")
_steps: Callable[[Sample], float] = attrgetter("steps")


def _flop(sample: Sample) -> float:
    if sample.flop is None:
        raise _Absent("not counted for this workload")
    return sample.flop


def _item(sample: Sample) -> float:
    return next(iter(sample.work.values()))


def _work(unit: str) -> Callable[[Sample], float]:
    def work(sample: Sample) -> float:
        if unit not in sample.work:
            raise _Absent(f"this workload does not count its work in {unit}")
        return sample.work[unit]

    return work


def _power(name: str) -> Rule:
    """Joules of a reading over the seconds that they cover, both summed over the replicate's windows."""

    def rule(replicate: Replicate) -> _Figure:
        readings = [_present(_of(replicate, sample, name)) for sample in replicate.samples]
        covered = [
            reading.seconds or sample.seconds for reading, sample in zip(readings, replicate.samples, strict=True)
        ]
        figures = [_figure(reading) for reading in readings]
        joules = sum(figure.number for figure in figures)
        if joules <= 0:
            raise _Absent(f"{figures[0].source} gave {joules:g} J, and nothing runs on none")
        return figures[0]._replace(number=joules / sum(covered), error=_worst([figure.error for figure in figures]))

    return rule


def _energy(per: Callable[[Sample], float], net: bool = False) -> Rule:
    """Mean power times the time of each ``per``; net is beyond the power of the idle device."""

    time = _ratio(_seconds, per)

    def rule(replicate: Replicate) -> _Figure:
        power = _RULES["power.mean"](replicate)
        if net:
            idle = _figure(_present(replicate.readings.get("power.idle")))
            # Both powers may be off by the same share of themselves, so their difference is off by more of itself.
            beyond = power.number - idle.number
            if beyond <= 0:
                raise _Absent(
                    f"the mean power, {power.number:.1f} W, is not above the idle device's {idle.number:.1f} W"
                )
            off = None if power.error is None else power.error * (power.number + idle.number) / beyond
            power = power._replace(number=beyond, error=off)
        return power._replace(number=power.number * time(replicate).number)

    return rule


def _agreement(by: Rule, other: Rule) -> Rule:
    """Mean power by one method over that by another one."""

    def rule(replicate: Replicate) -> _Figure:
        counted, integrated = by(replicate), other(replicate)
        return _Figure(counted.number / integrated.number, f"{counted.source} over {integrated.source}", counted.scope)

    return rule


def _context(replicate: Replicate) -> _Figure:
    """At the end of each window: what the process has of the device beyond what torch's allocator holds."""
    figures = []
    for sample in replicate.samples:
        process = _figure(_present(_of(replicate, sample, "memory.process")))
        held = _figure(_present(_of(replicate, sample, "allocator.held")))
        if process.number < held.number:
            raise _Absent(
                f"the process has {process.number:.0f} B by {process.source}, its allocator {held.number:.0f} B"
            )
        figures.append(process._replace(number=process.number - held.number))
    return max(figures, key=lambda figure: figure.number)


def _of(replicate: Replicate, sample: Sample, name: str) -> Reading | None:
    """A window's reading, or what a meter said once for all windows."""
    return sample.readings.get(name, replicate.readings.get(name))


def _present(reading: Reading | None) -> Reading:
    if reading is None:
        raise _Absent(_NO_METER)
    if reading.value is None:
        raise _Absent(reading.reason or "absent")
    return reading


def _figure(reading: Reading) -> _Figure:
    assert reading.value is not None
    return _Figure(reading.value, reading.source, reading.scope, reading.error)


def _reading(metric: str) -> Rule:
    """A meter's own number: the replicate's, or that of its windows together as `bench.metric` says."""
    over = _OVER[METRICS[metric].over_windows]

    def rule(replicate: Replicate) -> _Figure:
        if not any(metric in sample.readings for sample in replicate.samples):
            return _figure(_present(replicate.readings.get(metric)))
        figures = [_figure(_present(_of(replicate, sample, metric))) for sample in replicate.samples]
        number = over([figure.number for figure in figures], [sample.seconds for sample in replicate.samples])
        return figures[0]._replace(number=number, error=_worst([figure.error for figure in figures]))

    return rule


_OVER: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "largest": lambda numbers, seconds: max(numbers),
    "smallest": lambda numbers, seconds: min(numbers),
    "sum": lambda numbers, seconds: sum(numbers),
    "mean": lambda numbers, seconds: (
        sum(number * weight for number, weight in zip(numbers, seconds, strict=True)) / sum(seconds)
    ),
}

_DERIVED: dict[str, Rule] = {
    "throughput": _ratio(_item, _seconds),
    "throughput.token": _ratio(_work("token"), _seconds),
    "throughput.real_token": _ratio(_work("real_token"), _seconds),
    "time.step": _ratio(_seconds, _steps),
    "flop.step": _ratio(_flop, _steps, "meta device"),
    "flop.rate": _ratio(_flop, _seconds),
    "memory.context": _context,
    "power.mean": _power("energy"),
    "power.cpu": _power("energy.cpu"),
    "power.dram": _power("energy.dram"),
    "energy.step": _energy(_steps),
    "energy.item": _energy(_item),
    "energy.step.net": _energy(_steps, net=True),
    "energy.item.net": _energy(_item, net=True),
    "energy.ratio": _agreement(_power("energy"), _power("energy.integrated")),
}
_READ = {name: _reading(name) for name in METRICS if name not in _DERIVED and not name.startswith(_LATENCY)}
_RULES = _READ | _DERIVED


@lru_cache(maxsize=10_000)  # many records were measured alike
def _method(
    sources: tuple[str | None, ...], scopes: tuple[str | None, ...], errors: tuple[float | None, ...]
) -> tuple[str | None, str | None, float | None]:
    """Source, scope and error of several figures together."""
    return _named(sources), _named(scopes), _worst(errors)


def _worst(errors: Iterable[float | None]) -> float | None:
    return max((error for error in errors if error is not None), default=None)


def _named(names: Iterable[str | None]) -> str | None:
    """The different names, joined."""
    return ", ".join(dict.fromkeys(filter(None, names))) or None
