"""What one replicate says of each metric: its windows' totals and readings, brought together.

Each rule raises `Unavailable` with the reason where the replicate does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from bench.errors import Unavailable
from bench.metric import METRICS
from bench.record import Reading, Replicate, Sample

NO_METER = "no meter of this run measures it"
_NO_SPLIT, _NO_PIPELINE = "the parts of the step were not timed", "no input pipeline was measured"
_NOT_TOLD_APART = "the record is from before required FLOPs were told from computed ones"
_NO_LOSS, _NOT_COMPARED = "the step returns no loss", "the step was not compared with plain fp32"
# Why a record has none of what no meter measures but the harness itself: as a rule it is older than the metric.
NOT_KEPT = {
    **dict.fromkeys(("time.forward", "time.backward", "time.optimizer", "time.rest"), _NO_SPLIT),
    **dict.fromkeys(("energy.forward", "energy.backward", "energy.optimizer", "energy.rest"), _NO_SPLIT),
    **dict.fromkeys(("data.wait", "data.rate"), _NO_PIPELINE),
    **dict.fromkeys(("loss.first", "loss.last"), _NO_LOSS),
    **dict.fromkeys(("deviation.loss", "deviation.output"), _NOT_COMPARED),
    "time.compile": "what torch.compile took was not kept",
}
LATENCY = "latency.p"  # percentiles are of all replicates together: no rule gives them


class Figure(NamedTuple):
    """What one replicate, or one window of it, says of a metric."""

    number: float
    source: str | None
    scope: str | None = None
    error: float | None = None


Rule = Callable[[Replicate], Figure]


def _ratio(
    numerator: Callable[[Sample], float], denominator: Callable[[Sample], float], source: str = "wall clock"
) -> Rule:
    """Totals over the replicate's windows, divided: never a mean of ratios, which is biased high."""

    def rule(replicate: Replicate) -> Figure:
        above, below = sum(map(numerator, replicate.samples)), sum(map(denominator, replicate.samples))
        return Figure(above / below, source)

    return rule


_seconds: Callable[[Sample], float] = attrgetter("seconds")
_steps: Callable[[Sample], float] = attrgetter("steps")


def _computed(sample: Sample) -> float:
    if sample.flop is None:
        raise Unavailable("not counted for this workload")
    return sample.flop


def _required(sample: Sample) -> float:
    if sample.required is None:
        raise Unavailable(_NOT_TOLD_APART if sample.flop is not None else "not counted for this workload")
    return sample.required


def _item(sample: Sample) -> float:
    return next(iter(sample.work.values()))


def _work(unit: str) -> Callable[[Sample], float]:
    def work(sample: Sample) -> float:
        if unit not in sample.work:
            raise Unavailable(f"this workload does not count its work in {unit}")
        return sample.work[unit]

    return work


def _power(name: str) -> Rule:
    """Joules of a reading over the seconds that they cover, both summed over the replicate's windows."""

    def rule(replicate: Replicate) -> Figure:
        readings = [_present(_of(replicate, sample, name)) for sample in replicate.samples]
        covered = [
            reading.seconds or sample.seconds for reading, sample in zip(readings, replicate.samples, strict=True)
        ]
        figures = [_figure(reading) for reading in readings]
        joules = sum(figure.number for figure in figures)
        if joules <= 0:
            raise Unavailable(f"{figures[0].source} gave {joules:g} J, and nothing runs on none")
        return figures[0]._replace(number=joules / sum(covered), error=worst([figure.error for figure in figures]))

    return rule


def _energy(per: Callable[[Sample], float], net: bool = False) -> Rule:
    """Mean power times the time of each ``per``; net is beyond the power of the idle device."""

    time = _ratio(_seconds, per)

    def rule(replicate: Replicate) -> Figure:
        power = RULES["power.mean"](replicate)
        if net:
            idle = _figure(_present(replicate.readings.get("power.idle")))
            # Both powers may be off by the same share of themselves, so their difference is off by more of itself.
            beyond = power.number - idle.number
            if beyond <= 0:
                raise Unavailable(
                    f"the mean power, {power.number:.1f} W, is not above the idle device's {idle.number:.1f} W"
                )
            off = None if power.error is None else power.error * (power.number + idle.number) / beyond
            power = power._replace(number=beyond, error=off)
        return power._replace(number=power.number * time(replicate).number)

    return rule


def _waiting(replicate: Replicate) -> Figure:
    """The share of its windows that the step waited for input."""
    readings = [_of(replicate, sample, "data.waited") for sample in replicate.samples]
    if not all(readings):
        raise Unavailable(_NO_PIPELINE)
    waited = [_figure(_present(reading)) for reading in readings]
    return waited[0]._replace(number=sum(one.number for one in waited) / sum(map(_seconds, replicate.samples)))


def _useful(replicate: Replicate) -> Figure:
    """The share of the computed FLOPs that the results require."""
    required, computed = (sum(map(of, replicate.samples)) for of in (_required, _computed))
    if not computed:
        raise Unavailable("the step computes no FLOPs")
    return Figure(required / computed, "the workload")


def _agreement(by: Rule, other: Rule) -> Rule:
    """Mean power by one method over that by another one."""

    def rule(replicate: Replicate) -> Figure:
        counted, integrated = by(replicate), other(replicate)
        return Figure(counted.number / integrated.number, f"{counted.source} over {integrated.source}", counted.scope)

    return rule


def _context(replicate: Replicate) -> Figure:
    """At the end of each window: what the process has of the device beyond what torch's allocator holds."""
    figures = []
    for sample in replicate.samples:
        process = _figure(_present(_of(replicate, sample, "memory.process")))
        held = _figure(_present(_of(replicate, sample, "allocator.held")))
        if process.number < held.number:
            raise Unavailable(
                f"the process has {process.number:.0f} B by {process.source}, its allocator {held.number:.0f} B"
            )
        figures.append(process._replace(number=process.number - held.number))
    return max(figures, key=lambda figure: figure.number)


def _of(replicate: Replicate, sample: Sample, name: str) -> Reading | None:
    """A window's reading, or what a meter said once for all windows."""
    return sample.readings.get(name, replicate.readings.get(name))


def _present(reading: Reading | None) -> Reading:
    if reading is None:
        raise Unavailable(NO_METER)
    if reading.value is None:
        raise Unavailable(reading.reason or "absent")
    return reading


def _figure(reading: Reading) -> Figure:
    assert reading.value is not None
    return Figure(reading.value, reading.source, reading.scope, reading.error)


def _reading(metric: str) -> Rule:
    """A meter's own number: the replicate's, or that of its windows together as `bench.metric` says."""
    over = _OVER[METRICS[metric].over_windows]

    def rule(replicate: Replicate) -> Figure:
        if not any(metric in sample.readings for sample in replicate.samples):
            return _figure(_present(replicate.readings.get(metric)))
        figures = [_figure(_present(_of(replicate, sample, metric))) for sample in replicate.samples]
        number = over([figure.number for figure in figures], [sample.seconds for sample in replicate.samples])
        return figures[0]._replace(number=number, error=worst([figure.error for figure in figures]))

    return rule


_OVER: dict[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "largest": lambda numbers, seconds: max(numbers),
    "smallest": lambda numbers, seconds: min(numbers),
    "sum": lambda numbers, seconds: sum(numbers),
    "mean": lambda numbers, seconds: (
        sum(number * weight for number, weight in zip(numbers, seconds, strict=True)) / sum(seconds)
    ),
}


def of_case(metric: str, numbers: Sequence[float]) -> float:
    """What the replicates say together of a metric that is of the whole case."""
    return _OVER[METRICS[metric].over_windows](numbers, [1.0] * len(numbers))


_DERIVED: dict[str, Rule] = {
    "throughput": _ratio(_item, _seconds),
    "throughput.token": _ratio(_work("token"), _seconds),
    "throughput.real_token": _ratio(_work("real_token"), _seconds),
    "time.step": _ratio(_seconds, _steps),
    "flop.step": _ratio(_required, _steps, "the workload"),
    "flop.rate": _ratio(_required, _seconds),
    "flop.rate.computed": _ratio(_computed, _seconds),
    "flop.useful": _useful,
    "memory.context": _context,
    "power.mean": _power("energy"),
    "power.cpu": _power("energy.cpu"),
    "power.dram": _power("energy.dram"),
    "energy.step": _energy(_steps),
    "energy.item": _energy(_item),
    "energy.step.net": _energy(_steps, net=True),
    "energy.item.net": _energy(_item, net=True),
    "data.wait": _waiting,
    "energy.ratio": _agreement(_power("energy"), _power("energy.integrated")),
}
READ = {name: _reading(name) for name in METRICS if name not in _DERIVED and not name.startswith(LATENCY)}
RULES = READ | _DERIVED  # by metric; `bench.rates` knows those that take more than a replicate


def worst(errors: Iterable[float | None]) -> float | None:
    """The largest of some methods' errors, or None where none is known."""
    return max((error for error in errors if error is not None), default=None)
