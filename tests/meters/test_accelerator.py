from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.device import Device
from bench.meters import open_meters
from bench.meters.accelerator import READINGS
from bench.record import Reading


class Allocator:
    """Stands in for torch's allocator: keeps a peak until it is told to start again."""

    def __init__(self) -> None:
        self.live = self.peak = self.held = self.retries = 0

    def allocate(self, size: int) -> None:
        self.live += size
        self.peak = max(self.peak, self.live)
        self.held = max(self.held, self.live + 100)

    def reset(self, device: torch.device) -> None:
        self.peak = self.live

    def statistics(self, device: torch.device) -> dict[str, int]:
        return {
            "allocated_bytes.all.peak": self.peak,
            "reserved_bytes.all.peak": self.held,
            "num_alloc_retries": self.retries,
            "num_ooms": 0,
        }


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch) -> Allocator:
    allocator = Allocator()
    use(monkeypatch, allocator.statistics, allocator.reset)
    return allocator


def use(monkeypatch: pytest.MonkeyPatch, statistics: Any, reset: Any = lambda device: None) -> None:
    monkeypatch.setattr(torch.accelerator, "memory_stats", statistics)
    monkeypatch.setattr(torch.accelerator, "reset_peak_memory_stats", reset)
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: "native")


def meter_of(name: str) -> Any:
    (meter,) = open_meters(("accelerator",), Device(name, name, None, None))
    return meter


def test_peaks_are_those_of_the_window(allocator: Allocator) -> None:
    meter = meter_of("cuda:0")
    allocator.allocate(9000)
    allocator.allocate(-8000)
    meter.start()
    allocator.allocate(500)
    allocator.allocate(-500)
    readings = meter.stop()
    assert readings["memory.allocated"] == Reading(1500, "torch cuda native allocator")
    assert readings["memory.reserved"] == Reading(9100, "torch cuda native allocator")


def test_retries_are_those_of_the_window(allocator: Allocator) -> None:
    allocator.retries = 7
    meter = meter_of("cuda:0")
    meter.start()
    allocator.retries = 9
    readings = meter.stop()
    assert readings["allocator.retries"].value == 2
    assert readings["allocator.ooms"].value == 0


def test_every_reading_is_given(allocator: Allocator) -> None:
    meter = meter_of("cuda:0")
    meter.start()
    assert tuple(meter.stop()) == READINGS


def test_a_cpu_has_no_device_memory() -> None:
    meter = meter_of("cpu")
    meter.start()
    assert meter.stop() == dict.fromkeys(READINGS, Reading.absent("a cpu has no device memory of its own"))


@pytest.mark.parametrize("statistics", [{}, {"allocated_bytes.all.peak": 0, "reserved_bytes.all.peak": 0}])
def test_what_the_allocator_does_not_count_is_absent_and_not_0(
    monkeypatch: pytest.MonkeyPatch, statistics: dict[str, int]
) -> None:
    use(monkeypatch, lambda device: statistics)
    meter = meter_of("xpu:0")
    meter.start()
    readings = meter.stop()
    assert {reading.value for reading in readings.values()} == {None}
    assert readings["memory.allocated"].reason == "the torch xpu allocator does not count allocated_bytes.all.peak"


def test_a_device_without_statistics_is_absent_with_torchs_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: torch.device) -> None:
        raise RuntimeError("MPS has no such statistics\nC++ frames follow")

    use(monkeypatch, refuse)
    reason = "torch keeps no memory statistics of mps: MPS has no such statistics"
    assert meter_of("mps").stop() == dict.fromkeys(READINGS, Reading.absent(reason))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_tensor_on_a_gpu_is_counted_to_the_byte() -> None:
    meter = meter_of("cuda:0")
    torch.empty(1, device="cuda:0")
    meter.start()
    live = torch.cuda.memory_allocated(0)
    tensor = torch.empty(1 << 20, dtype=torch.uint8, device="cuda:0")
    del tensor
    assert meter.stop()["memory.allocated"].value == live + (1 << 20)
