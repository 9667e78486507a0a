"""A GPU found by its UUID, and what can be read of it while it works. SI units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import pynvml

from bench.errors import Unavailable
from bench.nvml import power, throttling
from bench.nvml.driver import Refused, ask, close_library, nvml_devices, open_library
from bench.nvml.fields import Field, Stamped, read_field
from bench.nvml.gpm import Gpm
from bench.nvml.processes import Process, read_processes

# The superchip whose power and energy are those of the whole module: CPU, GPU and memory (ml-energy/zeus issue 172).
_MODULE = "GH200"


@dataclass(frozen=True)
class Memory:
    """Device memory: all there is, what the driver keeps for itself, in use by all processes, and free. Units: B."""

    total: int
    reserved: int
    used: int
    free: int


class Gpu:
    """A GPU by its UUID (``GPU-...``, or ``MIG-...`` for a slice). Close it, or use it in a ``with``.

    Every method raises `Unavailable` with the function's name and NVML's own message.
    """

    def __init__(self, uuid: str) -> None:
        open_library()
        try:
            self.uuid, self.handle = _found(uuid)
            self.name: str = ask("nvmlDeviceGetName", self.handle)
        except Unavailable:
            self.close()
            raise

    @classmethod
    def find(cls, target: str) -> Self:
        """The GPU of a UUID, or of NVML's number.

        Raises:
            Unavailable: no such GPU, with those that there are.
        """
        there = nvml_devices()
        uuids = {str(gpu.number): gpu.uuid for gpu in there}
        try:
            return cls(uuids.get(target, target))
        except Refused as refused:
            listed = ", ".join(f"{gpu.number} = {gpu.uuid} ({gpu.name})" for gpu in there)
            raise Unavailable(f"no GPU {target!r} ({refused}); NVML lists {listed or 'none'}") from refused

    def close(self) -> None:
        """Give the library back."""
        close_library()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def index(self) -> int:
        """NVML's number, in PCI order."""
        return int(ask("nvmlDeviceGetIndex", self.handle))

    @property
    def scope(self) -> str:
        """What power and energy are of: ``GPU``, or ``module`` where they include the CPU and its memory."""
        return "module" if _MODULE in self.name else "GPU"

    @property
    def mig(self) -> bool:
        """Whether the GPU is cut into slices, or is itself a slice: its power and energy are then not one user's."""
        try:
            return bool(ask("nvmlDeviceIsMigDeviceHandle", self.handle) or ask("nvmlDeviceGetMigMode", self.handle)[0])
        except Refused as refused:
            if refused.code in (pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND):
                return False
            raise

    def energy_counter(self) -> int:
        """Energy used since the driver was loaded. Units: mJ, the counter's own, so that differences stay exact."""
        return int(ask("nvmlDeviceGetTotalEnergyConsumption", self.handle))

    def power(self) -> Stamped:
        """The power sensor's newest value, and when it was taken. Units: W."""
        return power.instant_power(self.handle, self.scope)

    def average_power(self) -> float:
        """Power drawn, averaged by the driver over 1 s on Ampere and newer (GA100 apart). Units: W."""
        return power.average_power(self.handle, self.scope)

    def power_samples(self, since: int) -> list[Stamped]:
        """The driver's power samples newer than ``since`` (microseconds since 1970), oldest first. Units: W."""
        return power.power_samples(self.handle, self.scope, since)

    def throttled(self) -> dict[str, float | str]:
        """How long the clock was held down since the driver was loaded, by reason, or why it is not told. Units: s."""
        return throttling.throttled(self.handle)

    def limited(self) -> bool:
        """Whether a power or thermal limit holds the clock down now."""
        return throttling.limited(self.handle)

    def memory(self) -> Memory:
        """Device memory by version 2 of the structure; in version 1 ``used`` has the driver's reserve in it.

        Raises:
            Unavailable: the parts are not the whole to 1 %: nvml.h contradicts itself on what ``used`` holds.
        """
        told = ask("nvmlDeviceGetMemoryInfo", self.handle, pynvml.nvmlMemory_v2)
        memory = Memory(int(told.total), int(told.reserved), int(told.used), int(told.free))
        if abs(memory.reserved + memory.used + memory.free - memory.total) > 0.01 * memory.total:
            raise Unavailable(
                f"nvmlDeviceGetMemoryInfo: {memory.reserved} B reserved, {memory.used} B used and {memory.free} B free "
                f"do not add up to the total of {memory.total} B"
            )
        return memory

    def processes(self) -> list[Process]:
        """The processes that hold the GPU for computing or for graphics, each once."""
        return read_processes(self.handle)

    def utilization(self) -> tuple[float, float]:
        """Shares of the driver's last sampling period (1/6 to 1 s) with a kernel running, and with memory accessed."""
        rates = ask("nvmlDeviceGetUtilizationRates", self.handle)
        return rates.gpu / 100, rates.memory / 100

    def sm_clock(self) -> float:
        """Clock of the streaming multiprocessors. Units: Hz."""
        return float(ask("nvmlDeviceGetClockInfo", self.handle, pynvml.NVML_CLOCK_SM) * 1e6)

    def memory_clock(self) -> float:
        """Clock of the memory. Units: Hz."""
        return float(ask("nvmlDeviceGetClockInfo", self.handle, pynvml.NVML_CLOCK_MEM) * 1e6)

    def temperature(self) -> float:
        """Temperature of the GPU. Units: °C."""
        older = "nvmlDeviceGetTemperature"  # goes away in CUDA 14
        return float(ask("nvmlDeviceGetTemperatureV", self.handle, pynvml.NVML_TEMPERATURE_GPU, older=older))

    def memory_temperature(self) -> float:
        """Temperature of the memory. Units: °C."""
        field = Field("memory temperature", pynvml.NVML_FI_DEV_MEMORY_TEMP)
        return float(read_field(self.handle, field, positive="°C").value)

    def ecc_errors(self) -> tuple[int, int]:
        """Memory errors since the driver was loaded: corrected, and not corrected."""
        kinds = (pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED)
        corrected, uncorrected = (
            int(ask("nvmlDeviceGetTotalEccErrors", self.handle, kind, pynvml.NVML_VOLATILE_ECC)) for kind in kinds
        )
        return corrected, uncorrected

    def pcie(self) -> tuple[int, int]:
        """Generation and number of lanes that the PCIe link has now; it rests when the GPU does."""
        generation = int(ask("nvmlDeviceGetCurrPcieLinkGeneration", self.handle))
        return generation, int(ask("nvmlDeviceGetCurrPcieLinkWidth", self.handle))

    def power_limits(self) -> tuple[float, float]:
        """The limit that holds now, whoever set it, and the default one. Units: W."""
        enforced = ask("nvmlDeviceGetEnforcedPowerLimit", self.handle)
        return enforced / 1e3, ask("nvmlDeviceGetPowerManagementDefaultLimit", self.handle) / 1e3

    def gpm(self) -> Gpm:
        """The GPU's performance monitors; close them before the GPU."""
        return Gpm(self.handle)


def _found(uuid: str) -> tuple[str, Any]:
    """NVML's UUID and handle. CUDA gives a slice's UUID without its prefix, so one from torch may be a slice's."""
    try:
        return uuid, ask("nvmlDeviceGetHandleByUUID", uuid)
    except Refused as refused:
        if refused.code != pynvml.NVML_ERROR_NOT_FOUND or not uuid.startswith("GPU-"):
            raise
        slice_uuid = uuid.replace("GPU-", "MIG-", 1)
        try:
            return slice_uuid, ask("nvmlDeviceGetHandleByUUID", slice_uuid)
        except Refused:
            raise refused from None
