"""Reads a GPU as fast as it makes sense, and keeps what changed and when: for finding out how its sensors work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.errors import Unavailable
from bench.nvml import Gpu
from bench.nvml.raw import Answer, state
from bench.sampler.ticks import POLL, Tick

SENSE = 0.005  # s between questions to the power sensor
AVERAGE = 0.02  # s between questions for the driver's own average
ROUND = 0.09  # s, at least, between rounds of everything else; they follow a tick, so as not to hide the next one
LATE = 0.3  # s after which a round no longer waits for a tick
DRAIN = 1.0  # s between looks into the driver's buffer of samples
SAME = 1e-4  # s; stamps nearer than this are one
PATIENCE = 30.0  # s to wait for the last answer: a driver in trouble can hang
TRIES = 20  # refusals after which a sensor that has never answered is not asked again


@dataclass(frozen=True)
class Sensed:
    """A value of the power sensor (W): when it was seen first, and when the driver says that it was taken. Units: s."""

    seen: float
    stamped: float
    watts: float


@dataclass
class Recording:
    """All that was seen, in seconds of one clock. Lists grow only where something changed.

    ``ticks`` are the energy counter's moves (mJ), those between distant questions too; ``power`` the sensor's values,
    ``average`` and ``samples`` points (s, W) of the driver's average and of its own buffer. ``tape`` has every answer
    under its key in a script, in NVML's own units and codes. ``asked`` and ``refused`` count questions to the power
    sensor; ``reasons`` say, by name (counter, power, average, samples), why there is nothing, or what was refused last.
    """

    ticks: list[Tick] = field(default_factory=list)
    power: list[Sensed] = field(default_factory=list)
    average: list[tuple[float, float]] = field(default_factory=list)
    samples: list[tuple[float, float]] = field(default_factory=list)
    tape: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    asked: int = 0
    refused: int = 0
    reasons: dict[str, str] = field(default_factory=dict)

    def note(self, at: float, answers: Iterable[Answer]) -> None:
        """Put a round of answers on the tape."""
        for answer in answers:
            self._changed(answer.returned, at, answer.code)
            if answer.value is not None:
                self._changed(answer.key, at, answer.value)

    def _changed(self, key: str, at: float, value: int) -> None:
        line = self.tape.setdefault(key, [])
        if not line or line[-1][1] != value:
            line.append((at, value))


class Recorder:
    """Fills a recording with what a GPU answers."""

    def __init__(
        self,
        gpu: Gpu,
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        everything: Callable[[Gpu], list[Answer]] = state,
    ) -> None:
        self.recording = Recording()
        self._gpu = gpu
        self._clock = clock
        self._wall = wall
        self._pause = pause
        self._everything = everything
        self._count: tuple[int, float] | None = None  # the counter, and when it was last asked
        self._next: dict[str, float] = {}
        self._failures: dict[str, int] = {}  # of what has never worked
        self._worked: set[str] = set()
        self._drained = 0
        self._last_round = -math.inf

    def look(self) -> None:
        """Ask what is due now."""
        ticked = self._read("counter", self._counter, 0.0)
        self._read("power", self._sensor, SENSE)
        self._read("average", self._averaged, AVERAGE)
        since = self._clock() - self._last_round
        if since > LATE or (ticked and since > ROUND):
            self._last_round = self._clock()
            self.recording.note(self._last_round, self._everything(self._gpu))
            self._read("samples", self._buffer, DRAIN)

    def run(self, done: Callable[[], bool]) -> None:
        """Look until it is done, then take what is left in the driver's buffer."""
        while not done():
            self.look()
            self._pause(POLL)
        self._next.pop("samples", None)
        self._read("samples", self._buffer, DRAIN)

    @contextmanager
    def beside(self) -> Iterator[Recording]:
        """Look from a thread of its own for as long as the block runs.

        Raises:
            Unavailable: the driver did something that nobody expects, or does not answer any more.
        """
        ended, broken = threading.Event(), list[Exception]()

        def run() -> None:
            try:
                self.run(ended.is_set)
            except Exception as error:
                broken.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield self.recording
        finally:
            ended.set()
            thread.join(PATIENCE)
        if broken:
            raise Unavailable(f"the recording broke off: {broken[0]!r}")
        if thread.is_alive():
            raise Unavailable(f"the driver did not answer in {PATIENCE:g} s")

    def _read(self, name: str, ask: Callable[[], bool], period: float) -> bool:
        """Ask if it is time; whether there was something new."""
        now = self._clock()
        if now < self._next.get(name, now):
            return False
        self._next[name] = now + period
        try:
            new = ask()
        except Unavailable as unavailable:
            self.recording.reasons[name] = str(unavailable)
            self.recording.refused += name == "power"
            if name not in self._worked:
                self._failures[name] = self._failures.get(name, 0) + 1
                self._next[name] = now + period if self._failures[name] < TRIES else math.inf
            return False
        self._worked.add(name)
        return new

    def _counter(self) -> bool:
        began = self._clock()
        value, after = self._gpu.energy_counter(), self._clock()
        before, self._count = self._count, (value, began)
        if before is None or before[0] == value:
            return False
        self.recording.ticks.append(Tick(value, before[1], after))
        return True

    def _sensor(self) -> bool:
        self.recording.asked += 1
        told = self._gpu.power()
        now = self._clock()
        power = self.recording.power
        stamped = now - (self._wall() - told.stamp)
        if power and abs(stamped - power[-1].stamped) < SAME and told.value == power[-1].watts:
            return False
        power.append(Sensed(now, stamped, told.value))
        return True

    def _averaged(self) -> bool:
        watts = self._gpu.average_power()
        average = self.recording.average
        if average and average[-1][1] == watts:
            return False
        average.append((self._clock(), watts))
        return True

    def _buffer(self) -> bool:
        samples = self._gpu.power_samples(self._drained)
        offset = self._clock() - self._wall()
        for sample in samples:
            self.recording.samples.append((sample.stamp + offset, sample.value))
            self._drained = max(self._drained, round(sample.stamp * 1e6))
        return bool(samples)
