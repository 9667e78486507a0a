"""A case made ready to run its steps: device, precision, workload, and how this process differs from its siblings."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench import precision as precisions
from bench.device import Device
from bench.job import Job
from bench.record import Replicate
from bench.workload import Workload, find
from workloads import Prepared, Setup


@dataclass(frozen=True)
class Built:
    """A case that is ready to run its steps, and how it came to be."""

    prepared: Prepared
    version: int
    seconds: float
    precision: Mapping[str, Any]
    made: Mapping[str, Any]
    held: torch.Tensor

    def described(self, replicate: Replicate) -> Replicate:
        """The replicate with what is known before it is measured."""
        return replace(replicate, prepare_seconds=self.seconds, precision=self.precision, made=self.made)


def build(job: Job, where: Device, dropout: bool = True) -> Built:
    """Build the case of a job on a device, with the heap shifted by its seed; without dropout to be compared with."""
    where.select()
    precision = precisions.apply(job.case.precision, where)
    if not dropout:  # at the usual scale fp16 leaves out its first updates, which is no error of its arithmetic
        precision = replace(precision, scale=2.0**8)
    shift = _shift_heap(job.seed)
    begin = time.perf_counter()
    workload = find(job.case.workload)
    prepared = _prepare(workload, job, precision, where, dropout)
    seconds = time.perf_counter() - begin
    settings = precisions.prove(precision, where)  # as the workload has left them
    return Built(prepared, workload.version, seconds, settings, _made(job, shift), shift)


def _shift_heap(seed: int) -> torch.Tensor:
    """Memory to hold while measuring, so that replicates forked from one server do not share their memory layout."""
    return torch.empty(random.Random(seed).randrange(64, 4 << 20, 64), dtype=torch.uint8)


def _made(job: Job, shift: torch.Tensor) -> dict[str, Any]:
    """How this replicate differs from its siblings."""
    return {"how": "forked, model rebuilt", "seed": job.seed, "heap_shift_bytes": shift.numel()}


def _prepare(
    workload: type[Workload], job: Job, precision: precisions.Precision, where: Device, dropout: bool
) -> Prepared:
    case = job.case
    torch.manual_seed(job.seed)
    data, model = (path and str(Path(path).expanduser()) for path in (case.data, case.model))
    axes: dict[str, Any] = {"batch_size": case.batch_size, **case.parameters}
    return workload(**axes).prepare(Setup(where.torch, precision, data or case.data, model, job.seed, dropout))
