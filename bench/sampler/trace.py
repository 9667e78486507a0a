"""What was seen of a GPU over time, and what a window of it comes to; pure, so that made-up traces test it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from bench.record import Reading
from bench.sampler import energy
from bench.sampler.ticks import Tick, Ticking

PERIOD = 0.1  # s between rounds of reading

# The driver's reasons for holding the clock down, by its own counters; of the other three (clocks kept equal between
# GPUs, too little work, a display) none is a limit of power, heat or voltage.
THERMAL = ("sw_thermal", "hw_thermal")
LIMITS = ("sw_power_cap", "hw_power_brake", *THERMAL)
MORE_LIMITS = ("board_limit", "reliability")  # not on every card

MIG = "a MIG slice: NVML has it of the whole GPU only"
# What NVML gives of the whole GPU, so not of a slice.
_OF_THE_WHOLE = ("energy", "power", "utilization", "throttle", "pcie", "nvlink", "memory.device")


@dataclass(frozen=True)
class Round:
    """All quantities read once, between two moments (s): for each a value, or the reason why there is none."""

    began: float
    ended: float
    values: Mapping[str, float | str]


@dataclass
class Trace:
    """Everything seen so far. ``power`` and ``buffer`` are points (s, W) of the sensor and of the driver's own samples,
    or the reason why there are none; ``ticks`` likewise of the energy counter. ``counts`` says whether there is such a
    counter at all, so that one number never mixes two methods: energy is then the counter's or absent."""

    scope: str = "GPU"
    mig: bool = False
    counts: bool = True
    ticks: list[Tick] | str = field(default_factory=list)
    ticking: Ticking | None = None
    power: list[tuple[float, float]] | str = field(default_factory=list)
    buffer: list[tuple[float, float]] | str = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    def window(self, begin: float, end: float) -> dict[str, Reading]:
        """Every reading of the time from ``begin`` to ``end``, in seconds of the rounds' clock, but for memory."""
        inside = [seen for seen in self.rounds if seen.began >= begin and seen.ended <= end]
        readings = {**self._energy(begin, end), **_throttling(inside, end - begin)}
        for name, quantity in _QUANTITIES.items():
            readings[name] = quantity.reading(inside, begin, end)
        readings["power.max"] = self._most(begin, end)
        return {name: self._of_slice(name, reading) for name, reading in readings.items()}

    def idle(self, begin: float, end: float) -> Reading:
        """The energy of a device whose load does not change, by the method of `window`'s: there is nothing before the
        window that its first tick could still tell of."""
        joules = (self._counted if self.counts else self._integrated)(begin, end, lookback=0.0, least=0.5)
        return self._of_slice("energy", joules)

    def _energy(self, begin: float, end: float) -> dict[str, Reading]:
        integrated = self._integrated(begin, end)
        buffer = (
            Reading.absent(self.buffer)
            if isinstance(self.buffer, str)
            else energy.integrated(self.buffer, begin, end, energy.SAMPLES, self.scope)
        )
        first = self._counted(begin, end) if self.counts else integrated
        return {"energy": first, "energy.integrated": integrated, "energy.samples": buffer}

    def _counted(self, begin: float, end: float, **how: float) -> Reading:
        if isinstance(self.ticks, str):
            return Reading.absent(self.ticks)
        if self.ticking is None:
            return Reading.absent("the energy counter's ticks are not known: too few were seen")
        return energy.counted(self.ticks, self.ticking.median, begin, end, self.scope, **how)

    def _integrated(self, begin: float, end: float, **how: float) -> Reading:
        if isinstance(self.power, str):
            return Reading.absent(self.power)
        return energy.integrated(self.power, begin, end, energy.INTEGRATED, self.scope, **how)

    def _most(self, begin: float, end: float) -> Reading:
        if isinstance(self.power, str):
            return Reading.absent(self.power)
        watts = [watts for at, watts in self.power if begin + PERIOD <= at <= end]
        if not watts:
            return _no_sample(end - begin, PERIOD)
        return Reading(max(watts), "NVML instantaneous power, sampled", scope=self.scope, error=energy.SENSOR)

    def _of_slice(self, name: str, reading: Reading) -> Reading:
        return Reading.absent(MIG) if self.mig and name.startswith(_OF_THE_WHOLE) else reading


@dataclass(frozen=True)
class _Quantity:
    """How a window's values of one quantity become its reading.

    A value looks back over ``span`` seconds, or to the moment that stands beside it under ``since``; it is used if that
    lies in the window. ``least`` values make a reading.
    """

    key: str
    reduce: Callable[[Sequence[float]], float]
    source: str
    span: float = 0.0
    since: str = ""
    least: int = 1

    def reading(self, inside: Sequence[Round], begin: float, end: float) -> Reading:
        """The reading of a window."""
        found = [(self._since(seen), seen.values[self.key]) for seen in inside if self.key in seen.values]
        values = [value for since, value in found if not isinstance(value, str) and since >= begin]
        reasons = [value for _, value in found if isinstance(value, str)]
        if len(values) < self.least:
            return Reading.absent(reasons[-1]) if reasons else _no_sample(end - begin, self.span)
        failed = f"; {len(reasons)} of {len(found)} samples failed: {reasons[-1]}" if reasons else ""
        return Reading(self.reduce(values), self.source + failed)

    def _since(self, seen: Round) -> float:
        since = seen.values.get(self.since)
        return since if isinstance(since, float) else seen.began - self.span


def _grown(values: Sequence[float]) -> float:
    """How much a count grew; one that fell started again, and what it has now is what is known to have come."""
    return values[-1] - values[0] if values[-1] >= values[0] else values[-1]


# What NVML's GPM gives, on Hopper and later.
GPM = (
    *("utilization.sm", "utilization.tensor", "utilization.dram"),
    *("pcie.rx", "pcie.tx", "nvlink.rx", "nvlink.tx"),
)
SINCE = "gpm.since"  # the moment since which a round's values are the mean: the last round but one
_GPM = "NVML GPM, mean of the rounds"
_ECC = "NVML volatile ECC counts, grown by"
_RATES = "NVML utilization rates, sampled"
_QUANTITIES = {
    "clock.sm": _Quantity("clock.sm", median, "NVML SM clock, sampled"),
    "clock.memory": _Quantity("clock.memory", median, "NVML memory clock, sampled"),
    "temperature": _Quantity("temperature", max, "NVML GPU temperature, sampled"),
    "temperature.memory": _Quantity("temperature.memory", max, "NVML memory temperature, sampled"),
    "utilization.gpu": _Quantity("utilization.gpu", fmean, _RATES, span=1.0),
    "utilization.memory": _Quantity("utilization.memory", fmean, _RATES, span=1.0),
    **{name: _Quantity(name, fmean, _GPM, span=3 * PERIOD, since=SINCE) for name in GPM},
    "pcie.generation": _Quantity("pcie.generation", min, "NVML current PCIe link, sampled"),
    "pcie.width": _Quantity("pcie.width", min, "NVML current PCIe link, sampled"),
    **{name: _Quantity(name, _grown, _ECC, least=2) for name in ("ecc.corrected", "ecc.uncorrected")},
}


def _throttling(inside: Sequence[Round], window: float) -> dict[str, Reading]:
    """Shares of the time in which limits held the clock down, by the driver's own counters of nanoseconds.

    Several limits can hold at once, so the longest of them is what is known of all together.
    """
    shares = {name: _share(inside, f"throttled.{name}", window) for name in (*LIMITS, *MORE_LIMITS)}
    more = [name for name in MORE_LIMITS if shares[name].value is not None]
    together = _longest([shares[name] for name in (*LIMITS, *more)])
    refused = _refusal(inside, [f"throttled.{name}" for name in LIMITS])
    if refused:
        polled = _Quantity("limited", fmean, f"NVML clocks event reasons, polled; {refused}")
        together = polled.reading(inside, inside[0].began, inside[-1].ended)
    return {
        "throttle.share": together,
        "throttle.power": shares["sw_power_cap"],
        "throttle.thermal": _longest([shares[name] for name in THERMAL]),
    }


def _share(inside: Sequence[Round], key: str, window: float) -> Reading:
    refused = _refusal(inside, [key])
    if refused:
        return Reading.absent(refused)
    found = ((seen.ended, seen.values.get(key)) for seen in inside)
    counts = [(at, value) for at, value in found if isinstance(value, float)]
    if len(counts) < 2 or counts[-1][0] - counts[0][0] < energy.COVERED * window:
        return _no_sample(window, 0)
    (begin, before), (end, after) = counts[0], counts[-1]
    if after < before:
        return Reading.absent(f"the driver's counter of throttled time went backwards, from {before:g} to {after:g} s")
    # The two moments are known to a millisecond or so, so time throttled throughout may come to a little more than all.
    share = min((after - before) / (end - begin), 1.0)
    return Reading(share, "NVML counter of throttled time", seconds=end - begin)


def _refusal(inside: Sequence[Round], keys: Sequence[str]) -> str | None:
    """Why the driver gives one of the quantities not at all."""
    answers = (seen.values.get(key) for key in keys for seen in inside)
    return next((answer for answer in answers if isinstance(answer, str)), None)


def _longest(readings: Sequence[Reading]) -> Reading:
    absent = next((reading for reading in readings if reading.value is None), None)
    return absent or max(readings, key=lambda reading: reading.value or 0.0)


def _no_sample(seconds: float, span: float) -> Reading:
    looks_back = f" and looks back over {span:g} s" if span else ""
    return Reading.absent(f"no sample in a window of {seconds:.3f} s: one is taken every {PERIOD:g} s{looks_back}")


MEMORY = ("memory.process", "memory.device")
WINDOW = (
    *("energy", "energy.integrated", "energy.samples", "power.max"),
    *("throttle.share", "throttle.power", "throttle.thermal"),
    *_QUANTITIES,
)
