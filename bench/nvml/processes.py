"""Who holds a GPU: the processes that the driver lists, with their memory and program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

import pynvml

from bench.errors import Unavailable
from bench.nvml.driver import Refused, ask


@dataclass(frozen=True)
class Process:
    """A process that the driver lists: its id as the driver counts them, memory (B) and program, None if not told.

    In a container with process ids of its own the driver still lists the host's, and may know no program for them.
    """

    pid: int
    memory: int | None
    name: str | None


def read_processes(handle: Any) -> list[Process]:
    """The processes that hold the GPU for computing or for graphics, each once.

    Raises:
        Unavailable: in NVML's own words.
    """
    # By versioned names: those without a version raise something else than NVML's errors on an older driver.
    listed = ask(
        "nvmlDeviceGetComputeRunningProcesses_v3", handle, older="nvmlDeviceGetComputeRunningProcesses_v2"
    ) + _graphics(handle)
    memory: dict[int, int | None] = {}
    for process in listed:
        memory.setdefault(process.pid, process.usedGpuMemory)
    return [Process(pid, used, _name(pid)) for pid, used in memory.items()]


def _graphics(handle: Any) -> list[Any]:
    function = "nvmlDeviceGetGraphicsRunningProcesses"
    try:
        return list(ask(f"{function}_v3", handle, older=f"{function}_v2"))
    except Refused as refused:
        if refused.code == pynvml.NVML_ERROR_NOT_SUPPORTED:  # a GPU that only computes
            return []
        raise


def _name(pid: int) -> str | None:
    """The program's own name, without its folders and options: they may tell more than a record should."""
    try:
        line: str = ask("nvmlSystemGetProcessName", pid)
    except (Unavailable, UnicodeDecodeError):
        return None
    return PureWindowsPath(line.split(" -")[0]).name or None  # which takes both kinds of slashes
