"""Derives every published number from a record. Arithmetic on one record ends here; reports only word it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.metric import METRICS, unit_of
from bench.record import Record, Replicate, Sample
from bench.statistics import STEPS_FOR_PERCENTILE, estimate, percentile

# Beyond these a window is called contaminated. Evidence: a spinning neighbour took CPU time over wall x threads from
# 0.99 to 0.65 on two cores; a tenth of the machine's time was the limit under which A/A pairs stayed clean.
FOREIGN_SHARE = 0.10
CPU_SHARE = 0.80


@dataclass(frozen=True)
class Value:
    """A number ready to be shown: a finite ``value`` with its 95 % interval over replicates, or the ``reason`` for
    its absence. ``low`` and ``high`` are None where the replicates cannot carry an interval."""

    metric: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    replicates: int = 0
    samples: int = 0
    source: str | None = None


def values(record: Record) -> list[Value]:
    """Every metric of a record in the order of `bench.metric.METRICS`, measured or absent."""
    return [_value(record, metric) for metric in METRICS]


def value(record: Record, metric: str) -> Value:
    """One metric of a record.

    Raises:
        KeyError: no such metric.
    """
    METRICS[metric]
    return _value(record, metric)


def caveats(record: Record) -> list[str]:
    """What a reader must know before trusting the record: judged on covariates, never on the timing itself."""
    found: list[str] = []
    unsteady = sum(replicate.steady is False for replicate in record.measured)
    if unsteady:
        found.append(f"{unsteady} of {len(record.measured)} replicates were not steady when measuring began")
    foreign = _largest(record, "foreign_share")
    if foreign is not None and foreign > FOREIGN_SHARE:
        found.append(f"other programs used up to {foreign:.0%} of the CPUs during a window (limit {FOREIGN_SHARE:.0%})")
    share = _smallest(record, "cpu_share")
    if record.case.device == "cpu" and share is not None and share < CPU_SHARE:
        found.append(f"the step got only {share:.0%} of its threads' CPU time in a window (expected {CPU_SHARE:.0%})")
    if record.status == "ok" and len(record.measured) < record.run.replicates:
        found.append(f"{len(record.measured)} of {record.run.replicates} replicates measured")
    return found


def _value(record: Record, metric: str) -> Value:
    unit = unit_of(metric, record.item or "item")
    if not record.samples:
        return Value(metric, unit, None, reason=record.reason or "nothing was measured")
    if metric == "memory.planning":
        planned = _value(record, "memory.host" if record.case.device == "cpu" else "memory.process")
        return Value(**{**planned.__dict__, "metric": metric})
    if metric.startswith("latency.p"):
        return _latency(record, metric, unit)
    try:
        per_replicate = [_RULES.get(metric, _reading(metric))(replicate) for replicate in record.measured]
    except _Absent as absent:
        return Value(metric, unit, None, reason=str(absent))
    result = estimate([number for number, _ in per_replicate])
    sources = dict.fromkeys(source for _, source in per_replicate)
    return Value(
        metric,
        unit,
        result.value,
        result.low,
        result.high,
        replicates=len(per_replicate),
        samples=len(record.samples),
        source=", ".join(source for source in sources if source),
    )


def _latency(record: Record, metric: str, unit: str) -> Value:
    """A percentile of all single steps; it has no interval, since steps of one process are not independent."""
    rank = int(metric.removeprefix("latency.p"))
    steps = [seconds for sample in record.samples for seconds in sample.step_seconds]
    found = percentile(steps, rank)
    needed = STEPS_FOR_PERCENTILE[rank]
    reason = None if found is not None else f"{len(steps)} steps measured, {needed} are needed to claim p{rank}"
    source = record.measured[0].clock if found is not None else None
    return Value(metric, unit, found, None, None, reason, len(record.measured), len(record.samples), source)


class _Absent(Exception):
    """A metric is absent in a replicate; the message is the reason."""


Rule = Callable[[Replicate], tuple[float, str | None]]


def _ratio(numerator: Callable[[Sample], float | None], denominator: Callable[[Sample], float | None]) -> Rule:
    """Totals over the replicate's windows, divided: never a mean of ratios, which is biased high."""

    def rule(replicate: Replicate) -> tuple[float, str | None]:
        above = [numerator(sample) for sample in replicate.samples]
        below = [denominator(sample) for sample in replicate.samples]
        return _total(above) / _total(below), "wall clock"

    return rule


def _total(parts: Sequence[float | None]) -> float:
    present = [part for part in parts if part is not None]
    if len(present) < len(parts):
        raise _Absent("not counted for this workload")
    return sum(present)


def _seconds(sample: Sample) -> float:
    return sample.seconds


def _steps(sample: Sample) -> float:
    return sample.steps


def _flop(sample: Sample) -> float | None:
    return sample.flop


def _item(sample: Sample) -> float:
    return next(iter(sample.work.values()))


def _work(unit: str) -> Callable[[Sample], float]:
    def work(sample: Sample) -> float:
        if unit not in sample.work:
            raise _Absent(f"this workload does not count its work in {unit}")
        return sample.work[unit]

    return work


def _flop_step(replicate: Replicate) -> tuple[float, str | None]:
    number, _ = _ratio(_flop, _steps)(replicate)
    return number, "meta device"


def _energy(per: Callable[[Sample], float]) -> Rule:
    def rule(replicate: Replicate) -> tuple[float, str | None]:
        joules, sources = zip(*(_sample_reading(sample, "energy") for sample in replicate.samples), strict=True)
        return sum(joules) / sum(per(sample) for sample in replicate.samples), sources[0]

    return rule


def _sample_reading(sample: Sample, name: str) -> tuple[float, str | None]:
    reading = sample.readings.get(name)
    if reading is None:
        raise _Absent("no meter of this run measures it")
    if reading.value is None:
        raise _Absent(reading.reason or "absent")
    return reading.value, reading.source


def _reading(metric: str) -> Rule:
    """A meter's own number: the replicate's, or that of its windows together (the largest, or the mean over time)."""

    def rule(replicate: Replicate) -> tuple[float, str | None]:
        whole = replicate.readings.get(metric)
        if whole is not None:
            if whole.value is None:
                raise _Absent(whole.reason or "absent")
            return whole.value, whole.source
        found = [_sample_reading(sample, metric) for sample in replicate.samples]
        if METRICS[metric].over_windows == "largest":
            return max(found, key=lambda pair: pair[0])
        seconds = [sample.seconds for sample in replicate.samples]
        weighted = sum(number * weight for (number, _), weight in zip(found, seconds, strict=True))
        return weighted / sum(seconds), found[0][1]

    return rule


_RULES: dict[str, Rule] = {
    "throughput": _ratio(_item, _seconds),
    "throughput.token": _ratio(_work("token"), _seconds),
    "throughput.real_token": _ratio(_work("real_token"), _seconds),
    "time.step": _ratio(_seconds, _steps),
    "flop.step": _flop_step,
    "flop.rate": _ratio(_flop, _seconds),
    "power.mean": _energy(_seconds),
    "energy.step": _energy(_steps),
    "energy.item": _energy(_item),
}


def _largest(record: Record, covariate: str) -> float | None:
    return max(_covariates(record, covariate), default=None)


def _smallest(record: Record, covariate: str) -> float | None:
    return min(_covariates(record, covariate), default=None)


def _covariates(record: Record, covariate: str) -> list[float]:
    found = (sample.covariates.get(covariate) for sample in record.samples)
    return [number for number in found if number is not None]
