"""One thin layer over NVIDIA's management library: SI units out, and every error a reason in NVML's own words.

The only file that imports pynvml, the module of the distribution nvidia-ml-py. Devices are found by UUID, never by
number: NVML counts in PCI order, CUDA fastest first and only what CUDA_VISIBLE_DEVICES lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pynvml

from bench.errors import Unavailable

# What holds the SM clock down: a power or a thermal limit, by software or hardware. Left out are idleness (0x1), clocks
# that were asked for (0x2, 0x10) and displays (0x100). Names and bits: nvml.h, nvmlClocksEventReasons.
LIMITED = (
    pynvml.nvmlClocksThrottleReasonSwPowerCap
    | pynvml.nvmlClocksThrottleReasonHwSlowdown
    | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
)

# The superchip whose power and energy are those of the whole module: CPU, GPU and memory (ml-energy/zeus issue 172).
_MODULE = "GH200"


@dataclass(frozen=True)
class ListedGpu:
    """A GPU as NVML lists it, without torch; ``memory_bytes`` is what it has in all, None where NVML does not say."""

    name: str
    uuid: str
    memory_bytes: int | None


def nvml_devices() -> list[ListedGpu]:
    """Every GPU that the driver knows, in NVML's order, whatever CUDA is allowed to see.

    Raises:
        Unavailable: no library, no driver, or no permission.
    """
    _init()
    try:
        handles = [_ask("nvmlDeviceGetHandleByIndex", index) for index in range(_ask("nvmlDeviceGetCount"))]
        return [
            ListedGpu(_ask("nvmlDeviceGetName", handle), _ask("nvmlDeviceGetUUID", handle), _memory_bytes(handle))
            for handle in handles
        ]
    finally:
        _ask("nvmlShutdown")


def describe(uuid: str) -> dict[str, Any]:
    """What stays the same of a GPU while it is measured: driver, limits (W), highest clocks (Hz), modes, PCIe link.

    A value that cannot be had is ``{"value": None, "reason": ...}``.

    Raises:
        Unavailable: NVML cannot be used here, or knows no such GPU.
    """
    with closing(Gpu(uuid)) as gpu:
        return {name: _or_reason(fact, gpu) for name, fact in _FACTS.items()}


def wrong_distribution() -> str | None:
    """What to do about a distribution that replaces or shadows nvidia-ml-py's module pynvml; None where all is well."""
    found = [name for name in ("pynvml", "nvidia-ml-py3") if _installed(name)]
    if not found:
        return None
    names = " and ".join(found)
    return (
        f"{names} is installed and stands in the way of nvidia-ml-py, which brings the module pynvml: "
        f"pip uninstall {' '.join(found)}, then pip install --force-reinstall nvidia-ml-py"
    )


class Gpu:
    """A GPU found by its UUID (``GPU-...``). Every method raises `Unavailable` with NVML's own message."""

    def __init__(self, uuid: str) -> None:
        _init()
        try:
            self.handle = _ask("nvmlDeviceGetHandleByUUID", uuid)
            self.name: str = _ask("nvmlDeviceGetName", self.handle)
        except Unavailable:
            self.close()
            raise

    def close(self) -> None:
        """Give the library back."""
        _ask("nvmlShutdown")

    @property
    def scope(self) -> str:
        """What power and energy are of."""
        return "whole module: CPU, GPU and memory" if _MODULE in self.name else "whole GPU"

    def energy_counter(self) -> int:
        """Energy used since the driver was loaded. Units: mJ, the counter's own, so that differences stay exact."""
        return int(_ask("nvmlDeviceGetTotalEnergyConsumption", self.handle))

    def instant_power(self) -> float:
        """Power drawn now: the sensor's newest value. Units: W."""
        function = "nvmlDeviceGetFieldValues"
        (field,) = _ask(function, self.handle, [pynvml.NVML_FI_DEV_POWER_INSTANT])
        if field.nvmlReturn != pynvml.NVML_SUCCESS:
            raise Unavailable(f"{function}, field power instant: {pynvml.NVMLError(field.nvmlReturn)}")
        if field.value.uiVal == 0:  # what some drivers answer where they have no sensor, or when asked too often
            raise Unavailable(f"{function}, field power instant: answered 0 W")
        return float(field.value.uiVal / 1e3)

    def average_power(self) -> float:
        """Power drawn, averaged by the driver over 1 s on Ampere and newer (GA100 apart). Units: W."""
        return float(_ask("nvmlDeviceGetPowerUsage", self.handle) / 1e3)

    def process_memory(self, pid: int) -> float:
        """Device memory of a process: its tensors, its allocator's reserve and its CUDA context. Units: B."""
        listed = _ask("nvmlDeviceGetComputeRunningProcesses", self.handle)
        used = {process.pid: process.usedGpuMemory for process in listed}
        if pid not in used:
            raise Unavailable(
                f"the driver lists {len(used)} compute processes and process {pid} is none of them: "
                "in a container with PIDs of its own the driver lists the host's"
            )
        if used[pid] is None:
            raise Unavailable(f"the driver lists process {pid} without its memory")
        return float(used[pid])

    def device_memory(self) -> float:
        """Device memory in use by all processes, without what the driver keeps for itself. Units: B."""
        # Version 2 of the structure: `used` of version 1 has the driver's reserve in it (nvml.h, nvmlMemory_v2_t).
        return float(_ask("nvmlDeviceGetMemoryInfo", self.handle, pynvml.nvmlMemory_v2).used)

    def gpu_utilization(self) -> float:
        """Share of the driver's last sampling period (1/6 to 1 s) with a kernel running. Units: 1."""
        return float(_ask("nvmlDeviceGetUtilizationRates", self.handle).gpu / 100)

    def memory_utilization(self) -> float:
        """Share of the driver's last sampling period with device memory read or written. Units: 1."""
        return float(_ask("nvmlDeviceGetUtilizationRates", self.handle).memory / 100)

    def sm_clock(self) -> float:
        """Clock of the streaming multiprocessors. Units: Hz."""
        return float(_ask("nvmlDeviceGetClockInfo", self.handle, pynvml.NVML_CLOCK_SM) * 1e6)

    def temperature(self) -> float:
        """Temperature of the GPU. Units: °C."""
        older = "nvmlDeviceGetTemperature"  # goes away in CUDA 14
        return float(_ask("nvmlDeviceGetTemperatureV", self.handle, pynvml.NVML_TEMPERATURE_GPU, older=older))

    def throttled(self) -> float:
        """1 where a power or thermal limit holds the clock down now, else 0."""
        older = "nvmlDeviceGetCurrentClocksThrottleReasons"  # its name on older drivers
        return float(bool(_ask("nvmlDeviceGetCurrentClocksEventReasons", self.handle, older=older) & LIMITED))


def _init() -> None:
    # The newest function that is asked for here: a module without it is another distribution's, or too old.
    if not hasattr(pynvml, "nvmlDeviceGetTemperatureV"):
        raise Unavailable(f"the module pynvml is not the one needed; {wrong_distribution() or 'update nvidia-ml-py'}")
    _ask("nvmlInit")


def _ask(function: str, *arguments: Any, older: str | None = None) -> Any:
    """Call a function of pynvml; where the driver lacks it, its older name.

    Raises:
        Unavailable: with the function's name and NVML's message.
    """
    try:
        return getattr(pynvml, function)(*arguments)
    except pynvml.NVMLError as error:
        if older is not None and error.value == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            return _ask(older, *arguments)
        raise Unavailable(f"{function}: {error}") from error


def _memory_bytes(handle: Any) -> int | None:
    try:
        return int(_ask("nvmlDeviceGetMemoryInfo", handle, pynvml.nvmlMemory_v2).total)
    except Unavailable:
        return None


def _watts(function: str) -> Callable[[Gpu], float]:
    return lambda gpu: _ask(function, gpu.handle) / 1e3  # NVML's unit is mW


def _hertz(clock: int) -> Callable[[Gpu], float]:
    return lambda gpu: _ask("nvmlDeviceGetMaxClockInfo", gpu.handle, clock) * 1e6  # NVML's unit is MHz


def _asked(function: str) -> Callable[[Gpu], Any]:
    return lambda gpu: _ask(function, gpu.handle)


_FACTS: dict[str, Callable[[Gpu], Any]] = {
    "name": lambda gpu: gpu.name,
    "driver": lambda gpu: _ask("nvmlSystemGetDriverVersion"),
    "energy_scope": lambda gpu: gpu.scope,
    "power_limit": _watts("nvmlDeviceGetEnforcedPowerLimit"),
    "power_limit_default": _watts("nvmlDeviceGetPowerManagementDefaultLimit"),
    "clock_sm_max": _hertz(pynvml.NVML_CLOCK_SM),
    "clock_memory_max": _hertz(pynvml.NVML_CLOCK_MEM),
    "memory_bytes": lambda gpu: int(_ask("nvmlDeviceGetMemoryInfo", gpu.handle, pynvml.nvmlMemory_v2).total),
    "ecc": lambda gpu: bool(_ask("nvmlDeviceGetEccMode", gpu.handle)[0]),
    "mig": lambda gpu: bool(_ask("nvmlDeviceGetMigMode", gpu.handle)[0]),
    "persistence": lambda gpu: bool(_ask("nvmlDeviceGetPersistenceMode", gpu.handle)),
    "vbios": _asked("nvmlDeviceGetVbiosVersion"),
    "pcie_generation_max": _asked("nvmlDeviceGetMaxPcieLinkGeneration"),
    "pcie_width_max": _asked("nvmlDeviceGetMaxPcieLinkWidth"),
}


def _or_reason(fact: Callable[[Gpu], Any], gpu: Gpu) -> Any:
    try:
        return fact(gpu)
    except Unavailable as unavailable:
        return {"value": None, "reason": str(unavailable)}


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
