"""Measuring one prepared step in this process: probe it, warm up until steady, then sample windows.

Only the step runs between a window's edges; at both edges the device is idle and meters are read outside.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from bench.meters import Meter
from bench.record import Reading, Sample
from bench.stopping import Narrow, Steady
from bench.typed import LARGEST

Tell = Callable[[str, Mapping[str, Any]], None]

# Steps are warmed up in blocks of about this length, so that the rule does not act on a single fast step's jitter.
BLOCK_SECONDS = 0.05


class MeasuredDevice(Protocol):
    """What measuring asks of a device."""

    def synchronize(self) -> None: ...

    def stopwatch(self) -> Any: ...


class Covariates(Protocol):
    """What tells a spoiled window."""

    def start(self) -> None: ...

    def stop(self, steps: int) -> Mapping[str, float | None]: ...


@dataclass(frozen=True)
class Plan:
    """How long to measure, in seconds.

    After the first step, warm-up takes ``warmup_least`` to ``warmup_most`` (and the rest of the step in which that
    passes), two steps at least. Sampling takes ``budget`` in about ``windows`` windows, and ends early when the time of
    a step is known to ``target`` or ``most_steps`` have run.
    """

    budget: float
    windows: int = 8
    warmup_least: float = 0.5
    warmup_most: float = 5.0
    target: float = 0.01
    most_steps: int = 5000


@dataclass(frozen=True)
class Measured:
    """What came of measuring: every step of the warm-up, the samples, and the losses where the step trains."""

    clock: str
    warmup_seconds: tuple[float, ...]
    steady: bool
    ended_by: str
    samples: tuple[Sample, ...]
    losses: Mapping[str, Reading]


class NotFinite(Exception):
    """The step's result is not finite: what was timed is not the computation."""


def measure(
    step: Callable[[int], Any],
    work: Sequence[Mapping[str, float]],
    device: MeasuredDevice,
    plan: Plan,
    meter: Meter | None = None,
    covariates: Covariates | None = None,
    trains: bool = False,
    tell: Tell = lambda event, facts: None,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Measured:
    """Measure ``step``.

    Args:
        step: runs step number i; see `workloads.prepared.Prepared`.
        work: the work of each batch, by unit; step i works on ``work[i % len(work)]``.
        clock: nanoseconds, monotonic.

    Raises:
        NotFinite: a loss or output is not finite.
    """
    window = Window(step, device, clock)
    probe_seconds, first = window.probe()
    tell("probe", {"seconds": probe_seconds})
    first_loss = finite(first)
    # Objects built so far never die: taking them out of the collector's sight keeps its pauses out of the steps.
    gc.collect()
    gc.freeze()
    warmup, steady = _warm_up(window, probe_seconds, plan)
    shortest = meter.shortest() if meter else 0.0
    typical = max(median(warmup[1:] or warmup), 1e-9)  # the device may have had nothing to do
    steps = max(1, round(max(plan.budget / plan.windows, shortest) / typical))
    samples: list[Sample] = []
    rule = Narrow(plan.budget, plan.target, most_steps=plan.most_steps)
    last_loss = first_loss
    while rule.ended_by is None:
        sample, result = window.sample(steps, shortest, plan.most_steps, work, meter, covariates)
        last_loss = finite(result)
        samples.append(sample)
        rule.add(sample.steps, sample.seconds)
        tell("sample", {"steps": sample.steps, "seconds": sample.seconds, "work": dict(sample.work)})
    losses = {"loss.first": first_loss, "loss.last": last_loss} if trains else {}
    return Measured(window.watch_name, tuple(warmup), steady, rule.ended_by, tuple(samples), losses)


def _warm_up(window: Window, probe_seconds: float, plan: Plan) -> tuple[list[float], bool]:
    """Run blocks of steps until they no longer get faster, or the warm-up's time is used; at least two after the probe.

    Returns every step's seconds, the probe's first, and whether the blocks had stopped getting faster.
    """
    rule = Steady()
    times, spent, fastest = [probe_seconds], 0.0, probe_seconds
    while not (rule.reached and spent >= plan.warmup_least) and (spent < plan.warmup_most or len(times) < 3):
        steps = max(1, round(BLOCK_SECONDS / fastest))
        seconds, step_seconds, _ = window.run(steps)
        rule.add(seconds / steps)
        times += step_seconds
        spent += seconds
        fastest = min(fastest, seconds / steps)
    return times, rule.reached


def finite(result: Any) -> Reading:
    """The result's mean as a reading.

    Raises:
        NotFinite: some element is infinite or not a number.
    """
    import torch  # not by whoever only reads what was measured

    # Without a copy in fp32: logits in bf16 may fill the device.
    number = float(result.mean(dtype=torch.float32) if isinstance(result, torch.Tensor) else result)
    if not abs(number) < LARGEST:
        raise NotFinite(f"the step's result is {number}, not a finite number")
    return Reading(number, "step")


class Window:
    """Runs numbered steps between idle edges. ``clock`` gives nanoseconds and is monotonic."""

    def __init__(self, step: Callable[[int], Any], device: MeasuredDevice, clock: Callable[[], int]) -> None:
        self._step = step
        self._device = device
        self._clock = clock
        self._watch = device.stopwatch()
        self._next = 0

    @property
    def watch_name(self) -> str:
        """What times the single steps."""
        return str(self._watch.name)

    def probe(self) -> tuple[float, Any]:
        """The very first step, alone; returns its wall seconds and its result."""
        seconds, _, result = self.run(1)
        return seconds, result

    def run(self, steps: int) -> tuple[float, tuple[float, ...], Any]:
        """Run steps; returns the window's wall seconds, each step's seconds and the last result."""
        step, mark, clock = self._step, self._watch.mark, self._clock
        numbers = range(self._next, self._next + steps)
        self._device.synchronize()
        begin = clock()
        marks = [mark()]
        add = marks.append
        for number in numbers:
            result = step(number)
            add(mark())
        self._device.synchronize()
        end = clock()
        self._next += steps
        return (end - begin) / 1e9, self._watch.seconds(marks), result

    def sample(
        self,
        steps: int,
        shortest: float,
        most: int,
        work: Sequence[Mapping[str, float]],
        meter: Meter | None,
        covariates: Covariates | None,
    ) -> tuple[Sample, Any]:
        """One window with its meter; returns the sample and the last step's result.

        A window that turns out shorter than ``shortest`` seconds, as when steps got faster since the warm-up, is
        continued after a synchronisation, up to ``most`` steps in all.
        """
        first = self._next
        self._device.synchronize()
        if meter:
            meter.start()
        if covariates:
            covariates.start()
        seconds, step_seconds, result = self.run(min(steps, most))
        while seconds < shortest and (done := len(step_seconds)) < most:
            missing = math.ceil((shortest - seconds) / (seconds / done))
            more, more_step_seconds, result = self.run(min(missing, most - done))
            seconds, step_seconds = seconds + more, step_seconds + more_step_seconds
        steps = len(step_seconds)
        beside = covariates.stop(steps) if covariates else {}
        readings = meter.stop() if meter else {}
        ran = [work[number % len(work)] for number in range(first, first + steps)]
        totals = {unit: sum(batch[unit] for batch in ran) for unit in work[0]}
        return Sample(first, steps, seconds, step_seconds, totals, None, beside, readings), result
