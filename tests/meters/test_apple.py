"""The meter of Apple's chips, against a monitor that has the documented interface of zeus-apple-silicon."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bench.device import Device
from bench.errors import Unavailable
from bench.meters import open_meters
from bench.meters.apple import SOURCE, AppleMeter, open_meter
from bench.record import Reading

CPU = Device("cpu", "Apple M4", None, None)
GPU = Device("mps", "mps", None, None)


class Monitor:
    """Stands in for AppleEnergyMonitor: parts of a chip at constant power, counted in whole mJ."""

    def __init__(self, cpu: Any = 10.0, dram: Any = 2.0, gpu: Any = 30.0) -> None:
        self.watts = {"cpu_total_mj": cpu, "dram_mj": dram, "gpu_mj": gpu}
        self.time = 0.0
        self.windows: dict[str, float] = {}

    def begin_window(self, label: str, restart: bool = False) -> None:
        if label in self.windows and not restart:
            raise RuntimeError("window already exists")
        self.windows[label] = self.time

    def end_window(self, label: str) -> Any:
        if label not in self.windows:
            raise RuntimeError("no such window")
        seconds = self.time - self.windows.pop(label)
        return SimpleNamespace(
            **{part: None if watts is None else round(watts * seconds * 1e3) for part, watts in self.watts.items()}
        )

    def clock(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def meter(self, kind: str = "mps") -> AppleMeter:
        return AppleMeter(self, kind, self.clock, self.wait)


def window(monitor: Monitor, kind: str = "mps", seconds: float = 2.0) -> Any:
    meter = monitor.meter(kind)
    meter.start()
    monitor.wait(seconds)
    return meter.stop()


def test_a_gpu_case_has_the_gpus_energy_and_the_cpus_beside_it() -> None:
    assert window(Monitor()) == {
        "energy": Reading(60.0, SOURCE, scope="GPU", seconds=2.0),
        "energy.cpu": Reading(20.0, SOURCE, scope="CPU", seconds=2.0),
        "energy.dram": Reading(4.0, SOURCE, scope="DRAM", seconds=2.0),
    }


def test_a_cpu_case_has_that_of_the_cpu_with_its_memory() -> None:
    assert window(Monitor(), "cpu")["energy"] == Reading(24.0, SOURCE, scope="CPU and DRAM", seconds=2.0)


def test_memory_that_the_chip_does_not_tell_is_absent_and_the_scope_says_so() -> None:
    readings = window(Monitor(dram=None), "cpu")

    assert readings["energy"] == Reading(20.0, SOURCE, scope="CPU", seconds=2.0)
    assert readings["energy.dram"] == Reading.absent("macOS does not tell the energy of this chip's DRAM")


def test_the_source_says_that_it_is_an_estimate() -> None:
    assert "estimate" in SOURCE
    assert Monitor().meter().facts()["error"]["value"] is None


@pytest.mark.parametrize(
    ("monitor", "seconds", "reason"),
    [
        (Monitor(gpu=0.0), 2.0, "the energy of the GPU did not move in 2.000 s"),
        (Monitor(gpu=None), 2.0, "macOS does not tell the energy of this chip's GPU"),
        (Monitor(), 0.02, "window too short: 0.020 s, where macOS's energies need 0.05 s"),
    ],
)
def test_energy_that_was_not_told_is_absent_with_the_reason(monitor: Monitor, seconds: float, reason: str) -> None:
    assert window(monitor, seconds=seconds)["energy"] == Reading.absent(reason)


def test_a_monitor_that_fails_is_the_reason_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(label: str, restart: bool = False) -> None:
        raise RuntimeError("no subscription")

    monitor = Monitor()
    monkeypatch.setattr(monitor, "begin_window", refuse)

    readings = window(monitor)

    assert readings == dict.fromkeys(readings, Reading.absent("zeus-apple-silicon: no subscription"))
    assert monitor.meter().before()["power.idle"] == readings["energy"]


def test_the_idle_power_is_that_of_the_cases_device() -> None:
    assert Monitor().meter("mps").before() == {"power.idle": Reading(30.0, SOURCE, scope="GPU", seconds=0.5)}
    assert Monitor().meter("cpu").before()["power.idle"].value == 12.0


@pytest.mark.parametrize(("platform", "name"), [("linux", "cpu"), ("darwin", "cuda:0")])
def test_other_machines_are_refused_without_a_look_at_the_library(
    monkeypatch: pytest.MonkeyPatch, platform: str, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "zeus_apple_silicon", None)

    with pytest.raises(Unavailable, match=f"Apple's own chips only, not of {name} here"):
        open_meter(Device(name, name, None, None))


def test_a_mac_without_the_library_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "zeus_apple_silicon", None)

    with pytest.raises(Unavailable, match=r"ModuleNotFoundError.*pip install 'wattmark\[apple\]'"):
        open_meter(GPU)


@pytest.mark.parametrize("device", [CPU, GPU])
def test_a_mac_with_the_library_is_measured(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    monitor = Monitor()
    monkeypatch.setattr(sys, "platform", "darwin")
    library = SimpleNamespace(AppleEnergyMonitor=lambda: monitor)
    monkeypatch.setitem(sys.modules, "zeus_apple_silicon", library)  # type: ignore[arg-type]
    meter = open_meters(("apple",), device)
    meter.start()

    assert set(meter.stop()) == {"energy", "energy.cpu", "energy.dram"}
    assert meter.facts()["apple"]["error"]["value"] is None
