"""`from bench import measure`: a step of one's own code, measured in this process as a replicate is in its own.

What is derived, printed and kept is a record's, so a number means here what it means in every report. What a record
says of a model that Wattmark built, and cannot say of one that the caller built, is absent or called `OWN`.
"""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch

from bench import measuring
from bench.case import Case
from bench.covariates import Covariates
from bench.device import Device
from bench.engines.local import PINNED
from bench.environment import environment, scrub, scrub_all
from bench.matrix import Matrix
from bench.measuring import Plan
from bench.meters import names, open_meters
from bench.meters.host import peak_resident
from bench.own_step import OwnStep, amounts, choose, in_use
from bench.plausible import judged
from bench.rates import Value, value
from bench.record import Reading, Record, Replicate, Run, Sample, absent
from bench.run import plan
from bench.typed import typed

OWN = "own"  # the precision and the inputs of code that is the caller's own: whatever it uses
LATE = "the process was on the device already when measuring began"


@dataclass(frozen=True, repr=False)
class Measurement:
    """A record with one replicate, the process that called. ``m["time.step"]`` is a `bench.rates.Value` with its unit,
    or the reason for its absence; ``print(m)`` shows the main ones.

    One process has no interval: another may be several per cent faster, by lot. So two measurements are to be compared
    by eye and no further; whether a change is one, `wattmark gate` says. ``Store(folder).write(m.record)`` keeps it for
    `wattmark report`.
    """

    record: Record

    def __getitem__(self, metric: str) -> Value:
        """One metric of `bench.metric.METRICS`.

        Raises:
            KeyError: no such metric.
        """
        return value(self.record, metric)

    def __str__(self) -> str:
        from reports.measurement import words

        return words(self.record)

    __repr__ = __str__


def measure(
    step: Callable[..., Any],
    *,
    work: float | Mapping[str, float] = 1,
    device: str | torch.device | None = None,
    budget: float = 2.0,
    meters: Sequence[str] | None = None,
    trains: bool = False,
    name: str | None = None,
) -> Measurement:
    """Measure a step in this process: probe it, warm it up until it is steady, then sample windows with all meters.

    Args:
        step: runs one step. It is called without arguments if it can be, else with the number of the step. A tensor or
            number that it returns has to be finite, which is looked at after each window; anything else is not looked
            at, and the record says so.
        work: of one step: a number of items, or amounts by unit, as ``{"image": 32}``; the first unit is the item.
        device: where the step runs; by default the accelerator that this process has memory on, else the CPU.
        budget: seconds of sampling. Warming up comes on top, half a second at least.
        meters: their names, as for ``--meter``; by default all of them.
        trains: whether the step returns its loss, to be kept as ``loss.first`` and ``loss.last``.
        name: what the record calls the step; by default ``module:function``.

    ``memory.host`` is the peak of the process since it began, as everywhere, and absent where that was reached before.
    Of an accelerator, idle power and with it net energy are absent, since the process is no longer new to it.

    Raises:
        TypeError: ``step`` cannot be called so, or trains without returning a loss.
        ValueError: ``work`` or ``budget`` is not above 0, or the step runs on another device.
        SpecError: there is no meter of that name.
        Unavailable: torch has no such device here.
        NotFinite: the step's result is not finite: what was timed is not the computation.
    """
    own = OwnStep(step, trains)
    batch = amounts(work)
    if not (isinstance(budget, int | float) and 0 < budget < math.inf):
        raise ValueError(f"budget = {budget!r}; a number of seconds above 0 is needed")
    own.where = where = choose(device)
    case = Case(scrub(name or own.name), where.name, OWN, 1, batch, data=OWN)
    begun = datetime.now(UTC)
    wanted = names() if meters is None else (meters,) if isinstance(meters, str) else tuple(meters)
    how = plan(Matrix("measure", (), budget=budget, accelerator_budget=budget), case)
    replicate = _replicate(own, batch, where, how, wanted)
    if device is None and where.kind == "cpu" and (used := in_use()):
        raise ValueError(f"the step used {used[0].name}; say where it runs: device={used[0].name!r}")
    facts = {**environment(where), "allocator": _allocator()}
    return Measurement(judged(Record(_run(case, begun), case, facts, "ok", replicates=(replicate,))))


def _replicate(own: OwnStep, batch: Mapping[str, float], where: Device, how: Plan, wanted: Sequence[str]) -> Replicate:
    """The replicate that this process is."""
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    opened = open_meters(wanted, where)
    peak = peak_resident()
    try:
        before = opened.before()
        with _collector(), _selected(where):
            measured = measuring.measure(own.run, [batch], where, how, opened, Covariates(), own.trains)
        facts = opened.facts()
    finally:
        opened.close()
    replicate = Replicate(
        0,
        "ok",
        started=begun,
        clock=measured.clock,
        warmup_seconds=measured.warmup_seconds,
        steady=measured.steady,
        ended_by=measured.ended_by,
        samples=tuple(_of_now(sample, peak) for sample in measured.samples),
        readings={**before, **measured.losses},
        made={"how": "in the caller's process", "result": own.result},
        meters=facts,
    )
    return typed(scrub_all(asdict(replicate if where.kind == "cpu" else late(replicate))), Replicate)


def _of_now(sample: Sample, peak: Reading) -> Sample:
    """The sample without a peak of host memory that the process had reached before."""
    host = sample.readings.get("memory.host")
    if host is None or host.value is None or peak.value is None or host.value > peak.value:
        return sample
    reason = f"the process had its peak, {peak.value / 1e9:.3f} GB, before measuring began"
    return replace(sample, readings={**sample.readings, "memory.host": Reading.absent(reason)})


def late(replicate: Replicate) -> Replicate:
    """The replicate without what only a process that is new to its accelerator can tell: the power of the idle device,
    by how much its memory in use grew, and which of the processes that were there before are other ones."""
    readings = dict(replicate.readings)
    if "power.idle" in readings and readings["power.idle"].value is not None:
        readings["power.idle"] = Reading.absent(LATE)
    facts = {name: dict(known) for name, known in replicate.meters.items()}
    for known in facts.values():
        if "pids" in known and known["pids"] != "own":
            known["foreign"] = absent(f"the driver lists other PIDs than ours, and {LATE}")
    return replace(replicate, readings=readings, samples=tuple(map(_without_growth, replicate.samples)), meters=facts)


def _without_growth(sample: Sample) -> Sample:
    process = sample.readings.get("memory.process")
    if process is None or not (process.source or "").startswith("growth of"):
        return sample
    reason = f"{process.source} is not all of it: {LATE}"
    return replace(sample, readings={**sample.readings, "memory.process": Reading.absent(reason)})


def _run(case: Case, begun: datetime) -> Run:
    """Where the record comes from: this call. The seed is the one that torch's generator started from."""
    return Run.new(f"measure({case.workload})", 1, torch.initial_seed(), begun)


def _allocator() -> str:
    pinned = all(os.environ.get(name) == size for name, size in PINNED.items())
    return "pinned" if pinned else "system"


@contextmanager
def _selected(where: Device) -> Iterator[None]:
    """The device as the process's current one, where CUDA's events are recorded; then the one that was."""
    if where.kind == "cpu":
        yield
        return
    before = torch.accelerator.current_device_index()
    where.select()
    try:
        yield
    finally:
        torch.accelerator.set_device_index(before)


@contextmanager
def _collector() -> Iterator[None]:
    """Measuring takes all objects out of the collector's sight; this process goes on, and needs them back in it."""
    ours = gc.get_freeze_count() == 0
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()
