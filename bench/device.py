"""Where a case runs: naming, waiting, timing and identity of a torch device, one class for all accelerators."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import torch

from bench.errors import Unavailable


@dataclass(frozen=True)
class Device:
    """A device by torch's name (``cpu``, ``cuda:0``, ``mps``), with its identity.

    ``label`` is the product name, ``uuid`` the driver's identity where it has one (NVML's spelling, ``GPU-...``),
    ``memory_bytes`` what the device has in all.
    """

    name: str
    label: str
    uuid: str | None
    memory_bytes: int | None

    @property
    def kind(self) -> str:
        """cpu, cuda, mps, xpu: torch's device type."""
        return self.name.partition(":")[0]

    @property
    def torch(self) -> torch.device:
        """The torch device."""
        return torch.device(self.name)

    def to_json(self) -> dict[str, Any]:
        """The identity as kept in records."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Device:
        """The device of an identity that a record keeps; asks nobody, so nothing wakes up."""
        return cls(**{field.name: data[field.name] for field in fields(cls)})

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.kind != "cpu":
            torch.accelerator.synchronize(self.torch)

    def select(self) -> None:
        """Make this the current device of the process."""
        if self.torch.index is not None:  # a CPU and Apple's GPU have none
            torch.accelerator.set_device_index(self.torch)

    def stopwatch(self) -> Stopwatch:
        """What times single steps on this device."""
        if self.kind == "cuda":
            return EventWatch()
        return HostWatch() if self.kind == "cpu" else HostWatch(self.synchronize)


class HostWatch:
    """Times steps by the host's clock. A CPU's step returns when its work is done; other devices are waited for."""

    def __init__(self, wait: Callable[[], None] | None = None, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        def waited() -> int:
            if wait is not None:
                wait()
            return clock()

        self.name = "perf_counter" if wait is None else "perf_counter after synchronize"
        self.mark: Callable[[], object] = clock if wait is None else waited

    @staticmethod
    def seconds(marks: list[Any]) -> tuple[float, ...]:
        """The time between neighbouring marks."""
        return tuple((after - before) / 1e9 for before, after in pairwise(marks))


class EventWatch:
    """Times steps by CUDA events, which the device stamps itself; read only after the window was waited for."""

    name = "cuda_event"

    @staticmethod
    def mark() -> torch.cuda.Event:
        """Put an event into the stream."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    @staticmethod
    def seconds(marks: list[Any]) -> tuple[float, ...]:
        """The time between neighbouring events; 0 where the device had nothing to do for less than their resolution.

        Raises:
            RuntimeError: a time below 0: events out of order must never become a number.
        """
        times = tuple(before.elapsed_time(after) / 1e3 for before, after in pairwise(marks))  # elapsed_time is in ms
        if any(seconds < 0 for seconds in times):
            raise RuntimeError("CUDA events are out of order: they gave a time below 0")
        return times


Stopwatch = HostWatch | EventWatch


def devices() -> list[Device]:
    """Every device that torch can use here, the CPU first."""
    found = [Device("cpu", _cpu_label(), None, _host_memory())]
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return found
    for index in range(torch.accelerator.device_count()):
        name = accelerator.type if accelerator.type == "mps" else f"{accelerator.type}:{index}"
        found.append(_accelerator(name, accelerator.type, index))
    return found


def device(name: str) -> Device:
    """The device of a name that `devices` lists.

    Raises:
        Unavailable: torch has no such device here.
    """
    for candidate in devices():
        if candidate.name == name:
            return candidate
    raise Unavailable(f"torch finds no device {name} here")


def _accelerator(name: str, kind: str, index: int) -> Device:
    if kind == "cuda":
        properties = torch.cuda.get_device_properties(index)
        return Device(name, properties.name, f"GPU-{properties.uuid}", properties.total_memory)
    if kind == "xpu":
        xpu = torch.xpu.get_device_properties(index)
        return Device(name, xpu.name, None, xpu.total_memory)
    memory = torch.mps.recommended_max_memory() if kind == "mps" else None
    return Device(name, kind, None, memory)


def _cpu_label() -> str:
    from bench.machine import cpu_model

    return cpu_model()


def _host_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
