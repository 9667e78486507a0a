from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.device import Device
from bench.meters import open_meters
from bench.meters.accelerator import READINGS
from bench.record import Reading


class Allocator:
    """Stands in for torch's allocators of device and page-locked memory: keeps peaks until told to start again."""

    def __init__(self) -> None:
        self.live = self.peak = self.held = self.fragments = self.retries = 0
        self.pinned = self.pinned_peak = 0
        self.segments = 3

    def allocate(self, size: int) -> None:
        self.live += size
        self.peak = max(self.peak, self.live)
        self.held = max(self.held, self.live + 100)

    def pin(self, size: int) -> None:
        self.pinned += size
        self.pinned_peak = max(self.pinned_peak, self.pinned)

    def reset(self, device: torch.device) -> None:
        self.peak = self.live

    def reset_host(self) -> None:
        self.pinned_peak = self.pinned

    def statistics(self, device: torch.device) -> dict[str, int]:
        return {
            "requested_bytes.all.peak": self.peak - 7,
            "allocated_bytes.all.peak": self.peak,
            "reserved_bytes.all.peak": self.held + 50,
            "reserved_bytes.all.current": self.held,
            "inactive_split_bytes.all.peak": self.fragments,
            "segment.all.current": self.segments,
            "num_alloc_retries": self.retries,
            "num_ooms": 0,
        }

    def host(self) -> dict[str, int]:
        return {"allocated_bytes.current": self.pinned, "allocated_bytes.peak": self.pinned_peak}


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch) -> Allocator:
    allocator = Allocator()
    use(monkeypatch, allocator.statistics, allocator.reset)
    monkeypatch.setattr(torch.cuda, "host_memory_stats", allocator.host)
    monkeypatch.setattr(torch.cuda, "reset_peak_host_memory_stats", allocator.reset_host)
    return allocator


def use(monkeypatch: pytest.MonkeyPatch, statistics: Any, reset: Any = lambda device: None) -> None:
    monkeypatch.setattr(torch.accelerator, "memory_stats", statistics)
    monkeypatch.setattr(torch.accelerator, "reset_peak_memory_stats", reset)
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: "native")


def meter_of(name: str, target: str = "") -> Any:
    return open_meters((f"accelerator{target}",), Device(name, name, None, None))


def test_peaks_are_those_of_the_window(allocator: Allocator) -> None:
    meter = meter_of("cuda:0")
    allocator.allocate(9000)
    allocator.allocate(-8000)
    meter.start()
    allocator.allocate(500)
    allocator.allocate(-500)
    readings = meter.stop()
    assert readings["memory.requested"] == Reading(1493, "torch cuda native allocator")
    assert readings["memory.allocated"] == Reading(1500, "torch cuda native allocator")
    assert readings["memory.reserved"] == Reading(9150, "torch cuda native allocator")
    assert readings["allocator.held"] == Reading(9100, "torch cuda native allocator")


@pytest.mark.parametrize("fragments", [0, 640])
def test_fragments_are_counted_and_none_is_a_true_answer(allocator: Allocator, fragments: int) -> None:
    meter = meter_of("cuda:0")
    meter.start()
    allocator.allocate(500)
    allocator.fragments = fragments
    assert meter.stop()["memory.fragmentation"] == Reading(fragments, "torch cuda native allocator")


def test_an_allocator_without_segments_has_counted_no_fragments(allocator: Allocator) -> None:
    """cudaMallocAsync and expandable segments leave both numbers at 0."""
    allocator.segments = 0
    meter = meter_of("cuda:0")
    meter.start()
    allocator.allocate(500)
    reason = "the torch cuda native allocator does not count inactive_split_bytes.all.peak"
    assert meter.stop()["memory.fragmentation"] == Reading.absent(reason)


def test_page_locked_memory_is_the_windows_peak(allocator: Allocator) -> None:
    allocator.pin(9000)
    allocator.pin(-8000)
    meter = meter_of("cuda:0")
    meter.start()
    allocator.pin(500)
    allocator.pin(-500)
    assert meter.stop()["memory.pinned"] == Reading(1500, "torch cuda host allocator")


def test_no_page_locked_memory_is_a_true_answer_where_it_is_counted(allocator: Allocator) -> None:
    meter = meter_of("cuda:0")
    meter.start()
    assert meter.stop()["memory.pinned"] == Reading(0, "torch cuda host allocator")


def test_page_locked_memory_that_nobody_counts_is_absent(allocator: Allocator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "host_memory_stats", dict)
    meter = meter_of("cuda:0")
    meter.start()
    reason = "torch's allocator of page-locked memory does not count allocated_bytes.peak"
    assert meter.stop()["memory.pinned"] == Reading.absent(reason)


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
    assert meter.before() == dict.fromkeys(READINGS, Reading.absent("a cpu has no device memory of its own"))


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
    assert readings["memory.pinned"].reason == (
        "torch keeps statistics of page-locked memory for cuda only, not for xpu"
    )


def test_torch_counts_for_the_cases_own_device_alone(allocator: Allocator) -> None:
    reason = "torch's allocator counts for the case's own device, not for 1"
    assert meter_of("cuda:0", ":1").before() == dict.fromkeys(READINGS, Reading.absent(reason))


def test_a_device_without_statistics_is_absent_with_torchs_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: torch.device) -> None:
        raise RuntimeError("MPS has no such statistics\nC++ frames follow")

    use(monkeypatch, refuse)
    reason = "torch keeps no memory statistics of mps: MPS has no such statistics"
    assert meter_of("mps").before() == dict.fromkeys(READINGS, Reading.absent(reason))


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_ladder_of_a_gpu_is_in_order_and_pinned_memory_counts() -> None:
    meter = meter_of("cuda:0")
    torch.ones(1000, device="cuda:0")
    meter.start()
    pinned = torch.empty(3 << 20, dtype=torch.uint8, pin_memory=True)
    tensor = torch.ones(1001, device="cuda:0")
    readings = {name: reading.value for name, reading in meter.stop().items()}
    assert None not in readings.values()
    assert 4004 <= readings["memory.requested"] < readings["memory.allocated"] <= readings["memory.reserved"]
    assert readings["allocator.held"] <= readings["memory.reserved"]
    assert readings["memory.pinned"] >= len(pinned)
    assert tensor.sum() == 1001
