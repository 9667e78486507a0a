"""The meter of AMD's GPUs, against a module that has exactly the functions of amdsmi that it uses."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.device import Device
from bench.errors import Unavailable
from bench.meters import amd, open_meters
from bench.meters.amd import AmdMeter, energy
from bench.record import Reading

HIP = Device("cuda:0", "AMD Instinct", "GPU-1234", None)


class Handle:
    """A processor handle, of which only its own library knows what it is."""

    def __init__(self, address: str) -> None:
        self.address = address


class Library:
    """Stands in for amdsmi: GPUs at PCI addresses, whose counter moves every ``tick`` seconds at constant power."""

    AmdSmiTemperatureType = SimpleNamespace(EDGE="edge", HOTSPOT="hotspot", VRAM="vram")
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT="current")

    def __init__(self, *addresses: str) -> None:
        self.handles = [Handle(address) for address in addresses or ("0000:C1:00.0",)]
        self.time = 0.0
        self.watts: Callable[[float], float] = lambda time: 300.0
        self.tick = 0.001
        self.degrees: dict[str, Any] = {"edge": 60, "hotspot": 75, "vram": 55}
        self.open = 0
        self.failing: dict[str, Exception] = {}

    def amdsmi_init(self) -> None:
        self._check("amdsmi_init")
        self.open += 1

    def amdsmi_shut_down(self) -> None:
        self._check("amdsmi_shut_down")
        self.open -= 1

    def amdsmi_get_processor_handles(self) -> list[Handle]:
        return self.handles

    def amdsmi_get_gpu_device_bdf(self, handle: Handle) -> str:
        return handle.address

    def amdsmi_get_energy_count(self, handle: Handle) -> dict[str, float]:
        self._check("amdsmi_get_energy_count")
        ticks = int(self.time / self.tick + 1e-6)
        joules = sum(self.watts(number * self.tick) * self.tick for number in range(ticks))
        return {"energy_accumulator": round(joules * 1e6 / 15.25), "counter_resolution": 15.25, "timestamp": 0}

    def amdsmi_get_temp_metric(self, handle: Handle, kind: str, metric: str) -> Any:
        assert metric == "current"
        if isinstance(self.degrees[kind], Exception):
            raise self.degrees[kind]
        return self.degrees[kind]

    def clock(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def meter(self, address: str = "0000:c1:00.0") -> AmdMeter:
        return AmdMeter(self, address, self.clock, self.wait)

    def _check(self, function: str) -> None:
        if function in self.failing:
            raise self.failing[function]


def window(library: Library, seconds: float = 1.0) -> Any:
    meter = library.meter()
    meter.start()
    library.wait(seconds)
    return meter.stop()


def test_energy_is_the_counters_difference_times_its_resolution() -> None:
    reading = window(Library(), 2.0)["energy"]

    assert reading.value == pytest.approx(600.0, rel=1e-6)
    assert (reading.source, reading.scope, reading.seconds) == ("amdsmi energy count", "GPU", 2.0)
    assert reading.error is None


def test_a_counter_that_stands_still_is_found_out_before_anything_is_measured() -> None:
    library = Library()
    library.watts = lambda time: 0.0

    meter = library.meter()
    library.watts = lambda time: 300.0  # moving later does not make it one that can be trusted
    meter.start()
    library.wait(2.0)

    assert meter.stop()["energy"] == Reading.absent("the energy counter did not move in 0.5 s")
    assert meter.facts()["tick"] == {"value": None, "reason": "the energy counter did not move in 0.5 s"}


def test_the_tick_of_the_counter_decides_how_long_a_window_has_to_be() -> None:
    library = Library()
    library.tick = 0.02
    library.wait(0.015)  # the first time that it moves says little

    assert library.meter().facts()["tick"] == pytest.approx(0.02, abs=0.002)
    assert window(library, 1.2)["energy"].value == pytest.approx(360, rel=0.02)
    assert str(window(library, 0.5)["energy"].reason).startswith("window too short: 0.500 s, and a counter that moves")


@pytest.mark.parametrize(
    ("before", "after", "tick", "reason"),
    [
        (9.0, 4.0, 0.001, "the energy counter went backwards, from 9.000 to 4.000 J"),
        (4.0, 4.0, 0.001, "the energy counter did not move in 1.000 s"),
        (4.0, "gone", 0.001, "gone"),
        ("never there", 4.0, 0.001, "never there"),
        (4.0, 9.0, "it stood still", "it stood still"),
    ],
)
def test_energy_that_was_not_measured_is_absent_with_the_reason(
    before: Any, after: Any, tick: Any, reason: str
) -> None:
    assert energy(before, after, 1.0, tick) == Reading.absent(reason)


def test_a_library_that_fails_in_mid_run_is_the_reason_and_not_the_end() -> None:
    library = Library()
    meter = library.meter()
    library.failing["amdsmi_get_energy_count"] = RuntimeError("Error code:\n\t43 | GPU reset")
    meter.start()
    library.wait(1.0)

    assert meter.stop()["energy"] == Reading.absent("amdsmi_get_energy_count: Error code: 43 | GPU reset")


def test_the_temperature_is_the_higher_one_of_the_windows_edges() -> None:
    library = Library()
    meter = library.meter()
    meter.start()
    library.degrees = {"edge": 50, "hotspot": 99, "vram": 70}
    readings = meter.stop()

    assert readings["temperature"] == Reading(60.0, "amdsmi edge temperature at the window's edges")
    assert readings["temperature.memory"] == Reading(70.0, "amdsmi VRAM temperature at the window's edges")


@pytest.mark.parametrize("missing", [RuntimeError("not supported"), "N/A", 0, None])
def test_a_card_without_a_sensor_at_its_edge_gives_its_hottest_place(missing: Any) -> None:
    library = Library()
    library.degrees["edge"] = library.degrees["vram"] = missing
    readings = window(library)

    assert readings["temperature"] == Reading(75.0, "amdsmi hotspot temperature at the window's edges")
    assert readings["temperature.memory"].value is None
    assert readings["temperature.memory"].reason


def test_the_idle_power_is_that_of_the_counter() -> None:
    library = Library()
    library.watts = lambda time: 90.0
    meter = library.meter()

    assert meter.before()["power.idle"].value == pytest.approx(90.0)
    assert meter.facts()["before"] == {"settled": True, "seconds": pytest.approx(0.5)}


def test_the_gpu_is_found_by_its_address_and_not_by_its_number() -> None:
    library = Library("0000:03:00.0", "0000:C1:00.0")
    found = AmdMeter(library, "0000:c1:00.0", library.clock, library.wait)

    assert found._handle is library.handles[1]


def test_an_address_that_amdsmi_does_not_see_is_unavailable_with_those_that_it_does() -> None:
    library = Library("0000:03:00.0")

    with pytest.raises(Unavailable, match=r"no GPU at 0000:c1:00, but: 0000:03:00.0"):
        library.meter()


def test_a_gpu_in_partitions_has_no_energy_of_its_own() -> None:
    library = Library("0000:C1:00.0", "0000:C1:00.1")

    with pytest.raises(Unavailable, match="cut into 2 partitions"):
        library.meter()


def test_closing_never_fails() -> None:
    library = Library()
    meter = library.meter()
    library.failing["amdsmi_shut_down"] = RuntimeError("no")

    meter.close()


@pytest.mark.parametrize(("name", "hip"), [("cpu", "7.0"), ("mps", None), ("cuda:0", None)])
def test_other_devices_are_refused_without_a_look_at_the_library(
    monkeypatch: pytest.MonkeyPatch, name: str, hip: str | None
) -> None:
    monkeypatch.setattr(amd, "_library", lambda: pytest.fail("amdsmi was asked for"))
    monkeypatch.setattr(torch.version, "hip", hip)

    with pytest.raises(Unavailable, match=f"amdsmi measures AMD GPUs only, not {name}"):
        amd.open_meter(Device(name, name, None, None))


@pytest.mark.skipif(importlib.util.find_spec("amdsmi") is not None, reason="amdsmi is installed")
def test_without_the_library_the_reason_says_how_to_get_it() -> None:
    reading = open_meters(("amd:0000:c1:00.0",), HIP).before()["energy"]

    assert "ModuleNotFoundError" in str(reading.reason)
    assert str(reading.reason).endswith("it needs ROCm, and pip install 'wattmark[amd]'")


def test_a_library_without_rocm_raises_what_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "amdsmi.py").write_text("raise KeyError('libamd_smi.so')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "amdsmi", raising=False)

    reading = open_meters(("amd:0000:c1:00.0",), HIP).before()["energy"]

    assert str(reading.reason).startswith("amdsmi cannot be used here (KeyError('libamd_smi.so'))")


def test_a_gpu_of_torchs_is_opened_by_its_address_and_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library("0000:03:00.0", "0000:C1:00.0")
    times = itertools.count()
    monkeypatch.setattr(library, "amdsmi_get_energy_count", lambda handle: {
        "energy_accumulator": next(times), "counter_resolution": 15.25, "timestamp": 0,
    })  # fmt: skip
    monkeypatch.setitem(sys.modules, "amdsmi", library)  # type: ignore[arg-type]
    monkeypatch.setattr(torch.version, "hip", "7.0")
    place = SimpleNamespace(pci_domain_id=0, pci_bus_id=0xC1, pci_device_id=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: place)

    meter = amd.open_meter(HIP)

    assert meter._handle is library.handles[1]
    assert library.open == 1
    meter.close()
    assert library.open == 0


def test_a_torch_that_gives_no_address_is_not_guessed_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "7.0")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace())

    with pytest.raises(Unavailable, match="this torch gives no PCI address for cuda:0"):
        amd.open_meter(HIP)
