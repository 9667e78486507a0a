"""Device memory as torch's allocator counts it: the window's peaks, and its retries and failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import Unavailable
from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

# torch's names (torch.accelerator.memory_stats). The peaks are B and start again with the window.
_PEAKS = {"memory.allocated": "allocated_bytes.all.peak", "memory.reserved": "reserved_bytes.all.peak"}
# Counts since the process started, of which the window's are kept. A retry is an allocation that failed until the
# allocator had given its cache back: steps that do it are slower, and the device's memory is nearly full.
_COUNTS = {"allocator.retries": "num_alloc_retries", "allocator.ooms": "num_ooms"}

READINGS = (*_PEAKS, *_COUNTS)


def open_meter(device: Device) -> AcceleratorMeter:
    """The meter of a device with memory of its own.

    Raises:
        Unavailable: the device is a CPU, or torch keeps no statistics of its memory.
    """
    if device.kind == "cpu":
        raise Unavailable("a cpu has no device memory of its own")
    return AcceleratorMeter(device)


class AcceleratorMeter:
    """Watches windows of one device's allocator."""

    def __init__(self, device: Device) -> None:
        self._device = device.torch
        self._source = f"torch {_allocator(device.kind)} allocator"
        self._statistics()

    def start(self) -> None:
        torch.accelerator.reset_peak_memory_stats(self._device)
        self._before = self._statistics()

    def stop(self) -> Mapping[str, Reading]:
        after = self._statistics()
        peaks = {reading: self._peak(after, name) for reading, name in _PEAKS.items()}
        return peaks | {reading: self._count(after, name) for reading, name in _COUNTS.items()}

    def close(self) -> None: ...

    def _statistics(self) -> Mapping[str, Any]:
        try:
            return torch.accelerator.memory_stats(self._device)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"torch keeps no memory statistics of {self._device}: {reason}") from error

    def _peak(self, statistics: Mapping[str, Any], name: str) -> Reading:
        # A model lives on the device, so no bytes at all means that nobody counted: some allocators leave a 0.
        return Reading(float(statistics[name]), self._source) if statistics.get(name) else self._absent(name)

    def _count(self, statistics: Mapping[str, Any], name: str) -> Reading:
        if name not in statistics:
            return self._absent(name)
        return Reading(float(statistics[name] - self._before.get(name, 0)), self._source)

    def _absent(self, name: str) -> Reading:
        return Reading.absent(f"the {self._source} does not count {name}")


def _allocator(kind: str) -> str:
    # cudaMallocAsync's reserved peak is an upper bound (torch's notes on it), so the source names the backend.
    return f"cuda {torch.cuda.get_allocator_backend()}" if kind == "cuda" else kind
