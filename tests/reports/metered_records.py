"""Records with what meters say of a device: its joules, memory, clocks and company. Of a GPU with everything, a MIG
slice, a Grace-Hopper module, and a CPU by RAPL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from made_records import CPU, H100, record

from bench.record import Reading, Record, Sample

COUNTER = "NVML energy counter, between its ticks"
INTEGRATED = "NVML instantaneous power, integrated"
RAPL = "RAPL counters (powercap)"
NO_MIG_ENERGY = "a MIG slice has no power meter of its own, and the GPU's would be of all its slices"

MIG = {**H100, "device": {**H100["device"], "label": "NVIDIA H100 80GB HBM3 MIG 3g.40gb", "uuid": "MIG-9d1e"}}
GH200 = {**H100, "device": {**H100["device"], "label": "NVIDIA GH200 480GB", "uuid": "GPU-77aa"}}

LADDER = {
    "memory.requested": (5.1e9, "torch cuda native allocator"),
    "memory.allocated": (5.2e9, "torch cuda native allocator"),
    "memory.reserved": (6.4e9, "torch cuda native allocator"),
    "allocator.held": (6.4e9, "torch cuda native allocator"),
    "memory.process": (6.9e9, "NVML processes"),
    "memory.device": (8.0e9, "NVML memory v2 used, sampled"),
    "memory.fragmentation": (2.2e8, "torch cuda native allocator"),
    "memory.pinned": (0.0, "torch cuda host allocator"),
    "allocator.retries": (0.0, "torch cuda native allocator"),
}
STATE = {
    "clock.sm": (1.755e9, "NVML SM clock, sampled"),
    "clock.memory": (2.619e9, "NVML memory clock, sampled"),
    "temperature": (64.0, "NVML GPU temperature, sampled"),
    "temperature.memory": (71.0, "NVML memory temperature, sampled"),
    "throttle.share": (0.125, "NVML throttle counters"),
    "throttle.power": (0.125, "NVML throttle counters"),
    "throttle.thermal": (0.0, "NVML throttle counters"),
    "utilization.gpu": (0.99, "NVML utilization rates, sampled"),
    "utilization.memory": (0.61, "NVML utilization rates, sampled"),
    "utilization.sm": (0.83, "NVML GPM"),
    "utilization.tensor": (0.38, "NVML GPM"),
    "utilization.dram": (0.47, "NVML GPM"),
    "pcie.rx": (2.4e8, "NVML GPM"),
    "pcie.tx": (1.1e7, "NVML GPM"),
    "pcie.generation": (5.0, "NVML PCIe link"),
    "pcie.width": (16.0, "NVML PCIe link"),
    "ecc.corrected": (0.0, "NVML volatile ECC errors"),
    "ecc.uncorrected": (0.0, "NVML volatile ECC errors"),
}
NO_NVLINK = Reading.absent("nvmlGpmMetricsGet: Not Supported")

FACTS = {
    "uuid": "GPU-3f2c",
    "name": "NVIDIA H100 80GB HBM3",
    "scope": "GPU",
    "mig": False,
    "power_limit": 650.0,
    "power_limit_default": 700.0,
    "tick": {"median": 0.1, "least": 0.098, "most": 0.104, "ticks": 57},
    "rate": {"wanted": 0.1, "median": 0.1, "most": 0.131, "rounds": 57},
    "power_period": {"value": None, "reason": "nvmlDeviceGetSamples: Not Supported"},
    "before": {"settled": True, "seconds": 1.2},
    "memory_before": 1.1e9,
    "pids": "host",
    "foreign": [{"pid": 4711, "name": "python", "memory": 1.1e9, "when": "before"}],
    "timeline": {
        "seconds": [round(index * 0.1, 3) for index in range(60)],
        "power": [90.0] * 12 + [None] + [410.0] * 40 + [120.0] * 7,
        "clock.sm": [3.45e8] * 12 + [1.755e9] * 48,
        "temperature": [38] * 12 + [64] * 48,
    },
    "windows": [[1.5, 3.4], [3.5, 5.2]],
    "throttled": {"power": [[2.0, 2.7], [4.1, 4.3]], "thermal": []},
}
HOST_FACTS = {"foreign": [{"name": "backup", "cpu_share": 0.07}]}


def metered(
    one: Record,
    watts: float,
    idle: float,
    source: str = COUNTER,
    scope: str = "GPU",
    error: float | None = 0.052,
    more: Mapping[str, tuple[float, str]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Record:
    """The record with joules in its windows and the idle device's power before them."""

    def window(sample: Sample) -> Sample:
        covered = 0.95 * sample.seconds
        joules = {
            "energy": Reading(watts * covered, source, None, scope, error, covered),
            "energy.integrated": Reading(watts * 0.98 * covered, INTEGRATED, None, scope, error, covered),
            "power.max": Reading(watts * 1.1, INTEGRATED, None, scope, error),
        }
        rest = {name: Reading(value, told) for name, (value, told) in (more or {}).items()}
        return replace(sample, readings={**sample.readings, **joules, **rest, "nvlink.rx": NO_NVLINK})

    return replace(
        one,
        replicates=tuple(
            replace(
                replicate,
                samples=tuple(map(window, replicate.samples)),
                readings={
                    **{name: value for name, value in replicate.readings.items() if name not in (more or {})},
                    "power.idle": Reading(idle, source, None, scope, error),
                },
                meters=dict(facts or {}),
            )
            for replicate in one.replicates
        ),
    )


def gpu(**more: Any) -> Record:
    """A GPU with everything that a meter can say."""
    one = record(environment=H100, **{"precision": "bf16", "steps": 20, **more})
    return metered(one, 400.0, 80.0, more=LADDER | STATE, facts={"nvml": FACTS, "host": HOST_FACTS})


def mig() -> Record:
    """A slice of a GPU: its energy cannot be had, and the record says why."""
    one = record(environment=MIG, precision="bf16", batch_size=4)
    none = dict.fromkeys(("energy", "power.max", "energy.integrated"), Reading.absent(NO_MIG_ENERGY))
    facts = {"nvml": {**FACTS, "scope": "unavailable (MIG slice)", "mig": True, "timeline": {}, "windows": []}}
    replicates = tuple(
        replace(
            replicate,
            samples=tuple(replace(sample, readings={**sample.readings, **none}) for sample in replicate.samples),
            readings={**replicate.readings, "power.idle": Reading.absent(NO_MIG_ENERGY)},
            meters=facts,
        )
        for replicate in one.replicates
    )
    return replace(one, replicates=replicates)


def gh200() -> Record:
    """A Grace-Hopper module: the joules are those of GPU, CPU and memory together."""
    one = record(environment=GH200, precision="bf16", batch_size=16)
    return metered(one, 620.0, 210.0, scope="module", error=0.061, facts={"nvml": {**FACTS, "scope": "module"}})


def rapl() -> Record:
    """A CPU whose packages count their joules, by a method of which nobody knows the error."""
    one = record(environment=CPU, batch_size=2)
    return metered(one, 180.0, 60.0, RAPL, "CPU packages and DRAM", None, facts={"host": HOST_FACTS})


def powered() -> list[Record]:
    """One of each, and a CPU without a meter."""
    return [gpu(), mig(), gh200(), rapl(), record(batch_size=32)]
