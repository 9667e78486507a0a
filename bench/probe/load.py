"""A load that is switched on and off as told, so that what a sensor says can be held against what was done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.device import Device

# The side of the square matrices, large enough for full power; products are given to the device in batches of this
# time, so that a load of 10 ms is cut off in time.
SIDE = {"cpu": 256}
SIDE_OF_GPUS = 4096
BATCH = 0.002  # s


@dataclass(frozen=True)
class Phase:
    """``times`` times on for ``on`` seconds, then off for ``off``, and for up to ``jitter`` seconds more, by lot."""

    name: str
    on: float
    off: float
    times: int = 1
    jitter: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it takes, about."""
        return self.times * (self.on + self.off + self.jitter / 2)


@dataclass(frozen=True)
class Played:
    """A phase as it came out: its begin and end, and the begin and end of each time that the load was on. Units: s of
    ``time.perf_counter``, which all processes of a machine share on Linux."""

    name: str
    begin: float
    end: float
    on: Sequence[tuple[float, float]]

    @property
    def duty(self) -> float:
        """The share of the time in which the load was on."""
        return sum(end - begin for begin, end in self.on) / (self.end - self.begin)


class Load:
    """``run_for`` keeps the device working for so many seconds, and returns when it is idle again."""

    def __init__(
        self,
        run_for: Callable[[float], None],
        clock: Callable[[], float] = time.perf_counter,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._run_for = run_for
        self._clock = clock
        self._pause = pause
        self._lot = random.Random(1)

    def play(self, phase: Phase) -> Played:
        """Switch on and off; what is late is made up for, so that the period of a wave is kept."""
        begin = due = self._clock()
        on = []
        for _ in range(phase.times):
            self._wait_until(due)
            began = self._clock()
            self._run_for(max(due + phase.on - began, 0.0))
            on.append((began, self._clock()))
            due += phase.on + phase.off + self._lot.uniform(0, phase.jitter)
        self._wait_until(due)
        return Played(phase.name, begin, self._clock(), on)

    def _wait_until(self, moment: float) -> None:
        self._pause(max(moment - self._clock(), 0.0))


def play(device: Device, phases: Sequence[Phase]) -> dict[str, Any]:
    """The phases on a device of torch's, as JSON: ``what`` the load is, and each phase as it was ``played``."""
    products = Products(device)
    load = Load(products.run_for)
    return {"what": products.name, "played": [asdict(load.play(phase)) for phase in phases]}


class Products:
    """Products of matrices of normal numbers: equal or zero ones would draw less power (arXiv 2212.08805)."""

    def __init__(self, device: Device, clock: Callable[[], float] = time.perf_counter) -> None:
        import torch

        self._device = device
        self._clock = clock
        side = SIDE.get(device.kind, SIDE_OF_GPUS)
        dtype = torch.float32 if device.kind == "cpu" else torch.float16
        device.select()
        torch.manual_seed(1)
        self._one, self._other = (torch.randn(side, side, device=device.torch).to(dtype) for _ in range(2))
        self._product = torch.empty_like(self._one)
        self.name = f"products of {str(dtype).removeprefix('torch.')} matrices of {side} x {side}"
        self._batch = max(1, int(BATCH / self._seconds_of_one()))

    def run_for(self, seconds: float) -> None:
        """Keep the device working for so long."""
        end = self._clock() + seconds
        while self._clock() < end:
            self._multiply(self._batch)

    def _multiply(self, times: int) -> None:
        import torch

        for _ in range(times):
            torch.matmul(self._one, self._other, out=self._product)
        self._device.synchronize()

    def _seconds_of_one(self) -> float:
        self._multiply(3)  # the first ones load kernels
        begin = self._clock()
        self._multiply(10)
        return (self._clock() - begin) / 10
