"""Energy, power, memory and state of an NVIDIA GPU, from the driver's management library.

All of it is read by a process of its own (`bench.sampler`); here windows are opened and closed, and no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bench.errors import Inapplicable, Unavailable
from bench.meters import Meter
from bench.record import Reading
from bench.sampler.trace import MEMORY, PERIOD, WINDOW

if TYPE_CHECKING:
    from bench.device import Device

READINGS = (*WINDOW, *MEMORY, "power.idle")

PATIENCE = 30.0  # s to wait for an answer of the sampler: a driver in trouble can hang


def open_meter(device: Device, target: str | None = None) -> NvmlMeter:
    """The meter of a CUDA device, found by its UUID; or of ``target``, a UUID or NVML's number, whatever the case's
    device is.

    Raises:
        Unavailable: not an NVIDIA device, or NVML's own reason.
    """
    if target is not None:
        return NvmlMeter(Sampler(target, None))
    if device.kind != "cuda":
        raise Inapplicable(f"NVML measures NVIDIA GPUs only, not {device.name}")
    if device.uuid is None:
        raise Unavailable(f"torch gives no UUID for {device.name}, and NVML numbers devices in another order")
    return NvmlMeter(Sampler(device.uuid, os.getpid()))


class NvmlMeter(Meter):
    """Watches windows of one GPU through its sampler."""

    def __init__(
        self,
        sampler: Sampler,
        clock: Callable[[], float] = time.perf_counter,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sampler = sampler
        self._clock = clock
        self._pause = pause
        self._phase = random.Random()

    def before(self) -> Mapping[str, Reading]:
        return self._readings("power.idle", ask="before")

    def shortest(self) -> float:
        try:
            return float(self._sampler.ask(ask="shortest")["seconds"])
        except Unavailable:
            return 0.0

    def start(self) -> None:
        # The power sensor looks at a part of every 0.1 s only. Each window meets it at another phase, so that steps of
        # nearly its period are not seen in the same part of the step for ever.
        self._pause(self._phase.uniform(0, PERIOD))
        self._begin = self._clock()

    def stop(self) -> Mapping[str, Reading]:
        return self._readings(*WINDOW, *MEMORY, ask="window", begin=self._begin, end=self._clock())

    def facts(self) -> Mapping[str, Any]:
        try:
            facts: dict[str, Any] = self._sampler.ask(ask="facts")
        except Unavailable as unavailable:
            return {"reason": str(unavailable)}
        return facts

    def close(self) -> None:
        self._sampler.close()

    def _readings(self, *names: str, **question: Any) -> dict[str, Reading]:
        try:
            answer = self._sampler.ask(**question)
        except Unavailable as unavailable:
            return dict.fromkeys(names, Reading.absent(str(unavailable)))
        return {name: Reading(**answer[name]) for name in names}


class Sampler:
    """The process that watches a GPU. ``target`` is a UUID or NVML's number, ``pid`` the process whose memory counts.

    Raises:
        Unavailable: no such GPU, or NVML's own reason.
    """

    def __init__(self, target: str, pid: int | None) -> None:
        command = [sys.executable, "-P", "-m", "bench.sampler", target, *([] if pid is None else [str(pid)])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            hello = self._answer()
            if "unavailable" in hello:
                raise Unavailable(hello["unavailable"])
        except Unavailable:
            self.close()
            raise

    def ask(self, **question: Any) -> Any:
        """The answer to a question.

        Raises:
            Unavailable: the sampler has ended, or is silent.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Unavailable(self._ended()) from None
        return self._answer()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        if not ready:
            self._process.kill()  # a late answer must not be taken for the next question's
            raise Unavailable(f"the sampler did not answer in {PATIENCE:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable(self._ended())
        return json.loads(line)

    def _ended(self) -> str:
        return f"the sampler ended with code {self._process.wait()}"
