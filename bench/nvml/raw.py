"""What the driver answers in its own units and with its own codes, for a recording that a fake driver plays back.

The keys are those of the fake driver's script, which tests/fake_nvml/nvml.c explains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pynvml

from bench.errors import Unavailable
from bench.nvml.driver import Refused, ask
from bench.nvml.fields import union_value
from bench.nvml.gpu import Gpu

# Fields by number: what throttled the clock (ns), and the memory's temperature (nvml.h; see throttling.py).
_FIELDS = (74, 76, 77, 78, 79, pynvml.NVML_FI_DEV_MEMORY_TEMP, 269, 270, 271)
_SENSOR = {"GPU": "power", "module": "power.module"}
_SCOPE = {"GPU": pynvml.NVML_POWER_SCOPE_GPU, "module": pynvml.NVML_POWER_SCOPE_MODULE}


@dataclass(frozen=True)
class Answer:
    """One answer: the key that plays it back, its value in NVML's own unit, None where it was refused; and the code
    that came with it (nvml.h, nvmlReturn_t) under the key ``returned``."""

    key: str
    value: int | None
    returned: str
    code: int


@dataclass(frozen=True)
class _Call:
    """A function with its arguments, and the keys of what it answers."""

    function: str
    arguments: tuple[Any, ...]
    parts: dict[str, Callable[[Any], Any]]
    native: str | None = None  # the library's own name, where pynvml has another

    def answers(self, gpu: Gpu) -> Iterator[Answer]:
        returned = f"{self.native or self.function}.return"
        try:
            told = ask(self.function, gpu.handle, *self.arguments)
        except Refused as refused:
            yield from (Answer(key, None, returned, refused.code) for key in self.parts)
        else:
            yield from (Answer(key, int(part(told)), returned, 0) for key, part in self.parts.items())


def _number(function: str, *arguments: Any, key: str | None = None) -> _Call:
    return _Call(function, arguments, {key or function: lambda told: told})


_STATE = (
    _number("nvmlDeviceGetTotalEnergyConsumption"),
    _number("nvmlDeviceGetPowerUsage"),
    _number("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_SM, key="clock.sm"),
    _number("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_MEM, key="clock.memory"),
    _number("nvmlDeviceGetTemperatureV", pynvml.NVML_TEMPERATURE_GPU),
    _number("nvmlDeviceGetCurrentClocksEventReasons"),
    _number("nvmlDeviceGetCurrPcieLinkGeneration"),
    _number("nvmlDeviceGetCurrPcieLinkWidth"),
    _Call(
        "nvmlDeviceGetUtilizationRates",
        (),
        {"utilization.gpu": attrgetter("gpu"), "utilization.memory": attrgetter("memory")},
    ),
    _Call(
        "nvmlDeviceGetMemoryInfo",
        (pynvml.nvmlMemory_v2,),
        {f"memory.{part}": attrgetter(part) for part in ("total", "reserved", "used", "free")},
        native="nvmlDeviceGetMemoryInfo_v2",
    ),
    *(
        _number("nvmlDeviceGetTotalEccErrors", kind, pynvml.NVML_VOLATILE_ECC, key=key)
        for kind, key in (
            (pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, "ecc.corrected"),
            (pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, "ecc.uncorrected"),
        )
    ),
)
# Asked where the driver does not know the newer name.
_OLDER = {
    "nvmlDeviceGetTemperatureV": _number("nvmlDeviceGetTemperature", pynvml.NVML_TEMPERATURE_GPU),
    "nvmlDeviceGetCurrentClocksEventReasons": _number("nvmlDeviceGetCurrentClocksThrottleReasons"),
}
_SETTINGS = (
    _number("nvmlDeviceGetEnforcedPowerLimit"),
    _number("nvmlDeviceGetPowerManagementDefaultLimit"),
    _Call(
        "nvmlDeviceGetPowerManagementLimitConstraints",
        (),
        {"power.limit.min": lambda told: told[0], "power.limit.max": lambda told: told[1]},
    ),
    _number("nvmlDeviceGetMaxClockInfo", pynvml.NVML_CLOCK_SM, key="clock.sm.max"),
    _number("nvmlDeviceGetMaxClockInfo", pynvml.NVML_CLOCK_MEM, key="clock.memory.max"),
    _Call("nvmlDeviceGetEccMode", (), {"nvmlDeviceGetEccMode": lambda told: told[0]}),
    _Call("nvmlDeviceGetMigMode", (), {"nvmlDeviceGetMigMode": lambda told: told[0]}),
    _number("nvmlDeviceGetPersistenceMode"),
    _number("nvmlDeviceGetMaxPcieLinkGeneration"),
    _number("nvmlDeviceGetMaxPcieLinkWidth"),
)


def state(gpu: Gpu) -> list[Answer]:
    """All that changes while a GPU works, now."""
    answers = [answer for call in _STATE for answer in call.answers(gpu)]
    lacking = [answer for answer in answers if answer.code == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND]
    for answer in lacking:
        if answer.key in _OLDER:
            answers += _OLDER[answer.key].answers(gpu)
    return answers + list(_fields(gpu))


def settings(gpu: Gpu) -> list[Answer]:
    """Limits and modes, which stay as they are."""
    return [answer for call in _SETTINGS for answer in call.answers(gpu)]


def driver() -> str:
    """The driver's version.

    Raises:
        Unavailable: in NVML's own words.
    """
    return str(ask("nvmlSystemGetDriverVersion"))


def _fields(gpu: Gpu) -> Iterator[Answer]:
    """The fields, each with a code of its own; the power sensor's newest value among them."""
    sensor, scope = _SENSOR[gpu.scope], _SCOPE[gpu.scope]
    wanted = {f"field.{number}": (number, 0) for number in _FIELDS}
    wanted[f"{sensor}.average"] = (pynvml.NVML_FI_DEV_POWER_AVERAGE, scope)
    wanted[f"{sensor}.instant"] = (pynvml.NVML_FI_DEV_POWER_INSTANT, scope)
    try:
        told = ask("nvmlDeviceGetFieldValues", gpu.handle, list(wanted.values()))
    except Refused as refused:
        yield from (Answer(key, None, "nvmlDeviceGetFieldValues.return", refused.code) for key in wanted)
        return
    for key, field in zip(wanted, told, strict=True):
        yield Answer(key, _whole(field), f"{key}.return", int(field.nvmlReturn))


def _whole(field: Any) -> int | None:
    if field.nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    try:
        return int(union_value(field.value, field.valueType))
    except Unavailable:
        return None
