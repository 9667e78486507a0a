"""Records as runs would leave them, for everything that judges stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from bench.case import Case
from bench.record import Reading, Record, Replicate, Run, Sample

CASE = Case("toys:Mlp", "cpu", "fp32", 4)
GPU_CASE = Case("toys:Mlp", "cuda:0", "fp32", 4)
NO_ENERGY = Reading.absent("this kernel counts no energy")
JOULES = Reading(50.0, "NVML energy counter", scope="GPU", error=0.01)

NVML = {"driver": "580.95", "power_limit": 700.0, "clock_sm_max": 1.98e9, "ecc": True, "mig": False, "vbios": "96.00"}
ENVIRONMENT: dict[str, Any] = {
    "system": {"id": "ef25", "os": "Debian 12", "kernel": "Linux 6.18.44-a", "architecture": "x86_64"},
    "cpu": {
        "model": "Xeon",
        "microcode": "0x1",
        "logical_cores": 2,
        "quota_cores": {"value": None, "reason": "no quota is set"},
        "governor": {"value": None, "reason": "the system does not show it"},
    },
    "memory": {"bytes": 25_276_502_016, "transparent_hugepages": "madvise"},
    "device": {"kind": "cpu", "name": "cpu", "label": "Xeon", "uuid": None, "memory_bytes": 25_276_502_016},
    "python": {"version": "3.11.7"},
    "torch": {"version": "2.13.0", "threads": 2, "cuda": {"value": None, "reason": "this build has no CUDA"}},
    "libraries": {"transformers": "5.23.0"},
    "git": {"commit": "26d7ec5", "dirty": False},
    "variables": {"MALLOC_TRIM_THRESHOLD_": "4294967296"},
    "allocator": "pinned",
}
GPU_ENVIRONMENT: dict[str, Any] = {
    **ENVIRONMENT,
    "device": {
        "kind": "cuda", "name": "cuda:0", "label": "H100", "uuid": "GPU-1", "memory_bytes": 85_000_000_000,
        "nvml": NVML,
    },
}  # fmt: skip
COUNTERS: Mapping[str, Any] = {
    "operators": {"value": 12, "source": "torch dispatch", "histogram": {"aten::mm": 8, "aten::add": 4}},
    "memory.peak": {"value": 4096, "source": "torch allocator"},
}


def run(number: int = 1) -> Run:
    """The run of that day."""
    day = date(2026, 9, 30) + timedelta(number)
    return Run(f"run-{number}", f"{day}T10:15:00+00:00", "wattmark run", 0, 3, "0.1.0")


def record(*seconds: float, number: int = 1, energy: tuple[Reading, ...] = (), **more: Any) -> Record:
    """A case of which each replicate did 10 steps of 4 items in the given seconds a step; ``energy`` is by replicate.

    What is left out is a good record of always the same case.
    """
    replicates = tuple(
        Replicate(
            index,
            "ok",
            samples=(Sample(0, 10, 10 * one, (one,) * 10, {"image": 40.0}, readings={"energy": joules}),),
            clock="perf_counter",
            precision={"weights": "float32", "fp32_precision": {"mkldnn.matmul": "ieee"}, "product_error": one},
            made={"how": "forked, model rebuilt", "seed": index},
        )
        for index, (one, joules) in enumerate(zip(seconds, energy or (NO_ENERGY,) * len(seconds), strict=True))
    )
    fields: dict[str, Any] = {
        "environment": ENVIRONMENT, "status": "ok", "version": 1, "counters": COUNTERS,
        "inputs": {"kind": "real", "name": "photographs", "sha256": "9f3a"},
        "model": {"parameters": 11_689_512, "weights": "random"},
        "case": CASE,
        **more,
    }  # fmt: skip
    return Record(run(number), replicates=replicates, **fields)


def altered(environment: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The environment with one fact changed, or left out where the value is Ellipsis."""
    first, _, rest = path.partition(".")
    changed = dict(environment)
    if rest:
        changed[first] = altered(changed.get(first, {}), rest, value)
    elif value is ...:
        changed.pop(first)
    else:
        changed[first] = value
    return changed
