"""Device memory as torch's allocator counts it: the window's peaks, and its retries and failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import Unavailable
from bench.meters import Meter
from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

# torch's names (torch.accelerator.memory_stats). Units: B. The peaks start again with the window; what the allocator
# holds is read when the window has closed.
_BYTES = {
    "memory.requested": "requested_bytes.all.peak",
    "memory.allocated": "allocated_bytes.all.peak",
    "memory.reserved": "reserved_bytes.all.peak",
    "allocator.held": "reserved_bytes.all.current",
}
# Free, in blocks cut off from larger ones, so that it cannot be given back. Units: B.
_FRAGMENTS = "inactive_split_bytes.all.peak"
_SEGMENTS = "segment.all.current"
# Page-locked host memory that torch's own allocator holds, what it keeps for reuse included
# (torch.cuda.host_memory_stats). It rounds blocks up to powers of two, and its peak is the sum of the peaks of each
# size: at least what was held at one time. Units: B.
_PINNED = "allocated_bytes.peak"
# Counts since the process started, of which the window's are kept. A retry is an allocation that failed until the
# allocator had given its cache back: steps that do it are slower, and the device's memory is nearly full.
_COUNTS = {"allocator.retries": "num_alloc_retries", "allocator.ooms": "num_ooms"}

READINGS = (*_BYTES, "memory.fragmentation", "memory.pinned", *_COUNTS)


def open_meter(device: Device, target: str | None = None) -> AcceleratorMeter:
    """The meter of a device with memory of its own.

    Raises:
        Unavailable: the device is a CPU, or torch keeps no statistics of its memory; or a target was named, whose
            memory is not that of the case.
    """
    if target is not None:
        raise Unavailable(f"torch's allocator counts for the case's own device, not for {target}")
    if device.kind == "cpu":
        raise Unavailable("a cpu has no device memory of its own")
    return AcceleratorMeter(device)


class AcceleratorMeter(Meter):
    """Watches windows of one device's allocator."""

    def __init__(self, device: Device) -> None:
        self._kind = device.kind
        self._device = device.torch
        self._source = f"torch {_allocator(device.kind)} allocator"
        self._statistics()

    def start(self) -> None:
        torch.accelerator.reset_peak_memory_stats(self._device)
        if self._kind == "cuda":
            torch.cuda.reset_peak_host_memory_stats()
        self._before = self._statistics()

    def stop(self) -> Mapping[str, Reading]:
        after = self._statistics()
        return {
            **{reading: self._bytes(after, name) for reading, name in _BYTES.items()},
            "memory.fragmentation": self._fragmentation(after),
            "memory.pinned": self._pinned(),
            **{reading: self._count(after, name) for reading, name in _COUNTS.items()},
        }

    def _statistics(self) -> Mapping[str, Any]:
        try:
            return torch.accelerator.memory_stats(self._device)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"torch keeps no memory statistics of {self._device}: {reason}") from error

    def _bytes(self, statistics: Mapping[str, Any], name: str) -> Reading:
        # A model lives on the device, so no bytes at all means that nobody counted: some allocators leave a 0.
        return Reading(float(statistics[name]), self._source) if statistics.get(name) else self._absent(name)

    def _fragmentation(self, statistics: Mapping[str, Any]) -> Reading:
        # 0 is a true answer where blocks are cut out of segments that are counted. Neither cudaMallocAsync nor
        # expandable segments (pytorch issue 159564) count either.
        if _FRAGMENTS not in statistics or not statistics.get(_SEGMENTS):
            return self._absent(_FRAGMENTS)
        return Reading(float(statistics[_FRAGMENTS]), self._source)

    def _pinned(self) -> Reading:
        if self._kind != "cuda":
            return Reading.absent(f"torch keeps statistics of page-locked memory for cuda only, not for {self._kind}")
        # Empty until CUDA is in use; from then on 0 is a true answer: nothing is page-locked.
        statistics: Mapping[str, Any] = torch.cuda.host_memory_stats()
        if _PINNED not in statistics:
            return Reading.absent(f"torch's allocator of page-locked memory does not count {_PINNED}")
        return Reading(float(statistics[_PINNED]), "torch cuda host allocator")

    def _count(self, statistics: Mapping[str, Any], name: str) -> Reading:
        if name not in statistics:
            return self._absent(name)
        return Reading(float(statistics[name] - self._before.get(name, 0)), self._source)

    def _absent(self, name: str) -> Reading:
        return Reading.absent(f"the {self._source} does not count {name}")


def _allocator(kind: str) -> str:
    # cudaMallocAsync's reserved peak is an upper bound (torch's notes on it), so the source names the backend.
    return f"cuda {torch.cuda.get_allocator_backend()}" if kind == "cuda" else kind
