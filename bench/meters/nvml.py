"""Energy, power, memory and state of an NVIDIA GPU, from the driver's management library.

Energy is the difference of the driver's counter over the window. The rest is sampled: a thread reads every 100 ms,
which costs nothing that can be measured (at 10 ms it costs 1 %), and what lies outside the window is not used.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench.errors import Unavailable
from bench.nvml import Gpu
from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

PERIOD = 0.1  # s between samples
# The energy counter moves about every 0.1 s (ml.energy's figure; undocumented), so a window's energy is off by up to
# that much time's power: a tenth of it at 1 s.
COUNTER_TICK = 0.1  # s
ENERGY_WINDOW = 10 * COUNTER_TICK


@dataclass(frozen=True)
class _Quantity:
    """Something that is sampled: how to read it, and what the window's samples come to.

    A sample looks back over ``span`` seconds, so it is used when that much of the window has passed. ``at_end`` is for
    what outlives the last step (memory, temperature): it is read once more when the window has closed.
    """

    read: Callable[[Gpu], float]
    reduce: Callable[[Sequence[float]], float]
    source: str
    span: float = 0.0
    sampled: bool = True
    at_end: bool = False


# New values come every 0.1 s on the GPUs of arXiv 2312.02741, each an average over 0.025 to 0.1 s.
_INSTANT = _Quantity(lambda gpu: gpu.instant_power(), max, "NVML instantaneous power, sampled", span=0.1)
_AVERAGE = _Quantity(
    Gpu.average_power, max, "NVML power usage (1-second average on Ampere and newer), sampled", span=1.0
)

_QUANTITIES = {
    "power.max": _INSTANT,
    # The allocator gives nothing back between steps: the end of the window holds its peak. Listing processes is slow.
    "memory.process": _Quantity(
        lambda gpu: gpu.process_memory(os.getpid()), max, "NVML compute processes", sampled=False, at_end=True
    ),
    "memory.device": _Quantity(lambda gpu: gpu.device_memory(), max, "NVML memory v2 used, sampled", at_end=True),
    "utilization.gpu": _Quantity(lambda gpu: gpu.gpu_utilization(), fmean, "NVML utilization rates, sampled", span=1.0),
    "utilization.memory": _Quantity(
        lambda gpu: gpu.memory_utilization(), fmean, "NVML utilization rates, sampled", span=1.0
    ),
    "clock.sm": _Quantity(lambda gpu: gpu.sm_clock(), median, "NVML SM clock, sampled"),
    "temperature": _Quantity(lambda gpu: gpu.temperature(), max, "NVML GPU temperature, sampled", at_end=True),
    "throttle.share": _Quantity(lambda gpu: gpu.throttled(), fmean, "NVML clocks event reasons, sampled"),
}

READINGS = ("energy", *_QUANTITIES)


def open_meter(device: Device) -> NvmlMeter:
    """The meter of a CUDA device, found by its UUID.

    Raises:
        Unavailable: not an NVIDIA device, or NVML's own reason.
    """
    if device.kind != "cuda":
        raise Unavailable(f"NVML measures NVIDIA GPUs only, not {device.name}")
    if device.uuid is None:
        raise Unavailable(f"torch gives no UUID for {device.name}, and NVML numbers devices in another order")
    return NvmlMeter(Gpu(device.uuid))


@dataclass(frozen=True)
class _Sample:
    """What one round of reading brought: for each quantity a value, or the reason why there is none."""

    began: float
    ended: float
    values: Mapping[str, float | str]


class NvmlMeter:
    """Watches windows of one GPU. ``clock`` counts seconds; without a ``period`` no thread is started."""

    def __init__(self, gpu: Gpu, clock: Callable[[], float] = time.perf_counter, period: float | None = PERIOD) -> None:
        self._gpu = gpu
        self._clock = clock
        self._period = period
        self._quantities = {**_QUANTITIES, "power.max": _power(gpu)}
        self._sampled = {name: quantity for name, quantity in self._quantities.items() if quantity.sampled}

    def start(self) -> None:
        self._samples: list[_Sample] = []
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="wattmark-nvml", daemon=True)
        if self._period is not None:
            self._thread.start()
        self._opened = self._clock()
        self._counter = _read(lambda gpu: gpu.energy_counter(), self._gpu)

    def stop(self) -> Mapping[str, Reading]:
        counter = _read(lambda gpu: gpu.energy_counter(), self._gpu)
        closed = self._clock()
        self._halt.set()
        if self._period is not None:
            self._thread.join()
        readings = {"energy": energy(self._counter, counter, closed - self._opened, self._gpu.scope)}
        for name, quantity in self._quantities.items():
            readings[name] = self._reading(name, quantity, closed)
        return readings

    def close(self) -> None:
        self._gpu.close()

    def sample(self) -> None:
        """Read everything that is sampled, once."""
        began = self._clock()
        values = {name: _read(quantity.read, self._gpu) for name, quantity in self._sampled.items()}
        self._samples.append(_Sample(began, self._clock(), values))

    def _watch(self) -> None:
        while not self._halt.wait(self._period):
            self.sample()

    def _reading(self, name: str, quantity: _Quantity, closed: float) -> Reading:
        inside = [
            sample.values[name]
            for sample in self._samples
            if quantity.sampled and sample.began - self._opened >= quantity.span and sample.ended <= closed
        ]
        if quantity.at_end:
            inside.append(_read(quantity.read, self._gpu))
        if not inside:
            return Reading.absent(
                f"no sample in a window of {closed - self._opened:.3f} s: one is taken every {PERIOD:g} s"
                + (f" and looks back over {quantity.span:g} s" if quantity.span else "")
            )
        values = [value for value in inside if not isinstance(value, str)]
        reasons = [value for value in inside if isinstance(value, str)]
        if not values:
            return Reading.absent(reasons[-1])
        failed = f"; {len(reasons)} of {len(inside)} samples failed: {reasons[-1]}" if reasons else ""
        return Reading(quantity.reduce(values), quantity.source + failed)


def energy(before: float | str, after: float | str, seconds: float, scope: str = "whole GPU") -> Reading:
    """The energy of a window of ``seconds`` between two values of the counter (mJ), or reasons instead of values.

    The counter starts again when the driver is reloaded, so one that ran backwards is no measurement; nor is one that
    did not move.
    """
    if isinstance(before, str) or isinstance(after, str):
        return Reading.absent(before if isinstance(before, str) else str(after))
    if after < before:
        return Reading.absent(f"the energy counter went backwards, from {before:.0f} to {after:.0f} mJ")
    if after == before:
        return Reading.absent(f"window shorter than the counter's tick: no change in {seconds:.3f} s")
    if seconds < ENERGY_WINDOW:
        return Reading.absent(
            f"a window of {seconds:.3f} s is too short for energy: the counter ticks about every {COUNTER_TICK:g} s, "
            f"{ENERGY_WINDOW:g} s are needed to know it to {COUNTER_TICK / ENERGY_WINDOW:.0%}"
        )
    return Reading((after - before) / 1e3, f"NVML total energy counter ({scope})")


def _power(gpu: Gpu) -> _Quantity:
    """How this GPU's power is read: decided once, so that one reading never mixes two kinds of power."""
    instant = _read(lambda gpu: gpu.instant_power(), gpu)
    if isinstance(instant, str):
        return replace(_AVERAGE, source=f"{_AVERAGE.source}; {instant}")
    return _INSTANT


def _read(read: Callable[[Gpu], float], gpu: Gpu) -> float | str:
    """The value, or the reason why there is none."""
    try:
        return read(gpu)
    except Unavailable as unavailable:
        return str(unavailable)
    except Exception as error:  # whatever a driver does, no measured step may die of its meter
        return f"unexpected {error!r}"
