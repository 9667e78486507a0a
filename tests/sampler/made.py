"""A GPU made of formulas, and the clock that it lives by: what a sampler sees of it is arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bench.errors import Unavailable
from bench.nvml import Memory, Process, Stamped
from bench.sampler.trace import LIMITS, MORE_LIMITS

EPOCH = 1_700_000_000.0  # s; where the wall clock is when the clock is 0
LOOK = 0.00002  # s that an answer takes
START = -1.0  # s; power is drawn since
CELL = 0.0005  # s; power changes no faster


class Clock:
    """Seconds that pass by pausing and by asking."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return EPOCH + self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


class MadeGpu:
    """Draws ``watts(t)``. Its counter (mJ) moves every ``tick``; its sensor has a new value every ``period``, which is
    the mean power of the last ``window`` seconds."""

    uuid, name, scope, mig = "GPU-made", "Made H100", "GPU", False

    def __init__(
        self,
        clock: Clock,
        watts: Callable[[float], float],
        tick: float = 0.1,
        period: float = 0.1,
        window: float = 0.025,
    ) -> None:
        self.clock = clock
        self.watts = watts
        self.tick, self.period, self.window = tick, period, window
        self._sums = [0.0]  # J since START, at the end of each cell
        self.listed: list[Process] = []
        self.used = 1000
        self.answers: dict[str, Any] = {}

    def energy_counter(self) -> int:
        self._take("energy_counter")
        ticks = math.floor(self.clock.seconds / self.tick + 1e-9)
        return round(1e6 + 1e3 * self.energy(0.0, ticks * self.tick))

    def power(self) -> Stamped:
        self._take("power")
        at = math.floor(self.clock.seconds / self.period + 1e-9) * self.period
        return Stamped(self.energy(at - self.window, at) / self.window, EPOCH + at)

    def power_samples(self, since: int) -> list[Stamped]:
        self._take("power_samples")
        count = math.floor(self.clock.seconds / self.period + 1e-9)
        points = [number * self.period for number in range(max(0, count - 120), count + 1)]
        return [
            Stamped(self.energy(at - self.window, at) / self.window, EPOCH + at)
            for at in points
            if round((EPOCH + at) * 1e6) > since
        ]

    def energy(self, begin: float, end: float) -> float:
        """Joules between two moments."""
        return self._since_start(end) - self._since_start(begin)

    def _since_start(self, moment: float) -> float:
        cell = math.floor((moment - START) / CELL)
        while len(self._sums) <= cell + 1:
            self._sums.append(self._sums[-1] + CELL * self.watts(START + (len(self._sums) - 0.5) * CELL))
        part = (moment - START) / CELL - cell
        return self._sums[cell] + part * (self._sums[cell + 1] - self._sums[cell])

    def processes(self) -> list[Process]:
        self._take("processes")
        return self.listed

    def memory(self) -> Memory:
        self._take("memory")
        return Memory(80_000, 500, self.used, 80_000 - 500 - self.used)

    def gpm(self) -> Any:
        raise Unavailable("no monitors")

    def __getattr__(self, name: str) -> Any:
        """Whatever else is asked, as told in ``answers``: a value, an exception, or a function of the time."""
        if name.startswith("_") or name not in _OTHERS:
            raise AttributeError(name)

        def answer() -> Any:
            self._take(name)
            told = self.answers.get(name, _OTHERS[name])
            return told(self.clock.seconds) if callable(told) else told

        return answer

    def _take(self, name: str) -> None:
        self.clock.seconds += LOOK
        told = self.answers.get(name)
        if isinstance(told, Exception):
            raise told
        if name in ("energy_counter", "power", "power_samples", "memory", "processes") and callable(told):
            told(self.clock.seconds)


_OTHERS: dict[str, Any] = {
    "sm_clock": 1.5e9,
    "memory_clock": 2.6e9,
    "temperature": 60.0,
    "memory_temperature": 70.0,
    "limited": False,
    "utilization": (0.9, 0.4),
    "ecc_errors": (0, 0),
    "pcie": (5, 16),
    "power_limits": (700.0, 700.0),
    "throttled": dict.fromkeys((*LIMITS, *MORE_LIMITS), 0.0),
}
