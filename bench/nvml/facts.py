"""What stays the same of a GPU while it is measured, for the record's environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

from bench.errors import Unavailable
from bench.nvml.driver import ask
from bench.nvml.gpu import Gpu
from bench.record import absent


def describe(uuid: str) -> dict[str, Any]:
    """Driver, limits (W), highest clocks (Hz), memory (B), modes and PCIe link of a GPU.

    A value that cannot be had is ``{"value": None, "reason": ...}``.

    Raises:
        Unavailable: NVML cannot be used here, or knows no such GPU.
    """
    with Gpu(uuid) as gpu:
        return {name: _or_reason(fact, gpu) for name, fact in _FACTS.items()}


def _watts(function: str) -> Callable[[Gpu], float]:
    return lambda gpu: ask(function, gpu.handle) / 1e3  # NVML's unit is mW


def _power_limit_bound(which: int) -> Callable[[Gpu], float]:
    return lambda gpu: ask("nvmlDeviceGetPowerManagementLimitConstraints", gpu.handle)[which] / 1e3


def _hertz(clock: int) -> Callable[[Gpu], float]:
    return lambda gpu: ask("nvmlDeviceGetMaxClockInfo", gpu.handle, clock) * 1e6  # NVML's unit is MHz


def _asked(function: str) -> Callable[[Gpu], Any]:
    return lambda gpu: ask(function, gpu.handle)


_FACTS: dict[str, Callable[[Gpu], Any]] = {
    "name": lambda gpu: gpu.name,
    "driver": lambda gpu: ask("nvmlSystemGetDriverVersion"),
    "energy_scope": lambda gpu: gpu.scope,
    "power_limit": _watts("nvmlDeviceGetEnforcedPowerLimit"),
    "power_limit_default": _watts("nvmlDeviceGetPowerManagementDefaultLimit"),
    "power_limit_min": _power_limit_bound(0),
    "power_limit_max": _power_limit_bound(1),
    "clock_sm_max": _hertz(pynvml.NVML_CLOCK_SM),
    "clock_memory_max": _hertz(pynvml.NVML_CLOCK_MEM),
    "memory_bytes": lambda gpu: int(ask("nvmlDeviceGetMemoryInfo", gpu.handle, pynvml.nvmlMemory_v2).total),
    "ecc": lambda gpu: bool(ask("nvmlDeviceGetEccMode", gpu.handle)[0]),
    "mig": lambda gpu: gpu.mig,
    "persistence": lambda gpu: bool(ask("nvmlDeviceGetPersistenceMode", gpu.handle)),
    "vbios": _asked("nvmlDeviceGetVbiosVersion"),
    "pcie_generation_max": _asked("nvmlDeviceGetMaxPcieLinkGeneration"),
    "pcie_width_max": _asked("nvmlDeviceGetMaxPcieLinkWidth"),
}


def _or_reason(fact: Callable[[Gpu], Any], gpu: Gpu) -> Any:
    try:
        return fact(gpu)
    except Unavailable as unavailable:
        return absent(str(unavailable))
