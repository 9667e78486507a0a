"""One arm of a pair, inside its process: builds the case, then runs short chunks of steps as it is told, one at a time.

Between chunks it sleeps, so that the other arm has the machine. The model is built anew where it is told to, with the
heap shifted, since where memory happens to lie makes a model fast or slow by several per cent.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from bench.building import Built, build
from bench.covariates import Covariates
from bench.device import Device
from bench.idle import mean_power
from bench.job import Job, Outcome
from bench.measuring import Tell, Window, finite
from bench.meters import Meters, open_meters
from bench.record import Reading, Replicate
from bench.replicate import classify

# Steps that are run before the first order, to learn what a step takes.
TRIED = 3

# The readings that tell a spoiled chunk, kept as its covariates.
WATCHED = ("clock.sm", "throttle.share", "throttle.power", "throttle.thermal", "temperature")

Hear = Callable[[], Mapping[str, Any] | None]


def serve(job: Job, tell: Tell, hear: Hear) -> Outcome:
    """Run chunks until there are no more orders; whatever goes wrong that Python can see becomes a status."""
    replicate = Replicate(job.index, "ok")
    try:
        arm = _Arm(job)
        try:
            tell("prepared", arm.known())
            while (order := hear()) is not None:
                tell("chunk", arm.energy(order) if order.get("energy") else arm.chunk(order))
            built = arm.built
            return Outcome(built.described(replicate), built.version, built.prepared.inputs, built.prepared.model)
        finally:
            arm.close()
    except Exception as error:
        status, reason = classify(error)
        return Outcome(replace(replicate, status=status, reason=reason))


class _Arm:
    """The case as it is built now, and the window that its steps run in."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._device = Device.from_json(job.device)
        self._meters: Meters | None = open_meters(tuple(job.meters), self._device) if job.meters else None
        self._covariates = Covariates()
        # The collector works between chunks alone, so that its pauses stay out of the steps.
        gc.disable()
        self._build(job.seed)

    def known(self) -> dict[str, Any]:
        """Seconds of building and of a step that is not the first, before anything is measured."""
        tried = [self._window.run(1)[0] for _ in range(TRIED)]
        return {"seconds": self.built.seconds, "step": min(tried[1:])}

    def chunk(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Run one chunk; the order has ``warm`` and ``steps``, and a ``seed`` where the model is to be built anew."""
        if order.get("seed") is not None:
            self._rebuild(order["seed"])
        gc.collect()
        warmup = self._window.run(order["warm"])[1] if order["warm"] else ()
        meters = self._meters if self._device.kind != "cpu" else None
        sample, result = self._window.sample(
            order["steps"], 0.0, order["steps"], self.built.prepared.work, meters, self._covariates
        )
        finite(result)
        watched = {name: sample.readings[name].value for name in WATCHED if name in sample.readings}
        return {
            "rebuilt": order.get("seed") is not None,
            "seconds": sample.seconds,
            "step_seconds": _rounded(sample.step_seconds),
            "warmup_seconds": _rounded(warmup),
            "work": dict(sample.work),
            "covariates": {**sample.covariates, **watched},
        }

    def energy(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """A window as long as the meters need: joules for each unit of work, the power's mean over the throughput."""
        if self._meters is None:
            return {"energy": asdict(Reading.absent("no meter was asked for"))}
        steps = max(1, round(self._shortest() / order["step"]))
        sample, _ = self._window.sample(
            steps, self._shortest(), 64 * steps, self.built.prepared.work, self._meters, self._covariates
        )
        # A meter that cannot be had says why before any window.
        said = sample.readings if "energy" in sample.readings else self._meters.before()
        read = said.get("energy", Reading.absent("no meter here counts energy"))
        if read.value is None:
            return {"energy": asdict(read)}
        items = next(iter(sample.work.values()))
        whole = replace(read, seconds=read.seconds or sample.seconds)
        return {"energy": asdict(replace(whole, value=mean_power([whole]) * sample.seconds / items))}

    def close(self) -> None:
        """No chunk will follow."""
        if self._meters is not None:
            self._meters.close()

    def _shortest(self) -> float:
        return self._meters.shortest() if self._meters else 0.0

    def _rebuild(self, seed: int) -> None:
        del self.built, self._window
        self._build(seed)

    def _build(self, seed: int) -> None:
        self.built: Built = build(replace(self._job, seed=seed), self._device)
        self._window = Window(self.built.prepared.step, self._device, time.perf_counter_ns)


def _rounded(seconds: tuple[float, ...]) -> list[float]:
    """To the nanosecond: more is not measured, and a chunk has to fit one write into a pipe."""
    return [round(one, 9) for one in seconds]
