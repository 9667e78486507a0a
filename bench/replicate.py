"""One replicate, inside the process that can die alone: set up, build, measure, and say what happened."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench import counters
from bench.building import Built, build
from bench.compiling import compiling
from bench.covariates import Covariates
from bench.deviation import deviation
from bench.device import Device
from bench.errors import Occupied, Unsupported, WattmarkError
from bench.foreign import others
from bench.job import Job, Outcome
from bench.joules import joules
from bench.measuring import Tell, measure
from bench.meters import open_meters
from bench.record import Flops, Replicate, Sample, Status
from bench.split import split
from bench.waiting import Waiting, alone
from workloads import Prepared

# A measured replicate is not risked for counting, which takes this long at most. Units: s.
COUNT_SECONDS = 10.0
# Where nothing is measured, every distinct batch runs once before counting, since torch.compile compiles for each.
MOST_BATCHES = 8
# fp16's gradient scaler starts at 2^16 and leaves updates out while gradients overflow, halving each time.
SCALED_STEPS = 20

# How torch and the C library say that memory ran out, where no exception class of its own says it.
_OOM_PHRASES = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "Cannot allocate memory")


def run(job: Job, tell: Tell) -> Outcome:
    """Measure one replicate; whatever goes wrong that Python can see becomes its status."""
    replicate = Replicate(job.index, "ok", started=datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        return _measured(job, replicate, tell)
    except Exception as error:
        status, reason = classify(error)
        if status in ("failed", "crashed") and not isinstance(error, WattmarkError):
            traceback.print_exc()
        return Outcome(replace(replicate, status=status, reason=reason))


def classify(error: Exception) -> tuple[Status, str]:
    """The status and one-line reason of an exception from a workload or the harness."""
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(p in str(error) for p in _OOM_PHRASES):
        return "oom", reason
    if isinstance(error, Unsupported):
        return "unsupported", str(error)
    if isinstance(error, Occupied):
        return "failed", str(error)
    if isinstance(error, NotImplementedError):
        return "unsupported", reason
    return "failed", reason


def _measured(job: Job, replicate: Replicate, tell: Tell) -> Outcome:
    where = Device.from_json(job.device)
    if job.exclusive:
        _refuse_company(where)
    if job.fit_only:
        return _tried(job, replicate, where)
    if job.count_only:
        return _counted(job, replicate, where)
    if job.profile_into:
        return _profiled(job, replicate, where, Path(job.profile_into))
    meters = open_meters(tuple(job.meters), where)
    try:
        idle = meters.before()  # ahead of anything that wakes the device up
        built = build(job, where)
        tell("prepared", {"seconds": built.seconds})
        prepared = built.prepared
        if prepared.feed:
            meters.add("data", Waiting(prepared.feed))
        measured = measure(prepared.step, prepared.work, where, job.plan, meters, Covariates(), prepared.trains, tell)
        facts = meters.facts()
        last = measured.samples[-1]
        parts = split(prepared, where, last.seconds / last.steps)
        spent = joules(prepared, where, meters, parts, last.readings.get("energy", idle.get("energy")))
    finally:
        meters.close()
    flops = job.flops or _count_flops(prepared)
    replicate = replace(
        built.described(replicate),
        clock=measured.clock,
        warmup_seconds=measured.warmup_seconds,
        steady=measured.steady,
        ended_by=measured.ended_by,
        samples=tuple(_with_flop(sample, flops) for sample in measured.samples),
        readings={**idle, **measured.losses, **parts, **spent, **alone(prepared), **compiling()},
        meters=facts,
    )
    counted = _counters(built, where, flops, last) if job.count else None
    # Last of all, since it sets the process up for another precision.
    apart = deviation(job, built.prepared, where, last.seconds / last.steps)
    replicate = replace(replicate, readings={**replicate.readings, **apart})
    return Outcome(replicate, built.version, prepared.inputs, prepared.model, flops, counted)


def _counters(built: Built, where: Device, flops: Sequence[Flops | None], last: Sample) -> Mapping[str, Any]:
    """The exact counters, as far as the steps that they take cannot bring the replicate near its timeout."""
    return counters.count(built.prepared, where, flops, COUNT_SECONDS * last.steps / last.seconds)


def _counted(job: Job, replicate: Replicate, where: Device) -> Outcome:
    """Some steps for each to do the same as the last, then the exact counters and no measurement."""
    built, _ = _warmed(job, where)
    prepared = built.prepared
    flops = _count_flops(prepared)
    found = counters.count(prepared, where, flops)
    return Outcome(built.described(replicate), built.version, prepared.inputs, prepared.model, flops, found)


def _profiled(job: Job, replicate: Replicate, where: Device, folder: Path) -> Outcome:
    """Some steps for each to do the same as the last, then a profile and no measurement; where memory runs out on CUDA,
    what its allocator did until then."""
    from bench.profiling.collect import collect
    from bench.profiling.snapshot import kept_when_out_of_memory

    with kept_when_out_of_memory(where, folder, job.case.id):
        built, ran = _warmed(job, where)
    prepared = built.prepared
    found = collect(prepared, where, folder, job.case.id, ran).to_json()  # which the history would slow down
    return Outcome(built.described(replicate), built.version, prepared.inputs, prepared.model, profile=found)


def _warmed(job: Job, where: Device) -> tuple[Built, int]:
    """The case of a job after as many steps as it takes for each to do the same as the last, and how many."""
    built = build(job, where)
    scaled = job.case.precision == "fp16" and built.prepared.trains
    steps = SCALED_STEPS if scaled else max(2, min(len(built.prepared.work), MOST_BATCHES))
    for number in range(steps):
        built.prepared.step(number)
        where.synchronize()
    return built, steps


def _tried(job: Job, replicate: Replicate, where: Device) -> Outcome:
    """Two steps and no measurement: whether it fits."""
    built = build(job, where)
    for number in range(2):
        built.prepared.step(number)
        where.synchronize()
    return Outcome(built.described(replicate), built.version, built.prepared.inputs, built.prepared.model)


def _refuse_company(where: Device) -> None:
    """Raise where somebody else uses the machine.

    Raises:
        Occupied: with who and how much.
    """
    company = others(where)
    if company:
        raise Occupied(f"--exclusive: {'; '.join(company)}")


def _count_flops(prepared: Prepared) -> list[Flops | None]:
    """FLOPs of each batch. Counted after measuring, so that it cannot disturb the memory that was measured; where
    counting fails they are not known, and what was measured stays."""
    computed: Callable[[int], int] | None = prepared.flops
    required = prepared.required or computed
    try:
        return [Flops(computed(i), required(i)) if computed and required else None for i in range(len(prepared.work))]
    except Exception:
        traceback.print_exc()
        return [None] * len(prepared.work)


def _with_flop(sample: Sample, flops: Sequence[Flops | None]) -> Sample:
    """The sample with the FLOPs of exactly the batches that it ran."""
    ran = [flops[number % len(flops)] for number in range(sample.first_step, sample.first_step + sample.steps)]
    counted = [flop for flop in ran if flop is not None]
    if len(counted) < len(ran):
        return sample
    return replace(sample, flop=sum(one.computed for one in counted), required=sum(one.required for one in counted))
