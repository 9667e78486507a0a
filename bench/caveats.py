"""What a reader must know before trusting a record: judged on covariates, meters and facts, never on the timing itself.

A spoiled run can be as steady as a good one, so its spread says nothing. Every caveat is one line with its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from bench.errors import Unavailable
from bench.plausible import doubts, fact
from bench.profile import PHASES
from bench.rates import NOT_MEASURED, alone, value
from bench.reach import PEAKS
from bench.record import Record, Replicate, Sample
from bench.roof import Ceiling, Roofs, si

# Beyond these a window is called contaminated. Evidence: a spinning neighbour took CPU time over wall x threads from
# 0.99 to 0.65 on two cores; a tenth of the machine's time was the limit under which A/A pairs stayed clean.
FOREIGN_SHARE = 0.10
CPU_SHARE = 0.80
# The share of a window that may be lost to waiting for the hypervisor or for a disk. A major fault waits for one read,
# which takes 10 ms where a hard disk has to seek.
LOST_SHARE = 0.05
MAJOR_FAULT = 0.010  # s
# Methods that agree differ by less: the sensor of one card is good to 5 % (arXiv 2312.02741).
ENERGY_RATIO = 0.05
# Time under a lowered clock below this changes a throughput by less than its interval.
THERMAL_SHARE = 0.01
# The sensor of A100 and H100 averages over this long once in 100 ms, and sees nothing of the rest (arXiv 2312.02741).
AVERAGED = 0.025  # s
UNSEEN = 0.25  # share of a step; see `unseen`
# The split is of other steps than the time; beyond this it cannot be said to be of the same ones.
SPLIT_AGREES = 0.10
NAMED = 3  # most other processes that are named


def caveats(record: Record, roofs: Roofs = NOT_MEASURED) -> list[str]:
    """What a reader must know before trusting the record's numbers; nothing, where its status leaves it none.

    ``roofs`` are the measured peaks that it is held against.
    """
    if not record.publishes:
        return []
    doubted = doubts(record)
    if any(doubt.invalid for doubt in doubted):  # written before there was this check: nothing else matters
        return [doubt.text for doubt in doubted]
    found = [
        *_variant(record),
        *_replicates(record),
        *_cpu(record),
        *_device_company(record),
        *_allocator(record),
        *_limits(record),
        *_ecc(record),
        *_energy(record),
        *_split(record),
        *_peak(record, roofs),
        *(doubt.text for doubt in doubted),
    ]
    return list(dict.fromkeys(found))


def unseen(step: float, period: float, window: float) -> float:
    """The largest part of a periodic step between two neighbouring readings of a sensor, as a share of the step.

    A sensor with a new value every ``period`` reads a ``window`` at the times j x period. A step of constant length is
    then read at the phases (j x period mod step) / step. Where the two periods are nearly multiples of each other, the
    phases fall on the same few spots again and again: however long the window, the readings know nothing of the step
    between them, and their mean may be any of its powers. The measure is the largest gap between neighbouring phases,
    round the end of the step to its beginning: 1 where all readings fall on one spot, and about 1 / n for n that are
    spread evenly. All times in s; where the first reading falls turns all phases alike and changes no gap.
    """
    phases = sorted(j * period % step / step for j in range(int(window / period) or 1))
    return max([after - before for before, after in pairwise(phases)] + [1 - phases[-1] + phases[0]])


def _variant(record: Record) -> Iterator[str]:
    """A variant that takes no rung of its ladder: whatever sets it apart from the plain step is noise."""
    if (record.model or {}).get("rungs") == {}:
        name = record.case.parameters.get("variant")
        yield f"{name} takes no rung on this device with these inputs: it is the plain step by another name"


def _replicates(record: Record) -> Iterator[str]:
    measured = len(record.measured)
    unsteady = sum(replicate.steady is False for replicate in record.measured)
    if unsteady:
        yield f"{unsteady} of {measured} replicates were not steady when measuring began"
    if record.status == "ok" and measured < record.run.replicates:
        yield f"{measured} of {record.run.replicates} replicates measured"


def _cpu(record: Record) -> Iterator[str]:
    """Other load on the CPUs, and time that the step did not get."""
    shares = [share for share in _covariates(record, "foreign_share") if share > FOREIGN_SHARE]
    if shares:
        used = _beyond(FOREIGN_SHARE, max(shares), "of the CPUs during a window")
        yield f"other programs used up to {used}" + _programs(record)
    share = min(_covariates(record, "cpu_share"), default=None)
    if record.case.device == "cpu" and share is not None and share < CPU_SHARE:
        got = _beyond(CPU_SHARE, share, "of its threads' CPU time in a window", "expected")
        yield f"the step got only {got}"
    stolen = max(_covariates(record, "steal_share"), default=0.0)
    if stolen > LOST_SHARE:
        yield "the hypervisor gave " + _beyond(LOST_SHARE, stolen, "of the CPUs' time to others in a window")
    faults = [(sample.covariates.get("major_faults") or 0.0, sample.seconds) for sample in record.samples]
    count, seconds = max(faults, key=lambda window: window[0] / window[1], default=(0.0, 1.0))
    if count * MAJOR_FAULT > LOST_SHARE * seconds:
        yield f"{count:.0f} pages were fetched from disk in a window of {seconds:.2g} s (major faults)"


def _programs(record: Record) -> str:
    """Who they were, by the host's meter: it sees whole replicates, not windows."""
    largest: dict[str, float] = {}
    for other in _foreign(record, "cpu_share"):
        name = str(other.get("name") or "a process")
        largest[name] = max(largest.get(name, 0.0), other["cpu_share"])
    named = sorted(largest.items(), key=lambda other: -other[1])[:NAMED]
    return f"; over a replicate: {', '.join(f'{name} {share:.0%}' for name, share in named)}" if named else ""


def _device_company(record: Record) -> Iterator[str]:
    """Other processes on the device: who, how much memory they held, and when they were there."""
    others = {(other["pid"], other.get("when")): other for other in _foreign(record, "pid")}
    most = sorted(others.values(), key=lambda other: -(other.get("memory") or 0))
    more = f"; and {len(most) - NAMED} more" if len(most) > NAMED else ""
    if most:
        yield f"other processes on the GPU: {'; '.join(map(_process, most[:NAMED]))}{more}"


def _process(other: Mapping[str, Any]) -> str:
    """``python (pid 4711, 3.1 GB) before the case``."""
    memory = fact(other, "memory")
    size = "memory unknown" if memory is None else f"{memory / 1e9:.1f} GB"
    return f"{other.get('name') or 'a process'} (pid {other['pid']}, {size}) {other.get('when')} the case"


def _foreign(record: Record, known_by: str) -> list[Mapping[str, Any]]:
    """Other processes as meters noted them: the host's have a ``cpu_share``, a GPU's a ``pid``."""
    noted = [facts["foreign"] for facts in _facts(record) if isinstance(facts.get("foreign"), list)]
    named = (other for others in noted for other in others if isinstance(other, Mapping))
    return [other for other in named if fact(other, known_by) is not None]


def _allocator(record: Record) -> Iterator[str]:
    retries = sum(_readings(record, "allocator.retries"))
    if retries > 0:
        often = f"{retries:.0f} time{'s' * (retries > 1)}"
        yield (
            f"the allocator gave its cache back {often}: the device's memory is nearly full, and steps that do so are "
            "slower"
        )


def _limits(record: Record) -> Iterator[str]:
    """What kept the device below what it can do."""
    hot = max(_readings(record, "throttle.thermal"), default=0.0)
    if hot > THERMAL_SHARE:
        yield "heat held the clock down for " + _beyond(THERMAL_SHARE, hot, "of a window")
    for facts in _facts(record):
        limit, default = fact(facts, "power_limit"), fact(facts, "power_limit_default")
        if limit is not None and default is not None and limit < default:
            yield f"the power limit is {limit:.0f} W, below the default of {default:.0f} W"


def _ecc(record: Record) -> Iterator[str]:
    corrected, uncorrected = (sum(_readings(record, f"ecc.{kind}")) for kind in ("corrected", "uncorrected"))
    if corrected > 0 or uncorrected > 0:
        yield f"memory errors during the windows: {corrected:.0f} corrected, {uncorrected:.0f} not corrected"


def _energy(record: Record) -> Iterator[str]:
    """What bears on joules alone."""
    if "energy" not in record.metered:
        return
    apart = [methods for one in record.measured if (methods := _methods(record, one))]
    if apart:
        ratio, counted, integrated = max(apart, key=lambda methods: abs(methods[0] - 1))
        yield (
            f"two methods of measuring energy disagree by {_beyond(ENERGY_RATIO, abs(ratio - 1))}: {counted:.1f} W by "
            f"the counter, {integrated:.1f} W by integrated power"
        )
    aliased = [found for one in record.measured for sample in one.samples if (found := _alias(one, sample))]
    if aliased:
        gap, step, period = max(aliased)
        yield (
            f"steps of {step * 1e3:.0f} ms beat with the power sensor's period of {period * 1e3:.0f} ms: it may not "
            f"see what happens in {gap:.0%} of the step (in {len(aliased)} of {len(record.samples)} windows)"
        )


def _split(record: Record) -> Iterator[str]:
    """Marked steps that took another time than those of the windows: then the split is not one of that time."""
    apart = []
    for one in record.measured:
        step, parts = alone(record, one, "time.step"), [alone(record, one, f"time.{name}") for name in PHASES]
        marked = sum(part for part in parts if part is not None)
        if step and marked and abs(marked / step - 1) > SPLIT_AGREES:
            apart.append((abs(marked / step - 1), marked, step))
    if apart:
        off, marked, step = max(apart)
        yield (
            f"the split is of steps of {marked * 1e3:.4g} ms where the windows' took {step * 1e3:.4g} ms, off by "
            f"{_beyond(SPLIT_AGREES, off)} in {len(apart)} of {len(record.measured)} replicates"
        )


def _beyond(limit: float, share: float, of: str = "", called: str = "limit") -> str:
    """A share with the digits that tell it from its limit, of what it is, and the limit, which is in whole percents.

    >>> _beyond(0.1, 0.31), _beyond(0.1, 0.104, "of a window")
    ('31% (limit 10%)', '10.4% of a window (limit 10%)')
    """
    digits = next((digits for digits in range(3) if f"{share:.{digits}%}" != f"{limit:.{digits}%}"), 3)
    told = f"{share:.{digits}%} {of}".rstrip()
    return f"{told} ({called} {limit:.0%})"


def _peak(record: Record, roofs: Roofs) -> Iterator[str]:
    """A measured peak that the case exceeds is none: its kernels are slower than the case's, or were disturbed. The
    vendor's is exceeded by a board that runs above the clock it is stated at; more than that is a doubt."""
    rate = value(record, "flop.rate.computed").value
    stated, measured = (_ceiling(record, metric, roofs) for metric in ("mfu", "mfu.measured"))
    if rate is not None and stated is not None and rate > stated.rate:
        clock = value(record, "clock.sm").value
        ran = "" if clock is None else f": the board ran at {clock / 1e9:.3f} GHz, above the clock that it is stated at"
        yield f"computes at {rate / stated.rate:.1%} of the stated peak: {si(rate, 'FLOP/s')} of {stated.source}{ran}"
    if rate is not None and measured is not None and rate > measured.rate:
        yield (
            f"the measured peak is too low: {measured.source}, and this case reached {si(rate, 'FLOP/s')}; "
            "measure it again with wattmark peaks while nothing else runs"
        )


def _ceiling(record: Record, metric: str, roofs: Roofs) -> Ceiling | None:
    try:
        return PEAKS[metric](record, roofs)
    except Unavailable:
        return None


def _methods(record: Record, one: Replicate) -> tuple[float, float, float] | None:
    """The counter's power over the integrated one, and both (W), of a replicate in which they disagree."""
    ratio = alone(record, one, "energy.ratio")
    if ratio is None or abs(ratio - 1) <= ENERGY_RATIO:
        return None
    counted = alone(record, one, "power.mean")
    return None if counted is None else (ratio, counted, counted / ratio)


def _alias(one: Replicate, sample: Sample) -> tuple[float, float, float] | None:
    """The share of the step that the sensor may not see, the step and the sensor's period (s), where it is too much."""
    periods = [period for facts in one.meters.values() if (period := fact(facts, "power_period"))]
    step = sample.seconds / sample.steps
    energy = sample.readings.get("energy")
    if not periods or energy is None or energy.value is None or step <= AVERAGED:
        return None
    gap = unseen(step, periods[0], sample.seconds)
    return (gap, step, periods[0]) if gap > UNSEEN else None


def _facts(record: Record) -> list[Mapping[str, Any]]:
    """What the meters of each replicate found out."""
    return [facts for one in record.measured for facts in one.meters.values()]


def _readings(record: Record, name: str) -> list[float]:
    if name not in record.metered:
        return []
    found = (sample.readings.get(name) for sample in record.samples)
    return [reading.value for reading in found if reading is not None and reading.value is not None]


def _covariates(record: Record, name: str) -> list[float]:
    found = (sample.covariates.get(name) for sample in record.samples)
    return [number for number in found if number is not None]
