"""The library itself: opened and closed, asked by name, refusing in its own words; and which GPUs it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pynvml

from bench.distribution import wrong_distribution
from bench.errors import Unavailable

# The newest function that is asked for: a module without it is another distribution's, or too old, and lacks constants
# that the files of this package name.
if not hasattr(pynvml, "nvmlDeviceGetTemperatureV"):
    raise Unavailable(f"the module pynvml is not the one needed; {wrong_distribution() or 'update nvidia-ml-py'}")


class Refused(Unavailable):
    """NVML answered with an error; ``code`` is NVML's own (nvml.h, nvmlReturn_t)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ListedGpu:
    """A GPU by NVML's ``number``, without torch; ``memory_bytes`` is what it has, None where NVML does not say."""

    number: int
    name: str
    uuid: str
    memory_bytes: int | None


def nvml_devices() -> list[ListedGpu]:
    """Every GPU that the driver lets one read, in NVML's order, whatever CUDA is allowed to see: NVML counts those too
    that are another container's, or that have fallen off the bus.

    Raises:
        Unavailable: no library, no driver, or no permission.
    """
    open_library()
    try:
        return [gpu for number in range(ask("nvmlDeviceGetCount")) if (gpu := _listed(number))]
    finally:
        close_library()


def open_library() -> None:
    """Start NVML; it counts who did, and each has to close it.

    Raises:
        Unavailable: there is no library, driver or permission.
    """
    ask("nvmlInit")


def close_library() -> None:
    """Give NVML back."""
    ask("nvmlShutdown")


def ask(function: str, *arguments: Any, older: str | None = None) -> Any:
    """Call a function of pynvml; where the driver lacks it, its older name.

    Raises:
        Refused: with the function's name, and NVML's message and code.
    """
    try:
        return getattr(pynvml, function)(*arguments)
    except pynvml.NVMLError as error:
        if older is not None and error.value == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            return ask(older, *arguments)
        raise Refused(f"{function}: {error}", error.value) from error


def _listed(number: int) -> ListedGpu | None:
    try:
        handle = ask("nvmlDeviceGetHandleByIndex", number)
        name, uuid = ask("nvmlDeviceGetName", handle), ask("nvmlDeviceGetUUID", handle)
    except Refused:
        return None
    return ListedGpu(number, name, uuid, _memory_bytes(handle))


def _memory_bytes(handle: Any) -> int | None:
    try:
        return int(ask("nvmlDeviceGetMemoryInfo", handle, pynvml.nvmlMemory_v2).total)
    except Unavailable:
        return None
