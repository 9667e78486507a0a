"""What cannot be: every record is held against arithmetic, against the device's limits, and against its own parts.

Each check is one that a published benchmark has failed: throughput times the number of steps, a bf16 rate against a
peak with sparsity, 0 J where no counter was, a median that was a mean. A doubt says what was seen and what it was held
against, with both numbers. One that no machine can explain makes the record invalid; nothing is ever capped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isclose, ulp
from typing import Any

from bench.labels import miscounted, mislabelled
from bench.metric import METRICS
from bench.peaks import peak_of
from bench.rates import alone, value
from bench.record import Record, Replicate, Sample

# CUDA events and the wall clock are two clocks, so the steps may come out longer than their window by their drift.
CLOCKS_AGREE = 1e-3
# On one clock, steps are all of a window but its edges. What is missing beyond this was done outside of any step.
IN_STEPS = 0.90
# A counter's window is known to 2 % and the sensor to 5 % (arXiv 2312.02741), and a limit is kept over some time only.
OF_IDLE, OF_LIMIT = 0.95, 1.20
LEAST = 1e-10  # of a window's seconds and of its work, in any unit of ours: no clock tells less
# The device's memory is polled, and may be read just before the process's last allocation.
LADDER_AGREES = 0.02
ROUNDING = 1e-6
# Of one forward pass both count the same products, and came out equal for every workload of ours.
FLOPS_AGREE = 0.01

# Each is part of the next one. The first three are torch's peaks of the window, the others the end of it.
_LADDERS = (
    ("memory.requested", "memory.allocated", "memory.reserved"),
    ("allocator.held", "memory.process", "memory.device"),
)
_PERCENTILES = tuple(name for name in METRICS if name.startswith("latency.p"))
_SHARES = tuple(name for name in METRICS if name.startswith(("throttle.", "utilization.")))
_NOT_NEGATIVE = ("memory.", "allocator.", "ecc.", "pcie.", "nvlink.", "clock.", "power.")

_Found = Iterator[tuple[str, float, str]]  # of what, how far off, and both numbers in words
_Window = tuple[Record, Replicate, Sample]
_Check = Callable[[Record, Replicate, Sample], _Found]


@dataclass(frozen=True)
class Doubt:
    """What cannot be, in one line with both numbers; ``invalid`` where nothing of the record can be believed."""

    text: str
    invalid: bool


def doubts(record: Record) -> list[Doubt]:
    """Everything about a record's measured replicates that cannot be; of several windows the worst one."""
    windows = [(record, one, sample) for one in record.measured for sample in one.samples]
    impossible = _worst(windows, _totals, invalid=True)
    if impossible:  # nothing can be derived from them
        return impossible
    found = [
        *_worst(windows, _flop_rate, invalid=True),
        *(Doubt(text, True) for text in (*_published(record), *_percentiles(record), *mislabelled(record))),
        *(Doubt(text, False) for text in (*_outside_steps(record), *_missed_flops(record), *miscounted(record))),
        *_worst(windows, _required, invalid=False),
        *_worst(windows, _power, invalid=False),
        *_worst(windows, _ladder, invalid=False),
        *_worst(windows, _ranges, invalid=False),
    ]
    return list(dict.fromkeys(found))


def judged(record: Record) -> Record:
    """The record, failed where its numbers cannot be."""
    impossible = [doubt.text for doubt in doubts(record) if doubt.invalid] if record.publishes else []
    return replace(record, status="failed", reason=f"implausible: {'; '.join(impossible)}") if impossible else record


def fact(facts: Mapping[str, Any], name: str) -> float | None:
    """A number among a meter's facts, or None where it has none: such a fact is null with a reason, or not there."""
    found = facts.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _worst(windows: Sequence[_Window], check: _Check, invalid: bool) -> list[Doubt]:
    """What a check of single windows finds: of each thing the worst, and in how many windows it was found."""
    found: dict[str, list[tuple[float, str]]] = {}
    for window in windows:
        for thing, excess, text in check(*window):
            found.setdefault(thing, []).append((excess, text))
    return [Doubt(f"{max(of)[1]} (in {len(of)} of {len(windows)} windows)", invalid) for of in found.values()]


def _totals(record: Record, replicate: Replicate, sample: Sample) -> _Found:
    """Time, steps and work of a window belong together; comparisons are written so that NaN fails them."""
    item, done = next(iter(sample.work.items()), ("work", 0.0))
    parts = sample.work.values()
    if not (min(sample.seconds, done) >= LEAST and sample.steps > 0 and all(part >= 0 for part in parts)):
        yield "totals", 0, f"a window of {sample.seconds:g} s with {sample.steps} steps and {done:g} {item}"
    if len(sample.step_seconds) != sample.steps:
        yield "steps", 0, f"a window of {sample.steps} steps has the times of {len(sample.step_seconds)}"
    # Between CUDA's events lies nothing where a step gave the device nothing to do.
    least = 0.0 if replicate.clock == "cuda_event" else ulp(0.0)
    if not all(seconds >= least for seconds in sample.step_seconds):
        yield "step", 0, f"a step took {min(sample.step_seconds):g} s"
    in_steps = sum(sample.step_seconds)
    if not in_steps <= sample.seconds * (1 + CLOCKS_AGREE):
        yield "time", in_steps, f"the steps took {in_steps:.6g} s together, in a window of {sample.seconds:.6g} s"


def _flop_rate(record: Record, replicate: Replicate, sample: Sample) -> _Found:
    """FLOPs are the model's, and an algorithm may need fewer: a Winograd convolution multiplies up to 2.25 times less
    often. A whole step stays below the peak for all that, since only a part of it is such convolutions."""
    named = peak_of(record.environment, record.case.precision)
    if named is None or sample.flop is None:
        return
    clock = _number(sample, "clock.sm")
    rate, most = sample.flop / sample.seconds, named.at(clock)
    faster = f" at the {clock / 1e9:.3f} GHz of the window" if clock and most > named.flops else ""
    if rate > most:
        yield (
            "rate",
            rate,
            f"{rate / 1e12:.1f} TFLOP/s, above the dense {named.precision} peak of {named.sku}{faster}, "
            f"{most / 1e12:.1f} TFLOP/s ({named.source})",
        )


def _required(record: Record, replicate: Replicate, sample: Sample) -> _Found:
    """What a result requires is a part of what is computed for it."""
    computed, required = sample.flop or 0, sample.required or 0
    if required > computed:
        told = f"a window requires {required / 1e9:.6g} GFLOP and computes {computed / 1e9:.6g} GFLOP"
        yield "required", required - computed, f"{told}: what counts them is wrong, and MFU with it"


def _published(record: Record) -> Iterator[str]:
    """What `bench.rates` makes of each replicate, multiplied out again: throughput x time is the work."""
    for one in record.measured:
        seconds, steps = sum(sample.seconds for sample in one.samples), sum(sample.steps for sample in one.samples)
        work = sum(next(iter(sample.work.values()), 0.0) for sample in one.samples)
        throughput, step = alone(record, one, "throughput"), alone(record, one, "time.step")
        if throughput is not None and not isclose(throughput * seconds, work, rel_tol=ROUNDING):
            claimed = f"{throughput:.6g} {record.item}/s x {seconds:.6g} s = {throughput * seconds:.6g} {record.item}"
            yield f"{claimed}, where {work:.6g} were done"
        if step is not None and not isclose(step * steps, seconds, rel_tol=ROUNDING):
            yield f"{steps} steps x {step:.6g} s = {steps * step:.6g} s, where {seconds:.6g} s passed"


def _percentiles(record: Record) -> Iterator[str]:
    found = [value(record, metric) for metric in _PERCENTILES]
    for (low, below), (high, above) in pairwise((one.metric, one.value) for one in found if one.value is not None):
        if below > above:
            yield f"{low} is {below:.6g} s, above {high}, {above:.6g} s"


def _outside_steps(record: Record) -> Iterator[str]:
    """Only for a replicate as a whole: a single short window may hold a pause of the machine at its edge."""
    for one in record.measured:
        seconds = sum(sample.seconds for sample in one.samples)
        in_steps = sum(sum(sample.step_seconds) for sample in one.samples)
        if (one.clock or "").startswith("perf_counter") and 0 < in_steps < IN_STEPS * seconds:
            yield f"steps took {in_steps:.4g} s of their windows' {seconds:.4g} s in replicate {one.index}"


def _missed_flops(record: Record) -> Iterator[str]:
    """A count of FLOPs that leaves out attention, as torch's did on CPUs, lacks what was dispatched.

    A step that trains may well dispatch more, since it computes again what it did not keep.
    """
    counted, ran = ((record.counters or {}).get(name, {}).get("value") for name in ("flop.computed", "flop.dispatched"))
    trains = any("loss.first" in one.readings for one in record.measured)
    if counted and ran and not trains and counted < (1 - FLOPS_AGREE) * ran:
        yield (
            f"a step's FLOPs are counted as {counted / 1e9:.4g} GFLOP, and its operators did {ran / 1e9:.4g} GFLOP: "
            "what counts them misses some, so FLOP/s and MFU are too low"
        )


def _power(record: Record, replicate: Replicate, sample: Sample) -> _Found:
    """An energy over the time that it covers lies between the idle device and the power limit, each of one scope."""
    for name, reading in sample.readings.items():
        if name.startswith("energy") and reading.value is not None and reading.value <= 0:
            yield name, -reading.value, f"{name} is {reading.value:g} J in a window of {sample.seconds:.4g} s"
    energy = sample.readings.get("energy")
    if energy is None or energy.value is None or energy.value <= 0:
        return
    watts, limit = energy.value / (energy.seconds or sample.seconds), _limit(replicate, energy.scope)
    idle = replicate.readings.get("power.idle")
    if idle is not None and idle.value is not None and idle.scope == energy.scope and watts < OF_IDLE * idle.value:
        yield "idle", -watts, f"mean power {watts:.1f} W, below {OF_IDLE:.0%} of the idle {idle.value:.1f} W"
    if limit is not None and watts > OF_LIMIT * limit:
        yield "limit", watts, f"mean power {watts:.1f} W, above {OF_LIMIT:.0%} of the power limit of {limit:.1f} W"


def _limit(replicate: Replicate, scope: str | None) -> float | None:
    """The power limit of what an energy is of. Units: W. A GPU's limit says nothing of the module that it sits on."""
    if scope != "GPU":
        return None
    limits = (fact(facts, "power_limit") for facts in replicate.meters.values() if facts.get("scope") == scope)
    return next((limit for limit in limits if limit is not None), None)


def _ladder(record: Record, replicate: Replicate, sample: Sample) -> _Found:
    for ladder in _LADDERS:
        rungs = [(name, size) for name in ladder if (size := _number(sample, name)) is not None]
        for (part, lower), (whole, upper) in pairwise(rungs):
            if lower > upper * (1 + LADDER_AGREES):
                yield part, lower - upper, f"{part} is {lower / 1e9:.3f} GB, more than {whole}, {upper / 1e9:.3f} GB"


def _ranges(record: Record, replicate: Replicate, sample: Sample) -> _Found:
    for name, reading in (*sample.readings.items(), *replicate.readings.items()):
        if reading.value is None:
            continue
        if name.startswith(_NOT_NEGATIVE) and reading.value < 0:
            yield name, -reading.value, f"{name} is {reading.value:g}, below 0"
        if name in _SHARES and not -ROUNDING <= reading.value <= 1 + ROUNDING:
            yield name, abs(reading.value), f"{name} is {reading.value:.4g}, and a share lies between 0 and 1"


def _number(sample: Sample, name: str) -> float | None:
    reading = sample.readings.get(name)
    return None if reading is None else reading.value
