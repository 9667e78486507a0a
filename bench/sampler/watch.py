"""The reading itself: a round of everything whenever the energy counter has moved, about ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.errors import Unavailable
from bench.idle import idle_power
from bench.nvml import Gpm, Gpu
from bench.record import Reading, absent
from bench.sampler.energy import COVERED
from bench.sampler.facts import identity, seen, timeline
from bench.sampler.memory import Memory
from bench.sampler.quantities import asked, read
from bench.sampler.ticks import Follower
from bench.sampler.trace import GPM, PERIOD, SINCE, Round, Trace

# How the idle device is waited for; see `bench.idle`. The counter ticks slowly, so blocks are long, and GPUs take
# seconds to let their clocks down.
BLOCK = 0.5  # s
AGREED = 0.02
LONGEST = 5.0  # s
SLOW = 10  # rounds between looks at what is slow to read, or keeps for long


class Watch:
    """Watches one GPU for one case. ``pid`` is the measured process, None where it does not use this GPU."""

    def __init__(
        self,
        gpu: Gpu,
        pid: int | None,
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gpu = gpu
        self._clock = clock
        self._wall = wall
        self._pause = pause
        self._trace = Trace(gpu.scope, gpu.mig)
        self._follower = Follower(gpu.energy_counter, clock, pause, PERIOD)
        self._memory = Memory(gpu, pid, self._trace.mig)
        self._gpm: Gpm | str = asked(gpu.gpm)
        self._piped = 0.0  # when GPM was asked last
        self._drained = 0  # the newest of the driver's own samples that was taken, in its microseconds
        self._windows: list[tuple[float, float]] = []
        self._idle: dict[str, Any] | None = None

    def now(self) -> float:
        """The clock, in seconds."""
        return self._clock()

    def due(self) -> float:
        """When the next round is due, in seconds of the clock."""
        last = self._trace.rounds[-1].began if self._trace.rounds else None
        if isinstance(self._trace.ticks, str) or last is None:
            return (last or self._clock()) + PERIOD
        return self._follower.due() or self._clock()

    def look(self) -> None:
        """Wait for the counter to move, then read everything once."""
        self._follow()
        began = self._clock()
        self._sense()
        values = read(self._gpu) | self._pipes()
        self._memory.look(began)
        number = len(self._trace.rounds)
        if number % SLOW == 0:
            self._drain()
            self._memory.look_around()
        self._trace.rounds.append(Round(began, self._clock(), values))

    def before(self) -> dict[str, Reading]:
        """The case has not touched the device yet: wait until its power is steady, and say what it is."""
        self._memory.begin()
        while not isinstance(self._trace.ticks, str) and self._follower.ticking is None:
            self.look()
        idle, waited = idle_power(self._over, BLOCK, AGREED, LONGEST)
        self._idle = {**waited, "memory": self._memory.before}
        return {"power.idle": idle}

    def shortest(self) -> float:
        """The seconds that a window needs for its energy: time is lost before its first usable tick and behind its last
        one, which may be no more than what `energy.COVERED` leaves. A tenth more, since ticks and rounds come late."""
        tick = self._trace.ticking.median if self._trace.ticking else PERIOD
        return 1.1 * (tick + 2 * max(tick, PERIOD)) / (1 - COVERED)

    def window(self, begin: float, end: float) -> dict[str, Reading]:
        """The readings of a window that has just closed."""
        self._drain()
        self._windows.append((begin, end))
        return {**self._trace.window(begin, end), **self._memory.window(begin, end)}

    def facts(self) -> dict[str, Any]:
        """What is worth knowing beside the readings; see the record's ``meters``."""
        return {
            **identity(self._gpu, self._trace.mig),
            **seen(self._trace),
            "before": self._idle or absent("the idle device was not looked at"),
            **self._memory.facts(),
            **timeline(self._trace, self._windows),
        }

    def close(self) -> None:
        """Give back what the GPU's monitors hold."""
        if not isinstance(self._gpm, str):
            self._gpm.close()

    def _follow(self) -> None:
        if isinstance(self._trace.ticks, str):
            return
        try:
            tick = self._follower.catch()
        except Unavailable as unavailable:
            self._without_counter(str(unavailable))
            return
        if tick is None and self._follower.ticking is None:
            self._without_counter(f"the energy counter stood still for {self._follower.PATIENCE:g} s")
            return
        if tick is not None:
            self._trace.ticks.append(tick)
        self._trace.ticking = self._follower.ticking

    def _without_counter(self, why: str) -> None:
        """Where it has never worked, another method takes its place; where it fails now, there is no energy."""
        self._trace.counts = bool(self._trace.ticks)
        self._trace.ticks = why

    def _over(self, seconds: float) -> Reading:
        """The energy of the idle device over the next so many seconds."""
        begin = self._clock()
        while self._clock() < begin + seconds:
            self._pause(max(self.due() - self._clock(), 0.0))
            self.look()
        return self._trace.idle(begin, self._clock())

    def _sense(self) -> None:
        """The power sensor's newest value, at the moment that the driver stamped it with."""
        power = self._trace.power
        if isinstance(power, str):
            return
        stamped = asked(self._gpu.power)
        if isinstance(stamped, str):
            if not power:  # it never worked: no point in asking again
                self._trace.power = stamped
            return
        power.append((self._moment(stamped.stamp), stamped.value))

    def _drain(self) -> None:
        """The driver keeps the sensor's last values in a buffer; take what is new."""
        if isinstance(self._trace.buffer, str):
            return
        samples = asked(lambda: self._gpu.power_samples(self._drained))
        if isinstance(samples, str):
            if not self._trace.buffer:
                self._trace.buffer = samples
            return
        for sample in samples:
            self._trace.buffer.append((self._moment(sample.stamp), sample.value))
            self._drained = max(self._drained, round(sample.stamp * 1e6))

    def _moment(self, stamp: float) -> float:
        """The clock at a stamp of the driver's, which counts since 1970 by a clock that may be set meanwhile."""
        return self._clock() - (self._wall() - stamp)

    def _pipes(self) -> dict[str, float | str]:
        """GPM's shares; a pair of samples needs 0.1 s between them, so they are taken every other round."""
        if isinstance(self._gpm, str):
            return dict.fromkeys(GPM, self._gpm)
        if len(self._trace.rounds) % 2:
            return {}
        since, self._piped = self._piped, self._clock()
        sampled = asked(self._gpm.sample)
        if isinstance(sampled, str):
            return dict.fromkeys(GPM, sampled)
        return {**sampled, SINCE: since} if sampled else {}
